"""The row of buttons at the top of the window, and the search."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QActionEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QToolButton, QWidget

from llmmem_gui.ui.actions import Actions
from llmmem_gui.ui.theme import Theme


class Toolbar(QWidget):
    """Buttons for the actions that matter most; the primary one is Load."""

    def __init__(self, theme: Theme, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self.buttons: list[QToolButton] = []
        self.search = QLineEdit()
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(150)
        self.search.setMaximumWidth(260)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._button("add_models"))
        layout.addWidget(self._button("load", _PrimaryButton(theme, "load")))
        for name in ("unload", "unload_all", "clean_up"):
            layout.addWidget(self._button(name))
        layout.addStretch(1)
        layout.addWidget(self.search, 2)
        for name in ("settings", "help"):
            button = self._button(name)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
            layout.addWidget(button)

    def _button(self, action_name: str, button: QToolButton | None = None) -> QToolButton:
        button = button or QToolButton()
        button.setDefaultAction(getattr(self._actions, action_name))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setIconSize(QSize(16, 16))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.buttons.append(button)
        return button

    def retranslate(self) -> None:
        """Write all texts in the language in force, after the actions have theirs."""
        keys = self._actions.search.shortcut().toString()
        self.search.setPlaceholderText(f"{self._actions.search.text()}  {keys}")
        self.search.setAccessibleName(self._actions.search.statusTip())
        for button in self.buttons:
            button.setAccessibleName(button.defaultAction().text().rstrip("…"))

    def go_to_search(self) -> None:
        """Put the cursor into the search."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()


class _PrimaryButton(QToolButton):
    """A button whose icon is in the colour of its text, not in that of the action's other places."""

    def __init__(self, theme: Theme, icon_name: str) -> None:
        super().__init__()
        self._theme = theme
        self._icon_name = icon_name
        self.setProperty("primary", True)

    def actionEvent(self, event: QActionEvent) -> None:
        super().actionEvent(event)  # takes the action's icon over
        self.setIcon(self._theme.icon(self._icon_name, self._theme.palette.on_accent))
