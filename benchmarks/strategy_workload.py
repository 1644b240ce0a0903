"""A mixed workload on the whole service: many requests to several models, with and without a limit."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llmmem_gui.core.events import Event
from llmmem_gui.core.readings import Sample
from llmmem_gui.folders import Folders
from llmmem_gui.service.hosting.hosts import HostStarter
from llmmem_gui.service.memory_service import MemoryService
from llmmem_gui.service.storage.settings_file import SettingsFile

REQUESTS = 24
_SHARES = (6, 3, 2)
"""How often each model is asked, relative to the others."""


async def answer_workload(
    files: Sequence[Path], threads: int, limited: bool, may_doze: bool
) -> dict[str, Any]:
    """Answer the same requests to these models; a limit holds all of them but the smallest."""
    with tempfile.TemporaryDirectory() as home:
        folders = Folders.of_user({"LLMMEM_HOME": home})
        folders.create()
        service = MemoryService(folders, SettingsFile(folders.settings_file), HostStarter.spawn())
        await service.start()
        try:
            needs = await _prepare(service, files, threads, may_doze)
            return await _answer(service, needs, limited)
        finally:
            await service.close()


async def _answer(service: MemoryService, needs: Mapping[str, int], limited: bool) -> dict[str, Any]:
    limit = sum(needs.values()) - min(needs.values())
    await service.set_limit(None, limit if limited else 0, actor="script")
    events: Counter[str] = Counter()
    peak = 0

    def listen(fact: object) -> None:
        nonlocal peak
        if isinstance(fact, Event):
            events[fact.type] += 1
        elif isinstance(fact, Sample):
            peak = max(peak, sum(host.resident_bytes for host in fact.hosts.values()))

    end_listening = service.subscribe(listen)
    chooser = random.Random(7)
    seconds = []
    for number in range(REQUESTS):
        model = chooser.choices(list(needs), _SHARES)[0]
        prompt = f"Question {number}: how does a river reach the sea?"
        arguments = {"prompt": prompt, "max_tokens": 12, "temperature": 0.0, "seed": 1}
        started = time.monotonic()
        async for _ in service.ask(model, "completion", arguments, actor="script"):
            pass
        seconds.append(time.monotonic() - started)
    end_listening()
    return {
        "peak_resident_bytes": peak,
        "limit_bytes": limit if limited else None,
        "request_seconds": statistics.mean(seconds),
        "slowest_seconds": max(seconds),
        "loads": events["model-loaded"],
        "dozes": events["model-dozed"],
        "unloads": events["model-unloaded"],
    }


async def _prepare(
    service: MemoryService, files: Sequence[Path], threads: int, may_doze: bool
) -> dict[str, int]:
    """Take the files into the library; gives the forecast bytes of each model by its id."""
    changes = {
        "limits.may_doze": may_doze,
        "limits.reserve_bytes": 0,
        "loading.threads": threads,
        "monitoring.interval_seconds": 0.25,
        "library.search_known_folders": False,
    }
    await service.change_settings(changes, actor="script")
    needs = {}
    for file in files:
        model = await service.add_model(file)
        needs[model.id] = (await service.forecast(model.id)).total_bytes
    return needs
