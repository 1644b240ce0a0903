"""The table of models: two lines a row, colours, progress, search, keys and a menu for each row."""

from __future__ import annotations

from collections.abc import Mapping

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
from PySide6.QtGui import QFontMetrics, QKeyEvent
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
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot
from llmmem_gui.ui.card import Card, quiet
from llmmem_gui.ui.model_delegate import PADDING, ModelDelegate
from llmmem_gui.ui.model_rows import Column, ModelRows
from llmmem_gui.ui.outlook import Outlook
from llmmem_gui.ui.requests import Fit
from llmmem_gui.ui.theme import Theme


class ModelsTable(Card):
    """Lists the models.

    Signals: `current_changed` with the id of the model chosen or None, `activated` with the id on Enter or a
    double click, `removal_asked` on Del, `cancel_asked` for a load in progress, `menu_asked` with the id and
    the point on the screen, `fit_wanted` with the outlook of a visible model that does not fit.
    """

    current_changed = Signal(object)
    activated = Signal(str)
    removal_asked = Signal(str)
    cancel_asked = Signal(str)
    menu_asked = Signal(str, QPoint)
    fit_wanted = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = ModelRows(self)
        self.view = _View()
        self._nothing = QLabel(self.view)
        self._chosen: str | None = None
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
        self.rows.modelReset.connect(self._choose_again)
        self.view.activated_row.connect(lambda: self._with_current(self.activated))
        self.view.removal.connect(lambda: self._with_current(self.removal_asked))
        self.view.menu.connect(self._ask_for_menu)
        self._delegate.cancelled.connect(self.cancel_asked)
        self._delegate.unfit_painted.connect(self.fit_wanted)
        self.retranslate()

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        self.view.setAccessibleName(self.tr("Models"))
        self.view.setAccessibleDescription(self.tr("Enter loads or tries, Delete unloads."))
        self._delegate.retranslate()
        self.rows.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(Column) - 1)
        self._size_columns()

    def show_snapshot(self, snapshot: CacheSnapshot, settings: Settings) -> None:
        """Show the models of this snapshot."""
        self.rows.show_snapshot(snapshot, settings)
        if self._chosen is None and self.rows.rowCount():
            self.view.selectRow(0)
        self._tell_nothing()

    def show_fits(self, fits: Mapping[str, Fit]) -> None:
        """Show what would have to change for models that do not fit as they are."""
        self.rows.show_fits(fits)

    def filter_by(self, field: QLineEdit) -> None:
        """Show only what is typed into the field."""
        field.textChanged.connect(self._filter)

    def choose(self, model_id: str) -> None:
        """Make a model the current one."""
        self._chosen = model_id
        self._choose_again()

    @property
    def current(self) -> ModelSnapshot | None:
        """The model of the current row."""
        return self.rows.model_at(self.view.currentIndex().row())

    def outlook_of(self, model: ModelSnapshot) -> Outlook | None:
        """How a load of the model would go."""
        return self.rows.outlook_of(model)

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
        model = self.rows.model_at(now.row()) if now.isValid() else None
        if model is not None:
            self._chosen = model.id
        self.current_changed.emit(model.id if model else None)

    def _choose_again(self) -> None:
        row = self.rows.row_of(self._chosen) if self._chosen else None
        if row is None and self.rows.rowCount():
            row = 0
        if row is not None:
            index = self.rows.index(row, 0)
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.view.selectionModel().setCurrentIndex(index, flags)

    def _with_current(self, signal: SignalInstance) -> None:
        if self.current is not None:
            signal.emit(self.current.id)

    def _ask_for_menu(self, point: QPoint) -> None:
        index = self.view.indexAt(point)
        model = self.rows.model_at(index.row() if index.isValid() else self.view.currentIndex().row())
        if model is not None:
            self.view.selectRow(self.rows.row_of(model.id) or 0)
            self.menu_asked.emit(model.id, self.view.viewport().mapToGlobal(point))

    def _size_columns(self) -> None:
        self._delegate.forget_letters()
        _, metrics, _, small = self._delegate.letters()
        samples = {
            Column.STATE: max(metrics.horizontalAdvance("descarregando"), 96),
            Column.USES: small.horizontalAdvance(self.tr("{size} private").format(size="1023 MiB")),
            Column.FORECAST: metrics.horizontalAdvance("1023 MiB"),
            Column.LIMIT: small.horizontalAdvance(self.tr("{percent} used").format(percent="100 %")),
            Column.IDLE: small.horizontalAdvance(
                self.tr("goes in {duration}").format(duration="23 h 59 min")
            ),
        }
        header = self.view.horizontalHeader()
        header_metrics = QFontMetrics(header.font())
        for column, width in samples.items():
            title = header_metrics.horizontalAdvance(
                str(self.rows.headerData(column, Qt.Orientation.Horizontal))
            )
            self.view.setColumnWidth(column, max(width, title + 16) + 2 * PADDING)
        self.view.verticalHeader().setDefaultSectionSize(metrics.height() + small.height() + 12)

    def resizeEvent(self, event: object) -> None:
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

    def __init__(self) -> None:
        super().__init__()
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
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

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.activated_row.emit()
        elif event.key() == Qt.Key.Key_Delete:
            self.removal.emit()
        else:
            super().keyPressEvent(event)
