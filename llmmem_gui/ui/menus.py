"""What menus that are written anew again and again need."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QMenu


def empty(menu: QMenu) -> None:
    """Take everything out of a menu, its submenus too.

    `QMenu.clear` leaves submenus behind, and of each thing that it deletes PySide keeps its own half as long
    as the menu lives (seen with 6.11).
    """
    for action in menu.actions():
        submenu = action.menu()
        menu.removeAction(action)
        action.setParent(None)
        action.deleteLater()
        if isinstance(submenu, QMenu):
            empty(submenu)
            submenu.setParent(None)
            submenu.deleteLater()


def add_check(menu: QMenu, text: str, is_on: bool, changed: Callable[..., object]) -> None:
    """Add an entry with a mark; `changed` is called with whether it is marked when somebody chooses it."""
    action = menu.addAction(text)
    action.setCheckable(True)
    action.setChecked(is_on)
    action.toggled.connect(changed)
