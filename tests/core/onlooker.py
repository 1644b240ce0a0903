"""What somebody knows of a cache who sees only the messages and actions that pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from llmmem_gui.core import cache_messages as m
from llmmem_gui.core.cache import ModelCache
from llmmem_gui.core.ledger import Charge
from llmmem_gui.core.parameters import LoadParameters


@dataclass
class SeenHost:
    """What an onlooker knows of one host from the messages and actions alone."""

    model: str
    charge: Charge
    ready: bool = False
    stopped: bool = False
    dozing: bool = False
    beside: m.Beside | None = None
    """The second context that it may make."""
    in_flight: set[int] = field(default_factory=set)

    def grow(self, beside: m.Beside) -> None:
        """It may make a second context."""
        assert self.ready
        assert not self.stopped
        assert not self.dozing
        self.beside = beside

    def doze(self) -> None:
        """It drops its weights, and a context for embeddings beside text."""
        self.dozing = True
        if self.beside is not None and self.beside.parameters.embeddings:
            self.beside = None

    def gives(self, asked: m.Requested, loaded: LoadParameters) -> bool:
        """Whether what was asked for is had from a host that was loaded with these parameters."""
        if asked.exact or asked.purpose == "load" or loaded.embeddings == asked.parameters.embeddings:
            return asked.served_by(loaded)
        return self.beside is not None and asked.beside is not None and self.beside.serves(asked.beside)


def choose(among: Iterable[Any], pick: int) -> Any:
    """One of several, the same one for the same number."""
    ordered = sorted(among)
    return ordered[pick % len(ordered)]


def ids(actions: Iterable[m.Action], kind: type[m.StopHost | m.DozeHost]) -> tuple[str, ...]:
    """The models of the actions of one kind, in order."""
    return tuple(action.model_id for action in actions if isinstance(action, kind))


class Books:
    """What the live hosts are charged and what is promised beside them."""

    def __init__(self, cache: ModelCache, seen: dict[int, SeenHost]) -> None:
        self.cache = cache
        self.seen = seen

    def charged(self, without: frozenset[str] = frozenset(), extra: dict[str, Charge] | None = None) -> int:
        """Sum of the charges, computed the long way."""
        private = 0
        weights: dict[object, list[int]] = {}
        charges = {host.model: self.charge_of(host) for host in self.seen.values()}
        for model, charge in {**charges, **(extra or {})}.items():
            if model not in without:
                private += charge.private_bytes
                weights.setdefault(charge.file, []).append(charge.weights_bytes)
        return private + sum(max(each) for each in weights.values())

    def charge_of(self, host: SeenHost) -> Charge:
        entry = self.cache.entry(host.model)
        assert entry is not None
        measured = entry.measured
        weights = 0 if host.dozing else host.charge.weights_bytes
        private = host.charge.private_bytes
        if host.beside is not None:
            private += host.beside.charge.private_bytes
        if measured is not None:
            private, weights = max(private, measured.private_bytes), max(weights, measured.weights_bytes)
        return Charge(private, weights, host.charge.file)

    @property
    def admitted(self) -> set[str]:
        return {entry.model_id for entry in self.cache.entries if entry.admitted is not None}

    def fits(self, leaving: set[str], newcomer: dict[str, Charge] | None = None) -> bool:
        """Whether everything that is held or promised, and a newcomer, fits once these have gone."""
        cache = self.cache
        promised = {
            entry.model_id: holder.charge
            for entry in cache.entries
            if entry.admitted is not None and (holder := entry.holder) is not None
        } | (newcomer or {})
        bounds, without = cache.bounds, frozenset(leaving)
        if (
            bounds.total_limit_bytes is not None
            and self.charged(without, promised) > bounds.total_limit_bytes
        ):
            return False
        if bounds.available_bytes is None:
            return True
        free = bounds.available_bytes - bounds.reserve_bytes
        claims: dict[object, list[int]] = {}
        charges = {host.model: self.charge_of(host) for host in self.seen.values()} | promised
        for model, charge in charges.items():
            measured = cache.entry(model).measured  # type: ignore[union-attr]
            private, resident = (measured.private_bytes, measured.weights_bytes) if measured else (0, 0)
            if model in without:
                free += private
            else:
                free -= max(0, charge.private_bytes - private)
                claims.setdefault(charge.file, []).append(max(charge.weights_bytes, resident))
        return free - sum(max(each) for each in claims.values()) >= 0
