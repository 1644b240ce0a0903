"""The bar that says that memory cannot be measured."""

from __future__ import annotations

from dataclasses import replace

from llmmem_gui.core.sentence import verbatim
from llmmem_gui.core.snapshot import SamplingHealth
from llmmem_gui.ui import figures
from llmmem_gui.ui.main_window import MainWindow
from tests.ui import facts
from tests.ui.conftest import feed


def test_the_window_says_that_memory_is_not_measured_and_since_when(window: MainWindow) -> None:
    """The bar is there exactly while sampling fails."""
    healthy = facts.snapshot(facts.SMOL)
    feed(window, healthy)
    assert not window.sampling.isVisible()
    health = SamplingHealth(3, facts.NOW, verbatim("GPU is lost"))
    feed(window, replace(healthy, sampling=health))
    assert window.sampling.isVisible()
    text = window.sampling.text.text()
    assert figures.clock(facts.NOW, with_seconds=True) in text
    assert "GPU is lost" in text
    feed(window, healthy)
    assert not window.sampling.isVisible()
