"""The own memory of each GPU as a slim bar: who holds what there, and the mark of its limit."""

from __future__ import annotations

import re
from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from llmmem_gui.core.pools import DevicePool
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.ui import figures
from llmmem_gui.ui.composition import Ghost, device_composition, device_limit
from llmmem_gui.ui.pool_bar import PoolBar
from llmmem_gui.ui.theme import Theme, tabular

_LEAST_WIDTH, _LEAST_WITHOUT_LEGEND = 380, 300
"""Pixels of a bar with its name and numbers; where there is room for more, bars stand side by side."""
_ROWS_BESIDE = 2
"""Bars upon each other that are as high as the bar of main memory with its legend."""
_GAP = 14
_MOST_OF_TITLE, _SHARE_OF_BAR = 0.42, 0.62
"""Of the width what the name takes at most, and of what it leaves the bar beside its legend."""
_MOST_OF_TITLE_ALONE = 0.68
"""What the name takes where there is no legend."""
_VENDORS = re.compile(r"^(NVIDIA|AMD|Intel)(\(R\))? (?=\S)|\s*\([^()]*\)")


def short_name(pool: DevicePool) -> str:
    """What a GPU is called where there is little room: without its vendor, and what its driver adds."""
    return _VENDORS.sub("", pool.name) or pool.name


class DeviceBars(QWidget):
    """A bar for each pool; where there is none, it takes no room.

    Signals: `limit_dragged` and `limit_dropped` with the key of a pool, and bytes, while somebody holds the
    mark of its limit; `made` when there are other pools than before, which are not shown yet.
    """

    limit_dragged = Signal(str, object)
    limit_dropped = Signal(str, object)
    made = Signal()

    def __init__(
        self, theme: Theme, name_of: Callable[[str], str] = str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._name_of = name_of
        self._ghost: Ghost | None = None
        self.bars: dict[str, DeviceBar] = {}
        self._columns = 0
        self._columns_beside = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(2 * _GAP)
        self._grid.setVerticalSpacing(0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.hide()

    def show_memory(self, snapshot: CacheSnapshot) -> None:
        """Draw the pools of this state of the cache."""
        keys = [pool.key for pool in snapshot.pools]
        if keys != list(self.bars):
            self._make(keys)
        for pool in snapshot.pools:
            self.bars[pool.key].show_pool(snapshot, pool)

    def show_ghost(self, ghost: Ghost | None) -> None:
        """Draw what a load would take of each, or nothing."""
        self._ghost = ghost
        for bar in self.bars.values():
            bar.show_ghost(ghost)

    def _make(self, keys: list[str]) -> None:
        for key in [key for key in self.bars if key not in keys]:
            self.bars.pop(key).deleteLater()
        before, self.bars = self.bars, {}
        for key in keys:
            bar = before.get(key) or self._made(key)
            self.bars[key] = bar
        self._columns = 0
        self.made.emit()
        self._arrange()
        self.setVisible(bool(keys))

    def width_beside(self) -> int:
        """The least width in which the bars are as high as that of main memory."""
        columns = self._needed_columns()
        return columns * _LEAST_WITHOUT_LEGEND + max(0, columns - 1) * 2 * _GAP

    def stand_beside(self, beside: bool) -> None:
        """Stand beside the bar of main memory, in so many columns that it takes no more height, or below."""
        self._columns_beside = self._needed_columns() if beside else 0
        self._arrange()

    def _least_width(self) -> int:
        """Of a bar; several have no legend rather than a row each."""
        return _LEAST_WITHOUT_LEGEND if len(self.bars) > _ROWS_BESIDE else _LEAST_WIDTH

    def _needed_columns(self) -> int:
        return -(-len(self.bars) // _ROWS_BESIDE)

    def _made(self, key: str) -> DeviceBar:
        bar = DeviceBar(self._theme, self._name_of, self, key)
        bar.limit_dragged.connect(self.limit_dragged)
        bar.limit_dropped.connect(self.limit_dropped)
        bar.show_ghost(self._ghost)
        return bar

    def _arrange(self) -> None:
        columns = self._columns_beside or max(1, min(len(self.bars), self.width() // self._least_width()))
        if columns == self._columns:
            return
        self._columns = columns
        for bar in self.bars.values():
            self._grid.removeWidget(bar)
        for place, bar in enumerate(self.bars.values()):
            self._grid.addWidget(bar, place // columns, place % columns)
            bar.show()
        for column in range(self._grid.columnCount()):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
        self.updateGeometry()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange()
        super().resizeEvent(event)


class DeviceBar(PoolBar):
    """Name and use, bar, and legend beside each other in one line."""

    def __init__(self, theme: Theme, name_of: Callable[[str], str], parent: QWidget, key: str) -> None:
        super().__init__(theme, name_of, parent, key)
        self._shown: tuple[CacheSnapshot, DevicePool] | None = None
        self._title = ("", "")
        """What it is called, which gives way where there is no room, and what is used of it."""

    def show_pool(self, snapshot: CacheSnapshot, pool: DevicePool) -> None:
        """Draw this pool of this state of the cache."""
        self._shown = (snapshot, pool)
        names = {
            "promised": self.tr("promised"),
            "room": self.tr("room to the limit"),
            "free": self.tr("free"),
            "unknown": self.tr("not used by models"),
            "other": self.tr("other programs"),
        }
        parts = device_composition(snapshot, pool, names, self._ghost.goes if self._ghost else ())
        limit = device_limit(snapshot, pool)
        used = figures.size(pool.models_bytes if limit is not None else pool.used_bytes or 0)
        most = figures.chosen_size(limit if limit is not None else pool.total_bytes)
        self._title = (short_name(pool), self.tr("{used} of {most}").format(used=used, most=most))
        self.setAccessibleName(f"{pool.name} {self._title[1]}")
        self.show_parts(parts, max(pool.total_bytes, pool.models_bytes), limit)

    def show_ghost(self, ghost: Ghost | None) -> None:
        if ghost != self._ghost:
            self._ghost = ghost
            if self._shown is not None:
                self.show_pool(*self._shown)

    def _title_width(self) -> float:
        return QFontMetricsF(tabular(self.font())).horizontalAdvance(self._title_shown())

    def _title_shown(self) -> str:
        """Name and use, where there is no room with llama.cpp's short name of the device."""
        metrics, (name, used) = QFontMetricsF(tabular(self.font())), self._title
        most = self.width() * (_MOST_OF_TITLE if self._has_legend else _MOST_OF_TITLE_ALONE)
        room = most - metrics.horizontalAdvance(f" {used}")
        if metrics.horizontalAdvance(name) > room and self._shown is not None:
            name = self._shown[1].device or name
        return f"{metrics.elidedText(name, Qt.TextElideMode.ElideRight, room)} {used}"

    @property
    def _has_legend(self) -> bool:
        """A narrow bar says who holds what only in its tip."""
        return self.width() >= _LEAST_WIDTH

    def _bar(self) -> QRectF:
        left = self._title_width() + _GAP
        height = round(self.fontMetrics().height() * 0.8)
        width = self.width() - left - 1
        if self._has_legend:
            width = (width - _GAP) * _SHARE_OF_BAR
        return QRectF(left, (self.height() - height) / 2, max(40.0, width), height)

    def _legend_place(self) -> QRectF:
        left = self._bar().right() + (_GAP if self._has_legend else 1)
        return QRectF(left, 0, max(0.0, self.width() - left), self.height())

    def _ghost_bytes(self) -> int:
        if self._ghost is None or self._shown is None:
            return 0
        return self._ghost.devices.get(self._shown[1].device, 0)

    def _explanation(self, kind: str, name: str, amount: int) -> str:
        if kind == "free":
            return f"{name} · {figures.size(amount)}\n" + self.tr(
                "Beyond the limit: no model is loaded into it."
            )
        return super()._explanation(kind, name, amount)

    def _tip_at(self, place: QPointF) -> str:
        lines = (self._entry_text(entry) for entry in self._legend)
        return super()._tip_at(place) or "\n".join((self.accessibleName(), *lines))

    # --- Qt --------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(_LEAST_WIDTH, round(self.fontMetrics().height() * 0.8) + 11)

    def minimumSizeHint(self) -> QSize:
        return QSize(_LEAST_WITHOUT_LEGEND, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        font = tabular(self.font())
        painter.setFont(font)
        painter.setPen(QColor(self._theme.palette.text))
        place = QRectF(0, 0, self._title_width() + 2, self.height())
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, self._title_shown())
