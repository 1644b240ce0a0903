"""Answers that are held to schemas: whether they fit, and what holding costs.

`python -m benchmarks.structured [--answers N] [--rounds N] [--model FILE]`, from the root of the tree. First
so many answers at temperature 1 over all schemas of `tests/tool_schemas`, several at once, judged by
`jsonschema`. Then ten schemas with answers that do not end, in turns with answers without a schema: time to
the first token and token rate, as medians; what compiling takes is told apart.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.protocol import Answered
from llmmem_gui.service.hosting.hosts import AskFailedError, Host, HostStarter
from tests.tool_schemas import HELD, REAL, Schema
from tests.tool_schemas.judge import fault_in

SMOL = Path(__file__).resolve().parent.parent / ".models" / "smollm2-135m-instruct.gguf"
AT_ONCE = 4
MOST_TOKENS = 200
MEASURED_TOKENS = 96
MEASURED = (
    *("edit at several places", "keep a list of what to do", "search in files", "create an issue"),
    *(
        "think step by step",
        "references of pydantic",
        "a discriminated union of zod",
        "a tree of pydantic",
        "an invoice",
        "a recipe",
    ),
)


async def ask(host: Host, about: str, schema: Schema | bool | None, **more: Any) -> Answered:
    """An answer at temperature 1."""
    form = {"response_format": {"type": "json_schema", "schema": schema}} if schema is not None else {}
    messages = [{"role": "user", "content": f"Give an example of {about}, as short JSON."}]
    return await host.ask("chat", {"messages": messages, "temperature": 1.0, **form, **more}).finished()


async def judge(host: Host, count: int) -> None:
    """Answers over all schemas: how many end, and how many of these fit."""
    names = list(HELD)
    numbers = iter(range(count))
    ends: Counter[str] = Counter()
    faults: list[str] = []

    async def ask_some() -> None:
        for number in numbers:
            name = names[number % len(names)]
            try:
                answered = await ask(host, name, HELD[name], seed=number, max_tokens=MOST_TOKENS)
            except AskFailedError as error:
                ends["failed"] += 1
                faults.append(f"{name}: {error}")
                continue
            assert answered.payload is not None
            choice = answered.payload["choices"][0]
            ends[choice["finish_reason"]] += 1
            if choice["finish_reason"] == "stop":
                text = choice["message"]["content"]
                fault = fault_in(text, HELD[name])
                if fault is not None:
                    faults.append(f"{name}: {text!r}: {fault}")

    began = time.monotonic()
    await asyncio.gather(*(ask_some() for _ in range(AT_ONCE)))
    print(f"{count} answers over {len(names)} schemas in {time.monotonic() - began:.0f} s:", dict(ends))
    print(f"{len(faults)} failed or do not fit")
    for fault in faults:
        print(" ", fault)


def endless(schema: Schema) -> Schema:
    """A long list of what a schema describes: no answer to it ends while it is measured."""
    definitions = {keyword: schema[keyword] for keyword in ("$defs", "definitions") if keyword in schema}
    return {"type": "array", "items": schema, "minItems": 99, **definitions}


async def measure(host: Host, rounds: int) -> None:
    """With and without a schema, in turns."""
    firsts: dict[bool, list[float]] = {True: [], False: []}
    rates: dict[bool, list[float]] = {True: [], False: []}
    compiled = []
    await ask(host, "nothing", {}, max_tokens=1)  # llguidance gets to know the vocabulary
    for turn in range(rounds):
        for name, schema in ((name, endless(REAL[name])) for name in MEASURED):
            await ask(host, name, None, max_tokens=1)  # the prompt is read before either is measured
            if turn == 0:
                first = await ask(host, name, schema, max_tokens=1)
                again = await ask(host, name, schema, max_tokens=1)
                assert first.first_token_seconds is not None
                assert again.first_token_seconds is not None
                compiled.append(first.first_token_seconds - again.first_token_seconds)
            for holds in (True, False) if turn % 2 else (False, True):
                answered = await ask(
                    host,
                    name,
                    schema if holds else None,
                    seed=turn,
                    max_tokens=MEASURED_TOKENS,
                    ignore_eos=True,
                )
                assert answered.first_token_seconds is not None
                firsts[holds].append(answered.first_token_seconds)
                seconds = answered.seconds - answered.first_token_seconds
                rates[holds].append((answered.completion_tokens - 1) / seconds)
    for figure, told in (("first token, s", firsts), ("tokens/s", rates)):
        held, free = statistics.median(told[True]), statistics.median(told[False])
        print(f"{figure:18} with a schema {held:8.4f}   without {free:8.4f}   ratio {held / free:.3f}")
    print(
        f"compiling, ms      median {1e3 * statistics.median(compiled):.1f}, most {1e3 * max(compiled):.1f}"
    )


async def run(model: Path, answers: int, rounds: int) -> None:
    """Both parts with one host."""
    starter = HostStarter.spawn()
    try:
        host = await starter.birth()
        await host.load(model, LoadParameters(context=4096, slots=AT_ONCE))
        if answers:
            await judge(host, answers)
        if rounds:
            await measure(host, rounds)
    finally:
        await starter.close()


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=SMOL)
    parser.add_argument("--answers", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    asyncio.run(run(chosen.model.resolve(), chosen.answers, chosen.rounds))


if __name__ == "__main__":
    main()
