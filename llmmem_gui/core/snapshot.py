"""What a view sees of the cache: frozen records, published after every change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.plan import Bounds, Charge, Holder
from llmmem_gui.core.sentence import Sentence


class State(str, Enum):
    """State of a model."""

    UNLOADED = "unloaded"
    QUEUED = "queued"
    LOADING = "loading"
    READY = "ready"
    BUSY = "busy"
    DOZING = "dozing"
    UNLOADING = "unloading"
    FAILED = "failed"

    @property
    def holds_host(self) -> bool:
        """Whether a process holds the model."""
        return self in (State.LOADING, State.READY, State.BUSY, State.DOZING, State.UNLOADING)


@dataclass(frozen=True, slots=True)
class ModelSnapshot:
    """One model as it is now."""

    facts: ModelFile
    state: State
    parameters: LoadParameters
    """The parameters it is loaded with, or would be."""
    forecast: Forecast | None = None
    charge: Charge | None = None
    """What admission counts while it holds memory or was promised some."""
    private_bytes: int = 0
    weights_bytes: int = 0
    vram_bytes: int = 0
    context: int | None = None
    """Tokens of context it really has, once loaded."""
    limit_bytes: int | None = None
    pinned: bool = False
    idle_since: float | None = None
    """Monotonic seconds of its last use while idle, else None."""
    loaded_at: float | None = None
    """Monotonic seconds."""
    load_seconds: float | None = None
    in_flight: int = 0
    """Requests being answered."""
    waiting: int = 0
    """Requests that wait for it."""
    eviction_rank: int | None = None
    """1 goes first when room is short; None when it is protected or not loaded."""
    pid: int | None = None
    error: Sentence | None = None
    """Why it failed or was refused, one sentence."""

    @property
    def id(self) -> str:
        """Id of the model."""
        return self.facts.id

    @property
    def resident_bytes(self) -> int:
        """Private and mapped bytes together, as measured."""
        return self.private_bytes + self.weights_bytes


@dataclass(frozen=True, slots=True)
class CacheSnapshot:
    """The whole cache at one moment."""

    monotonic: float
    models: tuple[ModelSnapshot, ...]
    holders: tuple[Holder, ...]
    """The input of `core.plan`: a view can rehearse a load with `plan_load(need, holders, bounds)`."""
    bounds: Bounds
    """With the total limit and the reserve in force."""
    room_bytes: int | None
    resident_bytes: int
    """What the models use, measured, the weights of one file counted once."""
    charged_bytes: int
    pressure: str = "normal"
    """normal, warning, critical or emergency."""
    gpu_offload: bool = False
    """llama.cpp can compute on a GPU here, as far as it was asked."""

    def model(self, model_id: str) -> ModelSnapshot | None:
        """The model with that id, or None."""
        return next((m for m in self.models if m.id == model_id), None)
