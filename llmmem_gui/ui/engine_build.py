"""The offer to compile an engine for this processor: how far it is, a way to give it up, why it failed."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from llmmem_gui.core.engines import EngineOverview
from llmmem_gui.ui import figures
from llmmem_gui.ui.card import plain, quiet
from llmmem_gui.ui.requests import BuildEngine, CancelBuild
from llmmem_gui.ui.sentences import say


class EngineBuild(QWidget):
    """Asks for a compilation and shows how it goes.

    Signals: `requested` with a request.
    """

    requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._explanation = quiet(
            QLabel(
                self.tr(
                    "An engine that is compiled here may be faster. It takes about ten minutes in the "
                    "background; the faster one is used afterwards."
                )
            )
        )
        self._explanation.setWordWrap(True)
        self.start = QPushButton(self.tr("Compile for this processor"))
        self.cancel = QPushButton(self.tr("Cancel compiling"))
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Compiled"))
        self.done = QLabel()
        self.failure = plain(QLabel())
        self.failure.setWordWrap(True)
        self.failure.setProperty("level", "critical")
        self._lay_out()
        self.start.clicked.connect(lambda: self.requested.emit(BuildEngine()))
        self.cancel.clicked.connect(lambda: self.requested.emit(CancelBuild()))
        self.show_engines(None)

    def _lay_out(self) -> None:
        across = QHBoxLayout()
        across.setSpacing(10)
        across.addWidget(self.start)
        across.addWidget(self.cancel)
        across.addWidget(self.progress, 1)
        across.addWidget(self.done)
        across.addStretch(0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._explanation)
        column.addLayout(across)
        column.addWidget(self.failure)

    def show_engines(self, overview: EngineOverview | None) -> None:
        """Show how far compiling is, or why it failed; None: the service has told nothing yet."""
        done = overview.build_progress if overview is not None else None
        failure = overview.build_failure if overview is not None else None
        compiles = done is not None
        self.start.setEnabled(overview is not None)
        shown, hidden = (self.cancel, self.start) if compiles else (self.start, self.cancel)
        shown.show()
        if hidden.hasFocus():
            shown.setFocus()  # it would go to the next field
        hidden.hide()
        for widget in (self.progress, self.done):
            widget.setVisible(compiles)
        if done is not None:
            self.progress.setValue(round(100 * done))
            self.done.setText(self.tr("{percent} compiled").format(percent=figures.percent(done)))
        self.failure.setVisible(failure is not None)
        self.failure.setText(say(failure) if failure is not None else "")
