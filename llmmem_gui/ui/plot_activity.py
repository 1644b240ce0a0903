"""What can be seen of activity under the memory: the curves that a person can switch on and off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from PySide6.QtCore import QCoreApplication

from llmmem_gui.core.readings import Sample

translate = QCoreApplication.translate

Curve = Literal["tokens", "requests", "stalls", "swap", "gpu"]
CURVES: tuple[Curve, ...] = get_args(Curve)
"""All curves, in the order in which they stand below each other."""


def curve_name(curve: Curve) -> str:
    """What a curve is called in the menu."""
    return {
        "tokens": translate("Activity", "Tokens per second"),
        "requests": translate("Activity", "Requests, running and waiting"),
        "stalls": translate("Activity", "Stalls on memory (PSI)"),
        "swap": translate("Activity", "Swap in use"),
        "gpu": translate("Activity", "GPU memory"),
    }[curve]


def measured_curves(sample: Sample) -> frozenset[Curve]:
    """The curves that this computer has something for."""
    machine = sample.machine
    there: dict[Curve, bool] = {
        "tokens": True,
        "requests": True,
        "stalls": machine.pressure_some_percent is not None,
        "swap": machine.swap_total_bytes > 0,
        "gpu": any(gpu.used_bytes is not None and not gpu.unified for gpu in sample.gpus),
    }
    return frozenset(curve for curve in CURVES if there[curve])


def known_curves(names: Iterable[str]) -> frozenset[Curve]:
    """Those of the names that are curves."""
    given = set(names)
    return frozenset(curve for curve in CURVES if curve in given)
