"""Chat and embeddings of one model in turn, beside another tree of this program.

`python -m benchmarks.both_uses --before TREE [--rounds N] [--model FILE] [--threads N]`, from the root of the
tree. Both trees serve the model over HTTP and take turns. Printed are medians: of a turn (a short answer and
then an embedding), of the private bytes of the loaded model that only answered, and of the longest gap
between two tokens of an answer while 64 texts are embedded beside it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from benchmarks.concurrency import SMOL, TREE, Contender, this_program

HELLO = [{"role": "user", "content": "Say hello."}]
TEXT = "The river runs past the garden, and the letter lies on the stone by the window. "


class Asker:
    """A client of one tree."""

    def __init__(self, contender: Contender) -> None:
        self._contender = contender
        self._client = httpx.Client(base_url=contender.url, headers=contender.headers, timeout=600)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """An answer as JSON."""
        answer = self._client.post(path, json={"model": self._contender.model, **body})
        answer.raise_for_status()
        return answer.json()

    def chat(self) -> None:
        """A short answer."""
        self.post("/v1/chat/completions", {"messages": HELLO, "max_tokens": 4, "temperature": 0})

    def embed(self, texts: int = 1) -> None:
        """Vectors of texts."""
        self.post("/v1/embeddings", {"input": [TEXT] * texts, "encoding_format": "base64"})

    def private_mib(self) -> float:
        """Private bytes of the loaded model as last read."""
        time.sleep(3)
        models = self._client.get("/api/v1/models").json()["models"]
        return max(float(model["private_bytes"]) for model in models) / 2**20

    def longest_gap(self) -> float:
        """Seconds between two tokens of an answer at most, while texts are embedded beside it."""
        asked = {
            "model": self._contender.model,
            "messages": HELLO,
            "max_tokens": 64,
            "stream": True,
            **self._contender.no_end,
        }
        gaps, embedding = [0.0], threading.Thread(target=self.embed, args=(64,))
        with self._client.stream("POST", "/v1/chat/completions", json=asked) as answer:
            before = None
            for line in answer.iter_lines():
                if not line.startswith("data: {") or not json.loads(line[6:]).get("choices"):
                    continue
                now = time.monotonic()
                if before is None:
                    embedding.start()
                else:
                    gaps.append(now - before)
                before = now
        embedding.join()
        return max(gaps)


def timed(do: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.monotonic()
    do()
    return time.monotonic() - began


def main() -> None:
    """Measure both trees in turns and print medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", type=Path, default=SMOL)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    with (
        this_program("now", TREE, chosen.model.resolve(), chosen.threads) as now,
        this_program("before", chosen.before.resolve(), chosen.model.resolve(), chosen.threads) as before,
    ):
        askers = {"now": Asker(now), "before": Asker(before)}
        idle = {}
        for name, asker in askers.items():
            asker.chat()
            idle[name] = asker.private_mib()
        turns: dict[str, list[float]] = {name: [] for name in askers}
        for _ in range(chosen.rounds):
            for name, asker in askers.items():
                turns[name].append(timed(asker.chat) + timed(asker.embed))
        for name, seconds in turns.items():
            print(f"{name}: {statistics.median(seconds):.2f} s a turn, {idle[name]:.1f} MiB private, idle")
        ratio = statistics.median(turns["now"]) / statistics.median(turns["before"])
        print(f"ratio of a turn: {ratio:.3f}")
        gaps = [askers["now"].longest_gap() for _ in range(chosen.rounds)]
        print(f"longest gap between tokens beside embeddings: {statistics.median(gaps):.2f} s")


if __name__ == "__main__":
    main()
