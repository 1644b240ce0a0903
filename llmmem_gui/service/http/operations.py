"""What can be asked over HTTP: one table, from which both the routes and the OpenAPI document are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from starlette.requests import Request
from starlette.types import ASGIApp

from llmmem_gui.core.settings import Settings
from llmmem_gui.service.http.control_api import ControlApi, SettingValue
from llmmem_gui.service.http.control_records import (
    AddRequest,
    ForecastEntry,
    ForecastRequest,
    Health,
    LibraryEntry,
    LimitRequest,
    LoadRequest,
    MemoryUsage,
    ModelStatus,
    NothingAsked,
    PastLoad,
    PinRequest,
    ReceiptEntry,
    ReserveRequest,
    ScanRequest,
    SimulatedPressure,
    Status,
)
from llmmem_gui.service.http.engine_api import EngineApi
from llmmem_gui.service.http.engine_records import EngineList, EngineRequest
from llmmem_gui.service.http.neighbour_api import NeighbourApi
from llmmem_gui.service.http.neighbour_records import (
    NeighbourEntry,
    NeighbourReceiptEntry,
    NeighbourUnloadRequest,
)
from llmmem_gui.service.http.openai_api import OpenAiApi
from llmmem_gui.service.http.openai_schemas import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    FimRequest,
    InfillRequest,
)
from llmmem_gui.service.http.responses_schemas import ResponsesRequest

Method = Literal["GET", "POST", "PUT", "PATCH"]
Endpoint = Callable[[Request], Awaitable[ASGIApp]]
QueryKind = Literal["number", "boolean", "text"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked."""

    method: Method
    path: str
    """With `{model_id}` where the id of a model stands, `{neighbour_id}` for that of another program, and
    `{gpu}` for the name of a GPU."""
    endpoint: Endpoint
    summary: str
    takes: Any = None
    """Type of the body; None without one."""
    body_required: bool = True
    gives: Any = None
    """Type of the answer; None when it is no JSON of ours: OpenAI's form, a stream or text."""
    media_type: str = "application/json"
    query: tuple[tuple[str, QueryKind], ...] = ()


_MODEL = "/api/v1/models/{model_id}"


def operations(
    openai: OpenAiApi,
    control: ControlApi,
    engines: EngineApi,
    signpost: Endpoint,
    neighbours: NeighbourApi,
    document: Endpoint,
    metrics: Endpoint,
) -> tuple[Operation, ...]:
    """Everything that can be asked."""
    return (
        Operation("GET", "/health", control.health, "Whether the program answers", gives=Health),
        Operation("GET", "/", signpost, "What this server is, and where its API begins"),
        Operation("GET", "/openapi.json", document, "This document"),
        Operation("GET", "/metrics", metrics, "Numbers for Prometheus", media_type="text/plain"),
        Operation("GET", "/v1/models", openai.models, "Models that can be asked, in OpenAI's form"),
        Operation("GET", "/v1/models/{model_id}", openai.model, "One model, in OpenAI's form"),
        Operation("POST", "/v1/chat/completions", openai.chat, "Answer a chat", ChatRequest),
        Operation(
            "POST",
            "/v1/responses",
            openai.response,
            "Answer a chat, in the form of responses",
            ResponsesRequest,
        ),
        Operation("POST", "/v1/completions", openai.completion, "Continue a text", CompletionRequest),
        Operation("POST", "/v1/fim/completions", openai.fim, "Fill a gap, in Mistral's form", FimRequest),
        Operation("POST", "/infill", openai.infill, "Fill a gap, in llama-server's form", InfillRequest),
        Operation("POST", "/v1/embeddings", openai.embedding, "Turn texts into vectors", EmbeddingRequest),
        *_operations_on_one_model(control),
        *_operations_on_all_models(control),
        *_operations_on_the_program(control),
        *_operations_on_engines(engines),
        *_operations_on_neighbours(neighbours),
    )


def _operations_on_engines(engines: EngineApi) -> tuple[Operation, ...]:
    path = "/api/v1/engines"
    return (
        Operation("GET", path, engines.list, "All builds of llama.cpp on this machine", gives=EngineList),
        Operation("PUT", path, engines.use, "Compute with another engine", EngineRequest, gives=EngineList),
        Operation(
            "POST", f"{path}/test", engines.test, "Try an engine anew", EngineRequest, gives=EngineList
        ),
        _command(f"{path}/build", engines.build, "Compile llama.cpp for this processor", gives=EngineList),
        _command(f"{path}/build/cancel", engines.cancel_build, "Give up compiling", gives=EngineList),
    )


def _operations_on_neighbours(neighbours: NeighbourApi) -> tuple[Operation, ...]:
    path = "/api/v1/neighbours"
    return (
        Operation(
            "GET", path, neighbours.neighbours, "Other programs that hold models", gives=list[NeighbourEntry]
        ),
        _command(
            f"{path}/unload",
            neighbours.unload_neighbours,
            "Have all other programs unload what they hold",
            gives=list[NeighbourReceiptEntry],
        ),
        _command(
            f"{path}/{{neighbour_id}}/unload",
            neighbours.unload_neighbour,
            "Have another program unload a model or all, or end it",
            NeighbourUnloadRequest,
            gives=NeighbourReceiptEntry,
        ),
    )


def _operations_on_one_model(control: ControlApi) -> tuple[Operation, ...]:
    return (
        Operation("GET", _MODEL, control.model, "One model", gives=ModelStatus),
        _command(f"{_MODEL}/load", control.load, "Load a model", LoadRequest, gives=ModelStatus),
        _command(f"{_MODEL}/unload", control.unload, "Unload a model", gives=ReceiptEntry),
        _command(
            f"{_MODEL}/doze", control.doze, "Drop an idle model's weights from memory", gives=ModelStatus
        ),
        Operation("PUT", f"{_MODEL}/pin", control.pin, "Pin or unpin a model", PinRequest, gives=ModelStatus),
        Operation(
            "PUT", f"{_MODEL}/limit", control.limit_model, "Limit a model", LimitRequest, gives=ModelStatus
        ),
        _command(
            f"{_MODEL}/forecast",
            control.forecast,
            "Predict what a load needs",
            ForecastRequest,
            gives=ForecastEntry,
        ),
        Operation(
            "GET",
            f"{_MODEL}/loads",
            control.past_loads,
            "Forecast and measurement of past loads",
            gives=list[PastLoad],
        ),
    )


def _operations_on_all_models(control: ControlApi) -> tuple[Operation, ...]:
    path = "/api/v1"
    return (
        Operation(
            "GET", f"{path}/models", control.status, "All models, their sum and the machine", gives=Status
        ),
        Operation(
            "POST", f"{path}/models", control.add_model, "Add a model file", AddRequest, gives=LibraryEntry
        ),
        _command(f"{path}/scan", control.scan, "Look for model files", ScanRequest, gives=list[LibraryEntry]),
        _command(f"{path}/unload", control.unload_all, "Unload every model", gives=list[ReceiptEntry]),
        _command(
            f"{path}/cleanup",
            control.clean_up,
            "Unload every idle model that is not pinned",
            gives=list[ReceiptEntry],
        ),
        Operation("GET", f"{path}/usage", control.usage, "Memory in use", gives=MemoryUsage),
        Operation(
            "PUT", f"{path}/limit", control.limit_total, "Limit all models", LimitRequest, gives=MemoryUsage
        ),
        Operation(
            "PUT",
            f"{path}/gpus/{{gpu}}/limit",
            control.limit_gpu,
            "Limit all models on a GPU",
            LimitRequest,
            gives=MemoryUsage,
        ),
        Operation(
            "PUT", f"{path}/reserve", control.reserve, "Keep memory free", ReserveRequest, gives=Status
        ),
    )


def _operations_on_the_program(control: ControlApi) -> tuple[Operation, ...]:
    path = "/api/v1"
    return (
        Operation(
            "PUT",
            f"{path}/simulated-pressure",
            control.simulate_pressure,
            "Show a level of pressure as if memory were short, without using any",
            SimulatedPressure,
            gives=Status,
        ),
        Operation("GET", f"{path}/settings", control.settings, "All settings", gives=Settings),
        Operation(
            "PATCH",
            f"{path}/settings",
            control.change_settings,
            "Change settings, named as section.field",
            dict[str, SettingValue],
            gives=Settings,
        ),
        Operation(
            "GET",
            f"{path}/events",
            control.events,
            "Events as they happen",
            media_type="text/event-stream",
            query=(("recent", "number"), ("samples", "boolean"), ("types", "text")),
        ),
        Operation(
            "GET",
            f"{path}/events/recent",
            control.recent_events,
            "The last events",
            gives=list[dict[str, Any]],
            query=(("count", "number"),),
        ),
        Operation(
            "GET",
            f"{path}/events/past",
            control.past_events,
            "The last events of all runs, or those that concern one model",
            gives=list[dict[str, Any]],
            query=(("model", "text"), ("limit", "number")),
        ),
    )


def _command(
    path: str, endpoint: Endpoint, summary: str, takes: Any = NothingAsked, *, gives: Any
) -> Operation:
    """Something to do, whose body may be left out."""
    return Operation("POST", path, endpoint, summary, takes, body_required=False, gives=gives)
