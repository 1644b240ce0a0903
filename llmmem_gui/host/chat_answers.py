"""What a chat becomes: the prompt, what its answer is held to, and how the answer is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from llmmem_gui.core.sentence import BadValue, Sentence
from llmmem_gui.host import answer_marks, harmony, recipients
from llmmem_gui.host.answer_marks import opened_thought, own_thoughts
from llmmem_gui.host.answer_reader import AnswerReader, schemas_of
from llmmem_gui.host.chat import ChatPrompts
from llmmem_gui.host.chat_writing import continues_answer
from llmmem_gui.host.constraint import Constraint, Constraints, Held, ThoughtOrAnswer
from llmmem_gui.host.demanded_calls import constraint_of_calls, told_of_tools
from llmmem_gui.host.harmony import NEXT_MESSAGE, OWN_THOUGHT, SAID, HarmonyReader
from llmmem_gui.host.image_tokens import ImageSpan
from llmmem_gui.host.images import has_images, with_marks
from llmmem_gui.host.mapping import OwnMemory
from llmmem_gui.host.model import Model
from llmmem_gui.host.openai_forms import Reader
from llmmem_gui.host.recipients import RecipientReader
from llmmem_gui.host.schemas import checked, json_rule, place_of, schema_of
from llmmem_gui.host.tokenizer import Tokenizer
from llmmem_gui.host.vision import Vision

FIELDS = frozenset(
    {
        *("messages", "template_arguments", "continues"),
        *("tools", "tool_choice", "parallel_tool_calls"),
        *("response_format", "reasoning_format", "thinking_budget"),
    }
)
"""Of a chat's request: what is read here."""

_Messages = Sequence[Mapping[str, Any]]
_Tools = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ChatPlan:
    """How one chat is answered."""

    prompt: list[int]
    images: Sequence[ImageSpan]
    """Of the prompt."""
    stops: tuple[str, ...]
    """What ends the answer when it is written out as text."""
    end_tokens: frozenset[int]
    """What ends the answer besides the vocabulary's own."""
    constraint: Held | None
    reader: Reader
    marks: Mapping[int, bytes]
    """Tokens that the reader reads although they say nothing, and their texts."""
    notice: Sentence | None


def _is_demanded(arguments: Mapping[str, Any]) -> bool:
    """The answer has to be a call."""
    return bool(arguments.get("tools")) and (arguments.get("tool_choice") or "auto") != "auto"


class ChatAnswers:
    """Plans the answers to chats of one model."""

    def __init__(
        self,
        model: Model,
        tokenizer: Tokenizer,
        memory: OwnMemory,
        constraints: Constraints,
        vision: Vision | None,
        blindness: Sentence | None,
    ) -> None:
        self._vision = vision
        self._blindness = blindness
        self._tokenizer = tokenizer
        self._chats = ChatPrompts(model, tokenizer, memory)
        self._constraints = constraints
        self._marks: dict[int, bytes] | None = None

    def plan(self, arguments: Mapping[str, Any]) -> ChatPlan:
        """Plan the answer to a chat. Raises `SentenceError` for what cannot be answered."""
        tools: _Tools = arguments.get("tools") or ()
        messages, images = self._messages_and_images(arguments["messages"])
        given = {name: arguments[name] for name in ("template_arguments", "continues") if name in arguments}
        given["messages"] = messages
        knows_tools = not tools or self._chats.takes_tools
        if knows_tools:
            given["tools"] = tools
        else:
            given["messages"] = told_of_tools(messages, tools)
        chat = self._chats.write(given)
        template = self._chats.source
        is_harmony = all(mark in template for mark in ("<|channel|>", "<|message|>"))
        schemas = schemas_of(tools)
        folds = arguments.get("reasoning_format") != "none"
        may_think = folds and arguments.get("thinking_budget") != 0 and not continues_answer(given)
        thoughts = [OWN_THOUGHT] if is_harmony else own_thoughts(template, chat.text)
        held = self._held(
            partial(self._constraint, arguments, template, is_harmony=is_harmony, knows_tools=knows_tools),
            thoughts if may_think else [],
            NEXT_MESSAGE if is_harmony else (),
        )
        reader: Reader
        if is_harmony:
            reader = HarmonyReader(schemas)
        elif recipients.KNOWN_BY in template and held is None:
            reader = RecipientReader(schemas)
        else:
            reader = AnswerReader(
                schemas,
                thought=opened_thought(chat.text),
                folds_thoughts=folds,
                is_held=_is_demanded(arguments),
            )
        prompt, spans = self._prompt(chat.text, images)
        return ChatPlan(
            prompt,
            spans,
            chat.stops,
            frozenset(chat.end_tokens),
            held,
            reader,
            self._readable_marks(),
            self._chats.notice,
        )

    def _held(
        self,
        constraint: Callable[..., Constraint | None],
        thoughts: Sequence[Sequence[str]],
        after_thought: Sequence[str],
    ) -> Held | None:
        """What an answer is held to that may begin with a thought of the model's own."""
        answer = constraint()
        if answer is None or not thoughts:
            return answer
        after = constraint(first=after_thought)
        assert after is not None
        return ThoughtOrAnswer(self._constraints.of_opening(thoughts), answer, after)

    def _messages_and_images(self, messages: _Messages) -> tuple[_Messages, list[bytes]]:
        """The messages with marks where images are. Raises `BadValue` where they cannot be read."""
        if not has_images(messages):
            return messages, []
        if self._vision is None:
            reason = self._blindness or Sentence("Host", "it was loaded without a projector")
            raise BadValue(Sentence("Host", "the model cannot see images: {reason}").format(reason=reason))
        return with_marks(messages, self._vision.mark)

    def _prompt(self, text: str, images: list[bytes]) -> tuple[list[int], Sequence[ImageSpan]]:
        if not images:
            return self._tokenizer.begun(text), ()
        assert self._vision is not None
        return self._vision.prompt(text, images, self._tokenizer.begin)

    def _constraint(
        self,
        arguments: Mapping[str, Any],
        template: str,
        *,
        is_harmony: bool,
        knows_tools: bool,
        first: Sequence[str] = (),
    ) -> Constraint | None:
        """The form of an answer, with some marks before it."""
        tools: _Tools = arguments.get("tools") or ()
        choice = arguments.get("tool_choice") or "auto"
        form: Mapping[str, Any] = arguments.get("response_format") or {"type": "text"}
        schema = schema_of(form)
        if isinstance(choice, Mapping):
            tools = [tool for tool in tools if tool["function"]["name"] == choice["name"]]
        demanded = _is_demanded(arguments)
        is_strict = any(tool["function"].get("strict") for tool in tools)
        if tools and (demanded or is_strict or schema is not None or not knows_tools):
            return constraint_of_calls(
                self._constraints,
                tools,
                template if knows_tools else "",
                demanded=demanded,
                several=arguments.get("parallel_tool_calls") is True,
                answer=schema,
                answer_place=place_of(form),
                first=first,
            )
        if schema is not None and is_harmony:
            held = json_rule(checked(schema, place_of(form)))
            marks = self._constraints.spelled((*first, *SAID))
            return self._constraints.of_lark(f"start: {marks} answer\nanswer: {held}\n", "response_format")
        return self._constraints.of_form(form)

    def _readable_marks(self) -> Mapping[int, bytes]:
        if self._marks is None:
            self._marks = {}
            for mark in (*answer_marks.MARKS, *harmony.MARKS):
                token = self._tokenizer.hidden_token(mark)
                if token is not None:
                    self._marks[token] = mark.encode()
        return self._marks
