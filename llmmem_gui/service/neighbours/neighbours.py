"""Other programs that hold models: the owner of looking for them, asking them, and having them unload.

Nothing here is done by itself but looking and asking, unless a person allows more (`help.py`). A program is
asked over its own port, when something about it has changed and now and then; what it says only stands beside
what was measured.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from llmmem_gui.core.events import Actor, Event
from llmmem_gui.core.ledger import FileKey
from llmmem_gui.core.neighbours import (
    Held,
    Neighbour,
    NeighbourModel,
    NeighbourReceipt,
    Unloads,
    held_by_program,
)
from llmmem_gui.core.readings import GpuReading, Sample
from llmmem_gui.core.sentence import Duration, Sentence, Size, verbatim
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.neighbours.door import Door, Unclear
from llmmem_gui.service.neighbours.finding import Finder, Found
from llmmem_gui.service.neighbours.help import Help
from llmmem_gui.service.neighbours.matching import Runner, matched
from llmmem_gui.service.neighbours.program import Claim, Said
from llmmem_gui.service.sampling.machine_memory import MachineMemory
from llmmem_gui.service.supervision import Supervisor

log = logging.getLogger(__name__)

LOOK_SECONDS = 3.0
"""Time between two looks."""
ASK_SECONDS = 15.0
"""A program about which nothing changes is asked again after this time."""
BACK_SECONDS = 5.0
"""How long memory is waited for that a program has said to give back."""
_BETWEEN_LOOKS_AT_UNLOAD = 0.1
_MOVED = 0.01
"""Share of its memory by which a program has changed enough to be asked."""
_ENOUGH = 0.9
"""Share of what processes held that has come back when they are gone; others go on to change meanwhile."""
_MISSES_FORGIVEN = 2
"""So many answers in a row may fail to come before what was said before is given up."""
_MOST_MODELS = 64
_LONGEST_NAME = 120


@dataclass(slots=True)
class _Known:
    """What is remembered of a program between two looks."""

    found: Found
    said: Said | None = None
    door: Door | None = None
    """Where it answered last."""
    asked_at: float = float("-inf")
    asked_about: tuple[frozenset[int], Held, bool] | None = None
    """How it was when it was asked last."""
    misses: int = 0


class Neighbours:
    """Keeps the list of other programs; lives in the loop of the service."""

    def __init__(
        self,
        *,
        own: Callable[[], Collection[int]],
        name_of: Callable[[FileKey | None], str | None] = lambda file: None,
        changed: Callable[[], None] = lambda: None,
        publish: Callable[[Event], None] = lambda event: None,
        clock: Callable[[], float] = time.monotonic,
        finder: Finder | None = None,
        tasks: Supervisor | None = None,
        may_unload: Callable[[], Collection[str]] = tuple,
        offer: Callable[[bool], None] = lambda available: None,
    ) -> None:
        """`own` gives the pids of this program's helpers; `name_of` what the library calls a file.

        `may_unload` gives the programs that may be asked when memory gets short; `offer` is told whether any
        would give something up then.
        """
        self.found: tuple[Neighbour, ...] = ()
        """Those that run, by the last look."""
        self._gpus: Sequence[GpuReading] = ()
        """As a sample told them last."""
        self._own = own
        self._name_of = name_of
        self._changed = changed
        self._publish = publish
        self._clock = clock
        self._finder = finder or Finder()
        self._machine = MachineMemory()
        self._known: dict[str, _Known] = {}
        self._used_at: dict[tuple[str, str], float] = {}
        """When each model was seen to be busy last, or was first seen, by neighbour and name."""
        self._looking = asyncio.Lock()
        self._tasks = tasks or Supervisor(clock=clock)
        self.help = Help(
            found=lambda: self.found,
            unload=self.unload,
            may_unload=may_unload,
            offer=offer,
            publish=publish,
            clock=clock,
            tasks=self._tasks,
        )

    def start(self) -> None:
        """Look from now on, where processes can be looked at."""
        if sys.platform.startswith("linux"):
            self._tasks.keep("looking at other programs", self._look_for_ever)
            self._tasks.run("telling that nobody looks", self._tell_when_given_up())

    async def close(self) -> None:
        """Look no longer."""
        await self._tasks.close()

    def beside(self, sample: Sample) -> Sample:
        """The sample with what other programs hold; and what it tells of GPUs is taken in."""
        self._gpus = sample.gpus
        return replace(sample, neighbours=held_by_program(self.found))

    @property
    def processes(self) -> frozenset[int]:
        """All processes of those that run, by the last look."""
        return frozenset(pid for known in self._known.values() for pid in known.found.processes)

    def find(self, neighbour_id: str) -> Neighbour:
        """The program with this id. Raises `CommandError`."""
        found = next((each for each in self.found if each.id == neighbour_id), None)
        if found is None:
            sentence = Sentence("Neighbour", "No other program that holds models is called {id}.")
            raise CommandError("unknown model", sentence.format(id=neighbour_id[:_LONGEST_NAME]))
        return found

    # --- looking -------------------------------------------------------------------------------------

    async def look(self, *, ask: bool = False) -> None:
        """See which programs run and what they hold; with `ask` each is asked, changed or not."""
        async with self._looking:
            now = self._clock()
            found = await asyncio.to_thread(self._finder.look, set(self._own()), self._gpus, now)
            self._known = {each.id: self._remembered(each) for each in found}
            due = [known for known in self._known.values() if ask or self._is_due(known, now)]
            if due:
                doors = await asyncio.to_thread(self._finder.doors, [known.found for known in due])
                await asyncio.gather(*(self._ask(known, doors[known.found.id], now) for known in due))
            neighbours = tuple(self._neighbour(known, now) for known in self._known.values())
            there = {each.id for each in neighbours}
            self._used_at = {key: at for key, at in self._used_at.items() if key[0] in there}
            if neighbours != self.found:
                self.found = neighbours
                self._changed()

    async def _look_for_ever(self) -> None:
        try:
            while True:
                await self.look()
                self.help.look()
                await asyncio.sleep(LOOK_SECONDS)
        except Exception:
            # What was seen before would be shown for ever.
            self.found = ()
            self._changed()
            raise

    async def _tell_when_given_up(self) -> None:
        """The program goes on without; who looks at the list learns why it is empty."""
        await self._tasks.gave_up()
        sentence = Sentence(
            "Neighbour",
            "Other programs that hold models are not shown any more: looking for them failed again and "
            "again, and the log says why.",
        )
        self._publish(Event(time.time(), "note", actor="program", text=sentence))

    def _remembered(self, found: Found) -> _Known:
        before = self._known.get(found.id)
        if before is None or before.found.root != found.root:
            return _Known(found)
        before.found = found
        return before

    def _is_due(self, known: _Known, now: float) -> bool:
        if known.asked_about is None or now - known.asked_at >= ASK_SECONDS or known.misses:
            return True
        processes, held, busy = known.asked_about
        moved = abs(held.resident_bytes - known.found.held.resident_bytes)
        moved += abs((held.vram_bytes or 0) - (known.found.held.vram_bytes or 0))
        return (
            processes != known.found.processes
            or busy != bool(known.found.busy)
            or moved > _MOVED * max(1, held.resident_bytes + (held.vram_bytes or 0))
        )

    async def _ask(self, known: _Known, doors: list[Door], now: float) -> None:
        known.asked_at = now
        known.asked_about = known.found.processes, known.found.held, bool(known.found.busy)
        last = known.door.place if known.door is not None else None
        for door in sorted(doors, key=lambda door: door.place != last):
            try:
                said = await known.found.program.ask(door, known.found.root)
            except Unclear as error:
                log.debug("%s at %s: %s", known.found.id, door.place, error)
            else:
                known.said = replace(said, claims=tuple(map(_tidy, said.claims[:_MOST_MODELS])))
                known.door, known.misses = door, 0
                return
        known.misses = known.misses + 1 if doors and known.said is not None else 0
        if not 0 < known.misses <= _MISSES_FORGIVEN:
            known.said, known.door, known.misses = None, None, 0

    # --- what is told --------------------------------------------------------------------------------

    def _neighbour(self, known: _Known, now: float) -> Neighbour:
        found, said = known.found, known.said
        # How a program that answers was started itself does not tell what it holds now.
        told = found.runners if said is None else [r for r in found.runners if r.process != found.root]
        pairs = matched(said.claims if said else (), found.runners, told, self._name_of)
        return Neighbour(
            found.id,
            found.program.name,
            found.root.pid,
            found.held,
            tuple(self._model(found, claim, runner, now) for claim, runner in pairs),
            _unloads(found, said),
            said is not None,
        )

    def _model(self, found: Found, claim: Claim, runner: Runner | None, now: float) -> NeighbourModel:
        pid = found.root.pid if runner is None else runner.process.pid
        doing = claim.doing or ("busy" if pid in found.busy else "idle")
        used_at = self._last_use((found.id, claim.name), claim, now, in_use=doing != "idle")
        return NeighbourModel(
            claim.name,
            claim.key,
            doing,
            None if runner is None else found.held_by_runner[pid],
            claim.claimed_bytes,
            used_at if doing == "idle" else None,
            None if runner is None else runner.file,
        )

    def _last_use(self, place: tuple[str, str], claim: Claim, now: float, *, in_use: bool) -> float:
        """When a model was used last: as its program says, else as it was seen."""
        if in_use:
            self._used_at[place] = now
        elif claim.used_at is not None:
            at = now - max(0.0, time.time() - claim.used_at)
            # The two clocks never differ by quite the same: what is told changes when it means something.
            if abs(at - self._used_at.get(place, float("-inf"))) >= 1:
                self._used_at[place] = at
        return self._used_at.setdefault(place, now)

    # --- commands ------------------------------------------------------------------------------------

    async def unload(
        self, neighbour_id: str, model: str | None = None, *, end: bool = False, actor: Actor
    ) -> NeighbourReceipt:
        """Have a program unload a model, by its key, or all it holds; with `end` ask its process to end.

        Raises `CommandError` when there is no such program or model, and when it does not do it.
        """
        self.find(neighbour_id)
        await self.look(ask=True)  # the port must be its own now, not only before
        neighbour, began = self.find(neighbour_id), self._clock()
        known = self._known[neighbour_id]
        wanted = neighbour.model(model) if model is not None else None
        if model is not None and wanted is None:
            sentence = Sentence(
                "Neighbour", "{program} does not hold {model}, or cannot be told to unload it."
            )
            told = sentence.format(program=neighbour.program, model=model[:_LONGEST_NAME])
            raise CommandError("unknown model", told)
        available = await asyncio.to_thread(lambda: self._machine.read().available_bytes)
        if end:
            await self._end(known.found)
        else:
            await self._tell_to_unload(known, neighbour, wanted)
        going = neighbour.models if wanted is None else (wanted,)
        left = await self._until_back(neighbour, None if end else going)
        now_available = await asyncio.to_thread(lambda: self._machine.read().available_bytes)
        receipt = NeighbourReceipt(
            neighbour_id,
            neighbour.program,
            wanted.name if wanted is not None else "",
            max(0, neighbour.held.own_bytes - (left or Held()).own_bytes),
            max(0, neighbour.held.weights_bytes - (left or Held()).weights_bytes),
            now_available - available,
            self._clock() - began,
            left is None,
            actor,
        )
        self._publish(_event(receipt))
        return receipt

    async def unload_all(self, *, actor: Actor) -> list[NeighbourReceipt]:
        """Have every program unload all that it holds, where it can be told to; none is ended.

        One that does not do it is told of in a note, and keeps no other one.
        """
        able = [each for each in self.found if each.models and each.unloads in ("models", "all")]
        done = await asyncio.gather(
            *(self.unload(each.id, actor=actor) for each in able), return_exceptions=True
        )
        for each in done:
            if isinstance(each, CommandError):
                self._publish(Event(time.time(), "note", actor=actor, text=each.sentence))
            elif isinstance(each, BaseException):
                raise each
        return [each for each in done if isinstance(each, NeighbourReceipt)]

    async def _end(self, found: Found) -> None:
        try:
            await asyncio.to_thread(self._finder.end, found)
        except PermissionError as error:
            sentence = Sentence(
                "Neighbour",
                "{program} belongs to another user: its process ({name}, {pid}) can only be ended by that "
                "user or by an administrator.",
            )
            told = sentence.format(program=found.program.name, name=found.root.name, pid=str(found.root.pid))
            raise CommandError("bad request", told) from error

    async def _tell_to_unload(
        self, known: _Known, neighbour: Neighbour, model: NeighbourModel | None
    ) -> None:
        if known.door is None or known.said is None or neighbour.unloads not in ("models", "all"):
            sentence = Sentence(
                "Neighbour",
                "{program} cannot be told to unload what it holds: only the end of its process "
                "({name}, {pid}) gives the memory back.",
            )
            told = sentence.format(
                program=neighbour.program, name=known.found.root.name, pid=str(neighbour.pid)
            )
            raise CommandError("bad request", told)
        keys = [model.key] if model is not None else [each.key for each in neighbour.models if each.key]
        try:
            for key in keys if neighbour.unloads == "models" else [""]:
                await known.found.program.unload(known.door, key)
        except Unclear as error:
            sentence = Sentence("Neighbour", "{program} does not unload what it was asked to ({reason}).")
            told = sentence.format(program=neighbour.program, reason=verbatim(str(error)))
            raise CommandError("neighbour failed", told) from error

    async def _until_back(self, neighbour: Neighbour, going: Sequence[NeighbourModel] | None) -> Held | None:
        """Wait until what goes has come back, for a while; what the program holds then, None: it has ended.

        `going` are models; None: the program itself. Of a model that no process holds alone nobody knows how
        much comes back: it is over when something has, and nothing more does.
        """
        expected = sum(each.held.all_bytes for each in going or () if each.held is not None)
        before = neighbour.held.all_bytes
        deadline, now = self._clock() + BACK_SECONDS, before
        while self._clock() < deadline:
            await self.look()
            left = self._held_by(neighbour)
            if left is None:
                return None
            earlier, now = now, left.all_bytes
            came = before - now
            if going is not None and came >= _ENOUGH * expected and came > _MOVED * before and now >= earlier:
                break
            await asyncio.sleep(_BETWEEN_LOOKS_AT_UNLOAD)
        await self.look(ask=True)
        return self._held_by(neighbour)

    def _held_by(self, neighbour: Neighbour) -> Held | None:
        return next((each.held for each in self.found if each.id == neighbour.id), None)


def _unloads(found: Found, said: Said | None) -> Unloads:
    """How it gives memory back to this user."""
    told: Unloads = "ends" if said is None else said.unloads
    return "never" if told == "ends" and not found.can_be_ended else told


def _tidy(claim: Claim) -> Claim:
    """A claim with a name that can be shown."""
    printable = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in claim.name
    )
    return replace(claim, name=printable[:_LONGEST_NAME] or "?")


def _event(receipt: NeighbourReceipt) -> Event:
    """What came back, as an event."""
    if receipt.ended:
        text = Sentence("Neighbour", "{program} has ended: {size} back in {duration}.")
    elif receipt.model:
        text = Sentence("Neighbour", "{program} unloaded {model}: {size} back in {duration}.")
    else:
        text = Sentence("Neighbour", "{program} unloaded all it held: {size} back in {duration}.")
    told = text.format(
        program=receipt.program,
        model=receipt.model,
        size=Size(receipt.given_back_bytes + receipt.weights_bytes),
        duration=Duration(receipt.seconds),
    )
    numbers = {
        "given_back_bytes": float(receipt.given_back_bytes),
        "weights_bytes": float(receipt.weights_bytes),
        "available_change_bytes": float(receipt.available_change_bytes),
        "seconds": receipt.seconds,
    }
    return Event(time.time(), "neighbour-unloaded", actor=receipt.actor, text=told, numbers=numbers)
