"""The check that a test leaves nothing behind, tried on tests that do."""

from __future__ import annotations

from pathlib import Path

pytest_plugins = ["pytester"]

LEAKING = """
import asyncio, subprocess, sys, threading
import pytest

KEPT = []

@pytest.fixture(scope="module")
def process_of_the_module():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process

def test_clean_with_process_of_the_module(process_of_the_module):
    assert process_of_the_module.poll() is None

def test_clean_with_thread_that_ends():
    threading.Thread(target=threading.Event().wait, args=(0.2,)).start()

def test_leaks_thread():
    KEPT.append(threading.Event())
    threading.Thread(target=KEPT[-1].wait, name="forgotten", daemon=True).start()

def test_leaks_process():
    KEPT.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]))

async def test_clean_with_task_that_ends():
    asyncio.ensure_future(asyncio.sleep(0))

async def test_leaks_task():
    KEPT.append(asyncio.ensure_future(asyncio.Event().wait()))
    await asyncio.sleep(0)

def test_clean_with_closed_window(qtbot):
    from PySide6.QtWidgets import QWidget
    window = QWidget()
    qtbot.addWidget(window)
    window.show()

def test_leaks_window(qtbot):
    from PySide6.QtWidgets import QWidget
    KEPT.append(QWidget())

def test_leaks_timer(qtbot):
    from PySide6.QtCore import QTimer
    KEPT.append(QTimer())
    KEPT[-1].start(1000)

def test_clean_with_stopped_timer(qtbot):
    from PySide6.QtCore import QTimer
    KEPT.append(QTimer())
    KEPT[-1].start(1000)
    KEPT[-1].stop()

def test_leaks_qthread(qtbot):
    from PySide6.QtCore import QThread
    KEPT.append(QThread())
    KEPT[-1].start()

def test_clean_after_a_leak(qtbot):
    pass

def test_warns():
    import warnings
    warnings.warn("something is old", DeprecationWarning)

def test_qt_warns(qtbot):
    from PySide6.QtCore import qWarning
    qWarning("something is odd")

def test_last_stops_what_was_kept():
    for each in KEPT:
        if hasattr(each, "quit"):
            each.quit()
            each.wait()
        if isinstance(each, threading.Event):
            each.set()
        if isinstance(each, subprocess.Popen):
            each.wait()
"""


def test_each_kind_of_leak_fails_the_test_that_made_it_and_no_other(pytester):
    """A thread, process, task, window, timer or QThread left behind, or a warning, is charged to its test."""
    tests = Path(__file__).parent
    pytester.makeconftest((tests / "conftest.py").read_text())
    pytester.path.joinpath("pyproject.toml").write_text((tests.parent / "pyproject.toml").read_text())
    pytester.path.joinpath("tests").mkdir()
    pytester.path.joinpath("test_leaking.py").write_text(LEAKING)

    lines = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rA", "test_leaking.py").outlines

    # The list of those that took longest names tests too.
    told = [
        line.replace("test_leaking.py::", "").split()[:2] for line in lines if "test_leaking.py::" in line
    ]
    summary = [each for each in told if each[0] in ("PASSED", "FAILED", "ERROR")]
    names = {name for _, name in summary}
    failed = {name for outcome, name in summary if outcome in ("FAILED", "ERROR")}
    assert failed == {name for name in names if "leaks" in name or "warns" in name}
    assert len(names) == 15
    report = "\n".join(lines)
    for words in ("thread 'forgotten'", "time.sleep(600)", "Task pending", "QWidget(", "QTimer(", "QThread("):
        assert words in report
