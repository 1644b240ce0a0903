"""What can be asked over HTTP: one table, from which both the routes and the OpenAPI document are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from starlette.requests import Request
from starlette.types import ASGIApp

from llmmem_gui.core.settings import Settings
from llmmem_gui.service.control_api import ControlApi, SettingValue
from llmmem_gui.service.control_records import (
    AddRequest,
    ForecastEntry,
    ForecastRequest,
    Health,
    LibraryEntry,
    LimitRequest,
    LoadRequest,
    ModelEntry,
    NothingAsked,
    PinRequest,
    ReceiptEntry,
    ReserveRequest,
    ScanRequest,
    Status,
    TotalUsage,
)
from llmmem_gui.service.openai_api import OpenAiApi
from llmmem_gui.service.openai_schemas import ChatRequest, CompletionRequest, EmbeddingRequest

Method = Literal["GET", "POST", "PUT", "PATCH"]
Endpoint = Callable[[Request], Awaitable[ASGIApp]]
QueryKind = Literal["number", "boolean", "text"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked."""

    method: Method
    path: str
    """With `{model_id}` where the id of a model stands."""
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
    openai: OpenAiApi, control: ControlApi, document: Endpoint, metrics: Endpoint
) -> tuple[Operation, ...]:
    """Everything that can be asked. A path with a further part after the id stands before the bare id."""
    return (
        Operation("GET", "/health", control.health, "Whether the program answers", gives=Health),
        Operation("GET", "/openapi.json", document, "This document"),
        Operation("GET", "/metrics", metrics, "Numbers for Prometheus", media_type="text/plain"),
        Operation("GET", "/v1/models", openai.models, "Models that can be asked, in OpenAI's form"),
        Operation("GET", "/v1/models/{model_id}", openai.model, "One model, in OpenAI's form"),
        Operation("POST", "/v1/chat/completions", openai.chat, "Answer a chat", takes=ChatRequest),
        Operation("POST", "/v1/completions", openai.completion, "Continue a text", takes=CompletionRequest),
        Operation(
            "POST", "/v1/embeddings", openai.embedding, "Turn texts into vectors", takes=EmbeddingRequest
        ),
        *_control_operations(control),
    )


def _control_operations(control: ControlApi) -> tuple[Operation, ...]:
    return (
        Operation(
            "GET", "/api/v1/models", control.status, "All models, their sum and the machine", gives=Status
        ),
        Operation(
            "POST", "/api/v1/models", control.add_model, "Add a model file", AddRequest, gives=LibraryEntry
        ),
        Operation(
            "POST",
            f"{_MODEL}/load",
            control.load,
            "Load a model",
            LoadRequest,
            body_required=False,
            gives=ModelEntry,
        ),
        Operation(
            "POST",
            f"{_MODEL}/unload",
            control.unload,
            "Unload a model",
            NothingAsked,
            body_required=False,
            gives=ReceiptEntry,
        ),
        Operation(
            "POST",
            f"{_MODEL}/doze",
            control.doze,
            "Drop an idle model's weights from memory",
            NothingAsked,
            body_required=False,
            gives=ModelEntry,
        ),
        Operation("PUT", f"{_MODEL}/pin", control.pin, "Pin or unpin a model", PinRequest, gives=ModelEntry),
        Operation(
            "PUT", f"{_MODEL}/limit", control.limit_model, "Limit a model", LimitRequest, gives=ModelEntry
        ),
        Operation(
            "POST",
            f"{_MODEL}/forecast",
            control.forecast,
            "Predict what a load needs",
            ForecastRequest,
            body_required=False,
            gives=ForecastEntry,
        ),
        Operation("GET", _MODEL, control.model, "One model", gives=ModelEntry),
        Operation(
            "POST",
            "/api/v1/scan",
            control.scan,
            "Look for model files",
            ScanRequest,
            body_required=False,
            gives=list[LibraryEntry],
        ),
        Operation(
            "POST",
            "/api/v1/unload",
            control.unload_all,
            "Unload every model",
            NothingAsked,
            body_required=False,
            gives=list[ReceiptEntry],
        ),
        Operation(
            "POST",
            "/api/v1/cleanup",
            control.clean_up,
            "Unload every idle model that is not pinned",
            NothingAsked,
            body_required=False,
            gives=list[ReceiptEntry],
        ),
        Operation(
            "PUT", "/api/v1/limit", control.limit_total, "Limit all models", LimitRequest, gives=TotalUsage
        ),
        Operation(
            "PUT", "/api/v1/reserve", control.reserve, "Keep memory free", ReserveRequest, gives=Status
        ),
        Operation("GET", "/api/v1/usage", control.usage, "Memory in use", gives=TotalUsage),
        Operation("GET", "/api/v1/settings", control.settings, "All settings", gives=Settings),
        Operation(
            "PATCH",
            "/api/v1/settings",
            control.change_settings,
            "Change settings, named as section.field",
            dict[str, SettingValue],
            gives=Settings,
        ),
        Operation(
            "GET",
            "/api/v1/events",
            control.events,
            "Events as they happen",
            media_type="text/event-stream",
            query=(("recent", "number"), ("samples", "boolean"), ("types", "text")),
        ),
        Operation(
            "GET",
            "/api/v1/events/recent",
            control.recent_events,
            "The last events",
            gives=list[dict[str, Any]],
            query=(("count", "number"),),
        ),
    )
