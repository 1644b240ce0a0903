"""The desktop program `llmmem-gui`: reads its arguments, makes sure it is alone, starts and ends all."""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from llmmem_gui import __version__
from llmmem_gui.core.sentence import Sentence, SentenceError, sentence_of
from llmmem_gui.folders import Folders
from llmmem_gui.service.storage.program_lock import AlreadyRunning

log = logging.getLogger(__name__)

_FAILED, _NO_DISPLAY = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the desktop program and return its exit status: 0 done, 1 failed, 2 wrong use or no display."""
    options = _parser().parse_args(arguments)
    problem = display_problem()
    if problem:
        print(f"llmmem-gui: {problem}", file=sys.stderr)  # noqa: T201 - there is no window to say it in
        return _NO_DISPLAY
    try:
        return _run(options)
    except (SentenceError, OSError) as error:
        return _failed(options, sentence_of(error))


def _run(options: argparse.Namespace) -> int:
    # Nothing of Qt may be imported yet: the nursery is started from here, and what it has imported stays
    # small and is shared with every host.
    from llmmem_gui.service.program import Program
    from llmmem_gui.service.storage.log_file import keep_log
    from llmmem_gui.unused_memory import keep_heap_dense

    keep_heap_dense()
    began = time.monotonic()
    try:
        program = Program(Folders.of_user())
    except AlreadyRunning as running:
        return _hand_over(options, running)
    folders = program.folders
    keep_log(folders.logs)

    from llmmem_gui.core.settings import AppearanceSettings
    from llmmem_gui.ui.desktop import Desktop, make_application
    from llmmem_gui.ui.screenshot import Screenshot
    from llmmem_gui.ui.service_thread import ServiceThread

    application = make_application(sys.argv[:1])
    service = ServiceThread(program, folders)
    settings = program.service.settings
    look = None
    if options.screenshot:
        look = AppearanceSettings(theme=options.theme, language=options.language)
    desktop = Desktop(application, service, settings, folders, look=look)
    if options.screenshot:
        screenshot = Screenshot(desktop, options)
        desktop.window.resize(screenshot.size)
    desktop.start(options.files, minimized=options.minimized or settings.appearance.start_minimized)
    log.info("the window stands after %.0f ms", (time.monotonic() - began) * 1000)
    status = application.exec()
    desktop.release()
    if options.screenshot:
        return screenshot.status
    return status


def _hand_over(options: argparse.Namespace, running: AlreadyRunning) -> int:
    from PySide6.QtCore import QCoreApplication

    from llmmem_gui.ui.single_instance import hand_over

    application = QCoreApplication(sys.argv[:1])
    files = [str(Path(file).absolute()) for file in options.files]
    handed = not options.screenshot and hand_over(running.folder, files)
    application.shutdown()
    if handed:
        return 0
    return _failed(options, sentence_of(running))


def _failed(options: argparse.Namespace, reason: Sentence) -> int:
    print(f"llmmem-gui: {reason}", file=sys.stderr)  # noqa: T201
    if not options.screenshot:
        from llmmem_gui.ui.failed_start import show_failed_start

        show_failed_start(reason)
    return _FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llmmem-gui",
        description="Keeps GGUF models in memory under limits and shows what each one uses.",
    )
    parser.add_argument("files", nargs="*", metavar="MODEL", help="model files to load")
    parser.add_argument("--version", action="version", version=f"LLM Memory {__version__}")
    parser.add_argument("--minimized", action="store_true", help="start in the tray")
    picture = parser.add_argument_group("picture of the window")
    picture.add_argument("--screenshot", metavar="FILE", help="save a picture of the window as PNG and end")
    picture.add_argument("--load", action="append", default=[], metavar="MODEL", help="load this first")
    picture.add_argument("--select", metavar="ID", help="choose this model's row")
    picture.add_argument("--size", default="1366x860", metavar="WIDTHxHEIGHT", help="size of the window")
    picture.add_argument("--theme", choices=("light", "dark"), default="light")
    picture.add_argument("--language", choices=("en", "pt_BR"), default="en")
    picture.add_argument("--seconds", type=float, default=3.0, help="how long to watch before the picture")
    return parser


def display_problem(environment: dict[str, str] | None = None) -> str | None:
    """Why no window can be shown, in one sentence; None when one can, as far as this can be known.

    Qt aborts the process when it finds no display, so it is asked for before.
    """
    known = dict(os.environ) if environment is None else environment
    if sys.platform != "linux" or known.get("QT_QPA_PLATFORM", "xcb").split(":")[0] not in ("xcb", "wayland"):
        return None
    if known.get("WAYLAND_DISPLAY"):
        return None
    display = known.get("DISPLAY", "")
    if not display:
        return "There is no display: start it in a desktop session, or use 'llmmem serve' without a window."
    if not _answers(display):
        return f"The display {display} does not answer: set DISPLAY to one that does, or use 'llmmem serve'."
    return None


def _answers(display: str) -> bool:
    host, _, rest = display.rpartition(":")
    number = rest.split(".")[0]
    if not number.isdigit():
        return False
    if host not in ("", "unix"):
        try:
            socket.create_connection((host, 6000 + int(number)), timeout=2).close()
        except OSError:
            return False
        return True
    for address in (f"\0/tmp/.X11-unix/X{number}", f"/tmp/.X11-unix/X{number}"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(2)
            try:
                probe.connect(address)
            except OSError:
                continue
            return True
    return False


if __name__ == "__main__":
    sys.exit(main())
