"""What the HTTP API costs, and whether it loses a request when many ask at once.

`python -m benchmarks.api [--rounds N] [--threads N] [--clients N]`, from the root of the tree. First: time to
the first token and tokens a second over HTTP beside the same model called in this process, beside
`python -m llama_cpp.server` where its dependencies are there, and beside `llama-server` where it is on the
PATH. They take turns, so that whatever else the machine does touches all of them alike, and the fastest
quarter of the answers of each is compared: other programs can only slow an answer down.
Then: many clients ask three models at once under a limit that holds two.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from benchmarks.bindings import bindings
from llmmem_gui.service.api_client import model_path
from tests.running_program import RunningProgram, running_program

MODELS = Path(__file__).resolve().parent.parent / ".models"
SMOL = MODELS / "smollm2-135m-instruct.gguf"
GEMMA = MODELS / "gemma-3-270m-q4_k_m.gguf"
CONTEXT = 2048
TOKENS = 64
MIB = 2**20

SETTINGS = """
[loading]
context = {context}
threads = {threads}

[library]
search_known_folders = false

[api]
port = 0
"""

MOST_ADDED_SECONDS = 0.005
LEAST_RATE = 0.97


@dataclass(frozen=True)
class Speed:
    """How fast one answer came."""

    first_token_seconds: float
    tokens_per_second: float


Way = Callable[[str], Speed]
"""A way to have a prompt continued."""


def timed(pieces: Iterator[str], started: float) -> Speed:
    """Times the pieces of an answer, one for each token."""
    times = [time.perf_counter() for _ in pieces]
    return Speed(times[0] - started, (len(times) - 1) / (times[-1] - times[0]))


def in_process(threads: int) -> Way:
    """The library called in this process, with the settings of a host."""
    model = bindings().Llama(
        str(SMOL), n_ctx=CONTEXT, n_threads=threads, n_threads_batch=threads, flash_attn=True, verbose=False
    )

    def ask(prompt: str) -> Speed:
        started = time.perf_counter()
        chunks = model.create_completion(prompt, max_tokens=TOKENS, temperature=0, stream=True)
        return timed((chunk["choices"][0]["text"] for chunk in chunks), started)

    return ask


def over_http(url: str, model: str, token: str = "") -> Way:
    """An OpenAI-compatible server; the connection is kept, as clients do."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def ask(prompt: str) -> Speed:
        body = {"model": model, "prompt": prompt, "max_tokens": TOKENS, "temperature": 0, "stream": True}
        for is_last_try in (False, True):
            started = time.perf_counter()
            try:
                connection.request("POST", "/v1/completions", json.dumps(body), headers)
                answer = connection.getresponse()
                break
            except ConnectionError:  # llama-server does not keep a connection after a stream
                connection.close()
                if is_last_try:
                    raise
        if answer.status != 200:
            raise RuntimeError(answer.read().decode())
        return timed(_texts(answer), started)

    return ask


def _texts(answer: http.client.HTTPResponse) -> Iterator[str]:
    while line := answer.readline():
        if line.startswith(b"data: {"):
            yield json.loads(line[6:])["choices"][0]["text"]


@contextlib.contextmanager
def other_server(command: list[str], port: int) -> Iterator[str | None]:
    """Another server, once it answers; None when it cannot start here."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}" if _answers(process, port) else None
    finally:
        process.terminate()
        process.wait()


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    while process.poll() is None:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/v1/models")
            if connection.getresponse().status == 200:
                return True
        time.sleep(0.1)
    return False


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def compare(rounds: int, threads: int) -> None:
    """Print time to the first token and rate of each way."""
    arguments = ["--model", str(SMOL), "--host", "127.0.0.1", "--port"]
    ports = [free_port(), free_port()]
    library = [sys.executable, "-m", "llama_cpp.server", *arguments, str(ports[0]), "--n_ctx", str(CONTEXT)]
    library += ["--n_threads", str(threads), "--n_threads_batch", str(threads), "--flash_attn", "true"]
    native = [shutil.which("llama-server") or "false", *arguments, str(ports[1]), "-c", str(CONTEXT)]
    native += ["-t", str(threads), "-np", "1"]
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "home"
        settings = SETTINGS.format(context=CONTEXT, threads=threads)
        program = stack.enter_context(running_program(home, settings=settings))
        ways = {"in this process": in_process(threads)}
        ways["llmmem serve"] = over_http(program.url, program.client().model_id(str(SMOL)), program.token)
        others = {"llama_cpp.server": (library, ports[0]), "llama-server": (native, ports[1])}
        for name, (command, port) in others.items():
            url = stack.enter_context(other_server(command, port))
            if url is not None:
                ways[name] = over_http(url, str(SMOL))
        _report(measure(ways, rounds))
        added = [_added_on_the_way(program, ways["llmmem serve"], number) for number in range(rounds)]
        print(f"between a host's first token and its client: median {statistics.median(added) * 1000:.1f} ms")


def measure(ways: dict[str, Way], rounds: int) -> dict[str, list[Speed]]:
    """Speeds of each way; a prompt is new each time, so that nobody finds its beginning in a cache."""
    speeds: dict[str, list[Speed]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        prompt = f"{number * 7919 % 1000} stories began on a cold morning"
        for name, ask in ways.items():
            speed = ask(prompt)
            if number:  # the first loads and warms up
                speeds[name].append(speed)
    return speeds


def _report(speeds: dict[str, list[Speed]]) -> None:
    first = {name: _fastest_quarter([s.first_token_seconds for s in all]) for name, all in speeds.items()}
    rate = {
        name: 1 / _fastest_quarter([1 / s.tokens_per_second for s in all]) for name, all in speeds.items()
    }
    print(f"{'':18}{'first token':>12}{'added':>10}{'tokens/s':>10}{'share':>8}")
    base = "in this process"
    for name in speeds:
        print(
            f"{name:18}{first[name] * 1000:9.1f} ms{(first[name] - first[base]) * 1000:7.1f} ms"
            f"{rate[name]:10.1f}{100 * rate[name] / rate[base]:6.1f} %"
        )
    added, share = first["llmmem serve"] - first[base], rate["llmmem serve"] / rate[base]
    print(
        f"added latency at most {MOST_ADDED_SECONDS * 1000:.0f} ms: {_verdict(added <= MOST_ADDED_SECONDS)}"
    )
    print(f"rate at least {LEAST_RATE:.0%} of in-process: {_verdict(share >= LEAST_RATE)}")


def _added_on_the_way(program: RunningProgram, ask: Way, number: int) -> float:
    """Seconds to the first token as the client sees it, less what the host itself took for it."""
    before = _host_seconds(program)
    seen = ask(f"{number} stories began on a cold morning").first_token_seconds
    return seen - (_host_seconds(program) - before)


def _host_seconds(program: RunningProgram) -> float:
    """Sum of the times that hosts have taken to their first tokens."""
    headers = {"Authorization": f"Bearer {program.token}"}
    lines = httpx.get(f"{program.url}/metrics", headers=headers).text.splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith("llmmem_first_token_seconds_sum{"))


def _fastest_quarter(seconds: list[float]) -> float:
    """Mean of the shortest times."""
    return statistics.mean(sorted(seconds)[: max(1, len(seconds) // 4)])


def crowd(clients: int, requests_each: int, threads: int) -> None:
    """Print what became of every request of many clients."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        third = folder / "smol-copy.gguf"
        shutil.copy(SMOL, third)
        settings = SETTINGS.format(context=512, threads=threads)
        program = stack.enter_context(running_program(folder / "home", settings=settings))
        control = program.client()
        models = [control.model_id(str(path)) for path in (SMOL, GEMMA, third)]
        limit = _limit_for_two(program, models)
        started = time.perf_counter()
        fates, waits = asyncio.run(_ask_all(program, models, clients, requests_each))
        seconds = time.perf_counter() - started
        events = control.request("GET", "/api/v1/events/recent?count=1000")
        unloads = sum(event["type"] == "model-unloaded" for event in events)
    waits.sort()
    asked = clients * requests_each
    print(f"{clients} clients, {asked} requests, 3 models, a limit of {limit / MIB:.0f} MiB that holds 2")
    for fate, count in sorted(fates.items()):
        print(f"  {fate:30}{count:6}")
    median, longest = statistics.median(waits), waits[-1]
    print(f"  {seconds:.1f} s, {unloads} unloads, median {median:.2f} s, longest {longest:.2f} s")
    told = sum(count for fate, count in fates.items() if fate == "answered" or fate.startswith("refused"))
    print(f"every request answered or refused with a reason: {_verdict(told == asked)}")


def _limit_for_two(program: RunningProgram, models: list[str]) -> int:
    """Set a total limit that any two of the models fit under, but not three; gives its bytes."""
    client = program.client()
    needs = sorted(client.request("POST", model_path(model, "forecast"))["total_bytes"] for model in models)
    limit = needs[-1] + needs[-2] + needs[0] // 2
    client.request("PUT", "/api/v1/limit", {"limit_bytes": limit})
    return int(limit)


async def _ask_all(
    program: RunningProgram, models: list[str], clients: int, requests_each: int
) -> tuple[Counter[str], list[float]]:
    fates: Counter[str] = Counter()
    waits: list[float] = []
    limits = httpx.Limits(max_connections=clients)
    headers = {"Authorization": f"Bearer {program.token}"}
    async with httpx.AsyncClient(base_url=program.url, headers=headers, limits=limits, timeout=600) as client:

        async def ask(number: int) -> None:
            for turn in range(requests_each):
                body = {"model": models[(number + turn) % 3], "prompt": f"{number} is", "max_tokens": 8}
                started = time.perf_counter()
                try:
                    answer = await client.post("/v1/completions", json=body)
                except httpx.HTTPError as error:
                    fates[f"lost: {type(error).__name__}"] += 1
                else:
                    reason = "" if answer.status_code == 200 else answer.json()["error"]["code"]
                    fates[f"refused {answer.status_code}: {reason}" if reason else "answered"] += 1
                waits.append(time.perf_counter() - started)

        await asyncio.gather(*map(ask, range(clients)))
    return fates, waits


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="answers of each way")
    parser.add_argument("--threads", type=int, default=1, help="threads that each model computes with")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--requests", type=int, default=4, help="requests of each client")
    options = parser.parse_args()
    compare(options.rounds, options.threads)
    crowd(options.clients, options.requests, options.threads)


if __name__ == "__main__":
    main()
