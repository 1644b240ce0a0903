"""Every test here gets its own nursery."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from llmmem_gui.service.hosting.hosts import HostStarter
from tests.running_hosts import running_starter


@pytest_asyncio.fixture
async def starter() -> AsyncIterator[HostStarter]:
    """Starts hosts from a nursery."""
    async with running_starter() as each:
        yield each
