"""What memory was used by whom, by the second, by ten seconds and by the minute, in memory of a fixed size.

Beside it stands what the models did meanwhile, and how hard it was for the machine.

The history stands by the clock on the wall: for each moment it holds what was sampled last for it. A
clock that is set back writes over what it wrote before, one that is set forward leaves a break, and no
jump costs more than the block of time that it lands in. All arrays together are 14.2 MiB, of which the
system gives what has been written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from llmmem_gui.core.activity_window import ActivityWindow, activity_window_of, highest_of
from llmmem_gui.core.events import Event
from llmmem_gui.core.history_pages import ModelPages
from llmmem_gui.core.history_rings import RingRow, Rings, StoredRows
from llmmem_gui.core.history_rows import (
    ACTIVITY_FIGURES,
    MACHINE_FIGURES,
    MODEL_ACTIVITY_FIGURES,
    MODEL_FIGURES,
    Row,
    RowsInProgress,
)
from llmmem_gui.core.history_window import HistoryWindow, reduced, window_of
from llmmem_gui.core.readings import Sample

MOST_EVENTS = 2_000
"""Events that are kept in memory; the oldest go first."""
MOST_POINTS = 900
"""Points of a window, when nothing else is said."""
MOST_PAGES = 900
"""Pages of what models used, at all resolutions together: 7.4 MiB."""
MOST_ACTIVITY_PAGES = 600
"""Pages of what models did: 2.5 MiB."""


class History:
    """The samples of the last hour, day and month, and the events; used by one thread at a time."""

    def __init__(self) -> None:
        self._memory = Rings(MACHINE_FIGURES, ModelPages(MODEL_FIGURES, MOST_PAGES), reduced)
        self._activity = Rings(
            ACTIVITY_FIGURES, ModelPages(MODEL_ACTIVITY_FIGURES, MOST_ACTIVITY_PAGES), highest_of
        )
        self._in_progress = RowsInProgress()
        self._events: deque[Event] = deque(maxlen=MOST_EVENTS)

    @property
    def bytes_held(self) -> int:
        """Bytes of all arrays, whether the system has given them yet or not; they never grow."""
        return self._memory.bytes_held + self._activity.bytes_held

    def append(self, sample: Sample, limit_bytes: int | None = None) -> None:
        """Take in one sample and the total limit in force (None: none)."""
        self._in_progress.add(sample, limit_bytes)
        rows = self._in_progress.rows()
        self._memory.write((n, RingRow(r.slot, r.samples, r.machine, r.models)) for n, r in rows)
        self._activity.write((n, RingRow(r.slot, r.samples, r.activity, r.active)) for n, r in rows)

    def append_event(self, event: Event) -> None:
        """Take in one event."""
        self._events.append(event)

    def events(self, from_seconds: float, to_seconds: float) -> tuple[Event, ...]:
        """The events of a window of time (seconds since the epoch), oldest first."""
        found = (event for event in self._events if from_seconds <= event.time <= to_seconds)
        return tuple(sorted(found, key=lambda event: event.time))

    def restore(self, number: int, rows: StoredRows, activity: StoredRows | None = None) -> None:
        """Put in stored rows of the resolution with that number: memory, and activity where it is known."""
        self._memory.restore(number, rows)
        if activity is not None:
            self._activity.restore(number, activity)

    def resume(self, rows: Mapping[int, Row], events: Iterable[Event] = ()) -> None:
        """Go on where an earlier run ended: with its newest row of each resolution, and its events."""
        self._in_progress.resume(rows)
        self._events.extend(events)

    def window(self, from_seconds: float, to_seconds: float, most_points: int = MOST_POINTS) -> HistoryWindow:
        """The memory between two times (seconds since the epoch) in at most `most_points` points.

        Fewer than 250 points cannot be asked for.
        """
        return window_of(*self._memory.points(from_seconds, to_seconds, most_points))

    def activity(
        self, from_seconds: float, to_seconds: float, most_points: int = MOST_POINTS
    ) -> ActivityWindow:
        """What was done between two times, in the same points as the memory."""
        return activity_window_of(*self._activity.points(from_seconds, to_seconds, most_points))
