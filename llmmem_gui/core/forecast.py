"""Bytes a load will need, by part, with their error bar and their source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, get_args

from llmmem_gui.core import buffers, overhead
from llmmem_gui.core.buffers import Split, Weights
from llmmem_gui.core.engine import Engine
from llmmem_gui.core.engines import Device
from llmmem_gui.core.ledger import Charge, FileKey
from llmmem_gui.core.model_shape import ModelShape
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.projector import Projector
from llmmem_gui.core.rehearsal import Buffers, Memory, Rehearsed
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
    """What loading a model with given parameters is predicted to take, in bytes.

    The parts are counted twice over: by what they are for, and by where they lie. Both add up to the total.
    """

    weights_bytes: int
    """All weights, however they are held."""
    private_weights_bytes: int
    """The part of the weights held in private memory: copied by the CPU backend, or not mapped."""
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
    vram_weights_bytes: int = 0
    """The part of the weights that lies on GPUs."""
    vram_buffers_bytes: int = 0
    """The part of caches and intermediate results that lies on GPUs."""
    vram_overhead_bytes: int = 0
    """The part of the overhead that lies on GPUs."""
    devices: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Buffers on each device as a dry run counted them, by llama.cpp's name of it; empty: not counted."""
    gpu_layers: int = 0
    """Layers on GPUs as llama.cpp counts them: the output is one."""
    layers: int = 0
    """All layers of the model, counted the same way."""
    doubt: Sentence | None = None
    """One sentence on what makes the forecast uncertain beyond its source; None where nothing does."""

    def __post_init__(self) -> None:
        """No byte is counted in two places or in none, and the total lies within its own error bar."""
        buffers_bytes = self.kv_cache_bytes + self.compute_bytes
        assert self.private_weights_bytes >= 0
        assert 0 <= self.vram_weights_bytes <= self.weights_bytes - self.private_weights_bytes
        assert 0 <= self.vram_buffers_bytes <= buffers_bytes
        assert 0 <= self.vram_overhead_bytes <= self.overhead_bytes
        assert self.mapped_bytes + self.private_bytes + self.vram_bytes == self.total_bytes
        assert self.low_bytes <= self.total_bytes <= self.high_bytes

    @property
    def total_bytes(self) -> int:
        """Everything the load takes, main memory and GPUs together."""
        return self.weights_bytes + self.kv_cache_bytes + self.compute_bytes + self.overhead_bytes

    @property
    def mapped_bytes(self) -> int:
        """Weights that stay mapped from the file, which the system can take back."""
        return self.weights_bytes - self.private_weights_bytes - self.vram_weights_bytes

    @property
    def private_bytes(self) -> int:
        """Main memory that only unloading gives back."""
        buffers_bytes = self.kv_cache_bytes + self.compute_bytes - self.vram_buffers_bytes
        return self.private_weights_bytes + buffers_bytes + self.overhead_bytes - self.vram_overhead_bytes

    @property
    def vram_bytes(self) -> int:
        """What lies on GPUs."""
        return self.vram_weights_bytes + self.vram_buffers_bytes + self.vram_overhead_bytes

    def charge(self, file: FileKey, gpus: Sequence[Device] = ()) -> Charge:
        """What admission counts for such a load of the file, with the GPUs that layers can be placed on.

        What lies on a GPU is shared among them as a dry run counted it, else evenly. What lies on one that
        is part of the processor lies in main memory.
        """
        counted = {gpu.name: self.devices.get(gpu.name, 0) for gpu in gpus}
        if not any(counted.values()):
            counted = dict.fromkeys(counted, 1)
        whole = sum(counted.values())
        shares = {name: self.vram_bytes * part // whole for name, part in counted.items() if part}
        own = {gpu.name: shares[gpu.name] for gpu in gpus if gpu.kind == "gpu" and shares.get(gpu.name)}
        private = self.private_bytes + (sum(shares.values()) - sum(own.values()))
        return Charge(private, self.mapped_bytes, file, own)

    @property
    def main_bytes(self) -> int:
        """What lies in main memory, mapped and private; limits are for that."""
        return self.mapped_bytes + self.private_bytes


def forecast_by_formula(
    shape: ModelShape,
    parameters: LoadParameters,
    engine: Engine | None = None,
    eyes: Projector | None = None,
) -> Forecast:
    """The forecast computed from the file's header alone, in microseconds.

    `engine` says what the installed llama.cpp does with the weights; without it nothing is repacked and
    there is no GPU. `eyes`: the projector that is loaded, too. Sources of the formulas: core/buffers.py.
    """
    engine = engine or Engine()
    doubt = _doubt(shape, eyes)
    percent, least = (UNKNOWN_PERCENT, UNKNOWN_BYTES) if doubt else (FORMULA_PERCENT, FORMULA_BYTES)
    weights, compute = buffers.weights(shape, parameters, engine), buffers.compute(shape, parameters, engine)
    if eyes is not None:
        weights = _with_split(weights, eyes.weights(parameters, engine))
        compute = _sum(compute, eyes.compute(parameters, engine))
    parts = _Parts(
        weights,
        buffers.cache(shape, parameters, engine),
        compute,
        Split(
            overhead.model_bytes(shape)
            + overhead.context_bytes(shape, parameters)
            + overhead.output_bytes(shape, parameters)
            + overhead.host_bytes(shape, parameters),
            overhead.gpu_runtime_bytes(parameters, engine),
        ),
    )
    context = buffers.given_context(parameters)
    forecast = _forecast(parts, context, "formula", percent, least, doubt)
    return _with_layers(forecast, shape, parameters, engine)


def forecast_by_rehearsal(
    shape: ModelShape,
    parameters: LoadParameters,
    rehearsed: Rehearsed,
    engine: Engine | None = None,
    eyes: Projector | None = None,
) -> Forecast:
    """The forecast from llama.cpp's own count of its buffers.

    What a rehearsal cannot see is added: what the host takes itself. Where the count does not tell where
    the weights and caches lie, or not what the vocabulary takes, the formula's share of them is used.
    """
    engine = engine or Engine()
    devices: Counter[str] = Counter()
    for buffer in (*rehearsed.buffers, *rehearsed.projector):
        if buffer.memory == "gpu":
            devices[buffer.name] += buffer.weights_bytes + buffer.cache_bytes + buffer.compute_bytes
    weights = _rehearsed_weights(rehearsed, parameters)
    cache = _rehearsed_split(rehearsed.buffers, "cache_bytes")
    if not rehearsed.split_is_known:
        weights = buffers.weights(shape, parameters, engine)
        cache = buffers.cache(shape, parameters, engine)
    compute = _rehearsed_split(rehearsed.buffers, "compute_bytes")
    if rehearsed.projector:
        weights = _with_split(weights, _rehearsed_split(rehearsed.projector, "weights_bytes"))
    elif eyes is not None:
        weights = _with_split(weights, eyes.weights(parameters, engine))
        compute = _sum(compute, eyes.compute(parameters, engine))
    parts = _Parts(
        weights,
        cache,
        compute,
        Split(
            (rehearsed.model_bytes or overhead.model_bytes(shape))
            + overhead.context_bytes(shape, parameters)
            # A rehearsal shows the buffer as it is first made; the first long text makes it larger.
            + max(rehearsed.output_bytes, overhead.output_bytes(shape, parameters))
            + overhead.host_bytes(shape, parameters),
            overhead.gpu_runtime_bytes_on(devices),
        ),
    )
    forecast = _forecast(parts, rehearsed.context, "dry run", REHEARSAL_PERCENT, REHEARSAL_BYTES)
    return _with_layers(replace(forecast, devices=devices), shape, parameters, engine)


def _with_layers(
    forecast: Forecast, shape: ModelShape, parameters: LoadParameters, engine: Engine
) -> Forecast:
    on_gpus = buffers.layers_on_gpus(shape, parameters, engine)
    return replace(forecast, gpu_layers=on_gpus, layers=shape.layers + 1)


def of_second_use(load: Forecast, shape: ModelShape, parameters: LoadParameters) -> Forecast:
    """What of a load with these parameters comes to a host that has the model loaded for another use."""
    overhead_bytes = overhead.second_use_bytes(shape, parameters)
    total = load.kv_cache_bytes + load.compute_bytes + overhead_bytes
    return replace(
        load,
        weights_bytes=0,
        private_weights_bytes=0,
        vram_weights_bytes=0,
        overhead_bytes=overhead_bytes,
        vram_overhead_bytes=0,
        low_bytes=max(0, total - (load.total_bytes - load.low_bytes)),
        high_bytes=total + load.high_bytes - load.total_bytes,
    )


class _Parts(NamedTuple):
    """Each part of a load, shared among the kinds of memory."""

    weights: Weights
    cache: Split
    compute: Split
    overhead: Split


def _rehearsed_weights(rehearsed: Rehearsed, parameters: LoadParameters) -> Weights:
    sizes: dict[Memory, int] = dict.fromkeys(get_args(Memory), 0)
    for buffer in rehearsed.buffers:
        sizes[buffer.memory] += buffer.weights_bytes
    if not parameters.memory_map:
        return Weights(0, sizes["plain"] + sizes["extra"], sizes["gpu"])
    return Weights(sizes["plain"], sizes["extra"], sizes["gpu"])


def _rehearsed_split(
    counted: Sequence[Buffers], part: Literal["weights_bytes", "cache_bytes", "compute_bytes"]
) -> Split:
    main = sum(getattr(buffer, part) for buffer in counted if buffer.memory != "gpu")
    return Split(main, sum(getattr(buffer, part) for buffer in counted) - main)


def _with_split(weights: Weights, more: Split) -> Weights:
    """The weights with others that are copied into memory."""
    return weights._replace(private=weights.private + more.main, vram=weights.vram + more.vram)


def _sum(one: Split, other: Split) -> Split:
    return Split(one.main + other.main, one.vram + other.vram)


def _forecast(
    parts: _Parts, context: int, source: Source, percent: int, least_bytes: int, doubt: Sentence | None = None
) -> Forecast:
    """The forecast of these parts with an error bar of so many percent, at least so many bytes, each way."""
    weights, cache, compute, beside = parts
    total = sum(weights) + cache.total + compute.total + beside.total
    bar = max(round(total * percent / 100), least_bytes)
    return Forecast(
        weights_bytes=sum(weights),
        private_weights_bytes=weights.private,
        kv_cache_bytes=cache.total,
        compute_bytes=compute.total,
        overhead_bytes=beside.total,
        low_bytes=max(0, total - bar),
        high_bytes=total + bar,
        context=context,
        source=source,
        vram_weights_bytes=weights.vram,
        vram_buffers_bytes=cache.vram + compute.vram,
        vram_overhead_bytes=beside.vram,
        doubt=doubt,
    )


def _doubt(shape: ModelShape, eyes: Projector | None) -> Sentence | None:
    if not shape.is_known:
        return Sentence(
            "Forecast", "The architecture {name} is not known: the forecast is a guess by its numbers."
        ).format(name=shape.architecture)
    if shape.has_unusual_cache:
        return Sentence(
            "Forecast", "Models of the architecture {name} keep caches that are not counted here."
        ).format(name=shape.architecture)
    if eyes is not None:
        return Sentence("Forecast", "What reading an image takes is known after a dry run only.")
    return None
