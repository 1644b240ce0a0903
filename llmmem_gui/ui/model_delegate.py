"""How a row of the table is drawn: a line or two, the swatch, the state's sign, the progress of a load."""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from llmmem_gui.core.snapshot import ModelSnapshot, State
from llmmem_gui.ui.cells import Cell, Column
from llmmem_gui.ui.model_rows import MODEL_ROLE, AnyIndex, AnyRow, ModelRows
from llmmem_gui.ui.neighbour_rows import NeighbourRow
from llmmem_gui.ui.palette import mix
from llmmem_gui.ui.theme import Theme, hatch, sized, tabular

PADDING = 8
"""Pixels left and right of the text of a cell."""
_BESIDE = 14
"""Pixels between the name and what stands beside it."""
_LEAST_BESIDE = 40
"""Pixels in which that says anything."""


class ModelDelegate(QStyledItemDelegate):
    """Draws the cells of `ModelRows`.

    Signals: `cancelled` with the id when Cancel is clicked; when the row of a model was painted that could
    be loaded, `unloaded_painted` with its id, and where it does not fit `unfit_painted` with it and its
    outlook.
    """

    cancelled = Signal(str)
    unloaded_painted = Signal(str)
    unfit_painted = Signal(object, object)

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

    def heights(self) -> tuple[int, int]:
        """Pixels of a row of one line and of one with two."""
        _, upper, _, under = self.letters()
        return upper.height() + 10, upper.height() + under.height() + 12

    def forget_letters(self) -> None:
        """Take over another font of the view."""
        self._letters = None

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        shown = self._rows.row_at(index.row())
        if shown is None:
            return
        column = Column(index.column())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_ground(painter, option, column)
        cell = self._rows.cell(shown, column)
        rect = option.rect.adjusted(PADDING, 0, -PADDING, 0)
        if column is Column.MODEL:
            rect = self._draw_swatch(painter, rect, shown, cell)
            view = self._rows.outlook_of(shown) if isinstance(shown, ModelSnapshot) else None
            if view is not None:
                self.unloaded_painted.emit(shown.id)
                if view.obstacle is not None:
                    self.unfit_painted.emit(shown, view)
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
        right = 0 if column is self._last_column() else 12
        painter.drawRoundedRect(ground.adjusted(-left, 0, right, 0), 7, 7)
        if self._view.hasFocus():
            painter.setPen(QPen(QColor(colours.accent), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(ground.adjusted(-left + 1, 1, right - 1, -1), 6, 6)
        painter.setClipping(False)

    def _last_column(self) -> Column:
        return max(column for column in Column if not self._view.isColumnHidden(column))

    def _draw_swatch(self, painter: QPainter, rect: QRect, shown: AnyRow, cell: Cell) -> QRect:
        colours = self._theme.palette
        side = round(self._view.fontMetrics().height() * 0.68)
        box = QRectF(rect.left() + 0.5, rect.center().y() - side / 2 + 0.5, side, side)
        if isinstance(shown, NeighbourRow) and shown.model is not None:
            # A model of another program stands below that, without a colour of its own.
            return rect.adjusted(2 * (side + 10), 0, 0, 0)
        colour = self._theme.model_colours.of(
            shown.colour_id if isinstance(shown, NeighbourRow) else shown.id
        )
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
        is_tall = rect.height() >= self.heights()[1]
        has_second = is_tall and (cell.under or cell.progress is not None)
        height = first.height() + (second.height() if has_second else 0)
        top = rect.top() + (rect.height() - height) // 2
        strong = cell.holds_memory or column is Column.MODEL
        painter.setFont(upper)
        painter.setPen(QColor(colours.text if strong else colours.secondary))
        line = QRect(rect.left(), top, rect.width(), first.height())
        mode = Qt.TextElideMode.ElideMiddle if column is Column.MODEL else Qt.TextElideMode.ElideRight
        room = rect.width()
        if not is_tall and cell.under and cell.level and column is Column.MODEL:
            # What would stand below stands beside it; only where it warns does it take room from the name.
            room -= min(second.horizontalAdvance(cell.under) + _BESIDE, rect.width() // 2)
        text = first.elidedText(cell.text, mode, room)
        painter.drawText(line, side | Qt.AlignmentFlag.AlignVCenter, text)
        if not is_tall:
            beside = line.adjusted(first.horizontalAdvance(text) + _BESIDE, 0, 0, 0)
            if column is Column.MODEL and beside.width() >= _LEAST_BESIDE:
                self._draw_under(painter, beside, cell, side)
            return
        line = QRect(rect.left(), top + first.height(), rect.width(), second.height())
        painter.setFont(under)
        if cell.progress is not None:
            line = self._draw_progress(painter, line, cell.progress, second)
        self._draw_under(painter, line, cell, side)

    def _draw_under(self, painter: QPainter, line: QRect, cell: Cell, side: Qt.AlignmentFlag) -> None:
        colours = self._theme.palette
        _, _, under, metrics = self.letters()
        by_level = {"critical": colours.critical, "warning": colours.warning}
        painter.setFont(under)
        painter.setPen(QColor(by_level.get(cell.level, colours.secondary)))
        text = metrics.elidedText(cell.under, Qt.TextElideMode.ElideRight, line.width())
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
            shown: ModelSnapshot | None = index.data(MODEL_ROLE)
            if index.column() == Column.MODEL and shown is not None and shown.state is State.LOADING:
                lower = option.rect.adjusted(0, option.rect.height() // 2, -PADDING, 0)
                if self._cancel_rect(lower, self.letters()[3]).contains(event.position().toPoint()):
                    self.cancelled.emit(shown.id)
                    return True
        return super().editorEvent(event, model, option, index)
