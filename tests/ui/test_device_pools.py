"""GPUs with memory of their own in the window: a bar, a lane and a slider for each; else nothing of that."""

from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from llmmem_gui.core.gpu_limits import GPU_LIMITS
from llmmem_gui.core.history import History
from llmmem_gui.core.outlook import LimitsOutlook
from llmmem_gui.core.pools import DevicePool
from llmmem_gui.core.readings import MachineReading, Sample
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.cells import Column
from llmmem_gui.ui.composition import Ghost, device_composition
from llmmem_gui.ui.device_bars import short_name
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.plot_series import HistorySource
from tests.ui import facts
from tests.ui.conftest import asked_of, feed

NAMES = {kind: kind for kind in ("promised", "room", "free", "unknown", "other")}
RTX, RADEON = facts.RTX, facts.RADEON
sizes = st.integers(0, 24 * GIB)


@pytest.fixture
def two(window: MainWindow) -> MainWindow:
    """The window on a machine with two GPUs, with room for everything."""
    window.resize(1900, 1000)
    feed(window, facts.snapshot_with_gpus())
    return window


@given(st.lists(sizes, max_size=5), st.none() | sizes, sizes, sizes, st.integers(1, 100))
def test_the_parts_fill_the_device(
    held: list[int], others: int | None, spare: int, promised: int, percent: int
) -> None:
    """Whatever is held, promised and limited; and room is never more than the limit leaves."""
    models = [facts.model(f"m{n}", facts.State.READY, private=1, idle=1) for n in range(len(held))]
    total = sum(held) + (others or 0) + spare
    device = facts.Device("GPU0", "a GPU", "gpu", total, "0000:01:00.0")
    there = {model.id: size for model, size in zip(models, held, strict=True)}
    shot = facts.with_devices(
        facts.snapshot(*models), {device: there}, others=others, promised=promised, percent=percent
    )
    parts = device_composition(shot, shot.pools[0], NAMES)
    assert sum(part.size_bytes for part in parts) == total
    by_kind = {part.kind: part.size_bytes for part in parts}
    limit = shot.bounds.devices["GPU0"].limit_bytes
    assert limit is not None
    room = by_kind["room"]
    assert room == max(0, min(spare, max(0, limit - sum(held))) - by_kind.get("promised", 0))
    assert by_kind.get("other", 0) == (others or 0)


def test_without_a_device_nothing_is_there(window: MainWindow, qtbot: QtBot) -> None:
    """No bar, lane, slider, column or row; and what comes goes again without a trace."""

    def heights() -> list[int]:
        return [view.height() for view in (window.composition.parentWidget(), window.plot, window.limits)]

    before = heights()
    assert window.devices.isHidden()
    assert window.table.view.isColumnHidden(Column.GPU)
    feed(window, facts.snapshot_with_gpus())
    assert not window.devices.isHidden()
    assert not window.table.view.isColumnHidden(Column.GPU)
    assert (
        len(window.limits.gpus) == len(window.devices.bars) == len(window.plot.canvas.below.lanes.wanted) == 2
    )
    feed(window, facts.usual_snapshot())
    assert window.devices.isHidden()
    assert window.table.view.isColumnHidden(Column.GPU)
    assert not window.limits.gpus
    assert not window.plot.canvas.below.shown
    qtbot.waitUntil(lambda: heights() == before)


def test_a_bar_says_its_numbers(two: MainWindow) -> None:
    """The name of the GPU and its use as its name, all parts as its description."""
    bar = two.devices.bars[RTX.key]
    assert bar.accessibleName().replace(NO_BREAK, " ") == "NVIDIA GeForce RTX 4090 9.39 GiB of 21.6 GiB"
    said = bar.accessibleDescription().replace(NO_BREAK, " ")
    for words in ("qwen2.5-7b-instruct 9.00 GiB", "smollm2-135m-instruct 400 MiB", "other programs 1.27 GiB"):
        assert words in said
    assert "promised 1.37 GiB" in said


def test_the_mark_of_a_limit_moves_its_slider_and_line(two: MainWindow, qtbot: QtBot) -> None:
    """Let go it is one request about that GPU alone, which undo takes back to the usual share."""
    bar, slider = two.devices.bars[RADEON.key], two.limits.gpus[RADEON.key]
    asked = asked_of(two)
    left = Qt.MouseButton.LeftButton
    middle = round(bar._bar().center().y())
    limit = 16 * GIB * 90 // 100
    start, end = (QPoint(round(bar._x_of(size)), middle) for size in (limit, 8 * GIB))
    qtbot.mousePress(bar, left, pos=start)
    qtbot.mouseMove(bar, end)
    assert slider.value is not None
    assert abs(slider.value - 8 * GIB) <= GIB / 2
    lane = next(lane for lane in two.plot.canvas.below.lanes.shown if lane.lane.key == RADEON.key)
    assert lane.limit.value() == slider.value
    assert two.limits.gpus[RTX.key].value == 24 * GIB * 90 // 100
    qtbot.mouseRelease(bar, left, pos=end)
    assert asked == [ask.ChangeSettings({GPU_LIMITS: {RADEON.key: slider.value}})]
    two.history.stack.undo()
    assert asked[1:] == [ask.ChangeSettings({GPU_LIMITS: {RADEON.key: None}})]


def test_the_line_of_a_lane_is_a_handle_too(two: MainWindow) -> None:
    """Of the same limit as slider and mark."""
    asked = asked_of(two)
    lane = two.plot.canvas.below.lanes.shown[0]
    lane.limit.moving = True
    lane.limit.setValue(10 * GIB)
    lane.limit.sigDragged.emit(lane.limit)
    assert two.limits.gpus[RTX.key].value == 10 * GIB
    lane.limit.moving = False
    lane.limit.sigPositionChangeFinished.emit(lane.limit)
    assert asked == [ask.ChangeSettings({GPU_LIMITS: {RTX.key: 10 * GIB}})]


def test_a_slider_says_what_its_place_would_bring(two: MainWindow) -> None:
    """The question is about that GPU, and so is where the answer stands."""
    questions: list[ask.PreviewLimits] = []
    two.requested.connect(lambda r: questions.append(r) if isinstance(r, ask.PreviewLimits) else None)
    slider = two.limits.gpus[RTX.key]
    slider.drag_to(4 * GIB)
    assert questions == [ask.PreviewLimits({GPU_LIMITS: {RTX.key: slider.value}})]
    two.show_outcome(ask.Outcome(questions[0], LimitsOutlook(unloads=(facts.SMOL.id,))))
    assert slider.hint.text() == "unloads smollm2-135m-instruct"
    assert "used now" in two.limits.gpus[RADEON.key].hint.text()


def test_a_ghost_stands_in_every_pool(two: MainWindow) -> None:
    """What a load would take of each GPU is in its bar and its lane, and of main memory in those of that."""
    ghost = Ghost(facts.LLAMA.id, GIB, devices={RTX.name: 3 * GIB})
    two._show_ghost(ghost)
    assert "llama-3.1-8b-instruct 3.00 GiB" in two.devices.bars[RTX.key].summary().replace(NO_BREAK, " ")
    assert "llama" not in two.devices.bars[RADEON.key].summary()
    first, second = two.plot.canvas.below.lanes.shown
    assert first.ghost.isVisible()
    assert not second.ghost.isVisible()
    assert first.ghost.label.toPlainText().replace(NO_BREAK, " ") == "+3.00 GiB"
    assert two.plot.canvas.ghost.label.toPlainText().replace(NO_BREAK, " ") == "+1.00 GiB"


def test_table_and_inspector_say_what_lies_there(two: MainWindow) -> None:
    """Over all GPUs, with their number; weights and the rest apart."""
    cell = two.table.rows.cell(two.snapshot.model(facts.QWEN.id), Column.GPU)
    assert (cell.text.replace(NO_BREAK, " "), cell.under) == ("14.0 GiB", "on 2 GPUs")
    assert two.table.rows.cell(two.snapshot.model(facts.LARGE.id), Column.GPU).text == "–"
    there = replace(facts.QWEN.forecast, vram_weights_bytes=4000 * MIB)
    shot = facts.snapshot_with_gpus()
    models = tuple(replace(m, forecast=there) if m.id == facts.QWEN.id else m for m in shot.models)
    feed(two, replace(shot, models=models))
    two.table.choose(facts.QWEN.id)
    text = two.panel.grid.texts["on_gpu"]
    assert text.isVisibleTo(two.panel)
    assert text.text().replace(NO_BREAK, " ") == "3.91 GiB / 10.1 GiB"
    two.table.choose(facts.LARGE.id)
    assert not text.isVisibleTo(two.panel)


def test_the_history_keeps_what_models_hold_of_each_device() -> None:
    """Apart from main memory, of which nothing is missing or counted twice."""
    history = History()
    machine = MachineReading(32 * GIB, 16 * GIB)
    shot = facts.snapshot_with_gpus()
    for second in range(60):
        hosts = facts.sample(shot).hosts
        history.append(Sample(facts.NOW + second, float(second), machine, hosts, pools=shot.pools))
    series = HistorySource(history).series(facts.NOW, facts.NOW + 59, 300)
    assert set(series.models) == {facts.SMOL.id, facts.QWEN.id, facts.GEMMA.id}
    assert series.programs == ()
    middle = len(series.times) // 2
    used = sum(model.resident_bytes for model in shot.models)
    assert series.peak[middle] == pytest.approx(used)
    on_rtx, on_radeon = series.pools[RTX.key], series.pools[RADEON.key]
    found = dict(zip(on_rtx.models, on_rtx.private[:, middle], strict=True))
    assert found == pytest.approx({facts.QWEN.id: 9 * GIB, facts.SMOL.id: 400 * MIB})
    assert (on_radeon.models, on_radeon.peak[middle]) == ((facts.QWEN.id,), pytest.approx(5 * GIB))


def test_a_lane_is_left_out_and_stays_out(two: MainWindow) -> None:
    """By the menu; remembered with what else is shown."""
    two.plot._choose_lane(RTX.key, False)
    assert [lane.lane.key for lane in two.plot.canvas.below.lanes.shown] == [RADEON.key]
    state = two.plot.activity_state
    two.plot.restore_activity("")
    assert len(two.plot.canvas.below.lanes.wanted) == 2
    two.plot.restore_activity(state)
    assert two.plot.canvas.below.lanes.wanted == [RADEON.key]


@pytest.mark.parametrize(
    ("width", "height", "number"),
    [(1366, 768, 1), (1366, 768, 2), (1366, 768, 4), (1366, 768, 8), (1024, 600, 1), (1024, 600, 2)],
)
def test_main_memory_keeps_its_room(
    window: MainWindow, qtbot: QtBot, width: int, height: int, number: int
) -> None:
    """Lanes give way where there is none for all; every bar and slider is there."""
    devices = {
        facts.Device(f"CUDA{n}", f"GPU {n}", "gpu", 24 * GIB, f"0000:0{n}:00.0"): {facts.QWEN.id: GIB}
        for n in range(number)
    }
    window.resize(width, height)
    feed(window, facts.with_devices(facts.usual_snapshot(), devices, others=GIB))
    window.plot.refresh(facts.NOW, {})
    canvas = window.plot.canvas
    qtbot.waitUntil(lambda: canvas.view.height() >= 50)
    assert window.width() == width
    assert window.height() == height
    assert len(window.limits.gpus) == len(window.devices.bars) == number
    for bar in window.devices.bars.values():
        assert window.devices.rect().contains(bar.geometry())
        assert bar._legend_place().right() <= bar.width() + 0.5


def test_a_lane_that_is_asked_for_has_room_where_others_have_none(window: MainWindow) -> None:
    """On a small screen main memory has the height, until the menu is asked for a GPU; that is remembered."""
    window.resize(1366, 700)
    feed(window, facts.snapshot_with_gpus())
    lanes = window.plot.canvas.below.lanes
    assert lanes.open_names == []
    window.plot._choose_lane(RADEON.key, True)
    assert lanes.open_names == [RADEON.key]
    state = window.plot.activity_state
    window.plot.restore_activity("")
    assert lanes.open_names == []
    window.plot.restore_activity(state)
    assert lanes.open_names == [RADEON.key]


def test_a_gpu_is_called_by_what_tells_it_from_others() -> None:
    """Without its vendor, and without what its driver adds."""
    names = {
        "NVIDIA GeForce RTX 4090": "GeForce RTX 4090",
        "AMD Radeon RX 7800 XT (RADV NAVI32)": "Radeon RX 7800 XT",
        "Intel(R) Arc(tm) A770 Graphics (DG2)": "Arc A770 Graphics",
        "llvmpipe (LLVM 15.0.6, 256 bits)": "llvmpipe",
        "NVIDIA": "NVIDIA",
    }
    assert {name: short_name(DevicePool("k", "d", name, 1)) for name in names} == names
