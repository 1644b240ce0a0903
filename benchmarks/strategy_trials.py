"""The trials of `strategies.py`: each loads a model one way, uses it, and reads what that took.

A trial gives figures by name, the unit in each name. Private and mapped bytes are counted as the program
counts them; `said` is the text of an answer with the likeliest tokens, by which variants are compared.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from benchmarks.strategy_host import ANSWER_TOKENS, HostUnderTest, loaded_host, prose, speeds
from benchmarks.strategy_workload import answer_workload
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.hosting.host_process import host_environment
from llmmem_gui.service.hosting.hosts import HostStarter
from llmmem_gui.service.sampling.process_memory import read_process_memory
from tests.page_cache import forget_pages

Figures = dict[str, Any]

CONTEXT = 4096
SHORT_PROMPT_TOKENS = 500
BIRTHS = 5


@dataclass(frozen=True)
class Trial:
    """One way to do a thing, tried on one model."""

    strategy: str
    variant: str
    model: str
    run: Callable[[], Awaitable[Figures]]


class Trials:
    """All trials on the two models given; hosts come from a nursery, as they do in the program.

    `repacked` is the first of them with its matrices in a type that llama.cpp repacks.
    """

    def __init__(self, models: Mapping[str, Path], repacked: Path, threads: int) -> None:
        self._models = models
        self._smaller, self._larger = models
        self._repacked = repacked
        self._threads = threads
        self._nursery = HostStarter.spawn()
        self._fresh = HostStarter.spawn(with_nursery=False)
        self._tokens_per_word: dict[str, float] = {}

    async def close(self) -> None:
        """End the nursery and whatever it started."""
        await self._nursery.close()
        await self._fresh.close()

    async def prepare(self) -> None:
        """Warm the page cache and count how many tokens each model makes of a word."""
        for model in self._models:
            async with self._loaded(model, LoadParameters(context=CONTEXT)) as tested:
                _, answer = await tested.ask(prose(500), tokens=1)
                self._tokens_per_word[model] = answer.prompt_tokens / 500

    def all(self) -> Iterator[Trial]:
        """Every trial, the variants of a strategy one after the other."""
        yield Trial("unload", "close", "both", partial(self._close_in_process, trim_heap=False))
        yield Trial("unload", "close_and_trim", "both", partial(self._close_in_process, trim_heap=True))
        yield Trial("unload", "end_process", "both", self._end_processes)
        yield Trial("birth", "fresh", "none", partial(self._births, self._fresh))
        yield Trial("birth", "nursery", "none", partial(self._births, self._nursery))
        for model in self._models:
            yield from self._of_model(model)
        cores = os.cpu_count() or 1
        for variant, tried in (
            ("spinning", partial(self._two_spinning, cores)),
            ("all_cores_each", partial(self._two_at_once, self._nursery, cores)),
            ("divided", partial(self._two_at_once, self._nursery, max(1, cores // 2))),
        ):
            yield Trial("cores", variant, self._smaller, tried)
        files = [*self._models.values(), self._repacked]
        for variant, limited, may_doze in (
            ("no_limit", False, False),
            ("limit_unload", True, False),
            ("limit_doze", True, True),
        ):
            yield Trial(
                "limit", variant, "all", partial(answer_workload, files, self._threads, limited, may_doze)
            )

    def _of_model(self, model: str) -> Iterator[Trial]:
        def host(
            strategy: str, variant: str, tried: Callable[..., Awaitable[Figures]], **changes: Any
        ) -> Trial:
            return Trial(strategy, variant, model, partial(tried, model, LoadParameters(**changes)))

        def bare(strategy: str, variant: str, **left_out: Any) -> Trial:
            return Trial(strategy, variant, model, partial(self._bare, model, "host", **left_out))

        yield Trial("together", "library", model, partial(self._bare, model, "library"))
        yield host("together", "host", self._short, context=CONTEXT)
        for context in (2048, 4096, 8192, 32768):
            yield host("context", str(context), self._context, context=context)
        yield host("settings", "host", self._filled, context=CONTEXT)
        yield host("settings", "kv_q8_0", self._filled, context=CONTEXT, kv_type="q8_0")
        yield host("settings", "kv_q4_0", self._filled, context=CONTEXT, kv_type="q4_0")
        yield host("settings", "no_flash_attention", self._filled, context=CONTEXT, flash_attention=False)
        yield host("settings", "batch_128", self._filled, context=CONTEXT, batch=128)
        yield host("settings", "no_mmap", self._filled, context=CONTEXT, memory_map=False)
        if model == self._larger:  # the smaller one has no sliding window
            at_once = partial(self._diverge, first_question=False)
            yield host("window", "at_once", at_once, context=CONTEXT, full_sliding_window=True)
            yield host("window", "full", self._diverge, context=CONTEXT, full_sliding_window=True)
            yield host("window", "window", self._diverge, context=CONTEXT)
        yield bare("output", "every", one_output=False)
        yield bare("output", "one")
        yield bare("zeros", "kept", release_zeros=False)
        yield bare("zeros", "released")
        repacked = self._repacked if model == self._smaller else self._models[model]
        yield bare("repacked", "kept", drop_repacked=False, path=repacked)
        yield bare("repacked", "dropped", path=repacked)
        yield host("doze", "doze", self._doze, context=CONTEXT)

    def _loaded(
        self,
        model: str,
        parameters: LoadParameters,
        threads: int | None = None,
        starter: HostStarter | None = None,
    ) -> AbstractAsyncContextManager[HostUnderTest]:
        return loaded_host(
            starter or self._nursery, self._models[model], parameters, threads or self._threads
        )

    def _prompt(self, model: str, tokens: int) -> str:
        return prose(int(tokens / self._tokens_per_word[model]))

    async def _short(self, model: str, parameters: LoadParameters) -> Figures:
        async with self._loaded(model, parameters) as tested:
            loaded = tested.memory()
            said, answer = await tested.ask(self._prompt(model, SHORT_PROMPT_TOKENS))
            used = tested.memory()
            return {
                "private_loaded_bytes": loaded.private_bytes,
                "weights_loaded_bytes": loaded.mapped_bytes,
                "private_bytes": used.private_bytes,
                "weights_bytes": used.mapped_bytes,
                "reserved_bytes": tested.reserved_bytes(),
                "load_seconds": tested.load_seconds,
                "said": said,
                **speeds(answer),
            }

    async def _filled(self, model: str, parameters: LoadParameters) -> Figures:
        """Fill nearly the whole context, so that every byte that can be needed is."""
        async with self._loaded(model, parameters) as tested:
            # A word more or less; the answer needs room too.
            said, answer = await tested.ask(self._prompt(model, int(0.96 * CONTEXT) - ANSWER_TOKENS))
            used = tested.memory()
            return {
                "private_bytes": used.private_bytes,
                "weights_bytes": used.mapped_bytes,
                "load_seconds": tested.load_seconds,
                "said": said,
                **speeds(answer),
            }

    async def _context(self, model: str, parameters: LoadParameters) -> Figures:
        """What the context costs so far, in a host, and when all of its cache is written."""
        figures = await self._short(model, parameters)
        whole = await self._bare(model, "host", release_zeros=False, context=parameters.context)
        return {**figures, "private_whole_bytes": whole["private_bytes"]}

    async def _diverge(self, model: str, parameters: LoadParameters, first_question: bool = True) -> Figures:
        """Ask a second question that shares only the first half of a long prompt, or ask it at once."""
        shared = self._prompt(model, CONTEXT // 2)
        async with self._loaded(model, parameters) as tested:
            if first_question:
                await tested.ask(shared + " " + prose(1000, seed=2), tokens=1)
            said, answer = await tested.ask(shared + " " + prose(50, seed=3))
            used = tested.memory()
            return {
                "private_bytes": used.private_bytes,
                "weights_bytes": used.mapped_bytes,
                "second_prompt_seconds": answer.first_token_seconds,
                "said": said,
            }

    async def _doze(self, model: str, parameters: LoadParameters) -> Figures:
        prompt = self._prompt(model, 200)
        async with self._loaded(model, parameters) as tested:
            said, _ = await tested.ask(prompt)
            _, awake = await tested.ask(prompt)
            before = tested.memory()
            dozed = await tested.host.doze()
            asleep = tested.memory()
            said_woken, woken = await tested.ask(prompt)
            await tested.host.doze()
            forget_pages(self._models[model])
            said_cold, cold = await tested.ask(prompt)
            return {
                "weights_bytes": before.mapped_bytes,
                "weights_asleep_bytes": asleep.mapped_bytes,
                "private_bytes": before.private_bytes,
                "private_asleep_bytes": asleep.private_bytes,
                "doze_seconds": dozed.seconds,
                "awake_seconds": awake.seconds,
                "woken_seconds": woken.seconds,
                "woken_from_disk_seconds": cold.seconds,
                "same_answer_percent": 100.0 if said == said_woken == said_cold else 0.0,
            }

    async def _two_at_once(self, starter: HostStarter, threads: int) -> Figures:
        parameters, prompt = LoadParameters(context=1024), self._prompt(self._smaller, 50)

        def loaded() -> AbstractAsyncContextManager[HostUnderTest]:
            return self._loaded(self._smaller, parameters, threads, starter)

        async with loaded() as first, loaded() as second:
            started = time.monotonic()
            answers = await asyncio.gather(first.ask(prompt), second.ask(prompt))
            seconds = time.monotonic() - started
            tokens = sum(answer.completion_tokens for _, answer in answers)
            return {"seconds": seconds, "both_tokens_per_second": tokens / seconds, "threads": threads}

    async def _two_spinning(self, threads: int) -> Figures:
        """The same with threads that wait for each other as long as libgomp's own default has them."""
        os.environ["GOMP_SPINCOUNT"] = "300000"
        try:
            starter = HostStarter.spawn()
        finally:
            del os.environ["GOMP_SPINCOUNT"]
        try:
            return await self._two_at_once(starter, threads)
        finally:
            await starter.close()

    async def _births(self, starter: HostStarter) -> Figures:
        seconds, private, unique = [], [], []
        for _ in range(BIRTHS):
            started = time.monotonic()
            host = await starter.birth()
            seconds.append(time.monotonic() - started)
            process = psutil.Process(host.pid)
            memory = read_process_memory(host.pid)
            assert memory is not None
            private.append(memory.private_bytes)
            unique.append(process.memory_full_info().uss)
            await host.stop()
        return {
            "birth_seconds": statistics.median(seconds),
            "anonymous_bytes": statistics.median(private),
            "unique_bytes": statistics.median(unique),
        }

    async def _end_processes(self) -> Figures:
        """Four loads and answers, each in a host that ends; what is left can only be in the nursery."""
        assert self._nursery.nursery_pid is not None
        before = read_process_memory(self._nursery.nursery_pid)
        assert before is not None
        seconds = []
        for model in [*self._models, *self._models]:
            async with self._loaded(model, LoadParameters(context=CONTEXT)) as tested:
                await tested.ask(self._prompt(model, 200))
                started = time.monotonic()
                await tested.host.stop()
                seconds.append(time.monotonic() - started)
        after = read_process_memory(self._nursery.nursery_pid)
        assert after is not None
        left = max(0, after.private_bytes - before.private_bytes)
        return {"left_bytes": left, "unload_seconds": statistics.median(seconds)}

    async def _close_in_process(self, *, trim_heap: bool) -> Figures:
        paths = [str(path) for path in [*self._models.values(), *self._models.values()]]
        task = {
            "task": "close",
            "paths": paths,
            "trim_heap": trim_heap,
            "prompt": prose(150),
            "tokens": ANSWER_TOKENS,
            "threads": self._threads,
        }
        told = await bare_process(task)
        seconds = statistics.median(told["unload_seconds"])
        return {"left_bytes": told["left_bytes"][-1], "unload_seconds": seconds}

    async def _bare(
        self, model: str, kind: str, *, path: Path | None = None, context: int = CONTEXT, **left_out: bool
    ) -> Figures:
        keeps = {"one_output": True, "release_zeros": True, "drop_repacked": True, **left_out}
        task = {
            "task": kind,
            "path": str(path or self._models[model]),
            "parameters": {"context": context},
            "prompt": self._prompt(model, SHORT_PROMPT_TOKENS),
            "tokens": ANSWER_TOKENS,
            "threads": self._threads,
            **keeps,
        }
        told = await bare_process(task)
        loaded, answered = told["loaded"], told["answered"]
        return {
            "private_loaded_bytes": loaded["private_bytes"],
            "weights_loaded_bytes": loaded["weights_bytes"],
            "private_bytes": answered["private_bytes"],
            "weights_bytes": answered["weights_bytes"],
            "reserved_bytes": answered["reserved_bytes"],
            "prompt_seconds": told["first_token_seconds"],
            "said": told["text"],
            **{name: told[name] for name in ("load_seconds", "release_seconds") if name in told},
        }


async def bare_process(task: Mapping[str, Any]) -> dict[str, Any]:
    """Run `bare_process.py` and give what it prints. Raises RuntimeError with its errors when it fails."""
    engine = EngineChoice.of_machine().current
    assert engine is not None, "no engine answers rightly on this machine"
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.bare_process",
        json.dumps(task),
        cwd=Path(__file__).resolve().parents[1],
        env=host_environment(engine) | {"PATH": os.environ.get("PATH", "")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await child.communicate()
    if child.returncode != 0:
        raise RuntimeError(f"{task['task']} ended with {child.returncode}: {errors.decode()[-2000:]}")
    told: dict[str, Any] = json.loads(out)
    return told
