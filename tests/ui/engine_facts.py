"""Engines as the service tells of them, for views shown without a service."""

from __future__ import annotations

from llmmem_gui.core.engines import (
    Device,
    EngineManifest,
    EngineOverview,
    EngineReport,
    InstalledEngine,
    Trial,
    choose,
)
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.units import GIB

CPU = Device("CPU", "a processor", "cpu", 32 * GIB)
CARD = Device("Vulkan0", "GeForce RTX 4090", "gpu", 24 * GIB)
CRASHED = Sentence("Engine", "crashed ({signal})").format(signal="SIGILL")


def engine(name: str, report: EngineReport | None, version: str = "0.2.0") -> InstalledEngine:
    """An engine of that name."""
    source = "compiled" if name == "native" else "prebuilt"
    return InstalledEngine(f"/{name}", EngineManifest(name, version, source), report)


PREBUILT = engine(
    "prebuilt",
    EngineReport(
        "",
        devices=(CPU, CARD),
        trials=(
            Trial("CPU", False, None, 140.0, 31.0),
            Trial("CPU", True, CRASHED),
            Trial("Vulkan0", True, None, 4200.0, 212.0),
        ),
        gpus_tried=True,
    ),
)
NATIVE = engine(
    "native",
    EngineReport("", None, (CPU,), (Trial("CPU", True, None, 155.0, 8.25),), gpus_tried=True),
    "llama-cpp-python 0.3.36",
)
REFUSED = engine("old", EngineReport("", Sentence("Engine", "is too old")))
UNTRIED = engine("new", None)
ALL = (PREBUILT, NATIVE, REFUSED, UNTRIED)


def overview(*engines: InstalledEngine, preferred: str = "") -> EngineOverview:
    """These engines, the best or the preferred one in use."""
    tried = [each for each in engines if each.report is not None]
    return EngineOverview(engines, next(iter(choose(tried, preferred)), None), preferred=preferred)
