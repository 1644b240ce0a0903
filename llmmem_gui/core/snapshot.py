"""What a view sees of the cache: frozen records, published after every change."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from llmmem_gui.core.alert import Alert
from llmmem_gui.core.engines import Device
from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.ledger import Bounds, Charge, Holder
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.neighbours import Neighbour, NeighbourModel
from llmmem_gui.core.outlook import Outlook, outlook
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.pools import DevicePool
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
    next_parameters: LoadParameters | None = None
    """Those it would be loaded with next, where they are not those it is loaded with."""
    forecast: Forecast | None = None
    charge: Charge | None = None
    """What admission counts while it holds memory or was promised some."""
    private_bytes: int = 0
    weights_bytes: int = 0
    vram_bytes: int | None = 0
    """Bytes on GPUs; None: not known."""
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
    hidden: bool = False
    """The user took it out of the list."""
    load_at_start: bool = False
    """It is loaded whenever the program starts."""
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
class SamplingHealth:
    """Whether memory is measured as it should be."""

    failures: int = 0
    """Ticks that failed since the program began."""
    failed_since: float | None = None
    """Seconds since the epoch of the first of the failures that no success has followed; None: in order."""
    reason: Sentence | None = None
    """Why the last one failed."""


@dataclass(frozen=True, slots=True)
class CacheSnapshot:
    """The whole cache at one moment."""

    monotonic: float
    models: tuple[ModelSnapshot, ...]
    holders: tuple[Holder, ...]
    """What admission counts: the models that hold memory or were promised some."""
    bounds: Bounds
    """With the total limit and the reserve in force."""
    room_bytes: int | None
    resident_bytes: int
    """What the models use, measured, the weights of one file counted once."""
    charged_bytes: int
    pressure: str = "normal"
    """normal, warning, critical or emergency."""
    sampling: SamplingHealth = SamplingHealth()
    """While it fails, figures and limits are those of the last good reading."""
    pressure_is_simulated: bool = False
    alerts: tuple[Alert, ...] = ()
    """What a person has to be warned of as things are now, the gravest first."""
    may_doze: bool = True
    """Models may be put to sleep before others are unloaded."""
    gpus: tuple[Device, ...] = ()
    """Those that the engine in use computes rightly on: layers can be placed there."""
    pools: tuple[DevicePool, ...] = ()
    """Devices with memory of their own, those that an engine computes on first."""
    neighbours: tuple[Neighbour, ...] = ()
    """Other programs of this machine that hold models."""

    _outlooks: dict[str, Outlook | None] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Found out when somebody asks for the first time: most rows are never seen."""

    def outlook(self, model: ModelSnapshot) -> Outlook | None:
        """How a load of the model would go, by the rules in force.

        None while it is loaded or on its way, and where its need is not known.
        """
        if model.id not in self._outlooks:
            self._outlooks[model.id] = self._found_out(model)
        return self._outlooks[model.id]

    def _found_out(self, model: ModelSnapshot) -> Outlook | None:
        forecast = model.forecast
        if forecast is None or model.facts.error or model.state not in (State.UNLOADED, State.FAILED):
            return None
        return outlook(
            forecast.charge(model.facts.file, self.gpus),
            self.holders,
            self.bounds,
            model_id=model.id,
            own_limit_bytes=model.limit_bytes,
            may_doze=self.may_doze,
        )

    def held_elsewhere(self, model: ModelSnapshot) -> tuple[Neighbour, NeighbourModel] | None:
        """The other program that holds the very file of this model, and what it holds of it; None: none."""
        there = ((n, m) for n in self.neighbours for m in n.models if m.doing != "asleep")
        return next((each for each in there if each[1].file == model.facts.file), None)

    def on_devices(self, model_id: str) -> dict[str, int]:
        """What a model holds of devices with memory of their own, by the name that people call each."""
        return {pool.name: held for pool in self.pools if (held := pool.models.get(model_id))}

    @property
    def promised_bytes(self) -> int:
        """What is charged to the models beyond what they use: their contexts may still grow into it.

        Used, promised and the room for further loads make up the total limit.
        """
        return max(0, self.charged_bytes - self.resident_bytes)

    def model(self, model_id: str) -> ModelSnapshot | None:
        """The model with that id, or None."""
        return next((m for m in self.models if m.id == model_id), None)
