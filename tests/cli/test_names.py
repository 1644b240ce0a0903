"""What models are called on the command line: by ids, which commands take, and by names that people know."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from llmmem_gui.cli.output import cut
from tests.made_up_models import Recipe, write_model
from tests.running_program import SECONDS, environment, running_program


def test_a_name_that_an_id_does_not_keep_stands_beside_it(tmp_path: Path) -> None:
    """There is a column for names as soon as one of those that are shown says more than its id."""
    write_model(tmp_path / "small.gguf", Recipe(vocabulary=2_000, layers=2))
    with running_program(tmp_path / "home") as program:
        assert program.llmmem("scan", str(tmp_path)).code == 0
        header, *_ = program.llmmem("ps", "--all").out.splitlines()
        assert header.split()[:2] == ["MODEL", "STATE"]
        write_model(tmp_path / "千问（指令）.gguf", Recipe(vocabulary=2_000, layers=3))
        assert program.llmmem("scan", str(tmp_path)).code == 0
        header, *lines, _ = program.llmmem("ps", "--all").out.splitlines()
        assert header.split()[:3] == ["MODEL", "NAME", "STATE"]
        assert sorted(line.split()[:3] for line in lines) == [
            ["small", "small", "unloaded"],
            ["千问-指令", "千问（指令）", "unloaded"],
        ]


def test_a_locale_without_the_letters_of_a_name_costs_those_letters(tmp_path: Path) -> None:
    """A table has dashes, too, that many encodings do not know."""
    write_model(tmp_path / "千问.gguf", Recipe(vocabulary=2_000, layers=2))
    command = [sys.executable, "-m", "llmmem_gui.cli", "scan", str(tmp_path)]
    known = {**environment(tmp_path / "home"), "PYTHONIOENCODING": "latin-1"}
    told = subprocess.run(command, env=known, capture_output=True, check=True, timeout=SECONDS)
    assert told.stdout.decode("latin-1").splitlines()[1].split()[:2] == ["??", "llama"]
    told = subprocess.run([*command, "--json"], env=known, capture_output=True, check=True, timeout=SECONDS)
    assert "千问" in json.dumps(json.loads(told.stdout.decode("utf-8")), ensure_ascii=False)


def test_a_long_name_leaves_the_other_columns_their_place() -> None:
    """It is cut by the columns that it takes, of which a Chinese letter needs two."""
    assert cut("qwen2.5:0.5b", 12) == "qwen2.5:0.5b"
    assert cut("qwen2.5:0.5b-instruct", 12) == "qwen2.5:0.5…"
    assert cut("千问指令七亿", 8) == "千问指…"
