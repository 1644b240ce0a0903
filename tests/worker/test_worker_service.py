"""`WorkerService` in scripts: with a program of its own, with one that runs, from several threads."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from llmmem_gui import WorkerService
from llmmem_gui.folders import Folders
from llmmem_gui.service.api_client import RequestFailed
from tests.running_program import SETTINGS, environment, llmmem, running_program

MIB = 2**20
GREEDY = {"max_tokens": 6, "temperature": 0}


@pytest.fixture
def quiet_home(home: Path) -> Path:
    """A home whose settings keep the program to itself."""
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.toml").write_text(SETTINGS)
    return home


@pytest.fixture
def worker(quiet_home: Path) -> Iterator[WorkerService]:
    """A worker that runs the program itself."""
    with WorkerService() as worker:
        yield worker


def test_the_names_of_the_first_design(worker: WorkerService, smol_path: Path) -> None:
    """load, ask, limit, usage, unload and clean up, with receipts and numbers in bytes."""
    assert worker.runs_itself
    loaded = worker.load_model(smol_path, context=512)
    assert (loaded.state, loaded.context) == ("ready", 512)
    reply = worker.ask(loaded.id, "Say hello.", **GREEDY)
    assert reply.text == "".join(worker.ask_in_pieces(loaded.id, "Say hello.", **GREEDY))
    assert reply.completion_tokens == 6

    worker.set_memory_limit(loaded.id, 900)
    worker.set_memory_limit(None, 4096)
    usage = worker.get_memory_usage()
    assert usage.limit_bytes == 4096 * MIB
    assert usage.percent == pytest.approx(100 * usage.current_bytes / usage.limit_bytes)
    assert usage.models[loaded.id].limit_bytes == 900 * MIB

    receipt = worker.unload_model(loaded.id)
    assert receipt.id == loaded.id
    assert receipt.given_back_bytes == receipt.private_before_bytes > 0
    worker.load_model(loaded.id)
    assert [each.id for each in worker.cleanup_unused_models()] == [loaded.id]
    assert worker.unload_all_models() == []


def test_pins_dozes_forecasts_and_lists(worker: WorkerService, smol_path: Path) -> None:
    """The rest of what the window can do."""
    (smol,) = [model for model in worker.scan(smol_path.parent) if model.path == str(smol_path)]
    assert (
        worker.forecast(smol.id, context=4096).total_bytes > worker.forecast(smol.id, context=512).total_bytes
    )
    assert worker.load_model(smol.id, pin=True).pinned
    assert worker.cleanup_unused_models() == []
    assert not worker.pin_model(smol.id, False).pinned
    assert worker.doze_model(smol.id).state == "dozing"
    assert [model.state for model in worker.get_models() if model.id == smol.id] == ["dozing"]


def test_texts_become_vectors(worker: WorkerService, smol_path: Path) -> None:
    """Each text gets a vector of the model's length."""
    vectors = worker.embed(smol_path, ["one", "two"])
    assert [len(vector) for vector in vectors] == [576, 576]
    assert vectors[0] != vectors[1]


def test_listeners_hear_what_happens(worker: WorkerService, smol_path: Path) -> None:
    """Listeners hear their kind of event from the moment `on` returns, until they are taken off."""
    heard: queue.Queue[dict[str, Any]] = queue.Queue()
    end = worker.on("model-loaded", heard.put)
    worker.on("memory-sample", heard.put)
    loaded = worker.load_model(smol_path)
    kinds = set()
    while kinds != {"model-loaded", "memory-sample"}:
        event = heard.get(timeout=60)
        kinds.add(event["type"])
        assert event["type"] != "model-loaded" or event["model"] == loaded.id
    end()
    worker.unload_model(loaded.id)
    worker.load_model(loaded.id)
    assert "model-loaded" not in [heard.get(timeout=60)["type"] for _ in range(3)]


def test_a_warning_is_heard_when_a_limit_is_near(worker: WorkerService, smol_path: Path) -> None:
    """on("memory-warning") tells model, percent, current and limit when a model comes near its limit."""
    heard: queue.Queue[dict[str, Any]] = queue.Queue()
    worker.on("memory-warning", heard.put)
    loaded = worker.load_model(smol_path)
    worker.ask(loaded.id, "Say hello.", **GREEDY)
    used = worker.get_memory_usage().models[loaded.id].current_bytes
    worker.set_memory_limit(loaded.id, used / MIB * 1.02)
    warning = heard.get(timeout=60)
    assert warning["model"] == loaded.id
    assert warning["percent"] > 80


def test_a_failing_listener_does_not_harm_others(
    worker: WorkerService, caplog: pytest.LogCaptureFixture
) -> None:
    """The fault is logged; the next listener hears the event all the same."""
    heard: queue.Queue[dict[str, Any]] = queue.Queue()

    def fail(_: dict[str, Any]) -> None:
        raise ZeroDivisionError

    worker.on("memory-sample", fail)
    worker.on("memory-sample", heard.put)
    heard.get(timeout=60)
    assert "a listener to memory-sample failed" in caplog.text


def test_refusals_are_sentences(worker: WorkerService, tmp_path: Path, smol_path: Path) -> None:
    """What cannot be done raises one error with a sentence, a code and the numbers."""
    with pytest.raises(RequestFailed, match="nothing"):
        worker.load_model("nothing")
    with pytest.raises(RequestFailed, match=r"missing\.gguf"):
        worker.load_model(tmp_path / "missing.gguf")
    worker.set_memory_limit(None, 50)
    with pytest.raises(RequestFailed) as failure:
        worker.load_model(smol_path)
    assert failure.value.code == "refused"
    assert failure.value.numbers["need_bytes"] > 50 * MIB


def test_threads_may_share_it(worker: WorkerService, smol_path: Path, gemma_path: Path) -> None:
    """Twelve questions from six threads to two models are all answered, each the same as alone."""
    models = [worker.load_model(path).id for path in (smol_path, gemma_path)]
    alone = {model: worker.ask(model, "Say hello.", **GREEDY).text for model in models}
    with ThreadPoolExecutor(6) as pool:
        asked = [(model, pool.submit(worker.ask, model, "Say hello.", **GREEDY)) for model in models * 6]
        answers = [(model, future.result(120).text) for model, future in asked]
    assert answers == [(model, alone[model]) for model, _ in asked]


def test_it_attaches_to_a_running_program(home: Path, smol_path: Path) -> None:
    """With a program running, the worker uses it, is known there as a script, and leaves models loaded."""
    with running_program(home) as program:
        with WorkerService() as worker:
            assert not worker.runs_itself
            assert worker.url == f"{program.url}/v1"
            model = worker.load_model(smol_path)
        events = program.client().request("GET", "/api/v1/events/recent")
        assert ("model-loaded", "script") in [(event["type"], event["actor"]) for event in events]
        assert [each["id"] for each in program.llmmem("ps", "--json").json["models"]] == [model.id]


def test_closing_ends_everything(quiet_home: Path, smol_path: Path) -> None:
    """After `close` no thread, host, lock or address is left; closing again does nothing."""
    threads = set(threading.enumerate())
    worker = WorkerService()
    worker.on("memory-sample", print)
    worker.load_model(smol_path)
    children = psutil.Process().children(recursive=True)
    worker.close()
    worker.close()
    assert psutil.wait_procs(children, 5)[1] == []
    assert set(threading.enumerate()) <= threads
    assert llmmem(quiet_home, "ps").code == 3


def test_the_command_line_finds_a_script(worker: WorkerService, quiet_home: Path, smol_path: Path) -> None:
    """What a script runs is a program like any other."""
    model = worker.load_model(smol_path)
    assert model.id in llmmem(quiet_home, "ps").out


@pytest.mark.parametrize(
    "ending", ["", "raise SystemExit(0)", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]
)
def test_a_script_that_forgets_to_close_leaves_nothing(
    quiet_home: Path, smol_path: Path, ending: str
) -> None:
    """A script may end in any way without `close`: its hosts end with it, and it ends at once."""
    script = f"""
import psutil
from llmmem_gui import WorkerService
worker = WorkerService()
worker.on("memory-sample", lambda event: None)
worker.load_model({str(smol_path)!r})
print(*[process.pid for process in psutil.Process().children(recursive=True)], flush=True)
{ending}
"""
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(quiet_home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode in (0, -9), ended.stderr
    assert ended.stderr == ""
    pids = [int(pid) for pid in ended.stdout.split()]
    assert pids
    alive = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    assert psutil.wait_procs(alive, 10)[1] == []


def test_a_program_in_another_folder_is_not_used(quiet_home: Path, tmp_path: Path) -> None:
    """The folders decide which program is meant."""
    other = Folders.of_user({"LLMMEM_HOME": str(tmp_path / "other")})
    (tmp_path / "other" / "config").mkdir(parents=True)
    (tmp_path / "other" / "config" / "settings.toml").write_text(SETTINGS)
    with WorkerService() as one, WorkerService(other) as two:
        assert one.runs_itself
        assert two.runs_itself
        assert one.url != two.url


def test_importing_the_package_is_cheap() -> None:
    """The package itself imports none of its parts, nor anything heavy; the worker brings no Qt."""
    code = """
import sys
import llmmem_gui
print([name for name in ("asyncio", "msgspec", "llmmem_gui.service") if name in sys.modules])
from llmmem_gui import WorkerService
print([name for name in ("PySide6", "llama_cpp") if name in sys.modules])
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n[]\n"
