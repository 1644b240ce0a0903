"""JSON schemas as clients send them: of tools, of response formats, and of each keyword by itself."""

from __future__ import annotations

from tests.tool_schemas.answers import ANSWERS
from tests.tool_schemas.converted import CONVERTED
from tests.tool_schemas.keywords import KEYWORDS, NOT_HELD
from tests.tool_schemas.shapes import Schema
from tests.tool_schemas.tools import TOOLS

__all__ = ["HELD", "KEYWORDS", "NOT_HELD", "REAL", "Schema"]

REAL: dict[str, Schema] = {**TOOLS, **CONVERTED, **ANSWERS}
"""As real tools and response formats have them."""
HELD: dict[str, Schema | bool] = {
    **REAL,
    **{f"{name} {number}": each for name, some in KEYWORDS.items() for number, each in enumerate(some, 1)},
}
"""All that answers are held to."""
