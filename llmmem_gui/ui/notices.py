"""What the window has to say right now: the warning that stands, and notices that wait to be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from llmmem_gui.ui.notice_bar import Notice, NoticeBar
from llmmem_gui.ui.requests import Request
from llmmem_gui.ui.theme import Theme

_MOST_SHOWN = 3
"""Notices that are shown at the same time; older ones come back when newer ones are gone."""

Say = Callable[[], Notice | None]
"""Says a notice in the language in force and as things are now; None when it is over."""


@dataclass(eq=False, slots=True)
class _Told:
    about: object
    say: Say
    bar: NoticeBar


class Notices(QWidget):
    """Shows the warning about memory above the notices, the newest of them first.

    A notice about the same thing takes the place of the one before; about another it stands beside it.

    Signals: `requested` with the request of a button; `warning_closed`; `snoozed` with minutes; `left` when
    what had the focus is gone.
    """

    requested = Signal(object)
    warning_closed = Signal()
    snoozed = Signal(int)
    left = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.warning = NoticeBar(theme, can_snooze=True)
        self._told: list[_Told] = []
        self._lines = QVBoxLayout(self)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(6)
        self._lines.addWidget(self.warning)
        self.warning.requested.connect(self.requested)
        self.warning.closed.connect(self.warning_closed)
        self.warning.snoozed.connect(self.snoozed)
        self.hide()

    def show_warning(self, warning: Notice | None) -> None:
        """Show the warning about memory as it stands, or that none does."""
        if warning is not None:
            self.warning.show_notice(warning)
        elif not self.warning.isHidden():
            self._hide(self.warning)
        self._show_if_any()

    def tell(self, say: Say, *, about: object) -> None:
        """Show a notice until it is closed, its offer is taken, or it says that it is over."""
        for told in [told for told in self._told if told.about == about]:
            self._forget(told)
        bar = NoticeBar(self._theme)
        told = _Told(about, say, bar)
        bar.closed.connect(lambda: self._end(told))
        bar.requested.connect(lambda request: self._take(told, request))
        self._told.insert(0, told)
        self._lines.insertWidget(1, bar)
        self.refresh()

    def refresh(self) -> None:
        """Say everything as things are now."""
        for told in list(self._told):
            notice = told.say()
            if notice is None:
                self._forget(told)
                continue
            told.bar.show_notice(notice)
        for place, told in enumerate(self._told):
            told.bar.setVisible(place < _MOST_SHOWN)
        self._show_if_any()

    def retranslate(self) -> None:
        """Write all in the language and colours in force; the words of the warning come from outside."""
        self.warning.retranslate()
        for told in self._told:
            told.bar.retranslate()
        self.refresh()

    @property
    def shown(self) -> list[NoticeBar]:
        """The bars of the notices, the newest first."""
        return [told.bar for told in self._told[:_MOST_SHOWN]]

    def _take(self, told: _Told, request: Request) -> None:
        self._end(told)
        self.requested.emit(request)

    def _end(self, told: _Told) -> None:
        self._forget(told)
        self.refresh()

    def _forget(self, told: _Told) -> None:
        if told in self._told:
            self._told.remove(told)
            self._lines.removeWidget(told.bar)
            self._hide(told.bar)
            told.bar.deleteLater()

    def _hide(self, bar: NoticeBar) -> None:
        focused = self.window().focusWidget()
        had_focus = focused is not None and bar.isAncestorOf(focused)
        bar.hide()
        if had_focus:
            self.left.emit()

    def _show_if_any(self) -> None:
        self.setVisible(bool(self._told) or not self.warning.isHidden())
