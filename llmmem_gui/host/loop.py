"""The loop of a host: steps that compute all requests under way together."""

from __future__ import annotations

import time
from collections.abc import Iterable

from llmmem_gui.core import protocol
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.host.abortion import Abortion
from llmmem_gui.host.batch import Batch
from llmmem_gui.host.context import Aborted, Context, NoPlace, NotComputed
from llmmem_gui.host.generation import Generation, Send, send_end
from llmmem_gui.host.mapping import OwnMemory
from llmmem_gui.host.model import Model
from llmmem_gui.host.requests import REFUSALS, TextRequests, ask_failed
from llmmem_gui.host.scheduler import Part, Run, Scheduler
from llmmem_gui.host.tokenizer import Tokenizer
from llmmem_gui.host.vision import Vision
from llmmem_gui.unused_memory import trim_heap

STEP_SECONDS = 0.2
"""A step that answers wait for reads no more of other prompts than takes about so long."""
FEWEST_TOKENS_READ = 32
"""But at least so many: fewer cost nearly as much, as weights are read once for all of them."""
LONE_STEP_SECONDS = 1.0
"""A step that only reads prompts takes about so long: who comes meanwhile, or leaves, waits for its end."""
FEWEST_TOKENS_READ_ALONE = 128
"""But at least so many, so that reading takes hardly longer than in whole batches."""
_READING_TOKENS = 16
"""A step that reads so many tokens tells how long reading takes."""


class TextLoop:
    """Answers requests for text, several at once."""

    def __init__(
        self,
        model: Model,
        tokenizer: Tokenizer,
        context: Context,
        batch: Batch,
        scheduler: Scheduler,
        abortion: Abortion,
        memory: OwnMemory,
        send: Send,
        vision: Vision | None = None,
        blindness: Sentence | None = None,
    ) -> None:
        """`blindness`: why there is no vision, where there could be some."""
        self._vision = vision
        self._model = model
        self._tokenizer = tokenizer
        self._context = context
        self._batch = batch
        self._scheduler = scheduler
        self._abortion = abortion
        self._memory = memory
        self._send = send
        self._requests = TextRequests(model, tokenizer, context.tokens, memory, vision, blindness)
        self._generations: dict[int, Generation] = {}
        self._pace = Pace()

    @property
    def sees(self) -> bool:
        """Images are read."""
        return self._vision is not None

    @property
    def has_work(self) -> bool:
        """Requests are under way or wait."""
        return self._scheduler.has_work

    def ask(self, ask: protocol.Ask) -> None:
        """Take a request in; one that cannot be answered is refused at once."""
        try:
            generation = self._requests.prepare(ask)
        except REFUSALS as error:
            self._send(ask_failed(ask.request_id, error))
            return
        self._generations[ask.request_id] = generation
        self._scheduler.add(generation.run)

    def cancel(self, request_id: int) -> None:
        """End a request; what was computed stays only while nobody needs its cells."""
        generation = self._generations.get(request_id)
        if generation is not None:
            self._end(generation)
            self._send(self._answered(generation, cancelled=True))

    def set_threads(self, threads: int) -> None:
        """Compute with so many threads from now on."""
        self._context.set_threads(threads)

    def rest(self) -> None:
        """Give back memory that nobody needs for now."""
        self._scheduler.clear_shelf()
        self._requests.rest()

    def keep(self, file: int, most_bytes: int) -> int:
        """Write all conversations to a file; gives how many. Raises OSError."""
        return self._scheduler.save(file, most_bytes)

    def step(self) -> None:
        """Compute the next tokens of all requests that there is room for."""
        most_tokens = min(self._batch.most_tokens, self._pace.most_alone)
        step = self._scheduler.next_step(most_tokens, self._pace.most_beside_answers)
        generations = self._of_runs()
        self._tell_reading(step, generations)
        places = self._fill(step)
        began = time.monotonic()
        self._abortion.begin(frozenset(generations[part.run].request_id for part in step))
        try:
            self._compute(step)
        except NoPlace:
            if step[0].image is not None:
                self._scheduler.drop(step[0].run)  # a part of it may be in the memory
            if not self._scheduler.make_smaller():
                full = NotComputed(Sentence("Host", "llama.cpp has no place for it in its memory"))
                self._fail(step, generations, full)
            return
        except Aborted:
            # All of these were cancelled, which is told when that message comes up.
            for part in step:
                self._scheduler.drop(part.run)
            return
        except NotComputed as error:
            self._fail(step, generations, error)
            return
        finally:
            self._abortion.end()
        self._pace.learn(len(self._batch), time.monotonic() - began)  # of an image nothing is in the batch
        self._scheduler.computed(step)
        for part, place in zip(step, places, strict=True):
            generations[part.run].tell_prompt(self._context, part, place)
            if part.chooses:
                self._take_token(generations[part.run], place)

    def _of_runs(self) -> dict[Run, Generation]:
        return {generation.run: generation for generation in self._generations.values()}

    def _tell_reading(self, step: list[Part], generations: dict[Run, Generation]) -> None:
        for part in step:
            run = part.run
            if run.read_tokens < run.prompt_length:
                request_id = generations[run].request_id
                self._send(protocol.Reading(request_id, run.read_tokens, run.prompt_length))

    def _fill(self, step: list[Part]) -> list[int]:
        """Put a step into the batch; gives the place of the last token of each part, 0 for an image."""
        self._batch.clear()
        return [
            0
            if part.image is not None
            else self._batch.add(part.tokens, part.sequence, part.position, outputs=part.outputs)
            for part in step
        ]

    def _compute(self, step: list[Part]) -> None:
        if step and step[0].image is not None:
            assert self._vision is not None
            self._vision.read(step[0].image, self._context, step[0].sequence, step[0].position)
        else:
            self._context.compute(self._batch)

    def _take_token(self, generation: Generation, place: int) -> None:
        try:
            is_over = generation.take(self._model, self._tokenizer, self._context, place, self._send)
        except REFUSALS as error:
            self._end(generation)
            self._send(ask_failed(generation.request_id, error))
            return
        if is_over:
            self._end(generation)
            send_end(self._answered(generation), self._send)

    def _answered(self, generation: Generation, *, cancelled: bool = False) -> protocol.Answered:
        filled, shared = self._scheduler.filled_cells, self._memory.shared_bytes()
        return generation.answered(shared, filled, cancelled=cancelled)

    def _fail(self, step: Iterable[Part], generations: dict[Run, Generation], error: NotComputed) -> None:
        """Nobody knows what of these tokens is in the memory: these requests fail, the others begin anew."""
        for part in step:
            self._end(generations[part.run])
            self._send(protocol.AskFailed(generations[part.run].request_id, error.sentence))
        self._context.clear()
        self._scheduler.forget()

    def _end(self, generation: Generation) -> None:
        del self._generations[generation.request_id]
        self._scheduler.end(generation.run)
        generation.sampler.close()
        if generation.run.images:
            generation.run.images = ()
            trim_heap()  # of an image some megabytes were held until now


class Pace:
    """How many tokens of prompts are read in a step."""

    def __init__(self) -> None:
        self._token_seconds = 0.0
        """Time to read a token, smoothed; 0 while it is not known."""

    @property
    def most_beside_answers(self) -> int:
        """As many as take `STEP_SECONDS`."""
        return self._in(STEP_SECONDS, FEWEST_TOKENS_READ)

    @property
    def most_alone(self) -> int:
        """As many as take `LONE_STEP_SECONDS`."""
        return self._in(LONE_STEP_SECONDS, FEWEST_TOKENS_READ_ALONE)

    def _in(self, seconds: float, fewest: int) -> int:
        return fewest if self._token_seconds == 0.0 else max(fewest, int(seconds / self._token_seconds))

    def learn(self, tokens: int, seconds: float) -> None:
        """Take in how long a step of so many tokens took."""
        if tokens >= _READING_TOKENS:
            taken = seconds / tokens
            known = self._token_seconds or taken
            self._token_seconds = 0.7 * known + 0.3 * taken
