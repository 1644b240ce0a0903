"""What is seen of the plot as a picture or as numbers, by pyqtgraph's exporters."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.dom.minidom import Element

import numpy as np
import pyqtgraph as pg
from pyqtgraph.exporters import CSVExporter, ImageExporter, SVGExporter
from PySide6.QtCore import QBuffer, QIODevice, QSaveFile
from PySide6.QtGui import QGuiApplication

from llmmem_gui.ui.plot.canvas import PlotCanvas
from llmmem_gui.ui.sentences import event_sentence
from llmmem_gui.ui.theme import Theme

FORMATS = ("png", "svg", "csv")
"""Endings of the files that can be written."""
_RIGHT_OF_LIMIT = 130
"""Pixels from the left edge to the legend, which leave the label of the limit free."""
_PICTURE_WIDTH = 1600
"""Pixels of a picture at least."""


class MemoryExport:
    """Writes or copies what a canvas shows, with a legend that a picture outside of the window needs."""

    def __init__(self, canvas: PlotCanvas, theme: Theme, name_of: Callable[[str], str]) -> None:
        self._canvas, self._theme, self._name_of = canvas, theme, name_of

    def save(self, path: Path) -> bool:
        """Write a file in the format of its ending, one of `FORMATS`; whether it was done."""
        match path.suffix.lower():
            case ".csv":
                content = self._numbers().text().encode()
            case ".svg":
                with self._legend():
                    content = MemorySvgExporter(self._canvas.drawing).export(toBytes=True)
            case _:
                content = self._png()
        return _written(path, content)

    def copy_picture(self) -> None:
        """Put a picture on the clipboard."""
        with self._legend():
            self._picture().export(copy=True)

    def copy_numbers(self) -> None:
        """Put the numbers on the clipboard."""
        self._numbers().export(copy=True)

    def _numbers(self) -> MemoryCsvExporter:
        return MemoryCsvExporter(self._canvas, self._name_of)

    def _picture(self) -> ImageExporter:
        exporter = ImageExporter(self._canvas.drawing)
        exporter.parameters()["width"] = max(_PICTURE_WIDTH, exporter.parameters()["width"])
        return exporter

    def _png(self) -> bytes:
        with self._legend():
            picture = self._picture().export(toBytes=True)
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        picture.save(buffer, "PNG")
        return bytes(buffer.data().data())

    @contextmanager
    def _legend(self) -> Iterator[None]:
        """Show which colour is which model, and no crosshair, for as long as a picture is made."""
        canvas, colours = self._canvas, self._theme.palette
        series = canvas.series
        models = series.models if series else ()
        legend = pg.LegendItem(
            offset=(_RIGHT_OF_LIMIT, 4), brush=pg.mkBrush(colours.card), pen=pg.mkPen(colours.border),
            labelTextColor=colours.text, labelTextSize="10pt",
        )  # fmt: skip
        legend.setParentItem(canvas.view)
        for model in reversed((*models, *(series.programs if series else ()))):
            tint = self._theme.model_colours.of(model)
            # A sample of a bar is drawn in the bar's colour; the bar itself is not on the plot.
            legend.addItem(
                pg.BarGraphItem(x=[], height=[], width=1, brush=tint, pen=tint), self._name_of(model)
            )
        legend.setVisible(bool(legend.items))
        crosshair = canvas.crosshair.isVisible()
        canvas.crosshair.hide()
        try:
            yield
        finally:
            canvas.crosshair.setVisible(crosshair)
            canvas.scene().removeItem(legend)


class MemorySvgExporter(SVGExporter):
    """pyqtgraph 0.14 cannot read the Z that Qt 6.10 and later close a path with (pyqtgraph issue 3495)."""

    def export(self, fileName: str | None = None, toBytes: bool = False, copy: bool = False) -> Any:
        module: Any = import_module("pyqtgraph.exporters.SVGExporter")
        correct = module.correctCoordinates

        def correct_without_z(node: Element, *arguments: object) -> None:
            for path in node.getElementsByTagName("path"):
                path.setAttribute("d", path.getAttribute("d").replace("Z", "").strip())
            correct(node, *arguments)

        module.correctCoordinates = correct_without_z
        try:
            return super().export(fileName, toBytes, copy)
        finally:
            module.correctCoordinates = correct


class MemoryCsvExporter(CSVExporter):
    """The series in sight as CSV: one row a time in UTC, all models, the limit and what happened.

    pyqtgraph's own writes a pair of x and y for each curve, and times as numbers.
    """

    def __init__(self, canvas: PlotCanvas, name_of: Callable[[str], str]) -> None:
        super().__init__(canvas.plot)
        self._canvas, self._name_of = canvas, name_of

    def export(self, fileName: str | None = None, toBytes: bool = False, copy: bool = False) -> bytes | None:
        if copy:
            QGuiApplication.clipboard().setText(self.text())
        elif toBytes:
            return self.text().encode()
        elif fileName is not None:
            Path(fileName).write_text(self.text(), encoding="utf-8")
        return None

    def text(self) -> str:
        """The whole file."""
        series = self._canvas.series
        header = ["time", "models_bytes", "models_highest_bytes", "limit_bytes"]
        rows = [header]
        if series is not None:
            for model in series.models:
                header += [f"{model} private_bytes", f"{model} weights_bytes"]
            header += [f"{self._name_of(program)} bytes" for program in series.programs]
            activity = self._canvas.below.columns_at(series.times)
            header += [*activity, "events"]
            happened = self._events_by_column(series.times)
            all_models = (series.private + series.weights).sum(axis=0)
            limit = series.limit if series.limit is not None else np.full(len(series.times), np.nan)
            for column, time in enumerate(series.times):
                figures = [all_models[column], series.peak[column], limit[column]]
                for number in range(len(series.models)):
                    figures += [series.private[number, column], series.weights[number, column]]
                figures += [row[column] for row in series.others] if series.others is not None else []
                figures += [row[column] for row in activity.values()]
                moment = datetime.datetime.fromtimestamp(float(time), datetime.timezone.utc)
                rows.append(
                    [
                        moment.isoformat(timespec="milliseconds"),
                        *map(written_number, figures),
                        "; ".join(happened.get(column, ())),
                    ]
                )
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        return text.getvalue()

    def _events_by_column(self, times: np.ndarray) -> dict[int, list[str]]:
        """What happened, as sentences, each at the column that is nearest in time."""
        happened: dict[int, list[str]] = {}
        for mark in self._canvas.events.marks:
            for event in sorted(mark.events, key=lambda event: event.time):
                column = int(np.argmin(np.abs(times - event.time))) if len(times) else 0
                happened.setdefault(column, []).append(event_sentence(event, self._name_of))
        return happened


def written_number(figure: float) -> str:
    """Bytes without decimals, speeds and shares of time with one; nothing for what is not known."""
    if np.isnan(figure):
        return ""
    rounded = round(float(figure), 1)
    return f"{rounded:.0f}" if rounded.is_integer() else f"{rounded:.1f}"


def _written(path: Path, content: bytes) -> bool:
    """Write a file as a whole or not at all."""
    file = QSaveFile(str(path))
    if not file.open(QIODevice.OpenModeFlag.WriteOnly):
        return False
    file.write(content)
    return file.commit()
