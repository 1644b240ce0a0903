"""What `llmmem ps --all` says of other programs that hold models."""

from __future__ import annotations

from llmmem_gui.cli.output import size, write_table
from llmmem_gui.core.units import format_duration
from llmmem_gui.service.api_client import ApiClient
from llmmem_gui.service.http.neighbour_records import NeighbourEntry, NeighbourModelEntry

PATH = "/api/v1/neighbours"
_HEADERS = ("PROGRAM", "MODEL", "STATE", "PRIVATE", "WEIGHTS", "VRAM", "CLAIMS", "IDLE", "ID")


def neighbours_of(client: ApiClient) -> list[NeighbourEntry]:
    """The other programs that hold models, or could."""
    return client.request("GET", PATH, gives=list[NeighbourEntry])


def write_neighbours(neighbours: list[NeighbourEntry]) -> None:
    """Write them as a table: a line for each program, then one for each of its models."""
    rows = [row for each in neighbours for row in (_program_row(each), *map(_model_row, each.models))]
    if rows:
        print()
        write_table(_HEADERS, rows, right=_HEADERS[3:8])


def _program_row(each: NeighbourEntry) -> tuple[str, ...]:
    return (
        each.program,
        "" if each.models else "–",
        "" if each.answers else "measured only",
        size(each.private_bytes),
        size(each.weights_bytes),
        size(each.vram_bytes or None),
        "",
        "",
        each.id,
    )


def _model_row(model: NeighbourModelEntry) -> tuple[str, ...]:
    return (
        "",
        model.name,
        model.state,
        size(model.private_bytes),
        size(model.weights_bytes),
        size(model.vram_bytes or None),
        size(model.claimed_bytes),
        "–" if model.idle_seconds is None else format_duration(round(model.idle_seconds)),
        "",
    )
