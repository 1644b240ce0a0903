"""The table of models: a line a row, two for what is loaded or chosen; search, keys, a menu for each row."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    Qt,
    Signal,
    SignalInstance,
)
from PySide6.QtGui import QEnterEvent, QFontMetrics, QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, State
from llmmem_gui.ui.card import Card, quiet
from llmmem_gui.ui.cells import Column
from llmmem_gui.ui.model_delegate import PADDING, ModelDelegate
from llmmem_gui.ui.model_rows import FitOf, ModelRows
from llmmem_gui.ui.neighbour_rows import NeighbourRow
from llmmem_gui.ui.theme import Theme
from llmmem_gui.ui.warmths import Warmths

_AROUND_THE_COLUMNS = 32
"""Pixels for the edges of the card and a scroll bar."""
_LEAST_NAME_WIDTH = 190
"""Pixels that are kept for the name."""
_LEAST_ROWS = 7
"""A table with room for fewer gives second lines only to loads in progress; the panel has the rest."""


class ModelsTable(Card):
    """Lists the models.

    Signals: `current_changed` with the id of the model chosen or None, `selection_changed`, `activated` with
    the id on Enter or a double click, `removal_asked` on Del, `cancel_asked` for a load in progress,
    `menu_asked` with the id and the point on the screen, `fit_wanted` with a visible model that does not fit
    and its outlook. For rows about other programs `neighbour_menu_asked` with the row and the point.
    """

    current_changed = Signal(object)
    selection_changed = Signal()
    activated = Signal(str)
    removal_asked = Signal(str)
    cancel_asked = Signal(str)
    menu_asked = Signal(str, QPoint)
    neighbour_menu_asked = Signal(object, QPoint)
    fit_wanted = Signal(object, object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = _View()
        self.warmths = Warmths(self._seen, self)
        self.rows = ModelRows(self.warmths.of, self)
        self._nothing = QLabel(self.view)
        self._chosen: str | None = None
        self._awaited: str | None = None
        """A model that is to be chosen and was not in the list yet."""
        self._widths: dict[Column, int] = {}
        self._tall: list[int] = []
        """The rows that have two lines."""
        self._is_pointed_at = False
        self._current_was_seen = False
        self._has_pools = False
        self._delegate = ModelDelegate(theme, self.rows, self.view)
        self.view.setModel(self.rows)
        self.view.setItemDelegate(self._delegate)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.addWidget(self.view)
        quiet(self._nothing)
        self._nothing.setTextFormat(Qt.TextFormat.PlainText)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._nothing.hide()
        self._size_columns()
        self.view.selectionModel().currentRowChanged.connect(self._current_row_changed)
        self.view.selectionModel().selectionChanged.connect(lambda: self.selection_changed.emit())
        self.rows.modelReset.connect(self._choose_again)
        self.view.activated_row.connect(lambda: self._with_current(self.activated))
        self.view.removal.connect(self._ask_for_removal)
        self.view.menu.connect(self._ask_for_menu)
        self.view.pointed_at.connect(self._hold_still)
        self.rows.modelReset.connect(self._forget_heights)
        self.rows.layoutAboutToBeChanged.connect(self._rows_begin_to_move)
        self.rows.layoutChanged.connect(self._rows_moved)
        self._delegate.cancelled.connect(self.cancel_asked)
        self._delegate.unfit_painted.connect(self.fit_wanted)
        self._delegate.unloaded_painted.connect(self.warmths.want)
        self.warmths.changed.connect(self.rows.show_loads)
        self.retranslate()

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        self.view.setAccessibleName(self.tr("Models"))
        self.view.setAccessibleDescription(
            self.tr("Enter loads or tries. Delete unloads, or removes from the list what is not loaded.")
        )
        self._delegate.retranslate()
        self.rows.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(Column) - 1)
        self._size_columns()

    def show_snapshot(self, snapshot: CacheSnapshot, settings: Settings) -> None:
        """Show the models of this snapshot."""
        self.rows.show_snapshot(snapshot, settings)
        self.warmths.show_held(frozenset(m.id for m in snapshot.models if m.state.holds_host))
        if self._has_pools != bool(snapshot.pools):
            self._has_pools = bool(snapshot.pools)
            self._suit_columns()
        if self._chosen is None:
            self._choose_first()
        self._fit_heights()
        self._tell_nothing()

    def show_fits(self, fit_of: FitOf) -> None:
        """Show what would have to change for models that do not fit as they are, where it is known."""
        self.rows.show_fits(fit_of)

    def filter_by(self, field: QLineEdit) -> None:
        """Show only what is typed into the field."""
        field.textChanged.connect(self._filter)

    def choose(self, model_id: str) -> None:
        """Make a model the current one, as soon as it is in the list."""
        self._chosen = self._awaited = model_id
        self._choose_again()

    def show_hidden(self, shown: bool) -> None:
        """List also what was taken out of the list."""
        self.rows.show_hidden(shown)
        self._tell_nothing()

    @property
    def selected(self) -> list[ModelSnapshot]:
        """The models of all selected rows."""
        rows = self.view.selectionModel().selectedRows()
        found = [self.rows.model_at(index.row()) for index in sorted(rows, key=lambda index: index.row())]
        return [model for model in found if model is not None]

    @property
    def current(self) -> ModelSnapshot | None:
        """The model of the current row."""
        return self.rows.model_at(self.view.currentIndex().row())

    @property
    def current_neighbour(self) -> NeighbourRow | None:
        """What the current row is about, where that is another program."""
        shown = self.rows.row_at(self.view.currentIndex().row())
        return shown if isinstance(shown, NeighbourRow) else None

    def _seen(self) -> list[str]:
        """The ids of the models whose rows are on the screen."""
        if self.window().isMinimized():
            return []
        first = max(0, self.view.rowAt(0))
        last = self.view.rowAt(self.view.viewport().height() - 1)
        rows = range(first, (last if last >= 0 else self.rows.rowCount() - 1) + 1)
        shown = [self.rows.model_at(row) for row in rows]
        return [model.id for model in (*shown, self.current) if model is not None]

    def _filter(self, text: str) -> None:
        self.rows.set_filter(text)
        self._tell_nothing()

    def _tell_nothing(self) -> None:
        empty = self.rows.rowCount() == 0
        self._nothing.setVisible(empty)
        if empty:
            self._nothing.setText(self.tr("No model matches the search."))
            self._nothing.setGeometry(self.view.viewport().geometry())

    def _current_row_changed(self, now: QModelIndex, before: QModelIndex) -> None:
        shown = self.rows.row_at(now.row()) if now.isValid() else None
        if shown is not None:
            self._chosen = shown.id
        model = self.rows.model_at(now.row())
        self._fit_heights()
        self._show_all_of_current()
        self.current_changed.emit(model.id if model else None)

    def _hold_still(self, pointed_at: bool) -> None:
        """Move no row away from under the pointer: between two clicks another one would lie there."""
        self._is_pointed_at = pointed_at
        self.rows.hold_order(pointed_at)
        self._fit_heights()

    def _fit_heights(self, *, moved: bool = False) -> None:
        """Give two lines to the rows that are chosen, loaded or on their way, one to the others.

        `moved`: rows have changed places, and the view has taken their heights along.
        """
        one, two = self._delegate.heights()
        is_short = self.view.viewport().height() < _LEAST_ROWS * one
        tall = [row for row in range(self.rows.rowCount()) if self._needs_two_lines(row, is_short=is_short)]
        if self._is_pointed_at:
            tall = sorted({*tall, *(row for row in self._tall if row < self.rows.rowCount())})
        if tall == self._tall and not moved:
            return
        before, self._tall = set(self._tall), tall
        changed = range(self.rows.rowCount()) if moved else before.symmetric_difference(tall)
        for row in changed:
            height = two if row in tall else one
            if self.view.rowHeight(row) != height:
                self.view.setRowHeight(row, height)

    def _needs_two_lines(self, row: int, *, is_short: bool) -> bool:
        model = self.rows.model_at(row)
        if is_short:
            return model is not None and model.state is State.LOADING
        is_chosen = row == self.view.currentIndex().row()
        return is_chosen or (model is not None and model.state is not State.UNLOADED)

    def _forget_heights(self) -> None:
        """A reset gives all rows one line again."""
        self._tall = []
        self._fit_heights()
        self._show_all_of_current()

    def _rows_begin_to_move(self) -> None:
        place = self.view.visualRect(self.view.currentIndex())
        self._current_was_seen = place.intersects(self.view.viewport().rect())

    def _rows_moved(self) -> None:
        """Go where the current row has gone, unless a person had scrolled away from it."""
        self._fit_heights(moved=True)
        if self._current_was_seen:
            self._show_all_of_current()

    def _show_all_of_current(self) -> None:
        # The view learns of the height of a row later, and would not scroll beyond what it knows.
        self.view.updateGeometries()
        self.view.scrollTo(self.view.currentIndex())

    def _choose_again(self) -> None:
        row = self.rows.row_of(self._awaited) if self._awaited else None
        if row is not None:
            self._chosen, self._awaited = self._awaited, None
        else:
            row = self.rows.row_of(self._chosen) if self._chosen else None
        if row is None:
            self._choose_first()
        else:
            index = self.rows.index(row, 0)
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.view.selectionModel().setCurrentIndex(index, flags)

    def _choose_first(self) -> None:
        """Choose a model of ours; what another program holds only until there is one."""
        rows = range(self.rows.rowCount())
        row = next((row for row in rows if self.rows.model_at(row) is not None), 0)
        if row in rows:
            self.view.selectRow(row)
            if self.rows.model_at(row) is None:
                self._chosen = None

    def _with_current(self, signal: SignalInstance) -> None:
        if self.current is not None:
            signal.emit(self.current.id)

    def _ask_for_removal(self) -> None:
        if (shown := self.rows.row_at(self.view.currentIndex().row())) is not None:
            self.removal_asked.emit(shown.id)

    def _ask_for_menu(self, point: QPoint) -> None:
        index = self.view.indexAt(point)
        row = index.row() if index.isValid() else self.view.currentIndex().row()
        shown, model = self.rows.row_at(row), self.rows.model_at(row)
        if isinstance(shown, NeighbourRow):
            self.view.selectRow(row)
            self.neighbour_menu_asked.emit(shown, self.view.viewport().mapToGlobal(point))
        elif model is not None:
            if model.id not in [each.id for each in self.selected]:
                self.view.selectRow(self.rows.row_of(model.id) or 0)
            self.menu_asked.emit(model.id, self.view.viewport().mapToGlobal(point))

    def _size_columns(self) -> None:
        self._delegate.forget_letters()
        _, metrics, _, small = self._delegate.letters()
        samples = {
            Column.STATE: max(metrics.horizontalAdvance("descarregando"), 96),
            Column.USES: small.horizontalAdvance(self.tr("{size} private").format(size="1023 MiB")),
            Column.GPU: small.horizontalAdvance(self.tr("needs {size}").format(size="1023 MiB")),
            Column.FORECAST: metrics.horizontalAdvance("1023 MiB"),
            Column.LIMIT: small.horizontalAdvance(self.tr("{percent} used").format(percent="100 %")),
            Column.IDLE: small.horizontalAdvance(
                self.tr("unloads in {duration}").format(duration="23 h 59 min")
            ),
        }
        header = self.view.horizontalHeader()
        header_metrics = QFontMetrics(header.font())
        for column, width in samples.items():
            title = header_metrics.horizontalAdvance(
                str(self.rows.headerData(column, Qt.Orientation.Horizontal))
            )
            self._widths[column] = max(width, title + 16) + 2 * PADDING
            self.view.setColumnWidth(column, self._widths[column])
        self._suit_columns()
        self._tall = []
        self.view.verticalHeader().setDefaultSectionSize(self._delegate.heights()[0])
        self._fit_heights()

    def _suit_columns(self) -> None:
        """Where the name would have no room columns give way, the least needed first; the panel has all."""
        # The view has not taken its own size yet; a scroll bar may come at any time.
        room = self.width() - _AROUND_THE_COLUMNS - _LEAST_NAME_WIDTH
        self.view.setColumnHidden(Column.GPU, not self._has_pools)
        order = (Column.USES, Column.STATE, Column.GPU, Column.FORECAST, Column.LIMIT, Column.IDLE)
        for column in order[:2] + order[2 if self._has_pools else 3 :]:
            room -= self._widths[column]
            self.view.setColumnHidden(column, room < 0)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.warmths.watch(True)

    def hideEvent(self, event: QHideEvent) -> None:
        self.warmths.watch(False)
        super().hideEvent(event)

    def resizeEvent(self, event: object) -> None:
        self._suit_columns()
        self._fit_heights()
        self.view.scrollTo(self.view.currentIndex())
        if self._nothing.isVisible():
            self._nothing.setGeometry(self.view.viewport().geometry())

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.FontChange:
            self._size_columns()
        super().changeEvent(event)


class _View(QTableView):
    activated_row = Signal()
    removal = Signal()
    menu = Signal(QPoint)
    pointed_at = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSortingEnabled(True)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self.menu)
        self.setCornerButtonEnabled(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(40)
        header.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        header.setStretchLastSection(False)
        self.doubleClicked.connect(lambda _: self.activated_row.emit())

    def setModel(self, model: QAbstractItemModel | None) -> None:
        super().setModel(model)
        self.horizontalHeader().setSectionResizeMode(Column.MODEL, QHeaderView.ResizeMode.Stretch)

    def enterEvent(self, event: QEnterEvent) -> None:
        self.pointed_at.emit(True)
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.pointed_at.emit(False)
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.activated_row.emit()
        elif event.key() == Qt.Key.Key_Delete:
            self.removal.emit()
        elif event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End) and self.model().rowCount():
            # Of a table they mean the first and the last column; here a row is one thing.
            self.selectRow(0 if event.key() == Qt.Key.Key_Home else self.model().rowCount() - 1)
        else:
            super().keyPressEvent(event)
