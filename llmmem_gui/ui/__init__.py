"""The window, its parts and the desktop around it; whatever of it is imported has Qt imported leanly."""

from __future__ import annotations

import sys

import PySide6.QtCore  # noqa: F401 - brings what is told below


def _look_into_no_module(_: object) -> None:
    """Stands where PySide6 searches the source text of each imported module for its own name."""


# It asks which modules might switch its `__feature__` on (snake_case names); none here does. The texts of
# some six hundred modules would be read for it and kept: 20 MiB, and up to a fifth of the time of importing.
if (_feature := sys.modules.get("shibokensupport.feature")) is not None:
    _feature.feature_imported = _look_into_no_module  # type: ignore[attr-defined]
