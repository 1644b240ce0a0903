"""Numbers in the language in force."""

from __future__ import annotations

import pytest

from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui import figures
from llmmem_gui.ui.languages import speak
from llmmem_gui.ui.theme import Theme


def plain(text: str) -> str:
    """The text with ordinary spaces."""
    return text.replace(figures.NO_BREAK, " ")


def test_sizes_in_english(theme: Theme) -> None:
    """Measured sizes have three digits that count, chosen ones no zeros that say nothing."""
    assert plain(figures.size(236 * MIB)) == "236 MiB"
    assert plain(figures.size(round(5.06 * GIB))) == "5.06 GiB"
    assert plain(figures.chosen_size(8 * GIB)) == "8 GiB"
    assert plain(figures.chosen_size(5 * GIB // 2)) == "2.5 GiB"


def test_sizes_in_portuguese(theme: Theme) -> None:
    """The decimal sign and the group separator are those of the language, in writing and reading."""
    speak("pt_BR")
    assert plain(figures.size(round(5.06 * GIB))) == "5,06 GiB"
    assert figures.count(16384) == "16.384"
    assert figures.read_size("2,5 GiB") == 5 * GIB // 2
    assert figures.read_count("16.384") == 16384
    assert plain(figures.duration(0.34)) == "0,3 s"


@pytest.mark.parametrize("size_bytes", [0, 1, 999, MIB, 512 * MIB, 3 * GIB, 31 * GIB])
def test_what_is_written_can_be_read(theme: Theme, size_bytes: int) -> None:
    """A chosen size that is written is read back as the same size, to three digits."""
    assert figures.read_size(figures.chosen_size(size_bytes)) == pytest.approx(size_bytes, rel=0.005)


@pytest.mark.parametrize("text", ["", "four", "-1", "1e9", "9" * 40])
def test_what_is_no_count_is_refused(theme: Theme, text: str) -> None:
    """A text that is not a whole number raises ValueError."""
    with pytest.raises(ValueError, match="whole number"):
        figures.read_count(text)


def test_a_number_stays_with_its_unit(theme: Theme) -> None:
    """No line ends inside `1.5 GiB`, `10 %` or `15 min`; other spaces stay as they are."""
    kept = figures.kept_together("10 % of it, at least 1.5 GiB for 15 min or 3 models")
    assert [piece.replace(figures.NO_BREAK, "_") for piece in kept.split(" ")] == [
        "10_%", "of", "it,", "at", "least", "1.5_GiB", "for", "15_min", "or", "3", "models",
    ]  # fmt: skip
