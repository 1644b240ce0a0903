"""What happened, as rows of a table: when, what, to which model, why, and what came of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QDateTime,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)

from llmmem_gui.core.events import Event
from llmmem_gui.core.history import MOST_EVENTS
from llmmem_gui.ui import figures
from llmmem_gui.ui.sentences import reason_words, say

AnyIndex = QModelIndex | QPersistentModelIndex

translate = QCoreApplication.translate

_UNLISTED = frozenset({"load-queued", "model-unloading"})
"""What waits starts or is refused, what is being unloaded is unloaded."""


class Column(IntEnum):
    """Columns from left to right."""

    WHEN = 0
    WHAT = 1
    MODEL = 2
    WHY = 3
    NUMBERS = 4


class EventRows(QAbstractTableModel):
    """The events of all models or of one, the newest first."""

    def __init__(self, name_of: Callable[[str], str], parent: QObject | None = None) -> None:
        """`name_of` gives the name of the model with an id."""
        super().__init__(parent)
        self._name_of = name_of
        self._events: deque[Event] = deque(maxlen=MOST_EVENTS)
        self._rows: list[Event] = []
        self._model_id: str | None = None

    def add(self, events: Sequence[Event]) -> None:
        """Take in what has happened since, oldest first."""
        listed = [event for event in events if event.type not in _UNLISTED]
        self._events.extend(listed)
        wanted = [event for event in reversed(listed) if self._is_wanted(event)]
        if wanted:
            # A row that is chosen stays chosen while others come above it.
            self.beginInsertRows(QModelIndex(), 0, len(wanted) - 1)
            self._rows[:0] = wanted
            self.endInsertRows()
        if len(self._rows) > MOST_EVENTS:
            self.beginRemoveRows(QModelIndex(), MOST_EVENTS, len(self._rows) - 1)
            del self._rows[MOST_EVENTS:]
            self.endRemoveRows()

    def choose_model(self, model_id: str | None) -> None:
        """Show only what concerns this model; None: everything."""
        self._model_id = model_id
        self._arrange()

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(Column) - 1)
        self._arrange()

    def event_at(self, row: int) -> Event | None:
        """The event of a row."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def model_ids(self) -> set[str]:
        """The models to which anything happened."""
        return {event.model_id for event in self._events if event.model_id}

    def text(self, event: Event, column: Column) -> str:
        """What stands in a cell."""
        match column:
            case Column.WHEN:
                return _moment(event.time)
            case Column.WHAT:
                return what_words(event)
            case Column.MODEL:
                return self._name_of(event.model_id) if event.model_id else ""
            case Column.WHY:
                return say(event.text, self._name_of) if event.text else reason_words(event, self._name_of)
        return number_words(event)

    def _arrange(self) -> None:
        self.beginResetModel()
        self._rows = [event for event in reversed(self._events) if self._is_wanted(event)]
        self.endResetModel()

    def _is_wanted(self, event: Event) -> bool:
        return self._model_id is None or event.concerns(self._model_id)

    # --- Qt ----------------------------------------------------------------------------------------------

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return len(Column)

    def data(
        self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        event = self.event_at(index.row())
        if event is None:
            return None
        text = self.text(event, Column(index.column()))
        if role == Qt.ItemDataRole.DisplayRole:
            return text.replace("\n", " ")
        if role == Qt.ItemDataRole.AccessibleTextRole and index.column() == 0:
            return ", ".join(filter(None, (self.text(event, column) for column in Column)))
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return (
            self.tr("When"),
            self.tr("What"),
            self.tr("Model"),
            self.tr("Why"),
            self.tr("What came of it"),
        )[section]


def what_words(event: Event) -> str:
    """What happened, as a few words that follow the name of a model."""
    if event.type == "pin-changed":
        pinned = bool(event.numbers.get("pinned"))
        return translate("EventList", "pinned") if pinned else translate("EventList", "no longer pinned")
    return {
        "load-started": translate("EventList", "starts to load"),
        "model-loaded": translate("EventList", "loaded"),
        "load-failed": translate("EventList", "failed to load"),
        "load-refused": translate("EventList", "refused"),
        "model-unloaded": translate("EventList", "unloaded"),
        "model-dozed": translate("EventList", "dozes"),
        "model-woken": translate("EventList", "woke up"),
        "reload-offered": translate("EventList", "fits again"),
        "host-died": translate("EventList", "ended by itself"),
        "limit-changed": translate("EventList", "limit changed"),
        "pressure-changed": translate("EventList", "memory pressure"),
        "memory-warning": translate("EventList", "memory warning"),
        "memory-warning-ended": translate("EventList", "memory warning over"),
        "sampling-failed": translate("EventList", "memory not measured"),
        "sampling-resumed": translate("EventList", "memory measured again"),
        "computer-slept": translate("EventList", "the computer slept"),
        "neighbour-unloaded": translate("EventList", "another program gave memory back"),
        "note": translate("EventList", "note"),
    }.get(event.type, event.type)


def number_words(event: Event) -> str:
    """The figures of an event that a person asks for: what came back, how long it took, the limit."""
    numbers = event.numbers
    seconds = numbers.get("seconds")
    back, need = numbers.get("given_back_bytes"), numbers.get("forecast_bytes")
    pieces = []
    if back is not None:
        pieces.append(translate("EventList", "{size} back").format(size=figures.size(round(back))))
    if need is not None:
        pieces.append(translate("EventList", "forecast {size}").format(size=figures.size(round(need))))
    if seconds is not None and event.type != "computer-slept":
        pieces.append(translate("EventList", "in {duration}").format(duration=figures.duration(seconds)))
    if event.type == "limit-changed":
        limit = numbers.get("limit_bytes")
        pieces.append(figures.chosen_size(round(limit)) if limit else translate("EventList", "no limit"))
    if "percent" in numbers:
        pieces.append(figures.percent(numbers["percent"] / 100))
    return " · ".join(pieces)


def _moment(seconds: float) -> str:
    moment = QDateTime.fromMSecsSinceEpoch(round(seconds * 1000))
    clock = figures.clock(seconds, with_seconds=True)
    if moment.date() == QDateTime.currentDateTime().date():
        return clock
    return f"{QLocale().toString(moment.date(), 'd MMM')} {clock}"
