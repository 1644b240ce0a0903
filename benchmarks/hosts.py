"""Hosts beside the library's own `Llama` and llama-server: time to ready, private memory, what stays, stop.

`python -m benchmarks.hosts [--rounds N]`, from the root of the tree; the models come from `.models`
(`make test-models`), llama-server is measured when it is on the PATH. All have the same context, one
thread, batches of 512 and flash attention. The library is opened in a fork of a process that has imported
it, as warm as the nursery; llama-server starts without its warm-up. Rounds are interleaved, and of the
times the shortest counts, because other programs can only add to them. Each has a session of its own,
because Linux divides the processor between sessions.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.hosting.hosts import HostStarter

MIB = 2**20
MODELS = Path(__file__).resolve().parent.parent / ".models"
CASES = {"smollm2-135m-instruct.gguf": 4096, "gemma-3-270m-q4_k_m.gguf": 8192}
"""Context for each model."""

PROMPT = "The capital of France is"
TOKENS = 16

READY_TARGET, PRIVATE_TARGET = 0.7, 1.0
"""At most so many times llama-server's time and private bytes."""


class Figures(NamedTuple):
    """One life of a loaded model."""

    ready_seconds: float
    """From the wish to the readiness for a request; a host's birth included."""
    processor_seconds: float
    """Computing time of the process until then."""
    loaded_bytes: int
    """Private bytes when ready."""
    answered_bytes: int
    """Private bytes after one answer of 16 tokens."""
    stop_seconds: float
    """From the wish until the process is reaped."""


LIBRARY = """
import json, os, sys, time
import llama_cpp

def private_bytes():
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024

llama_cpp.llama_backend_init()
for line in sys.stdin:
    path, context, prompt, tokens = json.loads(line)
    wished = time.monotonic()
    pid = os.fork()
    if pid == 0:
        before = private_bytes()
        model = llama_cpp.Llama(
            path, n_ctx=context, n_threads=1, n_threads_batch=1, flash_attn=True, verbose=False
        )
        ready, computed = time.monotonic() - wished, sum(os.times()[:2])
        loaded = private_bytes() - before
        model.create_completion(prompt, max_tokens=tokens, temperature=0.0)
        answered = private_bytes() - before
        stopping = time.monotonic()
        model.close()
        print(json.dumps([ready, computed, loaded, answered, time.monotonic() - stopping]), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
"""


@contextmanager
def warm_library() -> Iterator[subprocess.Popen[str]]:
    """A process that has imported the library and opens a model in a fork for each line of its input."""
    command = [sys.executable, "-c", LIBRARY]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, start_new_session=True, **pipes) as process:
        yield process


def measure_library(process: subprocess.Popen[str], path: Path, context: int) -> Figures:
    """One life in a warm process."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([str(path), context, PROMPT, TOKENS]) + "\n")
    process.stdin.flush()
    return Figures(*json.loads(process.stdout.readline()))


async def measure_host(starter: HostStarter, path: Path, context: int) -> Figures:
    """One life of a host."""
    wished = time.monotonic()
    host = await starter.birth()
    await host.load(path, LoadParameters(context=context))
    ready, computed = time.monotonic() - wished, processor_seconds(host.pid)
    loaded = private_bytes(host.pid) - host.shared_bytes
    request = {"prompt": PROMPT, "max_tokens": TOKENS, "temperature": 0.0}
    await host.ask("completion", request).finished()
    answered = private_bytes(host.pid) - host.shared_bytes
    stopping = time.monotonic()
    await host.stop()
    return Figures(ready, computed, loaded, answered, time.monotonic() - stopping)


def measure_server(program: str, path: Path, context: int) -> Figures:
    """One life of a llama-server."""
    port = free_port()
    command = [program, "-m", str(path), "-c", str(context), "-np", "1", "-t", "1", "-tb", "1", "-fa", "on"]
    command += ["--no-warmup", "--host", "127.0.0.1", "--port", str(port)]
    wished = time.monotonic()
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, start_new_session=True, **silent) as process:
        while not is_healthy(port):
            assert process.poll() is None, "llama-server has ended"
            time.sleep(0.002)
        ready, computed = time.monotonic() - wished, processor_seconds(process.pid)
        loaded = private_bytes(process.pid)
        body = {"prompt": PROMPT, "n_predict": TOKENS, "temperature": 0.0}
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("POST", "/completion", json.dumps(body), {"Content-Type": "application/json"})
        assert connection.getresponse().read()
        connection.close()
        answered = private_bytes(process.pid)
        stopping = time.monotonic()
        process.terminate()
        process.wait()
    return Figures(ready, computed, loaded, answered, time.monotonic() - stopping)


def is_healthy(port: int) -> bool:
    """The server on this port says that its model is loaded."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def free_port() -> int:
    """A port of the loopback interface that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def private_bytes(pid: int) -> int:
    """Resident anonymous bytes of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


def processor_seconds(pid: int) -> float:
    """Computing time of a process since it began."""
    return float(sum(psutil.Process(pid).cpu_times()[:2]))


class Comparison(NamedTuple):
    """The lives of one model, by who held it."""

    model: str
    context: int
    lives: dict[str, list[Figures]]

    def figure(self, who: str, name: str) -> float:
        """A figure over the rounds: the shortest time, the median of bytes."""
        values = [getattr(life, name) for life in self.lives[who]]
        return float(min(values) if name.endswith("seconds") else statistics.median(values))


async def compare(rounds: int) -> tuple[list[Comparison], int]:
    """Measure all, round by round; gives the figures and the private bytes that hosts left with others."""
    program = shutil.which("llama-server")
    comparisons = [Comparison(model, context, {}) for model, context in CASES.items()]
    starter = HostStarter.spawn()
    left = 0
    with warm_library() as library:
        for number in range(rounds + 1):
            before = _bytes_of_keepers(starter)
            for model, context, lives in comparisons:
                path = MODELS / model
                found = {"host": await measure_host(starter, path, context)}
                found["Llama()"] = measure_library(library, path, context)
                if program is not None:
                    found["llama-server"] = measure_server(program, path, context)
                for who, life in found.items():
                    # The first round reads the files into the page cache and starts the nursery.
                    if number > 0:
                        lives.setdefault(who, []).append(life)
            if number > 0:
                left += _bytes_of_keepers(starter) - before
    await starter.close()
    return comparisons, left


def _bytes_of_keepers(starter: HostStarter) -> int:
    keepers = [os.getpid(), starter.nursery_pid] if starter.nursery_pid else [os.getpid()]
    return sum(private_bytes(pid) for pid in keepers)


COLUMNS = {
    "ready": "ready_seconds",
    "computing": "processor_seconds",
    "private": "loaded_bytes",
    "answered": "answered_bytes",
    "stop": "stop_seconds",
}
TARGETS = {"ready": READY_TARGET, "answered": PRIVATE_TARGET}


def report(comparisons: list[Comparison], left_bytes: int) -> Iterator[str]:
    """The table, line by line."""
    yield " " * 26 + "".join(f"{title:>12}" for title in COLUMNS)
    for comparison in comparisons:
        yield f"{comparison.model}, context {comparison.context}"
        for who in comparison.lives:
            yield f"  {who:24}" + "".join(
                f"{_shown(name, comparison.figure(who, name)):>12}" for name in COLUMNS.values()
            )
        for who in comparison.lives.keys() - {"host"}:
            ratios = {
                title: comparison.figure("host", name) / comparison.figure(who, name)
                for title, name in COLUMNS.items()
            }
            yield f"  host / {who:17}" + "".join(f"{ratio:10.2f} ×" for ratio in ratios.values())
            if who == "llama-server":
                for title, target in TARGETS.items():
                    verdict = "reached" if ratios[title] <= target else "missed"
                    yield f"    {title}: target {target} × {verdict}"
    hosts = len(comparisons) * len(comparisons[0].lives["host"])
    yield f"Left with the service and the nursery after {hosts} hosts: {_shown('bytes', left_bytes)}"


def _shown(name: str, value: float) -> str:
    return f"{value * 1e3:.0f} ms" if name.endswith("seconds") else f"{value / MIB:.1f} MiB"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"{psutil.cpu_count()} cores, {rounds} rounds")
    for line in report(*asyncio.run(compare(rounds))):
        print(line)


if __name__ == "__main__":
    main()
