"""A program with nothing but the tray icon, for an X server: says what is asked of it, one line each."""

from __future__ import annotations

import sys

from PySide6.QtCore import QSocketNotifier
from PySide6.QtWidgets import QApplication

from llmmem_gui.core.units import GIB
from llmmem_gui.ui.languages import speak
from llmmem_gui.ui.tray import Tray
from tests.ui import facts


def say(line: str) -> None:
    """Write one line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Show the tray of the usual snapshot until standard input ends."""
    application = QApplication(sys.argv)
    application.setQuitOnLastWindowClosed(False)
    speak("en")
    tray = Tray()
    tray.requested.connect(lambda request: say(f"requested {request!r}"))
    tray.open_asked.connect(lambda: say("open"))
    tray.snoozed.connect(lambda minutes: say(f"snoozed {minutes}"))
    tray.available_changed.connect(lambda available: say(f"available {available}"))
    tray.show_memory(facts.usual_snapshot(), "Models 5.50 GiB of 8 GiB", 32 * GIB)
    notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(application.quit)
    say(f"started {tray.is_available}")
    application.exec()
    tray.close()


if __name__ == "__main__":
    main()
