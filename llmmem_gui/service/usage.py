"""How much memory is used, of which limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llmmem_gui.core.snapshot import CacheSnapshot


@dataclass(frozen=True, slots=True)
class MemoryUsage:
    """How much is used of a limit."""

    current_bytes: int
    limit_bytes: int | None
    models: Mapping[str, MemoryUsage] = field(default_factory=dict)
    devices: Mapping[str, MemoryUsage] = field(default_factory=dict)
    """Of each GPU with memory of its own, by llama.cpp's name: what the models are charged there."""

    @property
    def percent(self) -> float | None:
        """Use in percent of the limit; None without a limit."""
        return None if not self.limit_bytes else 100.0 * self.current_bytes / self.limit_bytes

    @classmethod
    def of(cls, snapshot: CacheSnapshot) -> MemoryUsage:
        """What the models use of the total limit, each loaded one of its own, and all of each GPU's."""
        models = {
            model.id: cls(model.resident_bytes, model.limit_bytes)
            for model in snapshot.models
            if model.state.holds_host
        }
        devices = {
            name: cls(sum(holder.charge.on(name) for holder in snapshot.holders), bounds.limit_bytes)
            for name, bounds in snapshot.bounds.devices.items()
        }
        return cls(snapshot.resident_bytes, snapshot.bounds.total_limit_bytes, models, devices)
