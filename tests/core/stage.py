"""A cache on stage: the tests drive it with plain numbers for a clock and play its hosts and its machine."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from llmmem_gui.core import cache_messages as m
from llmmem_gui.core.cache import ModelCache
from llmmem_gui.core.events import Actor
from llmmem_gui.core.ledger import Charge, FileKey
from llmmem_gui.core.outlook import Outlook, outlook
from llmmem_gui.core.parameters import AUTO, LoadParameters
from llmmem_gui.core.placement import Placements
from llmmem_gui.core.plan import charged_bytes
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.readings import GpuReading, HostReading, MachineReading, ProgramReading, Sample
from llmmem_gui.core.refusal import Refusal
from llmmem_gui.core.sentence import verbatim
from llmmem_gui.core.snapshot import State

MIB = 1024**2
PLENTY = 1 << 50


class Stage:
    """One cache, one machine, and a host for each `StartHost`.

    Sizes are bytes, and small ones do. A host takes its charge as soon as it is started, unless
    `really_takes` says otherwise; memory comes back when it exits. Nothing happens by itself: a load is
    `ready` or has `failed`, a stopped host has `exited`, when the test says so.
    """

    def __init__(
        self, policy: m.Policy | None = None, *, machine_bytes: int = PLENTY, others_bytes: int = 0
    ) -> None:
        self.cache = ModelCache(policy)
        self.now = 1000.0
        self.machine_bytes = machine_bytes
        self.others_bytes = others_bytes
        self.programs: tuple[ProgramReading, ...] = ()
        self.gpus: tuple[GpuReading, ...] = ()
        self.actions: list[m.Action] = []
        """Every action since the beginning, or since `forget`."""
        self.messages: list[tuple[m.Message, float]] = []
        """Every message since the beginning, to be played again."""
        self.hosts: dict[str, m.StartHost] = {}
        """The live host of each model."""
        self.dozing: set[str] = set()
        self.dozes_slowly = False
        """A host that was told to doze keeps its weights until `dozed_at_last`."""
        self._takes: dict[str, Charge] = {}
        self._next_ticket = 1

    # --- messages ------------------------------------------------------------------------------------

    def tell(self, message: m.Message) -> tuple[m.Action, ...]:
        """Give the cache a message now and follow what it does."""
        self.messages.append((message, self.now))
        actions = self.cache.handle(message, self.now)
        self.actions += actions
        for action in actions:
            match action:
                case m.StartHost():
                    assert action.model_id not in self.hosts, f"{action.model_id} has a host already"
                    self.hosts[action.model_id] = action
                    self.dozing.discard(action.model_id)
                case m.DozeHost() if not self.dozes_slowly:
                    self.dozed_at_last(action.model_id)
                case m.Grant():
                    self.dozing.discard(action.model_id)
        return actions

    def ask(
        self,
        model: str,
        size: int | Charge | Placements = 10,
        *,
        purpose: m.Purpose = "use",
        actor: Actor = "api",
        context: int | None = None,
        embeddings: bool = False,
        beside: m.Beside | None = None,
        patience: float | None = None,
        fits_context: int | None = None,
    ) -> int:
        """Ask for a model as the service does and return the ticket; a `context` makes a load a choice.

        Given placements, as many layers as fit are asked for, and all fit as far as the service knows.
        """
        assert context is None or purpose == "load", "only a load has a context of its own"
        ticket, self._next_ticket = self._next_ticket, self._next_ticket + 1
        placements = size if isinstance(size, Placements) else None
        match size:
            case Placements():
                charge = size.charge(size.all)
            case Charge():
                charge = size
            case _:
                charge = Charge(size, 0, model)
        parameters = self._parameters(model, context, embeddings)
        if placements is not None:
            parameters = parameters.with_gpu_layers(AUTO)
        self.tell(
            m.Requested(
                ticket,
                model,
                charge,
                parameters,
                purpose,
                actor,
                exact=context is not None,
                patience_seconds=patience,
                fits_context=fits_context,
                beside=beside,
                placements=placements,
                gpu_layers=0 if placements is None else placements.all,
            )
        )
        return ticket

    def _parameters(self, model: str, context: int | None, embeddings: bool) -> LoadParameters:
        """Those chosen, else those that the model is loaded with, else the usual ones."""
        if context is not None:
            return LoadParameters(context=context, embeddings=embeddings)
        entry = self.cache.entry(model)
        loaded = entry.parameters if entry and entry.state.holds_host else LoadParameters()
        return replace(loaded, embeddings=embeddings)

    def load(
        self,
        model: str,
        size: int | Charge | Placements = 10,
        *,
        actor: Actor = "window",
        context: int | None = None,
    ) -> int:
        """Ask for a model to be loaded and no more."""
        return self.ask(model, size, purpose="load", actor=actor, context=context)

    def ready(self, *models: str, seconds: float = 1.0) -> None:
        """The hosts have loaded their models."""
        for model in models:
            self.tell(m.HostReady(model, self.hosts[model].host, 4096, seconds))

    def failed(self, model: str, reason: str = "bad file") -> None:
        """The host could not load its model, and is gone."""
        host = self.hosts[model].host
        self.tell(m.HostFailed(model, host, verbatim(reason)))
        self.exited(model)

    def exited(self, *models: str, reason: str = "killed") -> None:
        """The processes of the hosts are reaped."""
        for model in models:
            gone = self.hosts.pop(model)
            self._takes.pop(model, None)
            self.dozing.discard(model)
            self.tell(m.HostExited(model, gone.host, verbatim(reason)))

    def dozed_at_last(self, model: str) -> None:
        """The host has dropped its weights."""
        self.dozing.add(model)
        self.tell(m.HostDozed(model, self.hosts[model].host))

    def finish(self, *tickets: int) -> None:
        """The answers have ended."""
        for ticket in tickets:
            self.tell(m.Finished(ticket))

    def pressure(self, level: Level) -> None:
        """The pressure on the machine has another level."""
        self.tell(m.PressureChanged(level))

    def outlook(self, model: str, need: Charge) -> Outlook:
        """What the row of a model that is not loaded says."""
        entry = self.cache.entry(model)
        return outlook(
            need,
            self.cache.holders,
            self.cache.bounds,
            model_id=model,
            own_limit_bytes=entry.limit_bytes if entry else None,
            may_doze=self.cache.policy.may_doze,
        )

    def set_policy(self, policy: m.Policy) -> None:
        """The rules change."""
        self.tell(m.PolicySet(policy))

    # --- the machine ---------------------------------------------------------------------------------

    def really_takes(self, model: str, private: int, weights: int = 0) -> None:
        """What the host of a model takes, whatever was forecast."""
        self._takes[model] = Charge(private, weights, model)

    def taken(self, model: str) -> Charge:
        """What a live host takes now."""
        charge = self._takes.get(model, self.hosts[model].charge)
        return Charge(charge.private_bytes, 0, charge.file) if model in self.dozing else charge

    def reading(self, slept_seconds: float = 0.0) -> Sample:
        """What the machine would say now."""
        taken = {model: self.taken(model) for model in self.hosts}
        used = sum(charge.private_bytes for charge in taken.values())
        available = self.machine_bytes - self.others_bytes - used
        hosts = {
            model: HostReading(self.hosts[model].host, charge.private_bytes, charge.weights_bytes)
            for model, charge in taken.items()
        }
        machine = MachineReading(self.machine_bytes, max(0, available))
        return Sample(
            self.now,
            self.now,
            machine,
            hosts,
            self.gpus,
            programs=self.programs,
            slept_seconds=slept_seconds,
        )

    def sample(self, slept_seconds: float = 0.0) -> None:
        """A tick passes, the first one after the machine slept for so long."""
        self.tell(m.Sampled(self.reading(slept_seconds)))

    def wait(self, seconds: float) -> None:
        """Let time pass, with a sample every second and one at the end."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 1.0)
            self.sample()

    # --- shortcuts -----------------------------------------------------------------------------------

    def use(self, model: str, size: int | Charge | Placements = 10, *, actor: Actor = "api") -> None:
        """Load a model if need be, use it once, and let the host of every model that went exit."""
        ticket = self.ask(model, size, actor=actor)
        self.play_out()
        assert self.granted(ticket), f"{model} was not granted: {self.refusal(ticket)}"
        self.finish(ticket)
        self.now += 1.0

    def play_out(self) -> None:
        """Let hosts exit and loads succeed until nothing is going on."""
        while moving := [e for e in self.cache.entries if e.state in (State.LOADING, State.UNLOADING)]:
            for entry in moving:
                if entry.state is State.UNLOADING:
                    self.exited(entry.model_id)
                else:
                    self.ready(entry.model_id)

    def forget(self) -> None:
        """Forget the actions so far."""
        self.actions.clear()

    # --- what happened -------------------------------------------------------------------------------

    def state(self, model: str) -> State:
        """State of a model."""
        entry = self.cache.entry(model)
        return State.UNLOADED if entry is None else entry.state

    def states(self, *models: str) -> list[State]:
        """States of several models."""
        return [self.state(model) for model in models]

    def granted(self, ticket: int) -> bool:
        """Whether the ticket was granted."""
        return any(isinstance(a, m.Grant) and a.ticket == ticket for a in self.actions)

    def refusal(self, ticket: int) -> Refusal | None:
        """Why the ticket was refused, or its answer ended."""
        ends = [a for a in self.actions if isinstance(a, m.Refuse | m.EndRequest) and a.ticket == ticket]
        assert len(ends) <= 1
        return ends[0].refusal if ends else None

    def code(self, ticket: int) -> str | None:
        """Code of the refusal of a ticket."""
        refusal = self.refusal(ticket)
        return None if refusal is None else refusal.code

    def answered(self, ticket: int) -> bool:
        """Whether the ticket was granted or refused."""
        return self.granted(ticket) or self.refusal(ticket) is not None

    @property
    def started(self) -> list[str]:
        """Models whose host was started, in order."""
        return [a.model_id for a in self.actions if isinstance(a, m.StartHost)]

    @property
    def stopped(self) -> list[str]:
        """Models whose host was told to stop, in order."""
        return [a.model_id for a in self.actions if isinstance(a, m.StopHost)]

    @property
    def dozed(self) -> list[str]:
        """Models that were put to sleep, in order."""
        return [a.model_id for a in self.actions if isinstance(a, m.DozeHost)]

    def stop_of(self, model: str) -> m.StopHost:
        """The last order to stop that model's host."""
        return [a for a in self.actions if isinstance(a, m.StopHost) and a.model_id == model][-1]

    def announced(self, kind: str) -> list[m.Announce]:
        """What was put on the timeline, of one type."""
        return [a for a in self.actions if isinstance(a, m.Announce) and a.type == kind]

    @property
    def charged(self) -> int:
        """Sum of the charges in force."""
        return charged_bytes(self.cache.holders)


def stage_with(*models: str, size: int = 10, policy: m.Policy | None = None) -> Stage:
    """A stage on which these models were used one after the other and are idle."""
    stage = Stage(policy)
    load_and_leave(stage, models, size)
    stage.forget()
    return stage


def load_and_leave(stage: Stage, models: Iterable[str], size: int = 10) -> None:
    """Use models one after the other; the first is the least recently used then."""
    for model in models:
        stage.use(model, size)


def mapped(private: int, weights: int, file: FileKey) -> Charge:
    """The charge of a model whose weights are mapped from a file."""
    return Charge(private, weights, file)
