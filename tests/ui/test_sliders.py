"""Sliders: steps, notches, typed values, previews, and the panel of limits."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from llmmem_gui.core.outlook import LimitsOutlook
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui.figures import NO_BREAK
from llmmem_gui.ui.limits_panel import LimitsPanel
from llmmem_gui.ui.requests import Outcome, PreviewLimits
from llmmem_gui.ui.scales import Scale, byte_scale, context_scale, minutes_scale
from llmmem_gui.ui.stepped_slider import SteppedSlider
from llmmem_gui.ui.theme import Theme
from tests.ui import facts

SCALES = {
    "bytes": lambda: byte_scale(128 * MIB, 31 * GIB, none_text="no limit"),
    "context": lambda: context_scale(131072),
    "minutes": lambda: minutes_scale("never"),
}


@pytest.mark.parametrize("kind", SCALES)
def test_stops_rise_and_read_back(theme: Theme, kind: str) -> None:
    """The stops of a scale rise, hold all notches, and what one writes is read back as that stop."""
    scale = SCALES[kind]()
    numbers = [stop for stop in scale.stops if stop is not None]
    assert numbers == sorted(set(numbers))
    assert set(scale.notches) <= set(scale.stops)
    for place, stop in enumerate(scale.stops):
        assert scale.position_of(stop) == place
        read = scale.read(scale.write(stop))
        assert read == stop if stop is None else read == pytest.approx(stop, rel=0.005)


def test_a_value_between_two_stops_stands_between_them(theme: Theme) -> None:
    """A typed value that is no stop has its own place."""
    scale = SCALES["bytes"]()
    assert scale.position_of(4 * GIB) < scale.position_of(4 * GIB + 64 * MIB) < scale.position_of(5 * GIB)


@pytest.mark.parametrize(
    ("text", "size"),
    [("3000", 3000 * MIB), ("3000 MiB", 3000 * MIB), ("2.5g", 5 * GIB // 2), ("1,5 GiB", 3 * GIB // 2)],
)
def test_sizes_may_be_typed(theme: Theme, text: str, size: int) -> None:
    """A number without a unit means MiB, as on the command line; units may be written in any usual way."""
    assert SCALES["bytes"]().read(text) == size


@pytest.mark.parametrize("text", ["1", "64 MiB", "99 GiB", "many"])
def test_a_typed_value_out_of_bounds_says_why(theme: Theme, text: str) -> None:
    """What cannot be read or lies outside the scale raises ValueError with one sentence."""
    with pytest.raises(ValueError, match=r".+[.]$"):
        SCALES["bytes"]().read(text)


@pytest.fixture
def slider(qtbot: QtBot, theme: Theme) -> SteppedSlider:
    """A slider of bytes that stands at 8 GiB."""
    made = SteppedSlider(theme, byte_scale(128 * MIB, 31 * GIB, none_text="no limit"), stacked=True)
    qtbot.addWidget(made)
    made.resize(320, 80)
    made.show()
    made.set_value(8 * GIB)
    return made


def middle(slider: SteppedSlider, share: float) -> QPoint:
    """The point of the track at this share of its width."""
    return QPoint(round(slider.track.width() * share), slider.track.height() // 2)


def test_dragging_previews_and_release_chooses(slider: SteppedSlider, qtbot: QtBot) -> None:
    """While the thumb is held the value is previewed; only letting go chooses it."""
    left = Qt.MouseButton.LeftButton
    chosen: list[object] = []
    slider.chosen.connect(chosen.append)
    with qtbot.waitSignal(slider.previewed):
        qtbot.mousePress(slider.track, left, pos=middle(slider, 0.5))
    with qtbot.waitSignal(slider.previewed):
        qtbot.mouseMove(slider.track, middle(slider, 0.2))
    assert chosen == []
    slider.set_value(30 * GIB)  # a snapshot that arrives meanwhile does not take the thumb away
    assert slider.value != 30 * GIB
    qtbot.mouseRelease(slider.track, left, pos=middle(slider, 0.2))
    assert chosen == [slider.value]


def test_escape_takes_a_move_back(slider: SteppedSlider, qtbot: QtBot) -> None:
    """Escape while the thumb is held leaves the value as it was."""
    chosen: list[object] = []
    slider.chosen.connect(chosen.append)
    qtbot.mousePress(slider.track, Qt.MouseButton.LeftButton, pos=middle(slider, 0.1))
    with qtbot.waitSignal(slider.abandoned):
        qtbot.keyClick(slider.track, Qt.Key.Key_Escape)
    qtbot.mouseRelease(slider.track, Qt.MouseButton.LeftButton, pos=middle(slider, 0.1))
    assert slider.value == 8 * GIB
    assert chosen == []


def test_keys_move_and_enter_chooses(slider: SteppedSlider, qtbot: QtBot) -> None:
    """Arrow keys move by a stop; Enter takes the value at once."""
    qtbot.keyClick(slider.track, Qt.Key.Key_Right)
    with qtbot.waitSignal(slider.chosen) as chosen:
        qtbot.keyClick(slider.track, Qt.Key.Key_Return)
    assert chosen.args == [8 * GIB + 256 * MIB]
    with qtbot.waitSignal(slider.chosen) as chosen:
        qtbot.keyClick(slider.track, Qt.Key.Key_End)
        qtbot.keyClick(slider.track, Qt.Key.Key_Return)
    assert chosen.args == [None]


def test_a_typed_value_is_chosen_as_it_is(slider: SteppedSlider, qtbot: QtBot) -> None:
    """A typed value is taken exactly, not rounded to a stop; a wrong one is marked and not taken."""
    slider.edit.setFocus()
    slider.edit.selectAll()
    qtbot.keyClicks(slider.edit, "3001 MiB")
    with qtbot.waitSignal(slider.chosen) as chosen:
        qtbot.keyClick(slider.edit, Qt.Key.Key_Return)
    assert chosen.args == [3001 * MIB]
    # Ctrl+Z takes the choice back from there; the field would keep it for its letters.
    assert slider.focusWidget() is slider.track
    slider.edit.setFocus()
    slider.edit.selectAll()
    qtbot.keyClicks(slider.edit, "lots")
    qtbot.keyClick(slider.edit, Qt.Key.Key_Return)
    assert slider.edit.property("invalid") is True
    assert slider.focusWidget() is slider.edit
    assert slider.value == 3001 * MIB
    assert "lots" in slider.hint.text()


def type_into(slider: SteppedSlider, qtbot: QtBot, text: str) -> None:
    """Write a value and press Enter."""
    slider.edit.setFocus()
    slider.edit.selectAll()
    qtbot.keyClicks(slider.edit, text)
    qtbot.keyClick(slider.edit, Qt.Key.Key_Return)


def test_why_a_typed_value_is_refused_can_be_read_to_its_end(slider: SteppedSlider, qtbot: QtBot) -> None:
    """A reason takes as many lines as it needs; what is said in passing ends where the room ends."""
    slider.resize(240, 120)
    type_into(slider, qtbot, "1.5")
    hint = slider.hint
    qtbot.waitUntil(lambda: hint.height() >= hint.heightForWidth(hint.width()) > hint.fontMetrics().height())
    assert hint.wordWrap()
    assert "unit is MiB" in hint.text()
    type_into(slider, qtbot, "2 GiB")
    slider.set_hint("nothing has to go")
    assert not hint.wordWrap()


def test_a_refused_value_is_forgotten_by_whatever_follows(slider: SteppedSlider, qtbot: QtBot) -> None:
    """Escape, the value of before and the track end a refusal; what stood in the hint is said again."""
    for end in (
        lambda: qtbot.keyClick(slider.edit, Qt.Key.Key_Escape),
        lambda: type_into(slider, qtbot, "8 GiB"),
    ):
        type_into(slider, qtbot, "lots")
        with qtbot.assertNotEmitted(slider.chosen), qtbot.waitSignal(slider.abandoned):
            end()
        assert not slider.edit.property("invalid")
        assert slider.edit.text() == f"8{NO_BREAK}GiB"
    type_into(slider, qtbot, "lots")
    qtbot.keyClick(slider.track, Qt.Key.Key_Right)
    assert not slider.edit.property("invalid")


def test_the_tip_of_a_place_says_what_a_press_there_would_choose(slider: SteppedSlider) -> None:
    """Notches have no labels."""
    slider.name("Limit", "The most memory that it may use.")
    track = slider.track
    for place in (QPoint(9, 8), QPoint(100, 8), QPoint(track.width() - 9, 8)):
        tip = QHelpEvent(QEvent.Type.ToolTip, place, track.mapToGlobal(place))
        QApplication.sendEvent(track, tip)
        said = QToolTip.text().splitlines()
        QTest.mousePress(track, Qt.MouseButton.LeftButton, pos=place)
        assert said == [slider.edit.text(), track.toolTip()]
        QTest.mouseRelease(track, Qt.MouseButton.LeftButton, pos=place)
    QToolTip.hideText()


def test_scrolling_past_changes_nothing(slider: SteppedSlider) -> None:
    """The wheel is left to whatever scrolls around the slider."""
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    no = Qt.MouseButton.NoButton
    event = QWheelEvent(
        QPointF(50, 5), QPointF(50, 5), QPoint(0, 120), QPoint(0, 120), no,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(slider.track, event)
    assert slider.value == 8 * GIB


@pytest.fixture
def limits(qtbot: QtBot, theme: Theme) -> LimitsPanel:
    """The panel with the usual models under 8 GiB."""
    made = LimitsPanel(theme)
    qtbot.addWidget(made)
    made.resize(1300, 70)
    made.show()
    shot = facts.usual_snapshot()
    made.show_machine(facts.sample(shot).machine)
    made.show_limits(shot, 15.0)
    return made


def test_the_panel_shows_limits_and_use(limits: LimitsPanel) -> None:
    """The sliders stand at the limits in force and say what is used of them."""
    assert limits.limit.value == 8 * GIB
    assert limits.limit.hint.text().replace(NO_BREAK, " ") == "5.50 GiB used now · 69 %"
    assert limits.reserve.value == 2 * GIB
    assert limits.idle.value == 15


def test_a_lower_limit_says_what_the_service_says_would_go(limits: LimitsPanel) -> None:
    """While the limit is dragged, the panel asks what that would bring, and says it."""
    views = {
        5600 * MIB: (LimitsOutlook(dozes=("smol",)), "lets smol doze"),
        5 * GIB: (LimitsOutlook(unloads=("gemma",), dozes=("smol",)), "unloads gemma"),
        1 * GIB: (LimitsOutlook(unloads=("gemma", "smol")), "unloads 2: gemma and smol"),
        512 * MIB: (LimitsOutlook(unloads=(), waits_for=("qwen",)), "waits for qwen to finish"),
        128 * MIB: (LimitsOutlook(over_bytes=1), "below what pinned models use"),
        9 * GIB: (LimitsOutlook(), "nothing has to go"),
    }

    def answer(request: PreviewLimits) -> None:
        view, _ = views[request.rules["limits.total_limit_bytes"]]
        limits.take(Outcome(request, view))

    limits.requested.connect(answer)
    for limit, (_, text) in views.items():
        limits.limit.previewed.emit(limit)
        assert limits.limit.hint.text() == text
    limits.limit.abandoned.emit()
    assert "used now" in limits.limit.hint.text()


def test_a_drag_asks_one_question_at_a_time(limits: LimitsPanel) -> None:
    """While one place is asked about only the newest waits; an answer that comes too late says nothing."""
    asked: list[PreviewLimits] = []
    limits.requested.connect(asked.append)
    for size in (4, 3, 2):
        limits.reserve.previewed.emit(size * GIB)
    limits.take(Outcome(asked[0], LimitsOutlook(unloads=("gemma",))))
    assert [question.rules["limits.reserve_bytes"] for question in asked] == [4 * GIB, 2 * GIB]
    assert limits.reserve.hint.text() == "unloads gemma"
    limits.reserve.chosen.emit(2 * GIB)
    limits.take(Outcome(asked[1], LimitsOutlook(unloads=("smol",))))
    assert limits.reserve.hint.text() == "unloads gemma"


def test_choices_leave_the_panel_in_bytes_and_minutes(limits: LimitsPanel, qtbot: QtBot) -> None:
    """What is chosen is told in whole bytes and in minutes; no limit and never are None."""
    with qtbot.waitSignal(limits.limit_chosen) as chosen:
        limits.limit.chosen.emit(float(4 * GIB))
    assert chosen.args == [4 * GIB]
    with qtbot.waitSignal(limits.limit_chosen) as chosen:
        limits.limit.chosen.emit(None)
    assert chosen.args == [None]
    with qtbot.waitSignal(limits.idle_chosen) as chosen:
        limits.idle.chosen.emit(None)
    assert chosen.args == [None]


def test_the_scale_reaches_the_whole_computer(limits: LimitsPanel) -> None:
    """The limit can be set up to all memory of this computer."""
    scale: Scale = limits.limit._scale
    assert scale.stops[-2] == facts.sample(facts.usual_snapshot()).machine.total_bytes
