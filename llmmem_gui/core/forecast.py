"""Bytes a load will need, by part, with their error bar and their source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["formula", "dry run", "measured"]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What loading a model with given parameters is predicted to take, in bytes."""

    weights_bytes: int
    """All weights, however they are held."""
    private_weights_bytes: int
    """The part of the weights held in private memory: repacked by the CPU backend, or not mapped."""
    kv_cache_bytes: int
    compute_bytes: int
    overhead_bytes: int
    """Vocabulary, graph, buffers of the library and the host process itself."""
    low_bytes: int
    high_bytes: int
    context: int
    """Tokens of context that the forecast is for."""
    source: Source
    measured_times: int = 0
    vram_bytes: int = 0
    """The part of the total that lies on GPUs."""

    @property
    def total_bytes(self) -> int:
        """Everything the load takes, main memory and GPUs together."""
        return self.weights_bytes + self.kv_cache_bytes + self.compute_bytes + self.overhead_bytes

    @property
    def mapped_bytes(self) -> int:
        """Weights that stay mapped from the file, which the system can take back."""
        return self.weights_bytes - self.private_weights_bytes

    @property
    def private_bytes(self) -> int:
        """Main memory that only unloading gives back."""
        return max(0, self.total_bytes - self.mapped_bytes - self.vram_bytes)
