"""How a chat is written for a model: by its file's template, else in the form its vocabulary speaks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from llmmem_gui.core.sentence import Sentence, sentence_of
from llmmem_gui.host.chat_writing import write_by
from llmmem_gui.host.mapping import OwnMemory
from llmmem_gui.host.model import NO_TOKEN, Model
from llmmem_gui.host.templates import ChatTemplate, TemplateError
from llmmem_gui.host.tokenizer import Tokenizer

_TOOL_USE, _WITH_DOCUMENTS = "tool_use", "rag"
_KEYS = {
    "": "tokenizer.chat_template",
    _TOOL_USE: "tokenizer.chat_template.tool_use",
    _WITH_DOCUMENTS: "tokenizer.chat_template.rag",
}
"""Of a file's templates: the usual one, and those for what the usual one may not know."""
_SPECIAL_TOKENS = {
    "unk_token": "unknown",
    "sep_token": "seperator",
    "pad_token": "padding",
    "cls_token": "cls",
    "mask_token": "mask",
}
"""Variables of templates, and what a file calls these tokens, one of them misspelt."""


class ChatForm(NamedTuple):
    """How chats are written for a family of models, for a file that does not say it itself."""

    name: str
    opening: str
    """The token of its vocabulary by which a model of the family is known."""
    end: str
    """The token that ends each message."""
    template: str
    """Jinja drops a line break at its end, so the last one is an expression."""


_CHATML = ChatForm(
    "ChatML",
    "<|im_start|>",
    "<|im_end|>",
    "{{ bos_token }}{% for message in messages %}"
    "<|im_start|>{{ message.role }}\n{{ message.content or '' }}<|im_end|>\n"
    "{% endfor %}<|im_start|>assistant{{ '\n' }}",
)
_FORMS = (
    _CHATML,
    ChatForm(
        "Gemma",
        "<start_of_turn>",
        "<end_of_turn>",
        # Gemma knows no system: what it would say stands before the next message.
        "{{ bos_token }}{% set told = namespace(before='') %}{% for message in messages %}"
        "{% if message.role in ('system', 'developer') %}"
        "{% set told.before = told.before ~ message.content ~ '\n\n' %}{% else %}"
        "<start_of_turn>{{ 'model' if message.role == 'assistant' else 'user' }}\n"
        "{{ told.before }}{{ message.content or '' }}<end_of_turn>\n"
        "{% set told.before = '' %}{% endif %}{% endfor %}<start_of_turn>model{{ '\n' }}",
    ),
    ChatForm(
        "Llama 3",
        "<|start_header_id|>",
        "<|eot_id|>",
        "{{ bos_token }}{% for message in messages %}"
        "<|start_header_id|>{{ message.role }}<|end_header_id|>\n\n{{ message.content or '' }}<|eot_id|>"
        "{% endfor %}<|start_header_id|>assistant<|end_header_id|>{{ '\n\n' }}",
    ),
)


def chat_form_of(is_token: Callable[[str], bool]) -> ChatForm:
    """The form that a model's vocabulary speaks for; ChatML where it has the tokens of none, as llama.cpp."""
    return next((form for form in _FORMS if is_token(form.opening)), _CHATML)


class ChatPrompt(NamedTuple):
    """A chat as the model reads it."""

    text: str
    stops: tuple[str, ...]
    """What ends the answer when it is written out as text."""
    end_tokens: tuple[int, ...]
    """What ends the answer besides the vocabulary's own."""


class ChatPrompts:
    """Writes chats as a model was taught.

    Templates are compiled at the first chat: that takes memory which other uses do not need.
    """

    def __init__(self, model: Model, tokenizer: Tokenizer, memory: OwnMemory) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._memory = memory
        self._templates: dict[str, ChatTemplate] = {}
        """By the name that the file gives them, the usual one without a name."""
        self._end_token = model.end_token
        self.notice: Sentence | None = None
        """Why the model's own chat template is not used, for the user; known after the first chat."""

    @property
    def source(self) -> str:
        """The template by which chats with tools are written."""
        return self._template(_TOOL_USE).source

    @property
    def takes_tools(self) -> bool:
        """A chat can tell the model of tools. Raises `TemplateError` for a template that takes too long."""
        return self._template(_TOOL_USE).takes_tools

    def prepare(self) -> None:
        """Compile the templates, if that has not happened yet."""
        if self._templates:
            return
        sources = self._model.metadata
        if _KEYS[""] not in sources:
            self._use_form(
                Sentence("Host", "the model's file brings no chat template; the form of {form} was used"), {}
            )
            return
        special = {"bos_token": "", "eos_token": "", **self._special_tokens()}
        try:
            self._templates = {
                name: self._compiled(sources[key], special) for name, key in _KEYS.items() if key in sources
            }
        except TemplateError as error:
            self._use_form(
                Sentence(
                    "Host",
                    "the model's chat template is damaged ({reason}); the form of {form} was used instead",
                ),
                {"reason": sentence_of(error)},
            )

    def write(self, arguments: Mapping[str, Any]) -> ChatPrompt:
        """Give the prompt of a chat.

        `messages` and `tools` are OpenAI's, `template_arguments` further variables of the template. Unless
        `continues` is false, a last message of the assistant is continued. Raises `SentenceError`.
        """
        self.prepare()
        variables = arguments.get("template_arguments") or {}
        template = self._template(
            _TOOL_USE if arguments.get("tools") else _WITH_DOCUMENTS if variables.get("documents") else ""
        )
        end = template.variables["eos_token"]
        return ChatPrompt(write_by(template, arguments), (end,) if end else (), (self._end_token,))

    def _template(self, name: str) -> ChatTemplate:
        self.prepare()
        return self._templates.get(name) or self._templates[""]

    def _use_form(self, notice: Sentence, reason: Mapping[str, Sentence]) -> None:
        form = chat_form_of(lambda text: len(self._tokenizer.tokens(text, adds_special=False)) == 1)
        end = self._tokenizer.tokens(form.end, adds_special=False)
        if len(end) == 1:
            (self._end_token,) = end
        begin = self._text(self._model.begin_token) if self._tokenizer.adds_begin else ""
        special = {"bos_token": begin, "eos_token": form.end}
        self._templates = {"": self._compiled(form.template, special)}
        self.notice = notice.format(form=form.name, **reason)

    def _compiled(self, source: str, special: Mapping[str, str]) -> ChatTemplate:
        return ChatTemplate(source, special, self._memory.private_virtual_bytes)

    def _special_tokens(self) -> dict[str, str]:
        """The texts of the vocabulary's special tokens, by the names under which templates ask for them."""
        model = self._model
        tokens = {"bos_token": model.begin_token, "eos_token": model.end_token}
        for name, key in _SPECIAL_TOKENS.items():
            told = model.metadata.get(f"tokenizer.ggml.{key}_token_id", "")
            tokens[name] = int(told) if told.isdecimal() else NO_TOKEN
        return {name: self._text(token) for name, token in tokens.items() if token != NO_TOKEN}

    def _text(self, token: int) -> str:
        return self._model.token_text(token) if 0 <= token < self._model.vocabulary_size else ""
