"""The menu of the tray, which is as things are also while it is closed.

It is not filled when it opens: a panel lays a menu out before it is told that the menu has changed, and then
shows it in the size it had (seen with xfce4-panel 4.18).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QEvent, QObject, Signal, SignalInstance
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, State
from llmmem_gui.core.units import GIB
from llmmem_gui.ui import figures, menus
from llmmem_gui.ui import requests as ask

_LIMITS_GIB = (2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128)
_LIMITS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a menu: `chosen` is emitted, or `entries` open beside it; without text it is a line."""

    text: str = ""
    chosen: SignalInstance | None = None
    argument: object | None = None
    """What is emitted with it, if anything."""
    entries: tuple[Entry, ...] = ()
    is_enabled: bool = True
    is_checked: bool | None = None
    """None: cannot be checked."""


class TrayMenu(QMenu):
    """Offers what is worth doing without the window.

    Signals: `requested` with a request; `open_asked`, `custom_limit_asked`, `quit_asked`; `snoozed` with
    minutes.
    """

    requested = Signal(object)
    open_asked = Signal()
    custom_limit_asked = Signal()
    quit_asked = Signal()
    snoozed = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._snapshot: CacheSnapshot | None = None
        self._line = "LLM Memory"
        self._machine_bytes = 0
        self._snoozed_until = ""
        self._is_on_bus = False
        self._write()

    def show_memory(self, snapshot: CacheSnapshot, line: str, machine_bytes: int) -> None:
        """Show this state of the cache; `line` is the first line of the window."""
        self._snapshot, self._line, self._machine_bytes = snapshot, line, machine_bytes
        self._write()

    def show_snoozed(self, until: str) -> None:
        """Show until which time of day warnings are snoozed; empty: they are not."""
        self._snoozed_until = until
        self._write()

    def draw_on_bus(self, is_on_bus: bool) -> None:
        """Write for a panel that draws the menu itself, else for Qt, which draws it for older panels."""
        self._is_on_bus = is_on_bus
        menus.empty(self)  # the same entries are written otherwise
        self._write()

    # --- what it offers ----------------------------------------------------------------------------------

    def _entries(self) -> Iterator[Entry]:
        models, _, computer = self._line.partition(" · ")
        yield Entry(models, is_enabled=False)
        if computer:
            yield Entry(computer, is_enabled=False)
        yield Entry()
        loaded = [m for m in self._snapshot.models if m.state.holds_host] if self._snapshot else []
        for model in loaded:
            yield self._of_model(model)
        if loaded:
            yield Entry()
        yield Entry(self.tr("Unload all"), self.requested, ask.UnloadAll(), is_enabled=bool(loaded))
        idle = any(model.eviction_rank is not None for model in loaded)
        yield Entry(self.tr("Clean up unused"), self.requested, ask.CleanUp(), is_enabled=idle)
        yield Entry(self.tr("Total limit"), entries=tuple(self._limits()))
        yield self._snoozing()
        yield Entry()
        yield Entry(self.tr("Open"), self.open_asked)
        yield Entry(self.tr("Quit"), self.quit_asked)

    def _snoozing(self) -> Entry:
        pauses = [(60, self.tr("1 hour")), (480, self.tr("8 hours"))]
        title = self.tr("Snooze warnings")
        if self._snoozed_until:
            pauses.append((0, self.tr("Show them again")))
            title = self.tr("Warnings are snoozed until {time}").format(time=self._snoozed_until)
        return Entry(title, entries=tuple(Entry(text, self.snoozed, minutes) for minutes, text in pauses))

    def _of_model(self, model: ModelSnapshot) -> Entry:
        can_go = model.state is not State.UNLOADING
        unload = Entry(self.tr("Unload"), self.requested, ask.Unload(model.id), is_enabled=can_go)
        name = figures.isolated(figures.shortened(model.facts.name))
        return Entry(f"{name} – {figures.size(model.resident_bytes)}", entries=(unload,))

    def _limits(self) -> Iterator[Entry]:
        now = self._snapshot.bounds.total_limit_bytes if self._snapshot else None
        fitting = [gib * GIB for gib in _LIMITS_GIB if gib * GIB <= max(self._machine_bytes, 4 * GIB)]
        for limit in fitting[-_LIMITS_SHOWN:]:
            set_limit = ask.SetLimit(None, limit)
            yield Entry(figures.chosen_size(limit), self.requested, set_limit, is_checked=limit == now)
        yield Entry()
        yield Entry(self.tr("Custom…"), self.custom_limit_asked)

    # --- how it is written -------------------------------------------------------------------------------

    def _write(self) -> None:
        self._write_into(self, tuple(self._entries()))

    def _write_into(self, menu: QMenu, entries: Sequence[Entry]) -> None:
        """Change what differs: in an open menu nothing moves as long as no model comes or goes."""
        if [_kind(action) for action in menu.actions()] != [(bool(e.text), bool(e.entries)) for e in entries]:
            self._lay_out(menu, entries)
        for action, entry in zip(menu.actions(), entries, strict=True):
            # Qt tells the panel of whatever is set, also of what is as it was.
            if not entry.text or entry == action.data():
                continue
            action.setText(self._written(entry.text))
            action.setData(entry)
            action.setEnabled(entry.is_enabled)
            action.setCheckable(entry.is_checked is not None)
            action.setChecked(bool(entry.is_checked))
            if entry.entries:
                self._write_into(_submenu(action), entry.entries)

    def _lay_out(self, menu: QMenu, entries: Sequence[Entry]) -> None:
        menus.empty(menu)
        for entry in entries:
            if not entry.text:
                menu.addSeparator()
            elif entry.entries:
                menu.addMenu(entry.text)
            else:
                action = menu.addAction(entry.text)
                action.triggered.connect(partial(_choose, action))

    def _written(self, text: str) -> str:
        """Text in which no sign marks a key, as it would in the name of a model.

        Qt makes the first ampersand an underscore for the panel and leaves the underscores that are there,
        which then mark keys too and are not seen (seen with Qt 6.11).
        """
        return text.replace("_", "__").replace("&", "&&", 1) if self._is_on_bus else text.replace("&", "&&")

    # --- Qt ----------------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        """Change the language too."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self._write()


def _kind(action: QAction) -> tuple[bool, bool]:
    return not action.isSeparator(), action.menu() is not None


def _submenu(action: QAction) -> QMenu:
    menu: QObject | None = action.menu()
    assert isinstance(menu, QMenu)
    return menu


def _choose(action: QAction, _: bool = False) -> None:
    entry: Entry = action.data()
    if entry.chosen is None:
        return
    if entry.argument is None:
        entry.chosen.emit()
    else:
        entry.chosen.emit(entry.argument)
