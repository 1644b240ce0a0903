"""The table of models."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import State
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui import model_rows
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.model_rows import Column
from llmmem_gui.ui.models_table import ModelsTable
from llmmem_gui.ui.requests import Fit
from llmmem_gui.ui.theme import Theme
from tests.ui import facts


@pytest.fixture
def table(qtbot: QtBot, theme: Theme) -> ModelsTable:
    """The table with the usual models."""
    made = ModelsTable(theme)
    qtbot.addWidget(made)
    made.resize(960, 300)
    made.show()
    made.show_snapshot(facts.usual_snapshot(), Settings())
    return made


def names(table: ModelsTable) -> list[str]:
    """The models from top to bottom."""
    models = [table.rows.model_at(row) for row in range(table.rows.rowCount())]
    return [model.id for model in models if model is not None]


def cell(table: ModelsTable, model_id: str, column: Column) -> tuple[str, str]:
    """The two lines of a cell."""
    row = table.rows.row_of(model_id)
    assert row is not None
    model = table.rows.model_at(row)
    assert model is not None
    found = table.rows.cell(model, column)
    return found.text.replace(NO_BREAK, " "), found.under.replace(NO_BREAK, " ")


def test_loaded_models_stand_first(table: ModelsTable) -> None:
    """Models that hold memory stand above the others, each group by name."""
    assert names(table) == [
        "gemma-3-270m",
        "qwen2.5-7b-instruct",
        "smollm2-135m-instruct",
        "llama-3.1-8b-instruct",
        "llama-3.3-70b-instruct",
    ]


def test_each_column_sorts(table: ModelsTable) -> None:
    """A click on *Uses* puts the largest model first, a second click the smallest."""
    table.rows.sort(Column.USES, Qt.SortOrder.AscendingOrder)
    assert names(table)[0] == facts.QWEN.id
    table.rows.sort(Column.USES, Qt.SortOrder.DescendingOrder)
    assert names(table)[-1] == facts.QWEN.id
    table.rows.sort(Column.FORECAST, Qt.SortOrder.AscendingOrder)
    assert names(table)[0] == facts.LARGE.id


def test_cells_say_what_is_known(table: ModelsTable) -> None:
    """A loaded model's row has its use, its forecast with the error, its limit and its idle time."""
    smol = facts.SMOL.id
    assert cell(table, smol, Column.STATE) == ("ready", "")
    assert cell(table, smol, Column.USES) == ("236 MiB", "142 MiB private")
    assert cell(table, smol, Column.FORECAST) == ("236 MiB", "± 4 %")
    assert cell(table, smol, Column.LIMIT) == ("512 MiB", "46 % used")
    assert cell(table, smol, Column.IDLE) == ("12 s", "goes in 15 min")


def test_the_limit_warns_where_the_settings_say(table: ModelsTable) -> None:
    """The share of its limit that a model uses is marked from the percents of the settings on."""
    marked = {}
    for percents in ((90, 95), (46, 95), (40, 46)):
        settings = Settings().with_value("warnings.model_warn_percent", percents[0])
        settings = settings.with_value("warnings.critical_percent", percents[1])
        table.show_snapshot(facts.usual_snapshot(), settings)
        marked[percents] = table.rows.cell(facts.SMOL, Column.LIMIT).level
    assert marked == {(90, 95): "", (46, 95): "warning", (40, 46): "critical"}


def test_a_model_that_is_not_loaded_says_whether_it_fits(table: ModelsTable) -> None:
    """Under the name of a model that is not loaded stands what a load would do."""
    _, under = cell(table, facts.LARGE.id, Column.MODEL)
    assert under == "↳ does not fit: needs 41.0 GiB, the limit leaves 8.00 GiB"


def test_an_error_stands_under_the_name(table: ModelsTable) -> None:
    """A file that is no model, and a load that failed, say why under the name."""
    bad = facts.model("bad", file_error="bad.gguf is empty: get it again.")
    failed = facts.model("failed", State.FAILED, need=(MIB, MIB), error="failed.gguf: unknown architecture.")
    table.show_snapshot(facts.snapshot(bad, failed), Settings())
    assert cell(table, "bad", Column.MODEL)[1] == "bad.gguf is empty: get it again."
    assert cell(table, "failed", Column.MODEL)[1] == "failed.gguf: unknown architecture."


def test_search_finds_words_anywhere(table: ModelsTable, qtbot: QtBot) -> None:
    """The search shows models that have all words in name, path, architecture, quantisation or state."""
    field = QLineEdit()
    qtbot.addWidget(field)
    table.filter_by(field)
    field.setText("LLAMA instruct 8b")
    assert names(table) == ["llama-3.1-8b-instruct"]
    field.setText("busy")
    assert names(table) == [facts.QWEN.id]
    field.setText("nothing like this")
    assert names(table) == []
    assert table._nothing.isVisible()
    field.clear()
    assert len(names(table)) == 5


def test_the_chosen_row_stays_chosen(table: ModelsTable) -> None:
    """The chosen model stays chosen when the order changes and when models come and go."""
    table.choose(facts.QWEN.id)
    table.rows.sort(Column.USES, Qt.SortOrder.DescendingOrder)
    assert table.current is not None
    assert table.current.id == facts.QWEN.id
    another = facts.model("another", need=(MIB, MIB))
    table.show_snapshot(facts.snapshot(facts.SMOL, facts.QWEN, another), Settings())
    assert table.current.id == facts.QWEN.id
    table.show_snapshot(facts.snapshot(facts.SMOL), Settings())
    assert table.current.id == facts.SMOL.id


def test_a_click_on_cancel_cancels_the_load(table: ModelsTable, qtbot: QtBot) -> None:
    """The word Cancel in the row of a model that loads asks to cancel that load."""
    loading = facts.model("big", State.LOADING, weights=100 * MIB, need=(400 * MIB, 100 * MIB))
    table.show_snapshot(facts.snapshot(loading), Settings())
    rect = table.view.visualRect(table.rows.index(0, Column.MODEL))
    point = QPoint(rect.right() - 20, rect.bottom() - 12)
    with qtbot.waitSignal(table.cancel_asked) as asked:
        qtbot.mouseClick(table.view.viewport(), Qt.MouseButton.LeftButton, pos=point)
    assert asked.args == ["big"]


def test_keys_ask(table: ModelsTable, qtbot: QtBot) -> None:
    """Delete asks to unload the chosen model, Enter asks to act on it."""
    table.choose(facts.SMOL.id)
    with qtbot.waitSignal(table.removal_asked) as asked:
        qtbot.keyClick(table.view, Qt.Key.Key_Delete)
    assert asked.args == [facts.SMOL.id]
    with qtbot.waitSignal(table.activated) as asked:
        qtbot.keyClick(table.view, Qt.Key.Key_Return)
    assert asked.args == [facts.SMOL.id]


def test_a_visible_model_that_does_not_fit_asks_for_a_context(table: ModelsTable, qtbot: QtBot) -> None:
    """Painting the row of a model that does not fit asks which context would fit."""
    with qtbot.waitSignal(table.fit_wanted) as wanted:
        table.view.viewport().repaint()
    assert wanted.args[0].model_id == facts.LARGE.id
    table.show_fits({facts.LARGE.id: Fit(context=2048)})
    assert cell(table, facts.LARGE.id, Column.MODEL)[1] == "↳ fits with context ≤ 2,048"


@pytest.fixture
def rehearsals(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models whose load is rehearsed."""
    asked: list[str] = []
    real = model_rows.outlook

    def counted(model: facts.ModelSnapshot, *rest: object) -> object:
        asked.append(model.id)
        return real(model, *rest)

    monkeypatch.setattr(model_rows, "outlook", counted)
    return asked


def test_only_what_is_seen_is_rehearsed(table: ModelsTable, rehearsals: list[str]) -> None:
    """Of a thousand models only those whose rows are painted are rehearsed after a snapshot."""
    many = [facts.model(f"model {n:04}", need=(GIB, MIB)) for n in range(1000)]
    table.show_snapshot(facts.snapshot(*many), Settings())
    table.view.viewport().repaint()
    assert 0 < len(set(rehearsals)) < 30
    assert len(rehearsals) == len(set(rehearsals))
