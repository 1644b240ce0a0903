"""Bytes and durations as text."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmmem_gui.core.typed import parse_bytes, parse_duration
from llmmem_gui.core.units import (
    GIB,
    LARGEST_BYTES,
    MIB,
    format_bytes,
    format_duration,
    scale_bytes,
)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (236 * MIB, "236 MiB"),
        (int(31.1 * GIB), "31.1 GiB"),
        (int(5.06 * GIB), "5.06 GiB"),
        (int(9.994 * GIB), "9.99 GiB"),
        (int(9.996 * GIB), "10.0 GiB"),
        (int(99.96 * GIB), "100 GiB"),
        (GIB - 1, "1.00 GiB"),
        (-3 * MIB, "-3.00 MiB"),
        (LARGEST_BYTES, "8.00 EiB"),
        (2000 * 1024**6, "2000 EiB"),
    ],
)
def test_sizes_are_written_in_iec_units_with_digits_by_magnitude(size_bytes, text):
    """A size has two decimals below 10, one below 100 and none above, also after rounding."""
    assert format_bytes(size_bytes) == text


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("8 GiB", 8 * GIB),
        ("8192 MiB", 8 * GIB),
        ("8g", 8 * GIB),
        (" 8G ", 8 * GIB),
        ("8gib", 8 * GIB),
        ("8 GB", 8 * 10**9),
        ("1.5 GiB", 3 * GIB // 2),
        (".5k", 512),
        ("1,5 GiB", 3 * GIB // 2),
        ("1,500 MiB", 1500 * MIB),
        ("1.500 MiB", 3 * MIB // 2),
        ("9007199254740993", 9007199254740993),
        (str(LARGEST_BYTES), LARGEST_BYTES),
    ],
)
def test_sizes_are_read_in_the_ways_people_write_them(text, size_bytes):
    """Binary units, their letters, decimal units and plain bytes are read, exactly when they are whole."""
    assert parse_bytes(text) == size_bytes


@pytest.mark.parametrize(
    "text", ["", "GiB", "8 apples", "-1 GiB", "1,2,3 GiB", "nan", "inf", "1e9", "8 GiB 2"]
)
def test_a_text_that_is_no_size_is_refused_in_one_sentence(text):
    """Whatever is not a number and a known unit is refused, and the message shows what was written."""
    with pytest.raises(ValueError, match="is not a size: write a number and a unit") as refused:
        parse_bytes(text)
    assert f'"{text}"' in str(refused.value)


@pytest.mark.parametrize("text", ["9 EiB", str(LARGEST_BYTES + 1), "9" * 24 + " EiB"])
def test_a_size_beyond_64_bits_is_refused(text):
    """A size that a signed 64-bit number cannot hold is refused by its own sentence."""
    with pytest.raises(ValueError, match="more than this program can count"):
        parse_bytes(text)


@given(st.integers(0, LARGEST_BYTES))
@example(LARGEST_BYTES)
def test_a_size_survives_being_written_and_read(size_bytes):
    """What is read back from the text differs by at most half of the last digit written."""
    scaled = scale_bytes(size_bytes)
    text = format_bytes(size_bytes)
    if text == "8.00 EiB":
        return
    unit_bytes = parse_bytes(f"1 {scaled.unit}")
    half_a_digit = unit_bytes / 10**scaled.decimals / 2
    assert abs(parse_bytes(text) - size_bytes) <= half_a_digit * (1 + 1e-9)


@given(st.integers(0, LARGEST_BYTES))
def test_a_size_is_never_wider_than_four_digits(size_bytes):
    """The number of a size has at most four digits, so columns of sizes line up."""
    number = format_bytes(size_bytes).split()[0]
    assert len(number.replace(".", "")) <= 4
    assert number != "1024"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.0154, "15 ms"),
        (0.3, "0.3 s"),
        (5.0, "5 s"),
        (9.96, "10 s"),
        (12.3, "12 s"),
        (59.6, "1 min"),
        (150, "2 min 30 s"),
        (900, "15 min"),
        (3599.7, "1 h"),
        (3900, "1 h 5 min"),
        (86399, "1 d"),
        (183600, "2 d 3 h"),
        (-12, "-12 s"),
    ],
)
def test_durations_are_written_in_at_most_two_units(seconds, text):
    """A duration shows the two units that matter, also where rounding changes the unit."""
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("15 min", 900),
        ("15m", 900),
        ("250ms", 0.25),
        ("1 h 30 min", 5400),
        ("2d", 172800),
        ("1.5 h", 5400),
    ],
)
def test_durations_are_read_in_the_ways_people_write_them(text, seconds):
    """Units may be joined or apart, and a plain number is seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5 s", "1 h 30", "5 weeks", "nan", "1e3 s"])
def test_a_text_that_is_no_duration_is_refused_in_one_sentence(text):
    """Whatever is not a row of numbers with known units is refused."""
    with pytest.raises(ValueError, match="is not a duration: write a number and a unit"):
        parse_duration(text)


@given(st.floats(0, 1e9))
def test_a_duration_survives_being_written_and_read(seconds):
    """What is read back differs by at most half of the smallest unit written, or 5 % of it below 10 s."""
    half_a_unit = {"ms": 0.0005, "s": 0.5, "min": 30, "h": 1800, "d": 1800}
    text = format_duration(seconds)
    allowed = 0.05 if seconds < 9.95 and text.endswith(" s") else half_a_unit[text.split()[-1]]
    if seconds >= 3600:
        allowed = max(allowed, 30)
    assert abs(parse_duration(text) - seconds) <= allowed * (1 + 1e-9)


@given(st.text())
def test_no_text_does_more_than_raise_value_error(text):
    """Reading a size or a duration from any text gives a number or ValueError, nothing else."""
    for parse in (parse_bytes, parse_duration):
        with contextlib.suppress(ValueError):
            assert parse(text) >= 0
