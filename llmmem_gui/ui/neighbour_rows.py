"""Other programs that hold models, as rows of the table: a line for each program, and one for each model."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from llmmem_gui.core.neighbours import Doing, Held, Neighbour, NeighbourModel, recorded_as
from llmmem_gui.core.snapshot import CacheSnapshot, State
from llmmem_gui.ui import figures
from llmmem_gui.ui.cells import Cell, Column, rounded
from llmmem_gui.ui.sentences import state_word

translate = QCoreApplication.translate

_STATES: dict[Doing, State] = {
    "busy": State.BUSY,
    "idle": State.READY,
    "loading": State.LOADING,
    "asleep": State.DOZING,
}


@dataclass(frozen=True, slots=True)
class NeighbourRow:
    """A row about another program, or about one of the models that it holds."""

    neighbour: Neighbour
    model: NeighbourModel | None = None

    @property
    def id(self) -> str:
        """Tells the row from all others; no model of ours has such an id."""
        name = "" if self.model is None else f"/{self.model.key}/{self.model.name}"
        return recorded_as(f"{self.neighbour.id}{name}")

    @property
    def colour_id(self) -> str:
        """What the colour goes by."""
        return recorded_as(self.neighbour.program)

    @property
    def held(self) -> Held | None:
        """What was measured for it; None: that lies in its program's sum."""
        return self.neighbour.held if self.model is None else self.model.held

    @property
    def state(self) -> State:
        """What the model does, as one of ours would."""
        return State.UNLOADED if self.model is None else _STATES[self.model.doing]


def neighbour_rows(snapshot: CacheSnapshot, words: list[str]) -> list[NeighbourRow]:
    """The rows about other programs that hold something; with words only what has all of them."""
    rows: list[NeighbourRow] = []
    for neighbour in snapshot.neighbours:
        if neighbour.is_resting:
            continue
        models = [
            NeighbourRow(neighbour, model)
            for model in neighbour.models
            if _matches(words, f"{neighbour.program} {model.name}")
        ]
        if models or _matches(words, neighbour.program):
            rows += [NeighbourRow(neighbour), *models]
    return rows


def neighbour_cell(row: NeighbourRow, column: Column, snapshot: CacheSnapshot | None) -> Cell:
    """What a cell of such a row says."""
    text, under = _words(row, column, snapshot)
    held = row.held
    return Cell(text, under, state=row.state, holds_memory=held is not None and held.all_bytes > 0)


def _words(row: NeighbourRow, column: Column, snapshot: CacheSnapshot | None) -> tuple[str, str]:
    model, held = row.model, row.held
    match column:
        case Column.MODEL if model is None:
            return row.neighbour.program, _remark(row.neighbour)
        case Column.MODEL if model is not None:
            return model.name, ""
        case Column.STATE if model is not None:
            return state_word(row.state), ""
        case Column.USES if held is not None:
            return figures.size(held.resident_bytes), (
                translate("NeighbourRows", "{size} private").format(size=figures.size(held.private_bytes))
                + figures.vram(held.vram_bytes or 0)
            )
        case Column.GPU if held is not None and held.vram_bytes:
            return figures.size(held.vram_bytes), ""
        case Column.FORECAST if model is not None and model.claimed_bytes is not None:
            return figures.size(model.claimed_bytes), translate("NeighbourRows", "by its own word")
        case Column.IDLE if model is not None and model.idle_since is not None and snapshot is not None:
            return figures.duration(rounded(max(0.0, snapshot.monotonic - model.idle_since))), ""
    return ("" if model is None else figures.DASH), ""


def _remark(neighbour: Neighbour) -> str:
    if not neighbour.answers:
        return translate("NeighbourRows", "another program · only measured")
    if not neighbour.models:
        return translate("NeighbourRows", "another program · no model loaded")
    return translate("NeighbourRows", "another program")


def _matches(words: list[str], text: str) -> bool:
    return all(word in text.lower() for word in words)
