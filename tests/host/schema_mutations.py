"""Schemas and regular expressions as nobody means them, asked of a real host.

`python -m tests.host.schema_mutations [COUNT] [SEED]`, from the root of the tree, tries many and prints what
came of them, which took longest, and how much memory they took.
"""

from __future__ import annotations

import asyncio
import copy
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.hosting.hosts import AskFailedError, Host
from tests.running_hosts import loaded_host, running_starter
from tests.tool_schemas import HELD, NOT_HELD

HELLO = [{"role": "user", "content": "Hello."}]
PATIENCE_SECONDS = 120.0
"""What takes longer hangs, however busy the machine is."""
AT_ONCE = 4

_VALUES: tuple[Any, ...] = (
    *(True, False, None, 0, -1, 1, 3, 2**31, 2**63, -(2**64), 10**25, 0.1, -2.5, 1e-9, 1e300),
    *(
        "",
        "a",
        "é\u2028😀",
        '"\\',
        "x" * 3000,
        "string",
        "object",
        "date",
        "uri",
        "#",
        "#/$defs/a",
        "(",
        "^a{9}$",
    ),
    *([], {}, [[]], [{}], [1, "a"], {"type": "string"}, {"type": "colour"}, {"$ref": "#"}, ["a", "b"]),
)
_KEYWORDS = (
    *(
        "type",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "allOf",
        "not",
        "if",
        "$ref",
        "$defs",
        "properties",
        "required",
    ),
    *(
        "additionalProperties",
        "patternProperties",
        "propertyNames",
        "minProperties",
        "maxProperties",
        "items",
    ),
    *("prefixItems", "minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern", "format"),
    *(
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "$schema",
        "$id",
        "nullable",
    ),
    *("x-guidance", "unevaluatedProperties", "dependentRequired", "description"),
)
_EXPRESSIONS = (
    *(
        r"^\d{3}-\w+$",
        r"(a|b)*c",
        r"[^\s\d]{2,6}",
        r"\p{L}+\.",
        r"(?i)abc|x?y+",
        r"^(?:\w+@){1,3}\S$",
        ".*a.{3}",
    ),
    *(
        r"\x41\u00e9",
        r"[\[\]\\-]",
        "(?P<n>a)b",
        r"a{2,}b{,3}",
        "^$",
        r"\bword\b",
        "(?=a)a",
        r"(a)\1",
        "(?s:.)*",
    ),
)
_PIECES = (
    *(
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "*",
        "+",
        "?",
        "|",
        "^",
        "$",
        ".",
        "\\",
        "a",
        "é",
        "{3}",
        "{0,9}",
        "{1000}",
    ),
    *(
        "{2,200}",
        "(?:",
        "(?i)",
        "(?!",
        r"\d",
        r"\W",
        r"\p{Lu}",
        r"\b",
        "[^",
        "-",
        "&&",
        "~",
        "\n",
        "\0",
        "😀",
    ),
)


def mutated(schema: Any, chance: random.Random) -> Any:
    """A schema with something in it exchanged, left out, put in, repeated or wrapped."""
    changed = {"": copy.deepcopy(schema)}
    for _ in range(chance.randint(1, 4)):
        holder, key = chance.choice(list(_places(changed)))
        inside = holder[key]
        match chance.randrange(7):
            case 0:
                holder[key] = copy.deepcopy(chance.choice(_VALUES))
            case 1 if isinstance(inside, dict) and inside:
                del inside[chance.choice(list(inside))]
            case 2 if isinstance(inside, dict):
                inside[chance.choice(_KEYWORDS)] = copy.deepcopy(chance.choice(_VALUES))
            case 3:
                other, place = chance.choice(list(_places(changed)))
                holder[key] = copy.deepcopy(other[place])
            case 4:
                holder[key] = {chance.choice(_KEYWORDS): inside}
            case 5:
                holder[key] = {chance.choice(("allOf", "anyOf", "oneOf")): [inside, copy.deepcopy(inside)]}
            case 6 if isinstance(inside, str):
                holder[key] = mutated_expression(inside, chance)
            case _ if isinstance(inside, int | float):
                holder[key] = inside * chance.choice((-1, 10, 997, 2**40, 0.3))
    return changed[""]


def _places(holder: Any) -> Iterator[tuple[Any, Any]]:
    """All places in a value: what holds them, and under which key."""
    for key, value in holder.items() if isinstance(holder, dict) else enumerate(holder):
        yield holder, key
        if isinstance(value, dict | list):
            yield from _places(value)


def mutated_expression(expression: str, chance: random.Random) -> str:
    """A regular expression with pieces put in, left out or repeated."""
    for _ in range(chance.randint(1, 4)):
        start, end = sorted(chance.choices(range(len(expression) + 1), k=2))
        middle = expression[start:end]
        put = chance.choice(
            ("", chance.choice(_PIECES), middle * 2, f"({middle}){{1,{chance.choice((9, 99, 999))}}}")
        )
        expression = expression[:start] + put + expression[end:]
    return expression[:5000]


def form(number: int, chance: random.Random) -> dict[str, Any]:
    """A form of an answer: of four one is a regular expression."""
    if number % 4 == 0:
        return {"type": "regex", "pattern": mutated_expression(chance.choice(_EXPRESSIONS), chance)}
    schema = mutated(chance.choice([*HELD.values(), *NOT_HELD.values()]), chance)
    return {"type": "json_schema", "schema": schema}


@dataclass
class Tally:
    """What came of all that was asked."""

    ends: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[dict[str, Any], AskFailedError]] = field(default_factory=list)
    slowest: list[tuple[float, str]] = field(default_factory=list)

    def note(self, asked: dict[str, Any], end: str, seconds: float) -> None:
        """Count one."""
        self.ends[end] += 1
        self.slowest = sorted([*self.slowest, (seconds, json.dumps(asked)[:400])], reverse=True)[:5]


async def ask_all(host: Host, count: int, seed: int) -> Tally:
    """Ask for so many answers, several at once. Raises TimeoutError, and HostEndedError when it dies."""
    chance, tally = random.Random(seed), Tally()
    forms = iter([form(number, chance) for number in range(count)])

    async def ask_some() -> None:
        for asked in forms:
            request = {
                "messages": HELLO,
                "temperature": 1.0,
                "max_tokens": 6,
                "seed": 1,
                "response_format": asked,
            }
            began, end = time.monotonic(), "answered"
            try:
                await asyncio.wait_for(host.ask("chat", request).finished(), PATIENCE_SECONDS)
            except AskFailedError as error:
                end = "refused"
                tally.refused.append((asked, error))
            except BaseException:
                print("was asked:", json.dumps(asked), file=sys.stderr)  # noqa: T201 - what it was that fails
                raise
            tally.note(asked, end, time.monotonic() - began)

    await asyncio.gather(*(ask_some() for _ in range(AT_ONCE)))
    return tally


async def _main(count: int, seed: int) -> None:
    model = Path(__file__).parents[2] / ".models" / "smollm2-135m-instruct.gguf"
    async with running_starter() as starter:
        host = await loaded_host(starter, model, LoadParameters(context=2048))
        process = psutil.Process(host.pid)
        await ask_all(host, 4, seed)
        before = process.memory_info().rss
        tally = await ask_all(host, count, seed)
        grown = (process.memory_info().rss - before) / 2**20
    print(dict(tally.ends), f"memory grew by {grown:.0f} MiB")  # noqa: T201
    for seconds, asked in tally.slowest:
        print(f"{seconds:.2f} s: {asked}")  # noqa: T201
    for reason, number in Counter(
        str(error).removeprefix(str(error.parameter))[:80] for _, error in tally.refused
    ).most_common(60):
        print(f"{number:6} {reason}")  # noqa: T201


if __name__ == "__main__":
    asyncio.run(_main(*(int(each) for each in (*sys.argv[1:], *("10000", "1")[len(sys.argv) - 1 :]))))
