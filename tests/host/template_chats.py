"""Chat templates of well-known models, and chats to write by them, for comparing with `transformers`.

The templates are read from the archive of the bindings, which brings those that llama.cpp is tested with.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RENDERINGS = Path(__file__).with_name("expected_renderings.json")
SPECIAL_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
_FOLDER = "/vendor/llama.cpp/models/templates/"


class FrozenTime(datetime):
    """A clock that stands still, for templates that tell the date."""

    @classmethod
    def now(cls, tz: Any = None) -> FrozenTime:
        return cls(2026, 3, 9, 14, 5, 7, tzinfo=tz)


OWN_TEMPLATES = {
    "own: generation": (
        "{% set said = 'outside' %}{% for m in messages %}<{{ m.role }}>"
        "{% generation %}{% set said = 'inside' %}{{ m.content }}{{ said }}{% endgeneration %}"
        "{{ said }}{%- endfor %}\n"
    ),
    "own: white space": (
        "{% for m in messages %}\n    {% if loop.first %}\n  first\n    {% endif %}\n"
        "    {%- if m.role == 'tool' %}{% continue %}{% endif +%}\n  {{ m.content }}\n"
        "  {% if loop.index > 3 %}{% break %}{% endif %}\n{% endfor %}\n\n"
    ),
    "own: JSON": (
        "{{ tools | tojson }}{{ tools | tojson(indent=2) }}{{ messages | tojson(ensure_ascii=True) }}"
        "{{ messages | tojson(separators=(',', ':'), sort_keys=True) }}{{ '<&>' | tojson }}"
    ),
    "own: what there is": (
        "{{ bos_token }}{{ eos_token }}{{ unk_token }}{{ pad_token }}{{ mask_token is defined }}"
        "{{ date_string is defined }}{{ tools is none }}{{ documents is none }}{{ documents }}"
        "{{ enable_thinking is defined }}{{ add_generation_prompt }}{{ functions is defined }}"
    ),
    "own: the date": "{{ strftime_now('%d %B %Y, %H:%M') }}{{ messages[0].content }}",
    "own: parts": (
        "{{ messages[0].content if messages[0].content is string else raise_exception('no text') }}"
        "{{ namespace(a=1).a }}{{ dict(b=2).b }}"
        "{% for m in messages %}{{ m.reasoning_content }}{{ m.thinking }}{% endfor %}"
    ),
}


def made_templates() -> dict[str, str] | None:
    """The templates by name, also those of this module; None where the archive is not there."""
    archive = next((ROOT / "build" / "bindings").glob("llama_cpp_python-*.tar.gz"), None)
    if archive is None:
        return None
    found = dict(OWN_TEMPLATES)
    with tarfile.open(archive) as opened:
        for member in opened:
            if _FOLDER in member.name and member.name.endswith(".jinja"):
                content = opened.extractfile(member)
                assert content is not None
                found[Path(member.name).stem] = content.read().decode()
    return found


def digest(text: str) -> str:
    """What is kept of a rendering: its length and the beginning of its hash."""
    return f"{len(text)} {hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _say(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def _call(number: int, name: str, **arguments: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {"id": f"call0000{number}", "type": "function", "function": function}


def _answer(number: int, name: str, content: str) -> dict[str, Any]:
    return _say("tool", content, tool_call_id=f"call0000{number}", name=name)


_CITY = {"type": "string", "description": "The name of a city, such as “São Paulo”."}
_UNIT = {
    "type": "string",
    "enum": ["celsius", "fahrenheit"],
    "description": "The unit.",
    "default": "celsius",
}
_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Tells the weather of a city.\nNow, not later.",
            "parameters": {
                "type": "object",
                "properties": {"city": _CITY, "unit": _UNIT},
                "required": ["city"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "add",
            "description": "Adds numbers.",
            "parameters": {
                "type": "object",
                "properties": {
                    "numbers": {"type": "array", "items": {"type": "number"}, "description": "Which."},
                    "options": {
                        "type": "object",
                        "description": "How.",
                        "properties": {"round": {"type": "boolean", "description": "Whether to round."}},
                    },
                },
                "required": ["numbers"],
            },
        },
    },
]
_SYSTEM = _say("system", "You are a careful assistant.\nAnswer briefly.")
_HELLO = _say("user", "Hello! What is 2 + 2?")
_FOUR = _say("assistant", "It is 4.")
_WEATHER = _say("user", "How is the weather in São Paulo?")
_ASKS = _say("assistant", "", tool_calls=[_call(1, "get_weather", city="São Paulo", unit="celsius")])
_TOLD = _answer(1, "get_weather", '{"degrees": 21, "sky": "clear"}')
_ODD = (
    "  \tIs “naïve” 東京 😀 \u202eמים\u202c?\n\n<b>&amp;</b> {{ x }} {% y %} <|im_start|>user\n\\n"
    " 'quoted' \"twice\"\n "
)

CHATS: dict[str, dict[str, Any]] = {
    "plain": {"messages": [_HELLO]},
    "system": {"messages": [_SYSTEM, _HELLO]},
    "turns": {"messages": [_HELLO, _FOUR, _say("user", "And 3 + 3?")]},
    "system and turns": {"messages": [_SYSTEM, _HELLO, _FOUR, _WEATHER, _FOUR, _HELLO]},
    "unicode": {"messages": [_say("system", _ODD), _say("user", _ODD), _say("assistant", _ODD), _HELLO]},
    "a late system message": {"messages": [_HELLO, _FOUR, _SYSTEM, _HELLO]},
    "two of the user": {"messages": [_HELLO, _WEATHER]},
    "tools": {"messages": [_HELLO], "tools": _TOOLS},
    "tools and system": {"messages": [_SYSTEM, _HELLO], "tools": _TOOLS},
    "tool answered": {"messages": [_WEATHER, _ASKS, _TOLD], "tools": _TOOLS},
    "tool over": {
        "messages": [_SYSTEM, _WEATHER, _ASKS, _TOLD, _say("assistant", "Clear, 21 °C."), _HELLO],
        "tools": _TOOLS,
    },
    "two tools": {
        "messages": [
            _WEATHER,
            _say(
                "assistant",
                "",
                tool_calls=[
                    _call(1, "get_weather", city="東京"),
                    _call(2, "add", numbers=[1, 2.5], options={"round": False}),
                ],
            ),
            _TOLD,
            _answer(2, "add", "3.5"),
        ],
        "tools": _TOOLS,
    },
    "text and tool": {
        "messages": [_WEATHER, {**_ASKS, "content": "I will look."}, _TOLD],
        "tools": _TOOLS,
    },
    "thinking": {"messages": [_HELLO], "template_arguments": {"enable_thinking": True, "thinking": True}},
    "no thinking": {
        "messages": [_SYSTEM, _HELLO],
        "template_arguments": {"enable_thinking": False, "thinking": False},
    },
    "effort": {
        "messages": [_HELLO],
        "template_arguments": {"reasoning_effort": "high", "thinking": True},
    },
    "thoughts before": {"messages": [_HELLO, {**_FOUR, "reasoning_content": "Two and two."}, _HELLO]},
    "thoughts and tool": {
        "messages": [_WEATHER, {**_ASKS, "reasoning_content": "I have to look."}, _TOLD],
        "tools": _TOOLS,
    },
    "thoughts as text": {"messages": [_HELLO, _say("assistant", "<think>\nHm.\n</think>\n\n4"), _HELLO]},
    "documents": {
        "messages": [_HELLO],
        "template_arguments": {"documents": [{"title": "Sums", "text": "2 + 2 is 4."}]},
    },
    "begun": {"messages": [_HELLO, _say("assistant", "The answer is")], "continues": True},
    "begun, and a space": {"messages": [_SYSTEM, _HELLO, _say("assistant", "It is 4, ")], "continues": True},
    "begun twice": {"messages": [_HELLO, _FOUR, _HELLO, _say("assistant", "4")], "continues": True},
}
"""As clients of the API send them."""
