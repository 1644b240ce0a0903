"""How many processor cores this program may use, and how many threads each host gets of them."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Cores that the system lets this process use; where it binds processes to none, all there are."""
    bound_to = getattr(os, "sched_getaffinity", None)
    return len(bound_to(0)) if bound_to is not None else os.cpu_count() or 1


class CoreShares:
    """Divides the cores that other programs leave among the busy hosts.

    Threads of one computation meet at a barrier hundreds of times a token. One of them that has to share its
    core holds all of them up: on two cores beside one busy loop two threads gave 12 to 29 tokens a second,
    one gave 47.
    """

    def __init__(self) -> None:
        self.chosen = 0
        """Threads that a person has chosen for all hosts together; 0: as many as there are cores for."""
        self._others = 0.0

    def take_others(self, cores: float) -> None:
        """Take in how many cores other programs have kept busy; one that pauses keeps some of them."""
        self._others = max(cores, self._others / 4)

    def each(self, busy_hosts: int) -> int:
        """Threads of each of so many hosts."""
        # Where we are bound to some cores, others work on the rest first.
        left = max(1, round((os.cpu_count() or 1) - self._others))
        cores = self.chosen or min(usable_cores(), left)
        return max(1, cores // max(1, busy_hosts))
