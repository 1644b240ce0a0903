"""Engines: builds of llama.cpp that hosts can compute with, what was found out about each, and which is used.

An engine is a folder of libraries. What a build can do on a processor no version number and no flag of the
processor tells: only trying it does. `EngineReport` holds what was tried, `choose` decides by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from llmmem_gui.core.sentence import Sentence

MANIFEST_NAME = "engine.json"
"""The file in an engine's folder that says what the folder holds."""

GPU_FOLDER = "gpu"
"""The folder in an engine's folder with the modules for GPUs; loaded only where a GPU is to be used."""

Layout = Literal["bindings", "moe_cache_size"]
"""Which structures the library takes: those of the Python bindings, or those with one field more."""

Source = Literal["prebuilt", "installed", "compiled", "system"]
"""Where an engine is from: the package index, pip beside the bindings, a compilation for this processor
by this program, or the operating system. In this order they are preferred."""

_MUCH_FASTER = 1.5
"""How many times faster computing plainly has to be to be preferred; a busy machine measures badly."""

_SOFTWARE = ("llvmpipe", "lavapipe", "swiftshader", "softpipe")
"""How the names of GPUs begin that the processor plays: they give models no speed and no memory."""

_PREFERENCE: Sequence[Source] = ("prebuilt", "installed", "compiled", "system")


class EngineManifest(msgspec.Struct, frozen=True):
    """What an engine's folder holds; fields that are not known here are left alone."""

    name: str
    """What it is called in commands and settings."""
    version: str
    source: Source
    layout: Layout = "bindings"


class Device(msgspec.Struct, frozen=True):
    """One thing that an engine can compute on."""

    name: str
    """llama.cpp's name: `CPU`, `Vulkan0`, `CUDA0`."""
    description: str
    kind: Literal["cpu", "gpu", "igpu", "accelerator"]
    total_bytes: int
    """Memory of the device; an integrated GPU tells what it may take of the main memory."""
    device_id: str = ""
    """The address on the bus, such as `0000:01:00.0`; empty where llama.cpp does not tell it."""

    @property
    def key(self) -> str:
        """What settings and history call it: the address on the bus, which stays, else llama.cpp's name."""
        return self.device_id or self.name

    @property
    def has_memory(self) -> bool:
        """It is a pool of memory of its own; an integrated GPU works in the main memory."""
        return self.kind == "gpu" and self.total_bytes > 0

    @property
    def is_card(self) -> bool:
        """It has memory of its own and is no processor in disguise: layers go there by themselves."""
        return self.kind == "gpu" and not self.description.lower().startswith(_SOFTWARE)

    @property
    def is_gpu(self) -> bool:
        """Layers can be placed on it."""
        return self.kind in ("gpu", "igpu")


class Trial(msgspec.Struct, frozen=True):
    """A model of known weights, computed in one way and compared with what must come out."""

    device: str
    extra_buffers: bool
    """Weights may be copied into the order that the fastest instructions want (repacking, AMX)."""
    failure: Sentence | None = None
    """Completes the sentence "computing so …"; None: the answer was right."""
    prompt_tokens_per_second: float = 0.0
    """Of a made-up model of a few layers; 0: not measured."""
    answer_tokens_per_second: float = 0.0
    hindered: bool = False
    """It failed of something else, such as a full disk: that says nothing about the engine."""

    @property
    def passed(self) -> bool:
        """The answer was right."""
        return self.failure is None

    @property
    def exchange_seconds(self) -> float:
        """Time to read 256 tokens and to answer with 64, of the made-up model; 0: not measured."""
        if not self.prompt_tokens_per_second or not self.answer_tokens_per_second:
            return 0.0
        return 256 / self.prompt_tokens_per_second + 64 / self.answer_tokens_per_second


class EngineReport(msgspec.Struct, frozen=True):
    """What trying an engine on this machine has shown."""

    fingerprint: str
    """Of the libraries and the processor: with another one everything has to be tried again."""
    refused: Sentence | None = None
    """Why the libraries cannot be used at all; completes the sentence "the engine …"."""
    devices: tuple[Device, ...] = ()
    trials: tuple[Trial, ...] = ()
    gpus_tried: bool = False
    hindered: bool = False
    """The libraries could not even be looked at, for a reason outside of them."""

    @property
    def is_conclusive(self) -> bool:
        """Nothing from outside got in the way: it holds until libraries or processor change."""
        return not self.hindered and not any(trial.hindered for trial in self.trials)

    def trial(self, device: str, extra_buffers: bool) -> Trial | None:
        """How computing in this way went; None when it was not tried."""
        return next(
            (each for each in self.trials if (each.device, each.extra_buffers) == (device, extra_buffers)),
            None,
        )

    @property
    def gpus(self) -> tuple[Device, ...]:
        """The GPUs that have computed rightly."""
        right = {each.device for each in self.trials if each.passed}
        return tuple(device for device in self.devices if device.is_gpu and device.name in right)

    def without(self, device: str, extra_buffers: bool, failure: Sentence) -> EngineReport:
        """The same report after computing in this way has failed in use."""
        others = [
            each for each in self.trials if (each.device, each.extra_buffers) != (device, extra_buffers)
        ]
        failed = Trial(device, extra_buffers, failure)
        return msgspec.structs.replace(self, trials=(*others, failed))


@dataclass(frozen=True, slots=True)
class InstalledEngine:
    """An engine that lies on this machine, and what is known of it."""

    folder: str
    manifest: EngineManifest
    report: EngineReport | None = None
    """None: it was not tried yet."""

    @property
    def name(self) -> str:
        """What it is called in commands and settings."""
        return self.manifest.name

    @property
    def answer_rate(self) -> float:
        """Tokens a second on the processor, in the way that is used first, of a made-up model."""
        ways = self.ways()
        trial = self.report.trial("CPU", ways[0].extra_buffers) if self.report is not None and ways else None
        return 0.0 if trial is None else trial.answer_tokens_per_second

    def ways(self) -> tuple[EngineUse, ...]:
        """The ways to use it that have answered rightly, the one to be used first; before it was tried, all.

        With extra buffers, unless computing plainly was measured to be much faster. Weights that cannot be
        copied into them are computed plainly, which has to be right as well.
        """
        report = self.report
        if report is None:
            return tuple(self._use(extra_buffers, ()) for extra_buffers in (True, False))
        plain, extra = report.trial("CPU", False), report.trial("CPU", True)
        if report.refused is not None or (plain is not None and not plain.passed):
            return ()
        right = [trial for trial in (extra, plain) if trial is not None and trial.passed]
        if len(right) == 2 and all(trial.exchange_seconds for trial in right):
            right.sort(key=lambda trial: trial.exchange_seconds / (_MUCH_FASTER if trial is extra else 1))
        return tuple(self._use(trial.extra_buffers, report.gpus) for trial in right)

    def _use(self, extra_buffers: bool, gpus: tuple[Device, ...]) -> EngineUse:
        return EngineUse(self.folder, self.manifest.name, self.manifest.version, extra_buffers, gpus)


@dataclass(frozen=True, slots=True)
class EngineUse:
    """An engine and the way in which it is used."""

    folder: str
    name: str
    version: str
    extra_buffers: bool = True
    gpus: tuple[Device, ...] = ()
    """Devices that layers can be placed on."""

    @property
    def key(self) -> str:
        """Names what decides how much memory a load takes: the build, and whether weights are copied."""
        return f"{self.name} {self.version}" + ("" if self.extra_buffers else " without extra buffers")


@dataclass(frozen=True, slots=True)
class EngineOverview:
    """All engines of the machine, and what is being done to them."""

    engines: tuple[InstalledEngine, ...]
    in_use: EngineUse | None
    """None: no engine answers rightly."""
    trying: bool = False
    build_progress: float | None = None
    """How much of compiling is done, from 0 to 1; None: nothing is being compiled."""
    build_failure: Sentence | None = None
    """Why the last compilation failed."""
    preferred: str = ""
    """The engine that a person has chosen; empty: the best by itself."""


def choose(engines: Iterable[InstalledEngine], preferred: str = "") -> tuple[EngineUse, ...]:
    """The ways to compute on this machine, the one to use first and milder ones after it.

    The engine that a person prefers comes first, if it answers rightly here.
    """

    def rank(engine: InstalledEngine) -> tuple[bool, int, str]:
        source = engine.manifest.source
        return engine.name != preferred, _PREFERENCE.index(source), engine.name

    return tuple(way for engine in sorted(engines, key=rank) for way in engine.ways())
