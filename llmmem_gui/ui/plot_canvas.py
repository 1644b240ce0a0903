"""The surface on which the plot is drawn: follows the present, zooms, reads what lies under the pointer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from llmmem_gui.core.events import Event
from llmmem_gui.ui import figures
from llmmem_gui.ui.composition import Ghost
from llmmem_gui.ui.event_marks import SIGN_WIDTH, SIGNS, Mark, lay_out
from llmmem_gui.ui.plot_axes import Tick, byte_ticks, clock_ticks, elapsed_ticks, top_of_axis
from llmmem_gui.ui.plot_reading import Reading, draw_reading, reading_at
from llmmem_gui.ui.plot_scene import Scene, draw_scene
from llmmem_gui.ui.plot_series import PlotSeries, PlotSource
from llmmem_gui.ui.sentences import mark_label
from llmmem_gui.ui.stacked_areas import stacked_areas
from llmmem_gui.ui.theme import Theme, sized, tabular

_LEAST_DRAG = 6.0
_LIMIT_WORTH_SEEING = 0.2
"""Share of the limit in use from which on the axis reaches up to it."""
_OVER_LIMIT_SHOWN = 1.25
_ELAPSED_UP_TO_SECONDS = 3600.0
_MOST_MARKED_EVENTS = 400


class PlotCanvas(QWidget):
    """Draws the memory of the models over time.

    Signals: `followed` with whether the plot follows the present; `read` with the reading under the
    crosshair, or None.
    """

    followed = Signal(bool)
    read = Signal(object)

    def __init__(self, theme: Theme, source: PlotSource, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._source = source
        self._span_seconds = 300.0
        self._zoom: tuple[float, float] | None = None
        self._now = 0.0
        self._limit_bytes: int | None = None
        self._ghost: Ghost | None = None
        self._events: Sequence[Event] = ()
        self._series: PlotSeries | None = None
        self._scene: Scene | None = None
        self._highest_top = 0.0
        self._pointer: float | None = None
        self._drag_from: float | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Memory of the models over time"))
        self.setAccessibleDescription(
            self.tr("Left and right move the crosshair, plus and minus zoom, Escape follows the present.")
        )

    @property
    def series(self) -> PlotSeries | None:
        """What is drawn now."""
        return self._series

    @property
    def scene(self) -> Scene | None:
        """How it is drawn now."""
        return self._scene

    @property
    def shown_times(self) -> tuple[float, float]:
        """The times at the left and the right edge, seconds since the epoch."""
        return self._zoom or (self._now - self._span_seconds, self._now)

    def set_source(self, source: PlotSource) -> None:
        """Draw from another store of samples."""
        self._source = source
        self.refresh(self._now)

    def show_span(self, seconds: float) -> None:
        """Follow the present with a window of that many seconds."""
        self._span_seconds = seconds
        self._highest_top = 0.0
        self.follow()

    def show_limit(self, limit_bytes: int | None) -> None:
        """Draw the total limit."""
        if limit_bytes != self._limit_bytes:
            self._limit_bytes = limit_bytes
            self.refresh(self._now)

    def show_ghost(self, ghost: Ghost | None) -> None:
        """Draw what a load would take on top of what is used now."""
        if ghost != self._ghost:
            self._ghost = ghost
            self._highest_top = 0.0
            self.refresh(self._now)

    def show_events(self, events: Sequence[Event]) -> None:
        """Mark these events, oldest first, from the next refresh on."""
        self._events = events

    def zoom(self, start: float, end: float) -> None:
        """Stop following the present and show this window of time."""
        self._zoom = (start, max(end, start + 2.0))
        self._highest_top = 0.0
        self.followed.emit(False)
        self.refresh(self._now)

    def follow(self) -> None:
        """Follow the present again."""
        if self._zoom is not None:
            self._zoom = None
            self._highest_top = 0.0
            self.followed.emit(True)
        self.refresh(self._now)

    def refresh(self, now: float) -> None:
        """Draw the newest samples, when anybody can see them; `now` is seconds since the epoch."""
        self._now = now
        if self.isVisible() and not self.window().isMinimized():
            self._compose()
            self.update()

    # --- composing the scene -----------------------------------------------------------------------------

    def _font(self) -> QFont:
        return tabular(sized(self.font(), 0.9))

    def _compose(self) -> None:
        start, end = self.shown_times
        metrics = QFontMetricsF(self._font())
        lane_height = metrics.height() * 1.15
        lanes = 2 if self.height() < 320 else 3
        foot = metrics.height() + 9
        width = max(200.0, self.width())
        left = max(metrics.horizontalAdvance(f"888{figures.NO_BREAK}MiB") + 12, 40.0)
        area = QRectF(left, lanes * lane_height + 4, width - left - 1, 1)
        area.setBottom(max(area.top() + 40, self.height() - foot))
        series = self._source.series(start, end, max(100, int(area.width())))
        self._series = series
        top_bytes = self._top(series)
        image = stacked_areas(
            series, start, end, top_bytes, int(area.width()), int(area.height()), self.devicePixelRatioF(),
            [self._theme.model_colours.of(model) for model in series.models],
            QColor(self._theme.palette.card),
        )  # fmt: skip
        ghost = self._ghost if self._zoom is None else None
        scene = Scene(
            area=area,
            lanes=QRectF(left, 0, area.width(), lanes * lane_height),
            lane_height=lane_height,
            start=start,
            end=end,
            top_bytes=top_bytes,
            image=image,
            byte_ticks=tuple(byte_ticks(top_bytes)),
            time_ticks=self._time_ticks(start, end),
            marks=(),
            limit_bytes=self._limit_bytes,
            limit_label=self.tr("limit {size}").format(size=figures.chosen_size(self._limit_bytes or 0)),
            ghost=ghost,
            ghost_colour=self._theme.model_colours.of(ghost.model_id) if ghost else None,
            ghost_label=f"{ghost.model_id} +{figures.size(ghost.need_bytes)}" if ghost else "",
            resting_bytes=self._resting_bytes(series, ghost),
        )
        self._scene = replace(scene, marks=self._layout_marks(scene, metrics, lanes))

    def _top(self, series: PlotSeries) -> float:
        seen = float(np.nanmax(series.peak, initial=0.0)) if len(series.peak) else 0.0
        if self._ghost is not None and self._zoom is None:
            ghost_top = self._resting_bytes(series, self._ghost) + self._ghost.need_bytes
            if self._limit_bytes is not None and not self._ghost.fits:
                # How far it is too large is said in words; the areas must stay readable.
                ghost_top = min(ghost_top, self._limit_bytes * _OVER_LIMIT_SHOWN)
            seen = max(seen, ghost_top)
        if self._limit_bytes is not None and seen >= self._limit_bytes * _LIMIT_WORTH_SEEING:
            seen = max(seen, self._limit_bytes)
        top = top_of_axis(max(seen, 64 * 1024**2))
        # The axis only grows while it follows the present, unless most of it has become empty.
        if top < self._highest_top / 3:
            self._highest_top = 0.0
        self._highest_top = max(top, self._highest_top)
        return self._highest_top

    @staticmethod
    def _resting_bytes(series: PlotSeries, ghost: Ghost | None) -> float:
        if ghost is None or not len(series.times):
            return 0.0
        gone = {*ghost.goes, ghost.model_id}
        last = np.nan_to_num(series.private[:, -1] + series.weights[:, -1])
        return float(
            sum(amount for model, amount in zip(series.models, last, strict=True) if model not in gone)
        )

    def _time_ticks(self, start: float, end: float) -> tuple[Tick, ...]:
        if self._zoom is not None or end - start > _ELAPSED_UP_TO_SECONDS:
            return tuple(clock_ticks(start, end))
        ticks = elapsed_ticks(end - start, self.tr("now"), self.tr("min"), self.tr("s"))
        return tuple(Tick(end + tick.value, tick.label) for tick in ticks)

    def _layout_marks(self, scene: Scene, metrics: QFontMetricsF, lanes: int) -> tuple[Mark, ...]:
        seen = [
            (event, scene.x_of(event.time))
            for event in self._events
            if scene.start <= event.time <= scene.end and event.type in SIGNS
        ]
        return tuple(
            lay_out(
                seen[-_MOST_MARKED_EVENTS:],
                mark_label,
                metrics.horizontalAdvance,
                scene.area.right(),
                lanes,
            )
        )

    # --- the crosshair -----------------------------------------------------------------------------------

    def _reading(self) -> Reading | None:
        if self._pointer is None or self._series is None or self._scene is None:
            return None
        near = [
            event
            for mark in self._scene.marks
            if abs(mark.x - self._pointer) <= SIGN_WIDTH / 2
            for event in mark.events
        ]
        return reading_at(self._series, self._scene.time_of(self._pointer), near[-4:])

    def _point_at(self, x: float | None) -> None:
        area = self._scene.area if self._scene else QRectF()
        self._pointer = None if x is None else min(max(x, area.left()), area.right() - 1)
        self.read.emit(self._reading())
        self.update()

    # --- Qt ----------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(600, 230)

    def minimumSizeHint(self) -> QSize:
        return QSize(280, 120)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._scene is None:
            return
        painter = QPainter(self)
        painter.setFont(self._font())
        draw_scene(painter, self._scene, self._theme.palette)
        if self._drag_from is not None and self._pointer is not None:
            left, right = sorted((self._drag_from, self._pointer))
            shade = QColor(self._theme.palette.accent)
            shade.setAlphaF(0.2)
            painter.fillRect(
                QRectF(left, self._scene.area.top(), right - left, self._scene.area.height()), shade
            )
        reading = self._reading()
        if reading is not None and self._pointer is not None:
            draw_reading(
                painter,
                reading,
                self._pointer,
                self._scene.area,
                self._theme.palette,
                self._theme.model_colours,
            )

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.refresh(self._now)

    def showEvent(self, event: QShowEvent) -> None:
        self.refresh(self._now)

    def hideEvent(self, event: QHideEvent) -> None:
        self._pointer = None

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.LanguageChange):
            self.refresh(self._now)
        super().changeEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point_at(event.position().x())

    def leaveEvent(self, event: QEvent) -> None:
        if self._drag_from is None:
            self._point_at(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._point_at(event.position().x())
            self._drag_from = self._pointer

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        begun, self._drag_from = self._drag_from, None
        if begun is None or self._pointer is None or self._scene is None:
            return
        if abs(self._pointer - begun) >= _LEAST_DRAG:
            start, end = sorted((self._scene.time_of(begun), self._scene.time_of(self._pointer)))
            self.zoom(start, end)
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._drag_from = None
        self.follow()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._scene is None:
            return
        area = self._scene.area
        here = self._pointer if self._pointer is not None else area.right() - 1
        step = 10.0 if event.modifiers() & Qt.KeyboardModifier.ControlModifier else 1.0
        start, end = self.shown_times
        match event.key():
            case Qt.Key.Key_Left:
                self._point_at(here - step)
            case Qt.Key.Key_Right:
                self._point_at(here + step)
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                middle = self._scene.time_of(here)
                self.zoom(middle - (end - start) / 4, middle + (end - start) / 4)
            case Qt.Key.Key_Minus:
                self.zoom(start - (end - start) / 2, min(self._now, end + (end - start) / 2))
            case Qt.Key.Key_Escape:
                self._point_at(None)
                self.follow()
            case _:
                super().keyPressEvent(event)
