"""Colours: contrast, and a colour for each model."""

from __future__ import annotations

import pytest

from llmmem_gui.ui.palette import DARK, LIGHT, OKABE_ITO, ModelColours, Palette, contrast

TEXTS = ("text", "secondary", "accent", "limit", "warning", "critical", "good")


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("ground", ["card", "window", "raised", "selection"])
def test_every_text_stands_out_from_every_ground(palette: Palette, name: str, ground: str) -> None:
    """Words in any colour of text have a contrast of at least 4.5 to 1 on any ground they are drawn on."""
    assert contrast(getattr(palette, name), getattr(palette, ground)) >= 4.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_words_on_coloured_grounds_stand_out(palette: Palette) -> None:
    """Words on the accent colour and on the two warning cards have a contrast of at least 4.5 to 1."""
    assert contrast(palette.on_accent, palette.accent) >= 4.5
    for card in (palette.warning_card, palette.critical_card):
        assert contrast(palette.text, card) >= 4.5
        assert contrast(palette.secondary, card) >= 4.5


def test_contrast_is_that_of_the_standard() -> None:
    """Black on white is 21 to 1, and the order of the two does not matter."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#ffffff", "#777777") == contrast("#777777", "#ffffff")


def test_a_model_keeps_its_colour() -> None:
    """The first models get the Okabe-Ito colours in order, and a model's colour never changes."""
    colours = ModelColours()
    first = [colours.of(f"model {n}").name() for n in range(7)]
    assert first == list(OKABE_ITO)
    colours.of("another")
    assert [colours.of(f"model {n}").name() for n in range(7)] == first


def test_many_models_have_different_colours() -> None:
    """No two of twenty models look the same."""
    colours = ModelColours()
    assert len({colours.of(f"model {n}").name() for n in range(20)}) == 20
