"""Other programs and people at terminals, who use a running program at random, for `random_use.py`."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llmmem_gui.core.units import MIB
from llmmem_gui.folders import Folders
from llmmem_gui.service.api_client import ApiClient, NoProgram, RequestFailed, model_path

PROJECT = Path(__file__).resolve().parent.parent
MODELS = ("smollm2-135m-instruct", "gemma-3-270m-q4_k_m")
CLIENTS = 2
QUESTIONS = ("Say hello.", "Name three colours.", "How much is 2 and 2?", "Count from one to twenty.")
LIMITS_MIB = (0, 0, 0, 160, 400, 600, 1024)
"""0: no limit, more often than the others; the first of these lets in the smaller model alone."""


class Users:
    """Other programs and people at terminals, who use the models at random."""

    def __init__(self, folders: Folders, environment: dict[str, str], seed: int) -> None:
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.faults: list[str] = []
        self.client = ApiClient.of_running_program(folders, "api")
        self._environment = environment
        self._seed = seed
        self._threads: list[threading.Thread] = []
        self._rest = threading.Event()

    def go(self) -> None:
        """Begin, or go on."""
        self._rest.clear()
        self._seed += 1
        randoms = [random.Random(self._seed * 100 + number) for number in range(CLIENTS)]
        self._threads = [threading.Thread(target=self._use, args=(chance,)) for chance in randoms]
        for thread in self._threads:
            thread.start()

    def rest(self) -> None:
        """Finish what was begun, and begin nothing more."""
        self._rest.set()
        for thread in self._threads:
            thread.join()

    def _use(self, chance: random.Random) -> None:
        ways: dict[Callable[[random.Random], None], int] = {
            self._load: 10,
            self._unload: 6,
            self._doze: 4,
            self._limit: 6,
            self._limit_one: 3,
            self._pin: 2,
            self._ask: 14,
            self._ask_and_leave: 6,
            self._look: 8,
            self._scan: 2,
            self._clean_up: 2,
            self._press: 2,
            self._change_settings: 3,
            self._call: 1,
        }
        while not self._rest.wait(chance.uniform(0.2, 2.5)):
            way = chance.choices(list(ways), list(ways.values()))[0]
            name = way.__name__.strip("_").replace("_", " ")
            self.done[name] += 1
            try:
                way(chance)
            except RequestFailed as error:
                self.refused[f"{error.status} {error.code}"] += 1
                if error.status == 500:
                    self.faults.append(f"{name}: {error}")
            except NoProgram as error:
                self.faults.append(f"{name}: {error}")

    def _load(self, chance: random.Random) -> None:
        asked = chance.choice([{}, {}, {"context": 2048}, {"context": 512, "kv_type": "q8_0"}])
        self.client.request("POST", model_path(chance.choice(MODELS), "load"), asked)

    def _unload(self, chance: random.Random) -> None:
        self.client.request("POST", model_path(chance.choice(MODELS), "unload"))

    def _doze(self, chance: random.Random) -> None:
        self.client.request("POST", model_path(chance.choice(MODELS), "doze"))

    def _limit(self, chance: random.Random) -> None:
        self.client.request("PUT", "/api/v1/limit", {"limit_bytes": chance.choice(LIMITS_MIB) * MIB or None})

    def _limit_one(self, chance: random.Random) -> None:
        size = chance.choice(LIMITS_MIB) * MIB or None
        self.client.request("PUT", model_path(chance.choice(MODELS), "limit"), {"limit_bytes": size})

    def _pin(self, chance: random.Random) -> None:
        pinned = {"pinned": chance.random() < 0.3}
        self.client.request("PUT", model_path(chance.choice(MODELS), "pin"), pinned)

    def _ask(self, chance: random.Random) -> None:
        self.client.request("POST", "/v1/chat/completions", _chat(chance, 16))

    def _ask_and_leave(self, chance: random.Random) -> None:
        wanted = chance.randint(0, 6)
        with self.client.stream(
            "POST", "/v1/chat/completions", _chat(chance, 64) | {"stream": True}
        ) as parts:
            for number, _ in enumerate(parts):
                if number >= wanted:
                    break

    def _look(self, chance: random.Random) -> None:
        paths = ("/health", "/api/v1/models", "/api/v1/usage", "/api/v1/events/past?limit=200", "/v1/models")
        self.client.request("GET", chance.choice(paths))

    def _scan(self, _: random.Random) -> None:
        self.client.request("POST", "/api/v1/scan")

    def _clean_up(self, chance: random.Random) -> None:
        self.client.request("POST", chance.choice(["/api/v1/cleanup", "/api/v1/unload"]))

    def _press(self, chance: random.Random) -> None:
        for level in (chance.choice(["warning", "critical", "emergency"]), "normal"):
            self.client.request("PUT", "/api/v1/simulated-pressure", {"level": level, "act": True})
            self._rest.wait(2)

    def _change_settings(self, chance: random.Random) -> None:
        changes: dict[str, list[object]] = {
            "appearance.theme": ["light", "dark"],
            "appearance.language": ["en", "pt_BR"],
            "monitoring.interval_seconds": [0.5, 1.0, 2.0],
            "loading.context": [512, 1024, 2048],
            "limits.idle_minutes": [0, 5, 30],
        }
        name = chance.choice(list(changes))
        self.client.request("PATCH", "/api/v1/settings", {name: chance.choice(changes[name])})

    def _call(self, chance: random.Random) -> None:
        model = chance.choice(MODELS)
        arguments = chance.choice([["ps"], ["load", model], ["unload", model], ["events"], ["list"]])
        subprocess.run(
            [sys.executable, "-m", "llmmem_gui.cli", *arguments],
            env=self._environment, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            check=False,
        )  # fmt: skip


def _chat(chance: random.Random, tokens: int) -> dict[str, Any]:
    return {
        "model": chance.choice(MODELS),
        "messages": [{"role": "user", "content": chance.choice(QUESTIONS)}],
        "max_tokens": chance.randint(1, tokens),
    }
