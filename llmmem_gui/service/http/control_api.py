"""The part of the HTTP API that controls the program: what the window can do, other programs can."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from llmmem_gui import __version__
from llmmem_gui.core.gpu_limits import GPU_LIMITS
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.settings import BadSetting
from llmmem_gui.core.warmth import ExpectedLoad
from llmmem_gui.service.http.actor import actor_of
from llmmem_gui.service.http.control_entries import (
    event_object,
    iso_time,
    library_entry,
    machine_entry,
    model_entry,
    parameters_asked,
    past_load,
    receipt_entry,
    usage_entry,
)
from llmmem_gui.service.http.control_records import (
    AddRequest,
    ForecastRequest,
    Health,
    LimitRequest,
    LoadRequest,
    ModelStatus,
    NothingAsked,
    PinRequest,
    ReserveRequest,
    ScanRequest,
    SimulatedPressure,
    Status,
    TotalEntry,
)
from llmmem_gui.service.http.errors import ApiError
from llmmem_gui.service.http.event_stream import EventFeed
from llmmem_gui.service.http.forecast_answer import answer_forecast
from llmmem_gui.service.http.guard import read_json
from llmmem_gui.service.http.model_names import known_model
from llmmem_gui.service.http.replies import JsonReply, unless_client_leaves
from llmmem_gui.service.memory_service import KEEP, MemoryService
from llmmem_gui.service.storage.history_store import HistoryStore

Result = TypeVar("Result")
SettingValue = bool | int | float | str | list[str] | dict[str, int | None] | None

_load = msgspec.json.Decoder(LoadRequest)
_nothing = msgspec.json.Decoder(NothingAsked)
_limit = msgspec.json.Decoder(LimitRequest)
_reserve = msgspec.json.Decoder(ReserveRequest)
_pressure = msgspec.json.Decoder(SimulatedPressure)
_pin = msgspec.json.Decoder(PinRequest)
_add = msgspec.json.Decoder(AddRequest)
_scan = msgspec.json.Decoder(ScanRequest)
_forecast = msgspec.json.Decoder(ForecastRequest)
_settings = msgspec.json.Decoder(Mapping[str, SettingValue])

MOST_RECENT_EVENTS = 1000
LONGEST_QUERY_TEXT = 1000


class ControlApi:
    """Carries out the control requests on one service."""

    def __init__(self, service: MemoryService, history: HistoryStore) -> None:
        self._service = service
        self._history = history

    async def health(self, request: Request) -> JsonReply:
        """Say that the program answers."""
        if not request.scope.get("authorized"):
            return JsonReply(Health(status="ok"))
        snapshot = self._service.snapshot
        loaded = sum(model.state.holds_host for model in snapshot.models)
        sampling, since = snapshot.sampling, snapshot.sampling.failed_since
        return JsonReply(
            Health(
                status="ok" if since is None else "sampling failed",
                version=__version__,
                pid=os.getpid(),
                loaded_models=loaded,
                pressure=snapshot.pressure,
                sampling_failed_since=None if since is None else iso_time(since),
                sampling_error=None if sampling.reason is None else str(sampling.reason),
            )
        )

    async def status(self, _: Request) -> JsonReply:
        """All known models, their sum and the machine."""
        expected = await self._expected_loads([model.id for model in self._service.snapshot.models])
        snapshot, sample, usage = self._service.snapshot, self._service.sample, self._service.usage()
        now = time.monotonic()
        return JsonReply(
            Status(
                models=[model_entry(model, now, expected.get(model.id)) for model in snapshot.models],
                total=TotalEntry(
                    current_bytes=usage.current_bytes, limit_bytes=usage.limit_bytes, percent=usage.percent
                ),
                machine=machine_entry(snapshot, sample.machine if sample else None),
            )
        )

    async def model(self, request: Request) -> JsonReply:
        """One model."""
        return JsonReply(await self._entry(self._model_id(request)))

    async def add_model(self, request: Request) -> JsonReply:
        """Add a model file to the library."""
        asked = await read_json(request, _add)
        return JsonReply(library_entry(await self._service.add_model(_absolute(asked.path))))

    async def scan(self, request: Request) -> JsonReply:
        """Look for model files again."""
        asked = await read_json(request, _scan, may_be_empty=True)
        files = await self._service.scan([_absolute(folder) for folder in asked.folders])
        return JsonReply([library_entry(file) for file in files])

    async def load(self, request: Request) -> JsonReply:
        """Load a model; answers when it is ready, and gives the load up when the client leaves."""
        model_id = self._model_id(request)
        asked = await read_json(request, _load, may_be_empty=True)
        loading = self._service.load(
            model_id,
            self._parameters(model_id, asked),
            limit_bytes=KEEP if asked.limit_bytes is msgspec.UNSET else asked.limit_bytes,
            pin=asked.pin,
            actor=actor_of(request),
        )
        model = await self._while_connected(request, loading)
        expected = await self._expected_loads([model.id])
        return JsonReply(model_entry(model, time.monotonic(), expected.get(model.id)))

    async def unload(self, request: Request) -> JsonReply:
        """Unload a model; answers when its memory is back."""
        model_id = await self._bare_command(request)
        return JsonReply(receipt_entry(await self._service.unload(model_id, actor=actor_of(request))))

    async def unload_all(self, request: Request) -> JsonReply:
        """Unload every model."""
        await read_json(request, _nothing, may_be_empty=True)
        receipts = await self._service.unload_all(actor=actor_of(request))
        return JsonReply([receipt_entry(receipt) for receipt in receipts])

    async def clean_up(self, request: Request) -> JsonReply:
        """Unload every idle model that is not pinned."""
        await read_json(request, _nothing, may_be_empty=True)
        receipts = await self._service.clean_up(actor=actor_of(request))
        return JsonReply([receipt_entry(receipt) for receipt in receipts])

    async def doze(self, request: Request) -> JsonReply:
        """Drop an idle model's weights from memory; it wakes at the next request."""
        model_id = await self._bare_command(request)
        await self._service.doze(model_id, actor=actor_of(request))
        return JsonReply(await self._entry(model_id))

    async def pin(self, request: Request) -> JsonReply:
        """Protect a model from being unloaded automatically, or no longer."""
        model_id = self._model_id(request)
        asked = await read_json(request, _pin)
        await self._service.set_pinned(model_id, asked.pinned, actor=actor_of(request))
        return JsonReply(await self._entry(model_id))

    async def limit_model(self, request: Request) -> JsonReply:
        """Set or take away a model's limit."""
        model_id = self._model_id(request)
        asked = await read_json(request, _limit)
        await self._service.set_limit(model_id, asked.limit_bytes, actor=actor_of(request))
        return JsonReply(await self._entry(model_id))

    async def limit_total(self, request: Request) -> JsonReply:
        """Set or take away the limit of all models together."""
        asked = await read_json(request, _limit)
        await self._service.set_limit(None, asked.limit_bytes, actor=actor_of(request))
        return JsonReply(usage_entry(self._service.usage()))

    async def limit_gpu(self, request: Request) -> JsonReply:
        """Set what all models together may take of one GPU, or take that away: then the usual share holds."""
        asked = await read_json(request, _limit)
        await self._change(request, {GPU_LIMITS: {request.path_params["gpu"]: asked.limit_bytes}})
        return JsonReply(usage_entry(self._service.usage()))

    async def reserve(self, request: Request) -> JsonReply:
        """Set how much memory of the machine stays free."""
        asked = await read_json(request, _reserve)
        await self._change(request, {"limits.reserve_bytes": asked.reserve_bytes})
        return await self.status(request)

    async def simulate_pressure(self, request: Request) -> JsonReply:
        """Show a level of pressure, without using memory; models go for it only if asked."""
        asked = await read_json(request, _pressure)
        level = next(level for level in Level if level.word == asked.level)
        self._service.simulate_pressure(None if level is Level.NORMAL else level, act=asked.act)
        return await self.status(request)

    async def usage(self, _: Request) -> JsonReply:
        """Memory in use, its limit and the share of it, in total and for each model."""
        return JsonReply(usage_entry(self._service.usage()))

    async def forecast(self, request: Request) -> JsonReply:
        """Predict what a load needs."""
        model_id = self._model_id(request)
        asked = await read_json(request, _forecast, may_be_empty=True)
        answering = answer_forecast(self._service, model_id, asked)
        return JsonReply(await self._while_connected(request, answering))

    async def past_loads(self, request: Request) -> JsonReply:
        """Forecast and measurement of the model's past loads, the newest last."""
        records = self._service.catalogue.forecasts.past(self._model_id(request))
        return JsonReply([past_load(record) for record in records])

    async def settings(self, _: Request) -> JsonReply:
        """All settings."""
        return JsonReply(self._service.settings)

    async def change_settings(self, request: Request) -> JsonReply:
        """Change settings, named as `section.field`; all of them or, when one cannot be, none."""
        changes: Mapping[str, object] = await read_json(request, _settings)
        await self._change(request, changes)
        return JsonReply(self._service.settings)

    async def _change(self, request: Request, changes: Mapping[str, object]) -> None:
        try:
            await self._service.change_settings(changes, actor=actor_of(request))
        except BadSetting as error:
            raise ApiError(400, "invalid_value", str(error), parameter=error.name[:80]) from None

    async def events(self, request: Request) -> EventFeed:
        """Events as they happen."""
        return EventFeed(self._service, **_feed_options(request))

    async def recent_events(self, request: Request) -> JsonReply:
        """The last events."""
        count = _query_number(request, "count", default=100)
        recent = list(self._service.recent_events)[-count:] if count else []
        return JsonReply([event_object(event) for event in recent])

    async def past_events(self, request: Request) -> JsonReply:
        """The events of the history, also of earlier runs; without a history those of this run."""
        most = _query_number(request, "limit", default=100)
        model_id = _query_text(request, "model") or None
        found = await self._history.events(most, model_id)
        if found is None:
            recent = self._service.recent_events
            told = [event for event in recent if model_id is None or event.concerns(model_id)]
            found = told[-most:] if most else []
        return JsonReply([event_object(event) for event in found])

    async def _bare_command(self, request: Request) -> str:
        model_id = self._model_id(request)
        await read_json(request, _nothing, may_be_empty=True)
        return model_id

    def _model_id(self, request: Request) -> str:
        return known_model(self._service, request.path_params["model_id"]).id

    async def _entry(self, model_id: str) -> ModelStatus:
        expected = (await self._expected_loads([model_id])).get(model_id)
        return model_entry(known_model(self._service, model_id), time.monotonic(), expected)

    async def _expected_loads(self, model_ids: Sequence[str]) -> Mapping[str, ExpectedLoad]:
        return await self._service.catalogue.warmths.expected_loads(model_ids)

    def _parameters(self, model_id: str, asked: LoadRequest) -> LoadParameters | None:
        """The parameters asked for; None when the request leaves them to the settings."""
        base = known_model(self._service, model_id).parameters
        parameters = parameters_asked(base, asked)
        return None if parameters == base else parameters

    async def _while_connected(self, request: Request, work: Awaitable[Result]) -> Result:
        return await unless_client_leaves(request.receive, work)


def _absolute(path: str) -> Path:
    """The path of a file or folder; one that depends on the working directory of a program is refused."""
    if "\0" in path or not os.path.isabs(path):
        raise ApiError(400, "invalid_value", "A path must be absolute.", parameter="path")
    return Path(path)


def _feed_options(request: Request) -> dict[str, Any]:
    types = _query_text(request, "types")
    return {
        "recent": _query_number(request, "recent", default=0),
        "samples": _query_flag(request, "samples"),
        "types": frozenset(filter(None, types.split(","))),
    }


def _query_text(request: Request, name: str) -> str:
    text = request.query_params.get(name, "")
    if len(text) > LONGEST_QUERY_TEXT:
        sentence = f"{name} must be no longer than {LONGEST_QUERY_TEXT} characters."
        raise ApiError(400, "invalid_value", sentence, parameter=name)
    return text


def _query_flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "false")
    if text not in ("true", "false"):
        raise ApiError(400, "invalid_value", f"{name} must be true or false.", parameter=name)
    return text == "true"


def _query_number(request: Request, name: str, *, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= MOST_RECENT_EVENTS):
        raise ApiError(400, "invalid_value", f"{name} must be 0 to {MOST_RECENT_EVENTS}.", parameter=name)
    return int(text)
