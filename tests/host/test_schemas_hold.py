"""Schemas of real tools, and of each keyword: answers at random fit them, and nothing kills a host."""

from __future__ import annotations

import asyncio
import random
import re
from pathlib import Path
from typing import Any

import llguidance
import pytest

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.host.schemas import NotHeld, checked, schema_grammar
from llmmem_gui.service.hosting.hosts import Host, HostStarter
from tests.host.schema_mutations import ask_all
from tests.running_hosts import loaded_host, text_of
from tests.tool_schemas import HELD, NOT_HELD, REAL
from tests.tool_schemas.judge import fault_in

ANSWERS = 60
AT_ONCE = 4
MUTATIONS = 300


def test_all_are_held_that_should_be() -> None:
    """Each with its place when that changes."""
    assert len(REAL) >= 60
    for name, schema in HELD.items():
        try:
            checked(schema, name)
        except NotHeld as refused:
            pytest.fail(str(refused))


@pytest.mark.parametrize("name", NOT_HELD)
def test_only_what_llguidance_cannot_hold_is_refused(name: str) -> None:
    """It says so itself of the schema as the client sent it, and the place is one in the schema."""
    schema = NOT_HELD[name]
    with pytest.raises(NotHeld) as refused:
        checked(schema, "place")
    assert llguidance.LLMatcher.validate_grammar(schema_grammar(schema))
    assert exists(refused.value.place.removeprefix("place"), schema)


async def test_answers_at_random_fit_their_schemas(starter: HostStarter, smol_path: Path) -> None:
    """Several at once: of those that end, each is JSON that fits."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=4096))
    names = iter(random.Random(3).sample(sorted(HELD), ANSWERS))
    ends = {"stop": 0, "length": 0}

    async def ask_some() -> None:
        for number, name in enumerate(names):
            schema = HELD[name]
            request = {
                "messages": [{"role": "user", "content": f"Give an example of {name}, as short JSON."}],
                "temperature": 1.0,
                "seed": number,
                "max_tokens": 120,
                "response_format": {"type": "json_schema", "schema": schema},
            }
            answered = await host.ask("chat", request).finished()
            assert answered.payload is not None
            reason = answered.payload["choices"][0]["finish_reason"]
            ends[reason] += 1
            fault = fault_in(text_of(answered), schema) if reason == "stop" else None
            assert fault is None, f"{name}: {text_of(answered)}: {fault}"

    await asyncio.gather(*(ask_some() for _ in range(AT_ONCE)))
    assert ends["stop"] > ANSWERS / 2


async def test_no_schema_kills_a_host(starter: HostStarter, smol_path: Path) -> None:
    """Whatever it is, it is answered or refused, with a place that is in it; and the host goes on."""
    host = await loaded_host(starter, smol_path, LoadParameters(context=2048))
    tally = await ask_all(host, MUTATIONS, seed=20)
    assert sum(tally.ends.values()) == MUTATIONS
    assert min(tally.ends["answered"], tally.ends["refused"]) > MUTATIONS / 10
    for asked, error in tally.refused:
        place, schema = error.parameter, asked.get("schema")
        assert place is not None, (asked, str(error))
        if schema is not None:
            assert exists(place.removeprefix("response_format"), schema), (asked, str(error))
    assert await is_alive(host)


async def is_alive(host: Host) -> bool:
    """It still answers."""
    request = {"prompt": "One", "max_tokens": 2}
    return bool(text_of(await host.ask("completion", request).finished()))


def exists(path: str, schema: Any) -> bool:
    """Whether a path such as `.properties.a.anyOf[0]` leads somewhere in a schema."""
    if not path:
        return True
    place = re.match(r"\[(\d+)\]", path)
    if place is not None and isinstance(schema, list):
        number = int(place[1])
        return number < len(schema) and exists(path[place.end() :], schema[number])
    steps = schema if isinstance(schema, dict) else {}
    # Names may have points in them.
    return any(path.startswith(f".{key}") and exists(path[len(key) + 1 :], steps[key]) for key in steps)
