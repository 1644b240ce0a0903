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
    "limit-changed": "flag",
}
"""Events that are drawn; the shape tells what happened, never the colour alone."""

SIGN_WIDTH = 12.0
_GAP = 12.0


@dataclass(frozen=True, slots=True)
class Mark:
    """Events too near to each other to be drawn apart; `x` in pixels, lane 0 is the highest."""

    events: tuple[Event, ...]
    """Oldest first."""
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
    groups: list[Mark] = []
    for event, x in events:
        sign = SIGNS.get(event.type)
        if sign is None:
            continue
        if groups and x - groups[-1].x < SIGN_WIDTH:
            last = groups[-1]
            grave = last.sign if last.sign in ("cross", "alert") else sign
            groups[-1] = Mark((*last.events, event), grave, last.x)
        else:
            groups.append(Mark((event,), sign, x))
    return groups


def _placed(
    mark: Mark,
    label_of: Callable[[Event], str],
    width_of: Callable[[str], float],
    right_edge: float,
    taken: list[list[tuple[float, float]]],
) -> Mark:
    more = len(mark.events) - 1
    label = label_of(mark.events[-1]) + (f" +{more}" if more else "")
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
