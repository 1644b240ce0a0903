"""What the control API, the command line and scripts say and hear: sizes in bytes, percentages 0 to 100.

The names are a promise to other programs: fields are added, never renamed or removed.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from llmmem_gui.core.parameters import Context, GpuLayers, KvType
from llmmem_gui.core.settings import Bytes

PressureWord = Literal["normal", "warning", "critical", "emergency"]
PathText = Annotated[str, Meta(min_length=1, max_length=4096)]


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of what a client sends: an object with these fields and no others."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what the program answers."""


class NothingAsked(Asked, frozen=True):
    """The body of a request that needs none."""


class LoadRequest(Asked, frozen=True):
    """How to load a model; what is left out stays as its settings say."""

    context: Context | None = None
    kv_type: KvType | None = None
    gpu_layers: GpuLayers | None = None
    vision: bool | None = None
    """Whether a model that has a projector sees."""
    limit_bytes: Bytes | msgspec.UnsetType | None = msgspec.UNSET
    """The model's limit from now on; null takes it away."""
    pin: bool | None = None


class LimitRequest(Asked, frozen=True):
    """A limit; null takes it away."""

    limit_bytes: Bytes | None


class ReserveRequest(Asked, frozen=True):
    """Memory of the machine to keep free for everything else."""

    reserve_bytes: Bytes


class SimulatedPressure(Asked, frozen=True):
    """The pressure to show as if the machine had it; normal ends it."""

    level: PressureWord
    act: bool = False
    """Give models up for it, as for a real one."""


class PinRequest(Asked, frozen=True):
    """Whether the model is protected from being unloaded automatically."""

    pinned: bool


class AddRequest(Asked, frozen=True):
    """A model file to add to the library."""

    path: PathText


class ScanRequest(Asked, frozen=True):
    """Folders to look for models in, besides those of the settings."""

    folders: Annotated[list[PathText], Meta(max_length=64)] = []


class ForecastRequest(Asked, frozen=True):
    """The load to forecast."""

    context: Context | None = None
    kv_type: KvType | None = None
    gpu_layers: GpuLayers | None = None
    fit_bytes: Bytes | None = None
    """Forecast the largest context that needs at most this."""
    vision: bool | None = None
    """Whether a model that has a projector sees."""


class LibraryEntry(Told, frozen=True, kw_only=True):
    """A model file."""

    id: str
    name: str
    path: str
    architecture: str | None
    quantization: str | None
    file_bytes: int
    context_length: int | None
    has_chat_template: bool
    sees: bool = False
    """It can be shown images: a projector lies beside it."""
    error: str | None
    left_out: list[str] = []
    """What the program in whose folder it lies sets for it and has no effect here, a sentence each."""


class ModelStatus(Told, frozen=True, kw_only=True):
    """A model as it is now."""

    id: str
    path: str
    state: str
    pinned: bool
    context: int | None
    private_bytes: int
    weights_bytes: int
    vram_bytes: int | None
    resident_bytes: int
    forecast_bytes: int | None
    gpu_layers: int | None
    """Layers on GPUs while it is loaded, else those that a load would place there; the output is one."""
    layers: int | None
    """All layers, counted the same way."""
    charge_bytes: int
    limit_bytes: int | None
    idle_seconds: float | None
    pid: int | None
    error: str | None
    name: str
    in_flight: int
    waiting: int
    eviction_rank: int | None
    load_seconds: float | None
    warmth_percent: float | None
    """Share of its files that is in memory; a load reads the rest from disk."""
    expected_load_seconds: float | None
    """What a load would take as it is now; null before loads on this computer have shown it."""
    has_chat_template: bool
    """The file says how a chat is written for the model; most that lack it were made to continue texts."""
    left_out: list[str] = []
    """What the program in whose folder it lies sets for it and has no effect here, a sentence each."""
    sees: bool = False
    """It can be shown images: a projector lies beside it."""


class TotalEntry(Told, frozen=True, kw_only=True):
    """All models together."""

    current_bytes: int
    limit_bytes: int | None
    percent: float | None


class MachineEntry(Told, frozen=True, kw_only=True):
    """The computer."""

    total_bytes: int | None
    available_bytes: int | None
    reserve_bytes: int
    room_bytes: int | None
    pressure: str
    pressure_is_simulated: bool


class Status(Told, frozen=True, kw_only=True):
    """Everything at one moment."""

    models: list[ModelStatus]
    total: TotalEntry
    machine: MachineEntry


class ReceiptEntry(Told, frozen=True, kw_only=True):
    """What an unload really gave back."""

    id: str
    given_back_bytes: int
    private_before_bytes: int
    weights_before_bytes: int
    vram_before_bytes: int
    available_change_bytes: int
    machine_given_back_bytes: int | None
    seconds: float
    reason: str


class Usage(Told, frozen=True, kw_only=True):
    """Memory in use, its limit and the share of it."""

    current_bytes: int
    limit_bytes: int | None
    percent: float | None


class MemoryUsage(Usage, frozen=True, kw_only=True):
    """The same for all models together, for each, and for all on each GPU with memory of its own."""

    models: dict[str, Usage]
    devices: dict[str, Usage]


class ForecastEntry(Told, frozen=True, kw_only=True):
    """What a load is predicted to need."""

    id: str
    weights_bytes: int
    kv_cache_bytes: int
    compute_bytes: int
    overhead_bytes: int
    total_bytes: int
    low_bytes: int
    high_bytes: int
    mapped_bytes: int
    private_bytes: int
    vram_bytes: int
    gpu_layers: int
    """Layers on GPUs, where as many as fit were asked for the number that fits now; the output is one."""
    layers: int
    """All layers, counted the same way."""
    source: str
    measured_times: int
    context: int


class PastLoad(Told, frozen=True, kw_only=True):
    """Forecast and measurement of a load that has ended, side by side."""

    time: str
    id: str
    context: int
    kv_type: str
    source: str
    """Where the forecast came from."""
    forecast_bytes: int
    low_bytes: int
    high_bytes: int
    measured_bytes: int
    """The most that was measured."""
    unused_bytes: int
    """What was forecast for the part of the context that was never used."""
    private_bytes: int
    weights_bytes: int
    vram_bytes: int
    filled_tokens: int
    """Most tokens that lay in the context at once."""
    error_percent: float
    """How far the forecast, less what was unused, was above the measurement, in percent of it."""


class Health(Told, frozen=True, kw_only=True, omit_defaults=True):
    """That the program answers; the rest is for those who have the token."""

    status: str
    version: str | None = None
    pid: int | None = None
    loaded_models: int | None = None
    pressure: str | None = None
    sampling_failed_since: str | None = None
    """While memory cannot be measured: since when; figures and limits are those of the last good reading."""
    sampling_error: str | None = None
