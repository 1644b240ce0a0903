"""The three sliders that matter most: total limit, memory kept free, unloading when idle."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QCoreApplication, QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from llmmem_gui.core.outlook import LimitsOutlook
from llmmem_gui.core.readings import MachineReading
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui import figures
from llmmem_gui.ui.card import Card
from llmmem_gui.ui.model_names import names_in
from llmmem_gui.ui.outlook import names
from llmmem_gui.ui.requests import Outcome, PreviewSettings
from llmmem_gui.ui.scales import Scale, Value, byte_scale, minutes_scale
from llmmem_gui.ui.sentences import NameOf
from llmmem_gui.ui.stepped_slider import SteppedSlider
from llmmem_gui.ui.theme import Theme

translate = QCoreApplication.translate

_LEAST_LIMIT = 128 * MIB
_LEAST_WIDTH = 700


class LimitsPanel(Card):
    """Shows the limits in force and asks for other ones.

    Signals: `limit_chosen` and `reserve_chosen` with bytes (the limit may be None), `idle_chosen` with
    minutes (None: never); `previewed` while somebody is choosing a limit or what is kept free, and
    `requested` with a request to find out what that would bring.
    """

    previewed = Signal()
    requested = Signal(object)
    limit_chosen = Signal(object)
    reserve_chosen = Signal(object)
    idle_chosen = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._snapshot: CacheSnapshot | None = None
        self._asked: PreviewSettings | None = None
        self._wanted: PreviewSettings | None = None
        self._total_bytes = 8 * GIB
        self._width_unstacked = 0
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

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._stack(self.width() < self._width_unstacked)
        super().resizeEvent(event)

    def minimumSizeHint(self) -> QSize:
        return QSize(min(_LEAST_WIDTH, self._width_unstacked), super().minimumSizeHint().height())

    def _stack(self, stacked: bool) -> None:
        """Put each track below its label and value where there is no room for it between them."""
        for slider in (self.limit, self.reserve, self.idle):
            slider.stack(stacked)

    def _measure(self) -> None:
        self._stack(False)
        self._width_unstacked = super().minimumSizeHint().width()
        self._stack(self.width() < self._width_unstacked)
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
        self._measure()
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

    def drag_limit(self, limit_bytes: float) -> None:
        """Move the total limit as if its slider were held; `drop_limit` lets it go."""
        self.limit.drag_to(limit_bytes)

    def drop_limit(self, limit_bytes: float) -> None:
        """Let the total limit go, which chooses it."""
        self.limit.drop()

    def with_choice(self, snapshot: CacheSnapshot) -> CacheSnapshot:
        """The snapshot with the bounds that somebody is choosing instead of those in force."""
        bounds = snapshot.bounds
        if self.limit.is_moving:
            bounds = replace(bounds, total_limit_bytes=_whole(self.limit.value))
        if self.reserve.is_moving:
            bounds = replace(bounds, reserve_bytes=_whole(self.reserve.value) or 0)
        return replace(snapshot, bounds=bounds)

    def _abandon(self) -> None:
        self._asked = self._wanted = None
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
        self._preview("limits.total_limit_bytes", value)

    def _preview_reserve(self, value: Value) -> None:
        self._preview("limits.reserve_bytes", value)

    def _preview(self, setting: str, value: Value) -> None:
        self._wanted = PreviewSettings({setting: _whole(value) or 0})
        self._ask()
        self.previewed.emit()

    def _ask(self) -> None:
        """Ask about the newest place of the slider, one question at a time."""
        if self._wanted is not None and self._asked is None:
            self._asked, self._wanted = self._wanted, None
            self.requested.emit(self._asked)

    def take(self, outcome: Outcome) -> None:
        """Say what the place of the slider that was asked about would bring."""
        if outcome.request is not self._asked:
            return
        (setting,) = self._asked.changes
        self._asked = None
        slider = self.limit if setting == "limits.total_limit_bytes" else self.reserve
        if isinstance(outcome.result, LimitsOutlook):
            slider.set_hint(*outlook_text(outcome.result, names_in(self._snapshot)))
        self._ask()

    def _choose_limit(self, value: Value) -> None:
        self._asked = self._wanted = None
        self.limit_chosen.emit(_whole(value))

    def _choose_reserve(self, value: Value) -> None:
        self._asked = self._wanted = None
        self.reserve_chosen.emit(_whole(value) or 0)


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
    if view.over_bytes:
        return translate("LimitsPanel", "below what pinned models use"), "critical"
    if view.waits_for:
        waits = translate("LimitsPanel", "waits for {models} to finish")
        return waits.format(models=names(view.waits_for, name_of)), "warning"
    return translate("LimitsPanel", "nothing has to go"), None


def _told(one: str, several: str, models: tuple[str, ...], name_of: NameOf) -> str:
    """The sentence for one model or for more; their number stands first, where no ellipsis takes it."""
    return (one if len(models) == 1 else several).format(count=len(models), models=names(models, name_of))
