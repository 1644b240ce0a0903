"""Measures the window: first paint, a tick, panning, scrolling, idle time, own memory, lateness.

`python benchmarks/ui.py [--minutes N] [--only NAME …]`. Offscreen unless QT_QPA_PLATFORM says otherwise;
on an X server: `xvfb-run -a env QT_QPA_PLATFORM=xcb python benchmarks/ui.py`. What takes milliseconds is
given as time on the clock and as processor time of the thread, which a busy machine does not make longer.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# The offscreen platform says with each window that it has no size hints.
os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")

if TYPE_CHECKING:
    from llmmem_gui.ui.desktop import Desktop

MIB = 1024**2
SMOL, GEMMA = "smollm2-135m-instruct", "gemma-3-270m-q4_k_m"


def main() -> None:
    """Run the measurements asked for, each in a process of its own, and print one line for each figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1.0, help="length of the run that looks for slots")
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS))
    parser.add_argument("--in-this-process", choices=MEASUREMENTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_this_process:
        MEASUREMENTS[options.in_this_process](options.minutes)
        return
    print(f"platform {os.environ['QT_QPA_PLATFORM']}, load average {os.getloadavg()[0]:.1f}")
    for name in options.only:
        for _ in range(5 if name == "first-paint" else 1):
            with tempfile.TemporaryDirectory() as home:
                command = [sys.executable, __file__, "--in-this-process", name]
                command += ["--minutes", str(options.minutes)]
                subprocess.run(command, env={**os.environ, "LLMMEM_HOME": home}, check=True)


def report(what: str, figure: str, target: str) -> None:
    """Print one figure beside its target."""
    print(f"{what:58} {figure:>28}   target {target}", flush=True)


def spread(seconds: list[float]) -> str:
    """Median, 99th percentile and maximum in milliseconds."""
    ordered = sorted(seconds)
    late = ordered[min(len(ordered) - 1, round(len(ordered) * 0.99))]
    return f"{statistics.median(ordered) * 1e3:.1f} / {late * 1e3:.1f} / {ordered[-1] * 1e3:.1f} ms"


class Stopwatch:
    """Times of the same thing done many times, on the clock and of the processor."""

    def __init__(self) -> None:
        self.clock: list[float] = []
        self.processor: list[float] = []

    def __enter__(self) -> None:
        self._begun = (time.perf_counter(), time.thread_time())

    def __exit__(self, *_: object) -> None:
        self.clock.append(time.perf_counter() - self._begun[0])
        self.processor.append(time.thread_time() - self._begun[1])

    def report(self, what: str, target: str, warm_up: int = 20) -> None:
        """Print both, without the first ones."""
        report(what, spread(self.clock[warm_up:]), target)
        report("    processor time", spread(self.processor[warm_up:]), target)


def made_desktop() -> Desktop:
    """The desktop program, not started, in a home of its own; it knows the two models."""
    from llmmem_gui.folders import Folders
    from llmmem_gui.service.program import Program
    from llmmem_gui.unused_memory import keep_heap_dense

    keep_heap_dense()
    folders = Folders.of_user()
    folders.create()
    for file in (PROJECT / ".models").glob("*.gguf"):
        (folders.models / file.name).symlink_to(file.resolve())
    folders.settings_file.write_text("[library]\nsearch_known_folders = false\n[api]\nport = 0\n")
    program = Program(folders)

    from llmmem_gui.ui.desktop import Desktop, make_application
    from llmmem_gui.ui.service_thread import ServiceThread

    application = make_application(["llmmem-gui"])
    desktop = Desktop(application, ServiceThread(program, folders), program.service.settings, folders)
    desktop.window.resize(1366, 860)
    return desktop


def run_for(seconds: float) -> None:
    """Let the event loop run."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def closed(desktop: Desktop) -> None:
    """Close the program and wait until it is."""
    desktop.quit()
    while desktop.service.isRunning():
        run_for(0.05)
    run_for(0.05)
    desktop.release()


def first_paint(_: float) -> None:
    """Time from the start of the process until the window has been painted."""
    import psutil

    born = psutil.Process().create_time()
    desktop = made_desktop()

    from PySide6.QtCore import QEvent, QObject

    class Watch(QObject):
        painted: float | None = None
        used = 0.0

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint and self.painted is None:
                self.painted, self.used = time.time(), time.process_time()
            return False

    watch = Watch()
    desktop.window.installEventFilter(watch)
    desktop.start()
    while watch.painted is None:
        run_for(0.01)
    figure = f"{watch.painted - born:.2f} s (processor {watch.used:.2f} s)"
    report("first paint, from the start of the process", figure, "< 1.5 s")
    closed(desktop)


class BusyWindow:
    """The window with ten models that came and went for seven days."""

    def __init__(self) -> None:
        from PySide6.QtWidgets import QApplication

        from llmmem_gui.core.history import History
        from llmmem_gui.core.readings import MachineReading
        from llmmem_gui.core.snapshot import State
        from llmmem_gui.ui.main_window import MainWindow
        from llmmem_gui.ui.plot_series import HistorySource
        from llmmem_gui.ui.theme import Theme
        from tests.ui import facts

        self.application = QApplication(["benchmark"])
        self._history = History()
        self._machine = MachineReading(
            32 * 1024 * MIB, 12 * 1024 * MIB, 8192 * MIB, 7000 * MIB, own_bytes=120 * MIB,
            pressure_some_percent=2.0, pressure_full_percent=1.0,
        )  # fmt: skip
        self._names = [f"model-{number}-instruct" for number in range(10)]
        for days, step in ((7.0, 60), (1.0, 10), (1 / 24, 1)):
            for moment in range(round(facts.NOW - days * 86400), round(facts.NOW), step):
                self._append(float(moment))
        loaded = [
            facts.model(name, State.READY, weights=300 * MIB, private=200 * MIB, idle=10 + n, rank=n + 1)
            for n, name in enumerate(self._names)
        ]
        self._shot = facts.snapshot(*loaded)
        self.window = MainWindow(Theme(self.application, "light"), HistorySource(self._history))
        self.window.resize(1366, 860)
        self.window.show()
        self.window.show_history(facts.usual_events())
        self.tick(0)

    def _append(self, moment: float) -> None:
        from llmmem_gui.core.readings import ActivityReading, GpuReading, HostReading, Sample

        hosts = {
            name: HostReading(1, (200 + 10 * place + int(moment / 60) % 40) * MIB, (300 + 20 * place) * MIB)
            for place, name in enumerate(self._names)
            if int(moment / 900 + place) % 5
        }
        speed = 20.0 + int(moment / 7) % 30
        activity = {
            name: ActivityReading(1, int(moment / 60 + place) % 3, round(speed), speed + place)
            for place, name in enumerate(hosts)
            if int(moment / 300 + place) % 4 == 0
        }
        gpus = (GpuReading("0000:01:00.0", "GPU", 8192 * MIB, (2048 + int(moment / 60) % 900) * MIB),)
        self.sample = Sample(moment, moment, self._machine, hosts, gpus, activity=activity)
        self._history.append(self.sample, 8192 * MIB)

    def tick(self, number: int, watch: AbstractContextManager[None] | None = None) -> None:
        """One second passes: facts are taken in and everything is painted, which `watch` sees."""
        from tests.ui import facts

        self._append(facts.NOW + number)
        read = replace(facts.sample(self._shot, time=facts.NOW + number), gpus=self.sample.gpus)
        machine = replace(self._machine, total_bytes=read.machine.total_bytes)
        read = replace(read, machine=machine)
        with watch or nullcontext():
            self.window.show_sample(read)
            self.window.show_snapshot(facts.later(self._shot, number))
            self.application.processEvents()

    def close(self) -> None:
        """Take the window apart while there still is an application."""
        from PySide6.QtCore import QEvent

        self.window.deleteLater()
        self.application.sendPostedEvents(self.window, QEvent.Type.DeferredDelete)


def tick(_: float) -> None:
    """Cost of one tick with ten models: facts taken in and everything painted."""
    from llmmem_gui.ui.plot_activity import CURVES

    busy = BusyWindow()
    for span in ("5min", "24h", "7d"):
        busy.window.plot.choose_span(span)
        watch = Stopwatch()
        for number in range(220):
            busy.tick(number, watch)
        watch.report(f"tick with ten models, plot at {span}", "8 / 16 ms (median / p99)")
    busy.window.plot.restore_activity(" ".join(("open", *CURVES)))
    for span in ("24h", "7d"):
        busy.window.plot.choose_span(span)
        watch = Stopwatch()
        for number in range(220, 440):
            busy.tick(number, watch)
        watch.report(f"tick with ten models, both plots at {span}", "12 ms (median)")
    busy.close()


def panning(_: float) -> None:
    """Cost of one frame while the mouse pans and the wheel zooms over seven days of ten models."""
    from PySide6.QtCore import QPoint, QPointF, Qt
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtTest import QTest

    busy = BusyWindow()
    busy.window.plot.choose_span("7d")
    busy.application.processEvents()
    canvas = busy.window.plot.canvas
    viewport = canvas.viewport()
    button, place = Qt.MouseButton.LeftButton, QPoint(500, 120)
    watch = Stopwatch()
    QTest.mousePress(viewport, button, pos=place)
    for number in range(200):
        canvas.scene()._lastMoveEventTime = 0  # pyqtgraph would leave out moves faster than 100 a second
        with watch:
            QTest.mouseMove(viewport, place + QPoint(2 * number % 300, 0))
            busy.application.processEvents()
    QTest.mouseRelease(viewport, button, pos=place)
    watch.report("a frame while seven days are panned", "33 ms (maximum)")
    watch = Stopwatch()
    for number in range(200):
        angle = QPoint(0, 120 if number % 20 < 10 else -120)
        event = QWheelEvent(
            QPointF(place), viewport.mapToGlobal(QPointF(place)), QPoint(0, 0), angle,
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        with watch:
            busy.application.sendEvent(viewport, event)
            busy.application.processEvents()
    watch.report("a frame while seven days are zoomed", "33 ms (maximum)")
    busy.close()


def memory(_: float) -> None:
    """Own memory, as the kernel shares it out: started into the tray, and with the window shown."""
    import psutil

    desktop = made_desktop()
    desktop.service.start()
    process = psutil.Process()

    def told(state: str, target: str) -> None:
        window = process.memory_full_info().pss / MIB
        nurseries = [each for each in process.children(recursive=True) if "nursery" in each.cmdline()]
        nursery = sum(each.memory_full_info().pss for each in nurseries) / MIB
        figure = f"{window:.0f} + {nursery:.0f} MiB"
        report(f"own memory (PSS), {state}: program + nursery", figure, target)

    run_for(20)  # until the dry runs of the first start have ended
    told("never shown", "100 MiB")
    desktop.window.show()
    run_for(20)
    told("window shown", "160 MiB")
    closed(desktop)


def scrolling(_: float) -> None:
    """Cost of one frame while a thousand rows scroll by."""
    from PySide6.QtWidgets import QApplication

    from llmmem_gui.core.settings import Settings
    from llmmem_gui.ui.models_table import ModelsTable
    from llmmem_gui.ui.theme import Theme
    from tests.ui import facts

    application = QApplication(["benchmark"])
    table = ModelsTable(Theme(application, "light"))
    table.resize(990, 420)
    table.show()
    models = [facts.model(f"model-{n:04}-instruct-q4_k_m", need=(n * 9 * MIB, 90 * MIB)) for n in range(1000)]
    begun = time.perf_counter()
    shot = facts.snapshot(facts.SMOL, facts.QWEN, *models)
    table.show_snapshot(shot, Settings())
    application.processEvents()
    report("a thousand models shown", f"{(time.perf_counter() - begun) * 1e3:.0f} ms", "-")
    bar = table.view.verticalScrollBar()
    watch = Stopwatch()
    for position in range(0, bar.maximum(), 37):
        with watch:
            bar.setValue(position)
            application.processEvents()
    watch.report("a frame while a thousand rows scroll", "16 ms (maximum)")
    watch = Stopwatch()
    for number in range(80):
        with watch:
            table.show_snapshot(facts.later(shot, number), Settings())
            application.processEvents()
    watch.report("a snapshot of a thousand models", "16 ms (p99)")


def idle(_: float) -> None:
    """Processor time of the whole program while nothing happens, hidden and visible, and its memory."""
    import psutil

    from llmmem_gui.service.hosting import hosts

    hosts.REST_SECONDS = 32.0  # instead of ten minutes: after the first of the two measurements
    desktop = made_desktop()
    desktop.start()
    run_for(12)  # until what only the start needed has been given back
    process = psutil.Process()

    def own_bytes() -> int:
        sample = desktop.window._sample
        assert sample is not None
        return sample.machine.own_bytes

    def processor_seconds() -> dict[int, float]:
        family = [process, *process.children(recursive=True)]
        return {each.pid: sum(each.cpu_times()[:2]) for each in family}

    for name, target in (("visible", "< 2 %"), ("hidden", "< 0.5 %")):
        desktop.window.setVisible(name == "visible")
        run_for(1)
        begun, used = time.perf_counter(), processor_seconds()
        run_for(20)
        spent = processor_seconds()
        share = sum(spent[pid] - used.get(pid, 0.0) for pid in spent) / (time.perf_counter() - begun)
        report(f"idle, window {name}", f"{share * 100:.2f} % of a core", target)
        nursery = "waiting" if name == "visible" else "at rest"
        report(f"own memory shown, the nursery {nursery}", f"{own_bytes() / MIB:.0f} MiB", "130 MiB")
    report("resident memory of the window's process", f"{process.memory_info().rss / MIB:.0f} MiB", "130 MiB")
    closed(desktop)


def slot(minutes: float) -> None:
    """The longest time the GUI thread was not in its event loop while two models load and unload."""
    from llmmem_gui.ui import requests as ask

    desktop = made_desktop()

    from PySide6.QtCore import QTimer

    late: list[float] = []
    slots: list[float] = []
    beat = QTimer()
    beat.setInterval(5)
    before = [time.perf_counter(), time.thread_time()]

    def take() -> None:
        now, used = time.perf_counter(), time.thread_time()
        late.append(max(0.0, now - before[0] - 0.005))
        slots.append(used - before[1])
        before[:] = [now, used]

    beat.timeout.connect(take)
    desktop.start()
    run_for(3)
    before[:] = [time.perf_counter(), time.thread_time()]
    beat.start()
    end = time.monotonic() + minutes * 60
    while time.monotonic() < end:
        for request in (ask.Load(SMOL), ask.Load(GEMMA), ask.Unload(SMOL), ask.UnloadAll()):
            desktop.service.carry_out(request)
            run_for(2.5)
    beat.stop()
    report(f"lateness of the GUI thread in {minutes:g} min", spread(late), "50 ms (maximum)")
    report("    processor time between two beats of 5 ms", spread(slots), "50 ms (maximum)")
    closed(desktop)


MEASUREMENTS: dict[str, Callable[[float], None]] = {
    "first-paint": first_paint,
    "tick": tick,
    "panning": panning,
    "scrolling": scrolling,
    "idle": idle,
    "memory": memory,
    "slot": slot,
}


if __name__ == "__main__":
    main()
