"""Questions to drivers, which may raise anything: no error goes on, and each reason is logged once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

log = logging.getLogger(__name__)

_Value = TypeVar("_Value")


class Asking:
    """Asks, and remembers what it has complained about."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def answer(self, question: Callable[..., _Value], *arguments: Any) -> _Value | None:
        """What the driver answers; None where it does not."""
        try:
            return question(*arguments)
        except Exception as error:  # noqa: BLE001 - a driver may raise anything
            self.complain(error)
            return None

    def complain(self, error: Exception) -> None:
        """Log why something is not told, unless that was logged before."""
        reason = f"{type(error).__name__}: {error}"
        if reason not in self._said:
            self._said.add(reason)
            log.warning("memory of a GPU is unknown: %s", reason)
