"""The card with the plot: title, key, numbers as text, ranges of time, menu.

The plot itself is made when the card is first shown, since its library takes 31 MiB; until then the card
remembers what it would draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPoint, QSize, QStandardPaths, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from llmmem_gui.core.events import Event
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.ui import figures, menus
from llmmem_gui.ui.card import Card, ElidedLabel, quiet
from llmmem_gui.ui.composition import Ghost, device_limit
from llmmem_gui.ui.device_bars import short_name
from llmmem_gui.ui.plot_activity import CURVES, Curve, curve_name, known_curves, measured_curves
from llmmem_gui.ui.plot_facts import Lane, PlotFacts
from llmmem_gui.ui.plot_series import PlotSource
from llmmem_gui.ui.swatch import KeySwatch
from llmmem_gui.ui.theme import Theme

if TYPE_CHECKING:
    from llmmem_gui.ui.plot.canvas import PlotCanvas
    from llmmem_gui.ui.plot.export import MemoryExport
    from llmmem_gui.ui.plot.reading import Reading

_LEAST_WIDTH = 370
_WIDTH_WITH_TOGGLE = 440
_LOW_MEMORY_HEIGHT = 230
"""What the plot of memory needs while the second one is open below it, with its head."""
_STRIP_HEIGHT = 54
_LANE_HEIGHT = 64
_ALONE = "alone"
"""Says in what is remembered that other programs are not drawn."""
_WITHOUT, _WITH = "without:", "with:"
"""Stand there before the key of a device that has no lane, and of one that has one however little room."""
SPANS = {"1min": 60.0, "5min": 300.0, "1h": 3600.0, "24h": 86400.0, "7d": 604800.0}
"""Ranges of time offered, seconds."""


class MemoryPlot(Card):
    """Shows the memory of the models over time.

    Signals: `note` with one sentence when an export is done or failed; `limit_dragged` and `limit_dropped`
    with the key of a pool (empty: main memory) and bytes while somebody holds the line of its limit;
    `height_wanted` with pixels when plots below open, and with 0 when there are none any more.
    """

    note = Signal(str)
    limit_dragged = Signal(str, object)
    limit_dropped = Signal(str, object)
    height_wanted = Signal(int)

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
        self._canvas: PlotCanvas | None = None
        self._title = QLabel()
        self._key_private = KeySwatch(theme, hatched=False)
        self._key_weights = KeySwatch(theme, hatched=True)
        self._private, self._weights = quiet(QLabel()), quiet(QLabel())
        self._numbers = ElidedLabel()
        quiet(self._numbers)
        self._live = QToolButton()
        self._live.setProperty("flat", True)
        self._live.hide()
        self._activity = QToolButton()
        self._curves: frozenset[Curve] = frozenset(CURVES)
        """Those that are wanted whenever the second plot is open."""
        self._measured: frozenset[Curve] = frozenset()
        self._lanes: tuple[Lane, ...] = ()
        self._without: frozenset[str] = frozenset()
        """Keys of devices whose lanes are not wanted."""
        self._with: frozenset[str] = frozenset()
        """Keys of those whose lanes a person asked for."""
        self._spans = QButtonGroup(self)
        self._more = QToolButton()
        self._menu = QMenu(self)
        self._width_of_head = 0
        self._build()
        self.retranslate()

    def _build(self) -> None:
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(self._title)
        head.addSpacing(6)
        for piece in (self._key_private, self._private, self._key_weights, self._weights):
            head.addWidget(piece)
        head.addSpacing(8)
        head.addWidget(self._numbers, 1)
        head.addWidget(self._live)
        for number, name in enumerate(SPANS):
            button = QToolButton()
            button.setCheckable(True)
            button.setProperty("segment", True)
            button.setObjectName(f"span-{name}")
            self._spans.addButton(button, number)
            head.addWidget(button)
        self._spans.button(1).setChecked(True)
        self._spans.idClicked.connect(self._choose_span)
        self._live.clicked.connect(lambda: self.canvas.follow())
        self._activity.setProperty("flat", True)
        self._activity.setObjectName("activity")
        self._activity.setCheckable(True)
        self._activity.toggled.connect(self._open_activity)
        head.addWidget(self._activity)
        self._more.setProperty("flat", True)
        self._more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._more.setMenu(self._menu)
        self._menu.aboutToShow.connect(self._fill_menu)
        head.addWidget(self._more)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(10, 6, 10, 4)
        self._layout.setSpacing(2)
        self._layout.addLayout(head)

    @property
    def canvas(self) -> PlotCanvas:
        """The plot; made now if nobody has seen it yet."""
        if self._canvas is None:
            from llmmem_gui.ui.plot.canvas import PlotCanvas

            self._canvas = PlotCanvas(self._theme, self._source, self._name_of)
            self._name_canvas()
            self._canvas.show_facts(self._facts)
            self._canvas.followed.connect(self._following)
            self._canvas.read.connect(self._tell)
            self._canvas.limit_dragged.connect(self.limit_dragged)
            self._canvas.limit_dropped.connect(self.limit_dropped)
            self._canvas.menu_asked.connect(self._open_menu)
            self._layout.addWidget(self._canvas, 1)
        return self._canvas

    @property
    def bottom_of_head(self) -> int:
        """The pixel below the line with numbers and buttons, which banners leave free."""
        return self._more.geometry().bottom() + self._layout.spacing()

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        self._title.setText(self.tr("Memory of the models"))
        self._private.setText(self.tr("private"))
        self._private.setToolTip(self.tr("Only unloading gives it back."))
        self._weights.setText(self.tr("weights"))
        self._weights.setToolTip(self.tr("Mapped from the file: the system can take them back when it must."))
        self._live.setText(self.tr("Back to now"))
        self._activity.setIcon(self._theme.icon("activity"))
        self._activity.setAccessibleName(self.tr("Activity"))
        self._activity.setToolTip(
            self.tr("Show below what the models do: tokens per second, requests, and how the computer copes")
        )
        self._more.setIcon(self._theme.icon("export"))
        self._more.setAccessibleName(self.tr("Plot"))
        self._more.setToolTip(self.tr("Export what is seen, and choose what is shown"))
        for number, name in enumerate(self._span_names()):
            button = self._spans.button(number)
            button.setText(name)
            button.setAccessibleName(self.tr("Show the last {span}").format(span=name))
        if self._canvas is not None:
            self._name_canvas()
            self._canvas.wear()
        self._show_key(True)
        self._width_of_head = super().minimumSizeHint().width()
        self._show_key(self.width() >= self._width_of_head)
        self.updateGeometry()
        self._tell(None)

    def _show_key(self, shown: bool) -> None:
        """Show title and key, which a narrow plot has no room for, and the toggle, which the menu has too."""
        for piece in (self._title, self._key_private, self._private, self._key_weights, self._weights):
            piece.setVisible(shown)
        self._activity.setVisible(self.width() >= _WIDTH_WITH_TOGGLE)

    def _name_canvas(self) -> None:
        assert self._canvas is not None
        self._canvas.setAccessibleName(self.tr("Memory of the models over time"))
        self._canvas.setAccessibleDescription(
            self.tr(
                "Left and right move the crosshair, plus and minus zoom, Page up and Page down move in time, "
                "Escape follows the present."
            )
        )

    def _span_names(self) -> tuple[str, ...]:
        return (self.tr("1 min"), self.tr("5 min"), self.tr("1 h"), self.tr("24 h"), self.tr("7 d"))

    # --- facts -------------------------------------------------------------------------------------------

    def refresh(self, now: float, used: Mapping[str, int]) -> None:
        """Draw the newest samples; `now` in seconds since the epoch, with what each model uses then."""
        self._show(now=now, used=used)
        if self._canvas is None or not self._canvas.is_reading:
            self._tell(None)

    def show_limit(self, limit_bytes: int | None) -> None:
        """Draw the total limit."""
        self._show(limit_bytes=limit_bytes)

    def show_pools(self, snapshot: CacheSnapshot) -> None:
        """Draw a lane for each device that is limited, with its limit in the snapshot."""
        self._lanes = tuple(
            Lane(pool.key, pool.device, short_name(pool), limit, pool.models)
            for pool in snapshot.pools
            if (limit := device_limit(snapshot, pool))
        )
        self._show_lanes()

    def _show_lanes(self) -> None:
        before = self._lanes_asked_for
        wanted = [lane for lane in self._lanes if lane.key not in self._without]
        self._show(lanes=tuple(replace(lane, is_asked_for=lane.key in self._with) for lane in wanted))
        if self._lanes_asked_for != before:
            self._want_height()

    @property
    def _lanes_asked_for(self) -> int:
        return sum(lane.is_asked_for for lane in self._facts.lanes)

    def show_ghost(self, ghost: Ghost | None) -> None:
        """Draw what a load would take."""
        self._show(ghost=ghost)

    def show_chosen(self, model_id: str | None, limit_bytes: int | None) -> None:
        """Draw the own limit of the model that is chosen."""
        self._show(chosen=None if model_id is None else (model_id, limit_bytes))

    def show_machine(self, machine_bytes: int, reserve_bytes: int) -> None:
        """Draw what is kept free of the memory of the computer."""
        self._show(machine_bytes=machine_bytes, reserve_bytes=reserve_bytes)

    def show_events(self, events: Sequence[Event]) -> None:
        """Mark these events, oldest first."""
        self._show(events=events)

    def show_moment(self, time: float) -> None:
        """Show what was around a time (seconds since the epoch), in a window as long as the present one."""
        start, end = self.canvas.shown_times
        self.canvas.zoom(time - (end - start) / 2, time + (end - start) / 2)

    def choose_span(self, name: str) -> None:
        """Show one of `SPANS`."""
        number = list(SPANS).index(name)
        self._spans.button(number).setChecked(True)
        self._choose_span(number)

    def _show(self, **facts: Any) -> None:
        changed = replace(self._facts, **facts)
        if changed != self._facts:
            self._facts = changed
            if self._canvas is not None:
                self._canvas.show_facts(changed)

    def _choose_span(self, number: int) -> None:
        self._show(span_seconds=list(SPANS.values())[number])
        self.canvas.follow()
        self._tell(None)

    def _following(self, follows: bool) -> None:
        self._live.setVisible(not follows)
        # While another window of time is seen, none of the ranges is the one that is shown.
        self._spans.setExclusive(follows)
        chosen = list(SPANS.values()).index(self._facts.span_seconds)
        self._spans.button(chosen).setChecked(follows)

    def _tell(self, reading: Reading | None) -> None:
        text = reading.text(self._name_of) if reading is not None else self._summary()
        if text != self._numbers.text():
            self._numbers.setText(text)

    def _summary(self) -> str:
        series = self._canvas.series if self._canvas is not None else None
        if self._canvas is None or series is None:
            return ""
        highest = series.highest(*self._canvas.shown_times)
        if highest is None:
            return ""
        time, size_bytes = highest
        told = {
            "now": figures.size(self._facts.used_bytes),
            "highest": figures.size(round(size_bytes)),
            "time": figures.moment(time, self._facts.now),
        }
        whole = self.tr("now {now} · highest {highest} at {time}").format(**told)
        if self._numbers.has_room_for(whole):
            return whole
        return self.tr("now {now} · highest {highest}").format(**told)

    # --- activity ----------------------------------------------------------------------------------------

    def show_measured(self, sample: Sample) -> None:
        """Take in what this computer measures; nothing is shown of what it has not."""
        measured = measured_curves(sample)
        if measured != self._measured:
            self._measured = measured
            self._show_curves()

    @property
    def activity_state(self) -> str:
        """Whether the second plot is open, what it shows, and if the models stand alone; to be remembered."""
        said = ["open"] if self._activity.isChecked() else []
        said += [] if self._facts.shows_others else [_ALONE]
        said += [f"{_WITHOUT}{key}" for key in sorted(self._without)]
        said += [f"{_WITH}{key}" for key in sorted(self._with)]
        return " ".join([*said, *sorted(self._curves)])

    def restore_activity(self, state: str) -> None:
        """Open and show what an `activity_state` of before says."""
        words = state.split()
        self._curves = known_curves(words)
        self._activity.setChecked("open" in words)
        self._show(shows_others=_ALONE not in words)
        self._without = frozenset(word.removeprefix(_WITHOUT) for word in words if word.startswith(_WITHOUT))
        self._with = frozenset(word.removeprefix(_WITH) for word in words if word.startswith(_WITH))
        self._show_lanes()
        self._show_curves()

    def _open_activity(self, opened: bool) -> None:
        if opened and not self._curves:
            self._curves = frozenset(CURVES)
        self._show_curves()
        self._want_height()

    def _want_height(self) -> None:
        """Ask for what the plots below need; for nothing when there are none."""
        strips = len(self._canvas.activity.wanted) if self._canvas is not None else 0
        lanes = self._lanes_asked_for
        wanted = _LOW_MEMORY_HEIGHT + strips * _STRIP_HEIGHT + lanes * _LANE_HEIGHT
        self.height_wanted.emit(wanted if strips or lanes else 0)

    def _show_curves(self) -> None:
        self._show(curves=self._curves & self._measured if self._activity.isChecked() else frozenset())

    def _choose_lane(self, key: str, chosen: bool) -> None:
        self._without = self._without - {key} if chosen else self._without | {key}
        self._with = self._with | {key} if chosen else self._with - {key}
        self._show_lanes()

    def _choose_curve(self, curve: Curve, chosen: bool) -> None:
        before = self._curves if self._activity.isChecked() else frozenset()
        self._curves = before | {curve} if chosen else before - {curve}
        self._activity.setChecked(bool(self._curves & self._measured))
        self._show_curves()

    # --- menu and export ---------------------------------------------------------------------------------

    def _open_menu(self, place: QPoint) -> None:
        self._fill_menu()
        self._menu.popup(place)

    def _fill_menu(self) -> None:
        menu = self._menu
        menus.empty(menu)
        for span, name, button in zip(SPANS, self._span_names(), self._spans.buttons(), strict=True):
            text = self.tr("Show the last {span}").format(span=name)
            menus.add_check(menu, text, button.isChecked(), lambda _, span=span: self.choose_span(span))
        menu.addAction(self.tr("Back to now"), self.canvas.follow).setDisabled(self.canvas.follows)
        menu.addSeparator()
        activity = menu.addMenu(self.tr("Activity below"))
        for curve in (each for each in CURVES if each in self._measured):
            is_on = curve in self._facts.curves
            menus.add_check(activity, curve_name(curve), is_on, partial(self._choose_curve, curve))
        for lane in self._lanes:
            text, is_on = self.tr("Memory of {gpu}"), lane.key in self.canvas.below.lanes.open_names
            menus.add_check(menu, text.format(gpu=lane.name), is_on, partial(self._choose_lane, lane.key))
        text, is_on = self.tr("Other programs that hold models"), self._facts.shows_others
        menus.add_check(menu, text, is_on, lambda on: self._show(shows_others=on))
        text, is_on = self.tr("Scale of the whole computer"), self._facts.scale_of_machine
        menus.add_check(menu, text, is_on, lambda on: self._show(scale_of_machine=on))
        menu.addSeparator()
        menu.addAction(self.tr("Copy picture"), self.copy_picture)
        menu.addAction(self.tr("Copy numbers"), self.copy_numbers)
        menu.addAction(self.tr("Save picture (PNG)…"), lambda: self._ask_for("png"))
        menu.addAction(self.tr("Save drawing (SVG)…"), lambda: self._ask_for("svg"))
        menu.addAction(self.tr("Save numbers (CSV)…"), lambda: self._ask_for("csv"))

    def _export(self) -> MemoryExport:
        from llmmem_gui.ui.plot.export import MemoryExport

        return MemoryExport(self.canvas, self._theme, self._name_of)

    def _ask_for(self, ending: str) -> None:
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        path, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save what is seen"), f"{folder}/memory.{ending}", f"{ending.upper()} (*.{ending})"
        )
        if path:
            file = Path(path)
            self.save(file if file.suffix else file.with_suffix(f".{ending}"))

    def save(self, path: Path) -> bool:
        """Write what is seen as PNG, SVG or CSV, by the ending of the file; says with `note` how it went."""
        done = self._export().save(path)
        text = self.tr("saved {file}") if done else self.tr("{file} cannot be written: choose another folder")
        self.note.emit(text.format(file=str(path)))
        return done

    def copy_picture(self) -> None:
        """Put what is seen on the clipboard as a picture."""
        self._export().copy_picture()
        self.note.emit(self.tr("the picture of the plot is copied"))

    def copy_numbers(self) -> None:
        """Put what is seen on the clipboard as CSV."""
        self._export().copy_numbers()
        self.note.emit(self.tr("the numbers of the plot are copied"))

    # --- Qt ----------------------------------------------------------------------------------------------

    def minimumSizeHint(self) -> QSize:
        return QSize(min(_LEAST_WIDTH, self._width_of_head), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._show_key(self.width() >= self._width_of_head)
        super().resizeEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        self.canvas.setVisible(True)
        super().showEvent(event)
