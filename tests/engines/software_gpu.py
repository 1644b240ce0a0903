"""A GPU in software, found and tried as any other: Mesa's lavapipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from llmmem_gui.core.engines import EngineReport, InstalledEngine
from llmmem_gui.folders import Folders
from llmmem_gui.service.engines import trials
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.storage.engine_store import EngineStore
from tests.broken_engines import copied
from tests.service.running_service import RunningService, running_service


def prebuilt() -> InstalledEngine | None:
    """The engine with the module for Vulkan."""
    return next((each for each in EngineStore().engines() if each.manifest.source == "prebuilt"), None)


def report_of_software(engine: InstalledEngine) -> EngineReport:
    environment = {**os.environ, "LLMMEM_ENGINE": engine.folder, "LLAMA_CPP_LIB_PATH": engine.folder}
    told = subprocess.run(
        [*trials.trial_program(), "fit", "gpu"], env=environment, capture_output=True, text=True, check=True
    )
    devices = [each["description"] for each in json.loads(told.stdout)["devices"] if each["kind"] != "cpu"]
    if not any("llvmpipe" in description for description in devices):
        pytest.skip(f"no software Vulkan device (mesa-vulkan-drivers), only {devices}")
    return _report(engine)


@asynccontextmanager
async def service_with(report: EngineReport, models: Sequence[Path]) -> AsyncIterator[RunningService]:
    """A service whose engine, a copy of the prebuilt one, was found to be like that."""
    folders = Folders.of_user()
    folders.create()
    copy = folders.data / "engines" / "with-gpu"
    store = EngineStore(folders.data)
    # Not the prebuilt one itself: what is kept beside that holds for other tests, too.
    store.save(copied(copy, copy.name) if not copy.exists() else _engine(store, copy.name), report)
    folders.settings_file.write_text(f'[loading]\nengine = "{copy.name}"\n')
    choice = EngineChoice.of_machine(store, copy.name)
    assert _engine(store, copy.name).report is not None
    async with running_service(models, RunningService, choice) as running:
        yield running


def _engine(store: EngineStore, name: str) -> InstalledEngine:
    return next(engine for engine in store.engines() if engine.name == name)


def _report(engine: InstalledEngine) -> EngineReport:
    script = (
        "import asyncio, msgspec, sys\n"
        "from llmmem_gui.service.engines import trials\n"
        "from llmmem_gui.core.engines import InstalledEngine\n"
        "from llmmem_gui.service.storage.engine_store import EngineStore\n"
        "engine = next(e for e in EngineStore().engines() if e.manifest.source == 'prebuilt')\n"
        "async def main():\n"
        "    report = await trials.try_processor(engine, 0)\n"
        "    tried = InstalledEngine(engine.folder, engine.manifest, report)\n"
        "    sys.stdout.buffer.write(msgspec.json.encode(await trials.try_gpus(tried, 0)))\n"
        "asyncio.run(main())\n"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return msgspec.json.decode(told.stdout, type=EngineReport)
