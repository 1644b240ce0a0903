"""Numbers in the language in force."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QLocale

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


@pytest.fixture
def languages(theme: Theme) -> Iterator[Iterator[QLocale]]:
    """One language for each way in which numbers are written, each in force while it is looked at."""
    known = QLocale.matchingLocales(
        QLocale.Language.AnyLanguage, QLocale.Script.AnyScript, QLocale.Country.AnyCountry
    )
    ways = {(each.decimalPoint(), each.toString(1234567.0, "f", 0)): each for each in known}
    assert len(ways) > 20

    def one_by_one() -> Iterator[QLocale]:
        for each in ways.values():
            QLocale.setDefault(each)
            yield each

    yield one_by_one()
    QLocale.setDefault(QLocale.c())


def test_what_a_language_writes_it_reads(languages: Iterator[QLocale]) -> None:
    """Sizes, durations and counts survive being written and read, in each language's digits and signs."""
    for language in languages:
        for size_bytes in (0, 999, 1023 * MIB, 3 * GIB // 2, 5 * GIB // 2, int(31.1 * GIB), 1000 * GIB):
            written = figures.chosen_size(size_bytes)
            assert figures.read_size(written) == pytest.approx(size_bytes, rel=0.005), (language, written)
        for number in (0, 7, 512, 4096, 16_384, 131_072, 1_048_576):
            assert figures.read_count(figures.count(number)) == number, language
        for seconds in (0.5, 90, 5400, 86_400):
            assert figures.read_duration(figures.duration(seconds)) == pytest.approx(seconds, rel=0.05)


def test_one_and_a_half_is_one_and_a_half_everywhere(languages: Iterator[QLocale]) -> None:
    """Neither the comma nor the point is ever dropped: no limit becomes ten times as large."""
    for language in languages:
        for sign in ".,":
            for text, number in ((f"1{sign}5", 1.5), (f"12{sign}5", 12.5), (f"0{sign}125", 0.125)):
                assert figures.read_size(f"{text} GiB") == round(number * GIB), (language, text)
                assert figures.read_decimal(text) == number
            assert figures.read_duration(f"1{sign}5 h") == 5400


def test_what_is_no_number_is_refused_in_every_language(languages: Iterator[QLocale]) -> None:
    """A text whose signs make no number is refused, and said as it was typed; no sign is dropped."""
    for language in languages:
        for text in ("1.2.3 GiB", "1 5 GiB", "1,2,3 GiB", "1.5.5", "50%", "1..5 GiB", "1.5,5.5 GiB"):
            with pytest.raises(ValueError, match="is not a size") as refused:
                figures.read_size(text)
            assert f'"{text}"' in str(refused.value), language
        for text in ("1,5", "1.5", "1.2.3", "1.000,000", "1'0"):
            with pytest.raises(ValueError, match="whole number"):
                figures.read_count(text)


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
