"""The page of the settings about engines: choose one, try it again, compile one for this processor."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from llmmem_gui.core.engines import EngineOverview
from llmmem_gui.ui.card import plain, quiet
from llmmem_gui.ui.engine_build import EngineBuild
from llmmem_gui.ui.engine_table import EngineTable
from llmmem_gui.ui.engine_words import facts_of
from llmmem_gui.ui.requests import Outcome, TryEngine, UseEngine
from llmmem_gui.ui.sentences import say
from llmmem_gui.ui.setting_texts import setting_texts
from llmmem_gui.ui.theme import sized


class EnginePage(QWidget):
    """Shows the engines and asks for what is to be done with them; that is done at once, without OK.

    Signals: `requested` with a request.
    """

    requested = Signal(object)

    def __init__(self, overview: EngineOverview | None, parent: QWidget | None = None) -> None:
        """Without an overview the service has told nothing yet."""
        super().__init__(parent)
        self.setObjectName("page")
        self._overview = overview
        self.name, help_text = setting_texts()["loading.engine"]
        self._title, self._help = QLabel(self.name), quiet(QLabel(help_text))
        self._title.setFont(sized(self._title.font(), 1.25))
        self.state = plain(QLabel())
        self.table = EngineTable()
        self.use = QPushButton(self.tr("Use this engine"))
        self.use_best = QPushButton(self.tr("Choose automatically"))
        self.try_again = QPushButton(self.tr("Try again"))
        self.problem, self.facts = plain(QLabel()), plain(QLabel())
        self.problem.setProperty("level", "critical")
        self.build = EngineBuild()
        for label in (self._help, self.state, self.problem, self.facts):
            label.setWordWrap(True)
        self._lay_out()
        self.table.itemSelectionChanged.connect(self._show_current)
        self.use.clicked.connect(self._use_current)
        self.use_best.clicked.connect(lambda: self._ask(UseEngine("")))
        self.try_again.clicked.connect(self._try_current)
        self.build.requested.connect(self._ask)
        self._tell("")
        self.show_engines(overview)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.use, self.use_best, self.try_again):
            buttons.addWidget(button)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 0, 10, 0)
        column.setSpacing(8)
        for widget in (self._title, self._help, self.state, self.table):
            column.addWidget(widget)
        column.addLayout(buttons)
        column.addWidget(self.problem)
        column.addWidget(self.facts)
        column.addSpacing(8)
        column.addWidget(self.build)
        column.addStretch(1)

    def show_engines(self, overview: EngineOverview | None) -> None:
        """Show what is known of the engines now; None: nothing yet."""
        self._overview = overview
        self.state.setText(self._state_text())
        if overview is not None:
            self.table.show_engines(overview)
        self.build.show_engines(overview)
        self._show_current()

    def take_outcome(self, outcome: Outcome) -> None:
        """Say why something that was asked for here was not done."""
        if isinstance(outcome.request, UseEngine | TryEngine) and outcome.problem is not None:
            self._tell(say(outcome.problem.sentence))

    def _state_text(self) -> str:
        overview = self._overview
        if overview is None:
            return self.tr("Looking which engines there are…")
        if overview.trying:
            return self.tr("Trying whether an engine answers rightly…")
        if overview.in_use is None:
            return self.tr("No engine answers rightly on this machine: compile one for it.")
        if overview.preferred == overview.in_use.name:
            return self.tr("In use: {name}, as you chose.").format(name=overview.in_use.name)
        if overview.preferred:
            return self.tr("In use: {name}, because {chosen} does not answer rightly here.").format(
                name=overview.in_use.name, chosen=overview.preferred
            )
        return self.tr("In use: {name}, chosen automatically.").format(name=overview.in_use.name)

    def _show_current(self) -> None:
        engine, overview = self.table.current, self._overview
        self.facts.setText(facts_of(engine) if engine is not None else "")
        trying = overview is not None and overview.trying
        preferred = overview.preferred if overview is not None else ""
        self.use.setEnabled(engine is not None and not trying and engine.name != preferred)
        self.use_best.setEnabled(bool(preferred))
        self.try_again.setEnabled(engine is not None and not trying)

    def _use_current(self) -> None:
        if (engine := self.table.current) is not None:
            self._ask(UseEngine(engine.name))

    def _try_current(self) -> None:
        if (engine := self.table.current) is not None:
            self._ask(TryEngine(engine.name))

    def _ask(self, request: object) -> None:
        self._tell("")
        self.requested.emit(request)

    def _tell(self, problem: str) -> None:
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
