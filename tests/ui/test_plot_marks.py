"""Marks of events on the plot."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from llmmem_gui.core.events import Event
from llmmem_gui.ui.plot.marks import SIGN_WIDTH, Mark, lay_out

WIDTH_OF_LETTER = 7.0
RIGHT_EDGE = 900.0


def width_of(text: str) -> float:
    """A font whose letters are all of one width."""
    return WIDTH_OF_LETTER * len(text)


def laid_out(places: list[tuple[float, int]], lanes: int = 2) -> list[Mark]:
    """Marks for events at these x, with labels of these lengths."""
    events = [
        (Event(float(n), "model-loaded", "m" * length), x) for n, (x, length) in enumerate(sorted(places))
    ]
    return lay_out(events, lambda event: event.model_id or "", width_of, RIGHT_EDGE, lanes)


def spans(mark: Mark) -> tuple[float, float]:
    """From where to where a mark with its label reaches."""
    length = SIGN_WIDTH / 2 + (width_of(mark.label) if mark.label else 0)
    if mark.to_the_left and mark.label:
        return mark.x - length, mark.x + SIGN_WIDTH / 2
    return mark.x - SIGN_WIDTH / 2, mark.x + max(length, SIGN_WIDTH / 2)


places = st.lists(st.tuples(st.floats(0, RIGHT_EDGE), st.integers(1, 60)), max_size=40)


@given(places, st.integers(1, 4))
def test_marks_never_overlap(places: list[tuple[float, int]], lanes: int) -> None:
    """In no lane do two signs or labels overlap, and no label leaves the plot on the right."""
    marks = laid_out(places, lanes)
    for place, mark in enumerate(marks):
        begin, end = spans(mark)
        assert not mark.label or (begin >= 0 and end <= RIGHT_EDGE + SIGN_WIDTH)
        for other in marks[place + 1 :]:
            if other.lane == mark.lane:
                left, right = spans(other)
                assert end <= left or right <= begin


@given(places)
def test_no_event_is_lost(places: list[tuple[float, int]]) -> None:
    """Every event is in exactly one mark."""
    assert sum(len(mark.events) for mark in laid_out(places)) == len(places)


def test_the_newest_label_wins() -> None:
    """Of two events whose labels cannot both stand, the newer one keeps its label."""
    marks = laid_out([(100, 30), (140, 30)], lanes=1)
    assert [bool(mark.label) for mark in marks] == [False, True]


def test_events_at_one_place_are_one_mark() -> None:
    """Events nearer than a sign is wide share a mark that says how many more there are."""
    (mark,) = laid_out([(100, 5), (104, 6), (108, 7)])
    assert len(mark.events) == 3
    assert mark.label == "mmmmmmm +2"


def test_quiet_events_have_no_mark() -> None:
    """An event that changes no memory is not drawn."""
    events = [(Event(1.0, "load-queued", "m"), 50.0)]
    assert lay_out(events, lambda event: "x", width_of, RIGHT_EDGE, 2) == []


def test_label_sign_and_tip_tell_the_same_event() -> None:
    """Of events at one place the gravest gives sign and label, and the tip tells it first."""
    events = [
        (Event(1.0, "load-refused", "refused"), 100.0),
        (Event(2.0, "memory-warning", "warned"), 103.0),
        (Event(3.0, "model-loaded", "loaded"), 106.0),
    ]
    (mark,) = lay_out(events, lambda event: event.model_id or "", width_of, RIGHT_EDGE, 2)
    assert (mark.sign, mark.label) == ("cross", "refused +2")
    assert [event.model_id for event in mark.events] == ["refused", "loaded", "warned"]
