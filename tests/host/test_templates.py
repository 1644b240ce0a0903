"""Chats as a model's template writes them, and as it can take them where it is strict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.hosting.hosts import AskFailedError, Host, HostStarter
from tests.gguf_writer import copy_with_metadata
from tests.made_up_models import Recipe, write_model
from tests.running_hosts import loaded_host, text_of

TINY = Recipe(layers=2, embedding=64, feed_forward=64, heads=2, kv_heads=1, head_size=32, vocabulary=400)
USER = {"role": "user", "content": "Hello."}
SYSTEM = {"role": "system", "content": "Be brief."}
BEGUN = {"role": "assistant", "content": "Well"}
ALL_ROLES = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
OPENED = "{% if add_generation_prompt %}<assistant>{% endif %}"
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}


def called(arguments: Any, call_id: str = "call00001") -> list[dict[str, Any]]:
    """A chat in which a tool was called."""
    function = {"name": "look_up", "arguments": arguments}
    calls = [{"id": call_id, "type": "function", "function": function}]
    return [
        USER,
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": call_id, "content": "It is here."},
    ]


async def host_with(starter: HostStarter, folder: Path, template: str, **named: str) -> Host:
    """A host whose model's file has this chat template, and further ones by name."""
    further = {f"tokenizer.chat_template.{name}": source for name, source in named.items()}
    plain = write_model(folder / "plain.gguf", TINY.but(chat_template=template))
    path = copy_with_metadata(plain, folder / "model.gguf", further)
    return await loaded_host(starter, path, LoadParameters(context=512))


async def assert_reads(host: Host, text: str, **chat: Any) -> None:
    """The chat reaches the model as exactly this text: all of it was read before."""
    read = await host.ask("completion", {"prompt": text, "max_tokens": 1}).finished()
    answered = await host.ask("chat", {"max_tokens": 1, **chat}).finished()
    assert answered.prompt_tokens == read.prompt_tokens
    assert answered.cached_tokens == read.prompt_tokens - 1


GEMMA = (
    "{% for m in messages %}<start_of_turn>{{ m.role }}\n{{ m.content }}<end_of_turn>\n{% endfor %}"
    "<start_of_turn>model{{ '\n' }}"
)


@pytest.mark.parametrize("begin", ["", "{{ bos_token }}", "{{ bos_token }}<bos>"])
async def test_a_chat_begins_once(starter: HostStarter, gemma_path: Path, tmp_path: Path, begin: str) -> None:
    """The token of the beginning is there once, whether the template writes it, forgets or repeats it."""
    path = copy_with_metadata(gemma_path, tmp_path / "gemma.gguf", {"tokenizer.chat_template": begin + GEMMA})
    host = await loaded_host(starter, path)
    await assert_reads(
        host, "<start_of_turn>user\nHello.<end_of_turn>\n<start_of_turn>model\n", messages=[USER]
    )


@pytest.mark.parametrize(
    "template",
    [
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + ALL_ROLES,
        "{% for m in messages if m.role != 'system' %}<{{ m.role }}>{{ m.content }}{% endfor %}",
    ],
    ids=["refused", "dropped"],
)
async def test_a_system_message_is_said_by_the_user_where_the_template_has_no_place_for_it(
    starter: HostStarter, tmp_path: Path, template: str
) -> None:
    """It stands in front of the next message, and is never lost."""
    host = await host_with(starter, tmp_path, template)
    chat = [SYSTEM, USER, {"role": "assistant", "content": "Yes?"}, SYSTEM, USER]
    expected = "<user>Be brief.\n\nHello.<assistant>Yes?<user>Be brief.\n\nHello."
    await assert_reads(host, expected, messages=chat)
    await assert_reads(host, "<user>Be brief.", messages=[SYSTEM])


async def test_messages_of_one_role_are_put_together_where_the_template_wants_turns(
    starter: HostStarter, tmp_path: Path
) -> None:
    """Only there: a template that takes them gets them as they are."""
    in_turns = (
        "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}"
    )
    host = await host_with(starter, tmp_path, in_turns + ALL_ROLES)
    await assert_reads(host, "<user>Hello.\n\nHello.", messages=[USER, USER])
    await assert_reads(host, "<user>Be brief.\n\nHello.\n\nHello.", messages=[SYSTEM, USER, USER])
    refused = r"^the model's chat template refuses these messages: roles must alternate$"
    with pytest.raises(AskFailedError, match=refused):
        await host.ask("chat", {"messages": [BEGUN, USER]}).finished()
    free = await host_with(starter, tmp_path, ALL_ROLES)
    await assert_reads(free, "<user>Hello.<user>Hello.", messages=[USER, USER])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{{ call.function.arguments | tojson }}", '{"place": "São"}'),
        ("{% for k, v in call.function.arguments.items() %}{{ k }}={{ v }}{% endfor %}", "place=São"),
        ("{{ 'call ' + call.function.arguments }}", 'call {"place": "São"}'),
        ("{{ call.function.arguments }}", '{"place": "São"}'),
    ],
    ids=["as JSON", "one by one", "added to a text", "as it is"],
)
@pytest.mark.parametrize("given", ['{"place": "São"}', {"place": "São"}], ids=["text", "object"])
async def test_arguments_of_a_call_are_what_the_template_takes(
    starter: HostStarter, tmp_path: Path, written: str, expected: str, given: Any
) -> None:
    """An object, or JSON where an object fails or would be written as Python writes it; once encoded."""
    template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% for call in m.tool_calls %}"
    host = await host_with(starter, tmp_path, template + written + "{% endfor %}{% endfor %}")
    await assert_reads(host, f"<user>Hello.<assistant>{expected}<tool>It is here.", messages=called(given))


async def test_ids_of_calls_are_shortened_for_a_template_that_wants_nine_letters(
    starter: HostStarter, tmp_path: Path
) -> None:
    """And the answer of the tool still names its call."""
    template = (
        "{% for m in messages %}{% for id in [m.tool_call_id] if id %}{{ id }}{% endfor %}"
        "{% for call in m.tool_calls %}{% if call.id | length != 9 %}{{ raise_exception('nine') }}{% endif %}"
        "{{ call.id }}{% endfor %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    )
    host = await host_with(starter, tmp_path, template)
    for given, shown in (("abcdef123", "abcdef123"), ("call_0123456789abcdef", "call00001")):
        expected = f"<user>Hello.{shown}<assistant>{shown}<tool>It is here."
        await assert_reads(host, expected, messages=called("{}", given))


CALLS = (
    "{% for m in messages %}{% if m.tool_calls and m.tool_calls | length > 1 %}{{ raise_exception('one!') }}"
    "{% endif %}<{{ m.role }}>{{ m.content }}{% for call in m.tool_calls %}{{ call.id[-1] }}{% endfor %}"
    "{% endfor %}"
)


async def test_calls_follow_one_another_for_a_template_that_takes_one_at_a_time(
    starter: HostStarter, tmp_path: Path
) -> None:
    """Each with the answer that it got, whatever their order was."""
    host = await host_with(starter, tmp_path, CALLS)
    user, first, one = called("{}", "call00001")
    _, second, two = called("{}", "call00002")
    both = {**first, "content": "I look.", "tool_calls": [*first["tool_calls"], *second["tool_calls"]]}
    answered = "<tool>It is here."
    expected = f"<user>Hello.<assistant>I look.1{answered}<assistant>2{answered}"
    await assert_reads(host, expected, messages=[user, both, two, one])


async def test_calls_are_written_out_for_a_template_that_knows_of_none(
    starter: HostStarter, tmp_path: Path
) -> None:
    """What was called and answered is not lost where only a user and an assistant may speak, by turns."""
    in_turns = (
        "{% for m in messages %}{% if m.role != ['user', 'assistant'][loop.index0 % 2] %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}"
    )
    host = await host_with(starter, tmp_path, in_turns + ALL_ROLES)
    call = '<tool_call>\n{"name": "look_up", "arguments": {"place": "São"}}\n</tool_call>'
    answer = "<tool_response>\nIt is here.\n</tool_response>"
    expected = f"<user>Hello.<assistant>{call}<user>{answer}\n\nHello."
    await assert_reads(host, expected, messages=[*called('{"place": "São"}'), USER])


PARTS = [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (ALL_ROLES, "<user>One.\nTwo."),
        ("{% for m in messages %}<{{ m.role }}>{{ m.content[0].text }}{% endfor %}", "<user>One.\nTwo."),
    ],
    ids=["takes texts", "takes lists"],
)
async def test_parts_of_a_message_are_joined_by_line_breaks(
    starter: HostStarter, tmp_path: Path, template: str, expected: str
) -> None:
    """Whether the template wants a text or a list of parts."""
    host = await host_with(starter, tmp_path, template)
    await assert_reads(host, expected, messages=[{"role": "user", "content": PARTS}])
    await assert_reads(host, "<user>Hello.", messages=[USER])
    for other in ({"type": "image_url", "image_url": {"url": "data:"}}, "text", None):
        with pytest.raises(AskFailedError, match=r"^the model reads text only$"):
            await host.ask("chat", {"messages": [{"role": "user", "content": [other]}]}).finished()


@pytest.mark.parametrize(
    "template",
    [
        ALL_ROLES + OPENED,
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ '|' if m.role != 'user' }}{% endfor %}"
        + OPENED,
        "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}{{ '|' if m.role != 'user' }}{% endfor %}"
        + OPENED,
        "{% for m in messages %}<{{ m.role }}>{{ m.content[0].text }}{% endfor %}" + OPENED,
        # It shows nothing of an answer but that there was one.
        "{% for m in messages if m.role == 'user' %}<user>{{ m.content }}{% endfor %}<assistant>",
    ],
    ids=["open", "closed", "trimmed", "in parts", "not shown"],
)
@pytest.mark.parametrize("continues", [None, True])
async def test_an_answer_that_was_begun_is_continued(
    starter: HostStarter, tmp_path: Path, template: str, continues: bool | None
) -> None:
    """The prompt ends where the message does."""
    host = await host_with(starter, tmp_path, template)
    await assert_reads(host, "<user>Hello.<assistant>Well", messages=[USER, BEGUN], continues=continues)


async def test_an_answer_is_closed_where_that_is_asked_for(starter: HostStarter, tmp_path: Path) -> None:
    """A new one is begun then; so it is after a call."""
    host = await host_with(starter, tmp_path, ALL_ROLES + OPENED)
    await assert_reads(
        host, "<user>Hello.<assistant>Well<assistant>", messages=[USER, BEGUN], continues=False
    )
    await assert_reads(host, "<user>Hello.<assistant><assistant>", messages=called("{}")[:2])


async def test_a_real_model_goes_on_with_its_sentence(starter: HostStarter, smol_path: Path) -> None:
    """The answer begins in the middle of it."""
    host = await loaded_host(starter, smol_path)
    question = {"role": "user", "content": "What is the capital of France?"}
    begun = {"role": "assistant", "content": "The capital of France is"}
    system = {"role": "system", "content": "You are helpful."}
    asked = {"messages": [system, question, begun], "temperature": 0.0, "max_tokens": 2}
    assert text_of(await host.ask("chat", asked).finished()).startswith(" Paris")


async def test_a_template_is_given_what_the_client_says(starter: HostStarter, tmp_path: Path) -> None:
    """As variables; but what the template has of its own stays what it is."""
    host = await host_with(starter, tmp_path, ALL_ROLES + "{{ 'thinks' if enable_thinking is true }}")
    await assert_reads(
        host, "<user>Hello.thinks", messages=[USER], template_arguments={"enable_thinking": True}
    )
    await assert_reads(host, "<user>Hello.", messages=[USER], template_arguments={"enable_thinking": False})
    other_name = await host_with(starter, tmp_path, ALL_ROLES + "{{ thinking }}")
    for arguments in ({"enable_thinking": True}, {"enable_thinking": False, "thinking": True}):
        await assert_reads(other_name, "<user>Hello.True", messages=[USER], template_arguments=arguments)
    for name in ("messages", "tools", "bos_token", "add_generation_prompt", "raise_exception"):
        with pytest.raises(AskFailedError, match=rf"^{name} cannot be given to the chat template$"):
            await host.ask("chat", {"messages": [USER], "template_arguments": {name: ""}}).finished()


async def test_a_file_may_bring_templates_for_tools_and_documents(
    starter: HostStarter, tmp_path: Path
) -> None:
    """Each is used when there are any."""
    host = await host_with(
        starter,
        tmp_path,
        "plain" + ALL_ROLES,
        tool_use="{{ tools[0].function.name }}" + ALL_ROLES,
        rag="{{ documents[0].title }}" + ALL_ROLES,
    )
    await assert_reads(host, "plain<user>Hello.", messages=[USER])
    await assert_reads(host, "look_up<user>Hello.", messages=[USER], tools=[TOOL])
    documents = {"documents": [{"title": "News", "text": "None."}]}
    await assert_reads(host, "News<user>Hello.", messages=[USER], template_arguments=documents)


async def test_a_template_that_cannot_do_without_tools_gets_none(
    starter: HostStarter, tmp_path: Path
) -> None:
    """It runs through a list of tools that is not there otherwise."""
    host = await host_with(starter, tmp_path, "{% for tool in tools %}tool{% endfor %}" + ALL_ROLES)
    await assert_reads(host, "<user>Hello.", messages=[USER])
