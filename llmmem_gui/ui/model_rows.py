"""The models as rows of a table: order, filter, and the two lines of each cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.outlook import Outlook
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, State
from llmmem_gui.core.units import MIB
from llmmem_gui.core.warmth import ExpectedLoad
from llmmem_gui.ui import figures
from llmmem_gui.ui.cells import Cell, Column, rounded
from llmmem_gui.ui.model_names import names_in
from llmmem_gui.ui.neighbour_rows import NeighbourRow, neighbour_cell, neighbour_rows
from llmmem_gui.ui.outlook import layers_line, outlook_line
from llmmem_gui.ui.requests import Fit
from llmmem_gui.ui.sentences import say, state_word

AnyIndex = QModelIndex | QPersistentModelIndex

_MOST_CELLS_KEPT = 600
"""More than any screen shows; scrolling past more begins anew."""

MODEL_ROLE = int(Qt.ItemDataRole.UserRole)


_LARGEST_FIRST = frozenset({Column.USES, Column.GPU, Column.FORECAST, Column.LIMIT, Column.IDLE})
"""Columns of which the usual order begins with the largest."""


AnyRow = ModelSnapshot | NeighbourRow

FitOf = Callable[[ModelSnapshot, Outlook], Fit | None]
"""What would make a model fit, where that is known."""

LoadOf = Callable[[str], ExpectedLoad | None]
"""How a load of the model with an id would go, where that is known."""


class ModelRows(QAbstractTableModel):
    """Shows the models of the newest snapshot; loaded ones first unless another order is asked for.

    What other programs hold stands below the loaded models, and last in any other order.
    """

    def __init__(self, load_of: LoadOf, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._load_of = load_of
        self._snapshot: CacheSnapshot | None = None
        self._rows: list[AnyRow] = []
        self._fit_of: FitOf = lambda *_: None
        self._filter = ""
        self._shows_hidden = False
        self._sort_column = Column.MODEL
        self._descending = False
        self._is_held = False
        self._settings = Settings()
        self._served: dict[tuple[str, Column], Cell] = {}
        """The cells that somebody has asked for since the rows last moved: those that are seen."""

    # --- feeding -----------------------------------------------------------------------------------------

    def show_snapshot(self, snapshot: CacheSnapshot, settings: Settings) -> None:
        """Show the models of this snapshot; rows keep their place where the order does not change."""
        self._snapshot = snapshot
        self._settings = settings
        self._arrange()

    def hold_order(self, held: bool) -> None:
        """Leave the rows where they are while somebody points at them; those that come stand last."""
        self._is_held = held
        if not held:
            self._arrange()

    def show_fits(self, fit_of: FitOf) -> None:
        """Take in what would have to change for models that do not fit as they are, where it is known."""
        self._fit_of = fit_of
        self._touch()

    def show_loads(self) -> None:
        """Take in that more is known of how loads would go."""
        self._touch()

    def show_hidden(self, shown: bool) -> None:
        """List also what was taken out of the list; what holds memory is listed in any case."""
        self._shows_hidden = shown
        self._arrange_anew()

    def set_filter(self, text: str) -> None:
        """Show only models with all these words in their name, path, architecture or state."""
        self._filter = text
        self._arrange_anew()

    def _arrange_anew(self) -> None:
        """Put the rows in order as a person asked for, also while the pointer lies on them."""
        held, self._is_held = self._is_held, False
        self._arrange()
        self._is_held = held

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

    def _reorder(self, rows: list[AnyRow], order: list[str]) -> None:
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
        places = {shown.id: row for row, shown in enumerate(self._rows)}
        for (model_id, column), before in list(self._served.items()):
            row = places.get(model_id)
            if row is None:
                continue
            cell = self._served[model_id, column] = self._cell(self._rows[row], column)
            if cell != before:
                index = self.index(row, column)
                self.dataChanged.emit(index, index)

    def _arranged(self) -> list[AnyRow]:
        if self._snapshot is None:
            return []
        words = self._filter.lower().split()
        listed = [
            m for m in self._snapshot.models if self._shows_hidden or not m.hidden or m.charge is not None
        ]
        rows = [model for model in listed if not words or _matches(model, words)]
        by_name = self._sort_column is Column.MODEL  # of those that are loaded, then of the others
        rows.sort(key=lambda model: model.facts.name.lower(), reverse=by_name and self._descending)
        key = _SORT_KEYS[self._sort_column]
        rows.sort(key=lambda model: key(model, self._snapshot), reverse=self._descending and not by_name)
        below = sum(not key(model, self._snapshot) for model in rows) if by_name else len(rows)
        shown: list[AnyRow] = [*rows[:below], *neighbour_rows(self._snapshot, words), *rows[below:]]
        if self._is_held:
            places = {each.id: place for place, each in enumerate(self._rows)}
            shown.sort(key=lambda each: places.get(each.id, len(places)))
        return shown

    # --- asking ------------------------------------------------------------------------------------------

    def row_at(self, row: int) -> AnyRow | None:
        """What a row is about."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def model_at(self, row: int) -> ModelSnapshot | None:
        """The model of a row; None for one about another program."""
        shown = self.row_at(row)
        return shown if isinstance(shown, ModelSnapshot) else None

    @property
    def loaded(self) -> list[ModelSnapshot]:
        """The models that hold memory or are about to, whether they are listed or not."""
        models = self._snapshot.models if self._snapshot is not None else ()
        return [model for model in models if model.state.holds_host]

    def row_of(self, row_id: str) -> int | None:
        """The row of a model, or of another program, by its id; None when the filter hides it."""
        return next((row for row, shown in enumerate(self._rows) if shown.id == row_id), None)

    def outlook_of(self, model: ModelSnapshot) -> Outlook | None:
        """How a load of the model would go, as the snapshot says."""
        return self._snapshot.outlook(model) if self._snapshot is not None else None

    def cell(self, shown: AnyRow, column: Column) -> Cell:
        """What a cell says; kept until the next snapshot."""
        cell = self._served.get((shown.id, column))
        if cell is None:
            if len(self._served) >= _MOST_CELLS_KEPT:
                self._served.clear()
            cell = self._served[shown.id, column] = self._cell(shown, column)
        return cell

    def _cell(self, shown: AnyRow, column: Column) -> Cell:
        if isinstance(shown, NeighbourRow):
            return neighbour_cell(shown, column, self._snapshot)
        cell = self._words(shown, column)
        holds_memory = shown.resident_bytes > 0
        return Cell(cell.text, cell.under, cell.level, cell.progress, shown.state, holds_memory)

    def _words(self, model: ModelSnapshot, column: Column) -> Cell:
        match column:
            case Column.MODEL:
                return self._name_cell(model)
            case Column.STATE:
                return self._state_cell(model)
            case Column.USES:
                return self._uses_cell(model)
            case Column.GPU:
                return self._gpu_cell(model)
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
            share = min(1.0, model.resident_bytes / max(1, model.forecast.main_bytes))
            under = self.tr("{resident} of {forecast}").format(
                resident=figures.size(model.resident_bytes), forecast=figures.size(model.forecast.main_bytes)
            )
            return Cell(name, under, progress=share)
        if model.error and model.state in (State.FAILED, State.UNLOADED):
            return Cell(name, say(model.error, names_in(self._snapshot)), "critical")
        view = self.outlook_of(model)
        if view is not None and self._snapshot is not None:
            level = "" if view.fits else "warning"
            line = f"↳ {outlook_line(view, self._snapshot, self._fit_of(model, view))}"
            load = self._load_of(model.id) if view.fits else None
            warmth = "" if load is None else self.tr("file {place}").format(place=say(load.sentence))
            beside = (line, warmth, layers_line(model.forecast), self._held_elsewhere(model))
            return Cell(name, " · ".join(filter(None, beside)), level)
        return Cell(name, self._loaded_line(model))

    def _held_elsewhere(self, model: ModelSnapshot) -> str:
        found = self._snapshot.held_elsewhere(model) if self._snapshot is not None else None
        if found is None:
            return ""
        neighbour, there = found
        held = there.held or neighbour.held
        return self.tr("{program} has it loaded: {size}").format(
            program=neighbour.program, size=figures.size(held.resident_bytes + (held.vram_bytes or 0))
        )

    def _loaded_line(self, model: ModelSnapshot) -> str:
        pieces = [model.facts.quantization or ""]
        if model.context:
            pieces.append(self.tr("context {tokens}").format(tokens=figures.count(model.context)))
        if model.pinned:
            pieces.append(self.tr("pinned"))
        promised = model.charge.total_bytes - model.resident_bytes if model.charge is not None else 0
        if promised >= MIB:
            pieces.append(self.tr("{size} promised").format(size=figures.size(promised)))
        pieces.append(layers_line(model.forecast))
        return " · ".join(piece for piece in pieces if piece)

    def _state_cell(self, model: ModelSnapshot) -> Cell:
        if model.state is State.UNLOADED:
            return Cell("·")
        under = ""
        # Whoever asked for a load waits for it: that says nothing.
        waiting = model.waiting - (model.state in (State.LOADING, State.QUEUED))
        if waiting > 0:
            under = self.tr("%n waiting", "", waiting)
        elif model.in_flight > 1:
            under = self.tr("%n request(s)", "", model.in_flight)
        return Cell(state_word(model.state), under)

    def _uses_cell(self, model: ModelSnapshot) -> Cell:
        if not model.resident_bytes:
            return Cell(figures.DASH)
        private = self.tr("{size} private").format(size=figures.size(model.private_bytes))
        return Cell(figures.size(model.resident_bytes), private)

    def _gpu_cell(self, model: ModelSnapshot) -> Cell:
        held = list(self._on_devices(model.id).values())
        if not held:
            need = model.forecast.vram_bytes if model.forecast is not None else 0
            return Cell(figures.DASH, self.tr("needs {size}").format(size=figures.size(need)) if need else "")
        return Cell(figures.size(sum(held)), self.tr("on %n GPUs", "", len(held)) if len(held) > 1 else "")

    def _on_devices(self, model_id: str) -> dict[str, int]:
        return self._snapshot.on_devices(model_id) if self._snapshot is not None else {}

    def _forecast_cell(self, model: ModelSnapshot) -> Cell:
        if model.forecast is None:
            return Cell(figures.DASH)
        # Where there is a column for GPUs, that says it.
        has_column = self._snapshot is not None and self._snapshot.pools
        under = _error_bar(model.forecast) + ("" if has_column else figures.vram(model.forecast.vram_bytes))
        return Cell(figures.size(model.forecast.total_bytes), under)

    def _limit_cell(self, model: ModelSnapshot) -> Cell:
        if model.limit_bytes is None:
            return Cell(figures.DASH)
        if not model.resident_bytes:
            return Cell(figures.chosen_size(model.limit_bytes))
        share = model.resident_bytes / max(1, model.limit_bytes)
        under = self.tr("{percent} used").format(percent=figures.percent(share))
        level = self._alert_level(model)
        return Cell(figures.chosen_size(model.limit_bytes), under, level)

    def _alert_level(self, model: ModelSnapshot) -> str:
        """How near its limit the model is, as it is warned of."""
        alerts = self._snapshot.alerts if self._snapshot is not None else ()
        level = next((alert.level for alert in alerts if alert.model_id == model.id), Level.NORMAL)
        if level is Level.NORMAL:
            return ""
        return "warning" if level is Level.WARNING else "critical"

    def _idle_cell(self, model: ModelSnapshot) -> Cell:
        if model.idle_since is None or self._snapshot is None:
            return Cell(figures.DASH)
        idle = max(0.0, self._snapshot.monotonic - model.idle_since)
        under = ""
        idle_minutes = self._settings.limits.idle_minutes
        if idle_minutes and not model.pinned:
            left = idle_minutes * 60 - idle
            if left > 0:
                under = self.tr("unloads in {duration}").format(duration=figures.duration(rounded(left)))
        return Cell(figures.duration(rounded(idle)), under)

    # --- Qt ----------------------------------------------------------------------------------------------

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(Column)

    def data(self, index: AnyIndex, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        shown = self.row_at(index.row())
        if shown is None:
            return None
        if role == MODEL_ROLE:
            return self.model_at(index.row())
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            cell = self.cell(shown, Column(index.column()))
            if role == Qt.ItemDataRole.AccessibleTextRole and index.column() == Column.STATE:
                state = state_word(shown.state) if isinstance(shown, ModelSnapshot) else cell.text
                return f"{state}\n{cell.under}".strip()
            return f"{cell.text}\n{cell.under}" if cell.under else cell.text
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == Column.MODEL:
            cell = self.cell(shown, Column.MODEL)
            where = shown.facts.path if isinstance(shown, ModelSnapshot) else shown.neighbour.id
            return "\n".join(filter(None, (cell.text, cell.under, where)))
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
                self.tr("Model"), self.tr("State"), self.tr("Uses"), self.tr("On GPU"),
                self.tr("Forecast"), self.tr("Limit"), self.tr("Idle"),
            )  # fmt: skip
            return f"{names[section]} {self._arrow()}" if section == self._sort_column else names[section]
        return None

    def _arrow(self) -> str:
        """The sign of the order, as text: the style's own would lie over the words of a narrow column."""
        rising = self._descending == (self._sort_column in _LARGEST_FIRST)
        return "▴" if rising else "▾"

    def _header_explanations(self) -> tuple[str, ...]:
        return (
            self.tr("Loaded models first, then by name"),
            self.tr("What the model is doing"),
            self.tr("Memory as measured: private bytes and weights"),
            self.tr("Memory of GPUs as measured, or as charged where no driver tells"),
            self.tr("What loading it is predicted to take, with its error"),
            self.tr("The most that this model may use"),
            self.tr("How long nobody has used it"),
        )

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._sort_column = Column(column) if 0 <= column < len(Column) else Column.MODEL
        self._descending = order == Qt.SortOrder.DescendingOrder
        self._arrange_anew()
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(Column) - 1)


def _matches(model: ModelSnapshot, words: list[str]) -> bool:
    facts = model.facts
    text = f"{facts.name} {facts.id} {facts.path} {facts.architecture or ''} {facts.quantization or ''}"
    lowered = f"{text} {state_word(model.state)}".lower()
    return all(word in lowered for word in words)


def _error_bar(forecast: Forecast) -> str:
    total = max(1, forecast.total_bytes)
    off = max(forecast.high_bytes - total, total - forecast.low_bytes) / total
    return f"±{figures.NO_BREAK}{figures.percent(off)}"


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
    Column.GPU: lambda model, snapshot: -sum(snapshot.on_devices(model.id).values()),
    Column.FORECAST: lambda model, _: -(model.forecast.total_bytes if model.forecast else -1),
    Column.LIMIT: lambda model, _: -(model.limit_bytes or -1),
    Column.IDLE: lambda model, snapshot: -_idle_seconds(model, snapshot),
}
