"""The models as rows of a table: order, filter, and the two lines of each cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, State
from llmmem_gui.ui import figures
from llmmem_gui.ui.outlook import Outlook, outlook, outlook_line
from llmmem_gui.ui.requests import Fit
from llmmem_gui.ui.sentences import say, state_word

AnyIndex = QModelIndex | QPersistentModelIndex

_MOST_CELLS_KEPT = 600
"""More than any screen shows; scrolling past more begins anew."""

MODEL_ROLE = int(Qt.ItemDataRole.UserRole)


class Column(IntEnum):
    """Columns from left to right."""

    MODEL = 0
    STATE = 1
    USES = 2
    FORECAST = 3
    LIMIT = 4
    IDLE = 5


@dataclass(frozen=True, slots=True)
class Cell:
    """Two lines of text; `progress` is the share of a load that is done."""

    text: str
    under: str = ""
    level: str = ""
    """warning, critical or empty: how the lower line is drawn."""
    progress: float | None = None
    state: State = State.UNLOADED
    holds_memory: bool = False


class ModelRows(QAbstractTableModel):
    """Shows the models of the newest snapshot; loaded ones first unless another order is asked for."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._snapshot: CacheSnapshot | None = None
        self._rows: list[ModelSnapshot] = []
        self._outlooks: dict[str, Outlook | None] = {}
        self._fits: Mapping[str, Fit] = {}
        self._filter = ""
        self._sort_column = Column.MODEL
        self._descending = False
        self._settings = Settings()
        self._served: dict[tuple[str, Column], Cell] = {}
        """The cells that somebody has asked for since the rows last moved: those that are seen."""

    # --- feeding -----------------------------------------------------------------------------------------

    def show_snapshot(self, snapshot: CacheSnapshot, settings: Settings) -> None:
        """Show the models of this snapshot; rows keep their place where the order does not change."""
        self._snapshot = snapshot
        self._settings = settings
        self._outlooks.clear()
        self._arrange()

    def show_fits(self, fits: Mapping[str, Fit]) -> None:
        """Take in what would have to change for models that do not fit as they are."""
        self._fits = fits
        self._outlooks.clear()
        self._touch()

    def set_filter(self, text: str) -> None:
        """Show only models with all these words in their name, path, architecture or state."""
        self._filter = text
        self._arrange()

    def _arrange(self) -> None:
        rows = self._arranged()
        before = [model.id for model in self._rows]
        after = [model.id for model in rows]
        if before == after:
            self._rows = rows
            self._touch()
        elif sorted(before) == sorted(after):
            self._reorder(rows, after)
        else:
            self.beginResetModel()
            self._rows = rows
            self._served.clear()
            self.endResetModel()

    def _reorder(self, rows: list[ModelSnapshot], order: list[str]) -> None:
        self.layoutAboutToBeChanged.emit()
        places = {model_id: place for place, model_id in enumerate(order)}
        old = self.persistentIndexList()
        new = [self.index(places[self._rows[index.row()].id], index.column()) for index in old]
        self._rows = rows
        self._served.clear()
        self.changePersistentIndexList(old, new)
        self.layoutChanged.emit()

    def _touch(self) -> None:
        """Tell which cells changed, of those that are seen: most stay as they are from tick to tick."""
        places = {model.id: row for row, model in enumerate(self._rows)}
        for (model_id, column), before in list(self._served.items()):
            row = places.get(model_id)
            if row is None:
                continue
            cell = self._served[model_id, column] = self._cell(self._rows[row], column)
            if cell != before:
                index = self.index(row, column)
                self.dataChanged.emit(index, index)

    def _arranged(self) -> list[ModelSnapshot]:
        if self._snapshot is None:
            return []
        words = self._filter.lower().split()
        rows = [model for model in self._snapshot.models if not words or _matches(model, words)]
        rows.sort(key=lambda model: model.facts.name.lower())
        key = _SORT_KEYS[self._sort_column]
        rows.sort(key=lambda model: key(model, self._snapshot), reverse=self._descending)
        return rows

    # --- asking ------------------------------------------------------------------------------------------

    def model_at(self, row: int) -> ModelSnapshot | None:
        """The model of a row."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def row_of(self, model_id: str) -> int | None:
        """The row of a model, None when the filter hides it."""
        return next((row for row, model in enumerate(self._rows) if model.id == model_id), None)

    def outlook_of(self, model: ModelSnapshot) -> Outlook | None:
        """How a load of the model would go; rehearsed when first asked for after a snapshot."""
        if self._snapshot is None:
            return None
        if model.id not in self._outlooks:
            self._outlooks[model.id] = outlook(model, self._snapshot, self._fits.get(model.id))
        return self._outlooks[model.id]

    def cell(self, model: ModelSnapshot, column: Column) -> Cell:
        """What a cell says; kept until the next snapshot."""
        cell = self._served.get((model.id, column))
        if cell is None:
            if len(self._served) >= _MOST_CELLS_KEPT:
                self._served.clear()
            cell = self._served[model.id, column] = self._cell(model, column)
        return cell

    def _cell(self, model: ModelSnapshot, column: Column) -> Cell:
        cell = self._words(model, column)
        holds_memory = model.resident_bytes > 0
        return Cell(cell.text, cell.under, cell.level, cell.progress, model.state, holds_memory)

    def _words(self, model: ModelSnapshot, column: Column) -> Cell:
        match column:
            case Column.MODEL:
                return self._name_cell(model)
            case Column.STATE:
                return self._state_cell(model)
            case Column.USES:
                return self._uses_cell(model)
            case Column.FORECAST:
                return self._forecast_cell(model)
            case Column.LIMIT:
                return self._limit_cell(model)
            case Column.IDLE:
                return self._idle_cell(model)

    def _name_cell(self, model: ModelSnapshot) -> Cell:
        name = model.facts.name
        if model.facts.error:
            return Cell(name, say(model.facts.error), "critical")
        if model.state is State.LOADING and model.forecast is not None:
            share = min(1.0, model.resident_bytes / max(1, model.forecast.total_bytes))
            under = self.tr("{resident} of {forecast}").format(
                resident=figures.size(model.resident_bytes), forecast=figures.size(model.forecast.total_bytes)
            )
            return Cell(name, under, progress=share)
        if model.error and model.state in (State.FAILED, State.UNLOADED):
            return Cell(name, say(model.error), "critical")
        view = self.outlook_of(model)
        if view is not None and self._snapshot is not None:
            level = "" if view.fits else "warning"
            return Cell(name, f"↳ {outlook_line(view, self._snapshot)}", level)
        return Cell(name, self._loaded_line(model))

    def _loaded_line(self, model: ModelSnapshot) -> str:
        pieces = [model.facts.quantization or ""]
        if model.context:
            pieces.append(self.tr("context {tokens}").format(tokens=figures.count(model.context)))
        if model.pinned:
            pieces.append(self.tr("pinned"))
        return " · ".join(piece for piece in pieces if piece)

    def _state_cell(self, model: ModelSnapshot) -> Cell:
        if model.state is State.UNLOADED:
            return Cell("·")
        under = ""
        if model.waiting:
            under = self.tr("%n waiting", "", model.waiting)
        elif model.in_flight > 1:
            under = self.tr("%n request(s)", "", model.in_flight)
        return Cell(state_word(model.state), under)

    def _uses_cell(self, model: ModelSnapshot) -> Cell:
        if not model.resident_bytes:
            return Cell(figures.DASH)
        private = self.tr("{size} private").format(size=figures.size(model.private_bytes))
        return Cell(figures.size(model.resident_bytes), private)

    def _forecast_cell(self, model: ModelSnapshot) -> Cell:
        if model.forecast is None:
            return Cell(figures.DASH)
        return Cell(figures.size(model.forecast.total_bytes), _error_bar(model.forecast))

    def _limit_cell(self, model: ModelSnapshot) -> Cell:
        if model.limit_bytes is None:
            return Cell(figures.DASH)
        if not model.resident_bytes:
            return Cell(figures.chosen_size(model.limit_bytes))
        share = model.resident_bytes / max(1, model.limit_bytes)
        under = self.tr("{percent} used").format(percent=figures.percent(share))
        warnings = self._settings.warnings
        level = ""
        if 100 * share >= warnings.critical_percent:
            level = "critical"
        elif 100 * share >= warnings.model_warn_percent:
            level = "warning"
        return Cell(figures.chosen_size(model.limit_bytes), under, level)

    def _idle_cell(self, model: ModelSnapshot) -> Cell:
        if model.idle_since is None or self._snapshot is None:
            return Cell(figures.DASH)
        idle = max(0.0, self._snapshot.monotonic - model.idle_since)
        under = ""
        idle_minutes = self._settings.limits.idle_minutes
        if idle_minutes and not model.pinned:
            left = idle_minutes * 60 - idle
            if left > 0:
                under = self.tr("goes in {duration}").format(duration=figures.duration(_rounded(left)))
        return Cell(figures.duration(_rounded(idle)), under)

    # --- Qt ----------------------------------------------------------------------------------------------

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(Column)

    def data(self, index: AnyIndex, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        model = self.model_at(index.row())
        if model is None:
            return None
        if role == MODEL_ROLE:
            return model
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            cell = self.cell(model, Column(index.column()))
            return f"{cell.text}\n{cell.under}" if cell.under else cell.text
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == Column.MODEL:
            cell = self.cell(model, Column.MODEL)
            return f"{model.facts.name}\n{cell.under}\n{model.facts.path}"
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            right = section not in (Column.MODEL, Column.STATE)
            side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._header_explanations()[section]
        if role == Qt.ItemDataRole.DisplayRole:
            names = (
                self.tr("Model"), self.tr("State"), self.tr("Uses"),
                self.tr("Forecast"), self.tr("Limit"), self.tr("Idle"),
            )  # fmt: skip
            return names[section]
        return None

    def _header_explanations(self) -> tuple[str, ...]:
        return (
            self.tr("Loaded models first, then by name"),
            self.tr("What the model is doing"),
            self.tr("Memory as measured: private bytes and weights"),
            self.tr("What loading it is predicted to take, with its error"),
            self.tr("The most that this model may use"),
            self.tr("How long nobody has used it"),
        )

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._sort_column = Column(column) if 0 <= column < len(Column) else Column.MODEL
        self._descending = order == Qt.SortOrder.DescendingOrder
        self._arrange()


def _matches(model: ModelSnapshot, words: list[str]) -> bool:
    facts = model.facts
    text = f"{facts.name} {facts.id} {facts.path} {facts.architecture or ''} {facts.quantization or ''}"
    lowered = f"{text} {state_word(model.state)}".lower()
    return all(word in lowered for word in words)


def _error_bar(forecast: Forecast) -> str:
    total = max(1, forecast.total_bytes)
    off = max(forecast.high_bytes - total, total - forecast.low_bytes) / total
    return f"±{figures.NO_BREAK}{figures.percent(off)}"


def _rounded(seconds: float) -> float:
    """Whole seconds below a minute, whole minutes below an hour: what changes too often is not read."""
    return round(seconds) if seconds < 60 else round(seconds / 60) * 60


def _idle_seconds(model: ModelSnapshot, snapshot: CacheSnapshot | None) -> float:
    if model.idle_since is None or snapshot is None:
        return -1.0
    return snapshot.monotonic - model.idle_since


_STATES_IN_ORDER = (
    State.BUSY, State.READY, State.DOZING, State.LOADING,
    State.QUEUED, State.UNLOADING, State.FAILED, State.UNLOADED,
)  # fmt: skip

_SORT_KEYS: dict[Column, Any] = {
    Column.MODEL: lambda model, _: not (model.state.holds_host or model.state is State.QUEUED),
    Column.STATE: lambda model, _: _STATES_IN_ORDER.index(model.state),
    Column.USES: lambda model, _: -model.resident_bytes,
    Column.FORECAST: lambda model, _: -(model.forecast.total_bytes if model.forecast else -1),
    Column.LIMIT: lambda model, _: -(model.limit_bytes or -1),
    Column.IDLE: lambda model, snapshot: -_idle_seconds(model, snapshot),
}
