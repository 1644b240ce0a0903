"""How warm a model is and what a load would take, on the command line, in the API and in a script."""

from __future__ import annotations

from pathlib import Path

from tests.made_up_models import Recipe, write_model
from tests.running_program import running_program
from tests.service.test_warmths import evict


def test_what_loads_have_shown_is_listed(tmp_path: Path) -> None:
    """Before the first load the share alone; after one from disk and one from memory, the time."""
    path = write_model(tmp_path / "small.gguf", Recipe(vocabulary=2_000, layers=2))
    with running_program(tmp_path / "home") as program:
        assert program.llmmem("scan", str(tmp_path)).code == 0
        assert program.llmmem("forecast", "small").code == 0  # the dry run reads of the file, too
        evict(path)
        assert program.llmmem("ps", "--all").out.splitlines()[1].endswith("on disk")
        for _ in range(2):
            assert program.llmmem("load", "small").code == 0
            assert program.llmmem("unload", "small").code == 0
        line = program.llmmem("ps", "--all").out.splitlines()[1]
        (told,) = program.llmmem("ps", "--all", "--json").json["models"]
        assert told["warmth_percent"] == 100
        assert told["expected_load_seconds"] > 0
        assert "in memory: loads in about" in line
        told = program.client().request("GET", "/api/v1/models/small")
        assert told["warmth_percent"] == 100
