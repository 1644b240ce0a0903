"""`llmmem engine`: the builds of llama.cpp on this machine, with or without a running program."""

from __future__ import annotations

import asyncio
import sys
import time
from argparse import Namespace

from llmmem_gui.cli.connection import connect
from llmmem_gui.cli.failures import CannotDo, WrongUsage
from llmmem_gui.cli.output import harmless, size, write_json, write_table
from llmmem_gui.core.engines import EngineOverview
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.folders import Folders
from llmmem_gui.service.api_client import ApiClient, NoProgram
from llmmem_gui.service.engines.engines import Engines
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.http.engine_records import EngineList, engine_list
from llmmem_gui.service.storage.engine_store import EngineStore
from llmmem_gui.service.storage.settings_file import SettingsFile

_LOOK_SECONDS = 1.0
_PATH = "/api/v1/engines"


def engine(options: Namespace) -> None:
    """List engines, or use, try or compile one."""
    if options.action in ("list", "build", "cancel") and options.name is not None:
        raise WrongUsage(f"`llmmem engine {options.action}` takes no name.")
    if options.action in ("use", "test") and options.name is None:
        raise WrongUsage(f"Name the engine to {options.action}; `llmmem engine` lists them.")
    try:
        found = _through_program(connect(), options.action, options.name)
    except NoProgram:
        found = asyncio.run(_alone(options.action, options.name))
    if options.json:
        write_json(found)
    else:
        _show(found)


def _through_program(program: ApiClient, action: str, name: str | None) -> EngineList:
    if action == "use":
        return program.request("PUT", _PATH, {"name": "" if name == "auto" else name}, gives=EngineList)
    if action == "test":
        return program.request("POST", f"{_PATH}/test", {"name": name}, gives=EngineList)
    if action == "cancel":
        return program.request("POST", f"{_PATH}/build/cancel", gives=EngineList)
    if action == "build":
        found = program.request("POST", f"{_PATH}/build", gives=EngineList)
        while found.build_percent is not None:
            _tell_progress(found.build_percent)
            time.sleep(_LOOK_SECONDS)
            found = program.request("GET", _PATH, gives=EngineList)
        if found.build_failure is not None:
            raise CannotDo(found.build_failure)
        return found
    return program.request("GET", _PATH, gives=EngineList)


async def _alone(action: str, name: str | None) -> EngineList:
    """Do it here, because no program runs that would."""
    folders = Folders.of_user()
    folders.create()
    settings = SettingsFile(folders.settings_file)
    store = EngineStore(folders.data)
    preferred = settings.settings.loading.engine

    async def prefer(chosen: str) -> None:
        await settings.save(settings.settings.with_value("loading.engine", chosen))
        engines.prefer(chosen)

    def note(sentence: Sentence) -> None:
        print(sentence, file=sys.stderr)

    def progress(overview: EngineOverview) -> None:
        if overview.build_progress is not None:
            _tell_progress(100 * overview.build_progress)

    engines = Engines(
        store, EngineChoice.of_machine(store, preferred), publish=progress, note=note, prefer=prefer
    )
    engines.look(preferred)
    try:
        if action == "use":
            await engines.use("" if name in (None, "auto") else str(name))
        elif action == "test":
            await engines.try_again(str(name))
        elif action == "build":
            engines.start_build()
            await engines.built()
            failure = engines.overview.build_failure
            if failure is not None:
                raise CannotDo(str(failure))
    finally:
        await engines.close()
    return engine_list(engines.overview)


def _tell_progress(percent: float) -> None:
    if sys.stderr.isatty():
        print(f"\r{percent:3.0f} % compiled", end="", file=sys.stderr, flush=True)


def _show(found: EngineList) -> None:
    rows = []
    for entry in found.engines:
        mark = "*" if entry.in_use else ""
        rows.append(
            (mark, entry.name, entry.version, entry.source, _verdict(entry.refused, entry.tried), "", "")
        )
        for trial in entry.trials:
            device = next((each for each in entry.devices if each.name == trial.device), None)
            what = f"  {trial.device}" if trial.extra_buffers else f"  {trial.device}, plain"
            told = "" if device is None else f"{device.description}, {size(device.total_bytes)}"
            result = "answers rightly" if trial.passed else str(trial.failure)
            rates = (_rate(trial.prompt_tokens_per_second), _rate(trial.answer_tokens_per_second))
            rows.append(("", what, harmless(told), "", result, *rates))
    headers = ("", "ENGINE", "VERSION", "SOURCE", "RESULT", "PROMPT/S", "ANSWER/S")
    write_table(headers, rows, right=headers[-2:])
    if found.in_use is None:
        print("No engine answers rightly on this machine: `llmmem engine build` compiles one for it.")
    if found.build_percent is not None:
        print(f"Compiling one for this processor: {found.build_percent:.0f} % done.")


def _verdict(refused: str | None, tried: bool) -> str:
    if refused is not None:
        return refused
    return "" if tried else "not tried"


def _rate(tokens_per_second: float) -> str:
    if not tokens_per_second:
        return "–"
    return f"{tokens_per_second:.0f}" if tokens_per_second >= 10 else f"{tokens_per_second:.1f}"
