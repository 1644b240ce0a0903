"""The main window: lays the views out, gives each its facts, and gathers their requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from llmmem_gui.core.events import Event, UnloadReceipt
from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.neighbours import held_by_program, recorded_as
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, State
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.actions import Actions
from llmmem_gui.ui.announcements import Announcements
from llmmem_gui.ui.composition import Ghost
from llmmem_gui.ui.composition_bar import CompositionBar
from llmmem_gui.ui.device_bars import DeviceBars
from llmmem_gui.ui.empty_state import EmptyState, SearchedFolder
from llmmem_gui.ui.event_list import EventList
from llmmem_gui.ui.fits import Fits
from llmmem_gui.ui.headline import Headline, first_line
from llmmem_gui.ui.library_actions import LibraryActions
from llmmem_gui.ui.limits_panel import LimitsPanel
from llmmem_gui.ui.load_choice import LoadChoice
from llmmem_gui.ui.memory_bars import MemoryBars
from llmmem_gui.ui.memory_plot import MemoryPlot
from llmmem_gui.ui.model_names import ModelNames
from llmmem_gui.ui.model_panel import ModelPanel
from llmmem_gui.ui.models_table import ModelsTable
from llmmem_gui.ui.neighbour_actions import NeighbourActions
from llmmem_gui.ui.neighbour_panel import NeighbourPanel
from llmmem_gui.ui.notices import Notices
from llmmem_gui.ui.plot_series import PlotSource
from llmmem_gui.ui.sampling_bar import SamplingBar
from llmmem_gui.ui.sentences import event_sentence, receipt_sentence, say
from llmmem_gui.ui.status_line import StatusLine
from llmmem_gui.ui.theme import Theme
from llmmem_gui.ui.toolbar import Toolbar
from llmmem_gui.ui.try_out import TryOut
from llmmem_gui.ui.try_outs import TryOuts
from llmmem_gui.ui.turns import Turns
from llmmem_gui.ui.undo import LimitHistory
from llmmem_gui.ui.window_layout import WindowLayout

_QUIET_EVENTS = ("model-unloaded", "model-unloading", "note")
"""Events that the status line does not repeat: a receipt or nothing follows."""
_EVENTS_KEPT = 2000


class MainWindow(QWidget):
    """Shows everything and asks for what the person wants.

    Signals: `requested` with a request; `settings_asked`, `help_asked`, `quit_asked`; `closed` when the
    person closed the window; `snoozed` with minutes; `retranslated`
    when all texts were written anew.
    """

    requested = Signal(object)
    settings_asked = Signal()
    help_asked = Signal()
    quit_asked = Signal()
    closed = Signal()
    snoozed = Signal(int)
    retranslated = Signal()

    def __init__(self, theme: Theme, source: PlotSource, parent: QWidget | None = None) -> None:
        super().__init__(parent, windowTitle="LLM Memory")
        self.setObjectName("window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.theme = theme
        self._snapshot: CacheSnapshot | None = None
        self._sample: Sample | None = None
        self._settings = Settings()
        self._events: list[Event] = []
        self.names = ModelNames()
        self.fits = Fits(self)
        self._stale = True
        self._turns = Turns(self)
        self._told: tuple[Callable[[], str], float] | None = None
        self.actions_ = Actions(theme, self)
        self.history = LimitHistory(self)
        self.try_outs = TryOuts(self.theme, self)
        self._make_views(source)
        self._lay_out()
        self._connect()
        for write in self._texts():
            write()

    # --- building ----------------------------------------------------------------------------------------

    def _make_views(self, source: PlotSource) -> None:
        self.toolbar = Toolbar(self.theme, self.actions_)
        self.headline = Headline()
        self.composition = CompositionBar(self.theme, self.names.of)
        self.devices = DeviceBars(self.theme, self.names.of)
        self.notices = Notices(self.theme)
        self.announcements = Announcements(self.notices, self)
        self.sampling = SamplingBar(self.theme)
        self.plot = MemoryPlot(self.theme, source, self.names.of)
        self.event_list = EventList(self._name_of, self, clear_of=self.plot)
        self.table = ModelsTable(self.theme)
        self.panel = ModelPanel(self.theme)
        self.neighbour_panel = NeighbourPanel(self.theme, self.actions_)
        self._beside = QStackedWidget()
        self._beside.addWidget(self.panel)
        self._beside.addWidget(self.neighbour_panel)
        self.limits = LimitsPanel(self.theme)
        self.empty = EmptyState(self.theme, self.actions_)
        self.status = StatusLine(self.theme, self.actions_)
        self.library = LibraryActions(self, self.actions_, self.table, self.announcements)
        self.neighbours = NeighbourActions(self, self.actions_, self.table)

    def _lay_out(self) -> None:
        self._arranged = arranged = WindowLayout(
            self,
            toolbar=self.toolbar,
            summary=(self.headline, MemoryBars(self.composition, self.devices)),
            banners=(self.notices, self.sampling),
            plot=self.plot,
            table=self.table,
            panel=self._beside,
            limits=self.limits,
            empty=self.empty,
            status=self.status,
        )
        self.left, self.across, self.pages = arranged.left, arranged.across, arranged.pages
        self.plot.height_wanted.connect(arranged.give_plot)

    def _connect(self) -> None:
        act = self.actions_
        undo = self.history.stack.createUndoAction(self)
        undo.setShortcut("Ctrl+Z")
        redo = self.history.stack.createRedoAction(self)
        redo.setShortcut("Ctrl+Shift+Z")
        self.addActions([*act.all(), undo, redo])
        act.doze.triggered.connect(lambda: self._with_current(lambda id: self.requested.emit(ask.Doze(id))))
        act.events.triggered.connect(lambda: self.event_list.open_for(None))
        act.events_of.triggered.connect(lambda: self._with_current(self.event_list.open_for))
        act.try_out.triggered.connect(lambda: self._with_current(self.open_try_out))
        act.search.triggered.connect(self.toolbar.go_to_search)
        act.settings.triggered.connect(self.settings_asked)
        act.help.triggered.connect(self.help_asked)
        act.close.triggered.connect(self.close)
        act.quit.triggered.connect(self.quit_asked)
        self.table.filter_by(self.toolbar.search)
        self.table.current_changed.connect(lambda _: self._show_current())
        self.table.selection_changed.connect(self._suit_actions)
        self.table.activated.connect(self._activate)
        self.table.cancel_asked.connect(self._unload)
        self.table.menu_asked.connect(lambda _, point: self.actions_.open_menu(self, point))
        self.table.fit_wanted.connect(self.fits.want)
        self.table.warmths.changed.connect(self._show_current)
        self.fits.changed.connect(self._show_fits)
        self.panel.requested.connect(self._from_panel)
        self.panel.load_asked.connect(self.ask_load)
        self.panel.reload_asked.connect(self._reload)
        self.panel.try_asked.connect(self.open_try_out)
        self.panel.ghosted.connect(self._show_moving_ghost)
        self.limits.previewed.connect(self._show_bounds)
        self.limits.limit_chosen.connect(self.history.change_total)
        self.limits.gpu_limit_chosen.connect(self.history.change_gpu)
        self.limits.reserve_chosen.connect(self.history.change_reserve)
        self.limits.idle_chosen.connect(self.history.change_idle)
        asking = (self.fits, self.table.warmths, self.limits, self.history, self.try_outs, self.library)
        for view in (*asking, self.neighbours, self.neighbour_panel):
            view.requested.connect(self.requested)
        self.neighbour_panel.unload_asked.connect(self.neighbours.unload)
        self.library.load_asked.connect(self.ask_load)
        self.notices.requested.connect(self._from_notice)
        self.notices.snoozed.connect(self.snoozed)
        self.announcements.noted.connect(self._note)
        self.notices.left.connect(self.table.view.setFocus)
        self.status.snoozed.clicked.connect(lambda: self.snoozed.emit(0))
        self.event_list.moment_chosen.connect(self.plot.show_moment)
        self.plot.note.connect(self._note)
        for handle in (self.plot, self.composition, self.devices):
            handle.limit_dragged.connect(self.limits.drag_limit)
            handle.limit_dropped.connect(self.limits.drop_limit)
        self.empty.demo.clicked.connect(lambda: self.requested.emit(ask.FetchDemoModel()))

    def retranslate(self) -> None:
        """Write all texts in the language and draw all icons in the colours in force, view by view."""
        self._turns.begin(self._texts())

    def _texts(self) -> list[Callable[[], None]]:
        beside = (self.try_outs, self.event_list, self.sampling, self.neighbour_panel)
        views = (self.plot, self.table, self.panel, self.limits, self.empty, self.status, self.notices)
        written = (self.actions_, self.toolbar, *beside, *views)
        return [*(view.retranslate for view in written), self._tell_again]

    def _tell_again(self) -> None:
        if self._told is not None:
            self.status.show_message(self._told[0](), self._told[1])
        self._stale = True
        self._show_facts()
        self.retranslated.emit()

    # --- facts -------------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> CacheSnapshot | None:
        """The newest snapshot."""
        return self._snapshot

    def show_snapshot(self, snapshot: CacheSnapshot) -> None:
        """Show this state of the cache."""
        self._snapshot = snapshot
        self.names.take(snapshot.models)
        programs = [recorded_as(program) for program in held_by_program(snapshot.neighbours)]
        seen = [model.id for model in snapshot.models if model.resident_bytes]
        self.theme.model_colours.take((*seen, *programs))
        self.history.take(snapshot, self._settings)
        self.announcements.take(snapshot)
        self.neighbours.take(snapshot)
        self.sampling.show_health(snapshot.sampling)
        self.try_outs.show_snapshot(snapshot)
        self._show_facts()

    def show_sample(self, sample: Sample) -> None:
        """Draw the newest readings in the plot, whose source has taken them in already.

        The rest of the window shows them with the snapshot that follows each sample.
        """
        self._sample = sample
        self.limits.show_machine(sample.machine)
        self.panel.show_machine_bytes(sample.machine.total_bytes)
        self.plot.show_measured(sample)
        self.plot.refresh(sample.time, {id: host.resident_bytes for id, host in sample.hosts.items()})

    def show_settings(self, settings: Settings) -> None:
        """Take in the settings in force."""
        self._settings = settings
        self.history.take(self._snapshot, settings)
        self._show_facts()

    def show_event(self, event: Event) -> None:
        """Mark an event on the plot and say it in the status line."""
        self.show_history([event])
        self.announcements.take_event(event)
        if event.type not in _QUIET_EVENTS:
            self._tell(lambda: event_sentence(event, self.names.of), event.time)

    def show_history(self, events: Sequence[Event]) -> None:
        """Mark events that have happened, oldest first."""
        self._events = [*self._events, *events][-_EVENTS_KEPT:]
        self.plot.show_events(self._events)
        self.event_list.add(events)

    def show_receipt(self, receipt: UnloadReceipt, time: float) -> None:
        """Say what an unload gave back."""
        self._tell(lambda: receipt_sentence(receipt, self.names.of), time)
        self.history.take_receipt(receipt)
        self.announcements.take_receipt(receipt)

    def _tell(self, sentence: Callable[[], str], time: float) -> None:
        """Say something in the status line, and again in another language when that changes."""
        self._told = (sentence, time)
        self.status.show_message(sentence(), time)

    def show_outcome(self, outcome: ask.Outcome) -> None:
        """Take in what came of a request."""
        request = outcome.request
        self.panel.take(outcome)
        self.library.take(outcome)
        self.table.warmths.take(outcome)
        if isinstance(request, ask.FindFit) and isinstance(outcome.result, ask.Fit):
            self.fits.take(request, outcome.result)
        elif isinstance(request, ask.PreviewLimits):
            self.limits.take(outcome)
        elif isinstance(request, ask.FetchDemoModel):
            self.empty.show_fetching(False, say(outcome.problem.sentence) if outcome.problem else "")
        elif outcome.problem is not None and not isinstance(request, ask.Find):
            self.announcements.take_problem(request, outcome.problem)

    def show_folders(self, folders: Sequence[SearchedFolder]) -> None:
        """List the folders that were searched, for the first start."""
        self.empty.show_folders(folders)

    def show_closing(self) -> None:
        """Say that the program closes, and take no more requests."""
        loaded = sum(m.state.holds_host for m in self._snapshot.models) if self._snapshot else 0
        giving = self.tr("Closing: %n model(s) give their memory back…", "", loaded)
        self.status.message.setText(giving if loaded else self.tr("Closing…"))
        self.try_outs.close()
        self.event_list.close()
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
        if self._sample is not None:
            self.headline.show_memory(snapshot, self._sample.machine)
            self._show_bounds()
        self.table.show_snapshot(snapshot, self._settings)
        self.limits.show_limits(snapshot, minutes if minutes > 0 else None)
        self._show_current()

    def _show_bounds(self) -> None:
        if self._snapshot is not None and self._sample is not None:
            drawn = self.limits.with_choice(self._snapshot)
            self.composition.show_memory(drawn, self._sample.machine)
            self.devices.show_memory(drawn)
            self.plot.show_limit(drawn.bounds.total_limit_bytes)
            self.plot.show_pools(drawn)
            self.plot.show_machine(self._sample.machine.total_bytes, drawn.bounds.reserve_bytes)

    def _show_current(self) -> None:
        model, row = self.table.current, self.table.current_neighbour
        if row is not None and self._snapshot is not None:
            self.neighbour_panel.show_row(row, self._snapshot, self._settings)
        self._beside.setCurrentIndex(0 if row is None else 1)
        view = self._snapshot.outlook(model) if self._snapshot and model else None
        fit = self.fits.of(model, view) if model else None
        self.panel.show_model(model, self._snapshot, fit, self.table.warmths.of(model.id) if model else None)
        self._suit_actions()
        self._show_ghost(Ghost.of(self._snapshot, model, view) if self._snapshot and model and view else None)
        self.plot.show_chosen(model.id if model else None, model.limit_bytes if model else None)

    def _suit_actions(self) -> None:
        models = self._snapshot.models if self._snapshot else ()
        self.actions_.suit(self.table.current, models, self.table.selected)
        if models and (row := self.table.current_neighbour) is not None:
            self.actions_.unload.setEnabled(row.neighbour.unloads != "never")

    def _show_ghost(self, ghost: Ghost | None) -> None:
        self.composition.show_ghost(ghost)
        self.devices.show_ghost(ghost)
        self.plot.show_ghost(ghost)

    def _show_moving_ghost(self, forecast: Forecast | None) -> None:
        model = self.table.current
        if forecast is None or model is None or self._snapshot is None:
            self._show_current()
        else:
            self._show_ghost(Ghost.again(self._snapshot, model, forecast))

    # --- requests ----------------------------------------------------------------------------------------

    def ask_load(self, model_id: str) -> None:
        """Load a model as its line says, or offer what can be done instead."""
        model = self._model(model_id)
        if model is None or self._snapshot is None:
            return
        view = self._snapshot.outlook(model)
        if view is None or view.fits:
            self.requested.emit(ask.Load(model_id))
        else:
            choice = LoadChoice(model, view, self._snapshot, self.fits.of(model, view), self)
            choice.requested.connect(self.requested)
            choice.open()

    def open_try_out(self, model_id: str) -> TryOut | None:
        """Open the window in which a model can be asked something; None for a model that is not known."""
        model = self._model(model_id)
        if model is None:
            return None
        return self.try_outs.open(model)

    def _name_of(self, model_id: str) -> str:
        model = self._model(model_id)
        return model.facts.name if model is not None else model_id

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

    def _from_notice(self, request: ask.Request) -> None:
        if not (isinstance(request, ask.Restore) and self.history.take_back(request.models)):
            self.requested.emit(request)

    def _from_panel(self, request: ask.Request) -> None:
        if isinstance(request, ask.SetLimit):
            self.history.change_model(request)
        else:
            self.requested.emit(request)

    def _show_fits(self) -> None:
        self.table.show_fits(self.fits.of)
        self._show_current()

    def _note(self, text: str) -> None:
        self.status.show_message(text, self._sample.time if self._sample else 0.0)

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
