"""What is seen of the plot as a file or on the clipboard."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication, QImage
from pytestqt.qtbot import QtBot

from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui.memory_plot import MemoryPlot
from llmmem_gui.ui.plot.export import written_number
from tests.ui import facts


def test_numbers_are_exported(plot: MemoryPlot, tmp_path: Path) -> None:
    """The CSV file has a row a time: all models, their highest sum, the limit, each model, what happened."""
    file = tmp_path / "memory.csv"
    assert plot.save(file)
    rows = list(csv.reader(file.read_text().splitlines()))
    series = plot.canvas.series
    assert series is not None
    assert rows[0][:4] == ["time", "models_bytes", "models_highest_bytes", "limit_bytes"]
    assert rows[0][4:6] == [f"{facts.GEMMA.id} private_bytes", f"{facts.GEMMA.id} weights_bytes"]
    assert len(rows) == 1 + len(series.times)
    assert rows[-1][4:6] == [str(158 * MIB), str(240 * MIB)]
    assert rows[-1][3] == str(8 * GIB)
    assert int(rows[-1][1]) == sum(int(figure) for figure in rows[-1][4:-1])
    assert rows[-1][0].endswith("+00:00")
    assert sum("unloaded gemma-3-270m" in row[-1] for row in rows) == 1


def test_bytes_are_exported_to_the_last_digit() -> None:
    """Those of a large computer have eleven; shares and speeds have a decimal, where they are not whole."""
    figures = [(15_165_908_582.0, "15165908582"), (0.25, "0.2"), (12.0, "12"), (math.nan, "")]
    assert [written_number(figure) for figure, _ in figures] == [text for _, text in figures]


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_picture_is_exported_with_a_legend(
    plot: MemoryPlot, tmp_path: Path, qtbot: QtBot, ending: str
) -> None:
    """The picture has the plot and the models in their colours, and not the buttons of the card."""
    file = tmp_path / f"memory.{ending}"
    with qtbot.waitSignal(plot.note):
        assert plot.save(file)
    image = QImage(str(file))
    assert image.width() >= 900
    seen = {image.pixelColor(x, y).name() for x in range(0, image.width(), 2) for y in range(image.height())}
    for model in (facts.SMOL.id, facts.QWEN.id, facts.GEMMA.id):
        assert plot._theme.model_colours.of(model).name() in seen, model
    if ending == "svg":
        assert facts.QWEN.id in file.read_text()
    assert not [item for item in plot.canvas.scene().items() if type(item).__name__ == "LegendItem"]


def test_a_file_that_cannot_be_written_is_said(plot: MemoryPlot, tmp_path: Path, qtbot: QtBot) -> None:
    """A folder that is not there is said in one sentence."""
    for ending in ("png", "svg", "csv"):
        with qtbot.waitSignal(plot.note) as note:
            assert not plot.save(tmp_path / "none" / f"memory.{ending}")
        assert "choose another folder" in note.args[0]


def test_what_is_seen_can_be_copied(plot: MemoryPlot, qtbot: QtBot) -> None:
    """The clipboard gets a picture or the numbers, and the status line says so."""
    with qtbot.waitSignal(plot.note) as note:
        plot.copy_picture()
    assert "copied" in note.args[0]
    assert QGuiApplication.clipboard().image().width() >= 900
    plot.copy_numbers()
    assert QGuiApplication.clipboard().text().startswith("time,models_bytes")
