"""The page of the settings about engines: what it shows, what it asks for, and both with real engines."""

from __future__ import annotations

import contextlib
import os
import select
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from llmmem_gui.core.engines import EngineReport
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.units import GIB
from llmmem_gui.folders import Folders
from llmmem_gui.service.storage.engine_store import EngineStore
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.settings_dialog import SettingsDialog
from llmmem_gui.ui.theme import Theme
from tests.broken_engines import copied
from tests.ui.engine_facts import ALL, CARD, CPU, NATIVE, PREBUILT, REFUSED, UNTRIED, overview
from tests.ui.running import Running, running


@pytest.fixture
def dialog(qtbot: QtBot, theme: Theme) -> SettingsDialog:
    """The dialog at the page of the engines, which the service has told nothing about yet."""
    made = SettingsDialog(theme, Settings(), 32 * GIB)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(made)
    made.show()
    open_page(made)
    return made


def open_page(dialog: SettingsDialog) -> None:
    """Choose the section of the engines."""
    (item,) = dialog._sections.findItems("Engine", Qt.MatchFlag.MatchExactly)
    dialog._sections.setCurrentItem(item)
    assert dialog.engines.isVisible()


def rows(dialog: SettingsDialog) -> list[list[str]]:
    """The texts of the table."""
    table = dialog.engines.table
    texts = []
    for row in range(table.rowCount()):
        items = [table.item(row, column) for column in range(table.columnCount())]
        texts.append([item.text() for item in items if item is not None])
    return texts


def plain(label: QLabel) -> list[str]:
    """The lines of a label, with ordinary spaces."""
    return label.text().replace(NO_BREAK, " ").splitlines()


def choose_engine(dialog: SettingsDialog, name: str) -> None:
    """Click the row of an engine."""
    table = dialog.engines.table
    names = [row[0].removesuffix(" (in use)") for row in rows(dialog)]
    table.setCurrentCell(names.index(name), 0)


def test_engines_stand_side_by_side(dialog: SettingsDialog) -> None:
    """Each has its result and its speeds on the processor, in the way in which it is used."""
    dialog.show_engines(overview(*ALL))
    assert rows(dialog) == [
        ["prebuilt (in use)", "0.2.0", "answers rightly", "140", "31"],
        ["native", "llama-cpp-python 0.3.36", "answers rightly", "155", "8.3"],
        ["old", "0.2.0", "not usable", "–", "–"],
        ["new", "0.2.0", "not tried", "–", "–"],
    ]
    assert dialog.engines.state.text() == "In use: prebuilt, chosen automatically."


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "prebuilt",
            [
                "prebuilt: 0.2.0, ready-made",
                "Processor, plain: answers rightly: 140 and 31 tokens a second",
                "Processor, weights in a faster order: switched off, computing so crashed (SIGILL)",
                "Vulkan0: GeForce RTX 4090, 24.0 GiB: answers rightly: 4,200 and 212 tokens a second",
            ],
        ),
        (
            "native",
            [
                "native: llama-cpp-python 0.3.36, compiled on this computer",
                "Processor, weights in a faster order: answers rightly: 155 and 8.3 tokens a second",
            ],
        ),
        ("old", ["old: 0.2.0, ready-made", "The engine is too old."]),
        ("new", ["new: 0.2.0, ready-made", "Whether it answers rightly here was not tried yet."]),
    ],
)
def test_all_that_is_known_of_an_engine_is_told(dialog: SettingsDialog, name: str, lines: list[str]) -> None:
    """Under the table stand version, source, devices with their memory, and what each trial has shown."""
    dialog.show_engines(overview(*ALL))
    choose_engine(dialog, name)
    assert plain(dialog.engines.facts) == lines


def test_a_gpu_that_was_not_tried_is_listed(dialog: SettingsDialog) -> None:
    """A device without a trial is no secret."""
    assert PREBUILT.report is not None
    untried = EngineReport("", None, (CPU, CARD), PREBUILT.report.trials[:1])
    dialog.show_engines(overview(replace(PREBUILT, report=untried)))
    assert plain(dialog.engines.facts)[-1] == "Vulkan0: GeForce RTX 4090, 24.0 GiB: not tried"


def test_the_buttons_ask_at_once(dialog: SettingsDialog, qtbot: QtBot) -> None:
    """Using, trying and compiling are asked for when the button is pressed, not by OK."""
    page = dialog.engines
    dialog.show_engines(overview(*ALL, preferred="prebuilt"))
    assert page.state.text() == "In use: prebuilt, as you chose."
    assert not page.use.isEnabled()
    with qtbot.waitSignal(dialog.requested) as asked:
        page.use_best.click()
    assert asked.args == [ask.UseEngine("")]
    choose_engine(dialog, "native")
    for button, request in ((page.use, ask.UseEngine("native")), (page.try_again, ask.TryEngine("native"))):
        with qtbot.waitSignal(dialog.requested) as asked:
            button.click()
        assert asked.args == [request]
    with qtbot.assertNotEmitted(dialog.chosen):
        dialog.accept()


def test_return_presses_the_button_that_has_the_focus(dialog: SettingsDialog, qtbot: QtBot) -> None:
    """With the keyboard alone an engine is tried again, and the dialog stays open."""
    dialog.show_engines(overview(*ALL))
    dialog.engines.try_again.setFocus()
    with qtbot.waitSignal(dialog.requested) as asked:
        qtbot.keyClick(dialog.engines.try_again, Qt.Key.Key_Return)
    assert asked.args == [ask.TryEngine("prebuilt")]
    assert dialog.isVisible()


def test_the_chosen_row_stays(dialog: SettingsDialog) -> None:
    """What is told of the engines meanwhile moves neither the row nor what is told under it."""
    dialog.show_engines(overview(NATIVE, UNTRIED))
    choose_engine(dialog, "new")
    dialog.show_engines(overview(*ALL))
    current = dialog.engines.table.current
    assert current is not None
    assert current.name == "new"
    assert plain(dialog.engines.facts)[0].startswith("new: ")


def test_nothing_is_asked_while_an_engine_is_tried(dialog: SettingsDialog) -> None:
    """While one is tried the page says so, and the buttons that would try another are off."""
    dialog.show_engines(replace(overview(*ALL), trying=True))
    page = dialog.engines
    assert page.state.text() == "Trying whether an engine answers rightly…"
    assert not page.use.isEnabled()
    assert not page.try_again.isEnabled()


def test_an_engine_that_fails_is_not_called_chosen(dialog: SettingsDialog) -> None:
    """Where the chosen engine does not answer rightly, the page says which one is used instead, and why."""
    dialog.show_engines(overview(*ALL, preferred="old"))
    assert dialog.engines.state.text() == "In use: prebuilt, because old does not answer rightly here."
    dialog.show_engines(overview(REFUSED))
    assert dialog.engines.state.text().startswith("No engine answers rightly on this machine")


def test_why_it_was_not_done_is_said(dialog: SettingsDialog) -> None:
    """The reason for which an engine is not used stands on the page until something else is asked."""
    dialog.show_engines(overview(*ALL))
    problem = ask.Problem("bad request", Sentence("Engine", "it {reason}").format(reason="is too old"))
    dialog.engines.take_outcome(ask.Outcome(ask.UseEngine("old"), problem=problem))
    assert dialog.engines.problem.isVisible()
    assert dialog.engines.problem.text() == "it is too old"
    dialog.engines.try_again.click()
    assert not dialog.engines.problem.isVisible()


def test_compiling_is_offered_followed_and_given_up(dialog: SettingsDialog, qtbot: QtBot) -> None:
    """The offer gives way to the progress and a way to cancel; a failure is told in one sentence."""
    build = dialog.engines.build
    assert not build.start.isEnabled()
    dialog.show_engines(overview(PREBUILT))
    with qtbot.waitSignal(dialog.requested) as asked:
        build.start.click()
    assert asked.args == [ask.BuildEngine()]
    build.start.setFocus()
    dialog.show_engines(replace(overview(PREBUILT), build_progress=0.34))
    assert (build.progress.value(), plain(build.done)) == (34, ["34 % compiled"])
    assert not build.start.isVisible()
    assert dialog.focusWidget() is build.cancel
    with qtbot.waitSignal(dialog.requested) as asked:
        build.cancel.click()
    assert asked.args == [ask.CancelBuild()]
    failed = Sentence("Engine", "Compiling failed ({reason}): the engine in use goes on.")
    dialog.show_engines(replace(overview(PREBUILT), build_failure=failed.format(reason="no space")))
    assert build.start.isVisible()
    assert not build.progress.isVisible()
    assert build.failure.text() == "Compiling failed (no space): the engine in use goes on."


@pytest.mark.parametrize("name", ["loading.gpu_layers", "limits.gpu_percent", "limits.gpu_reserve_bytes"])
def test_what_is_of_a_gpu_is_offered_where_there_is_one(dialog: SettingsDialog, name: str) -> None:
    """The setting can be changed where the engine in use has a GPU, which it names; else it says why not."""
    field, told = dialog.fields[name].widget, dialog._explanations[name]
    dialog.show_engines(overview(NATIVE))
    assert not field.isEnabled()
    assert told.text() == "The engine in use has no GPU: layers stay on the processor."
    dialog.show_engines(overview(PREBUILT))
    assert field.isEnabled()
    assert "Vulkan0: GeForce RTX 4090, 24.0 GiB" in plain(told)[0]
    assert field.accessibleDescription().replace(NO_BREAK, " ") == plain(told)[0]


# --- with the real program ---------------------------------------------------------------------------


@pytest.fixture
def program(qtbot: QtBot, qapp: QApplication, home: Path) -> Iterator[Running]:
    """The program with a second engine, which was never tried, and a third, which cannot be loaded."""
    folders = Folders.of_user()
    folders.create()
    copied(folders.data / "engines" / "second", "second")
    bad = copied(folders.data / "engines" / "bad", "bad")
    library = Path(bad.folder) / "libllama.so"
    library.unlink()
    library.write_bytes(b"no library")
    with running(qtbot, qapp, ()) as run:
        yield run


def report_of(name: str) -> EngineReport:
    """What is kept of the trial of an engine."""
    report = next(each.report for each in EngineStore(Folders.of_user().data).engines() if each.name == name)
    assert report is not None
    return report


def report_is_complete(name: str) -> bool:
    """Whether the processor and the GPUs were tried."""
    kept = [each.report for each in EngineStore(Folders.of_user().data).engines() if each.name == name]
    return any(report is not None and report.gpus_tried for report in kept)


def opened(program: Running) -> SettingsDialog:
    """The settings, opened at the page of the engines."""
    dialog = program.desktop.open_settings()
    open_page(dialog)
    program.until(lambda: dialog.engines.table.rowCount() >= 3)
    program.until(lambda: dialog.engines.state.text().startswith("In use: "))
    return dialog


@pytest.mark.timeout(180)
def test_a_second_engine_is_tried_used_and_left_again(program: Running) -> None:
    """An engine that was never tried is tried before it is used, and its speed stands beside the other's."""
    dialog = opened(program)
    page = dialog.engines
    first = page.state.text()
    choose_engine(dialog, "second")
    page.use.click()
    program.until(lambda: page.state.text() == "In use: second, as you chose.")
    (second,) = (row for row in rows(dialog) if row[0] == "second (in use)")
    assert second[2] == "answers rightly"
    assert [each for each in plain(page.facts) if each.startswith("Processor, plain: answers rightly")]
    service = program.service._program.service
    program.until(lambda: service.settings.loading.engine == "second")
    program.until(lambda: report_is_complete("second"))
    page.use_best.click()
    program.until(lambda: page.state.text() == first)
    program.until(lambda: service.settings.loading.engine == "")
    dialog.reject()


@pytest.mark.timeout(1500)
def test_the_gpu_of_the_engine_that_is_used_is_offered(
    program: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its GPU is tried after it was chosen; then the window names it wherever layers can be placed on it."""
    # Otherwise llama.cpp leaves devices out that are processors: Mesa's Vulkan in software.
    monkeypatch.setenv("GGML_VK_VISIBLE_DEVICES", "0")
    dialog = opened(program)
    field = dialog.fields["loading.gpu_layers"].widget
    choose_engine(dialog, "second")
    dialog.engines.use.click()
    program.until(lambda: report_is_complete("second"), seconds=1200)
    if not report_of("second").gpus:
        pytest.skip("no Vulkan device that computes rightly (mesa-vulkan-drivers)")
    program.until(field.isEnabled)
    (device, *_) = report_of("second").gpus
    assert f"{device.name}: {device.description}, " in field.accessibleDescription()
    told = [line for line in plain(dialog.engines.facts) if line.startswith(f"{device.name}: ")]
    assert [line for line in told if ": answers rightly" in line]
    program.until(lambda: bool(program.window.snapshot and program.window.snapshot.gpus))
    dialog.reject()


@pytest.mark.timeout(180)
def test_an_engine_that_cannot_be_loaded_is_refused_in_the_dialog(program: Running) -> None:
    """The engine in use stays, and the dialog says why."""
    dialog = opened(program)
    before = dialog.engines.state.text()
    choose_engine(dialog, "bad")
    dialog.engines.use.click()
    program.until(dialog.engines.problem.isVisible)
    assert dialog.engines.problem.text().startswith("The engine bad cannot be used here: it cannot be loaded")
    assert dialog.engines.state.text() == before
    dialog.engines.try_again.click()
    program.until(lambda: dialog.engines.try_again.isEnabled())
    assert ["bad", "1", "not usable", "–", "–"] in rows(dialog)
    dialog.reject()
    assert report_of("bad").refused is not None


@pytest.mark.timeout(180)
def test_compiling_without_a_compiler_says_so(
    program: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The button is there again, and the sentence names what is missing."""
    dialog = opened(program)
    monkeypatch.setenv("PATH", str(tmp_path))
    dialog.engines.build.start.click()
    program.until(dialog.engines.build.failure.isVisible)
    assert dialog.engines.build.failure.text() == (
        "To compile, cc, c++ are missing: install gcc and g++ and try again."
    )
    assert dialog.engines.build.start.isVisible()
    dialog.reject()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("hangs", ["the compiler", "the download"])
def test_a_compilation_is_given_up(
    program: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: str
) -> None:
    """Cancel ends what compiles, wherever it is, and leaves nothing of it; no failure is told."""
    for name in ("cc", "c++"):
        compiler = tmp_path / name
        compiler.write_text("#!/bin/sh\n" + ("exec sleep 1000\n" if hangs == "the compiler" else ""))
        compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    build = opened(program).engines.build
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        build.start.click()
        if hangs == "the compiler":
            program.until(lambda: "sleep" in started())
        else:
            program.until(lambda: bool(select.select([silent], [], [], 0)[0]))
        program.until(build.cancel.isVisible)
        build.cancel.click()
        program.until(build.start.isVisible)
    assert not build.failure.isVisible()
    assert not any(word in ("pip", "sleep") for word in started())
    assert not list(EngineStore(Folders.of_user().data).own_folder.glob(".build-*"))


def started() -> list[str]:
    """The words of the commands of all processes that this one has started."""
    words = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            words += process.cmdline()
    return words
