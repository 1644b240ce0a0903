"""Marks of events on the plot: which sign each has, and labels laid out so that none overlaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from llmmem_gui.core.events import Event, EventType

Sign = Literal["up", "down", "moon", "cross", "alert", "flag"]

SIGNS: dict[EventType, Sign] = {
    "model-loaded": "up",
    "model-woken": "up",
    "model-unloaded": "down",
    "model-dozed": "moon",
    "load-failed": "cross",
    "load-refused": "cross",
    "host-died": "cross",
    "memory-warning": "alert",
    "pressure-changed": "alert",
    "sampling-failed": "alert",
    "limit-changed": "flag",
}
"""Events that are drawn; the shape tells what happened, never the colour alone."""

_GRAVITY: dict[Sign, int] = {"alert": 1, "cross": 2}
"""Signs that come before others where events share a mark."""

SIGN_WIDTH = 12.0
_GAP = 12.0


@dataclass(frozen=True, slots=True)
class Mark:
    """Events too near to each other to be drawn apart; `x` in pixels, lane 0 is the highest."""

    events: tuple[Event, ...]
    """First the one that sign and label tell, then the others, newest first."""
    sign: Sign
    x: float
    lane: int = 0
    label: str = ""
    """Empty when there is no place for it."""
    to_the_left: bool = False


def lay_out(
    events: Sequence[tuple[Event, float]],
    label_of: Callable[[Event], str],
    width_of: Callable[[str], float],
    right_edge: float,
    lanes: int,
) -> list[Mark]:
    """Place marks for events (oldest first) at their x so that neither signs nor labels overlap.

    Newer labels win, since the newest event is the one looked for. A label stands right of its sign, or
    left of it where the right edge is near.
    """
    groups = _grouped(events)
    taken: list[list[tuple[float, float]]] = [[] for _ in range(lanes)]
    # Signs that find no place for a label stand in the lowest lane, so it is kept clear around them.
    taken[-1] = [(mark.x - SIGN_WIDTH / 2, mark.x + SIGN_WIDTH / 2) for mark in groups]
    placed = [_placed(mark, label_of, width_of, right_edge, taken) for mark in reversed(groups)]
    return placed[::-1]


def _grouped(events: Sequence[tuple[Event, float]]) -> list[Mark]:
    groups: list[list[tuple[Event, float]]] = []
    for event, x in events:
        if event.type not in SIGNS:
            continue
        if groups and x - groups[-1][0][1] < SIGN_WIDTH:
            groups[-1].append((event, x))
        else:
            groups.append([(event, x)])
    return [_mark([event for event, _ in group], group[0][1]) for group in groups]


def _mark(events: list[Event], x: float) -> Mark:
    """One mark for events at one place; the gravest of them is told, of equal ones the newest."""
    told = max(reversed(events), key=lambda event: _GRAVITY.get(SIGNS[event.type], 0))
    others = [event for event in reversed(events) if event is not told]
    return Mark((told, *others), SIGNS[told.type], x)


def _placed(
    mark: Mark,
    label_of: Callable[[Event], str],
    width_of: Callable[[str], float],
    right_edge: float,
    taken: list[list[tuple[float, float]]],
) -> Mark:
    more = len(mark.events) - 1
    label = label_of(mark.events[0]) + (f" +{more}" if more else "")
    length = SIGN_WIDTH / 2 + width_of(label) + _GAP
    to_the_left = mark.x + length > right_edge
    own = (mark.x - SIGN_WIDTH / 2, mark.x + SIGN_WIDTH / 2)
    begin, end = (mark.x - length, own[1]) if to_the_left else (own[0], mark.x + length)
    for lane, spans in enumerate(taken):
        others = (span for span in spans if span != own)
        if begin >= 0 and all(end <= left or begin >= right for left, right in others):
            spans.append((begin, end))
            if own in taken[-1]:
                taken[-1].remove(own)
            return Mark(mark.events, mark.sign, mark.x, lane, label, to_the_left)
    return Mark(mark.events, mark.sign, mark.x, len(taken) - 1)
