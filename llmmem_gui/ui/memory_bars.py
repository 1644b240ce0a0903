"""The bars of main memory and of GPUs: beside each other where that takes no more height."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from llmmem_gui.ui.composition_bar import CompositionBar
from llmmem_gui.ui.device_bars import DeviceBars

_GAP = 28
_LEAST_FOR_MAIN_MEMORY = 370
_SHARES = (3, 2)
"""Of the width, for main memory and for GPUs."""


class MemoryBars(QWidget):
    """Places both; those of GPUs stand below that of main memory where there is no room beside it."""

    def __init__(self, composition: CompositionBar, devices: DeviceBars) -> None:
        super().__init__()
        self._composition, self._devices = composition, devices
        self._beside: bool | None = None
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(1)
        devices.made.connect(self._arrange)
        self._arrange()

    def _arrange(self) -> None:
        least = self._devices.width_beside()
        beside = bool(self._devices.bars) and self.width() >= _LEAST_FOR_MAIN_MEMORY + _GAP + least
        self._devices.stand_beside(beside)
        if beside != self._beside:
            self._beside = beside
            self._grid.addWidget(self._composition, 0, 0)
            self._grid.addWidget(self._devices, *((0, 1) if beside else (1, 0, 1, 2)))
            # A column that nothing stands in would have its gap, too.
            self._grid.setHorizontalSpacing(_GAP if beside else 0)
            for column, share in enumerate(_SHARES if beside else (1, 0)):
                self._grid.setColumnStretch(column, share)

    # --- Qt ----------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._arrange()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange()
        super().resizeEvent(event)
