"""Help: the words of the window, and the keys."""

from __future__ import annotations

import html
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import QIcon, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from llmmem_gui import __version__
from llmmem_gui.core.engines import EngineOverview
from llmmem_gui.ui.actions import Actions
from llmmem_gui.ui.card import plain, quiet
from llmmem_gui.ui.engine_words import engine_line
from llmmem_gui.ui.first_size import first_size
from llmmem_gui.ui.theme import sized


class HelpDialog(QDialog):
    """Explains what is seen."""

    def __init__(
        self,
        actions: Actions,
        parent: QWidget | None = None,
        *,
        engines: EngineOverview | None = None,
        logs: Path | None = None,
    ) -> None:
        """`logs` is the folder with the log."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Help"))
        page = QWidget()
        page.setObjectName("page")
        column = QVBoxLayout(page)
        column.setSpacing(10)
        column.addWidget(self._heading(self.tr("Words")))
        column.addLayout(self._table(self._words()))
        column.addSpacing(8)
        column.addWidget(self._heading(self.tr("Keys")))
        keys = [
            (
                action.shortcut().toString(QKeySequence.SequenceFormat.NativeText),
                action.statusTip(),
            )
            for action in actions.all()
            if not action.shortcut().isEmpty()
        ]
        keys += [
            ("Del", self.tr("Unload the chosen models; out of the list with those that are not loaded")),
            ("Enter", self.tr("Load the chosen model, or try it when it is loaded")),
            ("Ctrl+Z", self.tr("Take the last change of a limit back")),
        ]
        column.addLayout(self._table(keys))
        column.addSpacing(8)
        column.addWidget(self._heading(self.tr("The plot")))
        column.addLayout(self._table([*self._signs(), *self._plot_keys()]))
        column.addSpacing(8)
        column.addWidget(self._heading(self.tr("This program")))
        column.addWidget(quiet(QLabel(f"LLM Memory {__version__}")))
        if logs is not None:
            log = QLabel(self._log_line(logs))
            log.setOpenExternalLinks(True)
            log.setWordWrap(True)
            column.addWidget(quiet(log))
        self._engine = plain(quiet(QLabel()))
        self._engine.setWordWrap(True)
        column.addWidget(self._engine)
        self.show_engines(engines)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(page)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.button(QDialogButtonBox.StandardButton.Close).setIcon(QIcon())
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(scroll)
        layout.addWidget(buttons)
        self.resize(first_size(QSize(640, 620), self.screen().availableSize()))

    def show_engines(self, engines: EngineOverview | None) -> None:
        """Say with which engine models compute."""
        self._engine.setText(engine_line(engines))

    def _log_line(self, logs: Path) -> str:
        link = QUrl.fromLocalFile(str(logs)).toString()
        text = self.tr("What happened is in the log, without any question or answer: {folder}")
        return text.format(folder=f'<a href="{html.escape(link)}">{html.escape(str(logs))}</a>')

    def _signs(self) -> list[tuple[str, str]]:
        return [
            ("▲", self.tr("A model was loaded, or woke up.")),
            ("▼", self.tr("A model was unloaded.")),
            ("☾", self.tr("A model dozes.")),
            ("✕", self.tr("A load failed or was refused, or a model ended by itself.")),
            ("◆", self.tr("A warning.")),
            ("▬", self.tr("A limit was changed.")),
        ]

    def _plot_keys(self) -> list[tuple[str, str]]:
        return [
            (self.tr("wheel, drag"), self.tr("Zoom time under the pointer, move in time.")),
            (self.tr("right drag"), self.tr("Mark what to zoom into.")),
            (self.tr("double click"), self.tr("Back to now.")),
            ("← →", self.tr("Move the crosshair, with Ctrl ten times as far.")),
            ("+ −", self.tr("Zoom in and out.")),
            ("PgUp PgDn", self.tr("Move in time.")),
            ("Esc", self.tr("Follow the present.")),
        ]

    def _heading(self, text: str) -> QLabel:
        label = QLabel(text)
        label.setFont(sized(label.font(), 1.2))
        return label

    def _table(self, rows: list[tuple[str, str]]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        for row, (name, text) in enumerate(rows):
            explanation = quiet(QLabel(text))
            explanation.setWordWrap(True)
            grid.addWidget(QLabel(name), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(explanation, row, 1)
        return grid

    def _words(self) -> list[tuple[str, str]]:
        return [
            (
                self.tr("private"),
                self.tr("Memory that only unloading gives back: KV cache, buffers, copies."),
            ),
            (
                self.tr("weights"),
                self.tr("The model file mapped into memory; the system can take it back when it must."),
            ),
            (
                self.tr("forecast"),
                self.tr("What a load is predicted to take, with its error and its source."),
            ),
            (self.tr("limit"), self.tr("The most that one model, or all together, may use.")),
            (self.tr("kept free"), self.tr("Memory that loads leave to everything else on this computer.")),
            (self.tr("pinned"), self.tr("Never unloaded by itself.")),
            (
                self.tr("dozing"),
                self.tr(
                    "Others may take its weights' memory, the process stays; it wakes at the next request."
                ),
            ),
            (self.tr("idle"), self.tr("Loaded, and nobody is asking it anything.")),
        ]
