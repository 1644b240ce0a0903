"""Reports of stalls come from the kernel into the event loop, where the kernel gives them."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmmem_gui.core.pressure import STALL_TRIGGERS
from llmmem_gui.service.sampling import stall_watch
from llmmem_gui.service.sampling.stall_watch import StallWatch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these triggers")

PRESSURE = Path("/proc/pressure/memory")


@pytest.fixture
def urgent_pairs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """TCP connections in the place of the kernel's file: urgent data raises what a trigger raises.

    A machine cannot be made to stall for a test without harm to whatever else runs on it.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    far: list[socket.socket] = []
    really_open = os.open

    def connect(path: Path, flags: int) -> int:
        if path != PRESSURE:
            return really_open(path, flags)
        near = socket.create_connection(listener.getsockname())
        far.append(listener.accept()[0])
        return near.detach()

    monkeypatch.setattr(stall_watch.os, "open", connect)
    yield far
    for each in (*far, listener):
        each.close()


async def test_each_trigger_reports_its_own_kind(urgent_pairs: list[socket.socket]) -> None:
    """The triggers are written as the kernel wants them, and each report names its kind."""
    reports: asyncio.Queue[str] = asyncio.Queue()
    watch = StallWatch(reports.put_nowait)
    watch.open()
    try:
        written = [far.recv(100) for far in urgent_pairs]
        assert written == [trigger.text.encode() + b"\0" for trigger in STALL_TRIGGERS]
        for far, trigger in zip(urgent_pairs, STALL_TRIGGERS, strict=True):
            far.send(b"!", socket.MSG_OOB)
            assert await asyncio.wait_for(reports.get(), 10) == trigger.stall
            while not reports.empty():  # urgent data stays until it is read, a trigger's report does not
                reports.get_nowait()
            watch._epoll.unregister(list(watch._stalls)[urgent_pairs.index(far)])  # type: ignore[union-attr]
    finally:
        watch.close()


@pytest.mark.skipif(not os.access(PRESSURE, os.W_OK), reason="this kernel reports no stalls")
async def test_the_kernel_accepts_the_triggers() -> None:
    """On this machine both triggers are set, without privileges, and closing takes them back."""
    open_before = len(os.listdir("/proc/self/fd"))
    watch = StallWatch(lambda _: None)
    watch.open()
    assert len(watch._stalls) == len(STALL_TRIGGERS)
    assert len(os.listdir("/proc/self/fd")) == open_before + 1 + len(STALL_TRIGGERS)
    watch.close()
    assert len(os.listdir("/proc/self/fd")) == open_before


async def test_a_kernel_without_triggers_is_no_failure(tmp_path: Path) -> None:
    """Where the file is missing or takes no trigger, nothing is reported and nothing breaks."""
    for path in (tmp_path / "missing", Path("/dev/full")):
        watch = StallWatch(lambda _: None, path)
        watch.open()
        watch.close()
