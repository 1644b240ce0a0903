"""The engines of this machine side by side: which is in use, whether each answers rightly, and how fast."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from llmmem_gui.core.engines import EngineOverview, InstalledEngine
from llmmem_gui.ui.engine_words import on_processor, rate, verdict

_NAME, _VERSION, _RESULT, _PROMPT, _ANSWER = range(5)
_MOST_ROWS_SHOWN = 5


class EngineTable(QTableWidget):
    """One row for each engine; the row of the one in use is chosen at first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 5, parent)
        self._engines: tuple[InstalledEngine, ...] = ()
        self.setObjectName("engines")
        self.setAccessibleName(self.tr("Engines"))
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self._head()

    def _head(self) -> None:
        names = (
            (self.tr("Engine"), ""),
            (self.tr("Version"), ""),
            (self.tr("Result"), ""),
            (
                self.tr("Prompt/s"),
                self.tr("Tokens of a prompt that the processor reads in a second, with a made-up model."),
            ),
            (
                self.tr("Answer/s"),
                self.tr("Tokens of an answer that the processor writes in a second, with a made-up model."),
            ),
        )
        for column, (name, explanation) in enumerate(names):
            item = QTableWidgetItem(name)
            item.setToolTip(explanation)
            item.setTextAlignment(_alignment(column))
            self.setHorizontalHeaderItem(column, item)
        header = self.horizontalHeader()
        header.setSectionsClickable(False)
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_VERSION, QHeaderView.ResizeMode.Stretch)

    @property
    def current(self) -> InstalledEngine | None:
        """The engine of the chosen row."""
        row = self.currentRow()
        return self._engines[row] if 0 <= row < len(self._engines) else None

    def show_engines(self, overview: EngineOverview) -> None:
        """Show these engines; the chosen row stays with its engine."""
        current = self.current
        in_use = overview.in_use
        chosen = current.name if current is not None else in_use.name if in_use is not None else ""
        self._engines = overview.engines
        with QSignalBlocker(self):
            self.setRowCount(len(self._engines))
            for row, engine in enumerate(self._engines):
                for column, text in enumerate(self._texts(engine, overview)):
                    item = QTableWidgetItem(text)
                    item.setTextAlignment(_alignment(column))
                    item.setToolTip(text)
                    self.setItem(row, column, item)
                if engine.name == chosen:
                    self.setCurrentCell(row, _NAME)
            if self.current is None and self._engines:
                self.setCurrentCell(0, _NAME)
        self.resizeRowsToContents()
        rows = min(len(self._engines), _MOST_ROWS_SHOWN)
        height = self.rowHeight(0) if self._engines else 0
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + rows * height + 2)

    def _texts(self, engine: InstalledEngine, overview: EngineOverview) -> tuple[str, ...]:
        in_use = overview.in_use is not None and overview.in_use.folder == engine.folder
        name = self.tr("{name} (in use)").format(name=engine.name) if in_use else engine.name
        best = on_processor(engine)
        rates = (best.prompt_tokens_per_second, best.answer_tokens_per_second) if best else (0.0, 0.0)
        return name, engine.manifest.version, verdict(engine), *map(rate, rates)


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in (_PROMPT, _ANSWER) else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
