"""The row of buttons at the top of the window, and the search."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QActionEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QToolButton, QWidget

from llmmem_gui.ui.actions import Actions
from llmmem_gui.ui.theme import Theme


class Toolbar(QWidget):
    """Buttons for the actions that matter most; the primary one is Load.

    Where there is no room for words the others show their icons only.
    """

    def __init__(self, theme: Theme, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self.buttons: list[QToolButton] = []
        self._lesser: list[QToolButton] = []
        self._width_with_words = self._width_of_icons = 0
        self.search = _Search()
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(150)
        self.search.setMaximumWidth(260)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._button("add_models"))
        self._more_of(self.buttons[-1], "add_folder")
        layout.addWidget(self._button("load", _PrimaryButton(theme, "load")))
        for name in ("unload", "unload_all", "clean_up"):
            layout.addWidget(self._button(name))
        self._more_of(self.buttons[-2], "free_everything")
        self._lesser = [self.buttons[0], *self.buttons[2:]]
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

    def _more_of(self, button: QToolButton, action_name: str) -> None:
        """Let an arrow beside a button open a menu with one more action."""
        menu = QMenu(button)
        menu.addAction(getattr(self._actions, action_name))
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)

    def retranslate(self) -> None:
        """Write all texts in the language in force, after the actions have theirs."""
        keys = self._actions.search.shortcut().toString()
        self.search.setPlaceholderText(f"{self._actions.search.text()}  {keys}")
        self.search.setAccessibleName(self._actions.search.statusTip())
        for button in self.buttons:
            button.setAccessibleName(button.defaultAction().text().rstrip("…"))
        self._show_words(False)
        self._width_of_icons = super().minimumSizeHint().width()
        self._show_words(True)
        self._width_with_words = super().minimumSizeHint().width()
        self._show_words(self.width() >= self._width_with_words)
        self.updateGeometry()

    def _show_words(self, shown: bool) -> None:
        style = Qt.ToolButtonStyle
        for button in self._lesser:
            button.setToolButtonStyle(style.ToolButtonTextBesideIcon if shown else style.ToolButtonIconOnly)

    def go_to_search(self) -> None:
        """Put the cursor into the search."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    # --- Qt ----------------------------------------------------------------------------------------------

    def minimumSizeHint(self) -> QSize:
        return QSize(self._width_of_icons, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._show_words(self.width() >= self._width_with_words)
        super().resizeEvent(event)


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


class _Search(QLineEdit):
    """A search that Escape empties."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)
