"""The processes of this machine, read from `/proc` once each, and which of them belong together."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_LOOKS_AT_NEW = 2
"""A process may be seen between its birth and the program that it then becomes."""
_LOOKS_KEPT = 20
"""After so many looks everything is read anew: what a process runs may change late, too."""
_LONGEST_ARGUMENTS = 65_536
_INTERPRETERS = ("python", "pypy")
_WITH_VALUE = ("-W", "-X")
"""Options of an interpreter that the next argument belongs to."""
_PARENT, _START_TIME = 1, 19
"""Places after the name in /proc/PID/stat (proc_pid_stat(5))."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process as it was started."""

    pid: int
    parent: int
    started: float
    """When it began, as `start_time` counts: with the pid it means one process for ever."""
    arguments: tuple[str, ...]
    user: int = -1
    """Whose it is, by number."""
    proc: Path = field(default=Path("/proc"), repr=False, compare=False)

    @property
    def command(self) -> tuple[str, ...]:
        """What runs, and its arguments: of a script or a module without its interpreter."""
        if not os.path.basename(self.arguments[0]).startswith(_INTERPRETERS):
            return self.arguments
        rest = self.arguments[1:]
        while rest and rest[0].startswith("-"):
            if rest[0] == "-c":
                break
            if rest[0] == "-m":
                return rest[1:] or self.arguments
            rest = rest[2:] if rest[0] in _WITH_VALUE else rest[1:]
        return rest if rest and rest[0] != "-c" else self.arguments

    @property
    def name(self) -> str:
        """What runs, without its folder."""
        return os.path.basename(self.command[0])

    @property
    def folder(self) -> str:
        """The folder it works in; empty where that cannot be read."""
        try:
            return os.readlink(self.proc / str(self.pid) / "cwd")
        except OSError:
            return ""

    def option(self, *names: str) -> str | None:
        """The value of an option, written as one argument or as two."""
        command = self.command
        for place, argument in enumerate(command):
            for name in names:
                if argument == name and place + 1 < len(command):
                    return command[place + 1]
                if argument.startswith(f"{name}="):
                    return argument[len(name) + 1 :]
        return None

    def variable(self, name: str) -> str | None:
        """A variable of its environment; None also where that cannot be read."""
        try:
            content = (self.proc / str(self.pid) / "environ").read_bytes()
        except OSError:
            return None
        wanted = os.fsencode(f"{name}=")
        found = (line for line in content.split(b"\0") if line.startswith(wanted))
        return next((os.fsdecode(line[len(wanted) :]) for line in found), None)

    def runs(self, script: str, *folders: str) -> bool:
        """Whether it runs a script of that name in a folder whose name begins so, in whatever letters."""
        folder = os.path.basename(os.path.dirname(self.path_of(self.command[0])))
        return self.name == script and folder.lower().startswith(folders)

    def path_of(self, path: str) -> str:
        """A path that it was given, from the root; as it was given where its folder cannot be read."""
        return os.path.join(self.folder, path)


class ProcessTable:
    """The processes of this machine. A look at it costs one listing, and reads those that are new."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.reads = 0
        """How many processes have been read."""
        self._proc = proc
        self._looks = 0
        self._seen: dict[tuple[int, int], tuple[int, Process | None]] = {}
        """How often each was read, and what it is; by pid and by the number of its folder, which another
        process with the pid has not."""

    def look(self) -> dict[int, Process]:
        """All processes that run now, by pid; none on systems without `/proc`."""
        self._looks += 1
        before = {} if self._looks % _LOOKS_KEPT == 0 else self._seen
        now: dict[tuple[int, int], tuple[int, Process | None]] = {}
        try:
            with os.scandir(self._proc) as entries:
                for entry in entries:
                    if entry.name.isdigit():
                        key = int(entry.name), entry.inode()
                        looks, process = before.get(key, (0, None))
                        if looks < _LOOKS_AT_NEW:
                            looks, process = looks + 1, self._read(entry)
                        now[key] = looks, process
        except OSError:
            now = {}
        self._seen = now
        return {process.pid: process for _, process in now.values() if process is not None}

    def _read(self, entry: os.DirEntry[str]) -> Process | None:
        """A process; None for those of the kernel, those that are hidden, and those that have ended."""
        self.reads += 1
        pid = int(entry.name)
        try:
            user = entry.stat().st_uid
            with open(f"{entry.path}/cmdline", "rb", buffering=0) as file:
                content = file.read(_LONGEST_ARGUMENTS)
            with open(f"{entry.path}/stat", "rb", buffering=0) as file:
                fields = file.read(4096).rpartition(b")")[2].split()
            parent, started = int(fields[_PARENT]), float(fields[_START_TIME])
        except (OSError, IndexError, ValueError):
            return None
        if not content.strip(b"\0"):  # of the kernel, or one that has only to be reaped
            return None
        arguments = tuple(os.fsdecode(part) for part in content.rstrip(b"\0").split(b"\0"))
        return Process(pid, parent, started, arguments, user, self._proc)


def ancestors(process: Process, processes: Mapping[int, Process]) -> Iterator[Process]:
    """Its parent, the parent of that, and so on."""
    seen = {process.pid}
    above = processes.get(process.parent)
    while above is not None and above.pid not in seen:
        seen.add(above.pid)
        yield above
        above = processes.get(above.parent)


def trees(
    processes: Mapping[int, Process], roots: Collection[int], without: Collection[int]
) -> dict[int, list[Process]]:
    """Each root with all processes below it, itself first; none of `without`, nor what they have started."""
    found: dict[int, list[Process]] = {pid: [processes[pid]] for pid in roots}
    for process in processes.values():
        if process.pid in found or process.pid in without:
            continue
        for above in ancestors(process, processes):
            if above.pid in without:
                break
            if above.pid in found:
                found[above.pid].append(process)
                break
    return found
