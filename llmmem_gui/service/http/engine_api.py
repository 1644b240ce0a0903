"""The part of the HTTP API that is about engines: which there are, which is used, and compiling one."""

from __future__ import annotations

import msgspec
from starlette.requests import Request

from llmmem_gui.service.engines.engines import Engines
from llmmem_gui.service.http.control_records import NothingAsked
from llmmem_gui.service.http.engine_records import EngineRequest, engine_list
from llmmem_gui.service.http.guard import read_json
from llmmem_gui.service.http.replies import JsonReply

_engine = msgspec.json.Decoder(EngineRequest)
_nothing = msgspec.json.Decoder(NothingAsked)


class EngineApi:
    """Carries out the requests about engines."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    async def list(self, _: Request) -> JsonReply:
        """All engines with what trying them has shown."""
        return self._overview()

    async def use(self, request: Request) -> JsonReply:
        """Compute with an engine from the next load on."""
        asked = await read_json(request, _engine)
        await self._engines.use(asked.name)
        return self._overview()

    async def test(self, request: Request) -> JsonReply:
        """Try an engine anew; answers when that is done."""
        asked = await read_json(request, _engine)
        await self._engines.try_again(asked.name)
        return self._overview()

    async def build(self, request: Request) -> JsonReply:
        """Begin to compile llama.cpp for this processor."""
        await read_json(request, _nothing, may_be_empty=True)
        self._engines.start_build()
        return self._overview()

    async def cancel_build(self, request: Request) -> JsonReply:
        """Give up compiling."""
        await read_json(request, _nothing, may_be_empty=True)
        self._engines.cancel_build()
        return self._overview()

    def _overview(self) -> JsonReply:
        return JsonReply(engine_list(self._engines.overview))
