"""The desktop program: makes every object, connects every signal, closes in order."""

from __future__ import annotations

import gc
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from PySide6.QtCore import QByteArray, QEvent, QObject, QSettings, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QMessageBox

from llmmem_gui import resources
from llmmem_gui.core.engines import EngineOverview
from llmmem_gui.core.events import Event, UnloadReceipt
from llmmem_gui.core.history import History
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.sentence import Sentence, sentence_of
from llmmem_gui.core.settings import AppearanceSettings, Settings
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.folders import Folders
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.autostart import start_at_login
from llmmem_gui.ui.end_signals import EndSignals
from llmmem_gui.ui.faults import Faults
from llmmem_gui.ui.first_size import first_size
from llmmem_gui.ui.help_dialog import HelpDialog
from llmmem_gui.ui.languages import speak
from llmmem_gui.ui.last_time import LastTime
from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.notice_bar import Notice
from llmmem_gui.ui.notifier import Notifier
from llmmem_gui.ui.plot_series import HistorySource
from llmmem_gui.ui.quitting import QuitQuestion, answers_under_way
from llmmem_gui.ui.sentences import event_sentence, say
from llmmem_gui.ui.service_thread import ServiceThread, Serving
from llmmem_gui.ui.settings_dialog import SettingsDialog
from llmmem_gui.ui.single_instance import SecondStart, SingleInstance
from llmmem_gui.ui.theme import Theme
from llmmem_gui.ui.tray import Tray
from llmmem_gui.ui.warning_views import WarningViews
from llmmem_gui.unused_memory import SETTLED_AFTER_SECONDS, keep_what_stays, trim_heap

log = logging.getLogger(__name__)

_MARKED_SECONDS = 7 * 86_400.0
"""Events of so long ago are marked on the plot, as far back as it can show."""
_FIRST_SIZE = QSize(1366, 860)
"""Of the window, where the screen has room for it."""
_BETWEEN_TRIMS_SECONDS = 30.0
"""So often free heap goes back to the system."""


def make_application(arguments: Sequence[str]) -> QApplication:
    """The one QApplication, with the names that the desktop knows the program by."""
    application = QApplication([*arguments])
    application.setApplicationName("llmmem")
    application.setApplicationDisplayName("LLM Memory")
    application.setDesktopFileName(resources.APPLICATION_ID)
    application.setWindowIcon(QIcon(str(resources.application_icon())))
    application.setQuitOnLastWindowClosed(False)
    return application


class Desktop(QObject):
    """The running desktop program.

    Signals: `ready` when the service has told its first facts, `ended` when everything is closed.
    """

    ready = Signal()
    ended = Signal()

    def __init__(
        self,
        application: QApplication,
        service: ServiceThread,
        settings: Settings,
        folders: Folders,
        *,
        look: AppearanceSettings | None = None,
    ) -> None:
        """`look` is worn instead of the one of the settings, for a picture."""
        super().__init__()
        self._look = look
        self._application = application
        self._folders = folders
        self._settings = settings
        self._snapshot: CacheSnapshot | None = None
        self._engines: EngineOverview | None = None
        self._machine_bytes = 0
        self._closing_since: float | None = None
        self._settled = False
        self._state = QSettings(str(folders.state / "window.ini"), QSettings.Format.IniFormat)
        self.last_time = LastTime(self._state)
        self._worn = look or settings.appearance
        speak(self._worn.language)
        self.theme = Theme(application, self._worn.theme)
        self.theme.model_colours.remember(self._kept_colours(), self._keep_colours)
        self.memory = HistorySource(History(), complete=False)
        self.window = MainWindow(self.theme, self.memory)
        self.window.resize(first_size(_FIRST_SIZE, application.primaryScreen().availableSize()))
        self.service = service
        self.tray = Tray(self)
        self.notifier = Notifier(self._show_by_tray, self)
        self.warnings = WarningViews(self.window, self.tray, self.notifier, self._notifies, self)
        self.faults = Faults(folders.logs / "crash.log", self)
        self.signals = EndSignals(self)
        self.instance = SingleInstance(folders.runtime, self)
        self._trimming = QTimer(self)
        self._connect()

    def _connect(self) -> None:
        service, window, tray = self.service, self.window, self.tray
        service.snapshot_taken.connect(self._take_snapshot)
        service.sampled.connect(self._take_sample)
        service.history_loaded.connect(self._take_history)
        service.happened.connect(self._take_event)
        service.unloaded.connect(self._take_receipt)
        service.settings_changed.connect(self._take_settings)
        service.engines_changed.connect(self._take_engines)
        service.concluded.connect(window.show_outcome)
        service.answered.connect(window.try_outs.take_part)
        service.answer_read.connect(window.try_outs.take_reading)
        service.answer_ended.connect(window.try_outs.take_end)
        service.serving.connect(self._take_serving)
        service.folders_searched.connect(window.show_folders)
        service.broken.connect(self._show_problem)
        service.finished.connect(self._service_ended)
        window.requested.connect(self._from_window)
        window.closed.connect(self._window_closed)
        window.quit_asked.connect(self.leave)
        window.settings_asked.connect(self.open_settings)
        window.help_asked.connect(self._open_help)
        tray.requested.connect(self._from_tray)
        tray.open_asked.connect(self.open_window)
        tray.toggle_asked.connect(self._toggle_window)
        tray.custom_limit_asked.connect(self._open_limit)
        tray.quit_asked.connect(self.leave)
        tray.available_changed.connect(self._tray_changed)
        self.notifier.requested.connect(self._from_tray)
        self.notifier.open_asked.connect(self.open_window)
        self.faults.met.connect(self._show_fault)
        self.signals.received.connect(self.quit)
        self.instance.second_start.connect(self._take_second_start)
        self.ready.connect(lambda: self._trimming.start(round(SETTLED_AFTER_SECONDS * 1000)))
        self._trimming.timeout.connect(self._trim_heap)
        self._application.aboutToQuit.connect(self._close_at_once)
        self.theme.changed.connect(window.retranslate)

    # --- life --------------------------------------------------------------------------------------------

    def start(self, files: Sequence[str] = (), *, minimized: bool = False) -> None:
        """Show the window and start the service."""
        keep_what_stays()  # of imports and of making the window there is hardly any garbage
        geometry = self._state.value("geometry")
        if isinstance(geometry, QByteArray):
            self.window.restoreGeometry(geometry)
        for name, splitter in (("left", self.window.left), ("across", self.window.across)):
            sizes = self._state.value(name)
            if isinstance(sizes, QByteArray):
                splitter.restoreState(sizes)
        self.window.plot.restore_activity(str(self._state.value("activity", "")))
        if not minimized:
            self.window.show()
        elif not self.tray.is_available:
            # Hidden without a tray it could not be found again.
            self.window.showMinimized()
        self.service.start()
        self.load_files(files)

    def load_files(self, files: Sequence[str]) -> None:
        """Load the models in these files."""
        for file in files:
            self._from_window(ask.Load(str(Path(file).absolute())))

    def leave(self) -> None:
        """Quit as a person asks for it: not while somebody is answered, unless that is meant."""
        answers = answers_under_way(self._snapshot)
        if answers and self._closing_since is None:
            self.open_window()
            QuitQuestion(self.window, answers, self.quit).open()
        else:
            self.quit()

    def quit(self) -> None:
        """Close everything in order; the window shows that it closes while hosts end."""
        if self._closing_since is not None:
            return
        self._closing_since = time.monotonic()
        log.info("closing")
        self.last_time.end()
        self._remember_window()
        self.window.show_closing()
        self.instance.close()
        self.notifier.close()
        self.tray.close()
        if self.service.isRunning():
            self.service.stop()
        else:
            self._service_ended()

    def _service_ended(self) -> None:
        if self._closing_since is None:
            # The service could not start or broke: the window says why until it is closed.
            return
        log.info("closed the service in %.0f ms", (time.monotonic() - self._closing_since) * 1000)
        self.window.hide()
        self.ended.emit()
        self._application.quit()

    def _close_at_once(self) -> None:
        """The session or the display ends: nothing may be left behind."""
        if self.service.isRunning():
            self.service.stop()
            self.service.wait(5000)

    def release(self) -> None:
        """Give back what outlives the event loop; after `ended`."""
        self.signals.close()
        self.faults.close()
        self._state.sync()
        gc.unfreeze()
        # The items of the plot crash the interpreter when it takes them apart by itself, in any order.
        self.window.deleteLater()
        self._application.sendPostedEvents(self.window, QEvent.Type.DeferredDelete)

    def _remember_window(self) -> None:
        self._state.setValue("geometry", self.window.saveGeometry())
        self._state.setValue("left", self.window.left.saveState())
        self._state.setValue("across", self.window.across.saveState())
        self._state.setValue("activity", self.window.plot.activity_state)

    def _kept_colours(self) -> dict[str, int]:
        try:
            return msgspec.json.decode(str(self._state.value("colours", "{}")), type=dict[str, int])
        except msgspec.DecodeError:
            return {}  # a damaged file costs the colours and nothing else

    def _keep_colours(self, places: dict[str, int]) -> None:
        self._state.setValue("colours", msgspec.json.encode(places).decode())

    def _trim_heap(self) -> None:
        gc.collect()  # or what refers to itself lies about until many thousand more have come
        trim_heap()
        if not self._settled:
            self._settled = True
            keep_what_stays()
        self._trimming.start(round(_BETWEEN_TRIMS_SECONDS * 1000))

    # --- facts -------------------------------------------------------------------------------------------

    def _take_snapshot(self, snapshot: CacheSnapshot) -> None:
        first = self._snapshot is None
        self._snapshot = snapshot
        self.window.show_snapshot(snapshot)
        self.tray.show_memory(snapshot, self.window.first_line(), self._machine_bytes)
        self.warnings.take(snapshot)
        self.last_time.take(snapshot)
        if first:
            self.window.announcements.offer_again(self.last_time.loaded, cut_off=self.last_time.was_cut_off)
            self.ready.emit()

    def _take_sample(self, sample: Sample) -> None:
        self._machine_bytes = sample.machine.total_bytes
        limit = self._snapshot.bounds.total_limit_bytes if self._snapshot else None
        self.memory.history.append(sample, limit)
        self.window.show_sample(sample)

    def _take_history(self, history: History) -> None:
        self.memory.history, self.memory.complete = history, True
        now = time.time()
        self.window.show_history(history.events(now - _MARKED_SECONDS, now))

    def _take_event(self, event: Event) -> None:
        self.window.show_event(event)
        self.warnings.take_event(event)
        if event.type == "host-died" and (self.window.isHidden() or self.window.isMinimized()):
            # In the window it stands in the row and on the plot; nobody sees it there now.
            text = event_sentence(event, self.window.names.of)
            self._show_by_tray(self.tr("A model ended by itself"), text, False)

    def _take_receipt(self, receipt: UnloadReceipt) -> None:
        self.window.show_receipt(receipt, time.time())

    def _take_settings(self, settings: Settings) -> None:
        wanted = settings.appearance.start_at_login
        if wanted != self._settings.appearance.start_at_login:
            self._start_at_login(wanted)
        self._settings = settings
        self.window.show_settings(settings)
        if self._look is None:
            self.wear(settings.appearance)

    def _start_at_login(self, wanted: bool) -> None:
        try:
            start_at_login(self._folders.autostart, wanted)
        except OSError as error:
            self._show_problem(sentence_of(error))

    def _take_engines(self, engines: EngineOverview) -> None:
        self._engines = engines

    def wear(self, look: AppearanceSettings) -> None:
        """Put a theme and a language on."""
        before, self._worn = self._worn, look
        if look.theme != before.theme:
            self.theme.choose(look.theme)
        if look.language != before.language:
            speak(look.language)

    def _take_serving(self, serving: Serving) -> None:
        self.window.status.show_api(serving.url, serving.key)
        notice = serving.notice
        if notice:
            self.window.announcements.tell(lambda: Notice(say(notice)), about="API")

    def _show_problem(self, sentence: Sentence) -> None:
        self.window.announcements.tell(lambda: Notice(say(sentence), "critical"), about="service")

    def _show_fault(self, text: str, details: str) -> None:
        self.window.announcements.tell(lambda: Notice(text, "critical", details=details), about="fault")

    def _notifies(self) -> bool:
        return self._settings.warnings.desktop_notifications

    def _show_by_tray(self, title: str, text: str, critical: bool) -> None:
        self.tray.show_message(title, text, level="critical" if critical else "warning")

    # --- the window and the tray -------------------------------------------------------------------------

    def _from_window(self, request: ask.Request) -> None:
        self.service.carry_out(request, "window")

    def _from_tray(self, request: ask.Request) -> None:
        self.service.carry_out(request, "tray")

    def open_window(self) -> None:
        """Show the window above all others."""
        if self.window.isMinimized():
            self.window.showNormal()
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()

    def _toggle_window(self) -> None:
        if self.window.isVisible() and self.window.isActiveWindow():
            self.window.hide()
        else:
            self.open_window()

    def _window_closed(self) -> None:
        # Asked now and not at the start: a tray may come late and go early.
        if self._settings.appearance.keep_in_tray and self.tray.is_available:
            self._remember_window()
            self.window.hide()
            self._tell_of_tray_once()
        elif self._settings.appearance.keep_in_tray and not self._state.value("told-no-tray"):
            self._tell_no_tray()
        else:
            self.leave()

    def _tell_of_tray_once(self) -> None:
        if not self._state.value("told-tray"):
            self._state.setValue("told-tray", True)
            text = self.tr("LLM Memory goes on in the tray: its icon there opens the window and quits.")
            self.tray.show_message("LLM Memory", text, level="calm")

    def _tell_no_tray(self) -> None:
        box = QMessageBox(
            QMessageBox.Icon.Information, "LLM Memory", self.no_tray_sentence(), parent=self.window
        )
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setInformativeText(
            self.tr("Closing the window therefore quits the program and unloads all models.")
        )
        box.setStandardButtons(QMessageBox.StandardButton.Ok | QMessageBox.StandardButton.Cancel)
        box.button(QMessageBox.StandardButton.Ok).setText(self.tr("Quit"))
        box.accepted.connect(self._quit_without_tray)
        box.open()

    def _quit_without_tray(self) -> None:
        self._state.setValue("told-no-tray", True)
        self.quit()

    def no_tray_sentence(self) -> str:
        """Why the program cannot stay in the tray."""
        return self.tr("This desktop shows no tray icons; on GNOME the AppIndicator extension adds them.")

    def _tray_changed(self, available: bool) -> None:
        if not available and not self.window.isVisible() and self._closing_since is None:
            # The tray died and the window was hidden: without this the program could not be found again.
            self.window.showMinimized()

    def _open_limit(self) -> None:
        self.open_window()
        self.window.limits.limit.edit.setFocus()
        self.window.limits.limit.edit.selectAll()

    def _take_second_start(self, start: SecondStart) -> None:
        if start.activation_token:
            os.environ["XDG_ACTIVATION_TOKEN"] = start.activation_token
        self.open_window()
        self.load_files(start.files)

    # --- dialogs -----------------------------------------------------------------------------------------

    def open_settings(self) -> SettingsDialog:
        """Open the settings."""
        problem = "" if self.tray.is_available else self.no_tray_sentence()
        dialog = SettingsDialog(
            self.theme,
            self._settings,
            self._machine_bytes,
            self.window,
            tray_problem=problem,
            engines=self._engines,
        )
        dialog.chosen.connect(self._change_settings)
        dialog.requested.connect(self._from_window)
        self.service.engines_changed.connect(dialog.show_engines)
        self.service.concluded.connect(dialog.engines.take_outcome)
        dialog.open()
        return dialog

    def _change_settings(self, changes: Mapping[str, object]) -> None:
        self._from_window(ask.ChangeSettings(changes))
        if any(name.startswith("library.") for name in changes):
            self._from_window(ask.Scan())

    def _open_help(self) -> None:
        logs = self._folders.logs
        dialog = HelpDialog(self.window.actions_, self.window, engines=self._engines, logs=logs)
        self.service.engines_changed.connect(dialog.show_engines)
        dialog.open()
