"""What a host costs: its own pages alone are counted, and nothing is resident before it is used."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.hosting import nursery as nursery_module
from llmmem_gui.service.hosting.host_process import host_program
from llmmem_gui.service.hosting.hosts import Host, HostStarter
from tests.running_hosts import SMALL, complete, loaded_host, running_starter

MIB = 2**20


def _kibibytes(pid: int, file: str, name: str) -> int:
    text = Path(f"/proc/{pid}/{file}").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    assert found is not None
    return int(found.group(1)) * 1024


def private_bytes(host: Host) -> int:
    """What the service counts: resident anonymous bytes without those shared with the nursery."""
    return _kibibytes(host.pid, "status", "RssAnon") - host.shared_bytes


async def test_a_new_host_owns_next_to_nothing(starter: HostStarter) -> None:
    """A forked host shares nearly all its memory with the nursery; what it owns is under 5 MiB."""
    host = await starter.birth()
    assert host.shared_bytes > 10 * MIB
    assert private_bytes(host) < 5 * MIB


async def test_private_bytes_are_those_that_nobody_shares(starter: HostStarter, smol_path: Path) -> None:
    """The count agrees with the kernel's (`Private_Dirty` of smaps_rollup) at birth, ready and used."""
    host = await starter.birth()
    other = await starter.birth()

    def assert_agreement() -> None:
        dirty = _kibibytes(host.pid, "smaps_rollup", "Private_Dirty")
        assert private_bytes(host) == pytest.approx(dirty, abs=MIB)

    assert_agreement()
    await host.load(smol_path, SMALL)
    assert_agreement()
    await host.ask("chat", {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 8}).finished()
    assert_agreement()
    assert other.shared_bytes > host.shared_bytes


async def test_the_cache_costs_memory_only_where_it_is_used(starter: HostStarter, smol_path: Path) -> None:
    """A context of 8192 tokens (180 MiB of KV cache) is given, but grows with the tokens that are in it."""
    host = await starter.birth()
    loaded = await host.load(smol_path, LoadParameters(context=8192))
    assert loaded.context == 8192
    empty = private_bytes(host)
    assert empty < 60 * MIB
    await complete(host, "word " * 500, max_tokens=1)
    filled = private_bytes(host)
    # 500 tokens of 22.5 KiB each: 30 layers, keys and values, 3 heads of 64, two bytes.
    assert 11 * MIB < filled - empty < 40 * MIB
    # It is kept: to say it again costs nothing.
    await complete(host, "word " * 500, max_tokens=1)
    assert private_bytes(host) - filled < 5 * MIB


async def test_released_pages_are_still_the_cache(starter: HostStarter, smol_path: Path) -> None:
    """A text as long as the context is computed with it, through every page that was given back."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=768))
    prompt = "The secret word is banana. " + "Nothing happens. " * 225 + "The secret word is"
    fresh = await loaded_host(starter, smol_path, LoadParameters(context=768))
    await complete(host, "Zebra " * 350, max_tokens=1)
    answer = await host.ask("completion", {"prompt": prompt, "max_tokens": 8, "temperature": 0.0}).finished()
    assert answer.prompt_tokens > 680
    assert answer.payload is not None
    assert answer.payload["choices"][0]["text"] == await complete(fresh, prompt, max_tokens=8)


async def test_repacked_weights_are_not_resident_twice(
    starter: HostStarter, smol_path: Path, gemma_path: Path
) -> None:
    """Gemma's weights are partly repacked: their mapping is dropped after the load. Smol's are not."""
    gemma, smol = await starter.birth(), await starter.birth()
    weights_bytes = (await gemma.load(gemma_path, SMALL)).weights_bytes
    assert _kibibytes(gemma.pid, "status", "RssFile") < 0.2 * weights_bytes
    weights_bytes = (await smol.load(smol_path, SMALL)).weights_bytes
    assert _kibibytes(smol.pid, "status", "RssFile") > 0.9 * weights_bytes


async def test_weights_that_are_not_mapped_are_private(starter: HostStarter, smol_path: Path) -> None:
    """Without a memory map the weights are the host's own, and it gives the same answer."""
    mapped = await loaded_host(starter, smol_path)
    copied = await loaded_host(starter, smol_path, LoadParameters(context=512, memory_map=False))
    assert private_bytes(copied) - private_bytes(mapped) > 85 * MIB
    prompt = "The capital of France is"
    assert await complete(copied, prompt, max_tokens=8) == await complete(mapped, prompt, max_tokens=8)


FRESH_PROGRAMS = """
import os, sys
sys.path.append(sys.argv[1])
import socket
from llmmem_gui.host import engine, process
from llmmem_gui.host.nursery import Nursery

kind, descriptor, parent = sys.argv[2:]
process.die_with(int(parent))
engine.supports_gpu = lambda: True
Nursery(socket.socket(fileno=int(descriptor)), PROGRAM).run()
"""


async def test_with_a_gpu_each_host_is_a_fresh_program(
    smol_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A nursery whose llama.cpp is built for a GPU starts the program anew; it works and shares nothing."""
    program = tmp_path / "nursery.py"
    program.write_text(FRESH_PROGRAMS.replace("PROGRAM", repr(host_program())))
    tree = str(Path(__file__).parents[2])
    monkeypatch.setattr(nursery_module, "host_program", lambda: [sys.executable, str(program), tree])
    async with running_starter() as starter:
        host = await loaded_host(starter, smol_path)
        assert "Paris" in await complete(host, "The capital of France is", max_tokens=4)
        assert "host" in Path(f"/proc/{host.pid}/cmdline").read_text().split("\0")
        assert host.shared_bytes < 2**16
        assert (await host.stop()).expected
