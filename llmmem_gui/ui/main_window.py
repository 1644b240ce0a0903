"""The main window: lays the views out, gives each its facts, and gathers their requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from llmmem_gui.core.events import Event, Receipt
from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, State
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.actions import Actions
from llmmem_gui.ui.card import Card
from llmmem_gui.ui.composition import Ghost
from llmmem_gui.ui.composition_bar import CompositionBar
from llmmem_gui.ui.empty_state import EmptyState, SearchedFolder
from llmmem_gui.ui.fits import Fits
from llmmem_gui.ui.headline import Headline, first_line
from llmmem_gui.ui.limits_panel import LimitsPanel
from llmmem_gui.ui.load_choice import LoadChoice, smaller_load
from llmmem_gui.ui.memory_plot import MemoryPlot
from llmmem_gui.ui.model_panel import ModelPanel
from llmmem_gui.ui.models_table import ModelsTable
from llmmem_gui.ui.plot_series import PlotSource
from llmmem_gui.ui.sentences import event_sentence, receipt_sentence, say
from llmmem_gui.ui.status_line import StatusLine
from llmmem_gui.ui.theme import Theme
from llmmem_gui.ui.toolbar import Toolbar
from llmmem_gui.ui.try_out import TryOut
from llmmem_gui.ui.try_outs import TryOuts
from llmmem_gui.ui.undo import LimitHistory
from llmmem_gui.ui.warning_bar import Offer, WarningBar

_QUIET_EVENTS = ("model-unloaded", "request-finished", "model-unloading", "note")
"""Events that the status line does not repeat: a receipt or nothing follows."""
_EVENTS_KEPT = 2000


class MainWindow(QWidget):
    """Shows everything and asks for what the person wants.

    Signals: `requested` with a request; `settings_asked`, `help_asked`, `quit_asked`; `closed` when the
    person closed the window; `snoozed` with minutes.
    """

    requested = Signal(object)
    settings_asked = Signal()
    help_asked = Signal()
    quit_asked = Signal()
    closed = Signal()
    snoozed = Signal(int)

    def __init__(self, theme: Theme, source: PlotSource, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.theme = theme
        self._snapshot: CacheSnapshot | None = None
        self._sample: Sample | None = None
        self._settings = Settings()
        self._events: list[Event] = []
        self.fits = Fits(self)
        self._stale = True
        self._told: tuple[Callable[[], str], float] | None = None
        self.actions_ = Actions(theme, self)
        self.history = LimitHistory(self)
        self.try_outs = TryOuts(self.theme, self)
        self._make_views(source)
        self._lay_out()
        self._connect()
        self.retranslate()

    # --- building ----------------------------------------------------------------------------------------

    def _make_views(self, source: PlotSource) -> None:
        self.toolbar = Toolbar(self.theme, self.actions_)
        self.headline = Headline()
        self.composition = CompositionBar(self.theme)
        self.warning = WarningBar(self.theme)
        self.plot = MemoryPlot(self.theme, source)
        self.table = ModelsTable(self.theme)
        self.panel = ModelPanel(self.theme)
        self.limits = LimitsPanel(self.theme)
        self.empty = EmptyState(self.theme, self.actions_)
        self.status = StatusLine(self.theme, self.actions_)

    def _lay_out(self) -> None:
        summary = Card()
        lines = QVBoxLayout(summary)
        lines.setContentsMargins(14, 8, 14, 8)
        lines.setSpacing(2)
        lines.addWidget(self.headline)
        lines.addWidget(self.composition)

        self.left = QSplitter(Qt.Orientation.Vertical)
        self.left.setHandleWidth(10)
        self.left.setChildrenCollapsible(False)
        self.left.addWidget(self.plot)
        self.left.addWidget(self.table)
        self.left.setStretchFactor(0, 1)
        self.left.setStretchFactor(1, 1)
        self.left.setSizes([400, 400])
        self.across = QSplitter(Qt.Orientation.Horizontal)
        self.across.setHandleWidth(10)
        self.across.setChildrenCollapsible(False)
        self.across.addWidget(self.left)
        self.across.addWidget(self.panel)
        self.across.setStretchFactor(0, 1)
        self.across.setStretchFactor(1, 0)
        self.across.setSizes([1000, 330])

        main = QWidget()
        column = QVBoxLayout(main)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addWidget(self.across, 1)
        column.addWidget(self.limits)
        self.pages = QStackedWidget()
        self.pages.addWidget(main)
        self.pages.addWidget(self.empty)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 14, 6)
        layout.setSpacing(10)
        layout.addWidget(self.toolbar)
        layout.addWidget(self.warning)
        layout.addWidget(summary)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.status)

    def _connect(self) -> None:
        act = self.actions_
        self.addActions(act.all())
        undo = self.history.stack.createUndoAction(self)
        undo.setShortcut("Ctrl+Z")
        redo = self.history.stack.createRedoAction(self)
        redo.setShortcut("Ctrl+Shift+Z")
        self.addActions([undo, redo])
        act.add_models.triggered.connect(self._add_models)
        act.add_folder.triggered.connect(self._add_folder)
        act.load.triggered.connect(lambda: self._with_current(self.ask_load))
        act.unload.triggered.connect(lambda: self._with_current(self._unload))
        act.unload_all.triggered.connect(lambda: self.requested.emit(ask.UnloadAll()))
        act.clean_up.triggered.connect(lambda: self.requested.emit(ask.CleanUp()))
        act.doze.triggered.connect(lambda: self._with_current(lambda id: self.requested.emit(ask.Doze(id))))
        act.pin.triggered.connect(self._pin)
        act.try_out.triggered.connect(lambda: self._with_current(self.open_try_out))
        act.rescan.triggered.connect(lambda: self.requested.emit(ask.Scan()))
        act.search.triggered.connect(self.toolbar.go_to_search)
        act.settings.triggered.connect(self.settings_asked)
        act.help.triggered.connect(self.help_asked)
        act.close.triggered.connect(self.close)
        act.quit.triggered.connect(self.quit_asked)
        self.table.filter_by(self.toolbar.search)
        self.table.current_changed.connect(self._current_changed)
        self.table.activated.connect(self._activate)
        self.table.removal_asked.connect(self._unload)
        self.table.cancel_asked.connect(self._unload)
        self.table.menu_asked.connect(lambda _, point: self.actions_.open_menu(self, point))
        self.table.fit_wanted.connect(self.fits.want)
        self.fits.requested.connect(self.requested)
        self.fits.changed.connect(self._show_fits)
        self.panel.requested.connect(self._from_panel)
        self.panel.load_asked.connect(self.ask_load)
        self.panel.reload_asked.connect(self._reload)
        self.panel.try_asked.connect(self.open_try_out)
        self.panel.ghosted.connect(self._show_moving_ghost)
        self.limits.previewed.connect(self._show_bounds)
        self.limits.limit_chosen.connect(self.history.change_total)
        self.limits.reserve_chosen.connect(self.history.change_reserve)
        self.limits.idle_chosen.connect(self.history.change_idle)
        self.history.requested.connect(self.requested)
        self.try_outs.requested.connect(self.requested)
        self.warning.requested.connect(self.requested)
        self.warning.snoozed.connect(self.snoozed)
        self.plot.note.connect(self._note)
        self.empty.demo.clicked.connect(lambda: self.requested.emit(ask.FetchDemoModel()))

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        self.setWindowTitle("LLM Memory")
        views = (self.plot, self.table, self.panel, self.limits, self.empty, self.status, self.warning)
        for view in (self.actions_, self.toolbar, self.try_outs, *views):
            view.retranslate()
        if self._told is not None:
            self.status.show_message(self._told[0](), self._told[1])
        self._stale = True
        self._show_facts()

    # --- facts -------------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> CacheSnapshot | None:
        """The newest snapshot."""
        return self._snapshot

    def show_snapshot(self, snapshot: CacheSnapshot) -> None:
        """Show this state of the cache."""
        self._snapshot = snapshot
        self.history.take(snapshot, self._settings)
        self._show_facts()

    def show_sample(self, sample: Sample) -> None:
        """Show the newest readings; the source of the plot has taken them in already."""
        first = self._sample is None
        self._sample = sample
        self.limits.show_machine(sample.machine)
        self.panel.show_machine_bytes(sample.machine.total_bytes)
        if first:
            self._show_facts()
        else:
            self._show_machine()
        self.plot.refresh(sample.time, sum(host.resident_bytes for host in sample.hosts.values()))

    def show_settings(self, settings: Settings) -> None:
        """Take in the settings in force."""
        self._settings = settings
        self.history.take(self._snapshot, settings)
        self._show_facts()

    def show_event(self, event: Event) -> None:
        """Mark an event on the plot and say it in the status line."""
        self.show_history([event])
        if event.type in ("note", "reload-offered"):
            self.warning.tell(lambda: self._show_note(event))
        if event.type not in _QUIET_EVENTS:
            self._tell(lambda: event_sentence(event), event.time)

    def _show_note(self, event: Event) -> None:
        offers = []
        if event.model_id:
            offers.append(
                Offer(self.tr("Load {model}").format(model=event.model_id), ask.Load(event.model_id))
            )
        self.warning.show_note(event_sentence(event), offers)

    def show_history(self, events: Sequence[Event]) -> None:
        """Mark events that have happened, oldest first."""
        self._events = [*self._events, *events][-_EVENTS_KEPT:]
        self.plot.show_events(self._events)

    def show_receipt(self, receipt: Receipt, time: float) -> None:
        """Say what an unload gave back."""
        self._tell(lambda: receipt_sentence(receipt), time)

    def _tell(self, sentence: Callable[[], str], time: float) -> None:
        """Say something in the status line, and again in another language when that changes."""
        self._told = (sentence, time)
        self.status.show_message(sentence(), time)

    def show_outcome(self, outcome: ask.Outcome) -> None:
        """Take in what came of a request."""
        request = outcome.request
        self.panel.take(outcome)
        if isinstance(request, ask.FindFit) and isinstance(outcome.result, ask.Fit):
            self.fits.take(request.model_id, outcome.result)
        elif isinstance(request, ask.FetchDemoModel):
            self.empty.show_fetching(False, say(outcome.problem.sentence) if outcome.problem else "")
        elif outcome.problem is not None and not isinstance(request, ask.FindForecasts | ask.FindFit):
            self._show_problem(request, outcome.problem)

    def show_folders(self, folders: Sequence[SearchedFolder]) -> None:
        """List the folders that were searched, for the first start."""
        self.empty.show_folders(folders)

    def show_closing(self) -> None:
        """Say that the program closes, and take no more requests."""
        loaded = sum(m.state.holds_host for m in self._snapshot.models) if self._snapshot else 0
        text = (
            self.tr("Closing: %n model(s) give their memory back…", "", loaded)
            if loaded
            else self.tr("Closing…")
        )
        self.status.message.setText(text)
        self.try_outs.close()
        self.setEnabled(False)

    def first_line(self) -> str:
        """The first line of the window as text."""
        if self._snapshot is None:
            return "LLM Memory"
        return first_line(self._snapshot, self._sample.machine if self._sample else None)

    def _show_facts(self) -> None:
        snapshot = self._snapshot
        if snapshot is None:
            return
        if not self.isVisible() or self.isMinimized():
            self._stale = True
            return
        self._stale = False
        self.pages.setCurrentIndex(0 if snapshot.models else 1)
        minutes = self._settings.limits.idle_minutes
        self._show_machine()
        self.table.show_snapshot(snapshot, self._settings)
        self.limits.show_limits(snapshot, minutes if minutes > 0 else None)
        self._show_current()

    def _show_machine(self) -> None:
        if self._snapshot is None or self._sample is None or not self.isVisible() or self.isMinimized():
            return
        self.headline.show_memory(self._snapshot, self._sample.machine)
        self._show_bounds()

    def _show_bounds(self) -> None:
        if self._snapshot is not None and self._sample is not None:
            drawn = self.limits.with_choice(self._snapshot)
            self.composition.show_memory(drawn, self._sample.machine)
            self.plot.show_limit(drawn.bounds.total_limit_bytes)

    def _show_current(self) -> None:
        model = self.table.current
        view = self.table.outlook_of(model) if model is not None else None
        chosen = self._settings.model(model.facts.path).parameters if model is not None else None
        self.panel.show_model(model, self._snapshot, view, chosen)
        self.actions_.suit(model, self._snapshot.models if self._snapshot else ())
        ghost = None
        if view is not None:
            ghost = Ghost(view.model_id, view.need_bytes, view.goes, view.fits)
        self._show_ghost(ghost)

    def _show_ghost(self, ghost: Ghost | None) -> None:
        self.composition.show_ghost(ghost)
        self.plot.show_ghost(ghost)

    def _show_moving_ghost(self, forecast: Forecast | None) -> None:
        model = self.table.current
        if forecast is None or model is None:
            self._show_current()
        else:
            self._show_ghost(Ghost(model.id, forecast.total_bytes, (model.id,)))

    def _current_changed(self, model_id: str | None) -> None:
        self._show_current()

    # --- requests ----------------------------------------------------------------------------------------

    def ask_load(self, model_id: str) -> None:
        """Load a model as its line says, or offer what can be done instead."""
        model = self._model(model_id)
        if model is None or self._snapshot is None:
            return
        view = self.table.outlook_of(model)
        if view is None or view.fits:
            self.requested.emit(ask.Load(model_id))
            return
        choice = LoadChoice(model, view, self._snapshot, self)
        choice.requested.connect(self.requested)
        choice.open()

    def open_try_out(self, model_id: str) -> TryOut | None:
        """Open the window in which a model can be asked something; None for a model that is not known."""
        model = self._model(model_id)
        if model is None:
            return None
        return self.try_outs.open(model)

    def _model(self, model_id: str) -> ModelSnapshot | None:
        return self._snapshot.model(model_id) if self._snapshot else None

    def _with_current(self, act: Callable[[str], object]) -> None:
        model = self.table.current
        if model is not None:
            act(model.id)

    def _activate(self, model_id: str) -> None:
        model = self._model(model_id)
        if model is not None and model.state.holds_host and model.state is not State.LOADING:
            self.open_try_out(model_id)
        elif model is not None and not model.state.holds_host:
            self.ask_load(model_id)

    def _unload(self, model_id: str) -> None:
        model = self._model(model_id)
        if model is not None and (model.state.holds_host or model.state is State.QUEUED):
            self.requested.emit(ask.Unload(model_id))

    def _reload(self, model_id: str) -> None:
        self.requested.emit(ask.Exchange((model_id,), model_id))

    def _pin(self, pinned: bool) -> None:
        self._with_current(lambda model_id: self.requested.emit(ask.SetPinned(model_id, pinned)))

    def _from_panel(self, request: ask.Request) -> None:
        if isinstance(request, ask.SetLimit):
            self.history.change_model(request)
        else:
            self.requested.emit(request)

    def _show_fits(self) -> None:
        self.table.show_fits(self.fits.found)
        self._show_current()

    def _show_problem(self, request: ask.Request, problem: ask.Problem) -> None:
        bar = self.warning
        if problem.code not in ("cancelled", "unloaded"):
            bar.tell(lambda: bar.show_problem(say(problem.sentence), offers=self._offers(request, problem)))

    def _offers(self, request: ask.Request, problem: ask.Problem) -> list[Offer]:
        """What can be done about a problem."""
        tokens = problem.numbers.get("fits_context")
        model = self._model(request.model) if isinstance(request, ask.Load) else None
        return [Offer(*smaller_load(model, int(tokens)))] if model is not None and tokens else []

    def _note(self, text: str) -> None:
        self.status.show_message(text, self._sample.time if self._sample else 0.0)

    def _add_models(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(
            self, self.tr("Add models"), "", self.tr("Models (*.gguf);;All files (*)")
        )
        for path in paths:
            self.requested.emit(ask.AddModel(path))

    def _add_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, self.tr("Search one more folder for models"))
        if path and path not in self._settings.library.folders:
            folders = (*self._settings.library.folders, path)
            self.requested.emit(ask.ChangeSettings(self._settings.with_value("library.folders", folders)))
            self.requested.emit(ask.Scan())

    # --- Qt ----------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(1366, 860)

    def showEvent(self, event: QShowEvent) -> None:
        if self.focusWidget() is None:
            self.table.view.setFocus()
        if self._stale:
            self._show_facts()
        super().showEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        elif event.type() == QEvent.Type.WindowStateChange and not self.isMinimized() and self._stale:
            self._show_facts()
        super().changeEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.closed.emit()
        event.ignore()
