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

    @property
    def percent(self) -> float | None:
        """Use in percent of the limit; None without a limit."""
        return None if not self.limit_bytes else 100.0 * self.current_bytes / self.limit_bytes

    @classmethod
    def of(cls, snapshot: CacheSnapshot) -> MemoryUsage:
        """What the models use of the total limit, and each loaded one of its own."""
        models = {
            model.id: cls(model.resident_bytes, model.limit_bytes)
            for model in snapshot.models
            if model.state.holds_host
        }
        return cls(snapshot.resident_bytes, snapshot.bounds.total_limit_bytes, models)
