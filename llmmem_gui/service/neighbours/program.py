"""What there is to know about a kind of program that holds models: the interface of all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec

from llmmem_gui.core.neighbours import Doing, Unloads
from llmmem_gui.service.neighbours.door import Door, Unclear
from llmmem_gui.service.neighbours.processes import Process

Bytes = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""A size that a program claims."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A model that a program says it holds."""

    name: str
    key: str = ""
    """What to say to unload it; empty: there is no way."""
    doing: Doing | None = None
    """None: the program does not say."""
    claimed_bytes: int | None = None
    used_at: float | None = None
    """Seconds since the epoch of its last use, where the program says."""
    pid: int | None = None
    path: str = ""
    """Of its file, where the program says."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a program said it holds."""

    claims: tuple[Claim, ...]
    unloads: Unloads


class Program(ABC):
    """One kind of program: how it is recognised, asked, and told to unload."""

    name: ClassVar[str]
    """What people call it."""
    port: ClassVar[int] = 0
    """Where it listens unless it is told otherwise."""

    @abstractmethod
    def recognises(self, process: Process) -> bool:
        """Whether a process is such a program, by how it was started."""

    @abstractmethod
    async def ask(self, door: Door, root: Process) -> Said:
        """What it holds. Raises `Unclear`."""

    async def unload(self, door: Door, key: str) -> None:
        """Have it unload a model, or, with an empty key, all that it holds. Raises `Unclear`."""
        raise Unclear(f"{self.name} knows no way")

    def speakers(self, tree: Sequence[Process]) -> Sequence[Process]:
        """The processes that may answer for it, those to ask first before others."""
        root, *rest = tree
        return [root, *(process for process in rest if self.recognises(process))]

    def key_of(self, speaker: Process) -> str | None:
        """The key that it wants to be shown, where it was started with one."""
        return None


def epoch_seconds(value: float | None) -> float | None:
    """A time that a program wrote in seconds or in milliseconds since the epoch; None where it is none."""
    if value is None or value <= 0:
        return None
    return value / 1000 if value > 1e11 else value
