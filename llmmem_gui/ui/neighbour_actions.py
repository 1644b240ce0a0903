"""What a person does about other programs that hold models: unload, end, free everything."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QMenu, QMessageBox, QWidget

from llmmem_gui.core.neighbours import Neighbour, NeighbourModel
from llmmem_gui.core.snapshot import CacheSnapshot, State
from llmmem_gui.ui import figures
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.actions import Actions
from llmmem_gui.ui.models_table import ModelsTable
from llmmem_gui.ui.neighbour_rows import NeighbourRow
from llmmem_gui.ui.sentences import state_word


class NeighbourActions(QObject):
    """Carries out what is wished for a row about another program, and frees everything.

    Signals: `requested` with a request.
    """

    requested = Signal(object)

    def __init__(self, window: QWidget, actions: Actions, table: ModelsTable) -> None:
        super().__init__(window)
        self._window = window
        self._actions = actions
        self._table = table
        self._snapshot: CacheSnapshot | None = None
        table.neighbour_menu_asked.connect(self._open_menu)
        actions.unload.triggered.connect(self._unload_current)
        actions.free_everything.triggered.connect(self.ask_to_free)

    def take(self, snapshot: CacheSnapshot) -> None:
        """Take in how things are."""
        self._snapshot = snapshot

    def ask_to_free(self) -> None:
        """Free everything, after saying what goes and once that is meant."""
        if self._snapshot is not None:
            request = ask.FreeEverything()
            FreeQuestion(self._window, self._snapshot, lambda: self.requested.emit(request)).open()

    def unload(self, row: NeighbourRow) -> None:
        """Have the program unload the model of the row, or all that it holds; or offer to end it."""
        request = unload_of(row)
        if request is not None:
            self.requested.emit(request)
        elif row.neighbour.unloads == "ends":
            self._ask_to_end(row.neighbour)

    def _unload_current(self) -> None:
        if (row := self._table.current_neighbour) is not None:
            self.unload(row)

    def _ask_to_end(self, neighbour: Neighbour) -> None:
        request = ask.UnloadNeighbour(neighbour.id, end_process=True)

        def again() -> None:
            EndQuestion(self._window, neighbour, lambda: self.requested.emit(request), sure=True).open()

        EndQuestion(self._window, neighbour, again).open()

    def _open_menu(self, row: NeighbourRow, point: QPoint) -> None:
        menu = QMenu(self._window)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        whole = NeighbourRow(row.neighbour)
        for shown in dict.fromkeys((row, whole)):
            if (request := unload_of(shown)) is not None:
                menu.addAction(self._words(request, shown), partial(self.requested.emit, request))
        if row.neighbour.unloads == "ends":
            end = self.tr("End {program} (process {pid})…")
            text = end.format(program=row.neighbour.program, pid=row.neighbour.pid)
            menu.addAction(text, lambda: self._ask_to_end(row.neighbour))
        menu.addSeparator()
        menu.addAction(self._actions.free_everything)
        menu.popup(point)

    def _words(self, request: ask.UnloadNeighbour, row: NeighbourRow) -> str:
        if request.model is not None and row.model is not None:
            return self.tr("Unload {model}").format(model=figures.shortened(row.model.name))
        return self.tr("Unload all that {program} holds").format(program=row.neighbour.program)


def unload_of(row: NeighbourRow) -> ask.UnloadNeighbour | None:
    """What to ask so that the model of a row, or all of a program, is unloaded; None: it cannot be told."""
    neighbour, model = row.neighbour, row.model
    if not neighbour.models or neighbour.unloads not in ("models", "all"):
        return None
    named = model is not None and model.key and neighbour.unloads == "models"
    return ask.UnloadNeighbour(neighbour.id, model.key if model is not None and named else None)


def _named(model: NeighbourModel) -> str:
    """The model's name, and that it is busy: what it is doing would be cut off or waited for."""
    name = figures.shortened(model.name)
    return f"{name} ({state_word(State.BUSY)})" if model.doing == "busy" else name


class EndQuestion(QMessageBox):
    """Asks whether to end another program, by its name; `agreed` is called when that is meant.

    It is asked twice: with `sure` it says what is lost.
    """

    def __init__(
        self, parent: QWidget, neighbour: Neighbour, agreed: Callable[[], object], *, sure: bool = False
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("LLM Memory")
        self.setIcon(QMessageBox.Icon.Warning)
        program, size = neighbour.program, figures.size(neighbour.held.all_bytes)
        if sure:
            text = self.tr("Really end {program} (process {pid})?")
            more = self.tr("What it is doing is lost, and whoever uses it gets errors.")
        else:
            text = self.tr("{program} (process {pid}) cannot be told to unload what it holds.")
            more = self.tr("Only its end gives {size} back. End it?").format(size=size)
        self.setText(text.format(program=program, pid=neighbour.pid))
        self.setInformativeText(more)
        self.end = self.addButton(
            self.tr("End {program}").format(program=program), QMessageBox.ButtonRole.AcceptRole
        )
        self.stay = self.addButton(self.tr("Cancel"), QMessageBox.ButtonRole.RejectRole)
        self.setDefaultButton(self.stay)
        self.setEscapeButton(self.stay)
        self.end.clicked.connect(agreed)


class FreeQuestion(QMessageBox):
    """Says what freeing everything unloads, here and elsewhere; `agreed` is called when that is meant."""

    def __init__(self, parent: QWidget, snapshot: CacheSnapshot, agreed: Callable[[], object]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("LLM Memory")
        self.setTextFormat(Qt.TextFormat.PlainText)
        goes = [
            f"{model.facts.name}: {figures.size(model.resident_bytes)}"
            for model in snapshot.models
            if model.state.holds_host
        ]
        stays: list[str] = []
        for neighbour in snapshot.neighbours:
            if neighbour.is_resting:
                continue
            # Of a program of another user it may not be known what it holds, but that it does.
            names = ", ".join(map(_named, neighbour.models)) or self.tr("process {pid}").format(
                pid=neighbour.pid
            )
            line = f"{neighbour.program}: {names} – {figures.size(neighbour.held.all_bytes)}"
            able = unload_of(NeighbourRow(neighbour)) is not None
            (goes if able else stays).append(line)
        self.setText(self.tr("Unload every model, here and in other programs?"))
        told = ["\n".join(goes) if goes else self.tr("Nothing is loaded that can be told to go.")]
        if stays:
            told += [self.tr("These cannot be told to unload, and stay:"), "\n".join(stays)]
        self.setInformativeText("\n\n".join(told))
        self.free = self.addButton(self.tr("Free everything"), QMessageBox.ButtonRole.AcceptRole)
        self.free.setEnabled(bool(goes))
        self.stay = self.addButton(self.tr("Cancel"), QMessageBox.ButtonRole.RejectRole)
        self.setDefaultButton(self.stay)
        self.setEscapeButton(self.stay)
        self.free.clicked.connect(agreed)
