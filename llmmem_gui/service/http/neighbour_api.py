"""The part of the HTTP API that is about other programs that hold models."""

from __future__ import annotations

import time

import msgspec
from starlette.requests import Request

from llmmem_gui.service.http.actor import actor_of
from llmmem_gui.service.http.control_records import NothingAsked
from llmmem_gui.service.http.guard import read_json
from llmmem_gui.service.http.neighbour_records import (
    NeighbourUnloadRequest,
    neighbour_entry,
    neighbour_receipt_entry,
)
from llmmem_gui.service.http.replies import JsonReply
from llmmem_gui.service.neighbours.neighbours import Neighbours

_unload = msgspec.json.Decoder(NeighbourUnloadRequest)
_nothing = msgspec.json.Decoder(NothingAsked)


class NeighbourApi:
    """Carries out the requests about other programs."""

    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours

    async def neighbours(self, _: Request) -> JsonReply:
        """The other programs, and what they hold."""
        now = time.monotonic()
        return JsonReply([neighbour_entry(each, now) for each in self._neighbours.found])

    async def unload_neighbour(self, request: Request) -> JsonReply:
        """Have a program unload a model, or all it holds, or end; answers when the memory is back."""
        asked = await read_json(request, _unload, may_be_empty=True)
        receipt = await self._neighbours.unload(
            request.path_params["neighbour_id"], asked.model, end=asked.end_process, actor=actor_of(request)
        )
        return JsonReply(neighbour_receipt_entry(receipt))

    async def unload_neighbours(self, request: Request) -> JsonReply:
        """Have every program unload what it can be told to; none is ended."""
        await read_json(request, _nothing, may_be_empty=True)
        receipts = await self._neighbours.unload_all(actor=actor_of(request))
        return JsonReply([neighbour_receipt_entry(receipt) for receipt in receipts])
