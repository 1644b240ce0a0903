"""The row of buttons at the top of the window, and the search."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QToolButton, QWidget

from llmmem_gui.ui.actions import Actions
from llmmem_gui.ui.theme import Theme


class Toolbar(QWidget):
    """Buttons for the actions that matter most; the primary one is Load."""

    def __init__(self, theme: Theme, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
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
        self._load = self._button("load")
        self._load.setProperty("primary", True)
        layout.addWidget(self._load)
        for name in ("unload", "unload_all", "clean_up"):
            layout.addWidget(self._button(name))
        layout.addStretch(1)
        layout.addWidget(self.search, 2)
        layout.addWidget(self._button("settings", icon_only=True))
        layout.addWidget(self._button("help", icon_only=True))

    def _button(self, action_name: str, *, icon_only: bool = False) -> QToolButton:
        button = QToolButton()
        button.setDefaultAction(getattr(self._actions, action_name))
        style = Qt.ToolButtonStyle
        button.setToolButtonStyle(style.ToolButtonIconOnly if icon_only else style.ToolButtonTextBesideIcon)
        button.setIconSize(QSize(16, 16))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.buttons.append(button)
        return button

    def retranslate(self) -> None:
        """Write all texts in the language in force, after the actions have theirs."""
        keys = self._actions.search.shortcut().toString()
        self.search.setPlaceholderText(f"{self._actions.search.text()}  {keys}")
        self.search.setAccessibleName(self._actions.search.statusTip())
        self._load.setIcon(self._theme.icon("load", self._theme.palette.on_accent))
        for button in self.buttons:
            button.setAccessibleName(button.defaultAction().text().rstrip("…"))

    def go_to_search(self) -> None:
        """Put the cursor into the search."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()
