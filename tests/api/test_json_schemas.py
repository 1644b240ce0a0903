"""Bounds of the JSON schemas that clients send."""

from __future__ import annotations

from typing import Any

from llmmem_gui.service.http.json_schemas import DEEPEST, MOST_NODES, too_large


def nested(levels: int) -> Any:
    """A schema of that many levels."""
    schema: Any = {}
    for _ in range(levels - 1):
        schema = {"items": schema}
    return schema


def test_depth_is_bounded() -> None:
    """The deepest schema allowed is allowed, and one level more is not."""
    assert not too_large(nested(DEEPEST))
    assert too_large(nested(DEEPEST + 1))


def test_size_is_bounded() -> None:
    """The number of values is counted on all levels."""
    assert not too_large({"enum": list(range(MOST_NODES - 2))})
    assert too_large({"enum": list(range(MOST_NODES))})
    assert too_large([[0] * 200] * 200)
