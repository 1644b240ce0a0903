"""Lets the kernel report when tasks stall on memory, instead of waiting for its averages to show it."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path

from llmmem_gui.core.pressure import STALL_TRIGGERS, Stall

log = logging.getLogger(__name__)


class StallWatch:
    """Watches the pressure triggers of the kernel from inside an event loop.

    Where there are none (another system, an old kernel, a container that hides them) it reports nothing.
    """

    def __init__(
        self, report: Callable[[Stall], None], pressure: Path = Path("/proc/pressure/memory")
    ) -> None:
        self._report = report
        self._pressure = pressure
        self._epoll: select.epoll | None = None
        self._stalls: dict[int, Stall] = {}

    def open(self) -> None:
        """Set the triggers and watch them in the running loop."""
        if sys.platform != "linux":
            return
        self._epoll = select.epoll()
        # The loop waits for "readable", a trigger raises "exceptional": an epoll between them translates.
        asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._take_reports)
        for trigger in STALL_TRIGGERS:
            try:
                descriptor = os.open(self._pressure, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as failure:
                log.info("No reports of stalls: %s", failure)
                return
            self._stalls[descriptor] = trigger.stall
            try:
                os.write(descriptor, trigger.text.encode() + b"\0")
                self._epoll.register(descriptor, select.EPOLLPRI)
            except OSError as failure:
                log.info("No reports of %r: %s", trigger.text, failure)

    def close(self) -> None:
        """Take the triggers back."""
        for descriptor in self._stalls:
            os.close(descriptor)
        self._stalls = {}
        if self._epoll is not None:
            asyncio.get_running_loop().remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None

    def _take_reports(self) -> None:
        assert self._epoll is not None
        for descriptor, events in self._epoll.poll(0):
            if events & select.EPOLLERR:  # the kernel gave the trigger up
                self._epoll.unregister(descriptor)
            elif events & select.EPOLLPRI:
                self._report(self._stalls[descriptor])
