"""Other programs of this machine that hold language models: what they hold as measured, and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from llmmem_gui.core.events import Actor
from llmmem_gui.core.ledger import FileKey

Unloads = Literal["models", "all", "ends", "never"]
"""How a program gives memory back: each model by itself, all at once, only when it ends, or not at all."""

Doing = Literal["busy", "idle", "loading", "asleep"]
"""What a model does; one that is asleep is known to its program and holds next to nothing."""

_RESTING_BYTES = 64 * 1024**2
"""A program without a model that holds less is not worth a line."""
_MARK = ":"
"""Stands in what the history calls a program, and in no id of a model."""


@dataclass(frozen=True, slots=True)
class Held:
    """Memory that was measured."""

    private_bytes: int = 0
    """Anonymous memory, resident and swapped; what several processes share is counted once."""
    weights_bytes: int = 0
    """Resident pages of mapped files; the share of it, where other programs have mapped them too.

    All of them in each process of another user, where shares are not told."""
    vram_bytes: int | None = 0
    """Bytes on GPUs; None: a driver does not tell."""

    @property
    def resident_bytes(self) -> int:
        """Private and mapped bytes together."""
        return self.private_bytes + self.weights_bytes

    @property
    def own_bytes(self) -> int:
        """What nobody but the program can give back: private memory and VRAM."""
        return self.private_bytes + (self.vram_bytes or 0)

    @property
    def all_bytes(self) -> int:
        """Everything, on GPUs too."""
        return self.own_bytes + self.weights_bytes

    def __add__(self, other: Held) -> Held:
        known = self.vram_bytes is not None and other.vram_bytes is not None
        return Held(
            self.private_bytes + other.private_bytes,
            self.weights_bytes + other.weights_bytes,
            (self.vram_bytes or 0) + (other.vram_bytes or 0) if known else None,
        )


@dataclass(frozen=True, slots=True)
class NeighbourModel:
    """A model that another program holds."""

    name: str
    """As its program calls it, else as its file is called."""
    key: str
    """What its program has to be told to unload it; empty: it cannot be told."""
    doing: Doing = "idle"
    held: Held | None = None
    """Measured, where a process holds this model alone; None: it lies among what the program holds."""
    claimed_bytes: int | None = None
    """What the program itself says; that may be a prediction."""
    idle_since: float | None = None
    """Monotonic seconds of its last use, while it is idle and that is known."""
    file: FileKey | None = None
    """What tells its file from every other, where it is known."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A running program that holds models, or could."""

    id: str
    """For commands and URLs; another one after the program was started anew."""
    program: str
    """What people call it."""
    pid: int
    held: Held
    """Measured, over all its processes."""
    models: tuple[NeighbourModel, ...] = ()
    unloads: Unloads = "ends"
    answers: bool = False
    """Whether it said itself what it holds; otherwise that is read off its processes."""

    @property
    def is_resting(self) -> bool:
        """Whether it holds nothing that is worth being listed."""
        return not self.models and self.held.all_bytes < _RESTING_BYTES

    def model(self, name: str) -> NeighbourModel | None:
        """The model that is unloaded by that key, or else is called so, and can be unloaded; None: none."""
        able = [model for model in self.models if model.key]
        keyed = next((model for model in able if model.key == name), None)
        return keyed or next((model for model in able if model.name == name), None)


@dataclass(frozen=True, slots=True)
class NeighbourReceipt:
    """What came back when another program gave something up, measured over all its processes."""

    neighbour_id: str
    program: str
    model: str
    """Name of the model; empty: all that the program held."""
    given_back_bytes: int
    """Private memory and VRAM that it holds no longer."""
    weights_bytes: int
    """Mapped pages that it holds no longer."""
    available_change_bytes: int
    """How much more memory the machine says is available than just before."""
    seconds: float
    ended: bool
    """Its process has ended."""
    actor: Actor


def held_by_program(neighbours: Iterable[Neighbour]) -> Mapping[str, Held]:
    """What all processes of each program hold together, by the program's name."""
    sums: dict[str, Held] = {}
    for neighbour in neighbours:
        sums[neighbour.program] = sums.get(neighbour.program, Held()) + neighbour.held
    return sums


def is_named(program: str, names: Iterable[str]) -> bool:
    """Whether the program is among those names, as people write them."""
    return program.casefold() in {name.casefold() for name in names}


def recorded_as(program: str) -> str:
    """What the history calls a program, among ids of models."""
    return f"{_MARK}{program}"


def program_recorded_as(recorded: str) -> str | None:
    """The program that the history calls so; None for the id of a model."""
    return recorded.removeprefix(_MARK) if recorded.startswith(_MARK) else None
