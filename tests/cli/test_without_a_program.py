"""The command line where no program runs: what works all the same, and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from llmmem_gui.cli import main
from llmmem_gui.cli.completion import script
from llmmem_gui.cli.output import harmless, write_table
from llmmem_gui.service import catalogue
from llmmem_gui.service.library.known_folders import ModelFolder
from tests.running_program import environment
from tests.service.program_folders import ollama_model


@pytest.mark.parametrize(
    "arguments",
    [
        ("ps",),
        ("load", "x"),
        ("unload", "--all"),
        ("cleanup",),
        ("pin", "x"),
        ("unpin", "x"),
        ("doze", "x"),
        ("ask", "x", "hello"),
        ("limit", "--total", "100"),
        ("usage",),
        ("watch",),
        ("simulate-pressure", "warning"),
    ],
)
def test_commands_that_need_a_program_say_so(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 3 and one sentence."""
    assert main(arguments) == 3
    assert (
        capsys.readouterr().err
        == "llmmem: LLM Memory is not running: start `llmmem serve` or open its window.\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nothing",),
        ("load",),
        ("load", "x", "--context", "0"),
        ("load", "x", "--context", "-5"),
        ("load", "x", "--kv-type", "q9"),
        ("load", "x", "--limit", "much"),
        ("unload",),
        ("unload", "x", "--all"),
        ("limit", "x"),
        ("limit", "--total", "x", "100"),
        ("ask", "x", "hello", "--temperature", "3"),
        ("serve", "--port", "70000"),
        ("completion", "fish"),
        ("settings", "no.such"),
    ],
)
def test_wrong_usage_is_told_apart(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and nothing on the standard output."""
    try:
        code = main(arguments)
    except SystemExit as ended:  # argparse ends by itself
        code = int(str(ended.code))
    assert code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err


def test_models_are_found_and_forecast(
    smol_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`scan` and `forecast` work alone, by path and then by id."""
    assert main(["scan", str(smol_path.parent), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    model_id = next(model["id"] for model in found if model["path"] == str(smol_path))
    for model in (str(smol_path), model_id):
        assert main(["--json", "forecast", model, "--context", "2048", "--kv-type", "q8_0"]) == 0
        forecast = json.loads(capsys.readouterr().out)
        parts = [forecast[f"{part}_bytes"] for part in ("weights", "kv_cache", "compute", "overhead")]
        assert forecast["total_bytes"] == sum(parts)
        places = [forecast[f"{place}_bytes"] for place in ("mapped", "private", "vram")]
        assert forecast["total_bytes"] == sum(places)
        assert forecast["vram_bytes"] == 0
        assert forecast["low_bytes"] <= forecast["total_bytes"] <= forecast["high_bytes"]
        assert forecast["context"] == 2048
        assert forecast["source"]


def test_what_is_left_out_of_a_model_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In JSON for each model; below the table where it has one row."""
    store = ModelFolder(str(tmp_path / "store"), "Ollama", "ollama")
    layers = {"params": b'{"num_keep": 5, "top_k": 3}', "template": b"{{ .Prompt }}"}
    ollama_model(tmp_path / "store", "registry.ollama.ai/library/first/latest", layers)
    monkeypatch.setattr(catalogue, "known_folders", lambda *_: (store,))
    told = [
        "Its template of Ollama is left out: chats are written as its file says.",
        "Without effect here, of what Ollama sets for it: num_keep.",
    ]
    assert main(["scan", "--json"]) == 0
    assert [model["left_out"] for model in json.loads(capsys.readouterr().out)] == [told]
    assert main(["scan"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == told
    ollama_model(tmp_path / "store", "registry.ollama.ai/library/second/latest", layers)
    assert main(["scan"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_file_that_is_no_model_has_no_forecast(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence names the file."""
    (tmp_path / "text.gguf").write_text("a text")
    assert main(["forecast", str(tmp_path / "text.gguf")]) == 1
    assert "text.gguf" in capsys.readouterr().err


def test_settings_are_kept_in_their_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is set is shown by the next command, in words and in JSON, and stands in the file."""
    assert main(["settings", "limits.total_limit_bytes", "8589934592"]) == 0
    assert main(["settings", "library.folders", '["/models"]']) == 0
    capsys.readouterr()
    assert main(["settings", "limits.total_limit_bytes"]) == 0
    assert capsys.readouterr().out == "limits.total_limit_bytes = 8589934592\n"
    assert main(["settings", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["library"]["folders"] == ["/models"]
    assert "8589934592" in (home / "config" / "settings.toml").read_text()
    assert main(["settings", "limits.total_limit_bytes", "none"]) == 0
    assert main(["settings", "limits.total_limit_bytes", "-1"]) == 1


def test_the_token_is_private_and_can_be_replaced(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The token stays until a new one is asked for; its file is for its user alone."""
    tokens = []
    for option in ("--token", "--token", "--new-token", "--token"):
        assert main(["settings", option]) == 0
        tokens.append(capsys.readouterr().out)
    assert tokens[0] == tokens[1] != tokens[2] == tokens[3]
    assert (home / "state" / "token").stat().st_mode & 0o777 == 0o600


def test_help_needs_nothing_heavy() -> None:
    """`--help` imports neither the network, nor Qt, nor the engine, nor asyncio."""
    heavy = [
        "asyncio",
        "http",
        "starlette",
        "uvicorn",
        "numpy",
        "PySide6",
        "llama_cpp",
        "psutil",
        "email",
        "ssl",
    ]
    code = (
        "import sys\nfrom llmmem_gui.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(Path("/nowhere")),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == "[]\n"
    assert "exit codes" in ended.stdout


def test_shells_can_read_the_completion() -> None:
    """Bash takes the script and completes commands, options and choices with it."""
    lines = f"""{script("bash")}
complete_line() {{
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _llmmem; echo "${{COMPREPLY[*]}}"
}}
complete_line llmmem ser
complete_line llmmem load --kv
complete_line llmmem load --kv-type q8
complete_line llmmem simulate-pressure cri
"""
    ended = subprocess.run(["bash", "-c", lines], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["serve", "--kv-type", "q8_0", "critical"]


def test_tables_count_what_a_terminal_shows(capsys: pytest.CaptureFixture[str]) -> None:
    """Wide letters take two columns; control characters are shown as such and not obeyed."""
    write_table(("NAME", "SIZE"), [("模型", "1 B"), ("a\x1b[31m\n", "20 B")], right=("SIZE",))
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["NAME     SIZE", "模型      1 B", "a\ufffd[31m\ufffd  20 B"]
    assert harmless("a\x1b]0;x\x07\nb\u202e") == "a\ufffd]0;x\ufffd\nb\ufffd"
