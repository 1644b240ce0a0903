"""Bytes a load will need, by part, with their error bar and their source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from llmmem_gui.core import buffers, overhead
from llmmem_gui.core.engine import Engine
from llmmem_gui.core.model_shape import ModelShape
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.rehearsal import Rehearsed
from llmmem_gui.core.sentence import Sentence

Source = Literal["formula", "dry run", "measured"]

MIB = 1024**2
FORMULA_PERCENT, FORMULA_BYTES = 10, 48 * MIB
"""Error bar of a formula: the larger of the two, up and down; the benchmark's target for it."""
UNKNOWN_PERCENT, UNKNOWN_BYTES = 35, 128 * MIB
"""Error bar for an architecture that the formulas were not written for."""
REHEARSAL_PERCENT, REHEARSAL_BYTES = 3, 24 * MIB
"""Error bar of a dry run."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What loading a model with given parameters is predicted to take, in bytes."""

    weights_bytes: int
    """All weights, however they are held."""
    private_weights_bytes: int
    """The part of the weights held in private memory: repacked by the CPU backend, or not mapped."""
    kv_cache_bytes: int
    compute_bytes: int
    overhead_bytes: int
    """Vocabulary, graph, buffers of the library and the host process itself."""
    low_bytes: int
    high_bytes: int
    context: int
    """Tokens of context that the forecast is for."""
    source: Source
    measured_times: int = 0
    vram_bytes: int = 0
    """The part of the total that lies on GPUs."""
    vram_weights_bytes: int = 0
    """The part of the weights that lies on GPUs."""
    doubt: Sentence | None = None
    """One sentence on what makes the forecast uncertain beyond its source; None where nothing does."""

    @property
    def total_bytes(self) -> int:
        """Everything the load takes, main memory and GPUs together."""
        return self.weights_bytes + self.kv_cache_bytes + self.compute_bytes + self.overhead_bytes

    @property
    def mapped_bytes(self) -> int:
        """Weights that stay mapped from the file, which the system can take back."""
        return max(0, self.weights_bytes - self.private_weights_bytes - self.vram_weights_bytes)

    @property
    def private_bytes(self) -> int:
        """Main memory that only unloading gives back."""
        return max(0, self.total_bytes - self.mapped_bytes - self.vram_bytes)


def forecast_by_formula(
    shape: ModelShape, parameters: LoadParameters, engine: Engine | None = None
) -> Forecast:
    """The forecast computed from the file's header alone, in microseconds.

    `engine` says what the installed llama.cpp does with the weights; without it nothing is repacked and
    there is no GPU. Sources of the formulas: core/buffers.py.
    """
    engine = engine or Engine()
    weights = buffers.weights(shape, parameters, engine)
    cache = buffers.cache(shape, parameters, engine)
    compute = buffers.compute(shape, parameters, engine)
    runtime = overhead.gpu_runtime_bytes(parameters, engine)
    beside = (
        overhead.model_bytes(shape)
        + overhead.context_bytes(shape, parameters)
        + overhead.output_bytes(shape, parameters)
        + overhead.host_bytes(shape, parameters)
    )
    doubt = _doubt(shape)
    percent, least = (UNKNOWN_PERCENT, UNKNOWN_BYTES) if doubt else (FORMULA_PERCENT, FORMULA_BYTES)
    return with_bar(
        Forecast(
            weights_bytes=weights.mapped + weights.private + weights.vram,
            private_weights_bytes=weights.private,
            kv_cache_bytes=cache.total,
            compute_bytes=compute.total,
            overhead_bytes=beside + runtime,
            low_bytes=0,
            high_bytes=0,
            context=buffers.given_context(parameters),
            source="formula",
            vram_bytes=weights.vram + cache.vram + compute.vram + runtime,
            vram_weights_bytes=weights.vram,
            doubt=doubt,
        ),
        percent,
        least,
    )


def forecast_by_rehearsal(
    shape: ModelShape, parameters: LoadParameters, rehearsed: Rehearsed, engine: Engine | None = None
) -> Forecast:
    """The forecast from llama.cpp's own count of its buffers.

    What a rehearsal cannot see is added: what the host takes itself. Where the count does not tell
    repacked weights apart, or not what the vocabulary takes, the formula's share of them is used.
    """
    engine = engine or Engine()
    main = [buffer for buffer in rehearsed.buffers if buffer.is_host]
    gpu = [buffer for buffer in rehearsed.buffers if not buffer.is_host]
    runtime = overhead.gpu_runtime_bytes(parameters, engine) if gpu else 0
    # A GPU's own buffers of main memory (CUDA_Host) hold weights only where these are not mapped.
    mappable = {buffer for buffer in main if buffer.name == "CPU" or buffer.name.endswith("_Host")}
    private_weights = sum(buffer.weights_bytes for buffer in main if buffer not in mappable)
    if not parameters.memory_map:
        private_weights = sum(buffer.weights_bytes for buffer in main)
    elif not rehearsed.repack_is_known:
        private_weights = buffers.weights(shape, parameters, engine).private
    beside = (
        (rehearsed.model_bytes or overhead.model_bytes(shape))
        + overhead.context_bytes(shape, parameters)
        # A rehearsal shows the buffer as it is first made; the first long text makes it larger.
        + max(rehearsed.output_bytes, overhead.output_bytes(shape, parameters))
        + overhead.host_bytes(shape, parameters)
    )
    vram_weights = sum(buffer.weights_bytes for buffer in gpu)
    vram_buffers = sum(buffer.cache_bytes + buffer.compute_bytes for buffer in gpu)
    return with_bar(
        Forecast(
            weights_bytes=sum(buffer.weights_bytes for buffer in rehearsed.buffers),
            private_weights_bytes=private_weights,
            kv_cache_bytes=sum(buffer.cache_bytes for buffer in rehearsed.buffers),
            compute_bytes=sum(buffer.compute_bytes for buffer in rehearsed.buffers),
            overhead_bytes=beside + runtime,
            low_bytes=0,
            high_bytes=0,
            context=rehearsed.context,
            source="dry run",
            vram_bytes=vram_weights + vram_buffers + runtime,
            vram_weights_bytes=vram_weights,
        ),
        REHEARSAL_PERCENT,
        REHEARSAL_BYTES,
    )


def with_bar(forecast: Forecast, percent: float, least_bytes: int) -> Forecast:
    """The forecast with an error bar of so many percent of its total, at least so many bytes, each way."""
    total = forecast.total_bytes
    bar = max(round(total * percent / 100), least_bytes)
    return replace(forecast, low_bytes=max(0, total - bar), high_bytes=total + bar)


def _doubt(shape: ModelShape) -> Sentence | None:
    if not shape.is_known:
        return Sentence(
            "Forecast", "The architecture {name} is not known: the forecast is a guess by its numbers."
        ).format(name=shape.architecture)
    if shape.has_unusual_cache:
        return Sentence(
            "Forecast", "Models of the architecture {name} keep caches that are not counted here."
        ).format(name=shape.architecture)
    return None
