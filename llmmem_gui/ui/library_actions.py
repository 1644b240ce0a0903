"""What a person does with the list of models: add, drop, load, unload, pin, rename, remove."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QDropEvent
from PySide6.QtWidgets import QInputDialog, QWidget

from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.snapshot import ModelSnapshot
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.actions import Actions, is_held
from llmmem_gui.ui.announcements import Announcements
from llmmem_gui.ui.choose_files import add_folder, add_models
from llmmem_gui.ui.models_table import ModelsTable
from llmmem_gui.ui.notice_bar import Notice, Offer


class LibraryActions(QObject):
    """Carries out the actions about the list, and says what came of them.

    Signals: `requested` with a request; `load_asked` with the id of a model to load.
    """

    requested = Signal(object)
    load_asked = Signal(str)

    def __init__(
        self, window: QWidget, actions: Actions, table: ModelsTable, announcements: Announcements
    ) -> None:
        super().__init__(window)
        self._window = window
        self._table = table
        self._announcements = announcements
        self._added: dict[str, ModelFile] = {}
        """What was added lately, by id."""
        self._removing: dict[str, ModelFile] = {}
        self._removed: dict[str, ModelFile] = {}
        """What was taken out of the list lately, by id."""
        table.removal_asked.connect(lambda _: self._delete(actions))
        actions.add_models.triggered.connect(lambda: add_models(window, self.requested.emit))
        actions.add_folder.triggered.connect(lambda: add_folder(window, self.requested.emit))
        actions.rescan.triggered.connect(lambda: self.requested.emit(ask.Scan()))
        actions.load.triggered.connect(self._load)
        actions.unload.triggered.connect(self._unload)
        actions.unload_all.triggered.connect(self._unload_all)
        actions.clean_up.triggered.connect(lambda: self.requested.emit(ask.CleanUp()))
        actions.pin.triggered.connect(self._pin)
        actions.remove.triggered.connect(self._remove)
        actions.rename.triggered.connect(lambda: self._with_current(self._ask_for_name))
        actions.show_in_folder.triggered.connect(lambda: self._with_current(_open_folder))
        actions.load_at_start.triggered.connect(self._load_at_start)
        actions.show_hidden.toggled.connect(table.show_hidden)
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    # --- adding ------------------------------------------------------------------------------------------

    def add(self, paths: Sequence[str]) -> None:
        """Take files into the list; folders are searched from now on."""
        for path in paths:
            if os.path.isdir(path):
                self.requested.emit(ask.AddFolder(path))
            else:
                self.requested.emit(ask.AddModel(path))
        if any(os.path.isdir(path) for path in paths):
            self.requested.emit(ask.Scan())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take files that are dragged onto the window."""
        if event.type() in (QEvent.Type.DragEnter, QEvent.Type.Drop) and isinstance(event, QDropEvent):
            paths = _local_paths(event.mimeData())
            if paths:
                event.setDropAction(Qt.DropAction.CopyAction)
                event.accept()
                if event.type() == QEvent.Type.Drop:
                    self.add(paths)
                return True
        return super().eventFilter(watched, event)

    # --- what came of it ---------------------------------------------------------------------------------

    def take(self, outcome: ask.Outcome) -> None:
        """Say what was added or found, and choose the new row."""
        request, result = outcome.request, outcome.result
        if isinstance(request, ask.AddModel | ask.FetchDemoModel) and isinstance(result, ModelFile):
            self._added[result.id] = result
            self._table.choose(result.id)
            self._announcements.tell_for_a_while(self._say_added, about="added", over=self._added.clear)
        elif isinstance(request, ask.Scan) and isinstance(result, tuple):
            self._announcements.noted.emit(self.tr("%n model(s) found", "", len(result)))
        elif isinstance(request, ask.ListAgain):
            self._removed.clear()
        elif isinstance(request, ask.RemoveModel):
            file = self._removing.pop(request.model_id, None)
            if outcome.problem is None and file is not None:
                self._removed[file.id] = file
                self._announcements.tell_for_a_while(
                    self._say_removed, about="removed", over=self._removed.clear
                )

    def _say_added(self) -> Notice | None:
        files = list(self._added.values())
        if len(files) == 1:
            offer = Offer(self.tr("Load {model}").format(model=files[0].name), ask.Load(files[0].id))
            return Notice(self.tr("Added {model}.").format(model=files[0].name), "good", (offer,))
        return Notice(self.tr("Added %n models.", "", len(files)), "good")

    def _say_removed(self) -> Notice | None:
        files = list(self._removed.values())
        if not files:
            return None
        if len(files) == 1:
            said = self.tr("Removed {model} from the list; its file is where it was.")
            text = said.format(model=files[0].name)
        else:
            text = self.tr(
                "Removed %n models from the list; their files are where they were.", "", len(files)
            )
        back = ask.ListAgain(tuple(file.path for file in files))
        return Notice(text, "good", (Offer(self.tr("Undo"), back),))

    # --- what is in the list -----------------------------------------------------------------------------

    def _with_current(self, act: Callable[[ModelSnapshot], object]) -> None:
        if self._table.current is not None:
            act(self._table.current)

    def _load(self) -> None:
        for model in self._table.selected:
            if not is_held(model) and model.facts.error is None:
                self.load_asked.emit(model.id)

    def _unload(self) -> None:
        for model in self._table.selected:
            if is_held(model):
                self.requested.emit(ask.Unload(model.id))

    def _pin(self, pinned: bool) -> None:
        for model in self._table.selected:
            self.requested.emit(ask.SetPinned(model.id, pinned))

    def _remove(self) -> None:
        for model in self._table.selected:
            self._removing[model.id] = model.facts
            self.requested.emit(ask.RemoveModel(model.id))

    def _delete(self, actions: Actions) -> None:
        """Unload what is chosen; when it holds no memory, take it out of the list."""
        if actions.unload.isEnabled():
            self._announcements.offer_back(m.id for m in self._table.selected if m.state.holds_host)
            actions.unload.trigger()
        else:
            actions.remove.trigger()

    def _unload_all(self) -> None:
        """Unload everything: one press, which may have been meant for one of them."""
        self._announcements.offer_back(m.id for m in self._table.rows.loaded)
        self.requested.emit(ask.UnloadAll())

    def _load_at_start(self, wanted: bool) -> None:
        for model in self._table.selected:
            self.requested.emit(ask.ChangeModel(model.id, {"load_at_start": wanted}))

    def _ask_for_name(self, model: ModelSnapshot) -> None:
        dialog = QInputDialog(self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(self.tr("Rename"))
        dialog.setLabelText(
            self.tr("Name of {model} in the list; empty: as its file says").format(model=model.id)
        )
        dialog.setTextValue(model.facts.name)
        dialog.textValueSelected.connect(
            lambda name: self.requested.emit(ask.ChangeModel(model.id, {"name": name.strip()[:200]}))
        )
        dialog.open()


def _local_paths(data: QMimeData) -> list[str]:
    return [url.toLocalFile() for url in data.urls() if url.isLocalFile()]


def _open_folder(model: ModelSnapshot) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(os.path.dirname(model.facts.path)))
