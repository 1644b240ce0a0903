"""Finds programs that hold models among the processes, and measures them; works in a worker thread."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from llmmem_gui.core.neighbours import Held
from llmmem_gui.core.readings import GpuReading
from llmmem_gui.service.neighbours.door import Door
from llmmem_gui.service.neighbours.known_programs import program_of
from llmmem_gui.service.neighbours.matching import Runner, runners
from llmmem_gui.service.neighbours.measuring import Meter
from llmmem_gui.service.neighbours.ports import ListeningPorts, Place
from llmmem_gui.service.neighbours.processes import Process, ProcessTable, ancestors, trees
from llmmem_gui.service.neighbours.program import Program
from llmmem_gui.service.sampling.process_memory import start_time

_MOST_DOORS = 4
"""Ports of one program that are tried; it may listen on more for its own parts."""


@dataclass(frozen=True, slots=True)
class Found:
    """A program that runs, as it was found and measured."""

    program: Program
    root: Process
    tree: tuple[Process, ...] = field(repr=False)
    """All its processes, the one that was started first."""
    runners: tuple[Runner, ...]
    held: Held
    held_by_runner: Mapping[int, Held]
    """What each process with a model holds, with what it has started; by pid."""
    busy: Collection[int]
    """Processes with a model that compute, and the uppermost one if any does; by pid."""
    can_be_ended: bool
    """Whether this user may signal the process that was started."""

    @property
    def id(self) -> str:
        """Of the neighbour that it is."""
        words = self.program.name.lower().replace(" ", "-")
        return f"{words}-{self.root.pid}"

    @property
    def processes(self) -> frozenset[int]:
        """All its processes, by pid."""
        return frozenset(process.pid for process in self.tree)


class Finder:
    """Looks again and again; one call at a time."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.table = ProcessTable(proc)
        self.meter = Meter(proc)
        self._ports = ListeningPorts(proc)
        self._recognised: dict[Process, Program | None] = {}
        self._runners: dict[tuple[Process, ...], tuple[Runner, ...]] = {}

    def look(self, without: Collection[int], gpus: Collection[GpuReading], now: float) -> list[Found]:
        """The programs that run now, leaving out the processes `without` and all that they have started."""
        processes = self.table.look()
        recognised = self._recognise(processes.values())
        roots = [
            process.pid
            for process in recognised
            if process.pid not in without
            and not any(
                above in recognised or above.pid in without for above in ancestors(process, processes)
            )
        ]
        found = {pid: tuple(tree) for pid, tree in trees(processes, roots, without).items()}
        pids = [process.pid for tree in found.values() for process in tree]
        self.meter.look(pids, now, (frozenset(pids), frozenset(without)))
        self._runners = {tree: self._runners.get(tree) or tuple(runners(tree)) for tree in found.values()}
        return [
            self._found(recognised[tree[0]], tree, processes, gpus)
            for tree in found.values()
            if self.meter.knows(tree[0].pid)
        ]

    def doors(self, found: Iterable[Found]) -> dict[str, list[Door]]:
        """Where each of these may be asked: ports that its very processes listen on, the likeliest first.

        Which process of another user listens where is not told: the port that it names, else its usual one,
        where that user has it.
        """
        self._ports.look()
        return {each.id: self._doors_of(each) for each in found}

    def end(self, found: Found) -> None:
        """Ask the process that was started to end, as a terminal does. One that has ended is no error.

        Raises `PermissionError` where this user may not.
        """
        try:
            process = psutil.Process(found.root.pid)
            if start_time(found.root.pid) == found.root.started:
                process.terminate()
        except psutil.NoSuchProcess:
            return
        except psutil.AccessDenied as error:
            raise PermissionError from error

    def _recognise(self, processes: Iterable[Process]) -> dict[Process, Program]:
        """What each process is that is any of the programs; each is looked at once."""
        before = self._recognised
        self._recognised = {each: before[each] if each in before else program_of(each) for each in processes}
        return {process: program for process, program in self._recognised.items() if program is not None}

    def _found(
        self,
        program: Program,
        tree: Sequence[Process],
        processes: Mapping[int, Process],
        gpus: Collection[GpuReading],
    ) -> Found:
        tree = tuple(tree)
        root, pids = tree[0], [process.pid for process in tree]
        held_by_runner, busy = {}, set()
        for runner in self._runners[tree]:
            below = [
                process.pid
                for process in tree
                if process == runner.process or runner.process in ancestors(process, processes)
            ]
            held_by_runner[runner.process.pid] = self.meter.held(below, gpus)
            if self.meter.is_busy(below):
                busy.add(runner.process.pid)
        if self.meter.is_busy(pids):
            busy.add(root.pid)
        held = self.meter.held(pids, gpus)
        return Found(
            program, root, tree, self._runners[tree], held, held_by_runner, busy, _can_be_ended(root)
        )

    def _doors_of(self, found: Found) -> list[Door]:
        doors: dict[Place, Door] = {}
        for speaker in found.program.speakers(found.tree):
            places = self._places_of(speaker, found.program.port)
            key = found.program.key_of(speaker) if places else None
            for place in places:
                doors.setdefault(place, Door(place, key))
        return list(doors.values())[:_MOST_DOORS]

    def _places_of(self, speaker: Process, usual: int) -> list[Place]:
        told = speaker.option("--port", "-p") or ""
        named = int(told) if told.isdecimal() else usual
        places = self._ports.of(speaker.pid)
        if places is None:
            return self._ports.of_user(speaker.user, named)
        return sorted(places, key=lambda place: place.port not in (named, usual))


def _can_be_ended(process: Process) -> bool:
    try:
        os.kill(process.pid, 0)  # asks for the right alone
    except OSError:
        return False
    return True
