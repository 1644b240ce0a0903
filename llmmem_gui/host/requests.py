"""What a client asks for, made ready to be computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from llama_cpp import llama_cpp as api

from llmmem_gui.core import protocol
from llmmem_gui.core.sentence import BadValue, Sentence, SentenceError, verbatim
from llmmem_gui.host import chat_answers
from llmmem_gui.host.answer_text import AnswerText
from llmmem_gui.host.chat_answers import ChatAnswers
from llmmem_gui.host.constraint import Constraints
from llmmem_gui.host.generation import Generation
from llmmem_gui.host.image_tokens import ImageSpan
from llmmem_gui.host.mapping import OwnMemory
from llmmem_gui.host.model import NO_TOKEN, Model
from llmmem_gui.host.numbers import numbers
from llmmem_gui.host.openai_forms import AnswerForm, ChatForm, CompletionForm
from llmmem_gui.host.probabilities import TokenProbabilities
from llmmem_gui.host.sampler import BadSampling, Sampler, Sampling
from llmmem_gui.host.scheduler import Run
from llmmem_gui.host.schemas import NotHeld
from llmmem_gui.host.tokenizer import Tokenizer
from llmmem_gui.host.vision import Vision

REFUSALS = (
    protocol.ProtocolError,
    SentenceError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    RecursionError,
)
"""What is raised for a request that cannot be answered; the host goes on."""

_SAMPLING_FIELDS = frozenset(Sampling.__slots__)
_COMMON_FIELDS = _SAMPLING_FIELDS | {"max_tokens", "stop", "stream", "logprobs"}
_FIELDS: Mapping[protocol.Operation, frozenset[str]] = {
    "completion": _COMMON_FIELDS | {"prompt", "suffix", "echo", "response_format"},
    "chat": _COMMON_FIELDS | chat_answers.FIELDS | {"top_logprobs"},
    "embedding": frozenset({"input", "truncate"}),
}
_COMPLETION_TOKENS = 16
"""How long a completion is when the request does not say; the default of OpenAI's API."""
_CHAT_TEMPERATURE = 0.2
"""Of a chat that does not ask for another: a small model keeps to the matter."""


class TextRequests:
    """Makes requests for text ready: tokens of the prompt, sampler, form of the answer."""

    def __init__(
        self,
        model: Model,
        tokenizer: Tokenizer,
        context_tokens: int,
        memory: OwnMemory,
        vision: Vision | None,
        blindness: Sentence | None,
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._context_tokens = context_tokens
        self._constraints = Constraints(model, tokenizer)
        self._chats = ChatAnswers(model, tokenizer, memory, self._constraints, vision, blindness)

    def prepare(self, ask: protocol.Ask) -> Generation:
        """Make a request ready. Raises one of `REFUSALS`."""
        if ask.operation == "embedding":
            raise BadValue(
                Sentence("Host", "the model is loaded to generate text; load it for embeddings to get them")
            )
        check_fields(ask)
        if ask.operation == "chat":
            return self._chat(ask)
        return self._completion(ask)

    def rest(self) -> None:
        """Give back memory that nobody needs for now."""
        self._constraints.forget()

    def _chat(self, ask: protocol.Ask) -> Generation:
        arguments = ask.arguments
        if "messages" not in arguments:
            raise _lacks("messages")
        plan = self._chats.plan(arguments)
        sampling = Sampling.of(arguments, temperature=_CHAT_TEMPERATURE)
        alternatives = (arguments.get("top_logprobs") or 0) if arguments.get("logprobs") else None
        generation = self._generation(
            ask, plan.prompt, None, sampling, plan.stops, ChatForm(plan.reader), plan.images
        )
        if alternatives is not None:
            generation.finish_payload = self._follow(generation, alternatives).in_chat
        generation.end_tokens |= plan.end_tokens
        generation.constraint = plan.constraint
        generation.marks = plan.marks
        generation.thinking_budget = arguments.get("thinking_budget")
        generation.notice = plan.notice
        return generation

    def _completion(self, ask: protocol.Ask) -> Generation:
        arguments = ask.arguments
        given = arguments.get("prompt")
        if given is None:
            raise _lacks("prompt")
        suffix = arguments.get("suffix")
        if isinstance(given, str):
            text = given
            prompt = self._tokenizer.prompt(given) if suffix is None else self._infill(given, suffix)
        else:
            prompt = self._checked_tokens(given)
            text = b"".join(map(self._tokenizer.piece, prompt)).decode("utf-8", "replace")
        alternatives = arguments.get("logprobs")
        echoes = bool(arguments.get("echo"))
        form = CompletionForm(text if echoes else "")
        sampling = Sampling.of(arguments)
        constraint = self._constraints.of_form(arguments.get("response_format") or {"type": "text"})
        prompt = prompt or self._beginning()
        generation = self._generation(ask, prompt, _COMPLETION_TOKENS, sampling, (), form)
        generation.constraint = constraint
        if alternatives is not None:
            probabilities = self._follow(generation, alternatives)
            generation.finish_payload = partial(
                probabilities.in_completion, before=0 if echoes else len(text)
            )
            if echoes:
                probabilities.begin_with_prompt(prompt, text)
                generation.run.tells_prompt = len(prompt) > 1
        return generation

    def _follow(self, generation: Generation, alternatives: int) -> TokenProbabilities:
        """The probabilities of a generation's tokens, and of so many others for each."""
        probabilities = TokenProbabilities(alternatives, self._tokenizer.piece)
        generation.follow_token = probabilities.add
        return probabilities

    def _generation(
        self,
        ask: protocol.Ask,
        prompt: list[int],
        usual_tokens: int | None,
        sampling: Sampling,
        stops: tuple[str, ...],
        form: AnswerForm,
        images: Sequence[ImageSpan] = (),
    ) -> Generation:
        room = self._context_tokens
        if not prompt:
            raise BadValue(Sentence("Host", "the prompt is empty, and the model has no token to begin with"))
        if len(prompt) >= room:
            raise ContextExceeded(ask.operation, len(prompt), room)
        asked_tokens = ask.arguments.get("max_tokens", usual_tokens)
        most = room if asked_tokens is None else asked_tokens
        asked_stops = ask.arguments.get("stop") or []
        generation = Generation(
            ask.request_id,
            Run(numbers(prompt), min(len(prompt) + most, room), ask.alone, turn=ask.turn, images=images),
            Sampler(self._model, sampling),
            AnswerText([*([asked_stops] if isinstance(asked_stops, str) else asked_stops), *stops]),
            form,
            bool(ask.arguments.get("stream")),
            frozenset(sampling.stop_token_ids),
        )
        return generation

    def _beginning(self) -> list[int]:
        """What stands between texts, after which any text may begin."""
        tokens = (self._model.begin_token, self._model.end_token)
        return [token for token in tokens if token != NO_TOKEN][:1]

    def _infill(self, before: str, after: str) -> list[int]:
        """The prompt for a text between two others, by the tokens that the vocabulary has for that."""
        vocabulary = self._model.vocabulary
        prefix, suffix, middle = (
            int(find(vocabulary))
            for find in (api.llama_vocab_fim_pre, api.llama_vocab_fim_suf, api.llama_vocab_fim_mid)
        )
        if NO_TOKEN in (prefix, suffix, middle):
            raise BadValue(
                Sentence(
                    "Host", "the model was not made to fill gaps: its vocabulary has no tokens for a suffix"
                )
            )

        def plain(text: str) -> list[int]:
            return self._tokenizer.tokens(text, adds_special=False, reads_special=False) if text else []

        return [*self._tokenizer.begin, prefix, *plain(before), suffix, *plain(after), middle]

    def _checked_tokens(self, tokens: Any) -> list[int]:
        size = self._model.vocabulary_size
        wrong = next((token for token in tokens if not isinstance(token, int) or not 0 <= token < size), None)
        if wrong is not None:
            raise BadValue(
                Sentence("Host", "the prompt has the token {token}; the model has {number}").format(
                    token=str(wrong), number=size
                )
            )
        return list(tokens)


def check_fields(ask: protocol.Ask) -> None:
    """Refuse what a request of its kind does not have. Raises `BadValue`."""
    unknown = next((name for name in ask.arguments if name not in _FIELDS[ask.operation]), None)
    if unknown is not None:
        raise BadValue(Sentence("Host", "a host does not know {name}").format(name=unknown))


class ContextExceeded(BadValue):
    """The prompt is longer than the context."""

    def __init__(self, operation: protocol.Operation, tokens: int, room: int) -> None:
        sentence = Sentence(
            "Host",
            # Clients look for these very words.
            "this model's maximum context length is {room} tokens and the prompt has {tokens}: "
            "shorten it or load with more context",
        )
        super().__init__(sentence.format(tokens=tokens, room=room))
        self.parameter = {"chat": "messages", "completion": "prompt", "embedding": "input"}[operation]
        self.numbers = {"n_prompt_tokens": tokens, "n_ctx": room}


def ask_failed(request_id: int, error: Exception) -> protocol.AskFailed:
    """Tell that a request cannot be answered, and why."""
    if isinstance(error, ContextExceeded):
        return protocol.AskFailed(
            request_id, error.sentence, "context_length_exceeded", error.parameter, error.numbers
        )
    if isinstance(error, NotHeld):
        return protocol.AskFailed(request_id, error.sentence, parameter=error.place)
    if isinstance(error, BadSampling):
        return protocol.AskFailed(request_id, error.sentence, parameter=error.parameter)
    if isinstance(error, SentenceError):
        return protocol.AskFailed(request_id, error.sentence)
    return protocol.AskFailed(request_id, verbatim(str(error) or type(error).__name__))


def _lacks(name: str) -> BadValue:
    return BadValue(Sentence("Host", "the request lacks {name}").format(name=name))
