"""How the window shares its room: the plot gets the height first, banners lie over the top of its curves."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from llmmem_gui.ui.card import Card
from llmmem_gui.ui.memory_plot import MemoryPlot

_SPACING = 6
_FIRST_HEIGHTS = (318, 162)
"""Of plot and table, as shares of what both have together."""
_LEAST_TABLE = 130
"""What the plot leaves to the table when it grows by itself."""
_FIRST_WIDTHS = (1000, 330)
"""Of these two, and of the panel beside them."""


class WindowLayout:
    """Lays the views of the main window out; a person may move the splitters `left` and `across`."""

    def __init__(
        self,
        window: QWidget,
        *,
        toolbar: QWidget,
        summary: Sequence[QWidget],
        banners: Sequence[QWidget],
        plot: MemoryPlot,
        table: QWidget,
        panel: QWidget,
        limits: QWidget,
        empty: QWidget,
        status: QWidget,
    ) -> None:
        self.left = _splitter(Qt.Orientation.Vertical, (plot, table), _FIRST_HEIGHTS)
        self.left.setStretchFactor(0, 3)
        self.left.setStretchFactor(1, 2)
        self.across = _splitter(Qt.Orientation.Horizontal, (self.left, panel), _FIRST_WIDTHS)
        self.across.setStretchFactor(0, 1)
        self.across.setStretchFactor(1, 0)
        main = QWidget()
        _fill(QVBoxLayout(main), (self.across, limits), stretched=self.across)
        self.pages = QStackedWidget()
        self.pages.addWidget(main)
        self.pages.addWidget(empty)
        card = Card()
        lines = QVBoxLayout(card)
        _fill(lines, summary)
        lines.setContentsMargins(14, 3, 14, 4)
        lines.setSpacing(1)
        column = QVBoxLayout(window)
        _fill(column, (toolbar, card, self.pages, status), stretched=self.pages)
        column.setContentsMargins(12, 8, 12, 4)
        self.banners = Banners(window, self.pages, plot, banners)
        self._heights_before: list[int] = []

    def give_plot(self, height: int) -> None:
        """Give the plot so many pixels, from the table as far as that can; 0: as it was before."""
        if not height:
            if self._heights_before:
                self.left.setSizes(self._heights_before)
            self._heights_before = []
            return
        plot, table = self.left.sizes()
        height = min(height, plot + table - _LEAST_TABLE)
        if plot < height:
            self._heights_before = [plot, table]
            self.left.setSizes([height, plot + table - height])


class Banners(QWidget):
    """What is to be said lies over the top of the curves, so that nothing moves when it comes and goes.

    The buttons of the plot above them stay free.
    """

    def __init__(self, window: QWidget, pages: QWidget, plot: MemoryPlot, banners: Sequence[QWidget]) -> None:
        super().__init__(window)
        self.setObjectName("banners")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)  # nothing shows between two of them
        self._window = window
        self._pages, self._plot = pages, plot
        self._banners = banners
        self._column = QVBoxLayout(self)
        _fill(self._column, banners)
        for watched in (pages, plot, *banners):
            watched.installEventFilter(self)
        self._place()

    def _place(self) -> None:
        under, top = (self._plot, self._plot.bottom_of_head) if self._plot.isVisible() else (self._pages, 0)
        place = under.mapTo(self._window, QPoint(0, top))
        self.setVisible(any(not banner.isHidden() for banner in self._banners))
        height = self._column.sizeHint().height()
        if self._column.hasHeightForWidth():
            height = self._column.heightForWidth(under.width())
        self.setGeometry(place.x(), place.y(), under.width(), height)
        self.raise_()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._place()
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (
            QEvent.Type.Resize,
            QEvent.Type.Move,
            QEvent.Type.Show,
            QEvent.Type.ShowToParent,
            QEvent.Type.HideToParent,
        ):
            self._place()
        return False


def _splitter(way: Qt.Orientation, parts: Sequence[QWidget], sizes: Sequence[int]) -> QSplitter:
    splitter = QSplitter(way)
    splitter.setHandleWidth(_SPACING)
    splitter.setChildrenCollapsible(False)
    for part in parts:
        splitter.addWidget(part)
    splitter.setSizes(list(sizes))
    return splitter


def _fill(layout: QVBoxLayout, widgets: Sequence[QWidget], stretched: QWidget | None = None) -> None:
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(_SPACING)
    for widget in widgets:
        layout.addWidget(widget, 1 if widget is stretched else 0)
