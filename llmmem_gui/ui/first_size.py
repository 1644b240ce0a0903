"""The size of a window when it is shown first."""

from __future__ import annotations

from PySide6.QtCore import QSize

TITLE_BAR = 48
"""Pixels that the desktop draws above a window at most, and a little room."""
_FRAME = QSize(16, TITLE_BAR)


def first_size(wanted: QSize, available: QSize) -> QSize:
    """The size that is wanted, as far as a screen with so much room lets it be seen whole."""
    return wanted.boundedTo(available - _FRAME)
