"""Random use of the real program for hours: does it keep memory, files, threads or processes?

`python benchmarks/random_use.py [--minutes N] [--seed N] [--save]`, from the root of the tree. It starts
the desktop program in a home of its own under Xvfb, uses its window (`random_use_window.py`), its API and
its command line at random with the two models in `.models/`, reads the memory of its processes from outside,
and judges:

* private bytes of the program (anonymous memory; window and service are one process) over the last hour: the
  medians of each ten minutes lie within 5 MiB;
* descriptors, threads and child processes, everything unloaded and closed: none more at the end than after
  five minutes;
* no fault: no traceback in a slot of the window, no error in the log, no answer with status 500.

The exit code is 1 when one of them does not hold. A run shorter than 65 minutes is judged from its fifth
minute on, or from its middle.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import psutil

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from benchmarks.random_use_users import MODELS, Users  # noqa: E402
from llmmem_gui.core.units import MIB  # noqa: E402
from llmmem_gui.folders import Folders  # noqa: E402
from tests.running_program import SETTINGS  # noqa: E402

RESULTS = Path(__file__).with_name("results") / "random_use.json"
FLAT_BYTES = 5 * MIB
"""How far the medians of private bytes may lie apart."""
JUDGED_MINUTES = 60.0
WARM_UP_MINUTES = 5.0
MEDIAN_MINUTES = 10.0
SAMPLE_SECONDS = 5.0
SETTLE_SECONDS = 40.0
"""From the end of all use until what is left is counted; free heap goes back each half minute."""


@dataclasses.dataclass(frozen=True)
class Minute:
    """What was seen in one minute: bytes and counts of the program, and of its children together."""

    minute: float
    private_bytes: int
    """Anonymous memory, resident or swapped; the median of the minute's readings, as the next two.

    Not what nobody else maps (USS): that falls when another program happens to use the same libraries.
    """
    resident_bytes: int
    nursery_bytes: int
    """Private bytes of the process that hosts are forked from."""
    descriptors: int
    threads: int
    children: int
    longest_tick_seconds: float
    longest_slot_seconds: float
    longest_slot_processor_seconds: float
    commands: int
    faults: int


@dataclasses.dataclass(frozen=True)
class Rest:
    """What the program holds while nobody uses it, every model unloaded and every dialog closed."""

    private_bytes: int
    descriptors: int
    threads: int
    processes: int


def main() -> None:
    """Use the program, print a line each minute, judge, and end with 1 when something does not hold."""
    options = _options()
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="use-")))
        environment = {**os.environ, "LLMMEM_HOME": str(home), "QT_QPA_PLATFORM": "xcb"}
        environment["DISPLAY"] = stack.enter_context(display())
        folders = Folders.of_user(environment)
        folders.create()
        for model in MODELS:
            (folders.models / f"{model}.gguf").symlink_to(PROJECT / ".models" / f"{model}.gguf")
        folders.settings_file.write_text(SETTINGS)
        window = stack.enter_context(Window.running(environment, options.seed))
        run = Run(window, Users(folders, environment, options.seed), options.minutes)
        run.use()
        errors = _errors_of_log(folders.logs)
        verdicts = run.judge(errors)
    _show(run, verdicts, errors)
    if options.save:
        RESULTS.write_text(json.dumps(run.record(options.seed, verdicts, errors), indent=1) + "\n")
    sys.exit(0 if all(holds for _, _, holds in verdicts) else 1)


@contextlib.contextmanager
def display() -> Iterator[str]:
    """The name of an X display of its own."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            yield f":{told.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


class Window:
    """The program with its window, and the hands that use it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._lines: TextIO = process.stdout
        self._commands: TextIO = process.stdin
        json.loads(self._lines.readline())  # it serves now
        self.program = psutil.Process(process.pid)

    @classmethod
    @contextlib.contextmanager
    def running(cls, environment: dict[str, str], seed: int) -> Iterator[Window]:
        """The program, until the block ends; it must end well."""
        file = Path(__file__).with_name("random_use_window.py")
        process = subprocess.Popen(
            [sys.executable, str(file), str(seed)],
            env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        try:
            yield cls(process)
            process.communicate("quit\n", timeout=60)
            if process.returncode:
                raise SystemExit(f"The program ended with {process.returncode}.")
        finally:
            process.kill()
            process.wait()

    def tell(self, word: str) -> dict[str, Any]:
        """Say a word to the hands; what they answer. Raises `SystemExit` when the program has ended."""
        try:
            self._commands.write(f"{word}\n")
            self._commands.flush()
            answer = self._lines.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise SystemExit(f"The program ended by itself, with {self._process.wait()}.")
        told: dict[str, Any] = json.loads(answer)
        return told

    def private_bytes(self) -> int:
        """Anonymous memory of the program, resident or swapped."""
        return _private_bytes(self.program.pid)

    def resident_bytes(self) -> int:
        """Memory of the program, libraries included."""
        return int(self.program.memory_info().rss)

    def nursery_bytes(self) -> int:
        """Private memory of the nursery; 0 while there is none."""
        size = 0
        for child in self.program.children():
            with contextlib.suppress(psutil.Error, OSError):
                if "nursery" in child.cmdline():
                    size += _private_bytes(child.pid)
        return size

    def rest(self) -> Rest:
        """What it holds now."""
        return Rest(
            self.private_bytes(),
            self.program.num_fds(),
            self.program.num_threads(),
            len(self.program.children(recursive=True)),
        )


class Run:
    """One run: what was seen, and what follows from it."""

    def __init__(self, window: Window, users: Users, minutes: float) -> None:
        self.minutes: list[Minute] = []
        self.rests: list[Rest] = []
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        self.slots: dict[str, tuple[float, float]] = {}
        """The longest of the window by what was done last: how late, and seconds of the processor."""
        self.warm_up = min(WARM_UP_MINUTES, minutes / 2)
        self._window = window
        self._users = users
        self._length = minutes

    def use(self) -> None:
        """Use the program for the time given; it rests after the warm-up and at the end."""
        counts = "descriptors  threads  children"
        print(f" min  private  resident  nursery  {counts}  tick  slot  of CPU  commands  faults")
        self._use_for(self.warm_up)
        self._rest()
        self._use_for(self._length - self.warm_up)
        self._rest()

    def _use_for(self, minutes: float) -> None:
        begun = len(self.minutes)
        end = time.monotonic() + minutes * 60
        self._window.tell("go")
        self._users.go()
        while time.monotonic() < end - 1:
            # The last may be a part of a minute.
            self.minutes.append(self._watch(min(time.monotonic() + 60, end)))
            _show_minute(self.minutes[-1])
        assert len(self.minutes) > begun

    def _watch(self, until: float) -> Minute:
        window, sizes = self._window, []
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(SAMPLE_SECONDS, left))
            sizes.append((window.private_bytes(), window.resident_bytes(), window.nursery_bytes()))
        private, resident, nursery = (round(statistics.median(each)) for each in zip(*sizes, strict=True))
        told = window.tell("report")
        users = self._users
        commands, faults = (
            sum(users.done.values()) + sum(told["done"].values()),
            users.faults + told["faults"],
        )
        self.done += users.done + Counter(told["done"])
        slots: dict[str, tuple[float, float]] = told["longest_slots"]
        for act, (late, processor) in slots.items():
            longest = self.slots.get(act, (0.0, 0.0))
            self.slots[act] = (max(late, longest[0]), max(processor, longest[1]))
        self.faults += faults
        users.done, users.faults = Counter(), []
        held = window.rest()
        return Minute(
            len(self.minutes) + 1,
            private, resident, nursery,
            held.descriptors, held.threads, held.processes,
            told["longest_tick_seconds"],
            max(late for late, _ in slots.values()), max(processor for _, processor in slots.values()),
            commands, len(faults),
        )  # fmt: skip

    def _rest(self) -> None:
        self._users.rest()
        self._window.tell("rest")
        client = self._users.client
        client.request("PUT", "/api/v1/simulated-pressure", {"level": "normal"})
        client.request("POST", "/api/v1/unload")
        time.sleep(SETTLE_SECONDS)
        self.rests.append(self._window.rest())
        print(f"at rest: {self.rests[-1]}", flush=True)

    @property
    def refused(self) -> Counter[str]:
        """Refusals by status and code."""
        return self._users.refused

    def judge(self, errors: list[str]) -> list[tuple[str, str, bool]]:
        """What must hold, the figure, and whether it does."""
        judged = self.minutes[-round(min(JUDGED_MINUTES, self._length - self.warm_up)) :]
        size = round(min(MEDIAN_MINUTES, max(1, len(judged) / 3)))
        parts = [judged[place : place + size] for place in range(0, len(judged), size)]
        medians = [statistics.median(m.private_bytes for m in part) for part in parts if len(part) == size]
        spread = max(medians) - min(medians)
        before, after = self.rests
        return [
            (
                f"private bytes, medians of {size} min over {len(judged)} min, apart",
                f"{spread / MIB:.1f} MiB (at most {FLAT_BYTES / MIB:.0f})",
                spread <= FLAT_BYTES,
            ),
            *(
                (
                    f"{name} at rest, after {self.warm_up:g} min and at the end",
                    f"{getattr(before, name)}, {getattr(after, name)}",
                    getattr(after, name) <= getattr(before, name),
                )
                for name in ("descriptors", "threads", "processes")
            ),
            ("faults, errors in the log", f"{len(self.faults)}, {len(errors)}", not self.faults + errors),
        ]

    def record(self, seed: int, verdicts: list[tuple[str, str, bool]], errors: list[str]) -> dict[str, Any]:
        """Everything, for a file."""
        return {
            "seed": seed,
            "minutes": [dataclasses.asdict(minute) for minute in self.minutes],
            "rests": [dataclasses.asdict(rest) for rest in self.rests],
            "done": dict(self.done),
            "refused": dict(self.refused),
            "longest_slots": self.slots,
            "faults": self.faults + errors,
            "verdicts": [
                {"what": what, "figure": figure, "holds": holds} for what, figure, holds in verdicts
            ],
        }


def _private_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssAnon:", "VmSwap:")))


def _errors_of_log(folder: Path) -> list[str]:
    """What the log says of errors, each with the lines that follow it."""
    lines = "".join(file.read_text() for file in sorted(folder.iterdir()))
    entries = re.split(r"^(?=\d{4}-\d\d-\d\d )", lines, flags=re.MULTILINE)
    return [
        entry for entry in entries if any(word in entry for word in (" ERROR ", " CRITICAL ", "Traceback"))
    ]


def _show_minute(minute: Minute) -> None:
    sizes = (minute.private_bytes, minute.resident_bytes, minute.nursery_bytes)
    private, resident, nursery = (size / MIB for size in sizes)
    print(
        f"{minute.minute:4}  {private:7.1f}  {resident:8.1f}  {nursery:7.1f}  {minute.descriptors:11}  "
        f"{minute.threads:7}  {minute.children:8}  {minute.longest_tick_seconds:4.2f}  "
        f"{minute.longest_slot_seconds:4.2f}  {minute.longest_slot_processor_seconds:6.2f}  "
        f"{minute.commands:8}  {minute.faults:6}",
        flush=True,
    )


def _show(run: Run, verdicts: list[tuple[str, str, bool]], errors: list[str]) -> None:
    for fault in [*run.faults, *errors]:
        print(f"fault: {fault}")
    print(f"done: {dict(run.done.most_common())}")
    print(f"refused: {dict(run.refused.most_common())}")
    slowest = max(minute.longest_tick_seconds for minute in run.minutes)
    latest = max(minute.longest_slot_seconds for minute in run.minutes)
    used = max(minute.longest_slot_processor_seconds for minute in run.minutes)
    print(f"longest tick {slowest * 1000:.0f} ms; the window was late by {latest * 1000:.0f} ms at most,")
    print(f"and took {used * 1000:.0f} ms of the processor between two looks at its events")
    for act, (late, processor) in sorted(run.slots.items(), key=lambda each: -each[1][1])[:8]:
        print(f"    after {act!r}: late by {late * 1000:.0f} ms, {processor * 1000:.0f} ms of the processor")
    for what, figure, holds in verdicts:
        print(f"{'holds' if holds else 'FAILS'}  {what:62} {figure}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=120.0, help="how long to use it (120)")
    parser.add_argument("--seed", type=int, default=1, help="which random use (1)")
    parser.add_argument("--save", action="store_true", help=f"keep the figures in {RESULTS.name}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
