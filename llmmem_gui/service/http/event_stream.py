"""Events of the program as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from starlette.types import Receive, Scope, Send

from llmmem_gui.core.events import Event
from llmmem_gui.core.readings import Sample
from llmmem_gui.service.http.control_entries import event_object, sample_object
from llmmem_gui.service.http.replies import EventStream, StreamEvent, unless_client_leaves
from llmmem_gui.service.memory_service import MemoryService

MOST_UNREAD = 1000
"""Events kept for a client that does not read them; one that falls further behind is cut off."""
QUIET_SECONDS = 15.0
"""After this long without an event a comment is sent, so that a connection that died is noticed."""


class EventFeed:
    """ASGI application that sends the program's events to one client until it leaves."""

    def __init__(
        self, service: MemoryService, *, recent: int = 0, samples: bool = False, types: Collection[str] = ()
    ) -> None:
        self._service = service
        self._recent = recent
        self._samples = samples
        self._types = types
        self._unread: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MOST_UNREAD)
        self._behind = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = EventStream(send)
        unsubscribe = self._service.subscribe(self._take)
        try:
            for event in list(self._service.recent_events)[-self._recent :] if self._recent else ():
                self._take(event)
            await unless_client_leaves(receive, self._send_all(stream))
        finally:
            unsubscribe()

    def _take(self, fact: object) -> None:
        if isinstance(fact, Event):
            content = event_object(fact)
        elif isinstance(fact, Sample) and self._samples:
            content = sample_object(fact, self._service.snapshot)
        else:
            return
        if self._types and content["type"] not in self._types:
            return
        try:
            self._unread.put_nowait(content)
        except asyncio.QueueFull:
            self._behind = True

    async def _send_all(self, stream: EventStream) -> None:
        await stream.start()
        await stream.write(b": listening\n\n")
        while not self._behind:
            try:
                content = await asyncio.wait_for(self._unread.get(), QUIET_SECONDS)
            except asyncio.TimeoutError:
                await stream.write(b": still here\n\n")
            else:
                await stream.say(StreamEvent(content["type"], content))
        await stream.end()
