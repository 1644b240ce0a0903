"""The three sliders that matter most: total limit, memory kept free, unloading when idle."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QCoreApplication, QEvent, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from llmmem_gui.core.plan import Bounds, Step, plan_relief
from llmmem_gui.core.readings import MachineReading
from llmmem_gui.core.snapshot import CacheSnapshot, State
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui import figures
from llmmem_gui.ui.card import Card
from llmmem_gui.ui.outlook import names
from llmmem_gui.ui.scales import Scale, Value, byte_scale, minutes_scale
from llmmem_gui.ui.stepped_slider import SteppedSlider
from llmmem_gui.ui.theme import Theme

translate = QCoreApplication.translate

_LEAST_LIMIT = 128 * MIB


class LimitsPanel(Card):
    """Shows the limits in force and asks for other ones.

    Signals: `limit_chosen` and `reserve_chosen` with bytes (the limit may be None), `idle_chosen` with
    minutes (None: never); `previewed` while somebody is choosing a limit or what is kept free.
    """

    previewed = Signal()
    limit_chosen = Signal(object)
    reserve_chosen = Signal(object)
    idle_chosen = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._snapshot: CacheSnapshot | None = None
        self._total_bytes = 8 * GIB
        self.limit = SteppedSlider(theme, self._limit_scale(), stacked=False)
        self.reserve = SteppedSlider(theme, self._reserve_scale(), stacked=False)
        self.idle = SteppedSlider(theme, minutes_scale(self.tr("never")), stacked=False)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 8, 14, 7)
        layout.setSpacing(26)
        for slider, share in ((self.limit, 4), (self.reserve, 4), (self.idle, 4)):
            layout.addWidget(slider, share)
        self.limit.previewed.connect(self._preview_limit)
        self.limit.abandoned.connect(self._abandon)
        self.limit.chosen.connect(self._choose_limit)
        self.reserve.previewed.connect(self._preview_reserve)
        self.reserve.abandoned.connect(self._abandon)
        self.reserve.chosen.connect(self._choose_reserve)
        self.idle.chosen.connect(self.idle_chosen)
        self.retranslate()

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
        self.limit.set_value(snapshot.bounds.total_limit_bytes)
        self.limit.set_mark(snapshot.resident_bytes, self.tr("used now"))
        self.reserve.set_value(snapshot.bounds.reserve_bytes)
        self.idle.set_value(idle_minutes)
        if not self.limit.is_moving and not self.reserve.is_moving:
            self._rest()

    def with_choice(self, snapshot: CacheSnapshot) -> CacheSnapshot:
        """The snapshot with the bounds that somebody is choosing instead of those in force."""
        bounds = snapshot.bounds
        if self.limit.is_moving:
            bounds = replace(bounds, total_limit_bytes=_whole(self.limit.value))
        if self.reserve.is_moving:
            bounds = replace(bounds, reserve_bytes=_whole(self.reserve.value) or 0)
        return replace(snapshot, bounds=bounds)

    def _abandon(self) -> None:
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
        if self._snapshot is not None:
            self._preview(self.limit, replace(self._snapshot.bounds, total_limit_bytes=_whole(value)))

    def _preview_reserve(self, value: Value) -> None:
        if self._snapshot is not None:
            self._preview(self.reserve, replace(self._snapshot.bounds, reserve_bytes=_whole(value) or 0))

    def _preview(self, slider: SteppedSlider, bounds: Bounds) -> None:
        assert self._snapshot is not None
        text, level = relief_text(self._snapshot, bounds)
        slider.set_hint(text, level)
        self.previewed.emit()

    def _choose_limit(self, value: Value) -> None:
        self.limit_chosen.emit(_whole(value))

    def _choose_reserve(self, value: Value) -> None:
        self.reserve_chosen.emit(_whole(value) or 0)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)


def _whole(value: Value) -> int | None:
    return None if value is None else round(value)


def relief_text(snapshot: CacheSnapshot, bounds: Bounds) -> tuple[str, str | None]:
    """What other bounds would make go, in a few words, and its level for the style sheet."""
    steps = plan_relief(snapshot.holders, bounds)
    gone, asleep = _of_kind(steps, "unload"), _of_kind(steps, "doze")
    busy = tuple(m.id for m in snapshot.models if m.state is State.BUSY)
    if gone:
        one, several = (
            translate("LimitsPanel", "unloads {models}"),
            translate("LimitsPanel", "unloads {count}: {models}"),
        )
        return _told(one, several, gone), "warning"
    if asleep:
        one, several = (
            translate("LimitsPanel", "puts {models} to sleep"),
            translate("LimitsPanel", "puts {count} to sleep: {models}"),
        )
        return _told(one, several, asleep), "warning"
    over = bounds.total_limit_bytes is not None and snapshot.charged_bytes > bounds.total_limit_bytes
    if over and busy:
        return translate("LimitsPanel", "waits for {models} to finish").format(models=names(busy)), "warning"
    if over:
        return translate("LimitsPanel", "below what pinned models use"), "critical"
    return translate("LimitsPanel", "nothing has to go"), None


def _told(one: str, several: str, models: tuple[str, ...]) -> str:
    """The sentence for one model or for more; their number stands first, where no ellipsis takes it."""
    return (one if len(models) == 1 else several).format(count=len(models), models=names(models))


def _of_kind(steps: tuple[Step, ...], kind: str) -> tuple[str, ...]:
    return tuple(step.model_id for step in steps if step.kind == kind)
