"""One model in the cache: what it holds, who uses it, who waits for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from llmmem_gui.core.cache_messages import Requested
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.plan import Charge, Holder, Standing
from llmmem_gui.core.readings import HostReading
from llmmem_gui.core.snapshot import State

_COOLDOWN_AFTER_FAILURES = 2
_COOLDOWN_SECONDS = 5.0
_LONGEST_COOLDOWN_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Waiter:
    """A request that waits for its model."""

    asked: Requested
    since: float
    """Monotonic seconds."""

    def late(self, now: float) -> bool:
        """Whether it has waited longer than it wanted to."""
        patience = self.asked.patience_seconds
        return patience is not None and now - self.since >= patience


@dataclass(slots=True, eq=False)
class Entry:
    """The mutable record behind one model; only `core.cache` changes it."""

    model_id: str
    state: State = State.UNLOADED
    pinned: bool = False
    limit_bytes: int | None = None
    asked: Charge | None = None
    """Charge of the load in force or wanted, from its forecast."""
    parameters: LoadParameters = field(default_factory=LoadParameters)
    host: int = 0
    """Number of its host, 0 without one; numbers are never used twice."""
    admitted: bool = False
    measured: HostReading | None = None
    context: int | None = None
    waiters: list[Waiter] = field(default_factory=list)
    in_flight: dict[int, Requested] = field(default_factory=dict)
    last_used: float = 0.0
    loaded_at: float | None = None
    load_seconds: float | None = None
    failures: int = 0
    cooldown_until: float = 0.0
    error: str | None = None

    @property
    def charge(self) -> Charge | None:
        """The larger of forecast and measurement; a dozing model is not charged for its weights."""
        if self.asked is None:
            return None
        private, weights = self.asked.private_bytes, self.asked.weights_bytes
        if self.measured is not None:
            private = max(private, self.measured.private_bytes)
            weights = max(weights, self.measured.weights_bytes)
        return Charge(private, 0 if self.state is State.DOZING else weights, self.asked.file)

    @property
    def standing(self) -> Standing | None:
        """Where it stands in a plan; None when it holds nothing and was promised nothing."""
        match self.state:
            case State.READY:
                return Standing.IDLE
            case State.DOZING:
                return Standing.ADMITTED if self.admitted else Standing.DOZING
            case State.BUSY:
                return Standing.BUSY
            case State.LOADING:
                return Standing.LOADING
            case State.UNLOADING:
                return Standing.UNLOADING
        return Standing.ADMITTED if self.admitted else None

    @property
    def holder(self) -> Holder | None:
        """The entry as the planner sees it."""
        standing, charge = self.standing, self.charge
        if standing is None or charge is None:
            return None
        if self.state is State.DOZING and self.admitted and self.asked is not None:
            charge = Charge(charge.private_bytes, self.asked.weights_bytes, charge.file)
        measured = self.measured
        return Holder(
            self.model_id,
            charge,
            standing,
            self.last_used,
            self.pinned,
            measured.private_bytes if measured else 0,
            measured.weights_bytes if measured else 0,
        )

    @property
    def idle(self) -> bool:
        """Loaded, and nobody uses it or waits for it."""
        return self.state in (State.READY, State.DOZING) and not self.in_flight and not self.waiters

    @property
    def must_reload(self) -> bool:
        """The first waiter chose other parameters than it is loaded with."""
        first = self.waiters[0].asked if self.waiters else None
        return first is not None and first.exact and first.parameters != self.parameters

    @property
    def over_limit(self) -> bool:
        """It uses more than its own limit, as measured."""
        measured = self.measured
        return (
            self.limit_bytes is not None
            and measured is not None
            and measured.resident_bytes > self.limit_bytes
        )

    def count_failure(self, now: float, reason: str) -> None:
        """Remember a failed load; from the second in a row on, automatic loads wait longer and longer."""
        self.failures += 1
        self.error = reason
        extra = self.failures - _COOLDOWN_AFTER_FAILURES
        if extra >= 0:
            self.cooldown_until = now + min(_COOLDOWN_SECONDS * 2**extra, _LONGEST_COOLDOWN_SECONDS)

    def let_go(self) -> None:
        """Forget the host after its process is reaped."""
        self.host = 0
        self.measured = None
        self.context = None
        self.loaded_at = None
        self.load_seconds = None
        self.admitted = False
