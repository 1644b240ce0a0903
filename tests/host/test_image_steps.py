"""Prompts with images in the scheduler, without a model: what stands for images, and when it is computed."""

from __future__ import annotations

import pytest

from llmmem_gui.host.image_tokens import ImageSpan, image_tokens, position_after
from llmmem_gui.host.numbers import Numbers, common_prefix, numbers
from llmmem_gui.host.scheduler import Run
from tests.host.test_scheduler import KINDS, Host, MemoryKind


def prompt(*parts: list[int] | bytes, length: int = 6) -> tuple[Numbers, list[ImageSpan]]:
    """A prompt of texts and images, and where the images are."""
    tokens = numbers()
    spans = []
    for part in parts:
        if isinstance(part, bytes):
            spans.append(ImageSpan(len(tokens), length, part))
            tokens += image_tokens(part, 0, length, length)
        else:
            tokens.extend(part)
    return tokens, spans


def ask(host: Host, *parts: list[int] | bytes, answer: int = 3) -> Run:
    """A request with images."""
    tokens, spans = prompt(*parts)
    run = Run(tokens, min(len(tokens) + answer, host.cells), images=spans)
    host.scheduler.add(run)
    return run


def test_numbers_tell_images_apart_and_take_positions() -> None:
    """The same image has the same numbers, another one or another tile of it others; none is a token."""
    one = image_tokens(b"one", 0, 12, 12)
    assert one == image_tokens(b"one", 0, 12, 12)
    assert max(one) < 0
    for other in (image_tokens(b"two", 0, 12, 12), image_tokens(b"one", 1, 12, 12)):
        assert common_prefix(one, other) == 0
    in_two_dimensions = numbers([1, 2]) + image_tokens(b"one", 0, 12, 4) + numbers([3])
    assert position_after(in_two_dimensions, 2) == 2
    assert position_after(in_two_dimensions, 14) == 6
    assert position_after(in_two_dimensions, 15) == 7
    assert position_after(one, 12) == 12
    assert position_after(one, 0) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_a_step_of_its_own(kind: MemoryKind) -> None:
    """It is computed whole and alone after the text before it, and answers beside it get their turn."""
    host = Host(kind)
    beside = host.ask([1, 2, 3], answer=20)
    host.step()
    run = ask(host, [1, 5, 6], b"image", [7, 8])
    steps = [host.step() for _ in range(4)]
    with_images = [step for step in steps if any(part.image for part in step)]
    assert [len(step) for step in with_images] == [1]
    assert with_images[0][0].image == run.images[0]
    assert with_images[0][0].tokens == run.tokens[3:9]
    assert sum(any(part.run is beside for part in step) for step in steps) >= 3
    host.finish()
    assert len(run.tokens) == run.most_tokens


@pytest.mark.parametrize("kind", KINDS)
def test_images_are_kept_whole_or_not_at_all(kind: MemoryKind) -> None:
    """A conversation goes on behind its image; one with another image there begins before it."""
    host = Host(kind)
    ask(host, [1, 2, 3, 4], b"image", [5, 6], answer=1)
    host.finish()
    same = ask(host, [1, 2, 3, 4], b"image", [5, 6, 9, 9])
    other = ask(host, [1, 2, 3, 4], b"other", [5, 6])
    host.finish()
    assert same.cached_tokens in (11, 12)
    assert other.cached_tokens <= 4
    half = Run(numbers([1, 2, 3, 4]) + image_tokens(b"image", 0, 6, 6)[:3] + numbers([-8, -9, -10, 7]), 13)
    half.images = [ImageSpan(4, 6, b"half")]
    host.scheduler.add(half)
    host.finish()
    assert half.cached_tokens <= 4
    assert half.without_part_of_image(7) == 4
    assert half.without_part_of_image(4) == 4
    assert half.without_part_of_image(10) == 10
