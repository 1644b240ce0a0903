"""Paths as clients write them: ours in other spellings, and those of other dialects."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_WITHOUT_VERSION = frozenset({"/chat/completions", "/completions", "/embeddings", "/models", "/responses"})
"""Paths of OpenAI's that many servers have without `/v1` too."""
_OLLAMA = re.compile(
    r"/api/(tags|chat|generate|show|version|embed|embeddings|ps|pull|push|create|copy|delete|blobs/.*)"
)
_ANTHROPIC = re.compile(r"/v1/(messages(/.*)?|complete)")
_KEPT_RESPONSES = re.compile(r"/v1/responses/.+")

Form = Callable[[dict[str, Any]], dict[str, Any]]
"""Puts an error object of ours into the form of another dialect."""


def canonical_path(path: str) -> str:
    """The path as the table of operations has it: single slashes, none at the end, the version in front."""
    plain = re.sub("/{2,}", "/", path).rstrip("/")
    if plain in ("", "/v1"):
        return "/"
    return f"/v1{plain}" if plain in _WITHOUT_VERSION else plain


def error_form(path: str) -> Form | None:
    """How the dialect of a path writes errors; None for OpenAI's way, which is ours."""
    if _OLLAMA.fullmatch(path):
        return lambda error: {"error": error["message"]}
    if _ANTHROPIC.fullmatch(path):
        return lambda error: {
            "type": "error",
            "error": {"type": "not_found_error", "message": error["message"]},
        }
    return None


def way_from(path: str, url: str) -> str | None:
    """Where to go from a path of a dialect that is not spoken here, one sentence; None for any other path."""
    if _KEPT_RESPONSES.fullmatch(path):
        return f"Responses are not kept here: send the whole conversation to {url}/v1/responses."
    for name, paths in (("Ollama's API", _OLLAMA), ("Anthropic's API", _ANTHROPIC)):
        if paths.fullmatch(path):
            return f"{name} is not spoken here: use {url}/v1 as an OpenAI-compatible server."
    return None
