"""Clients take turns."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmem_gui.core.turns import MOST_IN_A_TURN, Turns


def served(asked: str) -> str:
    """The clients in the order of their turns."""
    turns = Turns()
    taken = [(turns.take(client), number) for number, client in enumerate(asked)]
    return "".join(asked[number] for _, number in sorted(taken))


@given(st.text("abcd", max_size=40))
def test_of_two_clients_none_is_more_than_a_turn_ahead(asked: str) -> None:
    """While both wait, whatever the order in which they asked; and no request is lost."""
    order = served(asked)
    assert Counter(order) == Counter(asked)
    for place in range(len(order)):
        had, waits = Counter(order[:place]), Counter(order[place:])
        turns = [had[client] for client in waits]
        assert max(turns) - min(turns) <= 1


def test_the_first_of_each_client_comes_before_the_second_of_any() -> None:
    """Among those they come as they were asked."""
    assert served("aaabbc") == "abcaba"


@pytest.mark.parametrize("asked_before", [1, 5, 50])
def test_who_comes_later_is_next_and_does_not_make_up_for_lost_time(asked_before: int) -> None:
    """After many turns of one client another has one, not as many at once."""
    turns = Turns()
    many = [turns.take("many") for _ in range(asked_before + 3)]
    for turn in many[:asked_before]:
        turns.begin(turn)
    late = [turns.take("late") for _ in range(3)]
    assert late == many[asked_before - 1 : asked_before + 2]


def test_a_request_is_not_passed_by_those_that_come_for_ever() -> None:
    """A new client for each request is no way past those that wait."""
    turns = Turns()
    turns.take("patient")
    waiting = turns.take("patient")
    passed = 0
    while (turn := turns.take(f"new {passed}")) <= waiting:
        turns.begin(turn)
        passed += 1
        assert passed <= 2 * MOST_IN_A_TURN


def test_clients_without_a_turn_to_come_are_forgotten() -> None:
    """What is remembered is bounded by what waits."""
    turns = Turns()
    for number in range(500):
        turns.begin(turns.take(f"client {number}"))
    assert len(turns._last) <= MOST_IN_A_TURN
