"""The program's own records as the control API tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

import msgspec

from llmmem_gui.core import events
from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.readings import MachineReading, Sample
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot
from llmmem_gui.core.warmth import ExpectedLoad
from llmmem_gui.service import usage as usages
from llmmem_gui.service.http.control_records import (
    ForecastEntry,
    ForecastRequest,
    LibraryEntry,
    LoadRequest,
    MachineEntry,
    MemoryUsage,
    ModelStatus,
    PastLoad,
    ReceiptEntry,
    Usage,
)
from llmmem_gui.service.storage.load_records import LoadRecord


def library_entry(file: ModelFile) -> LibraryEntry:
    """A model file."""
    return LibraryEntry(
        id=file.id,
        name=file.name,
        path=str(file.path),
        architecture=file.architecture,
        quantization=file.quantization,
        file_bytes=file.file_bytes,
        context_length=file.context_length,
        has_chat_template=file.has_chat_template,
        sees=file.sees,
        error=_text(file.error),
        left_out=[str(sentence) for sentence in file.left_out],
    )


def model_entry(
    model: ModelSnapshot, monotonic_seconds: float, expected_load: ExpectedLoad | None
) -> ModelStatus:
    """A model at that time of the monotonic clock; `expected_load` where it is known."""
    return ModelStatus(
        id=model.id,
        name=model.facts.name,
        path=str(model.facts.path),
        state=model.state.value,
        pinned=model.pinned,
        context=model.context,
        private_bytes=model.private_bytes,
        weights_bytes=model.weights_bytes,
        vram_bytes=model.vram_bytes,
        resident_bytes=model.resident_bytes,
        forecast_bytes=model.forecast.total_bytes if model.forecast else None,
        gpu_layers=model.forecast.gpu_layers if model.forecast else None,
        layers=model.forecast.layers if model.forecast else None,
        charge_bytes=model.charge.total_bytes if model.charge else 0,
        limit_bytes=model.limit_bytes,
        idle_seconds=None if model.idle_since is None else max(0.0, monotonic_seconds - model.idle_since),
        pid=model.pid,
        error=_text(model.error),
        in_flight=model.in_flight,
        waiting=model.waiting,
        eviction_rank=model.eviction_rank,
        load_seconds=model.load_seconds,
        warmth_percent=100 * expected_load.warmth.share if expected_load else None,
        expected_load_seconds=expected_load.seconds if expected_load else None,
        has_chat_template=model.facts.has_chat_template,
        left_out=[str(sentence) for sentence in model.facts.left_out],
        sees=model.facts.sees,
    )


def machine_entry(snapshot: CacheSnapshot, machine: MachineReading | None) -> MachineEntry:
    """The computer; its numbers are None before the first sample."""
    return MachineEntry(
        total_bytes=machine.total_bytes if machine else None,
        available_bytes=machine.available_bytes if machine else None,
        reserve_bytes=snapshot.bounds.reserve_bytes,
        room_bytes=snapshot.room_bytes,
        pressure=snapshot.pressure,
        pressure_is_simulated=snapshot.pressure_is_simulated,
    )


def usage_entry(usage: usages.MemoryUsage) -> MemoryUsage:
    """What is used, of which limits."""

    def each(parts: Mapping[str, usages.MemoryUsage]) -> dict[str, Usage]:
        return {
            name: Usage(current_bytes=one.current_bytes, limit_bytes=one.limit_bytes, percent=one.percent)
            for name, one in parts.items()
        }

    return MemoryUsage(
        current_bytes=usage.current_bytes,
        limit_bytes=usage.limit_bytes,
        percent=usage.percent,
        models=each(usage.models),
        devices=each(usage.devices),
    )


def receipt_entry(receipt: events.UnloadReceipt) -> ReceiptEntry:
    """What an unload gave back."""
    return ReceiptEntry(
        id=receipt.model_id,
        given_back_bytes=receipt.given_back_bytes,
        private_before_bytes=receipt.private_before_bytes,
        weights_before_bytes=receipt.weights_before_bytes,
        vram_before_bytes=receipt.vram_before_bytes,
        available_change_bytes=receipt.available_change_bytes,
        machine_given_back_bytes=receipt.machine_given_back_bytes,
        seconds=receipt.seconds,
        reason=receipt.cause,
    )


def forecast_entry(model_id: str, forecast: Forecast) -> ForecastEntry:
    """What a load is predicted to need."""
    return ForecastEntry(
        id=model_id,
        weights_bytes=forecast.weights_bytes,
        kv_cache_bytes=forecast.kv_cache_bytes,
        compute_bytes=forecast.compute_bytes,
        overhead_bytes=forecast.overhead_bytes,
        total_bytes=forecast.total_bytes,
        low_bytes=forecast.low_bytes,
        high_bytes=forecast.high_bytes,
        mapped_bytes=forecast.mapped_bytes,
        private_bytes=forecast.private_bytes,
        vram_bytes=forecast.vram_bytes,
        gpu_layers=forecast.gpu_layers,
        layers=forecast.layers,
        source=forecast.source,
        measured_times=forecast.measured_times,
        context=forecast.context,
    )


def past_load(record: LoadRecord) -> PastLoad:
    """Forecast and measurement of a load that has ended."""
    parameters, measured = record.key.parameters, record.measured
    return PastLoad(
        time=iso_time(record.time),
        id=record.model_id,
        context=parameters.context,
        kv_type=parameters.kv_type,
        source=record.source,
        forecast_bytes=record.forecast_bytes,
        low_bytes=record.low_bytes,
        high_bytes=record.high_bytes,
        measured_bytes=record.measured_bytes,
        unused_bytes=record.unused_bytes,
        private_bytes=measured.private_bytes,
        weights_bytes=measured.mapped_bytes,
        vram_bytes=measured.vram_bytes,
        filled_tokens=measured.filled_tokens,
        error_percent=record.error_percent,
    )


def event_object(event: events.Event) -> dict[str, Any]:
    """An event with its numbers beside its other fields."""
    return {
        "time": iso_time(event.time),
        "type": event.type,
        "model": event.model_id,
        "cause": event.cause,
        "actor": event.actor,
        "for_model": event.for_model,
        "text": _text(event.text) or "",
        **event.numbers,
    }


def sample_object(sample: Sample, snapshot: CacheSnapshot) -> dict[str, Any]:
    """A sample as an event of type `memory-sample`."""
    return {
        "time": iso_time(sample.time),
        "type": "memory-sample",
        "current_bytes": snapshot.resident_bytes,
        "limit_bytes": snapshot.bounds.total_limit_bytes,
        "total_bytes": sample.machine.total_bytes,
        "available_bytes": sample.machine.available_bytes,
        "swap_used_bytes": sample.machine.swap_used_bytes,
        "stalled_some_percent": sample.machine.pressure_some_percent,
        "stalled_full_percent": sample.machine.pressure_full_percent,
        "gpus": [
            {
                "id": gpu.id,
                "name": gpu.name,
                "total_bytes": gpu.total_bytes,
                "used_bytes": gpu.used_bytes,
                "unified": gpu.unified,
            }
            for gpu in sample.gpus
        ],
        "activity": {model_id: asdict(doing) for model_id, doing in sample.activity.items()},
        "models": {
            model_id: {
                "private_bytes": host.private_bytes,
                "weights_bytes": host.weights_bytes,
                "vram_bytes": host.vram_bytes,
            }
            for model_id, host in sample.hosts.items()
        },
    }


def parameters_asked(base: LoadParameters, request: LoadRequest | ForecastRequest) -> LoadParameters:
    """The model's parameters with those replaced that the request names."""
    asked: Mapping[str, Any] = {
        name: value
        for name in ("context", "kv_type", "gpu_layers", "vision")
        if (value := getattr(request, name)) is not None
    }
    return msgspec.structs.replace(base, **asked)


def _text(sentence: Sentence | None) -> str | None:
    return None if sentence is None else str(sentence)


def iso_time(epoch_seconds: float) -> str:
    """A time in ISO 8601, in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(epoch_seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
