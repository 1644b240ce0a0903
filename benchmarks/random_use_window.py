"""The desktop program as a process, whose window is used at random: what `benchmarks/random_use.py` watches.

It answers one line of JSON for each line on its standard input: `report` gives what was done since the last
report and the longest waits, `rest` closes what is open and keeps the hands still, `go` lets them move again,
`quit` closes the program in order.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QSocketNotifier, Qt, QTimer  # noqa: E402
from PySide6.QtGui import QAction, QMouseEvent, QWheelEvent  # noqa: E402
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QMessageBox, QPushButton  # noqa: E402

from llmmem_gui.core.units import MIB  # noqa: E402
from llmmem_gui.folders import Folders  # noqa: E402
from llmmem_gui.service.program import Program  # noqa: E402
from llmmem_gui.service.sampling.ticks import Ticks  # noqa: E402
from llmmem_gui.service.storage.log_file import keep_log  # noqa: E402
from llmmem_gui.ui.desktop import Desktop, make_application  # noqa: E402
from llmmem_gui.ui.memory_plot import SPANS  # noqa: E402
from llmmem_gui.ui.service_thread import ServiceThread  # noqa: E402
from llmmem_gui.unused_memory import keep_heap_dense  # noqa: E402

_PAUSE_MILLISECONDS = (150, 1200)
"""Shortest and longest time between two things that the hands do."""
_BEAT_SECONDS = 0.005
_LIMITS_MIB = (160, 280, 400, 600, 1024, 2048)
_QUESTIONS = ("Say hello.", "Name three colours.", "How much is 2 and 2?", "Write a short poem about rain.")


class LongestTick:
    """The longest tick of the service since the last report, in seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0
        whole = Ticks.tick

        async def timed(ticks: Ticks) -> None:
            begun = time.perf_counter()
            await whole(ticks)
            self.seconds = max(self.seconds, time.perf_counter() - begun)

        Ticks.tick = timed  # type: ignore[method-assign]


class LongestSlots:
    """How late the event loop of the window was at most since the last report, by what was done last.

    In seconds on the clock, and of the processor, which a busy machine does not make longer.
    """

    def __init__(self, hands: Hands) -> None:
        self.by_act: dict[str, tuple[float, float]] = {}
        self._hands = hands
        self._before = (time.perf_counter(), time.thread_time())
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(round(_BEAT_SECONDS * 1000))
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        now, used = time.perf_counter(), time.thread_time()
        late, processor = now - self._before[0] - _BEAT_SECONDS, used - self._before[1]
        before = self.by_act.get(self._hands.last_act, (0.0, 0.0))
        self.by_act[self._hands.last_act] = (max(late, before[0]), max(processor, before[1]))
        self._before = (now, used)


class Hands(QObject):
    """Does something with the window every now and then."""

    def __init__(self, desktop: Desktop, seed: int) -> None:
        super().__init__()
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        self.last_act = "nothing"
        self._desktop = desktop
        self._window = desktop.window
        self._random = random.Random(seed)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._move)
        self._ways: dict[Callable[[], object], int] = {
            self._choose_row: 8,
            self._press: 14,
            self._drag_slider: 8,
            self._undo: 3,
            self._zoom: 8,
            self._pan: 5,
            self._point: 6,
            self._choose_span: 4,
            self._copy: 1,
            self._hide_or_show: 4,
            self._resize: 2,
            self._open_dialog: 5,
            self._use_dialog: 10,
            self._answer_notice: 4,
            self._chat: 8,
            self._search: 2,
        }

    def go(self) -> None:
        """Begin, or go on."""
        self._timer.start(self._random.randint(*_PAUSE_MILLISECONDS))

    def rest(self) -> None:
        """Close what is open, show the window, and be still."""
        self._timer.stop()
        self._close_popup()
        for dialog in self._dialogs():
            dialog.reject()
        self._window.toolbar.search.clear()
        self._window.plot.choose_span("5min")
        self._window.show()

    def _move(self) -> None:
        way = self._random.choices(list(self._ways), list(self._ways.values()))[0]
        name = way.__name__.strip("_").replace("_", " ")
        self.done[name] += 1
        self.last_act = name
        try:
            self._close_popup()
            way()
        except Exception:  # noqa: BLE001 - whatever it is, it is counted and shown, and the use goes on
            self.faults.append(f"{name}: {traceback.format_exc()}")
        self.go()

    # --- what hands do -----------------------------------------------------------------------------------

    def _choose_row(self) -> None:
        if (snapshot := self._window.snapshot) is not None and snapshot.models:
            self._window.table.choose(self._random.choice(snapshot.models).id)

    def _press(self) -> None:
        act = self._window.actions_
        often = [act.load, act.load, act.load, act.unload, act.doze, act.pin]
        action = self._random.choice([*often, act.unload_all, act.clean_up, act.rescan, act.copy_api])
        self._trigger(action)  # does nothing while it is disabled

    def _drag_slider(self) -> None:
        limits, panel = self._window.limits, self._window.panel
        slider, values = self._random.choice(
            [
                (limits.limit, [size * MIB for size in _LIMITS_MIB]),
                (limits.reserve, [size * MIB for size in (256, 512, 1024)]),
                (limits.idle, [5, 10, 30, 60]),
                (panel.limit, [size * MIB for size in _LIMITS_MIB]),
                (panel.context, [512, 1024, 2048, 4096]),
            ]
        )
        if slider.isVisible() and slider.isEnabled():
            for _ in range(3):
                slider.drag_to(self._random.choice(values))
            slider.drop()

    def _undo(self) -> None:
        stack = self._window.history.stack
        self._random.choice([stack.undo, stack.undo, stack.redo])()

    def _zoom(self) -> None:
        place, turns = self._place_on_plot(), self._random.choice([-360, -120, 120, 360])
        viewport = self._window.plot.canvas.viewport()
        event = QWheelEvent(
            place, viewport.mapToGlobal(place), QPoint(0, 0), QPoint(0, turns), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(viewport, event)

    def _pan(self) -> None:
        button = self._random.choice([Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton])
        begin, end = self._place_on_plot(), self._place_on_plot()
        self._mouse(QEvent.Type.MouseMove, begin)
        self._mouse(QEvent.Type.MouseButtonPress, begin, button)
        for share in (0.3, 0.7, 1.0):
            self._mouse(QEvent.Type.MouseMove, begin + (end - begin) * share, held=button)
        self._mouse(QEvent.Type.MouseButtonRelease, end, button)

    def _point(self) -> None:
        self._mouse(QEvent.Type.MouseMove, self._place_on_plot())

    def _choose_span(self) -> None:
        self._window.plot.choose_span(self._random.choice(list(SPANS)))

    def _copy(self) -> None:
        plot = self._window.plot
        self._random.choice([plot.copy_picture, plot.copy_numbers])()

    def _hide_or_show(self) -> None:
        if self._window.isVisible():
            self._window.hide()
        else:
            self._desktop.open_window()

    def _resize(self) -> None:
        self._window.resize(self._random.randint(900, 1500), self._random.randint(600, 950))

    def _open_dialog(self) -> None:
        if len(self._dialogs()) > 2:
            return
        act = self._window.actions_
        self._trigger(
            self._random.choice([act.settings, act.help, act.events, act.events_of, act.try_out, act.close])
        )

    def _use_dialog(self) -> None:
        dialogs = self._dialogs()
        if not dialogs:
            return
        dialog = self._random.choice(dialogs)
        buttons = [each for each in dialog.findChildren(QPushButton) if _can_be_pressed(each)]
        # A message asks whether to quit, and settings that are accepted are those that were shown.
        if buttons and not isinstance(dialog, QMessageBox) and self._random.random() < 0.4:
            self._random.choice(buttons).click()
        else:
            dialog.reject()

    def _answer_notice(self) -> None:
        buttons = self._window.notices.findChildren(QAbstractButton)
        if pressable := [each for each in buttons if _can_be_pressed(each)]:
            self._random.choice(pressable).click()

    def _chat(self) -> None:
        if (snapshot := self._window.snapshot) is None or not snapshot.models:
            return
        chat = self._window.open_try_out(self._random.choice(snapshot.models).id)
        assert chat is not None
        chat.options.length.setValue(self._random.choice([8, 16, 48]))
        doing = self._random.random()
        if doing < 0.6:
            chat.prompt.setPlainText(self._random.choice(_QUESTIONS))
            chat.ask()
        elif doing < 0.75:
            chat.stop.click()
        elif doing < 0.9:
            chat.start_anew()
        else:
            chat.close()

    def _search(self) -> None:
        self._window.toolbar.search.setText(self._random.choice(["", "", "smol", "gem", "none of them"]))

    # --- how -----------------------------------------------------------------------------------------------

    def _trigger(self, action: QAction) -> None:
        self.last_act += f" {action.text()}"
        action.trigger()

    def _dialogs(self) -> list[QDialog]:
        return [
            each for each in QApplication.topLevelWidgets() if isinstance(each, QDialog) and each.isVisible()
        ]

    def _close_popup(self) -> None:
        while (popup := QApplication.activePopupWidget()) is not None:
            popup.close()

    def _place_on_plot(self) -> QPointF:
        viewport = self._window.plot.canvas.viewport()
        return QPointF(
            self._random.uniform(0, max(1, viewport.width())),
            self._random.uniform(0, max(1, viewport.height())),
        )

    def _mouse(
        self,
        kind: QEvent.Type,
        place: QPointF,
        button: Qt.MouseButton = Qt.MouseButton.NoButton,
        held: Qt.MouseButton = Qt.MouseButton.NoButton,
    ) -> None:
        viewport = self._window.plot.canvas.viewport()
        down = button if kind is QEvent.Type.MouseButtonPress else held
        event = QMouseEvent(
            kind, place, viewport.mapToGlobal(place), button, down, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(viewport, event)


def _can_be_pressed(button: QAbstractButton) -> bool:
    return button.isVisible() and button.isEnabled()


class Commands(QObject):
    """Answers the lines on the standard input."""

    def __init__(self, desktop: Desktop, hands: Hands, tick: LongestTick, slots: LongestSlots) -> None:
        super().__init__()
        self._desktop = desktop
        self._hands = hands
        self._tick = tick
        self._slots = slots
        self._notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)

    def _read(self) -> None:
        word = sys.stdin.readline().strip()
        if word == "rest":
            self._hands.rest()
        elif word == "go":
            self._hands.go()
        elif word != "report":  # quit, or nobody is there to ask any more
            self._notifier.setEnabled(False)
            self._hands.rest()
            self._desktop.quit()
            return
        print(json.dumps(self._report() if word == "report" else {}), flush=True)

    def _report(self) -> dict[str, Any]:
        told = {
            "longest_tick_seconds": self._tick.seconds,
            "longest_slots": self._slots.by_act,
            "done": dict(self._hands.done),
            "faults": self._hands.faults,
        }
        self._tick.seconds = 0.0
        self._slots.by_act = {}
        self._hands.done.clear()
        self._hands.faults = []
        return told


def main() -> None:
    """Run the program for the home of the environment until it is told to quit."""
    folders = Folders.of_user()
    keep_heap_dense()
    tick = LongestTick()
    program = Program(folders)
    keep_log(program.folders.logs)
    application = make_application(["llmmem-gui"])
    service = ServiceThread(program, program.folders)
    desktop = Desktop(application, service, program.service.settings, program.folders)
    hands = Hands(desktop, int(sys.argv[1]))
    commands = Commands(desktop, hands, tick, LongestSlots(hands))
    service.serving.connect(lambda _: print(json.dumps({"pid": os.getpid()}), flush=True))
    desktop.start()
    application.exec()
    commands.deleteLater()
    desktop.release()


if __name__ == "__main__":
    main()
