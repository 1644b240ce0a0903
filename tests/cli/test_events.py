"""`llmmem events`: why a model is gone, from the running program and from what it left behind."""

from __future__ import annotations

from pathlib import Path

from tests.running_program import llmmem, running_program


def test_it_is_told_why_a_model_is_gone(tmp_path: Path, smol_path: Path, gemma_path: Path) -> None:
    """Who asked, why, and what came back is listed for one model, also after the program has ended."""
    home = tmp_path / "home"
    with running_program(home) as program:
        smol = program.llmmem("load", str(smol_path), "--json").json["id"]
        gemma = program.llmmem("load", str(gemma_path), "--json").json["id"]
        (receipt,) = program.llmmem("unload", smol, "--json").json
        told = program.llmmem("events", "--model", smol, "--json").json
        (last,) = program.llmmem("events", "--model", smol, "--limit", "1", "--json").json
        everything = program.llmmem("events", "--json").json
    assert {event["model"] for event in told} == {smol}
    assert {event["model"] for event in everything} >= {smol, gemma}
    assert (last["type"], last["cause"], last["actor"]) == ("model-unloaded", "asked", "cli")
    assert last["given_back_bytes"] == receipt["given_back_bytes"]
    assert last == told[-1]

    alone = llmmem(home, "events", "--model", smol, "--limit", "20", "--json")
    assert alone.code == 0, alone.err
    assert [event for event in alone.json if event["time"] <= last["time"]] == told
    header, *rows = llmmem(home, "events", "--model", smol).out.splitlines()
    assert header.split() == ["TIME", "EVENT", "MODEL", "ASKED", "BY", "WHY", "NUMBERS"]
    assert any("model-unloaded" in row and " cli " in row and "given back" in row for row in rows)


def test_a_home_without_a_history_has_no_events(tmp_path: Path) -> None:
    """Before the program ever ran there is nothing to list, and nothing is made."""
    home = tmp_path / "home"
    assert llmmem(home, "events", "--json").json == []
    assert not home.exists()
