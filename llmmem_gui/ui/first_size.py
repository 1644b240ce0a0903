"""The size of a window when it is shown first."""

from __future__ import annotations

from PySide6.QtCore import QSize

_FRAME = QSize(16, 48)
"""What the desktop draws around a window, and a little room."""


def first_size(wanted: QSize, available: QSize) -> QSize:
    """The size that is wanted, as far as a screen with so much room lets it be seen whole."""
    return wanted.boundedTo(available - _FRAME)
