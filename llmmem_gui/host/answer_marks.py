"""The marks of all families: between what and what thoughts and calls of tools stand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from llmmem_gui.host.written_arguments import (
    FUNCTION_WRITING,
    JSON_WRITING,
    NAMED_WRITING,
    Writing,
)
from llmmem_gui.host.written_calls import (
    Read,
    any_of,
    call_of_one_name,
    colon_calls,
    element_calls,
    json_calls,
    json_calls_in_a_row,
    named_calls,
    opened_calls,
    pairs_calls,
    python_calls,
    tagged_calls,
)


@dataclass(frozen=True, slots=True)
class CallMarks:
    """Between what and what calls stand, and how they are written there."""

    opening: str
    closing: str | None
    """None: they reach as far as a JSON value does, or to the end of the answer."""
    read: Read
    is_weak: bool = False
    """It opens other things, too: only what begins like a call is held back, at the beginning of a line."""
    belongs: bool = False
    """The opening belongs to what is read."""
    writings: Sequence[Writing] = (JSON_WRITING,)
    """How arguments are written there that can be told before the call is complete."""


_json_forms = any_of(json_calls, json_calls_in_a_row, call_of_one_name)
_python_or_json = any_of(json_calls, json_calls_in_a_row, python_calls)
CALL_MARKS = (
    # Hermes, Qwen, SmolLM, Granite 4 (JSON), Qwen3-Coder, Nemotron 3 (elements), GLM (pairs)
    CallMarks("<tool_call>", "</tool_call>", any_of(json_calls_in_a_row, tagged_calls, pairs_calls)),
    CallMarks("<tool_calls>", "</tool_calls>", any_of(_json_forms, tagged_calls)),
    CallMarks("<tools>", "</tools>", _json_forms),
    CallMarks("<TOOLCALL>", "</TOOLCALL>", _json_forms),
    CallMarks("<seed:tool_call>", "</seed:tool_call>", tagged_calls),
    CallMarks("<minimax:tool_call>", "</minimax:tool_call>", tagged_calls),
    CallMarks("<｜DSML｜function_calls>", "</｜DSML｜function_calls>", tagged_calls),
    CallMarks("<｜DSML｜tool_calls>", "</｜DSML｜tool_calls>", tagged_calls),
    CallMarks("<tool_calls:opensource>", "</tool_calls:opensource>", pairs_calls),
    CallMarks("<function=", "</function>", tagged_calls, belongs=True, writings=(FUNCTION_WRITING,)),
    CallMarks("<function name=", "</function>", tagged_calls, belongs=True, writings=(FUNCTION_WRITING,)),
    # Llama 3.x
    CallMarks("<|python_tag|>", None, _python_or_json),
    # Phi-4, Granite 3
    CallMarks("<|tool_call|>", "<|/tool_call|>", _json_forms),
    # Mistral
    CallMarks(
        "[TOOL_CALLS]",
        "[TOOL_CALLS]",
        any_of(json_calls, named_calls),
        writings=(JSON_WRITING, NAMED_WRITING),
    ),
    # DeepSeek, Kimi
    CallMarks("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", named_calls, writings=(NAMED_WRITING,)),
    CallMarks("<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", named_calls, writings=(NAMED_WRITING,)),
    CallMarks(
        "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", named_calls, writings=(NAMED_WRITING,)
    ),
    CallMarks("<|open|>tools<|sep|>", "<|close|>tools<|sep|>", opened_calls),
    CallMarks("]<]minimax[>[<tool_call>", "]<]minimax[>[</tool_call>", element_calls),
    # Solar, GigaChat
    CallMarks("<|message_sep|>\n\nfunction call<|role_sep|>\n", None, _json_forms),
    CallMarks("<|tool_calls|>", None, named_calls, writings=(NAMED_WRITING,)),
    CallMarks("<|function_call|>", None, _json_forms),
    # Command R
    CallMarks("<|START_ACTION|>", "<|END_ACTION|>", _json_forms),
    # Gemma, LFM2, Apertus, Firefunction
    CallMarks("<|tool_call>", "<tool_call|>", colon_calls),
    CallMarks("<start_function_call>", "<end_function_call>", colon_calls),
    CallMarks("<|tool_call_start|>", "<|tool_call_end|>", _python_or_json),
    CallMarks("<|tools_prefix|>", "<|tools_suffix|>", _json_forms),
    CallMarks(" functools[", None, lambda text, schemas: json_calls("[" + text, schemas)),
    # Whatever they were taught, many models write the JSON alone, or in a fence.
    CallMarks("```json", "```", _json_forms, is_weak=True),
    CallMarks("```tool_code", "```", _python_or_json, is_weak=True),
    CallMarks("```", "```", _json_forms, is_weak=True),
    CallMarks("{", None, _json_forms, is_weak=True, belongs=True),
    CallMarks("[{", None, _json_forms, is_weak=True, belongs=True),
)
THOUGHTS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<seed:think>": "</seed:think>",
    "<mm:think>": "</mm:think>",
    "[THINK]": "[/THINK]",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|channel>thought": "<channel|>",
    "<|open|>think<|sep|>": "<|close|>think<|sep|>",
}
LABELS = (
    *("<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"),
    *("<|open|>response<|sep|>", "<|close|>response<|sep|>", "<|close|>message<|sep|>"),
)
"""Only say that the answer begins or ends."""

MARKS = frozenset(
    {
        *(
            mark
            for marks in CALL_MARKS
            if not marks.is_weak
            for mark in (marks.opening, marks.closing)
            if mark
        ),
        *THOUGHTS,
        *THOUGHTS.values(),
        *LABELS,
        *("<|channel>", "<tool_call|>", '<|"|>', "[ARGS]", "[CALL_ID]", "<escape>"),
        *("<｜tool▁sep｜>", "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"),
        *("<|open|>", "<|close|>", "<|sep|>", "]<]minimax[>[", "<|message_sep|>", "<|role_sep|>"),
        *("<|tool_call:begin|>", "<|tool_call:name|>", "<|tool_call:args|>", "<|tool_call:end|>"),
    }
)
"""Texts of tokens that a vocabulary may hold to be invisible, and that an answer is read by."""


def opened_thought(prompt: str) -> str | None:
    """The mark of the thought in whose midst a prompt ends; None when it ends in no thought."""
    end = prompt.rstrip()
    return next((opening for opening in THOUGHTS if end.endswith(opening)), None)


def own_thoughts(template: str, prompt: str) -> list[list[str]]:
    """The marks by which a model may open a thought after a prompt by itself, as its template has it.

    Each is in the parts that may be tokens of their own. None for a prompt that has opened one, or closed one
    for the model not to think.
    """
    end = prompt.rstrip()
    if any(end.endswith(marks) for marks in THOUGHTS.items()):
        return []
    known = [opening for opening, closing in THOUGHTS.items() if opening in template or closing in template]
    return [_PARTS.findall(opening) for opening in known]


_PARTS = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|[^<>\[\]]+")
