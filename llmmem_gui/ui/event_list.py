"""The list of events: why a model is gone, who asked for it, and what came back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QModelIndex, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from llmmem_gui.core.events import Event
from llmmem_gui.ui.card import plain, quiet
from llmmem_gui.ui.event_rows import Column, EventRows
from llmmem_gui.ui.first_size import TITLE_BAR, first_size
from llmmem_gui.ui.sentences import event_sentence

_DETAIL_LINES = 3
_PADDING = 16
"""Pixels beside the words of a cell: those of the style sheet, and those that the view adds."""
_FIRST_SIZE = QSize(1040, 480)
_LEAST_HEIGHT = 300
"""Pixels with the title bar, also where less than that is free below the plot."""


class EventList(QDialog):
    """A window beside the main one.

    Signals: `moment_chosen` with the time (seconds since the epoch) of an event that was clicked.
    """

    moment_chosen = Signal(float)

    def __init__(
        self, name_of: Callable[[str], str], parent: QWidget | None = None, *, clear_of: QWidget | None = None
    ) -> None:
        """`name_of` gives the name of the model with an id; the list opens below `clear_of`, if it can."""
        super().__init__(parent)
        self._name_of = name_of
        self._clear_of = clear_of
        self.rows = EventRows(name_of, self)
        self.models = QComboBox()
        self.models.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.models.setMinimumContentsLength(24)
        self.view = QTableView()
        self.detail = plain(QLabel())
        self._label, self._hint = QLabel(), quiet(QLabel())
        self._build()
        self._offer_models()
        self.retranslate()
        self.models.currentIndexChanged.connect(self._choose_model)
        self.view.clicked.connect(self._choose_moment)
        self.view.activated.connect(self._choose_moment)
        self.view.selectionModel().currentRowChanged.connect(self._show_detail)
        for changed in (self.rows.modelReset, self.rows.rowsInserted, self.rows.rowsRemoved):
            changed.connect(self._show_detail)
        self.resize(first_size(_FIRST_SIZE, self.screen().availableSize()))

    def _build(self) -> None:
        self._label.setBuddy(self.models)
        self.view.setModel(self.rows)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.setObjectName("events")
        self.view.setShowGrid(False)
        self.view.setWordWrap(False)
        self.view.setTabKeyNavigation(False)
        self.view.verticalHeader().hide()
        self.view.verticalHeader().setDefaultSectionSize(self.view.fontMetrics().lineSpacing() + 9)
        header = self.view.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        letters = self.view.fontMetrics()
        for column, sample in (
            (Column.WHEN, "30 Sep 00:00:00"),
            (Column.WHAT, "n" * 16),
            (Column.MODEL, "n" * 20),
            (Column.NUMBERS, "forecast 1023 MiB · in 18 ms"),
        ):
            self.view.setColumnWidth(column, letters.horizontalAdvance(sample) + 2 * _PADDING)
        header.setSectionResizeMode(Column.WHY, QHeaderView.ResizeMode.Stretch)
        self.detail.setWordWrap(True)
        self.detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.detail.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.detail.setMinimumHeight(self.detail.fontMetrics().lineSpacing() * _DETAIL_LINES)
        head = QHBoxLayout()
        head.addWidget(self._label)
        head.addWidget(self.models)
        head.addWidget(self._hint, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.addLayout(head)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.detail)

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        self.setWindowTitle(self.tr("What happened"))
        self._label.setText(self.tr("Model"))
        self._hint.setText(self.tr("A click shows that time on the plot."))
        self.models.setAccessibleName(self.tr("Model"))
        self.view.setAccessibleName(self.tr("What happened"))
        self.models.setItemText(0, self.tr("All"))
        self.rows.retranslate()
        self._show_detail()

    def add(self, events: Sequence[Event]) -> None:
        """Take in what has happened since, oldest first."""
        self.rows.add(events)
        self._offer_models()

    def open_for(self, model_id: str | None) -> None:
        """Come before the other windows, with what concerns this model; None: everything."""
        self.choose_model(model_id)
        if self._clear_of is not None and not self.testAttribute(Qt.WidgetAttribute.WA_Moved):
            self._move_below(self._clear_of)
        self.show()
        self.raise_()
        self.activateWindow()

    def _move_below(self, widget: QWidget) -> None:
        """Lie over the rest of its window, as far as the screen has room there."""
        window = widget.window().frameGeometry()
        free = widget.screen().availableGeometry()  # which need not be where a new window would be
        top = widget.mapToGlobal(widget.rect().bottomLeft()).y()
        height = max(_LEAST_HEIGHT, window.bottom() - top)
        left = window.center().x() - self.width() // 2
        self.resize(self.width(), height - TITLE_BAR)
        self.move(
            max(free.left(), min(left, free.right() - self.width())),
            max(free.top(), min(top, free.bottom() - height)),
        )

    def choose_model(self, model_id: str | None) -> None:
        """List only what concerns this model; None: everything."""
        self._offer_models(model_id)
        self.models.setCurrentIndex(self.models.findData(model_id) if model_id else 0)

    def _offer_models(self, also: str | None = None) -> None:
        """Let each model be chosen to which anything happened, by its name."""
        chosen = self.models.currentData()
        ids = self.rows.model_ids() | {id for id in (also, chosen) if id}
        there = {self.models.itemData(place) for place in range(1, self.models.count())}
        if ids != there or not self.models.count():
            with QSignalBlocker(self.models):
                self.models.clear()
                self.models.addItem(self.tr("All"), None)
                for model_id in sorted(ids, key=lambda id: self._name_of(id).lower()):
                    self.models.addItem(self._name_of(model_id), model_id)
                self.models.setCurrentIndex(self.models.findData(chosen) if chosen else 0)

    def _choose_model(self) -> None:
        self.rows.choose_model(self.models.currentData())

    def _choose_moment(self, index: QModelIndex) -> None:
        event = self.rows.event_at(index.row())
        if event is not None:
            self.moment_chosen.emit(event.time)

    def _show_detail(self) -> None:
        event = self.rows.event_at(self.view.currentIndex().row())
        if event is not None:
            self.detail.setText(event_sentence(event))
        elif self.rows.rowCount():
            self.detail.setText(self.tr("Choose an event to read all of it."))
        else:
            self.detail.setText(self.tr("Nothing has happened yet."))
