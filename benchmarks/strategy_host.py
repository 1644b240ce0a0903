"""A host to be measured: loaded, asked, read, stopped; and the text that it is asked about."""

from __future__ import annotations

import itertools
import random
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.protocol import Answered
from llmmem_gui.service.hosting.hosts import Host, HostStarter
from llmmem_gui.service.sampling.process_memory import ProcessMemory, read_process_memory

ANSWER_TOKENS = 48
_RESERVED = re.compile(rb"^VmData:\s+(\d+)", re.MULTILINE)
_SENTENCES = (
    "The harbour master wrote the names of the boats in a long green book.",
    "Every spring the river rose over the lower fields and left them dark and soft.",
    "She kept seven clocks in the hall, and no two of them agreed.",
    "A letter came from the mountains, and it smelled of smoke and pine.",
    "They counted the apples twice before the cart went down to the market.",
    "Nobody remembered who had built the bridge or what it was called at first.",
    "The youngest of the carpenters could tell the wood by its sound.",
)


class HostUnderTest:
    """A host with its model loaded, and what it takes."""

    def __init__(self, host: Host, birth: ProcessMemory, reserved_birth_bytes: int) -> None:
        self._host = host
        self._birth = birth
        self._reserved_birth_bytes = reserved_birth_bytes
        self.load_seconds = 0.0

    @property
    def host(self) -> Host:
        """The host itself."""
        return self._host

    def memory(self) -> ProcessMemory:
        """Private bytes without those shared with the nursery, and mapped bytes since birth."""
        now = read_process_memory(self._host.pid)
        assert now is not None
        private_bytes = now.private_bytes - self._host.shared_bytes
        return ProcessMemory(private_bytes, now.since(self._birth).mapped_bytes)

    def reserved_bytes(self) -> int:
        """Private bytes of address space since birth, touched or not."""
        return reserved_bytes(self._host.pid) - self._reserved_birth_bytes

    async def ask(self, prompt: str, tokens: int = ANSWER_TOKENS) -> tuple[str, Answered]:
        """Complete a prompt with the likeliest tokens."""
        arguments = {"prompt": prompt, "max_tokens": tokens, "temperature": 0.0, "seed": 1}
        answer = await self._host.ask("completion", arguments).finished()
        assert answer.payload is not None
        return answer.payload["choices"][0]["text"], answer


def reserved_bytes(pid: int) -> int:
    """`VmData` of a process: what `RLIMIT_DATA` bounds, and Windows would call committed."""
    found = _RESERVED.search(Path(f"/proc/{pid}/status").read_bytes())
    assert found is not None
    return int(found[1]) * 1024


def prose(words: int, seed: int = 1) -> str:
    """Text of this many words: the same sentences again and again, in an order that the seed decides.

    What comes next is certain, so that a model's answer does not hang on the last bit of a number.
    """
    sentences = list(_SENTENCES)
    random.Random(seed).shuffle(sentences)
    endless = itertools.cycle(" ".join(sentences).split())
    return " ".join(itertools.islice(endless, words))


def speeds(answer: Answered) -> dict[str, float]:
    """Time for the prompt, and tokens a second for the prompt and the answer."""
    first = answer.first_token_seconds or answer.seconds
    rest = max(1e-9, answer.seconds - first)
    return {
        "prompt_tokens": answer.prompt_tokens,
        "prompt_seconds": first,
        "prompt_tokens_per_second": answer.prompt_tokens / first,
        "tokens_per_second": (answer.completion_tokens - 1) / rest,
    }


@asynccontextmanager
async def loaded_host(
    starter: HostStarter,
    path: Path,
    parameters: LoadParameters,
    threads: int,
    born: Callable[[int], None] = lambda _: None,
) -> AsyncIterator[HostUnderTest]:
    """A host that has loaded a model; it is stopped at the end. `born` is told its pid before it loads."""
    host = await starter.birth()
    born(host.pid)
    birth = read_process_memory(host.pid)
    assert birth is not None
    tested = HostUnderTest(host, birth, reserved_bytes(host.pid))
    try:
        started = time.monotonic()
        await host.load(path, parameters, threads)
        tested.load_seconds = time.monotonic() - started
        yield tested
    finally:
        await host.stop()
