"""What is told and asked of engines, in the words of the HTTP API."""

from __future__ import annotations

import os
from typing import Annotated

import msgspec

from llmmem_gui.core.engines import EngineOverview, EngineUse, InstalledEngine
from llmmem_gui.service.http.control_records import Told


class EngineDevice(Told, frozen=True, kw_only=True):
    """Something that an engine can compute on."""

    name: str
    description: str
    kind: str
    """`cpu`, `gpu`, `igpu` or `accelerator`."""
    total_bytes: int
    device_id: str


class EngineTrial(Told, frozen=True, kw_only=True):
    """How computing in one way went, tried with a model of known weights."""

    device: str
    extra_buffers: bool
    passed: bool
    failure: str | None
    prompt_tokens_per_second: float
    """Of a made-up model; 0: not measured."""
    answer_tokens_per_second: float


class EngineEntry(Told, frozen=True, kw_only=True):
    """One build of llama.cpp on this machine."""

    name: str
    version: str
    source: str
    """`prebuilt`, `installed`, `compiled` or `system`."""
    folder: str
    in_use: bool
    usable: bool
    """It answers rightly in some way, or was not tried."""
    tried: bool
    refused: str | None
    """Why it cannot be used at all."""
    devices: list[EngineDevice]
    trials: list[EngineTrial]


class EngineList(Told, frozen=True, kw_only=True):
    """All engines, and what is being done to them."""

    engines: list[EngineEntry]
    in_use: str | None
    extra_buffers: bool | None
    """Whether the engine in use may copy weights into a faster order; null without one."""
    trying: bool
    build_percent: float | None
    """How much of compiling is done; null: nothing is compiled."""
    build_failure: str | None


class EngineRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Name an engine; empty: the best by itself."""

    name: Annotated[str, msgspec.Meta(max_length=100)]


def engine_list(overview: EngineOverview) -> EngineList:
    """The overview in the words of the API."""
    use = overview.in_use
    return EngineList(
        engines=[_entry(engine, use) for engine in overview.engines],
        in_use=None if use is None else use.name,
        extra_buffers=None if use is None else use.extra_buffers,
        trying=overview.trying,
        build_percent=None if overview.build_progress is None else 100 * overview.build_progress,
        build_failure=None if overview.build_failure is None else str(overview.build_failure),
    )


def _entry(engine: InstalledEngine, use: EngineUse | None) -> EngineEntry:
    report = engine.report
    return EngineEntry(
        name=engine.name,
        version=engine.manifest.version,
        source=engine.manifest.source,
        # A path may hold bytes that are no text.
        folder=os.fsencode(engine.folder).decode("utf-8", "replace"),
        in_use=use is not None and use.folder == engine.folder,
        usable=bool(engine.ways()),
        tried=report is not None,
        refused=None if report is None or report.refused is None else str(report.refused),
        devices=[
            EngineDevice(
                name=device.name,
                description=device.description,
                kind=device.kind,
                total_bytes=device.total_bytes,
                device_id=device.device_id,
            )
            for device in (report.devices if report is not None else ())
        ],
        trials=[
            EngineTrial(
                device=trial.device,
                extra_buffers=trial.extra_buffers,
                passed=trial.passed,
                failure=None if trial.failure is None else str(trial.failure),
                prompt_tokens_per_second=trial.prompt_tokens_per_second,
                answer_tokens_per_second=trial.answer_tokens_per_second,
            )
            for trial in (report.trials if report is not None else ())
        ],
    )
