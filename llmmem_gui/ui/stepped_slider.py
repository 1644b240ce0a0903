"""A slider that moves in sensible steps, takes typed values, marks what is used and says what it would do."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QGridLayout, QLineEdit, QSizePolicy, QSlider, QToolTip, QWidget

from llmmem_gui.core.sentence import sentence_of
from llmmem_gui.ui.card import ElidedLabel, quiet, restyle
from llmmem_gui.ui.scales import Scale, Value
from llmmem_gui.ui.sentences import say
from llmmem_gui.ui.theme import Theme, tabular

_SETTLE_MILLISECONDS = 700
"""A value moved by keys is taken when the keys have rested this long."""


class SteppedSlider(QWidget):
    """Label, track, typed value and a line for the hint.

    Signals: `previewed` with the value while it is moved, `chosen` with the value on release, `abandoned`
    when a move is taken back. A value is a float in the unit of the scale, or None.
    """

    previewed = Signal(object)
    chosen = Signal(object)
    abandoned = Signal()

    def __init__(self, theme: Theme, scale: Scale, parent: QWidget | None = None, *, stacked: bool) -> None:
        super().__init__(parent)
        self._scale = scale
        self._value: Value = scale.stops[0]
        self._moved_from: tuple[Value] | None = None
        """The value before the move in progress."""
        self.label = ElidedLabel()
        self.track = _Track(theme, lambda stop: self._scale.write(self._scale.value_at(stop)))
        self.edit = QLineEdit()
        self.hint = ElidedLabel()
        quiet(self.hint)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MILLISECONDS)
        self._settle.timeout.connect(self._take)
        self._build(stacked)
        self.set_scale(scale)
        self.track.moved.connect(self._moved)
        self.track.released.connect(self._take)
        self.track.let_go.connect(self._abandon)
        self.edit.returnPressed.connect(self._entered)
        self.edit.editingFinished.connect(self._typed)
        self.edit.textEdited.connect(lambda: restyle(self.edit, "invalid", False))

    def _build(self, stacked: bool) -> None:
        font = self.label.font()
        font.setBold(True)
        self.label.setFont(font)
        self.label.setBuddy(self.edit)
        self.edit.setProperty("value", True)
        self.edit.setFont(tabular(self.edit.font()))
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(10)
        layout.setVerticalSpacing(2)
        self.stack(stacked)

    def stack(self, stacked: bool) -> None:
        """Put the track below label and value, or between them."""
        layout = self.layout()
        assert isinstance(layout, QGridLayout)
        for widget in (self.label, self.track, self.edit, self.hint):
            layout.removeWidget(widget)
        width = QSizePolicy.Policy.Ignored if stacked else QSizePolicy.Policy.Fixed
        self.label.setSizePolicy(width, QSizePolicy.Policy.Fixed)
        side = Qt.AlignmentFlag.AlignRight if stacked else Qt.AlignmentFlag.AlignLeft
        self.edit.setAlignment(side)
        layout.setColumnStretch(0, 1 if stacked else 0)
        layout.setColumnStretch(1, 0 if stacked else 1)
        if stacked:
            layout.addWidget(self.label, 0, 0)
            layout.addWidget(self.edit, 0, 1)
            layout.addWidget(self.track, 1, 0, 1, 2)
            layout.addWidget(self.hint, 2, 0, 1, 2)
        else:
            layout.addWidget(self.label, 0, 0)
            layout.addWidget(self.track, 0, 1)
            layout.addWidget(self.edit, 0, 2)
            layout.addWidget(self.hint, 1, 0, 1, 3)

    def width_unstacked(self) -> int:
        """The least width with the track between label and value."""
        layout = self.layout()
        spacing = layout.horizontalSpacing() if isinstance(layout, QGridLayout) else 0
        pieces = (self.label.sizeHint(), self.track.minimumSizeHint(), self.edit.minimumSize())
        return sum(piece.width() for piece in pieces) + 2 * spacing

    def width_stacked(self) -> int:
        """The width that shows the whole label with the value beside it."""
        layout = self.layout()
        spacing = layout.horizontalSpacing() if isinstance(layout, QGridLayout) else 0
        return self.label.sizeHint().width() + spacing + self.edit.minimumWidth()

    @property
    def value(self) -> Value:
        """The value in force, or the one that is being chosen."""
        return self._value

    @property
    def is_moving(self) -> bool:
        """Whether somebody is choosing a value right now."""
        return self.track.isSliderDown() or self._settle.isActive() or self.edit.isModified()

    def name(self, label: str, purpose: str) -> None:
        """Set the label and what a screen reader says of it."""
        self.label.setText(label)
        self._tell_readers()
        self.edit.setAccessibleName(label)
        self.track.setToolTip(purpose)
        self.track.setAccessibleDescription(purpose)

    def set_scale(self, scale: Scale) -> None:
        """Take other stops, keeping the value."""
        self._scale = scale
        self.track.setRange(0, len(scale.stops) - 1)
        self.track.set_notches([scale.position_of(notch) for notch in scale.notches])
        widest = max((scale.write(stop) for stop in (*scale.notches, scale.stops[-1])), key=len, default="")
        metrics = self.edit.fontMetrics()
        self.edit.setFixedWidth(
            max(metrics.horizontalAdvance(widest), metrics.horizontalAdvance("999 MiB")) + 16
        )
        self._show(self._value)

    def set_value(self, value: Value) -> None:
        """Show the value in force, unless somebody is choosing another one."""
        if not self.is_moving and value != self._value:
            self._value = value
            self._show(value)

    def drag_to(self, value: float) -> None:
        """Move to the stop nearest to a value while another handle of the same thing is dragged."""
        self.track.drag_to(round(self._scale.position_of(value)))

    def drop(self) -> None:
        """The other handle is let go: the value is chosen."""
        self.track.drop()

    def set_mark(self, value: Value, explanation: str = "") -> None:
        """Mark what is used now on the track; None takes the mark away."""
        self.track.set_mark(None if value is None else self._scale.position_of(value))
        if explanation:
            self.track.setStatusTip(explanation)

    def set_hint(self, text: str, level: str | None = None, *, whole: bool = False) -> None:
        """Say in the line below what the value means, or would do; `whole`: in as many as that needs."""
        if self.hint.wordWrap() != whole:  # it is laid out anew in any case
            self.hint.setWordWrap(whole)
        if self.hint.text() != text:
            self.hint.setText(text)
        restyle(self.hint, "level", level)

    def _tell_readers(self) -> None:
        """Let screen readers say the value: the slider's own number is that of a step."""
        self.track.setAccessibleName(f"{self.label.text()}: {self._scale.write(self._value)}")

    def _show(self, value: Value) -> None:
        self.track.place(self._scale.position_of(value))
        self.edit.setText(self._scale.write(value))
        self._tell_readers()
        self.edit.setModified(False)
        restyle(self.edit, "invalid", False)

    def _moved(self, position: int, by_keys: bool) -> None:
        if self._moved_from is None:
            self._moved_from = (self._value,)
        self._value = self._scale.value_at(position)
        self.edit.setText(self._scale.write(self._value))
        restyle(self.edit, "invalid", False)
        self._tell_readers()
        self.previewed.emit(self._value)
        if by_keys:
            self._settle.start()

    def _take(self) -> None:
        self._settle.stop()
        before, self._moved_from = self._moved_from, None
        if before is None:
            return
        if before[0] == self._value:
            self.abandoned.emit()
        else:
            self.chosen.emit(self._value)

    def _abandon(self) -> None:
        self._settle.stop()
        before, self._moved_from = self._moved_from, None
        if before is not None:
            self._value = before[0]
        self._show(self._value)
        self.abandoned.emit()

    def _entered(self) -> None:
        self._typed()
        if not self.edit.property("invalid"):
            # The field would keep Ctrl+Z for its own letters: from here it takes the choice back.
            self.track.setFocus()

    def _typed(self) -> None:
        if not self.edit.isModified():
            return
        try:
            value = self._scale.read(self.edit.text())
        except ValueError as error:
            restyle(self.edit, "invalid", True)
            self.set_hint(say(sentence_of(error)), "critical", whole=True)
            return
        before, self._value = self._value, value
        self._show(value)
        if value == before:
            self.abandoned.emit()
        else:
            self.chosen.emit(value)

    # --- Qt ----------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.edit.isModified():
            self._abandon()
        else:
            super().keyPressEvent(event)


class _Track(QSlider):
    """The groove with its notches, the mark of what is used, and the thing to hold it by.

    Signals: `moved` with the stop and whether keys moved it, `released`, `let_go` when Escape ends a move.
    """

    moved = Signal(int, bool)
    released = Signal()
    let_go = Signal()

    def __init__(self, theme: Theme, written: Callable[[int], str]) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._theme = theme
        self._written = written
        self._notches: list[float] = []
        self._mark: float | None = None
        self._place = 0.0
        self.setPageStep(4)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def set_notches(self, places: list[float]) -> None:
        self._notches = places
        self.update()

    def set_mark(self, place: float | None) -> None:
        if place != self._mark:
            self._mark = place
            self.update()

    def place(self, place: float) -> None:
        """Stand at a stop, or between two."""
        self._place = place
        self.blockSignals(True)
        self.setValue(round(place))
        self.blockSignals(False)
        self.update()

    def drag_to(self, stop: int) -> None:
        """Be held at a stop."""
        self.setSliderDown(True)
        self._move(stop, by_keys=False)

    def drop(self) -> None:
        """Be let go."""
        if self.isSliderDown():
            self.setSliderDown(False)
            self.released.emit()

    def _radius(self) -> float:
        return self.fontMetrics().height() * 0.48

    def _x_of(self, place: float) -> float:
        margin = self._radius() + 2
        return margin + (self.width() - 2 * margin) * place / max(1, self.maximum())

    def _stop_at(self, x: float) -> int:
        margin = self._radius() + 2
        share = (x - margin) / max(1.0, self.width() - 2 * margin)
        return min(max(round(share * self.maximum()), 0), self.maximum())

    def _move(self, stop: int, *, by_keys: bool) -> None:
        stop = min(max(stop, 0), self.maximum())
        if stop != self._place:
            self.place(stop)
            self.moved.emit(stop, by_keys)

    # --- Qt ----------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(160, round(self._radius() * 2 + 8))

    def minimumSizeHint(self) -> QSize:
        return QSize(60, self.sizeHint().height())

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            # The notches have no room for labels: the tip says what a press would choose here.
            here = self._written(self._stop_at(event.pos().x()))
            QToolTip.showText(event.globalPos(), f"{here}\n{self.toolTip()}", self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.drag_to(self._stop_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._move(self._stop_at(event.position().x()), by_keys=False)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.drop()

    def wheelEvent(self, event: QWheelEvent) -> None:
        # Scrolling past a limit must not change it.
        event.ignore()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.released.emit()
        super().focusOutEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        here = round(self._place)
        moves = {
            Qt.Key.Key_Left: here - 1,
            Qt.Key.Key_Down: here - 1,
            Qt.Key.Key_Right: here + 1,
            Qt.Key.Key_Up: here + 1,
            Qt.Key.Key_PageDown: here - self.pageStep(),
            Qt.Key.Key_PageUp: here + self.pageStep(),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: self.maximum(),
        }
        key = Qt.Key(event.key())
        if key in moves:
            self._move(moves[key], by_keys=True)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.released.emit()
        elif key == Qt.Key.Key_Escape:
            self.setSliderDown(False)
            self.let_go.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = self._theme.palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2
        begin, end, here = self._x_of(0), self._x_of(self.maximum()), self._x_of(self._place)
        filled = QColor(colours.accent if self.isEnabled() else colours.other)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.track))
        painter.drawRoundedRect(QRectF(begin, middle - 2, end - begin, 4), 2, 2)
        painter.setBrush(filled)
        painter.drawRoundedRect(QRectF(begin, middle - 2, here - begin, 4), 2, 2)
        painter.setBrush(QColor(colours.other))
        for notch in self._notches:
            painter.drawRect(QRectF(self._x_of(notch) - 0.5, middle + 4, 1, 3))
        if self._mark is not None:
            x = self._x_of(self._mark)
            painter.setBrush(QColor(colours.text))
            painter.drawRoundedRect(QRectF(x - 1.25, middle - 5, 2.5, 10), 1, 1)
        radius = self._radius()
        painter.setBrush(QColor(colours.card))
        painter.setPen(QPen(filled, 2.2))
        painter.drawEllipse(QPointF(here, middle), radius, radius)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(filled, 1))
            painter.drawEllipse(QPointF(here, middle), radius + 2.5, radius + 2.5)
