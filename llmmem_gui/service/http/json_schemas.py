"""JSON schemas that clients send: bounded in size."""

from __future__ import annotations

from typing import Any

DEEPEST = 32
"""How deep a schema may nest."""
MOST_NODES = 10_000


def too_large(schema: Any) -> bool:
    """Whether a decoded JSON value nests deeper, or holds more values, than a schema may."""
    nodes = 0
    level = [schema]
    for _ in range(DEEPEST + 1):
        if not level:
            return False
        nodes += len(level)
        if nodes > MOST_NODES:
            return True
        level = [child for parent in level for child in _children(parent)]
    return True


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
