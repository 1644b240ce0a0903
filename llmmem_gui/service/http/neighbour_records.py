"""What is told and asked of other programs that hold models, in the words of the HTTP API."""

from __future__ import annotations

from typing import Annotated

import msgspec

from llmmem_gui.core.neighbours import Held, Neighbour, NeighbourModel, NeighbourReceipt
from llmmem_gui.service.http.control_records import Asked, Told


class NeighbourModelEntry(Told, frozen=True, kw_only=True):
    """A model that another program holds."""

    name: str
    can_unload: bool
    """Whether it can be unloaded by itself."""
    state: str
    """`busy`, `idle`, `loading` or `asleep`."""
    idle_seconds: float | None
    private_bytes: int | None
    """Measured; null, as the two below, where no process holds this model alone."""
    weights_bytes: int | None
    vram_bytes: int | None
    claimed_bytes: int | None
    """What its program says; that may be a prediction."""


class NeighbourEntry(Told, frozen=True, kw_only=True):
    """Another program of this machine that holds models, or could."""

    id: str
    program: str
    pid: int
    private_bytes: int
    """Of all its processes, measured; memory that they share is counted once."""
    weights_bytes: int
    vram_bytes: int | None
    unloads: str
    """`models`: each by itself; `all`: only all at once; `ends`: only when it ends; `never`: not, or not by
    this user."""
    answers: bool
    """Whether it told itself what it holds; otherwise that is read off its processes."""
    models: list[NeighbourModelEntry]


class NeighbourUnloadRequest(Asked, frozen=True):
    """What a program is to give up; without anything all that it holds."""

    model: Annotated[str, msgspec.Meta(max_length=300)] | None = None
    """Name of one of its models."""
    end_process: bool = False
    """Ask its process to end instead: what it does is lost."""


class NeighbourReceiptEntry(Told, frozen=True, kw_only=True):
    """What came back, measured over all processes of the program."""

    id: str
    program: str
    model: str | None
    given_back_bytes: int
    """Private memory and VRAM."""
    weights_bytes: int
    available_change_bytes: int
    seconds: float
    ended: bool


def neighbour_entry(neighbour: Neighbour, monotonic_seconds: float) -> NeighbourEntry:
    """A program at that time of the monotonic clock."""
    return NeighbourEntry(
        id=neighbour.id,
        program=neighbour.program,
        pid=neighbour.pid,
        private_bytes=neighbour.held.private_bytes,
        weights_bytes=neighbour.held.weights_bytes,
        vram_bytes=neighbour.held.vram_bytes,
        unloads=neighbour.unloads,
        answers=neighbour.answers,
        models=[_model_entry(model, neighbour, monotonic_seconds) for model in neighbour.models],
    )


def _model_entry(model: NeighbourModel, neighbour: Neighbour, now: float) -> NeighbourModelEntry:
    held: Held | None = model.held
    return NeighbourModelEntry(
        name=model.name,
        can_unload=bool(model.key) and neighbour.unloads == "models",
        state=model.doing,
        idle_seconds=None if model.idle_since is None else max(0.0, now - model.idle_since),
        private_bytes=None if held is None else held.private_bytes,
        weights_bytes=None if held is None else held.weights_bytes,
        vram_bytes=None if held is None else held.vram_bytes,
        claimed_bytes=model.claimed_bytes,
    )


def neighbour_receipt_entry(receipt: NeighbourReceipt) -> NeighbourReceiptEntry:
    """What came back."""
    return NeighbourReceiptEntry(
        id=receipt.neighbour_id,
        program=receipt.program,
        model=receipt.model or None,
        given_back_bytes=receipt.given_back_bytes,
        weights_bytes=receipt.weights_bytes,
        available_change_bytes=receipt.available_change_bytes,
        seconds=receipt.seconds,
        ended=receipt.ended,
    )
