"""A chat template as its maker means it: Jinja with what `transformers` gives templates, within bounds."""

from __future__ import annotations

import copy
import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from types import FrameType
from typing import Any, NoReturn

import jinja2
import jinja2.ext
from jinja2 import nodes
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from llmmem_gui.core.protocol import BODY_LIMIT_BYTES
from llmmem_gui.core.sentence import Sentence, SentenceError, Size, verbatim
from llmmem_gui.host.chat_messages import Message, with_content
from llmmem_gui.host.process import bounded_growth

TEMPLATE_SECONDS = 5.0
"""A template that runs longer is stopped; good ones take milliseconds."""
TEMPLATE_BYTES = 256 * 2**20
"""A template that reserves more memory is stopped."""
_REASON_CHARACTERS = 300
"""More of what a template says about its failure is cut off."""
_LARGEST_FACTOR = 2**63
"""Larger whole numbers are not multiplied: that can take for ever, and no signal comes through meanwhile."""
_CONTINUED = "TO_BE_CONTINUED "
"""Marks where a message is to be continued. The space tells whether the template strips its messages."""

_OWN_VARIABLES = frozenset({"messages", "tools", "add_generation_prompt"})

Tools = Sequence[Mapping[str, Any]]


class TemplateError(SentenceError):
    """The chat template cannot be used for this request; the sentence is the reason for the user."""


class OutOfBounds(TemplateError):
    """The template takes too long or too much: another way to call it will not help."""


class _GenerationBlock(jinja2.ext.Extension):
    """Reads `{% generation %}`, by which templates mark for training what the model itself writes."""

    tags = {"generation"}  # noqa: RUF012 - Jinja declares it as a variable of instances

    def parse(self, parser: Parser) -> nodes.Node:
        """Give the block as what stands in it."""
        line = next(parser.stream).lineno
        inside = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(inside, lineno=line)


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, set up as `transformers` does it."""

    intercepted_binops = frozenset({"*", "**"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationBlock, jinja2.ext.loopcontrols]
        )
        self.filters["tojson"] = _json_of
        self.globals["raise_exception"] = _raise
        self.globals["strftime_now"] = _now

    def is_safe_attribute(self, owner: Any, name: str, value: Any) -> bool:
        """Whether a template may use it: besides what Jinja allows it may change lists.

        Some templates are written for engines that let them; the lists that they are given are copies.
        """
        changes_list = type(owner) is list and name in ("append", "pop")
        return changes_list or super().is_safe_attribute(owner, name, value)

    def call_binop(self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any) -> Any:
        """Multiply, but no whole numbers that are too large."""
        whole = [abs(each) for each in (left, right) if isinstance(each, int)]
        if len(whole) == 2 and (max(whole) > _LARGEST_FACTOR or (operator == "**" and whole[1] > 64)):
            raise OverflowError("the numbers are too large")
        return super().call_binop(context, operator, left, right)


def _json_of(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # Jinja's own filter escapes for HTML, and knows none of these arguments.
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
        default=_listed,
    )


def _listed(value: Any) -> list[Any]:
    """What a filter such as `map` gives, which is no list in Jinja for Python alone."""
    if isinstance(value, Iterator):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _raise(message: Any) -> NoReturn:
    raise jinja2.TemplateError(str(message))


def _now(form: str) -> str:
    return datetime.now().strftime(form)


_environment = _Environment()


class ChatTemplate:
    """A compiled template, and what it turns out to take when it is tried."""

    def __init__(self, source: str, variables: Mapping[str, str], private_bytes: Callable[[], int]) -> None:
        """Compile it; `variables` are texts of special tokens. Raises `TemplateError`.

        `private_bytes` tells how much memory the process has reserved, which bounds what may be added.
        """
        self.source = source
        self.variables = variables
        """What it is always given."""
        self._private_bytes = private_bytes
        with _bounds(private_bytes()), _told(verbatim):
            self._template = _environment.from_string(source)

    def render(
        self,
        messages: Sequence[Message],
        tools: Tools | None = None,
        arguments: Mapping[str, Any] | None = None,
        *,
        continues: bool = False,
    ) -> str:
        """Give the prompt, up to where an answer begins or goes on. Raises `TemplateError`."""
        with _bounds(self._private_bytes()), _told(_refused):
            if continues:
                return self._continued(messages, tools, arguments or {})
            return self._rendered(messages, tools, arguments or {}, opens=True)

    def has_its_own(self, name: str) -> bool:
        """Whether a variable of the template is not for clients to set."""
        return name in self.variables or name in _OWN_VARIABLES or name in _environment.globals

    @cached_property
    def takes_tools(self) -> bool:
        """Tools that it is given stand in the prompt."""
        return _TOOL_NAME in (self._tried([_USER], with_tools=True) or "")

    @cached_property
    def takes_system(self) -> bool:
        """A message of the system stands in the prompt."""
        return _SYSTEM_TEXT in (self._tried([{"role": "system", "content": _SYSTEM_TEXT}, _USER]) or "")

    @cached_property
    def takes_parts_only(self) -> bool:
        """A message's text stands in the prompt only when it is given as a list of parts."""
        in_parts = with_content(_USER, [{"type": "text", "text": _USER_TEXT}])
        return not self._shows_user(_USER) and self._shows_user(in_parts)

    @cached_property
    def takes_arguments_as_text(self) -> bool:
        """Arguments of a tool call have to be JSON text: as an object they fail it, or look like Python."""
        shown = self._tried(_calling(dict(_ARGUMENTS)), with_tools=True)
        if shown is not None and repr(_ARGUMENTS) not in shown:
            return False
        return self._tried(_calling(json.dumps(_ARGUMENTS)), with_tools=True) is not None

    def _shows_user(self, message: Message) -> bool:
        return _USER_TEXT in (self._tried([message]) or "")

    def _tried(self, messages: Sequence[Message], *, with_tools: bool = False) -> str | None:
        """What it makes of a chat of ours, with a tool where it cannot do without; None where it fails."""
        for tools in ([_TOOL],) if with_tools else (None, [_TOOL]):
            try:
                return self.render(messages, tools)
            except OutOfBounds:
                raise
            except TemplateError:
                continue
        return None

    def _rendered(
        self, messages: Sequence[Message], tools: Tools | None, arguments: Mapping[str, Any], *, opens: bool
    ) -> str:
        given = {**arguments, **self.variables, "messages": messages, "tools": tools}
        given.setdefault("documents", None)
        text = self._template.render(copy.deepcopy(given), add_generation_prompt=opens)
        if len(text) > BODY_LIMIT_BYTES:
            raise MemoryError
        return text

    def _continued(
        self, messages: Sequence[Message], tools: Tools | None, arguments: Mapping[str, Any]
    ) -> str:
        *before, last = messages
        content = last["content"]
        text = self._rendered([*before, _marked(last)], tools, arguments, opens=False)
        place = text.rfind(_CONTINUED.strip())
        said = content if isinstance(content, str) else content[-1]["text"]
        if place < 0 or said.strip() not in text:
            # It shows the last message changed or not at all: the message is a begun answer then.
            return self._rendered(before, tools, arguments, opens=True) + said
        return text[:place] if text.startswith(_CONTINUED, place) else text[:place].rstrip()


def _marked(message: Message) -> Message:
    """The message with a mark where it is to be continued."""
    content = message["content"]
    if isinstance(content, str):
        return with_content(message, content + _CONTINUED)
    *before, last = content
    return with_content(message, [*before, {**last, "text": last["text"] + _CONTINUED}])


_USER_TEXT, _SYSTEM_TEXT, _TOOL_NAME = "a word of the user", "a word of the system", "look_up"
_ARGUMENTS = {"place": "here"}
_USER: Message = {"role": "user", "content": _USER_TEXT}
_TOOL = {
    "type": "function",
    "function": {
        "name": _TOOL_NAME,
        "description": "Looks it up.",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string", "description": "Where."}},
            "required": ["place"],
        },
    },
}


def _calling(arguments: Any) -> list[Message]:
    """A chat in which a tool was called with these arguments."""
    call_id = "call00001"  # the form that the strictest templates demand
    function = {"name": _TOOL_NAME, "arguments": arguments}
    return [
        _USER,
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": call_id, "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": call_id, "name": _TOOL_NAME, "content": "It is here."},
        {"role": "assistant", "content": "There it is."},
        _USER,
    ]


@contextmanager
def _told(said: Callable[[str], Sentence]) -> Iterator[None]:
    """Say what a template does wrong in a sentence that `said` makes of the reason."""
    try:
        yield
    except TemplateError:
        raise
    except MemoryError as error:
        raise OutOfBounds(
            Sentence("Host", "the model's chat template used more than {size} of memory").format(
                size=Size(TEMPLATE_BYTES)
            )
        ) from error
    except Exception as error:
        # Of any type: a template is a program from the file.
        raise TemplateError(said(str(error)[:_REASON_CHARACTERS])) from error


def _refused(reason: str) -> Sentence:
    return Sentence("Host", "the model's chat template refuses these messages: {reason}").format(
        reason=reason
    )


@contextmanager
def _bounds(private_bytes: int) -> Iterator[None]:
    """Stop what takes too much time or memory."""
    with bounded_growth(private_bytes, TEMPLATE_BYTES), _time_limit():
        yield


@contextmanager
def _time_limit() -> Iterator[None]:
    if sys.platform == "win32":  # no timer signal there
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise OutOfBounds(
            Sentence("Host", "the model's chat template ran for more than {number} s").format(
                number=f"{TEMPLATE_SECONDS:g}"
            )
        )

    handler = signal.signal(signal.SIGALRM, stop)
    timer = signal.setitimer(signal.ITIMER_REAL, TEMPLATE_SECONDS)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)
