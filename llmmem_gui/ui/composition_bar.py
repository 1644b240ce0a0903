"""Where the memory of this computer is: models, room to the limit, other programs, free, as one bar."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize
from PySide6.QtWidgets import QWidget

from llmmem_gui.core.readings import MachineReading
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.ui.composition import Ghost, composition
from llmmem_gui.ui.pool_bar import PoolBar
from llmmem_gui.ui.theme import Theme


class CompositionBar(PoolBar):
    """The bar of the main memory, with its legend in a line below."""

    def __init__(
        self, theme: Theme, name_of: Callable[[str], str] = str, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, name_of, parent)
        self._shown: tuple[CacheSnapshot, MachineReading] | None = None
        self.setAccessibleName(self.tr("Where the memory is"))
        self.setMinimumWidth(320)

    def show_memory(self, snapshot: CacheSnapshot, machine: MachineReading) -> None:
        """Draw this state of the cache on this machine."""
        self._shown = (snapshot, machine)
        names = {
            "promised": self.tr("promised"),
            "room": self.tr("room to the limit")
            if snapshot.bounds.total_limit_bytes is not None
            else self.tr("room for models"),
            "free": self.tr("free"),
            "reserve": self.tr("kept free"),
            "other": self.tr("other programs"),
            "own": self.tr("LLM Memory itself"),
        }
        parts = composition(snapshot, machine, names, self._ghost.goes if self._ghost else ())
        self.show_parts(parts, machine.total_bytes, snapshot.bounds.total_limit_bytes)

    def show_ghost(self, ghost: Ghost | None) -> None:
        if ghost != self._ghost:
            self._ghost = ghost
            if self._shown is not None:
                self.show_memory(*self._shown)

    def _bar(self) -> QRectF:
        return QRectF(0.5, 5, self.width() - 1.0, round(self.fontMetrics().height() * 1.25))

    def _legend_place(self) -> QRectF:
        return QRectF(0, self._bar().bottom() + 5, self.width(), round(self.fontMetrics().height() * 1.2))

    def _ghost_bytes(self) -> int:
        return self._ghost.need_bytes if self._ghost is not None else 0

    def _ghost_text(self) -> str:
        return self._ghost.text if self._ghost is not None else ""

    # --- Qt --------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(640, round(self._legend_place().bottom()))

    def minimumSizeHint(self) -> QSize:
        return QSize(320, self.sizeHint().height())
