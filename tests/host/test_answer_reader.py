"""Sorting an answer into thoughts, text and calls, in whatever pieces it comes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmem_gui.host.answer_marks import opened_thought
from llmmem_gui.host.answer_reader import AnswerReader, Arguments, Piece, Said, Thought
from llmmem_gui.host.harmony import HarmonyReader
from llmmem_gui.host.openai_forms import Reader, whole_calls
from llmmem_gui.host.recipients import RecipientReader
from llmmem_gui.host.written_calls import Call

SCHEMAS: dict[str, dict[str, Any]] = {
    "weather": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "near": {"type": "object"}},
    },
    "time": {"type": "object", "properties": {"zone": {"type": ["string", "null"]}}},
}
WEATHER = '{"name": "weather", "arguments": {"city": "São Paulo", "days": 3}}'
CITY = {"city": "São Paulo", "days": 3}

# How families write the call of `weather` with the arguments above.
WRITTEN = {
    "Hermes": f"<tool_call>\n{WEATHER}\n</tool_call>",
    "Hermes without its end": f"<tool_call>{WEATHER}",
    "arguments as text": "<tool_call>"
    + json.dumps({"name": "weather", "arguments": json.dumps(CITY)})
    + "</tool_call>",
    "tools": f"<tools>\n{WEATHER}\n</tools>",
    "fence": f"```json\n{WEATHER}\n```",
    "plain fence": f"```\n{WEATHER}\n```",
    "bare": WEATHER,
    "bare list": f"[{WEATHER}]",
    "OpenAI's own form": json.dumps(
        {"tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": json.dumps(CITY)}}]}
    ),
    "Qwen3-Coder": "<tool_call>\n<function=weather>\n<parameter=city>\nSão Paulo\n</parameter>\n"
    "<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
    "Qwen3-Coder without tags": "<function=weather>\n<parameter=city>\nSão Paulo\n</parameter>\n"
    "<parameter=days>\n3\n</parameter>\n</function>",
    "Llama 3.1": '<|python_tag|>{"name": "weather", "parameters": {"city": "São Paulo", "days": 3}}',
    "Llama 3.2": '{"type": "function", "name": "weather", "parameters": {"city": "São Paulo", "days": 3}}',
    "Llama's Python": '<|python_tag|>weather.call(city="São Paulo", days=3)',
    "Functionary": '<function=weather>{"city": "São Paulo", "days": 3}</function>',
    "Mistral": f"[TOOL_CALLS][{WEATHER}]",
    "Mistral 3": '[TOOL_CALLS]weather[ARGS]{"city": "São Paulo", "days": 3}',
    "Mistral 3 with an id": '[TOOL_CALLS]weather[CALL_ID]abcdef123[ARGS]{"city": "São Paulo", "days": 3}',
    "Phi-4": f"<|tool_call|>[{WEATHER}]<|/tool_call|>",
    "Granite": f"<|tool_call|>[{WEATHER}]",
    "DeepSeek R1": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n"
    '{"city": "São Paulo", "days": 3}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    "DeepSeek V3.1": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>"
    '{"city": "São Paulo", "days": 3}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    "DeepSeek V3.2": '<｜DSML｜function_calls>\n<｜DSML｜invoke name="weather">\n'
    '<｜DSML｜parameter name="city" string="true">São Paulo</｜DSML｜parameter>\n'
    '<｜DSML｜parameter name="days" string="false">3</｜DSML｜parameter>\n'
    "</｜DSML｜invoke>\n</｜DSML｜function_calls>",
    "Command R": '<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "weather", '
    '"parameters": {"city": "São Paulo", "days": 3}}]<|END_ACTION|>',
    "GLM": "<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>São Paulo</arg_value>\n"
    "<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
    "Kimi": "<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>"
    '{"city": "São Paulo", "days": 3}<|tool_call_end|><|tool_calls_section_end|>',
    "MiniMax": '<minimax:tool_call>\n<invoke name="weather">\n<parameter name="city">São Paulo</parameter>\n'
    '<parameter name="days">3</parameter>\n</invoke>\n</minimax:tool_call>',
    "Kimi K3": '<|open|>tools<|sep|><|open|>call tool="weather" index="1"<|sep|><|open|>argument key="city" '
    'type="string"<|sep|>São Paulo<|close|>argument<|sep|><|open|>argument key="days" type="number"<|sep|>3'
    "<|close|>argument<|sep|><|close|>call<|sep|><|close|>tools<|sep|>",
    "MiniMax M3": ']<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name="weather">]<]minimax[>[<city>São Paulo'
    "]<]minimax[>[</city>]<]minimax[>[<days>3]<]minimax[>[</days>]<]minimax[>[</invoke>\n"
    "]<]minimax[>[</tool_call>",
    "GigaChat": f"<|message_sep|>\n\nfunction call<|role_sep|>\n{WEATHER}",
    "Gemma": '<|tool_call>call:weather{city:<|"|>São Paulo<|"|>,days:3}<tool_call|>',
    "FunctionGemma": "<start_function_call>call:weather{city:<escape>São Paulo<escape>,days:3}"
    "<end_function_call>",
    "Gemma's Python": '```tool_code\nweather(city="São Paulo", days=3)\n```',
    "LFM2": '<|tool_call_start|>[weather(city="São Paulo", days=3)]<|tool_call_end|>',
    "Apertus": '<|tools_prefix|>[{"weather": {"city": "São Paulo", "days": 3}}]<|tools_suffix|>',
    "Nemotron": f"<TOOLCALL>[{WEATHER}]</TOOLCALL>",
    "Seed": "<seed:tool_call>\n<function=weather>\n<parameter=city>São Paulo</parameter>\n"
    "<parameter=days>3</parameter>\n</function>\n</seed:tool_call>",
    "Firefunction": f" functools[{WEATHER}]",
}
PLAIN = [
    "",
    "Hello.",
    "a < b and b > c {x}",
    "<tool",
    "<tool_call",
    "</tool_call>",
    "<tool_calling>",
    "x<tool_call>not json</tool_call>y",
    '```json\n{"answer": 42}\n```',
    '{"answer": 42}',
    '{"name": "Ana", "age": 3}',
    "[1, 2]",
    "```python\nprint({})\n```",
    "An `<think>` tag opens a thought.",
    "<function=unknown>{}</function>",
    "  indented",
    "ends in space \n",
]


def read(
    pieces: Sequence[str], reader: Reader | None = None, *, was_cut: bool = False
) -> tuple[str, str, list[tuple[str, Any]]]:
    """The thoughts, the text and the calls of an answer that comes in these pieces."""
    reader = reader or AnswerReader(SCHEMAS)
    found = [each for piece in pieces for each in reader.feed(piece)] + reader.finish(was_cut=was_cut)
    thought = "".join(each.text for each in found if isinstance(each, Thought))
    said = "".join(each.text for each in found if isinstance(each, Said))
    calls = [(each.name, json.loads(each.arguments)) for each in whole_calls(found)]
    return thought, said, calls


@pytest.mark.parametrize("written", WRITTEN.values(), ids=list(WRITTEN))
def test_every_family_is_read(written: str) -> None:
    """The call is found with its arguments typed, in one piece and letter by letter, and nothing is said."""
    assert read([written]) == ("", "", [("weather", CITY)])
    assert read(list(written)) == ("", "", [("weather", CITY)])


@pytest.mark.parametrize("written", WRITTEN.values(), ids=list(WRITTEN))
def test_text_before_a_call_is_kept(written: str) -> None:
    """What the model says before it calls is the person's; the white space between is nobody's."""
    thought, said, calls = read([f"Let me see.\n{written}"])
    assert (thought, said.strip(), calls) == ("", "Let me see.", [("weather", CITY)])


@pytest.mark.parametrize("text", PLAIN)
def test_text_that_is_no_call_stays_as_it_is(text: str) -> None:
    """What only looks like a call is said unchanged, with tools and without."""
    assert read(list(text)) == ("", text, [])
    assert read(list(text), AnswerReader()) == ("", text, [])
    assert read([text]) == ("", text, [])


@pytest.mark.parametrize("written", WRITTEN.values(), ids=list(WRITTEN))
def test_calls_of_tools_that_were_not_offered_are_text(written: str) -> None:
    """Nothing of the answer is lost then."""
    reader = AnswerReader({"other": {}})
    assert read(list(written), reader) == ("", written, [])


@given(st.data())
def test_pieces_do_not_matter(data: st.DataObject) -> None:
    """However an answer is cut, its thoughts, text and calls are the same."""
    parts = st.sampled_from([*PLAIN, *WRITTEN.values(), "<think>", "</think>", "\n", "{", "`"])
    whole = "".join(data.draw(st.lists(parts, max_size=5)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert read(pieces) == read([whole])
    assert read(list(whole)) == read([whole])


HARMONY = (
    "<|channel|>analysis<|message|>Hm, a < b.<|end|><|start|>assistant<|channel|>commentary "
    'to=functions.weather <|constrain|>json<|message|> {"city": "São Paulo", "days": 3}\n<|call|>'
)
ANSWERS = {
    **WRITTEN,
    "several": f"A <tool_call>{WEATHER}</tool_call>\n<tool_call>{WEATHER}</tool_call> B",
    "in a list": f"[TOOL_CALLS][{WEATHER}, {WEATHER}]",
    "in a row": f"<tools>{WEATHER}\n{WEATHER}</tools>",
    "one after the other": f"[TOOL_CALLS]weather[ARGS]{json.dumps(CITY)}[TOOL_CALLS]time[ARGS]{{}}",
    "the second in another form": f'<tools>{WEATHER}; {{"name": "time", "arguments": "{{}}"}}</tools>',
    "the second unknown": f'<tools>{WEATHER}; {{"name": "other", "arguments": {{}}}}</tools> B',
    "more members": '<tool_call>{"id": "1", "name": "weather", "arguments": {"city": "São Paulo"}, '
    '"n": 1}</tool_call>',
    "a closing mark in a text": '<tool_call>{"name": "weather", "arguments": {"city": "</tool_call>{["}}'
    "</tool_call> B",
    "a brace too few": '<tool_call>{"name": "weather", "arguments": {"city": "São Paulo"}\n</tool_call> B',
    "two braces too few": '<tool_call>{"name": "weather", "arguments": {"city": "São Paulo"\n</tool_call> B',
    "line breaks and wrong escapes": '<tool_call>{"name": "weather", "arguments": '
    '{"city": "a\nb\\\'c\\d\\u00e3\\"\\\\\t"}}</tool_call>',
    "space everywhere": '<tool_call>\n [ { "name" : "weather" , "arguments" : { "days" : [ 1 , true ] } } ]'
    "\n</tool_call>\n",
    "harmony": HARMONY,
    "harmony without arguments": "<|channel|>commentary to=functions.time<|message|> <|call|>",
    "to recipients": 'all\nA >>> b\n>>>x>>>weather\n{"city": "São Paulo", "days": 3}>>>time\n{"zone": null}',
    "to nobody": "alley >>>all\nB",
    "harmony to nobody": '<|channel|>commentary to=functions.other<|message|>{"a": 1}<|call|>',
}
TOLD_AT_ONCE = {
    *("Qwen3-Coder", "Qwen3-Coder without tags", "Llama's Python", "DeepSeek V3.2", "GLM", "MiniMax"),
    *("Kimi K3", "MiniMax M3", "Gemma", "FunctionGemma", "Gemma's Python", "LFM2", "Apertus", "Seed"),
    *("arguments as text", "OpenAI's own form"),
    *("harmony without arguments", "harmony to nobody", "to nobody"),
}
"""Their arguments are no object in JSON as they stand there, or nobody knows yet that it is a call."""


def reader_of(written: str) -> Reader:
    """The reader for an answer of the family, whose calls are demanded."""
    if written in (ANSWERS["to recipients"], ANSWERS["to nobody"]):
        return RecipientReader(SCHEMAS)
    return HarmonyReader(SCHEMAS) if "<|channel|>" in written else AnswerReader(SCHEMAS, is_held=True)


def sums(pieces: Sequence[Piece]) -> tuple[str, str, list[Call]]:
    """The thoughts, the text and the calls in pieces, to the letter."""
    thought = "".join(each.text for each in pieces if isinstance(each, Thought))
    return thought, "".join(each.text for each in pieces if isinstance(each, Said)), whole_calls(pieces)


@pytest.mark.parametrize("name", ANSWERS)
def test_what_was_told_is_never_taken_back(name: str) -> None:
    """Wherever an answer is cut, the parts add up to the letter, and what came before stays as it is."""
    answer = ANSWERS[name]
    reader = reader_of(answer)
    whole = sums(reader.feed(answer) + reader.finish())
    for place in range(len(answer) + 1):
        reader = reader_of(answer)
        first = reader.feed(answer[:place])
        assert sums(first + reader.feed(answer[place:]) + reader.finish()) == whole
        thought, said, calls = sums(first)
        assert whole[0].startswith(thought)
        assert whole[1].startswith(said)
        assert len(calls) <= len(whole[2])
        for told, call in zip(calls, whole[2], strict=False):
            assert told.name == call.name
            assert call.arguments.startswith(told.arguments)
    reader = reader_of(answer)
    letters = [piece for letter in answer for piece in reader.feed(letter)] + reader.finish()
    assert sums(letters) == whole
    assert (len([piece for piece in letters if isinstance(piece, Arguments)]) > 3) == (
        name not in TOLD_AT_ONCE
    )


def test_damaged_arguments_are_mended_or_told_as_they_are() -> None:
    """What a model forgets or escapes wrongly does not make a call into text."""

    def called(name: str) -> tuple[str, str]:
        reader = reader_of(ANSWERS[name])
        _, said, (call,) = sums(reader.feed(ANSWERS[name]) + reader.finish())
        return call.arguments, said

    assert called("a brace too few") == ('{"city": "São Paulo"}', " B")
    assert called("two braces too few") == ('{"city": "São Paulo"\n', " B")
    assert called("a closing mark in a text") == ('{"city": "</tool_call>{["}', " B")
    mended = json.loads(called("line breaks and wrong escapes")[0])
    assert mended == {"city": "a\nb'c\\dã\"\\\t"}


def test_recipients_are_read() -> None:
    """What is said to all is said; who names nobody says it all."""
    both = [("weather", CITY), ("time", {"zone": None})]
    assert read(list(ANSWERS["to recipients"]), RecipientReader(SCHEMAS)) == ("", "A >>> b\n>>>x", both)
    assert read(list("all\nHello."), RecipientReader({})) == ("", "Hello.", [])
    for text in ("Hello.", "all", "alley >>>all", "weather"):
        assert read(list(text), RecipientReader(SCHEMAS)) == ("", text, [])


def test_text_that_begins_as_a_call_is_held_back_unless_it_must_be_one() -> None:
    """JSON alone may be an answer about JSON, until it is complete."""
    assert AnswerReader(SCHEMAS).feed(WEATHER) == []
    assert AnswerReader(SCHEMAS, is_held=True).feed(WEATHER)
    assert AnswerReader(SCHEMAS).feed(f"<tool_call>{WEATHER}")


def test_several_calls_are_found_in_order() -> None:
    """Between texts, in every form that knows several."""
    time = '{"name": "time", "arguments": {"zone": null}}'
    both = [("weather", CITY), ("time", {"zone": None})]
    assert read([f"A <tool_call>{WEATHER}</tool_call>\n<tool_call>{time}</tool_call> B"]) == ("", "A B", both)
    assert read([f"[TOOL_CALLS][{WEATHER}, {time}]"])[2] == both
    assert (
        read([f'[TOOL_CALLS]weather[ARGS]{json.dumps(CITY)}[TOOL_CALLS]time[ARGS]{{"zone": null}}'])[2]
        == both
    )
    assert read([f"{WEATHER}\n{time}"])[2] == both
    assert read([f"{WEATHER}; {time}"])[2] == both
    assert read([f"```json\n[{WEATHER}, {time}]\n```"])[2] == both


@pytest.mark.parametrize(
    "opening", ["<think>", "<thinking>", "[THINK]", "<|START_THINKING|>", "<seed:think>"]
)
def test_thoughts_are_folded(opening: str) -> None:
    """A thought before the answer is no part of it, whether the model opens it or the prompt has."""
    closing = {"<|START_THINKING|>": "<|END_THINKING|>", "[THINK]": "[/THINK]"}.get(
        opening, opening.replace("<", "</")
    )
    answer = f"{opening}\nHm, <tool_call>.\n{closing}\n\nYes."
    assert read(list(answer)) == ("Hm, <tool_call>.\n", "Yes.", [])
    assert opened_thought(f"<assistant>\n{opening}\n") == opening
    begun = AnswerReader(SCHEMAS, thought=opening)
    assert read(list(answer.removeprefix(f"{opening}\n")), begun) == ("Hm, <tool_call>.\n", "Yes.", [])
    assert read([f"{opening}Never ending"]) == ("Never ending", "", [])
    assert read([f"So {opening} is a tag"]) == ("", f"So {opening} is a tag", [])


def test_thoughts_stay_where_they_are_wanted_in_the_text() -> None:
    """With their marks, also the one that the prompt wrote."""
    answer = "<think>\nHm.\n</think>\n\nYes."
    kept = AnswerReader(folds_thoughts=False)
    assert read(list(answer), kept) == ("", answer, [])
    begun = AnswerReader(thought="<think>", folds_thoughts=False)
    assert read(list("Hm.\n</think>\n\nYes."), begun) == ("", answer, [])
    assert not begun.is_thinking


def test_a_thought_is_followed_by_a_call() -> None:
    """As models that think call tools."""
    assert read([f"<think>Hm.</think>\n<tool_call>{WEATHER}</tool_call>"]) == ("Hm.", "", [("weather", CITY)])


def test_a_call_that_is_cut_off_is_given_as_far_as_it_goes() -> None:
    """As OpenAI does; of a name that is not whole nothing is said."""
    reader = AnswerReader(SCHEMAS)
    cut = reader.feed('<tool_call>{"name": "weather", "arguments": {"city": "São') + reader.finish(
        was_cut=True
    )
    assert whole_calls(cut) == [Call("weather", '{"city": "São')]
    assert read(['<tool_call>{"name": "wea'], was_cut=True) == ("", "", [])
    kimi = WRITTEN["Kimi"].removesuffix("<|tool_calls_section_end|>")
    kimi += '<|tool_call_begin|>functions.time:1<|tool_call_argument_begin|>{"zo'
    cut = AnswerReader(SCHEMAS).feed(kimi)
    assert [each.arguments for each in whole_calls(cut)] == [json.dumps(CITY, ensure_ascii=False), '{"zo']
    assert read([kimi.rpartition("<|tool_call_argument")[0]], was_cut=True)[2] == [("weather", CITY)]
    assert read([f'[TOOL_CALLS][{WEATHER}, {{"name": "ti'], was_cut=True)[2] == [("weather", CITY)]


def test_text_after_a_call_without_an_end_is_said() -> None:
    """Where a family has no mark for the end of a call."""
    for was_cut in (False, True):
        said = "" if was_cut else " Done."
        assert read([f"<|tool_call|>[{WEATHER}] Done."], was_cut=was_cut) == ("", said, [("weather", CITY)])


def test_channels_are_read() -> None:
    """Analysis is thought, final is said, commentary to a function is a call."""
    answer = (
        "<|channel|>analysis<|message|>Hm, a < b.<|end|><|start|>assistant<|channel|>commentary "
        'to=functions.weather <|constrain|>json<|message|>{"city": "São Paulo", "days": 3}<|call|>'
    )
    for pieces in ([answer], list(answer)):
        assert read(pieces, HarmonyReader(SCHEMAS)) == ("Hm, a < b.", "", [("weather", CITY)])
    role_first = ' to=functions.time<|channel|>commentary json<|message|>{"zone": null}<|call|>'
    assert read([role_first], HarmonyReader(SCHEMAS))[2] == [("time", {"zone": None})]
    final = (
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.<|return|>"
    )
    assert read(list(final), HarmonyReader(SCHEMAS)) == ("Hm.", "Yes.", [])
    assert read(["Without channels."], HarmonyReader(SCHEMAS)) == ("", "Without channels.", [])
