"""A request for text under way, from its prompt to the end of its answer."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from llmmem_gui.core import protocol
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.host.answer_text import AnswerText
from llmmem_gui.host.constraint import Held, Logits
from llmmem_gui.host.context import Context
from llmmem_gui.host.model import Model
from llmmem_gui.host.openai_forms import AnswerForm, FinishReason, Payload
from llmmem_gui.host.sampler import Sampler
from llmmem_gui.host.scheduler import Part, Run
from llmmem_gui.host.tokenizer import Tokenizer

Send = Callable[[protocol.Message], None]


@dataclass(eq=False)
class Generation:
    """One answer as it is made."""

    request_id: int
    run: Run
    sampler: Sampler
    text: AnswerText
    form: AnswerForm
    stream: bool
    end_tokens: frozenset[int] = frozenset()
    """Tokens that end the answer besides those of the vocabulary."""
    constraint: Held | None = None
    """What the answer is held to, but for thoughts before it."""
    marks: Mapping[int, bytes] = field(default_factory=dict)
    """Tokens that say nothing but that the form reads, and what it reads there."""
    thinking_budget: int | None = None
    """So many tokens are thought at most; then what ends the thought is put into the model's mouth."""
    follow_token: Callable[[int, Logits], None] | None = None
    """Told of each token, and of the logits that it was chosen from."""
    finish_payload: Callable[[Payload], Payload] = lambda payload: payload
    """Adds to each payload what was asked for besides the text."""
    notice: Sentence | None = None
    started: float = field(default_factory=time.monotonic)
    first_token_time: float | None = None
    thought_tokens: int = 0
    """Tokens of thoughts before the answer."""
    payload: Payload | None = None
    """The whole answer, once it is over; None after a stream."""
    _told: int = 1
    """Tokens of the prompt that `follow_token` knows, where that is wanted."""
    _forced: deque[int] = field(default_factory=deque)
    """Tokens that come next whatever the model would choose."""

    def tell_prompt(self, context: Context, part: Part, place: int) -> None:
        """Follow the tokens of the prompt that come after those of a part, which ends at that place."""
        if not self.run.tells_prompt or self.follow_token is None:
            return
        for number in range(len(part.tokens)):
            following = part.position + number + 1
            # What was given up in between is read once more.
            if following == self._told < self.run.prompt_length:
                row = context.logits(place - len(part.tokens) + 1 + number)
                self.follow_token(self.run.tokens[following], row)
                self._told += 1
        self.run.tells_prompt = self._told < self.run.prompt_length

    def take(self, model: Model, tokenizer: Tokenizer, context: Context, place: int, send: Send) -> bool:
        """Choose the next token from what was computed at that place of the batch; True ends the answer."""
        if self.run.prompt_length >= self.run.most_tokens:
            self._finish("length", send)
            return True
        if self.form.is_thinking and self.thought_tokens == self.thinking_budget and not self._forced:
            self._forced.extend(tokenizer.tokens(self.form.thought_end, adds_special=False))
        token = self._choose(model, tokenizer, context, place)
        self.first_token_time = self.first_token_time or time.monotonic()
        if self._ends(model, token):
            self._finish("stop", send)
            return True
        if self.form.is_thinking:
            self.thought_tokens += 1
        self.run.tokens.append(token)
        self._say(self.text.add(self._piece(token, tokenizer)), send)
        if self.text.is_stopped or (self.constraint is not None and self.constraint.is_complete):
            self._finish("stop", send)
            return True
        if len(self.run.tokens) >= self.run.most_tokens:
            self._finish("length", send)
            return True
        return False

    def _ends(self, model: Model, token: int) -> bool:
        return model.ends_answer(token) or token in self.end_tokens

    def _choose(self, model: Model, tokenizer: Tokenizer, context: Context, place: int) -> int:
        row = context.logits(place)
        held = self.constraint if not self.form.is_thinking else None
        # What was asked about probabilities is what the model thinks, not what it may say.
        told = row.copy() if held is not None and self.follow_token is not None else row
        if held is not None:
            held.mask(row)
            # What follows a thought is the constraint's to say.
            self._forced.clear()
        token = None if self._forced else self.sampler.choose(context, place)
        if token is not None and held is None and self.constraint is not None:
            if self._ends(model, token):
                end = self.form.thought_end  # an answer of the form is owed
            else:
                # What begins the answer in the token that ends the thought would do so unheld.
                end = self.form.lacking_end(self._piece(token, tokenizer).decode(errors="ignore"))
            self._forced.extend(tokenizer.tokens(end, adds_special=False))
        if self._forced:
            token = self._forced.popleft()
            self.sampler.accept(token)
        assert token is not None
        if held is not None:
            held.take(token)
        if self.follow_token is not None:
            self.follow_token(token, told)
        return token

    def _piece(self, token: int, tokenizer: Tokenizer) -> bytes:
        return self.marks.get(token) or tokenizer.piece(token)

    def _say(self, text: str, send: Send) -> None:
        if not text:
            return
        if self.stream:
            self._send_chunks(self.form.chunk(text), send)
        else:
            self.form.add(text)

    def _finish(self, reason: FinishReason, send: Send) -> None:
        self._say(self.text.finish(), send)
        if self.stream:
            self._send_chunks(self.form.last_chunk(reason), send)
        else:
            whole = self.form.whole(reason, self.run.prompt_length, self.written_tokens)
            self.payload = self.finish_payload(whole)

    @property
    def written_tokens(self) -> int:
        """Tokens of the answer so far, without the one that ends it."""
        return len(self.run.tokens) - self.run.prompt_length

    def answered(
        self, shared_bytes: int, filled_tokens: int, *, cancelled: bool = False
    ) -> protocol.Answered:
        """The message that the answer is over."""
        first = self.first_token_time
        return protocol.Answered(
            request_id=self.request_id,
            payload=self.payload,
            prompt_tokens=self.run.prompt_length,
            completion_tokens=self.written_tokens,
            thought_tokens=self.thought_tokens,
            seconds=time.monotonic() - self.started,
            first_token_seconds=None if first is None else first - self.started,
            cached_tokens=self.run.cached_tokens,
            filled_tokens=filled_tokens,
            shared_bytes=shared_bytes,
            cancelled=cancelled,
            notice=self.notice,
        )

    def _send_chunks(self, payloads: Iterable[Payload], send: Send) -> None:
        for payload in payloads:
            send(protocol.Chunk(self.request_id, self.finish_payload(payload)))


def send_end(answered: protocol.Answered, send: Send) -> None:
    """Tell that a request is over; an answer that no message holds has failed."""
    try:
        send(answered)
    except protocol.ProtocolError as error:
        too_long = Sentence("Host", "the answer is too long to be sent: {reason}")
        send(protocol.AskFailed(answered.request_id, too_long.format(reason=str(error))))
