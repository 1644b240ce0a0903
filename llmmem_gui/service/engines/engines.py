"""The engines of this machine: tried once, chosen, compiled on request, switched off where they fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from llmmem_gui.core.engines import (
    EngineOverview,
    EngineUse,
    InstalledEngine,
    choose,
)
from llmmem_gui.core.sentence import Sentence, SentenceError
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.engines import compiler, trials
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.storage.engine_store import EngineStore
from llmmem_gui.service.supervision import Supervisor

log = logging.getLogger(__name__)

_PROGRESS_STEP = 0.01
_COMPARED_ROUNDS = 2


class Engines:
    """Knows the engines and keeps the choice that hosts are started with; use it from one event loop."""

    def __init__(
        self,
        store: EngineStore,
        choice: EngineChoice,
        *,
        publish: Callable[[EngineOverview], None],
        note: Callable[[Sentence], None],
        prefer: Callable[[str], Awaitable[None]],
    ) -> None:
        """`note` tells a person something; `prefer` keeps the name of the engine to use from now on."""
        self._store = store
        self._choice = choice
        self._publish = publish
        self._note = note
        self._keep_preference = prefer
        self._preferred = ""
        self._engines: dict[str, InstalledEngine] = {}
        self._trying = asyncio.Lock()
        self._tasks = Supervisor()
        self._building: asyncio.Task[None] | None = None
        self._built: float | None = None
        self._build_failure: Sentence | None = None

    # --- life ----------------------------------------------------------------------------------------

    def look(self, preferred: str) -> None:
        """Look which engines there are, and use the preferred one if it answers rightly."""
        self._preferred = preferred
        self._engines = {engine.name: engine for engine in self._store.engines()}
        self._choose()

    def start(self, preferred: str) -> None:
        """Look for engines, and try the one to be used if that was never done; loads wait for it."""
        self.look(preferred)
        if any(engine.report is None or not engine.report.gpus_tried for engine in self._wanted()):
            if any(engine.report is None for engine in self._wanted()):
                self._choice.hold()
            self._tasks.run("the trial of the engine", self._try_wanted())

    async def close(self) -> None:
        """Stop trying and compiling; what was made until then is given up."""
        await self._tasks.close()
        self._choice.release()

    # --- facts ---------------------------------------------------------------------------------------

    @property
    def overview(self) -> EngineOverview:
        """All engines and what is being done to them."""
        return EngineOverview(
            engines=tuple(self._engines.values()),
            in_use=self._choice.current,
            trying=self._trying.locked(),
            build_progress=self._built,
            build_failure=self._build_failure,
            preferred=self._preferred,
        )

    # --- commands ------------------------------------------------------------------------------------

    def prefer(self, name: str) -> None:
        """Use this engine from the next load on, if it answers rightly; empty: the best by itself."""
        if name != self._preferred:
            self._preferred = name
            self._choose()

    async def use(self, name: str) -> None:
        """Keep that this engine is to be used, after trying it if that was never done; empty: the best.

        Raises `CommandError` when there is none of that name or it does not answer rightly.
        """
        if name:
            engine = self._known(name)
            if engine.report is None:
                engine = await self._try(engine)
            if not engine.ways():
                reason = _why_not(engine)
                sentence = Sentence("Engine", "The engine {name} cannot be used here: {reason}.")
                raise CommandError("bad request", sentence.format(name=name, reason=reason))
        await self._keep_preference(name)
        used = self._engines.get(name)
        if used is not None and used.report is not None and not used.report.gpus_tried:
            self._tasks.run("the trial of its GPUs", self._try_gpus(used))

    async def try_again(self, name: str) -> InstalledEngine:
        """Forget what is known of an engine and try it anew. Raises `CommandError` for an unknown one."""
        await self._try_gpus(await self._try(self._known(name)))
        return self._engines[name]

    def start_build(self) -> None:
        """Begin to compile llama.cpp for this processor, unless that is going on."""
        if self._building is None or self._building.done():
            self._built, self._build_failure = 0.0, None
            self._building = self._tasks.run("compiling", self._build())
            self._tell()

    async def built(self) -> None:
        """Wait until nothing is compiled."""
        if self._building is not None:
            await asyncio.wait([self._building])

    def cancel_build(self) -> None:
        """Give up compiling; nothing is left of it."""
        if self._building is not None:
            self._building.cancel()

    def crashed_in_use(self, use: EngineUse, failure: Sentence) -> None:
        """Switch a way to compute off on this machine that crashed where a milder one answered."""
        engine = self._engines.get(use.name)
        if engine is None or engine.report is None:
            return
        report = engine.report.without("CPU", use.extra_buffers, failure)
        self._engines[use.name] = self._store.save(engine, report)
        self._choose()
        self._note(
            Sentence("Engine", "{engine} {reason} and is not used on this machine any more.").format(
                engine=use.key, reason=failure
            )
        )

    # --- work ----------------------------------------------------------------------------------------

    async def _try_wanted(self) -> None:
        try:
            for engine in self._wanted():
                if engine.report is None:
                    engine = await self._try(engine)
                if engine.ways():
                    self._choice.release()
                    if engine.report is not None and not engine.report.gpus_tried:
                        await self._try_gpus(engine)
                    return
            self._note(self._nothing_answers())
        finally:
            self._choice.release()

    def _wanted(self) -> list[InstalledEngine]:
        """Engines in the order in which they are used; those of the system only if a person prefers one."""
        names = dict.fromkeys(way.name for way in choose(self._engines.values(), self._preferred))
        wanted = [self._engines[name] for name in names]
        return [e for e in wanted if e.manifest.source != "system" or e.name == self._preferred]

    async def _try(self, engine: InstalledEngine) -> InstalledEngine:
        async with self._trying:
            self._tell()
            report = await trials.try_processor(engine)
            tried = await asyncio.to_thread(self._store.save, engine, report)
        log.info("the engine %s was tried: %s", engine.name, report)
        return self._take(tried)

    async def _try_gpus(self, engine: InstalledEngine) -> None:
        async with self._trying:
            self._tell()
            report = await trials.try_gpus(engine)
            # Models are loaded meanwhile: what has crashed since is not to be used again.
            latest = self._engines[engine.name].report
            if latest is not None:
                on_cpu = [trial for trial in latest.trials if trial.device == "CPU"]
                on_gpus = [trial for trial in report.trials if trial.device != "CPU"]
                report = msgspec.structs.replace(report, trials=(*on_cpu, *on_gpus))
            tried = await asyncio.to_thread(self._store.save, engine, report)
        self._take(tried)

    def _take(self, engine: InstalledEngine) -> InstalledEngine:
        self._engines[engine.name] = engine
        self._choose()
        return engine

    async def _build(self) -> None:
        told = 0.0

        def progress(done: float) -> None:
            nonlocal told
            self._built = done
            if done - told >= _PROGRESS_STEP:
                told = done
                self._tell()

        try:
            there = self._engines.get(compiler.NAME)
            if there is not None and there.report is None:
                there = await self._try(there)  # compiled for another processor, perhaps
            no_good = there is not None and not there.ways()
            await compiler.build(self._store.own_folder, progress, anew=no_good)
            found = {engine.name: engine for engine in self._store.engines()}
            native = await self._try(found[compiler.NAME])
            if native.ways():
                await self._measure_again(native.name)
                native = self._engines[native.name]
            self._note(self._compared(native))
            if native.ways() and native.answer_rate >= self._rate_in_use():
                self._preferred = native.name
                await self._keep_preference(native.name)
        except SentenceError as error:
            self._build_failure = error.sentence
            self._note(error.sentence)
        finally:
            self._built = None
            self._choose()

    async def _measure_again(self, name: str) -> None:
        """Measure an engine and the one in use in turn: what else the machine does must not decide."""
        use = self._choice.current
        names = [name] if use is None or use.name == name else [name, use.name]
        async with self._trying:
            for each in names * _COMPARED_ROUNDS:
                engine = self._engines[each]
                assert engine.report is not None  # both were tried
                self._engines[each] = InstalledEngine(
                    engine.folder, engine.manifest, await trials.measure_again(engine)
                )
            for each in names:
                engine = self._engines[each]
                assert engine.report is not None
                self._take(await asyncio.to_thread(self._store.save, engine, engine.report))

    def _rate_in_use(self) -> float:
        use = self._choice.current
        engine = self._engines.get(use.name) if use is not None else None
        return 0.0 if engine is None else engine.answer_rate

    def _compared(self, native: InstalledEngine) -> Sentence:
        if not native.ways():
            return Sentence("Engine", "The compiled engine cannot be used here: {reason}.").format(
                reason=_why_not(native)
            )
        use = self._choice.current
        return Sentence(
            "Engine",
            "The compiled engine gives {native} tokens a second and {name} {other}: the faster one is used.",
        ).format(
            native=f"{native.answer_rate:.1f}",
            name=use.name if use is not None else "",
            other=f"{self._rate_in_use():.1f}",
        )

    def _choose(self) -> None:
        self._choice.change(choose(self._engines.values(), self._preferred))
        self._tell()

    def _tell(self) -> None:
        self._publish(self.overview)

    def _known(self, name: str) -> InstalledEngine:
        engine = self._engines.get(name)
        if engine is None:
            listed = ", ".join(self._engines) or "-"
            sentence = Sentence("Engine", "There is no engine {name}: there are {names}.")
            raise CommandError("bad request", sentence.format(name=name, names=listed))
        return engine

    def _nothing_answers(self) -> Sentence:
        reasons = "; ".join(f"{engine.name}: {_why_not(engine)}" for engine in self._engines.values())
        sentence = Sentence("Engine", "No engine answers rightly on this machine ({reasons}): {advice}.")
        return sentence.format(reasons=reasons or "none is installed", advice=compiler.advice())


def _why_not(engine: InstalledEngine) -> Sentence:
    """Why an engine that was tried cannot be used."""
    report = engine.report
    if report is not None and report.refused is not None:
        return Sentence("Engine", "it {reason}").format(reason=report.refused)
    failures = [trial.failure for trial in report.trials if trial.failure] if report is not None else []
    if failures:
        return Sentence("Engine", "computing with it {reason}").format(reason=failures[0])
    return Sentence("Engine", "it was not tried")
