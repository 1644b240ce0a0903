"""Several clients on one model at once, beside `llama-server` and beside another tree of this program.

`python -m benchmarks.concurrency [--before TREE] [--llama-server PROGRAM] [--rounds N] [--model FILE]
[--busy]`, from the root of the tree. All are asked over HTTP, with as many threads, and take turns: what
else the machine does touches all alike. Medians are printed; each prompt is new, so that no cache helps but
where that is measured. With `--busy` one client is measured alone, beside one and beside two programs that
compute on and on; this program then finds out by itself how many threads are well.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

TREE = Path(__file__).resolve().parent.parent
SMOL = TREE / ".models" / "smollm2-135m-instruct.gguf"
CONTEXT = 8192
SLOTS = 4
WORDS = ("river", "stone", "cloud", "garden", "window", "paper", "summer", "engine", "letter", "silver")

SETTINGS = f"""
[loading]
context = {CONTEXT}
threads = {{threads}}

[library]
search_known_folders = false

[api]
port = 0
"""


@dataclass(frozen=True)
class Contender:
    """A server with the model loaded."""

    name: str
    url: str
    model: str
    headers: dict[str, str]
    no_end: dict[str, Any]
    """The field that keeps an answer from ending early."""


@dataclass(frozen=True)
class Answer:
    """How one answer came, in seconds since it was asked for."""

    first_token_seconds: float
    seconds: float
    tokens: int


def prompt(words: int) -> str:
    """A text that nobody has seen before."""
    return "Write on and on. " + " ".join(random.choices(WORDS, k=words))


def ask(contender: Contender, text: str, tokens: int) -> Answer:
    """Continue a text with the likeliest tokens."""
    asked = {
        "model": contender.model,
        "prompt": text,
        "max_tokens": tokens,
        "temperature": 0.0,
        "stream": True,
        **contender.no_end,
    }
    started = time.perf_counter()
    first, count = 0.0, 0
    url = f"{contender.url}/v1/completions"
    with httpx.stream("POST", url, json=asked, headers=contender.headers, timeout=600) as answer:
        if answer.status_code != 200:
            answer.read()
            raise SystemExit(f"{contender.name}: {answer.text}")
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                count += 1
                first = first or time.perf_counter() - started
    return Answer(first, time.perf_counter() - started, tokens if count else 0)


def at_once(works: list[Callable[[], Answer]]) -> list[Answer]:
    """Do all at the same time."""
    answers: list[Answer | None] = [None] * len(works)

    def do(place: int) -> None:
        answers[place] = works[place]()

    threads = [threading.Thread(target=do, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answer for answer in answers if answer is not None]


def measure(contender: Contender) -> dict[str, float]:
    """All figures once."""
    figures = {}
    alone = ask(contender, prompt(40), 96)
    figures["alone: tokens/s"] = 95 / (alone.seconds - alone.first_token_seconds)
    figures["alone: first token, s"] = alone.first_token_seconds
    started = time.perf_counter()
    at_once([lambda: ask(contender, prompt(40), 96)] * 4)
    figures["4 clients: tokens/s together"] = 4 * 96 / (time.perf_counter() - started)
    started = time.perf_counter()
    at_once([lambda: ask(contender, prompt(20), 30)] * 8)
    figures["8 clients of 30 tokens, s"] = time.perf_counter() - started

    def late() -> Answer:
        time.sleep(1.0)
        return ask(contender, prompt(4), 1)

    _, short = at_once([lambda: ask(contender, prompt(40), 200), late])
    figures["1 token beside a long answer, s"] = short.seconds
    texts = [prompt(1500), prompt(1500)]
    first = [ask(contender, text, 8).seconds for text in texts]
    second = [ask(contender, text + " " + prompt(4), 8).seconds for text in texts]
    figures["2 conversations: first turn, s"] = statistics.mean(first)
    figures["2 conversations: second turn, s"] = statistics.mean(second)
    return figures


def measure_beside_others(contender: Contender) -> dict[str, float]:
    """How fast one client is answered while other programs are busy."""
    figures = {}
    for others in range(3):
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(others)]
        try:
            time.sleep(2.0)  # so that what there was before is not taken for others
            answer = ask(contender, prompt(40), 96)
        finally:
            for process in busy:
                process.kill()
                process.wait()
        figures[f"beside {others} busy programs: tokens/s"] = 95 / (
            answer.seconds - answer.first_token_seconds
        )
    return figures


@contextlib.contextmanager
def this_program(name: str, tree: Path, model: Path, threads: int) -> Iterator[Contender]:
    """`llmmem serve` of a tree, in a home of its own."""
    with tempfile.TemporaryDirectory(prefix="llmmem-bench-") as folder:
        home = Path(folder)
        (home / "config").mkdir()
        (home / "config" / "settings.toml").write_text(SETTINGS.format(threads=threads))
        environment = {**os.environ, "LLMMEM_HOME": str(home), "PYTHONPATH": str(tree)}
        python = tree / ".venv" / "bin" / "python"
        command = [
            str(python if python.exists() else sys.executable),
            "-m",
            "llmmem_gui.cli",
            "serve",
            "--json",
        ]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=tree)
        try:
            assert process.stdout is not None
            ready: dict[str, Any] = json.loads(process.stdout.readline())
            headers = {"authorization": f"Bearer {Path(ready['token_file']).read_text().strip()}"}
            root = ready["url"].removesuffix("/v1")
            added = httpx.post(
                f"{root}/api/v1/models", json={"path": str(model)}, headers=headers, timeout=60
            )
            yield Contender(name, root, added.json()["id"], headers, {"logit_bias": {"0": -100, "2": -100}})
        finally:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def llama_server(program: Path, model: Path, threads: int) -> Iterator[Contender]:
    """llama.cpp's own server with as many slots over one cache."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "-m", model, "-np", SLOTS, "--kv-unified", "-c", CONTEXT, "-t", threads]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(program.parent)}
    process = subprocess.Popen(
        [*map(str, command), "--port", str(port), "--no-webui", "--fit", "off"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/health").status_code == 200:
                    break
            time.sleep(0.1)
        yield Contender("llama-server", url, "model", {}, {"ignore_eos": True})
    finally:
        process.terminate()
        process.wait(30)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, help="root of another tree of this program")
    parser.add_argument("--llama-server", type=Path)
    parser.add_argument("--model", type=Path, default=SMOL)
    parser.add_argument("--threads", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--busy", action="store_true", help="one client beside other programs")
    chosen = parser.parse_args()
    model = chosen.model.resolve()
    measured = measure_beside_others if chosen.busy else measure
    own_threads = 0 if chosen.busy else chosen.threads
    with contextlib.ExitStack() as stack:
        contenders = [stack.enter_context(this_program("this", TREE, model, own_threads))]
        if chosen.before:
            contenders.append(
                stack.enter_context(this_program("before", chosen.before.resolve(), model, chosen.threads))
            )
        if chosen.llama_server:
            contenders.append(
                stack.enter_context(llama_server(chosen.llama_server.resolve(), model, chosen.threads))
            )
        for contender in contenders:
            ask(contender, prompt(10), 4)
        rounds: dict[str, list[dict[str, float]]] = {contender.name: [] for contender in contenders}
        for number in range(chosen.rounds):
            for contender in contenders if number % 2 == 0 else contenders[::-1]:
                rounds[contender.name].append(measured(contender))
                print(f"round {number + 1}: {contender.name}", rounds[contender.name][-1], flush=True)
    print(f"{'median of ' + str(chosen.rounds):36}" + "".join(f"{each.name:>14}" for each in contenders))
    for figure in rounds["this"][0]:
        medians = [statistics.median(each[figure] for each in rounds[c.name]) for c in contenders]
        print(f"{figure:36}" + "".join(f"{median:14.3f}" for median in medians))


if __name__ == "__main__":
    main()
