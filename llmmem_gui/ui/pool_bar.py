"""One pool of memory as a bar of parts with the mark of its limit, and a legend with the numbers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from llmmem_gui.ui import figures
from llmmem_gui.ui.composition import Ghost, Part
from llmmem_gui.ui.palette import mix
from llmmem_gui.ui.theme import Theme, hatch, tabular

_RADIUS = 5.0
_REACH = 6.0
"""Pixels beside the mark of the limit within which it can be taken."""
_MOST_MODELS_NAMED = 8

Entry = tuple[str, str, int, str | None]
"""Kind, name, bytes, and model or other program of one entry of the legend."""


class PoolBar(QWidget):
    """Draws the parts, the mark of the limit, the ghost of a forecast, and a legend with the numbers.

    Where bar and legend stand is for its heirs to say.

    Signals: `limit_dragged` and `limit_dropped` with the key of the pool (empty: main memory), and bytes,
    while somebody holds the mark of the limit.
    """

    limit_dragged = Signal(str, object)
    limit_dropped = Signal(str, object)

    def __init__(
        self, theme: Theme, name_of: Callable[[str], str] = str, parent: QWidget | None = None, key: str = ""
    ) -> None:
        super().__init__(parent)
        self._key = key
        self._theme = theme
        self._name_of = name_of
        self._total_bytes = 0
        self._limit_bytes: int | None = None
        self._ghost: Ghost | None = None
        self._parts: list[Part] = []
        self._legend: list[Entry] = []
        self._line: list[tuple[float, Entry, str]] = []
        """Where each entry of the legend stands, and what it says."""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self._held = False

    def show_parts(self, parts: list[Part], total_bytes: int, limit_bytes: int | None) -> None:
        """Draw these parts, which add up to the whole pool, and its limit."""
        self._parts, self._total_bytes, self._limit_bytes = parts, total_bytes, limit_bytes
        self._tell()

    def show_ghost(self, ghost: Ghost | None) -> None:
        """Draw what a load would take, or nothing."""
        if ghost != self._ghost:
            self._ghost = ghost
            self._tell()

    def summary(self) -> str:
        """All numbers of the bar as one text."""
        return " · ".join(
            f"{name} {self._ghost_text() if kind == 'ghost' else figures.size(amount)}"
            for kind, name, amount, _ in self._legend
        )

    def _tell(self) -> None:
        self._legend = self._entries()
        summary = self.summary()
        if summary != self.accessibleDescription():
            self.setAccessibleDescription(summary)
        self._line = self._legend_line(max(1.0, self._legend_place().width()))
        self.update()

    # --- drawing ---------------------------------------------------------------------------------------

    @abstractmethod
    def _bar(self) -> QRectF:
        """Where the bar stands."""

    @abstractmethod
    def _legend_place(self) -> QRectF:
        """Where the legend stands."""

    @abstractmethod
    def _ghost_bytes(self) -> int:
        """What the load that is shown as a ghost would take of this pool."""

    def _ghost_text(self) -> str:
        return figures.size(self._ghost_bytes())

    def _x_of(self, amount: float) -> float:
        bar = self._bar()
        return bar.left() + bar.width() * amount / max(1, self._total_bytes)

    def _placed(self) -> Iterator[tuple[Part, float, float]]:
        """Each part with where it begins and ends."""
        bar, amount = self._bar(), 0
        scale = bar.width() / max(1, self._total_bytes)
        for part in self._parts:
            left = bar.left() + amount * scale
            amount += part.size_bytes
            yield part, left, bar.left() + amount * scale

    def _brush(self, part: Part) -> QBrush:
        colours = self._theme.palette
        if part.model_id is not None:
            colour = self._theme.model_colours.of(part.model_id)
            if part.fades:
                colour = mix(colour, colours.free, 0.7)
            if part.kind == "private":
                return QBrush(colour)
            return hatch(colour, mix(colour, colours.card, 0.55), self.devicePixelRatioF())
        if part.program is not None:
            return QBrush(self._theme.model_colours.of(part.program))
        if part.kind == "promised":
            return hatch(QColor(colours.accent), QColor(colours.room), self.devicePixelRatioF())
        if part.kind == "reserve":
            return hatch(QColor(colours.other), QColor(colours.free), self.devicePixelRatioF())
        return QBrush(QColor(getattr(colours, part.kind)))

    def _draw_bar(self, painter: QPainter) -> None:
        bar = self._bar()
        outline = QPainterPath()
        outline.addRoundedRect(bar, _RADIUS, _RADIUS)
        painter.save()
        painter.setClipPath(outline)
        painter.fillRect(bar, QColor(self._theme.palette.free))
        before: Part | None = None
        for part, left, right in self._placed():
            if part.model_id is not None and part.kind == "private":
                right = max(right, left + 2)
            painter.fillRect(QRectF(left, bar.top(), right - left, bar.height()), self._brush(part))
            if before is not None and part.kind != "weights":
                painter.fillRect(QRectF(left, bar.top(), 1, bar.height()), QColor(self._theme.palette.card))
            before = part
        painter.restore()

    def _draw_ghost(self, painter: QPainter) -> None:
        if self._ghost is None or not self._ghost_bytes():
            return
        stays = sum(p.size_bytes for p in self._parts if p.model_id is not None and not p.fades)
        colours = self._theme.palette
        bar = self._bar()
        left = self._x_of(stays)
        right = min(max(self._x_of(stays + self._ghost_bytes()), left + 3), bar.right())
        rect = QRectF(left, bar.top() - 4, right - left, bar.height() + 8)
        tint = QColor(self._theme.model_colours.of(self._ghost.model_id))
        tint.setAlphaF(0.45)
        edge = QColor(colours.text if self._ghost.fits else colours.critical)
        painter.setBrush(tint)
        painter.setPen(QPen(edge, 1.5, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(rect, 3, 3)

    def _draw_limit(self, painter: QPainter) -> None:
        if self._limit_bytes is None:
            return
        bar = self._bar()
        x = min(self._x_of(self._limit_bytes), bar.right() - 1)
        painter.fillRect(QRectF(x - 3, bar.top() - 5, 6, bar.height() + 10), QColor(self._theme.palette.card))
        painter.fillRect(QRectF(x - 1, bar.top() - 5, 2, bar.height() + 10), QColor(self._theme.palette.text))

    def _on_limit(self, place: QPointF) -> bool:
        """Whether somebody could take the mark of the limit there."""
        limit = self._limit_bytes
        return (
            limit is not None
            and self._total_bytes > 0
            and place.y() <= self._bar().bottom() + 5
            and (abs(place.x() - min(self._x_of(limit), self._bar().right() - 1)) <= _REACH)
        )

    def _amount_at(self, x: float) -> float:
        return max(0.0, (x - self._bar().left()) / self._bar().width() * self._total_bytes)

    def _entries(self) -> list[Entry]:
        """Kind, name, bytes and model of each entry of the legend."""
        models: dict[str, int] = {}
        for part in self._parts:
            if part.model_id is not None:
                models[part.model_id] = models.get(part.model_id, 0) + part.size_bytes
        by_size = sorted(models.items(), key=lambda pair: -pair[1])
        named = {model_id for model_id, _ in by_size[:_MOST_MODELS_NAMED]}
        entries: list[Entry] = [
            ("model", self._name_of(model_id), amount, model_id)
            for model_id, amount in models.items()
            if model_id in named
        ]
        rest = by_size[_MOST_MODELS_NAMED:]
        if rest:
            name = self.tr("%n more model(s)", "", len(rest))
            entries.append(("other", name, sum(amount for _, amount in rest), None))
        if self._ghost is not None and self._ghost_bytes():
            ghost = self._ghost
            entries.append(("ghost", self._name_of(ghost.model_id), self._ghost_bytes(), ghost.model_id))
        if self._limit_bytes is not None:
            entries.append(("limit", self.tr("limit"), self._limit_bytes, None))
        entries += [(p.kind, p.name, p.size_bytes, p.program) for p in self._parts if p.model_id is None]
        return entries

    def _legend_line(self, width: float) -> list[tuple[float, Entry, str]]:
        """Where each entry stands and what it says; what has no room is left to the tool tip of the line."""
        metrics = QFontMetricsF(tabular(self.font()))
        swatch, gap = metrics.height() * 1.05, metrics.height() * 0.9
        line: list[tuple[float, Entry, str]] = []
        x = 0.0
        for entry in self._legend:
            text = self._entry_text(entry)
            room = width - x - swatch
            if metrics.horizontalAdvance(text) > room:
                text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
                if room > 4 * metrics.height():
                    line.append((x, entry, text))
                break
            line.append((x, entry, text))
            x += swatch + metrics.horizontalAdvance(text) + gap
        return line

    def _entry_text(self, entry: Entry) -> str:
        name = figures.isolated(entry[1] if len(entry[1]) <= 26 else f"{entry[1][:25]}…")
        if entry[0] == "ghost":
            return f"{name} +{self._ghost_text()}"
        write = figures.chosen_size if entry[0] in ("limit", "reserve") else figures.size
        return f"{name} {write(entry[2])}"

    def _draw_legend(self, painter: QPainter) -> None:
        colours = self._theme.palette
        font = tabular(self.font())
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        side = round(metrics.height() * 0.62)
        row = self._legend_place()
        for x, entry, text in self._line:
            swatch = QRectF(row.left() + x + 0.5, row.center().y() - side / 2, side, side)
            self._draw_swatch(painter, swatch, entry[0], entry[3])
            painter.setPen(QColor(colours.text))
            text_rect = row.adjusted(x + metrics.height() * 1.05, 0, 0, 0)
            painter.drawText(text_rect, Qt.AlignmentFlag.AlignVCenter, text)

    def _draw_swatch(self, painter: QPainter, rect: QRectF, kind: str, model_id: str | None) -> None:
        colours = self._theme.palette
        painter.setPen(Qt.PenStyle.NoPen)
        if kind == "limit":
            painter.setBrush(QColor(colours.text))
            painter.drawRect(QRectF(rect.center().x() - 1, rect.top() - 2, 2, rect.height() + 4))
            return
        if kind == "ghost":
            assert model_id is not None
            tint = QColor(self._theme.model_colours.of(model_id))
            tint.setAlphaF(0.45)
            painter.setBrush(tint)
            painter.setPen(QPen(QColor(colours.text), 1, Qt.PenStyle.DashLine))
        elif model_id is not None:
            colour = self._theme.model_colours.of(model_id)
            painter.setBrush(colour)
            painter.setPen(QPen(mix(colour, colours.text, 0.3), 1))
        else:
            part = Part(kind, "", 0)
            painter.setBrush(self._brush(part))
            painter.setPen(QPen(mix(colours.border, colours.text, 0.25), 1))
        painter.drawRoundedRect(rect, 3, 3)

    def _explanation(self, kind: str, name: str, amount: int) -> str:
        texts = {
            "private": self.tr("Private memory of the model: only unloading gives it back."),
            "weights": self.tr("Weights mapped from the file: the system can take them back when it must."),
            "promised": self.tr("Promised to loaded models: their contexts may still grow into it."),
            "room": self.tr("Room for further models: what is neither used, promised nor kept free."),
            "free": self.tr("Free memory beyond the limit, also used by the system to cache files."),
            "reserve": self.tr("Kept free for everything else on this computer."),
            "neighbour": self.tr("Another program that holds models, as measured."),
            "other": self.tr("Other programs and the system."),
            "own": self.tr("This program itself: window, service and the process that starts models."),
        }
        return f"{name} · {figures.size(amount)}\n{texts.get(kind, '')}"

    # --- Qt --------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._held = event.button() == Qt.MouseButton.LeftButton and self._on_limit(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held:
            self.limit_dragged.emit(self._key, self._amount_at(event.position().x()))
        self.setCursor(
            Qt.CursorShape.SizeHorCursor
            if self._held or self._on_limit(event.position())
            else Qt.CursorShape.ArrowCursor
        )

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._held:
            self._held = False
            self.limit_dropped.emit(self._key, self._amount_at(event.position().x()))

    def resizeEvent(self, event: object) -> None:
        self._tell()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self._tip_at(QPointF(event.pos())), self)
            return True
        return super().event(event)

    def _tip_at(self, place: QPointF) -> str:
        """What is to be said of a place; empty: nothing."""
        for part, left, right in self._placed():
            if self._bar().contains(place) and left <= place.x() < max(right, left + 2):
                return self._explanation(part.kind, part.name, part.size_bytes)
        if self._legend_place().contains(place) and len(self._line) < len(self._legend):
            return "\n".join(self._entry_text(entry) for entry in self._legend)
        return ""

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._total_bytes:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_bar(painter)
        self._draw_ghost(painter)
        self._draw_limit(painter)
        self._draw_legend(painter)
