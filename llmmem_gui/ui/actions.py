"""Every action of the window, with its words, its keys and its icon."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QObject, QPoint, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from llmmem_gui.core.snapshot import ModelSnapshot, State
from llmmem_gui.ui.theme import Theme

translate = QCoreApplication.translate


class Actions(QObject):
    """The actions; buttons, menus and keys all trigger these same objects."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme
        self.add_models = self._made("add", "Ctrl+O")
        self.add_folder = self._made("add-folder", "Ctrl+Shift+O")
        self.load = self._made("load", "Ctrl+L")
        self.unload = self._made("unload", "Ctrl+U")
        self.unload_all = self._made("unload-all", "Ctrl+Shift+U")
        self.free_everything = self._made("unload-all", "Ctrl+Shift+E")
        self.clean_up = self._made("clean-up", "Ctrl+K")
        self.doze = self._made("doze")
        self.pin = self._made("pin", checkable=True)
        self.try_out = self._made("try", "Ctrl+T")
        self.events = self._made("info", "Ctrl+E")
        self.events_of = self._made("info")
        self.show_in_folder = self._made("add-folder")
        self.rename = self._made(None, "F2")
        self.remove = self._made(None, "Shift+Del")
        self.load_at_start = self._made(None, checkable=True)
        self.show_hidden = self._made(None, checkable=True)
        self.rescan = self._made("refresh", "F5")
        self.search = self._made("search", "Ctrl+F")
        # The standard keys are empty on some platforms: Preferences on Linux, Quit offscreen.
        self.settings = self._made("settings", "Ctrl+,", standard=QKeySequence.StandardKey.Preferences)
        self.help = self._made("help", "F1", standard=QKeySequence.StandardKey.HelpContents)
        self.close = self._made(None, "Ctrl+W", standard=QKeySequence.StandardKey.Close)
        self.quit = self._made("quit", "Ctrl+Q", standard=QKeySequence.StandardKey.Quit)
        self.copy_api = self._made("copy")
        self.copy_key = self._made("key")
        self.retranslate()

    def _made(
        self,
        icon: str | None,
        keys: str = "",
        *,
        standard: QKeySequence.StandardKey | None = None,
        checkable: bool = False,
    ) -> QAction:
        action = QAction(self)
        action.setCheckable(checkable)
        action.setProperty("icon-name", icon)
        sequences = [QKeySequence(keys)] if keys else []
        if standard is not None:
            sequences += [key for key in QKeySequence.keyBindings(standard) if key not in sequences]
        action.setShortcuts(sequences)
        return action

    def all(self) -> list[QAction]:
        """The actions in the order of the window."""
        return [value for value in vars(self).values() if isinstance(value, QAction)]

    def suit(
        self,
        model: ModelSnapshot | None,
        models: Sequence[ModelSnapshot],
        selected: Sequence[ModelSnapshot] = (),
    ) -> None:
        """Let those be triggered that make sense for the chosen model, all that are selected, and all."""
        chosen = selected or ([model] if model is not None else [])
        self.load.setEnabled(any(not is_held(each) and each.facts.error is None for each in chosen))
        self.unload.setEnabled(any(is_held(each) for each in chosen))
        self.remove.setEnabled(any(not is_held(each) for each in chosen))
        self.rename.setEnabled(len(chosen) == 1)
        self.show_in_folder.setEnabled(len(chosen) == 1)
        self.load_at_start.setEnabled(bool(chosen))
        self.load_at_start.setChecked(model is not None and model.load_at_start)
        self.try_out.setEnabled(model is not None and model.facts.error is None)
        self.doze.setEnabled(model is not None and model.state is State.READY)
        self.pin.setEnabled(model is not None)
        self.events_of.setEnabled(model is not None)
        self.pin.setChecked(model is not None and model.pinned)
        self.unload_all.setEnabled(any(m.state.holds_host for m in models))
        self.clean_up.setEnabled(any(m.eviction_rank is not None for m in models))

    def open_menu(self, parent: QWidget, point: QPoint) -> None:
        """Open the menu of a model's row at a point of the screen."""
        menu = QMenu(parent)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions([self.load, self.unload, self.try_out])
        menu.addSeparator()
        menu.addActions([self.doze, self.pin, self.load_at_start])
        menu.addSeparator()
        menu.addActions([self.rename, self.show_in_folder, self.remove, self.show_hidden])
        menu.addSeparator()
        menu.addActions([self.free_everything, self.events_of])
        menu.popup(point)

    def retranslate(self) -> None:
        """Write all words in the language in force."""
        texts = {
            self.add_models: (self.tr("Add models…"), self.tr("Add model files")),
            self.add_folder: (self.tr("Add a folder…"), self.tr("Search one more folder for models")),
            self.load: (self.tr("Load"), self.tr("Load the chosen model")),
            self.unload: (self.tr("Unload"), self.tr("Unload the chosen model and give its memory back")),
            self.unload_all: (self.tr("Unload all"), self.tr("Unload every model")),
            self.free_everything: (
                self.tr("Free everything…"),
                self.tr("Unload every model, here and in other programs"),
            ),
            self.clean_up: (
                self.tr("Clean up unused"),
                self.tr("Unload every idle model that is not pinned"),
            ),
            self.doze: (
                self.tr("Let it doze"),
                self.tr("Let others have the memory of its weights, keep the process"),
            ),
            self.pin: (self.tr("Pinned"), self.tr("Never unload this model by itself")),
            self.try_out: (self.tr("Try it…"), self.tr("Ask the chosen model something")),
            self.events: (self.tr("What happened…"), self.tr("List what happened, and why")),
            self.events_of: (
                self.tr("What happened to it…"),
                self.tr("List what happened, and why"),
            ),
            self.load_at_start: (
                self.tr("Load at start"),
                self.tr("Load this model whenever the program starts"),
            ),
            self.rename: (self.tr("Rename…"), self.tr("Give the chosen model another name in the list")),
            self.show_in_folder: (self.tr("Show in its folder"), self.tr("Open the folder of the file")),
            self.remove: (
                self.tr("Remove from the list"),
                self.tr("Take the chosen models out of the list; their files stay"),
            ),
            self.show_hidden: (
                self.tr("Show removed models"),
                self.tr("List what was removed from the list and lies in a folder that is searched"),
            ),
            self.rescan: (self.tr("Search again"), self.tr("Look for models again")),
            self.search: (self.tr("Search models…"), self.tr("Search models")),
            self.settings: (self.tr("Settings…"), self.tr("Settings")),
            self.help: (self.tr("Help"), self.tr("Help and keys")),
            self.close: (self.tr("Close the window"), self.tr("Close the window")),
            self.quit: (self.tr("Quit"), self.tr("Unload all models and quit")),
            self.copy_api: (self.tr("Copy the address"), self.tr("Copy the address of the API")),
            self.copy_key: (
                self.tr("Copy the key"),
                self.tr("Copy the key that other programs need to use the API"),
            ),
        }
        for action, (text, explanation) in texts.items():
            action.setText(text)
            action.setIconText(text)
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            action.setToolTip(f"{explanation} ({keys})" if keys else explanation)
            action.setStatusTip(explanation)
        self.recolour()

    def recolour(self) -> None:
        """Draw the icons in the colour of the theme in force."""
        for action in self.all():
            name = action.property("icon-name")
            if name:
                action.setIcon(self._theme.icon(str(name)))


def is_held(model: ModelSnapshot) -> bool:
    """Whether the model is loaded, or waits to be."""
    return model.state.holds_host or model.state is State.QUEUED
