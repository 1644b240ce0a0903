"""A day that never was, for the picture of the plot at 24 hours: models come and go as in an office.

As a program it writes the day into the history of the home in LLMMEM_HOME.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator

from llmmem_gui.core.events import Event
from llmmem_gui.core.readings import HostReading, MachineReading, Sample
from llmmem_gui.folders import Folders
from llmmem_gui.service.storage.history_store import HistoryStore

MIB = 1024**2
_LIMIT_BYTES = 640 * MIB
_STEP_SECONDS = 10
_SAMPLES_A_FLUSH = 300
_LOADED: dict[str, tuple[tuple[float, float], ...]] = {
    "smollm2-135m-instruct": ((-22.5, -19.2), (-15.0, -9.1), (-7.4, -0.2)),
    "gemma-3-270m-q4_k_m": ((-21.0, -18.4), (-12.3, -4.6), (-2.2, -0.2)),
}
"""Hours before now between which each model was loaded."""
_SIZES = {"smollm2-135m-instruct": (118, 97), "gemma-3-270m-q4_k_m": (96, 224)}
"""Private bytes and weights of each, MiB."""


async def write_day(folders: Folders, now: float) -> None:
    """Write the day into the history of these folders."""
    store = HistoryStore(folders.history_file)
    await store.open()
    for number, sample in enumerate(samples(now)):
        store.record(sample, _LIMIT_BYTES)
        if number % _SAMPLES_A_FLUSH == 0:
            await store.flush()
    for event in events(now):
        store.record_event(event)
    await store.close()


def samples(now: float) -> Iterator[Sample]:
    """Readings of the day, a pause at lunch included."""
    machine = MachineReading(32 * 1024 * MIB, 20 * 1024 * MIB, own_bytes=120 * MIB)
    first = round(now) - 24 * 3600
    for moment in range(first, round(now), _STEP_SECONDS):
        hour = (moment - now) / 3600
        if -17.6 < hour < -16.1:
            continue
        hosts = {
            model: _reading(model, hour)
            for model, spans in _LOADED.items()
            if any(begin <= hour < end for begin, end in spans)
        }
        yield Sample(float(moment), float(moment - first), machine, hosts)


def events(now: float) -> list[Event]:
    """What happened on that day, oldest first."""
    found = []
    for model, spans in _LOADED.items():
        for begin, end in spans:
            loaded = {"seconds": 0.4}
            back = {"given_back_bytes": float(_SIZES[model][0] * MIB), "seconds": 0.02}
            found.append(Event(now + begin * 3600, "model-loaded", model, actor="api", numbers=loaded))
            found.append(Event(now + end * 3600, "model-unloaded", model, "idle", "idle timer", numbers=back))
    warning = {"percent": 84.0, "current_bytes": 538.0 * MIB, "limit_bytes": float(_LIMIT_BYTES)}
    found.append(Event(now - 10.4 * 3600, "memory-warning", None, numbers=warning))
    return sorted(found, key=lambda event: event.time)


def _reading(model: str, hour: float) -> HostReading:
    private, weights = _SIZES[model]
    wave = 1 + 0.12 * math.sin(hour * 3) + 0.05 * math.sin(hour * 17)
    return HostReading(1, round(private * wave * MIB), weights * MIB)


if __name__ == "__main__":
    asyncio.run(write_day(Folders.of_user(), time.time()))
