"""Colours: contrast, and a colour for each model."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

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


def test_a_model_keeps_its_colour_for_ever() -> None:
    """Whatever other models come and in whatever order a later run meets them, a colour never changes."""
    kept: dict[str, int] = {}
    colours = ModelColours()
    colours.remember({}, kept.update)
    models = [f"model {number}" for number in range(9)]
    colours.take(models)
    first = {model: colours.of(model) for model in models}
    colours.take(["another", *reversed(models)])
    later = ModelColours()
    later.remember(kept, kept.update)
    later.take(["a third", *reversed(models)])
    assert {model: colours.of(model) for model in models} == first
    assert {model: later.of(model) for model in models} == first


def test_a_model_has_the_same_colour_where_nothing_is_remembered() -> None:
    """The id decides, so that two computers, or a lost file, show the same."""
    first, second = ModelColours(), ModelColours()
    first.take(["smollm2-135m-instruct"])
    second.take(["smollm2-135m-instruct", "gemma-3-270m"])
    assert first.of("smollm2-135m-instruct") == second.of("smollm2-135m-instruct")


def test_looking_at_a_model_uses_no_colour_up() -> None:
    """Thirty models that are only looked at leave the first seven colours to those that are loaded."""
    colours = ModelColours()
    for number in range(30):
        colours.of(f"only looked at {number}")
    loaded = [f"loaded {number}" for number in range(7)]
    colours.take(loaded)
    assert {colours.of(model).name() for model in loaded} == set(OKABE_ITO)


@given(st.lists(st.lists(st.integers(0, 60), unique=True, max_size=16), max_size=12))
def test_models_beside_each_other_have_different_colours(runs: list[list[int]]) -> None:
    """Whichever models were seen before, those that are loaded together are told apart."""
    colours = ModelColours()
    for models in runs:
        colours.take(str(model) for model in models)
        assert len({colours.of(str(model)).name() for model in models}) == len(models)


def test_damaged_colours_are_forgotten() -> None:
    """A colour that there is not, remembered by another version, is given anew."""
    colours = ModelColours()
    colours.remember({"model": 99, "other": -1}, lambda places: None)
    assert colours.of("model").isValid()
    assert colours.of("other").isValid()
