"""The plot itself: a `PlotItem` with the bands, its axes, limits, ghost, events and crosshair."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPoint, QPointF, QSize, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QWidget

from llmmem_gui.ui import figures
from llmmem_gui.ui.plot import ghost_bar
from llmmem_gui.ui.plot.axes import ByteAxis, TimeAxis, top_of_axis, wear_axes
from llmmem_gui.ui.plot.bands import StackedBands
from llmmem_gui.ui.plot.event_axis import EventAxis
from llmmem_gui.ui.plot.ghost_bar import GhostBar
from llmmem_gui.ui.plot.limit_lines import KeptFree, LimitBeyond, LimitLine, OwnLimit
from llmmem_gui.ui.plot.linked_plots import LinkedPlots
from llmmem_gui.ui.plot.reading import Reading, ReadingBox, reading_at
from llmmem_gui.ui.plot.sleep import Sleeps
from llmmem_gui.ui.plot.view_box import TimeViewBox
from llmmem_gui.ui.plot_facts import PlotFacts
from llmmem_gui.ui.plot_series import PlotSeries, PlotSource
from llmmem_gui.ui.sentences import mark_label
from llmmem_gui.ui.theme import Theme, sized, tabular

_LEAST_TOP_BYTES = 64 * 1024**2
_LIMIT_WORTH_SEEING = 0.2
"""Share of the limit in use from which on the axis reaches up to it."""
_OVER_LIMIT_SHOWN = 1.25
_LABEL_PIXELS = 22
"""Room above the limit for its label."""
_GAP_WORTH_WORDS = 0.35
"""Share of the plot from which on a gap says what it is."""
_SCALING = ("span_seconds", "ghost", "scale_of_machine", "shows_others")
"""Facts by which the axis begins anew."""
_LOW = 190
"""A plot of fewer pixels has one lane of events instead of two."""


class PlotCanvas(pg.GraphicsLayoutWidget):
    """Draws the memory of the models over time.

    Signals: `followed` with whether the plot follows the present; `read` with the reading under the
    crosshair, or None; `limit_dragged` and `limit_dropped` with the key of a pool (empty: main memory)
    and bytes; `menu_asked` with a point of the screen.
    """

    followed = Signal(bool)
    read = Signal(object)
    limit_dragged = Signal(str, object)
    limit_dropped = Signal(str, object)
    menu_asked = Signal(QPoint)

    def __init__(
        self,
        theme: Theme,
        source: PlotSource,
        name_of: Callable[[str], str] = str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._source = source
        self._name_of = name_of
        self._facts = PlotFacts()
        self._follows = True
        self._moves_itself = False
        self._edge = 0.0
        """Where the present ends on a plot that follows it: now, or less than a pixel later."""
        self._highest_top = 0.0
        self._series: PlotSeries | None = None
        self._pointer: float | None = None
        """Time under the crosshair."""
        self._box: ReadingBox | None = None
        self._make_items()
        self._connect()
        self.wear()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setObjectName("plot")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def _make_items(self) -> None:
        self.view = TimeViewBox()
        self.times, self.sizes = TimeAxis(), ByteAxis("left")
        self.events = EventAxis(lambda event: mark_label(event, self._name_of))
        axes = {"left": self.sizes, "bottom": self.times, "top": self.events}
        self.plot = pg.PlotItem(viewBox=self.view, axisItems=axes, enableMenu=False)
        self.plot.showAxis("top")
        self.plot.hideButtons()
        self.ci.layout.setContentsMargins(0, 0, 0, 0)
        self.ci.layout.setVerticalSpacing(0)
        self.addItem(self.plot, row=0, col=0)
        self.below = LinkedPlots(self.ci, self.plot, self.limit_dragged.emit, self.limit_dropped.emit)
        self.activity = self.below.activity
        # The lines of the grid lie below the bands.
        self.sizes.setZValue(-1000)
        self.bands, self.limit, self.own_limit = StackedBands(), LimitLine(), OwnLimit()
        self.kept_free, self.ghost = KeptFree(), GhostBar()
        self.sleeps = Sleeps(self.plot)
        self.crosshair = pg.InfiniteLine(angle=90)
        self.crosshair.setZValue(30)
        self.crosshair.hide()
        self.message = pg.TextItem(anchor=(0.5, 0.5))
        self.beyond = LimitBeyond()
        for item in (
            self.bands, self.kept_free, self.limit, self.own_limit, self.own_limit.label, self.ghost,
            self.ghost.label, self.crosshair, self.message, self.beyond,
        ):  # fmt: skip
            self.plot.addItem(item, ignoreBounds=True)
        self.own_limit.hide_limit()
        self.ghost.setVisible(False)

    def _connect(self) -> None:
        self.view.sigXRangeChanged.connect(self._range_changed)
        self.view.sigResized.connect(self._resized)
        self._connect_mouse(self.plot)
        self.limit.sigDragged.connect(lambda line: self.limit_dragged.emit("", line.value()))
        self.limit.sigPositionChangeFinished.connect(lambda line: self.limit_dropped.emit("", line.value()))
        self.scene().sigMouseMoved.connect(self._pointer_moved)

    def _connect_mouse(self, plot: pg.PlotItem) -> None:
        """Let the mouse do the same over each of the linked plots."""
        # The menu of a PlotItem belongs to no window, and would be left behind.
        plot.ctrlMenu.setParent(self, Qt.WindowType.Popup)
        view = plot.getViewBox()
        view.sigRangeChangedManually.connect(lambda: self.zoom(*view.viewRange()[0]))
        view.sigRegionMarked.connect(self.zoom)
        view.sigLiveAsked.connect(self.follow)
        view.sigMenuAsked.connect(self.menu_asked)

    def wear(self) -> None:
        """Draw in the colours and the fonts in force."""
        colours = self._theme.palette
        font = tabular(sized(self.font(), 0.9))
        self.setBackground(colours.card)
        width_of_sizes = self.fontMetrics().horizontalAdvance(f"888{figures.NO_BREAK}MiB") + 8
        wear_axes(self.sizes, self.times, colours, font, width_of_sizes)
        self.events.wear(colours, font)
        self.limit.wear(colours, font)
        self.kept_free.wear(colours)
        self.sleeps.wear(colours, font)
        self.crosshair.setPen(pg.mkPen(colours.text))
        for text in (self.own_limit.label, self.message, self.beyond):
            text.setFont(font)
        self.message.setColor(colours.secondary)
        self.beyond.setColor(colours.limit)
        self.view.wear(colours)
        self.below.wear(colours, font, width_of_sizes)
        self.redraw()

    # --- what is shown -----------------------------------------------------------------------------------

    @property
    def series(self) -> PlotSeries | None:
        """What is drawn now."""
        return self._series

    @property
    def drawing(self) -> pg.GraphicsWidget:
        """What a picture is made of: the plot, with the one below it while that is open."""
        return self.ci if self.below.shown else self.plot

    @property
    def shown_times(self) -> tuple[float, float]:
        """The times at the left edge and at the right edge, or now; seconds since the epoch."""
        start, end = self.view.viewRange()[0]
        return float(start), float(min(end, self._facts.now) if self._follows else end)

    @property
    def top_bytes(self) -> float:
        """What the upper edge stands for."""
        return float(self.view.viewRange()[1][1])

    @property
    def follows(self) -> bool:
        """Whether the plot follows the present."""
        return self._follows

    @property
    def is_reading(self) -> bool:
        """Whether the crosshair reads a moment."""
        return self._pointer is not None

    def show_facts(self, facts: PlotFacts) -> None:
        """Draw these facts, when anybody can see them."""
        if any(getattr(facts, name) != getattr(self._facts, name) for name in _SCALING):
            self._highest_top = 0.0
        self._facts = facts
        if not self.below.suits(facts):
            for strip in self.below.open(facts):
                self._connect_mouse(strip)
            self._resized()
        else:
            self.redraw()

    def show_source(self, source: PlotSource) -> None:
        """Draw from another store of samples."""
        self._source = source
        self.redraw()

    def zoom(self, start: float, end: float) -> None:
        """Stop following the present and show so much time, at the latest up to now."""
        late = max(0.0, end - self._facts.now)
        self._highest_top = 0.0
        self._set_following(False)
        self.view.setXRange(start - late, end - late, padding=0)

    def follow(self) -> None:
        """Follow the present again."""
        self._highest_top = 0.0
        self._set_following(True)
        self.redraw()

    def redraw(self) -> None:
        """Draw the newest samples, when anybody can see them."""
        if not self.isVisible() or self.window().isMinimized():
            return
        self._moves_itself = True
        if self._follows:
            span = self._facts.span_seconds
            width = max(200.0, self.view.width())
            room = ghost_bar.WIDTH if self._facts.ghost is not None else 0.0
            # In steps of a pixel: most ticks of a long window then leave axes and marks as they are.
            step = span / (width - room)
            self._edge = math.ceil(self._facts.now / step) * step
            self.view.setXRange(self._edge - span, self._edge + room * step, padding=0)
        self._moves_itself = False
        self._draw()

    def _set_following(self, follows: bool) -> None:
        if follows != self._follows:
            self._follows = follows
            self.followed.emit(follows)

    def _range_changed(self, *_: object) -> None:
        if not self._moves_itself:
            self._draw()

    def _resized(self, *_: object) -> None:
        left = self.height() - self.below.share_height(self.height())
        self.events.set_lanes(1 if left < _LOW else 2)
        self.redraw()

    # --- drawing -----------------------------------------------------------------------------------------

    def _draw(self) -> None:
        if not self.isVisible():
            return
        facts, colours = self._facts, self._theme.palette
        start, end = self.view.viewRange()[0]
        series = self._source.series(start, min(end, facts.now), max(100, int(self.view.width())))
        self._series = series = series if facts.shows_others else series.alone()
        top = self._top(series)
        self.view.setYRange(0, top, padding=0)
        seen = (*series.models, *series.programs)
        self._theme.model_colours.take(seen)
        tints = [self._theme.model_colours.of(each) for each in seen]
        self.bands.show_series(series, tints, colours, facts.now)
        edge = self._edge if self._follows else None
        for times in filter(None, (self.times, self.below.lowest_times)):
            times.follow(edge)
        self.below.lanes.draw(facts, series, edge, self._theme.model_colours, colours)
        if self.activity.shown:
            # The lines are thin: a point for each second pixel draws them as well, in half the time.
            columns = max(100, int(self.view.width() / 2))
            window = self._source.activity(start, min(end, facts.now), columns)
            self.activity.show_window(window, self._theme.model_colours)
        if facts.events is not self.events.events:
            self.events.show_events(facts.events)
        self.sleeps.show_events(facts.events, (start, end), top)
        self.limit.show_limit(facts.limit_bytes if (facts.limit_bytes or 0) <= top else None)
        self.beyond.show_limit(facts.limit_bytes, start, top)
        self._draw_own_limit(series)
        self.kept_free.show_reserve(facts.machine_bytes, facts.reserve_bytes)
        self._draw_ghost(series, top)
        self._say_what_is_missing(series, start, end, top)
        if self._pointer is not None:
            self._read()
        # What moved is told before the scene is painted and not by it: it would be painted a second time.
        self.scene().prepareForPaint()

    def _draw_own_limit(self, series: PlotSeries) -> None:
        chosen = self._facts.chosen
        if chosen is None or chosen[1] is None:
            self.own_limit.hide_limit()
        else:
            colour = self._theme.model_colours.of(chosen[0])
            self.own_limit.show_limit(series, chosen[0], chosen[1], colour, self._theme.palette)

    def _draw_ghost(self, series: PlotSeries, top: float) -> None:
        ghost = self._facts.ghost if self._follows else None
        self.ghost.setVisible(ghost is not None)
        if ghost is not None:
            times = self._edge, float(self.view.viewRange()[0][1])
            colour = self._theme.model_colours.of(ghost.model_id)
            font = tabular(sized(self.font(), 0.9))
            resting = ghost.resting_on(self._facts.used)
            # What it takes of a device stands in the lane of that.
            ghost = replace(ghost, devices={}) if self._facts.lanes else ghost
            self.ghost.show_ghost(ghost, times, resting, top, colour, self._theme.palette, font)

    def _say_what_is_missing(self, series: PlotSeries, start: float, end: float, top: float) -> None:
        end = min(end, self._facts.now)
        middle = (start + end) / 2
        gap = series.longest_gap(start, end)
        text = ""
        if not self._source.complete:
            text = self.tr("Reading what was recorded…")
        elif gap[1] - gap[0] > (end - start) * _GAP_WORTH_WORDS:
            middle = sum(gap) / 2
            # A sleep says itself what it is.
            text = "" if self.sleeps.contains(middle) else self.tr("not recorded: the program did not run")
        elif not series.models:
            text = self.tr("No model used memory in this time.")
        self.message.setVisible(bool(text))
        if text:
            self.message.setText(text)
            self.message.setPos(middle, top / 2)

    def _top(self, series: PlotSeries) -> float:
        facts = self._facts
        if facts.scale_of_machine and facts.machine_bytes:
            return facts.machine_bytes * 1.01
        start, end = self.view.viewRange()[0]
        seen = series.tallest(start, end)
        limit = facts.limit_bytes
        if facts.ghost is not None and self._follows:
            ghost_top = facts.ghost.resting_on(facts.used) + facts.ghost.need_bytes
            if limit is not None and not facts.ghost.fits:
                # How far it is too large is said in words; the bands must stay readable.
                ghost_top = min(ghost_top, limit * _OVER_LIMIT_SHOWN)
            seen = max(seen, ghost_top)
        top = top_of_axis(max(seen, _LEAST_TOP_BYTES))
        if limit is not None and (seen >= limit * _LIMIT_WORTH_SEEING or self.limit.moving):
            height = max(60.0, self.view.height())
            top = max(top, limit * height / (height - _LABEL_PIXELS))
        # The axis only grows while it follows the present, unless most of it has become empty.
        if top < self._highest_top / 3:
            self._highest_top = 0.0
        self._highest_top = max(top, self._highest_top)
        return self._highest_top

    # --- the crosshair -----------------------------------------------------------------------------------

    def _pointer_moved(self, place: QPointF) -> None:
        inside = self.view.sceneBoundingRect() | self.below.scene_rect()
        inside.setTop(0)
        if (
            self.view.region.isVisible()
            or self.limit.moving
            or self.below.lanes.moving
            or not inside.contains(place)
        ):
            self._point_at(None)
            return
        self._point_at(float(self.view.mapSceneToView(place).x()))

    def _point_at(self, time: float | None) -> None:
        if time is not None:
            start, end = self.view.viewRange()[0]
            time = min(max(time, start), min(end, self._facts.now))
        self._pointer = time
        self._read()

    def _reading(self) -> Reading | None:
        if self._pointer is None or self._series is None:
            return None
        start, end = self.view.viewRange()[0]
        x = (self._pointer - start) / (end - start) * self.view.width()
        asleep = self.sleeps.contains(self._pointer)
        events = self.events.at(x)
        reading = reading_at(self._series, self._pointer, self._facts.now, events, asleep=asleep)
        told = self.below.told_at(self._pointer, self._name_of)
        return None if reading is None else replace(reading, activity=told)

    def _read(self) -> None:
        reading = self._reading()
        self.crosshair.setVisible(reading is not None)
        self.below.point_at(None if reading is None else reading.time)
        if reading is None:
            if self._box is not None:
                self._box.hide()
        else:
            self.crosshair.setValue(reading.time)
            if self._box is None or self._box.parent() is not self.window():
                self._box = ReadingBox(self.window())
            middle = QPointF(reading.time, self.top_bytes * 0.5)
            pointer = self.mapFromScene(self.view.mapViewToScene(middle))
            under = self.viewport().mapFromGlobal(self.cursor().pos())
            if self.viewport().rect().contains(under):
                pointer.setY(under.y())
            place = self.viewport().mapTo(self.window(), pointer)
            colour_of = self._theme.model_colours.of
            self._box.show_beside(place, reading.rich_text(self._name_of, colour_of, self._theme.palette))
        self.read.emit(reading)

    # --- Qt ----------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(600, 230)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 110)

    def resizeEvent(self, ev: QResizeEvent) -> None:
        super().resizeEvent(ev)
        self.redraw()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.redraw()

    def hideEvent(self, event: QHideEvent) -> None:
        self._point_at(None)
        super().hideEvent(event)

    def leaveEvent(self, ev: QEvent) -> None:
        super().leaveEvent(ev)
        self._point_at(None)

    def keyPressEvent(self, ev: QKeyEvent) -> None:
        start, end = self.view.viewRange()[0]
        here = self._pointer if self._pointer is not None else min(end, self._facts.now)
        step = (end - start) / max(1.0, self.view.width())
        step *= 10.0 if ev.modifiers() & Qt.KeyboardModifier.ControlModifier else 1.0
        span = end - start
        match ev.key():
            case Qt.Key.Key_Left:
                self._point_at(here - step)
            case Qt.Key.Key_Right:
                self._point_at(here + step)
            case Qt.Key.Key_PageUp:
                self.zoom(start - span / 2, end - span / 2)
            case Qt.Key.Key_PageDown:
                self.zoom(start + span / 2, end + span / 2)
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self.zoom(here - span / 4, here + span / 4)
            case Qt.Key.Key_Minus:
                self.zoom(start - span / 2, end + span / 2)
            case Qt.Key.Key_Escape | Qt.Key.Key_End:
                self._point_at(None)
                self.follow()
            case _:
                QWidget.keyPressEvent(self, ev)
