"""Hosts for tests: real processes, stopped when the test is over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.protocol import Answered
from llmmem_gui.service.hosting.hosts import Host, HostStarter

SMALL = LoadParameters(context=512)


@asynccontextmanager
async def running_starter(with_nursery: bool = True) -> AsyncIterator[HostStarter]:
    """Starts hosts, and stops those that still run at the end."""
    starter = HostStarter.spawn(with_nursery)
    try:
        yield starter
    finally:
        await starter.close()


async def loaded_host(
    starter: HostStarter, path: Path, parameters: LoadParameters = SMALL, **arguments: Any
) -> Host:
    """A host that has loaded the model."""
    host = await starter.birth()
    await host.load(path, parameters, **arguments)
    return host


async def complete(host: Host, prompt: str, **arguments: Any) -> str:
    """The whole completion of a prompt, without chance."""
    answered = await host.ask("completion", {"prompt": prompt, "temperature": 0.0, **arguments}).finished()
    return text_of(answered)


def text_of(answered: Answered) -> str:
    """The text of a whole completion or chat answer."""
    assert answered.payload is not None
    choice = answered.payload["choices"][0]
    return str(choice["text"] if "text" in choice else choice["message"]["content"])


def is_running(pid: int) -> bool:
    """The process exists and is not a zombie."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
