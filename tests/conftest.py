"""What every test gets: a home of its own, an offscreen Qt, the real models, a check that it leaves nothing.

The check costs next to nothing for a test without Qt: it reads the list of threads and one file of /proc.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from llmmem_gui.service.hosting.engine_choice import EngineChoice

# Before anything imports Qt.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# Before anything imports llama.cpp's bindings: tests that use them compute with the engine that hosts use.
_engine = EngineChoice.of_machine().current
if _engine is not None:
    os.environ["LLAMA_CPP_LIB_PATH"] = os.environ["LLMMEM_ENGINE"] = _engine.folder

# A shell that runs the tests in the background has them ignore Ctrl+C, and all programs that they start, too.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test fails because the machine is slow.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

GRACE_SECONDS = 5.0
"""What ends by itself, such as a thread that was told to stop, may take this long after its test."""


@pytest.hookimpl(optionalhook=True)
def pytest_xvfb_disable(config: pytest.Config) -> bool:
    """An X server is started only for a run that does not draw offscreen."""
    return os.environ["QT_QPA_PLATFORM"] == "offscreen"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder under which the program keeps everything during this test."""
    folder = tmp_path / "home"
    monkeypatch.setenv("LLMMEM_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def smol_path() -> Path:
    """SmolLM2-135M-Instruct, Q4_1, 94 MiB."""
    return _model_path("smollm2-135m-instruct.gguf")


@pytest.fixture(scope="session")
def gemma_path() -> Path:
    """Gemma 3 270M, Q4_K_M, 241 MiB."""
    return _model_path("gemma-3-270m-q4_k_m.gguf")


def _model_path(name: str) -> Path:
    in_project = Path(__file__).resolve().parent.parent / ".models"
    folder = Path(os.environ.get("LLMMEM_TEST_MODELS") or in_project)
    path = folder / name
    if not path.is_file():
        pytest.fail(f"The test model {name} is not in {folder}: run `make test-models`.", pytrace=False)
    return path


@dataclass(frozen=True)
class Running:
    """What runs in this process at one moment and must not outlive the test that started it."""

    threads: frozenset[threading.Thread]
    processes: frozenset[psutil.Process]
    qt_objects: frozenset[Any]
    """Active timers, running threads and top-level widgets; empty for a test without Qt."""


RUNNING_BEFORE = pytest.StashKey[Running]()


@pytest.fixture(autouse=True)
def _note_what_runs(request: pytest.FixtureRequest) -> None:
    # A fixture and not a hook: what fixtures of a wider scope have started is there already.
    request.node.stash[RUNNING_BEFORE] = _running(request.node)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail a test that leaves a thread, a child process, a timer or a window behind."""
    yield
    if RUNNING_BEFORE not in item.stash:
        return
    before = item.stash[RUNNING_BEFORE]
    del item.stash[RUNNING_BEFORE]
    left = _left_since(before, item)
    if left:
        pytest.fail("Left behind by this test:\n  " + "\n  ".join(left), pytrace=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that are coroutines are checked for tasks inside their own event loop."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
            item.fixturenames.insert(0, "_no_task_left")


@pytest_asyncio.fixture
async def _no_task_left() -> AsyncIterator[None]:
    yield
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=GRACE_SECONDS)
    if left:
        names = "\n  ".join(repr(task) for task in left)
        pytest.fail(f"Left behind by this test:\n  {names}", pytrace=False)


def _running(item: pytest.Item) -> Running:
    return Running(
        frozenset(threading.enumerate()), frozenset(_child_processes()), frozenset(_running_qt_objects(item))
    )


def _left_since(before: Running, item: pytest.Item) -> list[str]:
    left = []
    for thread in set(threading.enumerate()) - before.threads:
        # Python invents a "dummy" for a thread that Qt started and, before 3.13, keeps it for ever.
        if not isinstance(thread, threading._DummyThread):
            thread.join(GRACE_SECONDS)
            left += [f"thread {thread.name!r}"] if thread.is_alive() else []
    _, processes = psutil.wait_procs(set(_child_processes()) - before.processes, timeout=GRACE_SECONDS)
    for process in processes:
        left.append(_described(process))
        process.kill()
    if set(_running_qt_objects(item)) - before.qt_objects:
        # A reference cycle may keep an object that nobody can reach any more.
        gc.collect()
        left += [repr(each) for each in set(_running_qt_objects(item)) - before.qt_objects]
    return left


def _described(process: psutil.Process) -> str:
    try:
        return f"process {process.pid}: {' '.join(process.cmdline())}"
    except psutil.Error:
        return f"process {process.pid}"


def _child_processes() -> list[psutil.Process]:
    lists = list(Path("/proc/self/task").glob("*/children"))
    if lists and not any(_text(each) for each in lists):
        return []
    return psutil.Process().children(recursive=True)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the thread has ended meanwhile
        return ""


def _running_qt_objects(item: pytest.Item) -> Iterator[Any]:
    if "qapp" not in getattr(item, "fixturenames", ()):
        return
    # Here and not above: importing this file must not import Qt.
    import shiboken6
    from PySide6.QtCore import QCoreApplication, QEvent, QThread, QTimer
    from PySide6.QtWidgets import QApplication

    if QCoreApplication.instance() is None:
        return
    # What was asked to go with deleteLater() goes now; without a running event loop Qt keeps it.
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    for candidate in gc.get_objects():
        kind = type(candidate)
        if not issubclass(kind, QTimer | QThread) or not shiboken6.isValid(candidate):
            continue
        if candidate.isActive() if issubclass(kind, QTimer) else candidate.isRunning():
            yield candidate
    for widget in QApplication.topLevelWidgets():
        # The one tool tip of an application belongs to Qt, which hides it in its own time.
        if widget.metaObject().className() != "QTipLabel":
            yield widget
