"""What loads really took, and how the next forecast learns from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from llmmem_gui.core.buffers import batch_tokens
from llmmem_gui.core.forecast import MIB, Forecast
from llmmem_gui.core.gguf import FileIdentity
from llmmem_gui.core.parameters import LoadParameters

LEAST_BAR_BYTES = 12 * MIB
"""Half the error bar at best: two equal loads of one model differ by less."""
UNUSED_PERCENT = 5
"""Of what was never used while it was measured, so much may be wrong."""


class LoadKey(msgspec.Struct, frozen=True):
    """What must be the same for one load to tell about another."""

    identities: tuple[FileIdentity, ...]
    parameters: LoadParameters
    engine_version: str


class Measurement(msgspec.Struct, frozen=True):
    """The most that one load took until it was unloaded."""

    private_bytes: int
    mapped_bytes: int
    vram_bytes: int
    filled_tokens: int
    """Most tokens that lay in the context at once; 0 for a model that was never asked."""
    prompt_tokens: int
    """Longest part of a prompt that was computed anew."""


def learned(forecast: Forecast, parameters: LoadParameters, measurements: Sequence[Measurement]) -> Forecast:
    """The forecast corrected by earlier loads with the same `LoadKey`.

    A load that was measured may have used a part of its context only. What it did not use still counts as
    forecast; what it did use is compared, and the difference goes to the overhead. Loads that were never
    asked anything tell nothing. The error bar is as wide as the measurements differ, and wider for what
    none of them used.
    """
    used = [measurement for measurement in measurements if measurement.filled_tokens > 0]
    if not used:
        return forecast
    unused = [unused_bytes(forecast, parameters, measurement) for measurement in used]
    needed = [
        measurement.private_bytes + measurement.vram_bytes + missing
        for measurement, missing in zip(used, unused, strict=True)
    ]
    mapped = forecast.mapped_bytes
    # The largest counts: too little room is worse than too much.
    correction = max(needed) - (forecast.total_bytes - mapped)
    overhead = max(0, forecast.overhead_bytes + correction)
    total = forecast.total_bytes - forecast.overhead_bytes + overhead
    spread = max(needed) - min(needed)
    bar = max(LEAST_BAR_BYTES, spread) + min(unused) * UNUSED_PERCENT // 100
    # Rows of embeddings that nobody asked for are not read from the file.
    unread = max(0, mapped - min(measurement.mapped_bytes for measurement in used))
    return replace(
        forecast,
        overhead_bytes=overhead,
        low_bytes=max(0, total - bar - unread),
        high_bytes=total + bar,
        source="measured",
        measured_times=len(used),
        doubt=None,
    )


def unused_bytes(forecast: Forecast, parameters: LoadParameters, measurement: Measurement) -> int:
    """Bytes of caches and intermediate results that were forecast and that a measured load had no use for."""
    filled = min(1.0, measurement.filled_tokens / forecast.context)
    computed = min(1.0, measurement.prompt_tokens / batch_tokens(parameters))
    return round(forecast.kv_cache_bytes * (1 - filled) + forecast.compute_bytes * (1 - computed))
