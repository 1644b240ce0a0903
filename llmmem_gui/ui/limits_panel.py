"""The sliders that matter most: total limit and limits of GPUs, memory kept free, unloading when idle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QCoreApplication, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from llmmem_gui.core.cache_messages import LimitSet
from llmmem_gui.core.gpu_limits import GPU_LIMITS
from llmmem_gui.core.outlook import LimitsOutlook
from llmmem_gui.core.pools import DevicePool
from llmmem_gui.core.readings import MachineReading
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui import figures
from llmmem_gui.ui.card import Card
from llmmem_gui.ui.composition import device_limit
from llmmem_gui.ui.device_bars import short_name
from llmmem_gui.ui.model_names import names_in
from llmmem_gui.ui.outlook import names
from llmmem_gui.ui.previews import Previews
from llmmem_gui.ui.requests import Outcome, PreviewLimits
from llmmem_gui.ui.scales import Scale, Value, byte_scale, minutes_scale
from llmmem_gui.ui.sentences import NameOf
from llmmem_gui.ui.stepped_slider import SteppedSlider
from llmmem_gui.ui.theme import Theme

translate = QCoreApplication.translate

_LEAST_LIMIT = 128 * MIB
_LEAST_WIDTH = 700
_SPACING, _MARGIN = 26, 14
_MOST_BESIDE, _MOST_IN_A_ROW = 2, 4
"""Sliders of GPUs beside the others, and in a row of their own."""


class LimitsPanel(Card):
    """Shows the limits in force and asks for other ones.

    Signals: `limit_chosen` and `reserve_chosen` with bytes (the limit may be None), `gpu_limit_chosen` with
    the key of a pool and bytes, `idle_chosen` with minutes (None: never); `previewed` while somebody is
    choosing a limit or what is kept free, and `requested` with a request to find out what that would bring.
    """

    previewed = Signal()
    requested = Signal(object)
    limit_chosen = Signal(object)
    gpu_limit_chosen = Signal(str, object)
    reserve_chosen = Signal(object)
    idle_chosen = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._snapshot: CacheSnapshot | None = None
        self._previews = Previews(self)
        self._previews.requested.connect(self.requested)
        self._previews.found.connect(self._show_preview)
        self._total_bytes = 8 * GIB
        self._shown: Sequence[Sequence[SteppedSlider]] = ()
        self._is_stacked = False
        self._is_paged = False
        self.turn = QToolButton()
        self.turn.setCheckable(True)
        self.turn.setProperty("segment", True)
        self.turn.toggled.connect(self._arrange)
        self.limit = SteppedSlider(theme, self._limit_scale(), stacked=False)
        self.reserve = SteppedSlider(theme, self._reserve_scale(), stacked=False)
        self.idle = SteppedSlider(theme, minutes_scale(self.tr("never")), stacked=False)
        self.gpus: dict[str, SteppedSlider] = {}
        """Of each device with memory of its own, by the key of its pool."""
        self._theme = theme
        self._pools: dict[str, tuple[DevicePool, int]] = {}
        """The pools that are limited, and the memory that the slider of each reaches up to."""
        across = QHBoxLayout(self)
        across.setContentsMargins(_MARGIN, 8, _MARGIN, 7)
        across.setSpacing(_SPACING)
        across.addWidget(self.turn, 0, Qt.AlignmentFlag.AlignVCenter)
        self.turn.hide()
        self._column = QVBoxLayout()
        self._column.setSpacing(6)
        across.addLayout(self._column, 1)
        self._rows: list[QHBoxLayout] = []
        self.limit.previewed.connect(self._preview_limit)
        self.limit.abandoned.connect(self._abandon)
        self.limit.chosen.connect(self._choose_limit)
        self.reserve.previewed.connect(self._preview_reserve)
        self.reserve.abandoned.connect(self._abandon)
        self.reserve.chosen.connect(self._choose_reserve)
        self.idle.abandoned.connect(self._abandon)
        self.idle.chosen.connect(self.idle_chosen)
        self.retranslate()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange()
        super().resizeEvent(event)

    def minimumSizeHint(self) -> QSize:
        return QSize(_LEAST_WIDTH, super().minimumSizeHint().height())

    def _sliders(self) -> tuple[SteppedSlider, ...]:
        return (self.limit, *self.gpus.values(), self.reserve, self.idle)

    def _arrange(self) -> None:
        """Show all sliders in one row, or else those of GPUs on a page of their own.

        The button beside them turns the page. Where there is no room for a track between label and value it
        stands below them.
        """
        gpus = tuple(self.gpus.values())
        computer = (self.limit, self.reserve, self.idle)
        room = self.width() - 2 * _MARGIN
        self._is_paged = len(gpus) > _MOST_BESIDE or (bool(gpus) and _width_of(self._sliders()) > room)
        if not self._is_paged:
            shown = [self._sliders()]
        elif not self.turn.isChecked():
            shown = [computer]
        else:
            rows = -(-len(gpus) // _MOST_IN_A_ROW)
            each = -(-len(gpus) // rows)
            shown = [gpus[first : first + each] for first in range(0, len(gpus), each)]
        if self._is_paged:
            room -= self.turn.sizeHint().width() + _SPACING
        stacked = any(_width_of(row) > room for row in shown)
        self.turn.setVisible(self._is_paged)
        self._fill(shown, stacked)

    def _fill(self, rows: Sequence[Sequence[SteppedSlider]], stacked: bool) -> None:
        if rows == self._shown and stacked == self._is_stacked:
            return
        self._shown, self._is_stacked = rows, stacked
        for row in self._rows:
            self._column.removeItem(row)
        self._rows = [QHBoxLayout() for _ in rows]
        for row, sliders in zip(self._rows, rows, strict=True):
            # Filled only when it stands in its place: PySide keeps its half of each item of a layout that is
            # added, also when the item has gone, and takes what comes to lie there next for that item.
            self._column.addLayout(row)
            _fill_row(row, sliders, stacked)
        seen = [slider for row in rows for slider in row]
        for slider in self._sliders():
            slider.stack(stacked)
            slider.setVisible(slider in seen)
        self.updateGeometry()

    def _limit_scale(self) -> Scale:
        return byte_scale(_LEAST_LIMIT, self._total_bytes, none_text=self.tr("no limit"))

    def _reserve_scale(self) -> Scale:
        return byte_scale(_LEAST_LIMIT, max(GIB, self._total_bytes // 2))

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        self.limit.name(self.tr("Total limit"), self.tr("The most memory that all models together may use."))
        self.reserve.name(
            self.tr("Keep free"), self.tr("Memory that loads leave to everything else on this computer.")
        )
        self.idle.name(
            self.tr("Unload when idle"), self.tr("A model that nobody used for this long is unloaded.")
        )
        self.limit.set_scale(self._limit_scale())
        self.reserve.set_scale(self._reserve_scale())
        self.idle.set_scale(minutes_scale(self.tr("never")))
        self.turn.setText(self.tr("GPUs"))
        self.turn.setToolTip(self.tr("Show the limits of GPUs instead of those of this computer"))
        self._name_gpus()
        self._arrange()
        self._rest()

    def show_machine(self, machine: MachineReading) -> None:
        """Let the sliders reach up to the memory of this computer."""
        if machine.total_bytes != self._total_bytes:
            self._total_bytes = machine.total_bytes
            self.limit.set_scale(self._limit_scale())
            self.reserve.set_scale(self._reserve_scale())

    def show_limits(self, snapshot: CacheSnapshot, idle_minutes: Value) -> None:
        """Show the limits in force and what is used of them."""
        self._snapshot = snapshot
        self._show_gpus(snapshot)
        self.limit.set_value(snapshot.bounds.total_limit_bytes)
        self.limit.set_mark(snapshot.resident_bytes, self.tr("used now"))
        self.reserve.set_value(snapshot.bounds.reserve_bytes)
        self.idle.set_value(idle_minutes)
        if not any(slider.is_moving for slider in (self.limit, self.reserve, *self.gpus.values())):
            self._rest()

    def _show_gpus(self, snapshot: CacheSnapshot) -> None:
        """Show the limits of devices, each with a slider that reaches up to the memory of the device."""
        pools = {pool.key: pool for pool in snapshot.pools if pool.device in snapshot.bounds.devices}
        sizes = {key: (pool, pool.total_bytes) for key, pool in pools.items()}
        if sizes.keys() != self._pools.keys():
            self._make_gpus(list(sizes))
            self._pools = sizes
            self._name_gpus()
            self._arrange()
        elif [size for _, size in sizes.values()] != [size for _, size in self._pools.values()]:
            self._pools = sizes
            self._name_gpus()
        for key, pool in pools.items():
            self.gpus[key].set_value(snapshot.bounds.devices[pool.device].limit_bytes)
            self.gpus[key].set_mark(pool.models_bytes, self.tr("used now"))

    def _make_gpus(self, keys: list[str]) -> None:
        for slider in self.gpus.values():
            slider.hide()
            slider.deleteLater()
        self.gpus = {key: self._made_for(key) for key in keys}
        if not keys:
            self.turn.setChecked(False)

    def _made_for(self, key: str) -> SteppedSlider:
        slider = SteppedSlider(self._theme, byte_scale(_LEAST_LIMIT, GIB), self, stacked=False)
        slider.previewed.connect(lambda value: self._preview(GPU_LIMITS, {key: _whole(value)}))
        slider.abandoned.connect(self._abandon)
        slider.chosen.connect(lambda value: self._choose_gpu(key, value))
        return slider

    def _name_gpus(self) -> None:
        alone = len(self._pools) == 1
        for key, (pool, total_bytes) in self._pools.items():
            name = self.tr("GPU limit") if alone else short_name(pool)
            purpose = self.tr("The most of {gpu} that all models together may use.").format(gpu=pool.name)
            self.gpus[key].name(name, purpose)
            self.gpus[key].set_scale(byte_scale(min(_LEAST_LIMIT, total_bytes), total_bytes))

    def drag_limit(self, key: str, limit_bytes: float) -> None:
        """Move the limit of a pool (no key: the total limit) as if its slider were held.

        `drop_limit` lets it go.
        """
        if self._is_paged:
            # What it would bring is said below the slider.
            self.turn.setChecked(bool(key))
        (self.gpus[key] if key else self.limit).drag_to(limit_bytes)

    def drop_limit(self, key: str, limit_bytes: float) -> None:
        """Let the limit of a pool go, which chooses it."""
        (self.gpus[key] if key else self.limit).drop()

    def with_choice(self, snapshot: CacheSnapshot) -> CacheSnapshot:
        """The snapshot with the bounds that somebody is choosing instead of those in force."""
        bounds = snapshot.bounds
        if self.limit.is_moving:
            bounds = replace(bounds, total_limit_bytes=_whole(self.limit.value))
        if self.reserve.is_moving:
            bounds = replace(bounds, reserve_bytes=_whole(self.reserve.value) or 0)
        for pool, _ in self._pools.values():
            if (slider := self.gpus[pool.key]).is_moving and pool.device in bounds.devices:
                moved = replace(bounds.devices[pool.device], limit_bytes=_whole(slider.value))
                bounds = replace(bounds, devices={**bounds.devices, pool.device: moved})
        return replace(snapshot, bounds=bounds)

    def _abandon(self) -> None:
        self._previews.forget()
        self._rest()
        self.previewed.emit()

    def _rest(self) -> None:
        snapshot = self._snapshot
        if snapshot is None:
            return
        limit = snapshot.bounds.total_limit_bytes
        used = self.tr("{size} used now").format(size=figures.size(snapshot.resident_bytes))
        if limit:
            used += f" · {figures.percent(snapshot.resident_bytes / limit)}"
        self.limit.set_hint(used)
        for pool in snapshot.pools:
            most = device_limit(snapshot, pool)
            if pool.key in self.gpus and most:
                there = self.tr("{size} used now").format(size=figures.size(pool.models_bytes))
                self.gpus[pool.key].set_hint(f"{there} · {figures.percent(pool.models_bytes / most)}")
        available = snapshot.bounds.available_bytes
        free = (
            "" if available is None else self.tr("{size} available now").format(size=figures.size(available))
        )
        self.reserve.set_hint(free)
        ready = sum(1 for m in snapshot.models if m.idle_since is not None and not m.pinned)
        self.idle.set_hint(
            self.tr("%n idle model(s) now", "", ready) if ready else self.tr("no idle model now")
        )

    def _preview_limit(self, value: Value) -> None:
        self._preview("limits.total_limit_bytes", _whole(value) or 0)

    def _preview_reserve(self, value: Value) -> None:
        self._preview("limits.reserve_bytes", _whole(value) or 0)

    def _preview(self, setting: str, value: object) -> None:
        self._previews.ask(PreviewLimits({setting: value}))
        self.previewed.emit()

    def take(self, outcome: Outcome) -> None:
        """Take in what the place of a slider would bring."""
        self._previews.take(outcome)

    def _show_preview(self, asked: PreviewLimits, view: LimitsOutlook) -> None:
        if (slider := self._slider_of(asked)) is not None:
            slider.set_hint(*outlook_text(view, names_in(self._snapshot)))

    def _slider_of(self, asked: PreviewLimits) -> SteppedSlider | None:
        """The slider that a question is about; None: that of a device that is gone."""
        assert not isinstance(asked.rules, LimitSet)
        ((setting, value),) = asked.rules.items()
        if isinstance(value, dict):
            return self.gpus.get(next(iter(value)))
        return self.limit if setting == "limits.total_limit_bytes" else self.reserve

    def _choose_gpu(self, key: str, value: Value) -> None:
        self._previews.forget()
        self.gpu_limit_chosen.emit(key, _whole(value))

    def _choose_limit(self, value: Value) -> None:
        self._previews.forget()
        self.limit_chosen.emit(_whole(value))

    def _choose_reserve(self, value: Value) -> None:
        self._previews.forget()
        self.reserve_chosen.emit(_whole(value) or 0)


def _fill_row(row: QHBoxLayout, sliders: Sequence[SteppedSlider], stacked: bool) -> None:
    row.setSpacing(_SPACING)
    for slider in sliders:
        # A neighbour may have more to say, in its label or below.
        row.addWidget(slider, slider.width_stacked() if stacked else 4, Qt.AlignmentFlag.AlignTop)


def _width_of(sliders: Sequence[SteppedSlider]) -> int:
    """What these need side by side, each with its track between label and value."""
    return sum(slider.width_unstacked() + _SPACING for slider in sliders) - _SPACING


def _whole(value: Value) -> int | None:
    return None if value is None else round(value)


def outlook_text(view: LimitsOutlook, name_of: NameOf) -> tuple[str, str | None]:
    """What other bounds would bring, in a few words, and its level for the style sheet."""
    if view.unloads:
        one, several = (
            translate("LimitsPanel", "unloads {models}"),
            translate("LimitsPanel", "unloads {count}: {models}"),
        )
        return _told(one, several, view.unloads, name_of), "warning"
    if view.dozes:
        one, several = (
            translate("LimitsPanel", "lets {models} doze"),
            translate("LimitsPanel", "lets {count} doze: {models}"),
        )
        return _told(one, several, view.dozes, name_of), "warning"
    if view.over_bytes or view.over_on:
        return translate("LimitsPanel", "below what pinned models use"), "critical"
    if view.waits_for:
        waits = translate("LimitsPanel", "waits for {models} to finish")
        return waits.format(models=names(view.waits_for, name_of)), "warning"
    return translate("LimitsPanel", "nothing has to go"), None


def _told(one: str, several: str, models: tuple[str, ...], name_of: NameOf) -> str:
    """The sentence for one model or for more; their number stands first, where no ellipsis takes it."""
    return (one if len(models) == 1 else several).format(count=len(models), models=names(models, name_of))
