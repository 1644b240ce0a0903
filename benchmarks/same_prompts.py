"""Chats as this program writes them beside `llama-server`: the same number of tokens for the same chat?

`python -m benchmarks.same_prompts --llama-server PROGRAM [--model FILE] [--chats N]`, from the root of the
tree. Chats are made up at random: system messages, turns, unicode, tools and their answers, begun answers.
What differs is printed with both numbers and the chat; nothing is judged, because some of it is meant.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from benchmarks.concurrency import SMOL, TREE, Contender, llama_server, this_program

WORDS = (
    *("rio", "São Paulo", "你好", "😀👩\u200d👩\u200d👧", "Привет", "नमस्ते"),
    *("<|im_end|>", "a < b", "  spaced  ", "line\nbreak", "{x}"),
)
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
KINDS = ("plain", "system", "developer", "parts", "tools", "called", "begun")


def text(chance: random.Random) -> str:
    """A few words, of all scripts."""
    return " ".join(chance.choices(WORDS, k=chance.randint(1, 8)))


def chat(chance: random.Random, kind: str) -> dict[str, Any]:
    """A chat of a kind, as a client sends it."""
    messages: list[dict[str, Any]] = []
    if kind in ("system", "developer"):
        messages.append({"role": kind, "content": text(chance)})
    for _ in range(chance.randint(0, 3)):
        messages.append({"role": "user", "content": text(chance)})
        messages.append({"role": "assistant", "content": text(chance)})
    messages.append({"role": "user", "content": text(chance)})
    if kind == "parts":
        messages[-1]["content"] = [{"type": "text", "text": text(chance)} for _ in range(2)]
    if kind == "called":
        function = {
            "name": "get_weather",
            "arguments": json.dumps({"city": text(chance)}, ensure_ascii=False),
        }
        call = {"id": "call00001", "type": "function", "function": function}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": "call00001", "content": text(chance)})
    if kind == "begun":
        messages.append({"role": "assistant", "content": text(chance)})
    return {"messages": messages, **({"tools": [TOOL]} if kind in ("tools", "called") else {})}


def prompt_tokens(contender: Contender, asked: dict[str, Any]) -> int | str:
    """How many tokens the chat has there, or why it is refused."""
    body = {"model": contender.model, "max_tokens": 1, "temperature": 0.0, **asked}
    url = f"{contender.url}/v1/chat/completions"
    answer = httpx.post(url, json=body, headers=contender.headers, timeout=600)
    if answer.status_code != 200:
        return str(answer.json()["error"]["message"])
    return int(answer.json()["usage"]["prompt_tokens"])


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--llama-server", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=SMOL)
    parser.add_argument("--chats", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    chance = random.Random(chosen.seed)
    equal: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    model = chosen.model.resolve()
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(this_program("this", TREE, model, 2))
        theirs = stack.enter_context(llama_server(chosen.llama_server.resolve(), model, 2))
        for number in range(chosen.chats):
            kind = KINDS[number % len(KINDS)]
            made = chat(chance, kind)
            counts = prompt_tokens(ours, made), prompt_tokens(theirs, made)
            asked[kind] += 1
            equal[kind] += counts[0] == counts[1]
            if counts[0] != counts[1]:
                print(kind, *counts, json.dumps(made, ensure_ascii=False)[:300], flush=True)
    for kind in KINDS:
        print(f"{kind:10} {equal[kind]:4} of {asked[kind]:4} with as many tokens")


if __name__ == "__main__":
    main()
