"""One truth for warnings: banner, tray and notification show what is so, at every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from llmmem_gui.core.pressure import Level
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui import figures
from llmmem_gui.ui import requests as ask
from llmmem_gui.ui.theme import Theme
from tests.ui.conftest import change_language
from tests.ui.warning_scene import GPU_RESERVE, IDS, Scene

_WARN, _MODEL_WARN, _CRITICAL, _HYSTERESIS = 80.0, 90.0, 95.0, 5.0
_GPU_HYSTERESIS = 1.25


@pytest.fixture
def scene(qapp: QApplication, theme: Theme) -> Iterator[Scene]:
    """A calm scene: nothing is loaded."""
    made = Scene(theme)
    made.tick()
    yield made
    made.close()


@pytest.fixture
def qapp_and_theme(qapp: QApplication, theme: Theme) -> Callable[[], Scene]:
    """Makes scenes."""
    return lambda: Scene(theme)


def test_a_gpu_that_others_fill_is_warned_of(scene: Scene) -> None:
    """By its name everywhere, with what would help of what lies there, and over when there is room again."""
    scene.used["large"] = GIB
    scene.gpu_bytes = 8 * GIB - 200 * MIB
    scene.tick()
    assert scene.banner is not None
    assert "RTX 4060 has 200 MiB of 8.00 GiB left" in figures_of(scene.banner)
    assert scene.tray.drawn[0] == "warning"
    assert scene.notifier.wanted is not None
    assert scene.notifier.wanted.title == "RTX 4060 is short of memory"
    (button,) = scene.window.notices.warning.buttons
    assert "large" in button.text()
    scene.gpu_bytes = 4 * GIB
    scene.tick()
    assert (scene.banner, scene.tray.drawn[0], scene.notifier.wanted) == (None, "calm", None)


def test_a_warning_follows_and_ends(scene: Scene) -> None:
    """The banner has the numbers of now; back below the limit nothing is left of it anywhere."""
    scene.used["large"] = 7 * GIB
    scene.tick()
    assert scene.banner is not None
    assert "7.00 GiB" in figures_of(scene.banner)
    assert scene.tray.drawn[0] == "warning"
    assert scene.notifier.wanted is not None
    scene.used["large"] = 9 * GIB
    scene.tick()
    assert "9.00 GiB" in figures_of(scene.banner)
    assert scene.window.notices.warning.objectName() == scene.tray.drawn[0] == "critical"
    assert scene.notifier.wanted.title == "The models are past their limit"
    assert scene.window.headline._used.property("level") == "critical"
    scene.used["large"] = GIB
    scene.tick()
    assert (scene.banner, scene.tray.drawn[0], scene.notifier.wanted) == (None, "calm", None)
    assert "limit" not in scene.tray.drawn[1].partition("\n")[2]


def test_a_limit_that_is_raised_ends_the_warning_at_once(scene: Scene) -> None:
    """No sample has to come first: the next snapshot knows."""
    scene.used["large"] = 8 * GIB
    scene.tick()
    assert scene.banner is not None
    scene.total_limit = 16 * GIB
    scene.show()
    assert (scene.banner, scene.notifier.wanted) == (None, None)


def test_the_button_of_a_model_that_is_gone_is_gone(scene: Scene) -> None:
    """What is offered can be done: a model that went by itself is not offered for unloading."""
    scene.used.update(small=4 * GIB, large=4 * GIB)
    scene.tick()
    bar = scene.window.notices.warning
    assert [button.property("request") for button in bar.buttons] == [ask.Unload("small"), ask.CleanUp()]
    scene.used["small"] = 0
    scene.total_limit = 4 * GIB
    scene.tick()
    assert [button.property("request") for button in bar.buttons] == [ask.Unload("large")]


def test_a_warning_and_its_button_have_one_number(scene: Scene) -> None:
    """What unloading gives back is one number in the sentence and on the button, of what is used."""
    scene.used["large"] = 7 * GIB
    scene.tick()
    assert scene.banner is not None
    assert "gives 7.00 GiB back" in figures_of(scene.banner)
    (button,) = scene.window.notices.warning.buttons
    assert figures_of(button.text()) == "Unload large – 7.00 GiB"


def test_a_button_that_stays_is_the_same_button(scene: Scene) -> None:
    """New numbers are written into the button that may be under the pointer."""
    scene.used["large"] = 7 * GIB
    scene.tick()
    (before,) = scene.window.notices.warning.buttons
    scene.used["large"] = int(7.1 * GIB)
    scene.tick()
    (after,) = scene.window.notices.warning.buttons
    assert after is before
    assert "7.10 GiB" in figures_of(after.text())


def test_closing_hides_what_stands_and_nothing_graver(scene: Scene) -> None:
    """A closed warning comes again when it gets worse, and when it begins anew."""
    scene.used["large"] = 7 * GIB
    scene.tick()
    scene.window.notices.warning.close_button.click()
    assert (scene.banner, scene.notifier.wanted) == (None, None)
    assert scene.tray.drawn[0] == "warning"
    scene.tick()
    assert scene.banner is None
    scene.used["large"] = int(7.9 * GIB)
    scene.tick()
    assert scene.banner is not None
    scene.window.notices.warning.close_button.click()
    scene.used["large"] = GIB
    scene.tick()
    scene.used["large"] = int(7.9 * GIB)
    scene.tick()
    assert scene.banner is not None


def test_a_snooze_is_seen_and_hides_nothing_worse(scene: Scene) -> None:
    """The window says until when; critical is shown all the same; a click or the hour ends it."""
    scene.used["large"] = 7 * GIB
    scene.tick()
    scene.window.notices.warning.snooze.click()
    assert scene.banner is None
    assert scene.window.status.snoozed.isVisible()
    until = figures.clock(scene.now + 3600)
    assert until in scene.window.status.snoozed.text()
    assert until in scene.tray.drawn[1]
    scene.pressure = Level.CRITICAL
    scene.tick()
    assert scene.banner is not None
    assert "This computer" in scene.banner
    assert scene.notifier.wanted is not None
    scene.pressure = Level.NORMAL
    scene.tick()
    assert scene.banner is None
    scene.window.status.snoozed.click()
    assert scene.banner is not None
    assert not scene.window.status.snoozed.isVisible()
    scene.window.notices.warning.snooze.click()
    scene.tick(3601)
    assert scene.banner is not None
    assert scene.notifier.wanted is not None


def test_a_simulated_pressure_is_called_one_everywhere(scene: Scene) -> None:
    """Banner, title, tool tip and headline say that it is simulated, and that nothing is short."""
    scene.used["large"] = GIB
    scene.pressure, scene.simulated = Level.CRITICAL, True
    scene.tick()
    assert scene.banner is not None
    assert scene.banner.startswith("Simulated: ")
    assert scene.notifier.wanted is not None
    assert scene.notifier.wanted.title == "Simulated memory pressure"
    assert scene.tray.drawn[1].count("imulated") == 2
    assert "pressure critical, simulated" in scene.window.first_line()


def test_a_warning_speaks_the_language_in_force(scene: Scene, qtbot: QtBot) -> None:
    """What stands is said again when another language is chosen, in the window and in the tray."""
    scene.used["large"] = 7 * GIB
    scene.tick()
    change_language(qtbot, scene.window, "pt_BR")
    assert scene.banner is not None
    assert scene.banner.startswith("Os modelos usam")
    assert "Os modelos usam" in scene.tray.drawn[1]


def test_a_closed_banner_gives_the_focus_to_the_models(scene: Scene) -> None:
    """Who closes the banner by keys goes on in the table, not somewhere."""
    scene.used["large"] = 7 * GIB
    scene.tick()
    scene.window.notices.warning.close_button.setFocus()
    scene.window.notices.warning.close_button.click()
    assert scene.window.focusWidget() is scene.window.table.view


def figures_of(text: str) -> str:
    """The text with ordinary spaces."""
    return text.replace(figures.NO_BREAK, " ")


class TruthAtEveryStep(RuleBasedStateMachine):
    """Uses, limits, pressure, snoozes and time at random; what is shown is compared with what is so."""

    make: Callable[[], Scene]

    def __init__(self) -> None:
        super().__init__()
        self.scene = type(self).make()
        self.scene.tick()
        self.silent: dict[str, Level] = {}
        """What was closed or snoozed, and how grave it was then."""
        self.snoozed_until = 0.0

    def teardown(self) -> None:
        self.scene.close()
        QApplication.processEvents()

    amounts = st.integers(0, 90).map(lambda tenths: tenths * GIB // 10)

    @rule(model=st.sampled_from(IDS), used=amounts, seconds=st.sampled_from((1, 20, 70)))
    def use(self, model: str, used: int, seconds: int) -> None:
        self.scene.used[model] = used
        self.scene.tick(seconds)

    @rule(model=st.sampled_from(IDS), used=amounts)
    def use_between_samples(self, model: str, used: int) -> None:
        self.scene.used[model] = used
        self.scene.show()

    @rule(limit=st.one_of(st.none(), amounts.filter(bool)))
    def limit_all(self, limit: int | None) -> None:
        self.scene.total_limit = limit
        self.scene.show()

    @rule(model=st.sampled_from(IDS), limit=st.one_of(st.none(), amounts.filter(bool)))
    def limit_one(self, model: str, limit: int | None) -> None:
        self.scene.limits[model] = limit
        self.scene.show()

    @rule(level=st.sampled_from(list(Level)), simulated=st.booleans())
    def press(self, level: Level, simulated: bool) -> None:
        self.scene.pressure, self.scene.simulated = level, simulated and level is not Level.NORMAL
        self.scene.tick()

    @rule(free=st.sampled_from((50, 120, 150, 165, 250, 300, 330, 4000)))
    def fill_gpu(self, free: int) -> None:
        self.scene.gpu_bytes = 8 * GIB - free * MIB
        self.scene.tick()

    @rule()
    def close_banner(self) -> None:
        if self.scene.banner is not None:
            self.scene.window.notices.warning.close_button.click()

    @rule(minutes=st.sampled_from((0, 60)))
    def snooze(self, minutes: int) -> None:
        self.scene.window.snoozed.emit(minutes)

    @rule()
    def wait_an_hour(self) -> None:
        self.scene.tick(3601)

    def shares(self) -> dict[str, tuple[float, float]]:
        """Percent of its limit, and percent to warn at, of everything that has a limit now."""
        scene = self.scene
        found = {
            f"model {id}": (100 * scene.used[id] / limit, _MODEL_WARN)
            for id, limit in scene.limits.items()
            if limit and scene.used[id]
        }
        if scene.total_limit:
            found["total"] = (100 * sum(scene.used.values()) / scene.total_limit, _WARN)
        return found

    def is_short_of_gpu(self, least_free: float) -> bool:
        """Less than that is free of the GPU, and a model is on it."""
        free = 8 * GIB - self.scene.gpu_bytes
        return bool(self.scene.gpu_bytes and self.scene.used["large"]) and free < least_free

    @invariant()
    def nothing_outlives_its_cause(self) -> None:
        """Below a level by more than the hysteresis nothing is told of it, in the window or elsewhere."""
        shares = self.shares()
        for alert in self.scene.views.warnings.shown:
            if alert.device is not None:
                assert self.is_short_of_gpu(GPU_RESERVE * _GPU_HYSTERESIS)
            elif alert.of_machine:
                assert self.scene.pressure is not Level.NORMAL
            else:
                percent, warn = shares[alert.subject]
                assert percent >= warn - _HYSTERESIS
                assert alert.percent == pytest.approx(percent)

    @invariant()
    def nothing_that_is_reached_is_missed(self) -> None:
        """The tray is as grave as the gravest share; hysteresis may only keep it graver."""
        least = Level.NORMAL if self.scene.pressure is Level.NORMAL else self.scene.pressure
        for percent, warn in self.shares().values():
            reached = Level.NORMAL
            if percent >= warn:
                reached = Level.CRITICAL if percent >= _CRITICAL else Level.WARNING
            least = max(least, reached)
        if self.is_short_of_gpu(GPU_RESERVE):
            shortage = Level.CRITICAL if self.is_short_of_gpu(GPU_RESERVE / 2) else Level.WARNING
            least = max(least, shortage)
        drawn = self.scene.tray.drawn[0]
        assert drawn in {
            Level.NORMAL: ("calm", "warning", "critical"),
            Level.WARNING: ("warning", "critical"),
        }.get(least, ("critical",))
        if drawn != "calm" and least is Level.NORMAL:
            is_near = any(percent >= warn - _HYSTERESIS for percent, warn in self.shares().values())
            assert is_near or self.is_short_of_gpu(GPU_RESERVE * _GPU_HYSTERESIS)

    @invariant()
    def all_say_the_same(self) -> None:
        """Banner, tool tip and notification have one text; without a banner the others are silent too."""
        scene, warning = self.scene, self.scene.views.warnings.warning()
        notes = scene.tray.drawn[1].partition("\n")[2]
        if warning is None:
            assert scene.banner is None
            assert scene.notifier.wanted is None
            assert notes.count("\n") == 0
        else:
            assert scene.banner == warning.text
            assert warning.text in notes
            assert scene.notifier.wanted in (None, warning)
            assert scene.window.notices.warning.objectName() == warning.level

    @invariant()
    def what_is_offered_can_be_done(self) -> None:
        """A button unloads a model that is loaded, and cleans up where several are idle."""
        if self.scene.banner is None:
            return
        for button in self.scene.window.notices.warning.buttons:
            request = button.property("request")
            if isinstance(request, ask.Unload):
                assert self.scene.used[request.model_id] > 0
            else:
                assert all(self.scene.used.values())

    @invariant()
    def a_snooze_is_seen(self) -> None:
        """The window and the tray say that warnings are snoozed exactly while they are."""
        until = self.scene.views.warnings.snoozed_until
        assert self.scene.window.status.snoozed.isVisible() == bool(until)
        assert ("snoozed" in self.scene.tray.drawn[1]) == bool(until)
        if until:
            assert self.scene.now < until


@pytest.mark.timeout(300)
def test_what_is_shown_is_so_at_every_step(qapp_and_theme: Callable[[], Scene]) -> None:
    """Whatever happens in whatever order, what is shown is what is so."""
    machine = type("Machine", (TruthAtEveryStep,), {"make": staticmethod(qapp_and_theme)})
    run_state_machine_as_test(machine, settings=settings(max_examples=20, stateful_step_count=25))


def test_small_numbers_are_shown_too(scene: Scene) -> None:
    """A limit of some MiB is warned of as one of many GiB is."""
    scene.used["small"], scene.limits["small"] = 93 * MIB, 100 * MIB
    scene.tick()
    assert scene.banner is not None
    assert "93 %" in figures_of(scene.banner)
