"""The table of models: two lines a row, colours, progress, search, keys and a menu for each row."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
    SignalInstance,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, State
from llmmem_gui.ui.card import Card, quiet
from llmmem_gui.ui.model_rows import MODEL_ROLE, AnyIndex, Cell, Column, ModelRows
from llmmem_gui.ui.outlook import Outlook
from llmmem_gui.ui.palette import mix
from llmmem_gui.ui.requests import Fit
from llmmem_gui.ui.theme import Theme, hatch, sized, tabular

_PADDING = 8


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
        self._delegate = _Delegate(theme, self.rows, self.view)
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

    def show_snapshot(self, snapshot: CacheSnapshot, idle_minutes: float | None) -> None:
        """Show the models of this snapshot."""
        self.rows.show_snapshot(snapshot, idle_minutes)
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
            self.view.setColumnWidth(column, max(width, title + 16) + 2 * _PADDING)
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


class _Delegate(QStyledItemDelegate):
    """Draws a cell with two lines; the swatch, the state's sign and the progress of a load with it."""

    cancelled = Signal(str)
    unfit_painted = Signal(object)

    def __init__(self, theme: Theme, rows: ModelRows, view: QTableView) -> None:
        super().__init__(view)
        self._theme = theme
        self._rows = rows
        self._view = view
        self._cancel = ""
        self._letters: tuple[QFont, QFontMetrics, QFont, QFontMetrics] | None = None

    def retranslate(self) -> None:
        self._cancel = self.tr("Cancel")

    def letters(self) -> tuple[QFont, QFontMetrics, QFont, QFontMetrics]:
        """Font and metrics of the upper and of the lower line."""
        if self._letters is None:
            upper = tabular(self._view.font())
            under = tabular(sized(self._view.font(), 0.88))
            self._letters = (upper, QFontMetrics(upper), under, QFontMetrics(under))
        return self._letters

    def forget_letters(self) -> None:
        """Take over another font of the view."""
        self._letters = None

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        model = self._rows.model_at(index.row())
        if model is None:
            return
        column = Column(index.column())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_ground(painter, option, column)
        cell = self._rows.cell(model, column)
        rect = option.rect.adjusted(_PADDING, 0, -_PADDING, 0)
        if column is Column.MODEL:
            rect = self._draw_swatch(painter, rect, model.id, cell)
            view = self._rows.outlook_of(model)
            if view is not None and view.fits_bytes is not None and view.fit == Fit():
                self.unfit_painted.emit(view)
        elif column is Column.STATE and cell.state is not State.UNLOADED:
            rect = self._draw_sign(painter, rect, cell.state)
        self._draw_lines(painter, rect, cell, column)
        painter.restore()

    def _draw_ground(self, painter: QPainter, option: QStyleOptionViewItem, column: Column) -> None:
        if not option.state & QStyle.StateFlag.State_Selected:
            return
        colours = self._theme.palette
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.selection))
        ground = QRectF(option.rect).adjusted(0, 1, 0, -1)
        painter.setClipRect(ground)
        # Round at the two ends of the row, straight between its cells.
        left = 0 if column is Column.MODEL else 12
        right = 0 if column is Column.IDLE else 12
        painter.drawRoundedRect(ground.adjusted(-left, 0, right, 0), 7, 7)
        if self._view.hasFocus():
            painter.setPen(QPen(QColor(colours.accent), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(ground.adjusted(-left + 1, 1, right - 1, -1), 6, 6)
        painter.setClipping(False)

    def _draw_swatch(self, painter: QPainter, rect: QRect, model_id: str, cell: Cell) -> QRect:
        colours = self._theme.palette
        side = round(self._view.fontMetrics().height() * 0.68)
        box = QRectF(rect.left() + 0.5, rect.center().y() - side / 2 + 0.5, side, side)
        colour = self._theme.model_colours.of(model_id)
        if cell.holds_memory:
            painter.setPen(QPen(mix(colour, colours.text, 0.3), 1))
            painter.setBrush(colour)
            if cell.state is State.DOZING:
                painter.setBrush(hatch(colour, QColor(colours.card), self._view.devicePixelRatioF()))
        else:
            painter.setPen(QPen(mix(colours.secondary, colours.card, 0.3), 1.2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box, 3, 3)
        return rect.adjusted(side + 10, 0, 0, 0)

    def _draw_sign(self, painter: QPainter, rect: QRect, state: State) -> QRect:
        """Draw a small shape for the state: full, ring, half, or a cross."""
        colours = self._theme.palette
        r = 3.8
        line = self._view.fontMetrics().height()
        x, y = rect.left() + r + 1, rect.center().y() + 0.5
        colour = QColor(
            {
                State.READY: colours.good,
                State.BUSY: colours.accent,
                State.FAILED: colours.critical,
                State.LOADING: colours.accent,
            }.get(state, colours.secondary)
        )
        box = QRectF(x - r, y - r, 2 * r, 2 * r)
        painter.setPen(QPen(colour, 1.6))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if state in (State.READY, State.BUSY):
            painter.setBrush(colour)
            painter.drawEllipse(box)
            if state is State.BUSY:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(colour, 1))
                painter.drawEllipse(box.adjusted(-2.5, -2.5, 2.5, 2.5))
        elif state is State.FAILED:
            painter.drawLine(box.topLeft(), box.bottomRight())
            painter.drawLine(box.topRight(), box.bottomLeft())
        elif state is State.DOZING:
            painter.drawEllipse(box)
            painter.setBrush(colour)
            painter.drawChord(box, 90 * 16, 180 * 16)
        elif state is State.LOADING:
            painter.drawArc(box, 90 * 16, -270 * 16)
        else:
            painter.drawEllipse(box)
        return rect.adjusted(round(line * 0.95), 0, 0, 0)

    def _draw_lines(self, painter: QPainter, rect: QRect, cell: Cell, column: Column) -> None:
        colours = self._theme.palette
        upper, first, under, second = self.letters()
        right = column not in (Column.MODEL, Column.STATE)
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        height = first.height() + (second.height() if cell.under or cell.progress is not None else 0)
        top = rect.top() + (rect.height() - height) // 2
        strong = cell.holds_memory or column is Column.MODEL
        painter.setFont(upper)
        painter.setPen(QColor(colours.text if strong else colours.secondary))
        line = QRect(rect.left(), top, rect.width(), first.height())
        mode = Qt.TextElideMode.ElideMiddle if column is Column.MODEL else Qt.TextElideMode.ElideRight
        painter.drawText(
            line, side | Qt.AlignmentFlag.AlignVCenter, first.elidedText(cell.text, mode, rect.width())
        )
        line = QRect(rect.left(), top + first.height(), rect.width(), second.height())
        painter.setFont(under)
        if cell.progress is not None:
            line = self._draw_progress(painter, line, cell.progress, second)
        if cell.under:
            by_level = {"critical": colours.critical, "warning": colours.warning}
            painter.setPen(QColor(by_level.get(cell.level, colours.secondary)))
            text = second.elidedText(cell.under, Qt.TextElideMode.ElideRight, line.width())
            painter.drawText(line, side | Qt.AlignmentFlag.AlignVCenter, text)

    def _draw_progress(self, painter: QPainter, line: QRect, share: float, metrics: QFontMetrics) -> QRect:
        """Draw a bar and the word Cancel; what is left of the line is returned."""
        colours = self._theme.palette
        width = min(180, line.width() // 3)
        bar = QRectF(line.left(), line.center().y() - 2, width, 5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.track))
        painter.drawRoundedRect(bar, 2.5, 2.5)
        painter.setBrush(QColor(colours.accent))
        painter.drawRoundedRect(QRectF(bar.left(), bar.top(), max(5.0, width * share), 5), 2.5, 2.5)
        painter.setPen(QColor(colours.accent))
        cancel = self._cancel_rect(line, metrics)
        painter.drawText(cancel, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self._cancel)
        return line.adjusted(width + 10, 0, -cancel.width() - 8, 0)

    def _cancel_rect(self, line: QRect, metrics: QFontMetrics) -> QRect:
        width = metrics.horizontalAdvance(self._cancel) + 4
        return QRect(line.right() - width, line.top(), width, line.height())

    # --- Qt ----------------------------------------------------------------------------------------------

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        return QSize(100, self._view.verticalHeader().defaultSectionSize())

    def editorEvent(
        self, event: QEvent, model: QAbstractItemModel, option: QStyleOptionViewItem, index: AnyIndex
    ) -> bool:
        if event.type() == QEvent.Type.MouseButtonRelease and isinstance(event, QMouseEvent):
            shown: ModelSnapshot = index.data(MODEL_ROLE)
            if index.column() == Column.MODEL and shown.state is State.LOADING:
                lower = option.rect.adjusted(0, option.rect.height() // 2, -_PADDING, 0)
                if self._cancel_rect(lower, self.letters()[3]).contains(event.position().toPoint()):
                    self.cancelled.emit(shown.id)
                    return True
        return super().editorEvent(event, model, option, index)
