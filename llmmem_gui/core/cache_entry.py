"""One model in the cache: what it holds, who uses it, who waits for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from llmmem_gui.core.cache_messages import Beside, Requested
from llmmem_gui.core.ledger import Charge, Holder, Standing
from llmmem_gui.core.parameters import AUTO, LoadParameters
from llmmem_gui.core.readings import HostReading
from llmmem_gui.core.sentence import Sentence
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
    turn: int
    """Its place in the order of asking, over all models."""

    def late(self, now: float) -> bool:
        """Whether it has waited longer than it wanted to."""
        patience = self.asked.patience_seconds
        return patience is not None and now - self.since >= patience


@dataclass(slots=True, eq=False)
class Entry:
    """The mutable record behind one model; only the cache changes it.

    Each change of a field makes the picture of it that plans are given be drawn anew.
    """

    model_id: str
    state: State = State.UNLOADED
    pinned: bool = False
    limit_bytes: int | None = None
    asked: Charge | None = None
    """Charge of the load in force or wanted, from its forecast."""
    parameters: LoadParameters = field(default_factory=LoadParameters)
    beside: Beside | None = None
    """What it is used for besides that; charged as long as its host may have a context for it."""
    gpu_layers: int = 0
    """Layers on GPUs of the load in force, where its parameters say as many as fit."""
    host: int = 0
    """Number of its host, 0 without one; numbers are never used twice."""
    measured: HostReading | None = None
    readable_from: float = 0.0
    """Monotonic seconds; readings of its host that were begun before tell of what was, and are ignored."""
    context: int | None = None
    waiters: tuple[Waiter, ...] = ()
    """In the order in which they are served."""
    in_flight: dict[int, Requested] = field(default_factory=dict)
    last_used: float = 0.0
    loaded_at: float | None = None
    load_seconds: float | None = None
    used: bool = False
    """Some request was granted since it was loaded."""
    admitted: Requested | None = None
    """The first waiter's request, while room is promised for it and being made."""
    waits_for: tuple[str, ...] = ()
    """Models in use that its load waits for."""
    draining: bool = False
    """It gets no further request, because it has to go when it is idle."""
    asleep: bool = False
    """Its weights are dropped; still so when it is unloaded while it dozes."""
    outgrown: tuple[LoadParameters, Charge] | None = None
    """What it really took when it had to go for taking more than its forecast."""
    failures: int = 0
    cooldown_until: float = 0.0
    error: Sentence | None = None
    _drawn: tuple[Holder | None] | None = field(default=None, init=False, repr=False)

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
        object.__setattr__(self, "_drawn", None)

    @property
    def holder(self) -> Holder | None:
        """The entry as the planner sees it; None when it holds nothing and was promised nothing."""
        if self._drawn is None:
            object.__setattr__(self, "_drawn", (self._draw(),))
        assert self._drawn is not None
        return self._drawn[0]

    def _draw(self) -> Holder | None:
        standing = self.standing
        if standing is None:
            return None
        charge = self.charge_awake if standing is Standing.ADMITTED else self.charge
        if self.admitted is not None and self.must_grow:
            charge = self.need(self.admitted)
        if charge is None:
            return None
        measured = self.measured
        return Holder(
            self.model_id,
            charge,
            standing,
            self.last_used,
            self.pinned,
            measured.private_bytes if measured else 0,
            measured.weights_bytes if measured else 0,
            None if self.used else self.loaded_at,
        )

    @property
    def charge(self) -> Charge | None:
        """The larger of forecast and measurement; of its weights, a dozing model is charged the resident."""
        if self.asked is None:
            return None
        forecast = self.asked if self.beside is None else self.asked.plus(self.beside.charge)
        private, weights = forecast.private_bytes, forecast.weights_bytes
        if self.asleep:
            weights = 0
        if self.measured is not None:
            private = max(private, self.measured.private_bytes)
            weights = max(weights, self.measured.weights_bytes)
        return replace(forecast, private_bytes=private, weights_bytes=weights)

    @property
    def charge_awake(self) -> Charge | None:
        """What a dozing model is charged when it wakes."""
        charge = self.charge
        if charge is None or self.asked is None:
            return None
        return replace(charge, weights_bytes=max(charge.weights_bytes, self.asked.weights_bytes))

    @property
    def standing(self) -> Standing | None:
        """Where it stands in a plan; None when it holds nothing and was promised nothing."""
        match self.state:
            case State.READY:
                # One for which room is made to grow in is not asked to go meanwhile.
                return Standing.BUSY if self.grantable or self.admitted else Standing.IDLE
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
    def as_placed(self) -> LoadParameters:
        """How its host loads it, or has: with the number of layers that are on GPUs."""
        if self.parameters.gpu_layers != AUTO:
            return self.parameters
        return self.parameters.with_gpu_layers(self.gpu_layers)

    @property
    def idle(self) -> bool:
        """Loaded, and nobody uses it or waits for it."""
        return self.state in (State.READY, State.DOZING) and not self.waiters

    @property
    def awaited(self) -> bool:
        """Loaded for requests of which none was granted yet: it serves them before it has to go."""
        return self.state is State.READY and not self.used and bool(self.waiters)

    def serves(self, asked: Requested) -> bool:
        """Whether it can be had as it is loaded."""
        second = self.beside is not None and asked.beside is not None and self.beside.serves(asked.beside)
        return asked.served_by(self.parameters) or (second and not asked.exact)

    def grows_for(self, asked: Requested) -> bool:
        """Whether it is loaded and serves this once it has a second context."""
        loaded = self.state.holds_host and self.state is not State.UNLOADING
        return loaded and asked.beside is not None and not asked.exact and not self.serves(asked)

    @property
    def must_reload(self) -> bool:
        """The first waiter cannot be served as it is loaded, and will not be by a second context."""
        if not self.waiters:
            return False
        first = self.waiters[0].asked
        return not self.serves(first) and not self.grows_for(first)

    @property
    def must_grow(self) -> bool:
        """The first waiter waits for nothing but a second context."""
        awake = self.state in (State.READY, State.BUSY)
        return awake and bool(self.waiters) and self.grows_for(self.waiters[0].asked)

    @property
    def next_served(self) -> Waiter | None:
        """The first waiter who can have it at once: those who wait for a second context hold nobody up."""
        if self.state not in (State.READY, State.BUSY) or self.draining:
            return None
        for waiter in self.waiters:
            if not self.grows_for(waiter.asked):
                return waiter if self.serves(waiter.asked) else None
        return None

    @property
    def grantable(self) -> bool:
        """Some waiter can have it at once."""
        return self.next_served is not None

    @property
    def needs_load(self) -> bool:
        """Somebody waits, and it has to be loaded, woken or loaded again for that."""
        if not self.waiters:
            return False
        without = not self.state.holds_host or self.state in (State.DOZING, State.UNLOADING)
        return without or self.must_reload or self.must_grow

    @property
    def over_limit(self) -> bool:
        """It uses more than its own limit, as measured."""
        used = self.measured
        return self.limit_bytes is not None and used is not None and used.resident_bytes > self.limit_bytes

    def need(self, asked: Requested) -> Charge:
        """What loading it as asked will take: the forecast, or what the same load has really taken.

        A person's word counts more than that memory: he may know that it will not happen again. Of a model
        that is loaded and grows it is all that it will then take.
        """
        if self.grows_for(asked) and self.asked is not None and asked.beside is not None:
            before = self.asked if self.beside is not None else self.charge_awake or self.asked
            return before.plus(asked.beside.charge)
        if self.outgrown is None or not asked.guarded or self.outgrown[0] != asked.parameters:
            return asked.charge
        return asked.charge.larger(self.outgrown[1])

    def measure(self, reading: HostReading, sampled_at: float) -> None:
        """Take in what the system said about its host, in a sample of that time.

        While a model loads, weights may be mapped and copied at the same time; the mapped pages are
        dropped at the end. They count only up to the forecast until a reading after the load.
        """
        begun = min(reading.begun, sampled_at)
        if begun < self.readable_from:
            return
        if self.asked is not None and (self.loaded_at is None or begun < self.loaded_at):
            weights = min(reading.weights_bytes, self.asked.weights_bytes)
            reading = replace(reading, weights_bytes=weights)
        if reading != self.measured:
            self.measured = reading

    def count_failure(self, now: float, reason: Sentence) -> None:
        """Remember a failed load; from the second in a row on, programs wait longer and longer."""
        self.failures += 1
        self.error = reason
        extra = self.failures - _COOLDOWN_AFTER_FAILURES
        if extra >= 0:
            seconds = min(_COOLDOWN_SECONDS * 2 ** min(extra, 10), _LONGEST_COOLDOWN_SECONDS)
            self.cooldown_until = now + seconds

    def remember_outgrown(self) -> None:
        """Keep what it really took, if that is more than was forecast."""
        forecast, taken = self.asked, self.charge
        if forecast is None or taken is None:
            return
        if self.beside is not None:
            forecast = forecast.plus(self.beside.charge)
        if taken.private_bytes > forecast.private_bytes or taken.weights_bytes > forecast.weights_bytes:
            # Of devices nothing is measured, and with layers by themselves the next load may take less there.
            self.outgrown = (self.parameters, replace(forecast.larger(taken), device_bytes={}))

    def let_go(self) -> None:
        """Forget the host after its process is reaped."""
        self.host = 0
        self.measured = None
        self.context = None
        self.beside = None
        self.loaded_at = None
        self.load_seconds = None
        self.used = self.draining = self.asleep = False
