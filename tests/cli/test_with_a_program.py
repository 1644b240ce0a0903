"""The command line end to end: every command in a process of its own, against a running program."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmmem_gui.service.api_client import model_path
from tests.running_program import RunningProgram, environment, running_program

MIB = 2**20
PS_FIELDS = {
    "id",
    "path",
    "state",
    "pinned",
    "context",
    "private_bytes",
    "weights_bytes",
    "vram_bytes",
    "resident_bytes",
    "forecast_bytes",
    "charge_bytes",
    "limit_bytes",
    "idle_seconds",
    "pid",
    "error",
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProgram]:
    """The program, with nothing loaded at first."""
    with running_program(tmp_path_factory.mktemp("cli") / "home", detached=True) as program:
        yield program


@pytest.fixture(autouse=True)
def _unload_afterwards(program: RunningProgram) -> Iterator[None]:
    yield
    program.client().request("POST", "/api/v1/unload")


def test_a_model_is_loaded_shown_and_unloaded(program: RunningProgram, smol_path: Path) -> None:
    """The main job with paths and ids, in JSON: load, ps, usage, unload."""
    loaded = program.llmmem("load", str(smol_path), "--context", "512", "--limit", "900", "--json")
    assert loaded.code == 0, loaded.err
    assert loaded.json.keys() >= PS_FIELDS
    assert (loaded.json["state"], loaded.json["context"], loaded.json["limit_bytes"]) == (
        "ready",
        512,
        900 * MIB,
    )
    model_id = loaded.json["id"]

    status = program.llmmem("ps", "--json").json
    assert [model["id"] for model in status["models"]] == [model_id]
    assert status["models"][0].keys() >= PS_FIELDS
    assert status["total"].keys() == {"current_bytes", "limit_bytes", "percent"}
    machine = {
        "total_bytes",
        "available_bytes",
        "reserve_bytes",
        "room_bytes",
        "pressure",
        "pressure_is_simulated",
    }
    assert status["machine"].keys() == machine

    used = program.llmmem("usage", "--json").json
    assert used.keys() == {"current_bytes", "limit_bytes", "percent", "models", "devices"}
    assert used["models"][model_id].keys() == {"current_bytes", "limit_bytes", "percent"}

    (receipt,) = program.llmmem("unload", model_id, "--json").json
    assert {"id", "given_back_bytes", "private_before_bytes", "seconds", "reason"} <= receipt.keys()
    assert receipt["id"] == model_id
    assert receipt["given_back_bytes"] == receipt["private_before_bytes"] > 0
    assert program.llmmem("ps", "--json").json["models"] == []
    assert model_id in [model["id"] for model in program.llmmem("ps", "--all", "--json").json["models"]]
    program.llmmem("limit", model_id, "none")


def test_a_question_is_answered(program: RunningProgram, smol_path: Path) -> None:
    """`ask` loads the model, streams the text, and with --json counts tokens and seconds."""
    arguments = ("ask", str(smol_path), "Say hello.", "--max-tokens", "8", "--temperature", "0")
    plain, counted = program.llmmem(*arguments), program.llmmem(*arguments, "--json")
    assert (plain.code, counted.code) == (0, 0), plain.err + counted.err
    assert counted.json.keys() == {"text", "prompt_tokens", "completion_tokens", "seconds"}
    assert counted.json["completion_tokens"] == 8
    assert plain.out == counted.json["text"] + "\n"
    piped = program.llmmem("ask", str(smol_path), "-", *arguments[3:], stdin="Say hello.")
    assert piped.out == plain.out


def test_pins_and_limits_are_set(program: RunningProgram, smol_path: Path) -> None:
    """pin, unpin, limit for one and for all, doze, cleanup."""
    model_id = program.llmmem("load", str(smol_path), "--pin", "--json").json["id"]
    assert program.llmmem("cleanup", "--json").json == []
    assert program.llmmem("unpin", model_id, "--json").json["pinned"] is False
    assert program.llmmem("pin", model_id, "--json").json["pinned"] is True
    program.llmmem("unpin", model_id)
    assert program.llmmem("limit", model_id, "1 GiB", "--json").json["limit_bytes"] == 1024 * MIB
    assert program.llmmem("limit", model_id, "none", "--json").json["limit_bytes"] is None
    assert program.llmmem("limit", "--total", "8192", "--json").json["limit_bytes"] == 8192 * MIB
    assert program.llmmem("limit", "--total", "none", "--json").json["limit_bytes"] is None
    assert "There is no GPU CUDA7" in program.llmmem("limit", "--gpu", "CUDA7", "1 GiB").err
    assert "or --gpu NAME" in program.llmmem("limit", "--gpu", "CUDA7", model_id, "1 GiB").err
    assert program.llmmem("doze", model_id, "--json").json["state"] == "dozing"
    assert [receipt["id"] for receipt in program.llmmem("cleanup", "--json").json] == [model_id]


def test_tables_line_up(program: RunningProgram, smol_path: Path, gemma_path: Path) -> None:
    """Without --json people read tables whose columns start and end at the same place, and sentences."""
    assert re.fullmatch(
        r"\S+ is ready after .+: .+iB in use of .+iB forecast, context \d+\.\n",
        program.llmmem("load", str(smol_path)).out,
    )
    program.llmmem("load", str(gemma_path))
    header, *rows, total = program.llmmem("ps").out.splitlines()
    assert len(rows) == 2
    assert total.startswith("models ")
    for column in ("PRIVATE", "WEIGHTS", "CONTEXT"):
        end = header.index(column) + len(column)
        assert all(row[end - 1] != " " and row[end : end + 2] in ("  ", "") for row in rows)
    assert re.fullmatch(
        r"(\S+ is unloaded: .+iB given back in .+s \(by the machine's own figures .+\)\.\n){2}",
        program.llmmem("unload", "--all").out,
    )


def test_files_are_found(program: RunningProgram, smol_path: Path) -> None:
    """`scan` lists the models of a folder with what their headers say."""
    found = program.llmmem("scan", str(smol_path.parent), "--json").json
    smol = next(model for model in found if model["name"].startswith("smollm2"))
    assert smol.keys() == {
        "id",
        "name",
        "path",
        "architecture",
        "quantization",
        "file_bytes",
        "context_length",
        "has_chat_template",
        "sees",
        "left_out",
        "error",
    }
    assert (smol["architecture"], smol["quantization"], smol["context_length"]) == ("llama", "Q4_1", 8192)
    assert smol["file_bytes"] == smol_path.stat().st_size


def test_events_are_watched(program: RunningProgram, smol_path: Path) -> None:
    """`watch` writes one JSON object a line for as long as it runs, and ends well on Ctrl+C."""
    with subprocess.Popen(
        [sys.executable, "-m", "llmmem_gui.cli", "watch", "--samples"],
        env=environment(program.home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        try:
            assert watching.stdout is not None
            assert watching.stderr is not None
            json.loads(watching.stdout.readline())  # it listens
            client = program.client("cli")
            client.request("POST", model_path(client.model_id(str(smol_path)), "load"))
            client.request("POST", "/api/v1/unload")
            events = (json.loads(line) for line in watching.stdout)
            event = next(event for event in events if event["type"] == "model-unloaded")
            watching.send_signal(signal.SIGINT)
            for line in watching.stdout:
                json.loads(line)
            errors = watching.stderr.read()
        except BaseException:
            watching.kill()
            raise
    assert {"time", "type", "model", "cause", "actor"} <= event.keys()
    assert event["actor"] == "cli"
    assert (watching.returncode, errors) == (0, "")


def test_a_reader_that_has_enough_is_no_failure(program: RunningProgram) -> None:
    """`llmmem settings | head -1` ends quietly."""
    piped = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m llmmem_gui.cli settings | head -1"],
        env=environment(program.home),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert piped.stdout.count("\n") == 1
    assert piped.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("load", "nothing"), "nothing"),
        (("load", "{missing}"), "missing.gguf"),
        (("load", "{text}"), "text.gguf"),
        (("load", "{smol}", "--limit", "10"), "10.0 MiB"),
        (("ask", "nothing", "hello"), "nothing"),
        (("unload", "nothing"), "nothing"),
        (("settings", "warnings.warn_percent", "101"), "101"),
        (("scan", "{missing}"), "is not a folder"),
    ],
)
def test_failures_are_one_line(
    program: RunningProgram, tmp_path: Path, smol_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    """What cannot be done ends with exit code 1 and one sentence on stderr that names the thing."""
    (tmp_path / "text.gguf").write_text("a text")
    places = {
        "missing": str(tmp_path / "missing.gguf"),
        "text": str(tmp_path / "text.gguf"),
        "smol": str(smol_path),
    }
    failed = program.llmmem(*(argument.format(**places) for argument in arguments))
    assert failed.code == 1
    assert failed.out == ""
    assert re.fullmatch(r"llmmem: [^\n]+\n", failed.err)
    assert sentence in failed.err
    assert "Traceback" not in failed.err


@pytest.mark.parametrize("command", ["load", "unload", "scan", "ask"])
def test_what_is_not_utf_8_is_said_in_one_line(program: RunningProgram, tmp_path: Path, command: str) -> None:
    """A file or a text whose bytes are no UTF-8 is named with them escaped, whatever it is given for."""
    name = os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.gguf")
    if command == "scan":
        os.mkdir(name)
    failed = program.llmmem(command, name, *(["hello"] if command == "ask" else []))
    assert failed.code == 1
    assert re.fullmatch(r"llmmem: [^\n]+bad\\xff\.gguf is not UTF-8: rename the file[^\n]+\n", failed.err)


def test_a_load_that_does_not_fit_leaves_the_limit(program: RunningProgram, smol_path: Path) -> None:
    """The sentence of a refusal holds the need and the limit."""
    refused = program.llmmem("load", str(smol_path), "--limit", "10")
    assert re.search(r"needs \d+ MiB.* 10\.0 MiB", refused.err)
    program.llmmem("limit", str(smol_path), "none")


def test_settings_of_a_running_program_change_at_once(program: RunningProgram) -> None:
    """A setting changed on the command line is in force in the program."""
    assert program.llmmem("settings", "limits.idle_minutes", "7", "--json").json == {"limits.idle_minutes": 7}
    assert program.client().request("GET", "/api/v1/settings")["limits"]["idle_minutes"] == 7
    assert program.llmmem("settings", "limits.idle_minutes", "15").out == "limits.idle_minutes = 15.0\n"


def test_model_ids_are_completed(program: RunningProgram, smol_path: Path) -> None:
    """A shell can ask for the ids of the models."""
    model_id = program.client().model_id(str(smol_path))
    assert model_id in program.llmmem("completion", "models").out.splitlines()


def test_a_second_service_is_refused(program: RunningProgram) -> None:
    """Two services are never started on one home; the sentence names the process that runs."""
    refused = program.llmmem("serve")
    assert refused.code == 1
    assert f"process {program.client().endpoint.pid}" in refused.err
    assert refused.err.count("\n") == 1
