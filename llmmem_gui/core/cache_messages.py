"""What goes into the cache and what comes out of it: closed sets of frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from llmmem_gui.core.events import Actor, Cause, EventType
from llmmem_gui.core.ledger import Charge
from llmmem_gui.core.parameters import AUTO, LoadParameters
from llmmem_gui.core.placement import Placements
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.refusal import Refusal
from llmmem_gui.core.sentence import Sentence

Purpose = Literal["load", "use"]
OverLimit = Literal["unload", "warn"]

# --- in ---------------------------------------------------------------------------------------------


class Beside(msgspec.Struct, frozen=True):
    """A second use of a loaded model in a context of its own: embeddings beside text, or text beside them."""

    parameters: LoadParameters
    """Of that context; of embeddings `context` is what the longest text needs."""
    charge: Charge
    """What the context is forecast to take."""

    def serves(self, asked: Beside) -> bool:
        """Whether what is asked can be had in this context as well."""
        mine, wanted = self.parameters, asked.parameters
        if mine.embeddings != wanted.embeddings:
            return False
        return not mine.embeddings or mine.context >= wanted.context


class Requested(msgspec.Struct, frozen=True):
    """Somebody wants a model: loaded and no more, or loaded and answering."""

    ticket: int
    """Never used twice; it is answered exactly once, by `Grant` or `Refuse`, unless it is withdrawn."""
    model_id: str
    charge: Charge
    """What the load is forecast to take."""
    parameters: LoadParameters
    """How to load it, if it has to be loaded for this."""
    purpose: Purpose = "use"
    actor: Actor = "api"
    exact: bool = False
    """Somebody chose these parameters for a load: a model that is loaded with others is loaded again. An
    answer is never exact: it may be had from any load that gives what it is made of."""
    patience_seconds: float | None = None
    """How long it is worth waiting; None: for ever."""
    fits_context: int | None = None
    """The largest context that the model's own limit has room for, if the forecast is above that limit."""
    beside: Beside | None = None
    """How a model that is loaded for the other use serves this one; None: it is loaded again."""
    placements: Placements | None = None
    """What the load takes with each number of layers on GPUs, if they shall be as many as fit."""
    gpu_layers: int = 0
    """How many that are as things stand; `charge` is for them."""

    def placed(self, number: int) -> Requested:
        """The same with so many layers on GPUs, if they shall be as many as fit."""
        if self.placements is None or number == self.gpu_layers:
            return self
        return msgspec.structs.replace(self, gpu_layers=number, charge=self.placements.charge(number))

    @property
    def as_placed(self) -> LoadParameters:
        """How a host loads it."""
        if self.parameters.gpu_layers != AUTO:
            return self.parameters
        return self.parameters.with_gpu_layers(self.gpu_layers)

    def served_by(self, loaded: LoadParameters) -> bool:
        """Whether a model that is loaded with these parameters does, however it would be loaded for this.

        Context, batch and KV type do not decide; only a choice, and for an answer whether it gives text or
        embeddings.
        """
        if self.exact:
            return msgspec.structs.replace(loaded, embeddings=self.parameters.embeddings) == self.parameters
        return self.purpose == "load" or loaded.embeddings == self.parameters.embeddings

    @property
    def guarded(self) -> bool:
        """A program asks, which may ask again and again: loops are stopped. A person decides for himself."""
        return self.purpose == "use" and self.actor not in ("window", "tray", "cli")


class Withdrawn(msgspec.Struct, frozen=True):
    """Whoever held the ticket is gone: the wait, or the answer in flight, is over."""

    ticket: int


class Finished(msgspec.Struct, frozen=True):
    """The answer for this ticket has ended."""

    ticket: int


class UnloadAsked(msgspec.Struct, frozen=True):
    """Unload this model now, whatever it is doing; a load in progress is cancelled."""

    model_id: str
    actor: Actor
    cause: Cause = "asked"


class CleanUpAsked(msgspec.Struct, frozen=True):
    """Unload every idle model that is not pinned."""

    actor: Actor


class DozeAsked(msgspec.Struct, frozen=True):
    """Drop the mapped weights of an idle model."""

    model_id: str
    actor: Actor


class PinSet(msgspec.Struct, frozen=True):
    """The pin of a model was set or taken away."""

    model_id: str
    pinned: bool


class LimitSet(msgspec.Struct, frozen=True):
    """The limit of one model changed; None: it has none."""

    model_id: str
    limit_bytes: int | None


class PolicySet(msgspec.Struct, frozen=True):
    """The rules changed."""

    policy: Policy


class HostReady(msgspec.Struct, frozen=True):
    """The host has loaded its model."""

    model_id: str
    host: int
    context: int
    seconds: float


class HostFailed(msgspec.Struct, frozen=True):
    """The host could not load its model; its process is still there."""

    model_id: str
    host: int
    reason: Sentence


class HostExited(msgspec.Struct, frozen=True):
    """The process of the host is reaped."""

    model_id: str
    host: int
    reason: Sentence
    """Why it ended, one sentence; matters only when nobody asked it to."""


class HostDozed(msgspec.Struct, frozen=True):
    """The host has dropped its weights, or will not: what is read of it from now on is true again."""

    model_id: str
    host: int


class Sampled(msgspec.Struct, frozen=True):
    """A tick has passed."""

    sample: Sample


class TimePassed(msgspec.Struct, frozen=True):
    """A tick has passed in which nothing could be read: the last readings hold."""


class PressureChanged(msgspec.Struct, frozen=True):
    """The memory pressure of the machine has another level."""

    level: Level


class HelpOffered(msgspec.Struct, frozen=True):
    """Whether another program would give up a model that it holds, if it were asked now."""

    available: bool


class Closing(msgspec.Struct, frozen=True):
    """The program ends: nothing new is admitted and every host is stopped."""


Message = (
    Requested
    | Withdrawn
    | Finished
    | UnloadAsked
    | CleanUpAsked
    | DozeAsked
    | PinSet
    | LimitSet
    | PolicySet
    | HostReady
    | HostFailed
    | HostExited
    | HostDozed
    | Sampled
    | TimePassed
    | PressureChanged
    | HelpOffered
    | Closing
)


class Policy(msgspec.Struct, frozen=True):
    """The rules that the cache keeps."""

    total_limit_bytes: int | None = None
    """What the charges together must stay under; None or 0: no limit."""
    reserve_bytes: int = 0
    """Bytes of the machine kept free for everything else."""
    idle_seconds: float = 0.0
    """Idle time after which a model is unloaded; 0 or less: never."""
    queue_limit: int = 64
    """Requests that may wait for, or be answered by, one model."""
    may_doze: bool = True
    over_limit: OverLimit = "unload"
    """What happens to a model that is measured above its own limit. `unload`: it gets no further request,
    and goes when the ones in flight are answered. `warn`: nothing. A pinned model is only warned about."""
    fresh_seconds: float = 30.0
    """How long a model that was loaded and not used yet is spared, but not by limits or a person's load."""
    drain_seconds: float = 5.0
    """A load that waited this long for models in use gets the next turn: they take no further requests."""
    swaps_allowed: int = 4
    """Times that models may push each other out while most of the time goes into loading; then requests of
    programs that would go on with it are refused for a while. 0: any number."""
    device_limits: Mapping[str, int] = {}
    """What the charges together must stay under on each device, by llama.cpp's name of it."""
    device_reserves: Mapping[str, int] = {}
    """What stays free of each for other programs, where a driver tells what they leave."""
    device_addresses: Mapping[str, str] = {}
    """The address on the bus of those devices, where llama.cpp tells it."""


# --- out --------------------------------------------------------------------------------------------


class StartHost(msgspec.Struct, frozen=True):
    """Start a host and let it load the model."""

    model_id: str
    host: int
    parameters: LoadParameters
    """With the number of layers that go onto GPUs."""
    charge: Charge


class GrowHost(msgspec.Struct, frozen=True):
    """Let a host that has its model loaded use more memory, for a second context."""

    model_id: str
    host: int
    beside: Beside


class StopHost(msgspec.Struct, frozen=True):
    """End a host and say when it is reaped."""

    model_id: str
    host: int
    cause: Cause
    actor: Actor
    for_model: str | None = None
    at_once: bool = False
    """Killed instead of asked: it is loading, or it must not wait."""


class DozeHost(msgspec.Struct, frozen=True):
    """Let a host drop its mapped weights."""

    model_id: str
    host: int


class AskForHelp(msgspec.Struct, frozen=True):
    """Ask another program to give up a model, instead of one of ours; when it has, `HelpOffered` says so."""

    actor: Actor


class Grant(msgspec.Struct, frozen=True):
    """The ticket's model is ready; for use, it counts as busy until the ticket is finished."""

    ticket: int
    model_id: str
    host: int


class Refuse(msgspec.Struct, frozen=True):
    """The ticket will not be granted."""

    ticket: int
    refusal: Refusal


class EndRequest(msgspec.Struct, frozen=True):
    """The answer in flight for this ticket cannot go on."""

    ticket: int
    refusal: Refusal


class Announce(msgspec.Struct, frozen=True):
    """Something to put on the timeline."""

    type: EventType
    model_id: str | None
    cause: Cause | None = None
    actor: Actor = "program"
    for_model: str | None = None
    text: Sentence | None = None
    numbers: Mapping[str, float] = {}


Action = StartHost | GrowHost | StopHost | DozeHost | AskForHelp | Grant | Refuse | EndRequest | Announce
