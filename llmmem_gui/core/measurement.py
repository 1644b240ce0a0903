"""What loads really took, and how the next forecast learns from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from llmmem_gui.core.forecast import MIB, Forecast
from llmmem_gui.core.gguf import FileIdentity
from llmmem_gui.core.parameters import LoadParameters, batch_tokens

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
    none of them used; but to know more makes it no wider than it was, unless they differ by more.
    """
    used = [measurement for measurement in measurements if measurement.filled_tokens > 0]
    if not used:
        return forecast
    unused = [unused_bytes(forecast, parameters, measurement) for measurement in used]
    needed = [measurement.private_bytes + missing for measurement, missing in zip(used, unused, strict=True)]
    # The largest counts: too little room is worse than too much.
    main_overhead = forecast.overhead_bytes - forecast.vram_overhead_bytes
    main_overhead = max(0, main_overhead + max(needed) - forecast.private_bytes)
    vram_overhead = forecast.vram_overhead_bytes
    vram = max(measurement.vram_bytes for measurement in used)
    if vram:  # it is not told for every GPU
        vram_overhead = max(0, vram_overhead + vram - forecast.vram_bytes)
    overhead = main_overhead + vram_overhead
    total = forecast.total_bytes - forecast.overhead_bytes + overhead
    known = LEAST_BAR_BYTES + min(unused) * UNUSED_PERCENT // 100
    bar = max(max(needed) - min(needed), min(known, forecast.high_bytes - forecast.total_bytes))
    return replace(
        forecast,
        overhead_bytes=overhead,
        vram_overhead_bytes=vram_overhead,
        low_bytes=max(0, total - bar),
        high_bytes=total + bar,
        source="measured",
        measured_times=len(used),
        doubt=None,
    )


def unused_bytes(forecast: Forecast, parameters: LoadParameters, measurement: Measurement) -> int:
    """Bytes of caches and intermediate results that were forecast and that a measured load had no use for.

    Those in main memory only: on a GPU they are taken as a whole.
    """
    filled = min(1.0, measurement.filled_tokens / forecast.context)
    computed = min(1.0, measurement.prompt_tokens / batch_tokens(parameters))
    unused = forecast.kv_cache_bytes * (1 - filled) + forecast.compute_bytes * (1 - computed)
    buffers_bytes = forecast.kv_cache_bytes + forecast.compute_bytes
    in_main = 1 - forecast.vram_buffers_bytes / max(1, buffers_bytes)
    return round(unused * in_main)
