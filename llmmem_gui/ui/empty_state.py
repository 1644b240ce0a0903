"""What the window shows before there is any model: what the program does, where it looked, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from llmmem_gui.ui.actions import Actions
from llmmem_gui.ui.card import Card, ElidedLabel, quiet, restyle
from llmmem_gui.ui.theme import Theme, sized
from llmmem_gui.ui.wrapping_row import WrappingRow


@dataclass(frozen=True, slots=True)
class SearchedFolder:
    """A folder in which models were looked for."""

    path: str
    owner: str
    """The program it belongs to; empty for a folder of the user's own."""
    found: int
    exists: bool = True


class EmptyState(Card):
    """Greets on the first start."""

    def __init__(self, theme: Theme, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = QLabel()
        self._title.setFont(sized(self._title.font(), 1.7))
        self._lines = [QLabel() for _ in range(3)]
        self._searched = quiet(QLabel())
        self._folders = QGridLayout()
        self._folders.setHorizontalSpacing(18)
        self._folders.setVerticalSpacing(4)
        self._folders.setColumnStretch(0, 1)
        self.demo = QToolButton()
        self.demo.setProperty("primary", True)
        self.demo.clicked.connect(lambda: self.show_fetching(True))
        self.folder = QToolButton()
        self.folder.setDefaultAction(actions.add_folder)
        self.file = QToolButton()
        self.file.setDefaultAction(actions.add_models)
        for button in (self.folder, self.file):
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._progress = QProgressBar()
        self._progress.setRange(0, 0)
        self._progress.setTextVisible(False)
        self._progress.hide()
        self._message = QLabel()
        self._message.setWordWrap(True)
        self._message.setTextFormat(Qt.TextFormat.PlainText)
        self._message.hide()
        self._build()
        self.retranslate()

    def _build(self) -> None:
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addStretch(1)
        column.addWidget(self._title)
        column.addSpacing(4)
        for line in self._lines:
            line.setWordWrap(True)
            column.addWidget(line)
        column.addSpacing(14)
        column.addLayout(WrappingRow(self.demo, self.folder, self.file, spacing=10))
        column.addWidget(self._progress)
        column.addWidget(self._message)
        column.addSpacing(16)
        column.addWidget(self._searched)
        column.addLayout(self._folders)
        column.addStretch(2)
        middle = QWidget()
        middle.setLayout(column)
        middle.setMaximumWidth(820)
        page = QWidget()
        page.setObjectName("page")
        across = QHBoxLayout(page)
        across.setContentsMargins(24, 12, 24, 12)
        across.addStretch(1)
        across.addWidget(middle, 12)
        across.addStretch(1)
        scroll = QScrollArea()  # there may be more folders than a small window has room for
        scroll.setWidget(page)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        self._title.setText(self.tr("No models yet"))
        texts = (
            self.tr("LLM Memory keeps your language models ready and shows which one uses how much memory."),
            self.tr("Before a load it says what that will cost, and what would have to go for it."),
            self.tr("You set the limits; an unloaded model gives all of its memory back."),
        )
        for label, text in zip(self._lines, texts, strict=True):
            label.setText(text)
        self.demo.setText(self.tr("Get the demo model"))
        self.demo.setToolTip(self.tr("SmolLM2 135M Instruct, about 90 MiB, Apache 2.0 licence"))
        self._searched.setText(self.tr("Folders that were searched:"))
        self._progress.setAccessibleName(self.tr("Download in progress"))

    def show_folders(self, folders: Sequence[SearchedFolder]) -> None:
        """List the folders that were searched and what was found there."""
        while (item := self._folders.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for row, folder in enumerate(folders):
            path = ElidedLabel(folder.path, mode=Qt.TextElideMode.ElideMiddle)
            owner = quiet(QLabel(folder.owner))
            if not folder.exists:
                found = self.tr("not there")
            else:
                found = self.tr("%n model(s)", "", folder.found)
            number = quiet(QLabel(found))
            self._folders.addWidget(path, row, 0)
            self._folders.addWidget(owner, row, 1)
            self._folders.addWidget(number, row, 2, Qt.AlignmentFlag.AlignRight)
        self._searched.setVisible(bool(folders))

    @property
    def is_fetching(self) -> bool:
        """Whether it says that the demo model is on its way."""
        return not self._progress.isHidden()

    def show_fetching(self, fetching: bool, problem: str = "") -> None:
        """Show that the demo model is on its way, or why it did not come."""
        self.demo.setEnabled(not fetching)
        self._progress.setVisible(fetching)
        self._message.setVisible(fetching or bool(problem))
        self._message.setText(problem or self.tr("Getting the demo model…"))
        restyle(self._message, "level", "critical" if problem else None)
