"""Whose turn is next: clients take turns, however many requests each of them has made."""

from __future__ import annotations

MOST_IN_A_TURN = 32
"""After so many requests the next turn begins, so that ever new clients do not keep it from coming."""


class Turns:
    """Numbers requests so that those with the smallest numbers are next: start-time fair queueing.

    The first waiting request of each client comes before the second of any. The source is Goyal, Vin and
    Cheng, "Start-time Fair Queuing" (1996), with requests that are all taken to cost as much.
    """

    def __init__(self) -> None:
        self._now = 0
        """The turn that has come."""
        self._begun = 0
        """Requests begun in it."""
        self._last: dict[str, int] = {}
        """The last turn of each client that has one to come."""

    def take(self, client: str) -> int:
        """The turn of a new request of the client."""
        turn = self._last[client] = max(self._now, self._last.get(client, -1) + 1)
        return turn

    def begin(self, turn: int) -> None:
        """A request with that turn is begun now."""
        self._begun += 1
        now = max(turn, self._now + (self._begun >= MOST_IN_A_TURN))
        if now > self._now:
            self._now, self._begun = now, 0
            self._last = {client: last for client, last in self._last.items() if last >= now}
