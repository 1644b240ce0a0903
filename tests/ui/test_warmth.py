"""How warm models are, as the window shows it: asked for what is seen, told where a load is offered."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from llmmem_gui.core.sentence import verbatim
from llmmem_gui.core.snapshot import State
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.core.warmth import ExpectedLoad, Warmth
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.cells import Column
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.languages import speak
from llmmem_gui.ui.main_window import MainWindow
from tests.made_up_models import Recipe, write_model
from tests.service.test_warmths import evict
from tests.ui import facts
from tests.ui.conftest import feed
from tests.ui.running import running

SMALL = facts.model("small", need=(100 * MIB, 50 * MIB))
OTHER = facts.model("other", need=(200 * MIB, 50 * MIB))
IN_MEMORY = ExpectedLoad(Warmth(GIB, GIB), 0.31)
ON_DISK = ExpectedLoad(Warmth(GIB, 0), 9.04)


def line(window: MainWindow, model_id: str) -> str:
    """What stands in the table under the name of a model."""
    shown = window.table.rows.row_at(window.table.rows.row_of(model_id) or 0)
    assert shown is not None
    return window.table.rows.cell(shown, Column.MODEL).under.replace(NO_BREAK, " ")


def row(window: MainWindow, key: str) -> str:
    """What the inspector says in a row; empty where it does not show it."""
    text = window.panel.grid.texts[key]
    return text.text().replace(NO_BREAK, " ") if text.isVisibleTo(window) else ""


def questions(window: MainWindow) -> list[tuple[str, ...]]:
    """The ids that the window asks about from now on."""
    asked: list[tuple[str, ...]] = []

    def keep(request: ask.Request) -> None:
        if isinstance(request, ask.FindWarmth):
            asked.append(request.model_ids)

    window.requested.connect(keep)
    return asked


def answer(window: MainWindow, **told: ExpectedLoad) -> None:
    """Let the service answer a question about the two models."""
    window.show_outcome(ask.Outcome(ask.FindWarmth((SMALL.id, OTHER.id)), told))


@pytest.fixture
def two(window: MainWindow) -> MainWindow:
    """The window with two models that fit and one that is loaded."""
    feed(window, facts.snapshot(facts.SMOL, SMALL, OTHER))
    window.table.choose(SMALL.id)
    return window


def test_it_stands_where_a_load_is_offered(two: MainWindow) -> None:
    """In the line that says whether the model fits, and in the inspector, in the same words."""
    assert line(two, SMALL.id) == "↳ fits now"
    assert row(two, "warmth") == ""
    answer(two, small=IN_MEMORY, other=ON_DISK)
    assert line(two, SMALL.id) == "↳ fits now · file in memory: loads in about 0.3 s"
    assert line(two, OTHER.id) == "↳ fits now · file on disk: loads in about 9 s"
    assert row(two, "warmth") == "in memory: loads in about 0.3 s"
    assert row(two, "again") == ""


def test_without_loads_to_learn_from_no_time_is_told(two: MainWindow) -> None:
    """The share alone, and what the last load took as before; of what is not known nothing."""
    answer(two, small=ExpectedLoad(Warmth(GIB, GIB // 2), None))
    assert line(two, SMALL.id) == "↳ fits now · file 50 % in memory"
    assert line(two, OTHER.id) == "↳ fits now"
    assert row(two, "warmth") == "50 % in memory"
    assert row(two, "again") == "–"
    answer(two)
    assert line(two, SMALL.id) == "↳ fits now"


def test_in_portuguese(two: MainWindow) -> None:
    """Numbers and words as there."""
    speak("pt_BR")
    two.retranslate()
    answer(two, small=IN_MEMORY)
    assert "na memória: carrega em cerca de 0,3 s" in line(two, SMALL.id)


def test_a_model_that_was_unloaded_is_looked_at_again(two: MainWindow, qtbot: QtBot) -> None:
    """Its load has brought its file into memory: what was known of it is old."""
    answer(two, small=ON_DISK)
    loaded = facts.model("small", State.READY, weights=100 * MIB, private=50 * MIB)
    feed(two, facts.snapshot(facts.SMOL, loaded, OTHER))
    asked = questions(two)
    feed(two, facts.snapshot(facts.SMOL, SMALL, OTHER))
    assert line(two, SMALL.id) == "↳ fits now"
    qtbot.waitUntil(lambda: any(SMALL.id in ids for ids in asked))


def test_only_what_is_seen_is_asked_for_and_nothing_while_nobody_looks(two: MainWindow, qtbot: QtBot) -> None:
    """Of 300 models those on the screen, again now and then; a hidden window asks nothing."""
    many = [facts.model(f"m{number:03}", need=(100 * MIB, 50 * MIB)) for number in range(300)]
    feed(two, facts.snapshot(*many))
    asked = questions(two)
    two.table.warmths.look_again()
    qtbot.waitUntil(lambda: len(asked) > 0)
    assert all(0 < len(ids) < 50 for ids in asked)
    assert two.table.warmths._again.isActive()
    two.hide()
    assert not two.table.warmths._again.isActive()
    asked.clear()
    QApplication.processEvents()
    assert asked == []
    two.show()
    qtbot.waitUntil(lambda: len(asked) > 0)


def test_that_it_is_not_known_is_no_problem_to_tell(two: MainWindow) -> None:
    """What the window asks by itself and does not learn is no message."""
    before = len(two.notices.shown)
    problem = ask.Problem("failed", verbatim("It went wrong."))
    two.show_outcome(ask.Outcome(ask.FindWarmth((SMALL.id,)), problem=problem))
    assert len(two.notices.shown) == before


def test_a_real_model_that_was_loaded_twice(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    """On disk, then, after a load from there and one from memory, in memory with the time of the latter."""
    path = write_model(tmp_path / "real.gguf", Recipe(vocabulary=2_000, layers=2))
    evict(path)
    with running(qtbot, qapp, (path,)) as run:
        window = run.window
        run.until(lambda: "on disk" in line(window, "real") or "in memory" in line(window, "real"))
        assert "loads in about" not in line(window, "real")
        evict(path)
        for _ in range(2):
            run.load("real")
            window.actions_.unload.trigger()
            run.until_state("real", State.UNLOADED)
        run.until(lambda: "in memory: loads in about" in line(window, "real"))
        run.until(lambda: "in memory: loads in about" in row(window, "warmth"))
