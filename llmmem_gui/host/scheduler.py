"""Which requests are computed in the next step, and whose tokens stay in the cache; knows no model.

One cache of `cells` holds several *sequences*, each the tokens of one conversation. A request under way is a
*run*; it works on one sequence. When it ends, the sequence stays, until another continues it or its cells
are needed. A new run begins with the longest prefix that any sequence has in common with it.
"""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple, Protocol

from llmmem_gui.core.parameters import MemoryKind
from llmmem_gui.host.cells import Cells
from llmmem_gui.host.image_tokens import ImageSpan, position_after
from llmmem_gui.host.numbers import Numbers, common_prefix, numbers
from llmmem_gui.host.shelf import Shelf

_GROWTH_TOKENS = 64
"""Cells kept for each answer under way before another request is let in, so that it need not leave again."""

_WORTH_WAITING_TOKENS = 32
"""A request waits for another that is reading the same beginning, if they share so much."""


class Memory(Protocol):
    """llama.cpp's memory of sequences. Lengths are in positions from the beginning of the sequence."""

    def copy(self, source: int, target: int, length: int) -> None:
        """Let an empty sequence begin with the first positions of another."""

    def cut(self, sequence: int, length: int) -> None:
        """Keep only the first positions of a sequence; 0 empties it."""

    def can_cut(self, sequence: int, length: int) -> bool:
        """Whether all that these first positions look back at is still there."""


@dataclass(eq=False)
class Run:
    """A request for text under way."""

    tokens: Numbers
    """The prompt, and what was chosen after it."""
    most_tokens: int
    """Length at which the answer ends at the latest, at most the cells of the cache."""
    alone: bool = False
    """Nothing else may be under way meanwhile."""
    tells_prompt: bool = False
    """What comes out of each token of the prompt is wanted, so all of them are computed."""
    turn: int = 0
    """When not all can be under way at once, those with the smallest turns are begun first."""
    images: ListOf[ImageSpan] = ()
    """Of the prompt, in their order; after each comes text."""
    prompt_length: int = field(init=False)
    cached_tokens: int = field(init=False, default=0)
    """Tokens of the prompt that were found in the cache when it began."""
    sequence: Sequence | None = field(init=False, default=None)
    number: int = field(init=False, default=0)
    """Order of arrival."""
    served: int = field(init=False, default=0)
    """The last step in which it was computed."""

    def __post_init__(self) -> None:
        self.prompt_length = len(self.tokens)

    @property
    def read_tokens(self) -> int:
        """Tokens of it that are in the cache."""
        return len(self.sequence.tokens) if self.sequence is not None else 0

    @property
    def unread_tokens(self) -> int:
        """Tokens of it that have to be computed before the next one can be chosen."""
        return len(self.tokens) - self.read_tokens

    @property
    def next_image(self) -> ImageSpan | None:
        """The image that is to be computed next; None when text comes next."""
        begin = self.read_tokens
        return next((image for image in self.images if image.begin == begin), None)

    @property
    def readable_tokens(self) -> int:
        """Unread tokens of text before the next image, or all that are left."""
        begin = self.read_tokens
        ends = [image.begin for image in self.images if image.begin >= begin]
        return min(ends, default=len(self.tokens)) - begin

    def without_part_of_image(self, length: int) -> int:
        """The largest length up to this one at which no image is cut in two."""
        cut = next((image for image in self.images if image.begin < length < image.end), None)
        return length if cut is None else cut.begin

    @property
    def is_answering(self) -> bool:
        """Only the token chosen last has to be computed."""
        return len(self.tokens) > self.prompt_length and self.unread_tokens == 1


@dataclass(eq=False)
class Sequence:
    """A place in the cache, and the tokens that are in it."""

    id: int
    tokens: Numbers = field(default_factory=lambda: numbers())
    cells: Numbers = field(default_factory=lambda: numbers())
    """The cell of each token."""
    run: Run | None = None
    used: int = 0
    """The last step that computed it."""


class Part(NamedTuple):
    """What of one run is computed in a step."""

    run: Run
    sequence: int
    position: int
    """Of the first token."""
    tokens: Numbers
    outputs: int
    """Of so many tokens, the last ones, it is wanted what comes out."""
    chooses: bool
    """The next token of the answer is chosen after the last of these."""
    image: ImageSpan | None = None
    """What these tokens stand for; such a part is alone in its step."""


class Scheduler:
    """Shares one cache and its computing time between requests."""

    def __init__(
        self,
        memory: Memory,
        *,
        cells: int,
        sequences: int,
        slots: int,
        kind: MemoryKind = "attention",
        shelf: Shelf,
        aside_tokens: int = 256,
    ) -> None:
        """At most `slots` runs are under way at once; the other sequences only keep their tokens.

        What has to leave the cache goes to the shelf; so does, while that has room, a conversation with at
        least `aside_tokens` of its own that nobody goes on with when another request begins.

        A window or a state belongs to one sequence: beginnings are copied within an attention's memory only.
        There a copied cell costs nothing, whereas a cell of a window that two sequences share is not used
        again before one of them goes. And a state cannot be cut down to an earlier one.
        """
        self._memory = memory
        self._shelf = shelf
        self._aside_tokens = aside_tokens
        self._kind = kind
        self._slots = min(slots, sequences)
        self._cells = Cells(cells)
        self._sequences = [Sequence(number) for number in range(sequences)]
        self._numbers = count()
        self._step = 0
        self.running: list[Run] = []
        """Oldest first."""
        self.waiting: list[Run] = []

    @property
    def has_work(self) -> bool:
        """Something can be computed."""
        return bool(self.running or self.waiting)

    @property
    def filled_cells(self) -> int:
        """Most cells that were ever used at once."""
        return self._cells.used_at_once

    @property
    def sequences(self) -> ListOf[Sequence]:
        """All places of the cache."""
        return self._sequences

    def add(self, run: Run) -> None:
        """Take a request in."""
        run.number = next(self._numbers)
        self.waiting.append(run)

    def end(self, run: Run) -> None:
        """The run is over, or not wanted any more; what was computed for it is kept while there is room."""
        if run.sequence is None:
            self.waiting.remove(run)
            return
        self.running.remove(run)
        run.sequence.run = None
        run.sequence = None

    def drop(self, run: Run) -> None:
        """Nobody knows what of this run is in the cache: it begins anew, if it is still wanted."""
        assert run.sequence is not None
        self._empty(run.sequence)
        self._put_back(run)

    def next_step(self, most_tokens: int, most_beside_answers: int) -> list[Part]:
        """What to compute next: at most so many tokens, and of prompts no more when answers wait for it.

        Every run gets a token while there is room for one of each, the least recently served first; what is
        left is shared by those that read their prompts, so that a short one is read in the first step. An
        image is a step of its own, when it is its run's turn.
        """
        self._admit()
        while self.running:
            shares = self._shares(most_tokens, most_beside_answers)
            if self._make_room(sum(shares.values())):
                return [self._part(run, tokens) for run, tokens in shares.items()]
            if len(self.running) == 1:
                # All cells are its own or free, and its length is bounded by them.
                (run,) = self.running
                return [self._part(run, min(shares[run], self._cells.free))]
            self._put_back(self.running[-1])
        return []

    def computed(self, step: ListOf[Part]) -> None:
        """The tokens of a step are in the cache now."""
        self._step += 1
        for part in step:
            sequence = part.run.sequence
            assert sequence is not None
            sequence.tokens += part.tokens
            sequence.cells += self._cells.take(len(part.tokens))
            sequence.used = part.run.served = self._step
            if self._kind == "recurrent" and len(sequence.tokens) == part.run.prompt_length - 1:
                # The next prompt often repeats this one and not, token for token, the answer to it.
                self._shelf.put(sequence.id, sequence.tokens)

    def forget(self) -> None:
        """Nobody knows what is in the cache: all runs begin anew."""
        for sequence in self._sequences:
            self._empty(sequence)
        for run in self.running:
            run.sequence = None
        self.waiting += self.running
        self.running.clear()
        for sequence in self._sequences:
            sequence.run = None

    def save(self, file: int, most_bytes: int) -> int:
        """Write all conversations to a file, the last used first; gives how many. Raises OSError."""
        newest = sorted(self._sequences, key=lambda sequence: -sequence.used)
        return self._shelf.save(file, most_bytes, [(each.id, each.tokens) for each in newest])

    def clear_shelf(self) -> None:
        """Give back the memory of conversations that are not in the cache."""
        self._shelf.clear()

    def make_smaller(self) -> bool:
        """The cache took a step for too large: give something up. False when there is nothing left."""
        idle = self._idle()
        if idle:
            self._evict(idle[0])
            return True
        if len(self.running) > 1:
            self._put_back(self.running[-1])
            return True
        return False

    # --- who is computed -------------------------------------------------------------------------------

    def _admit(self) -> None:
        for run in sorted(self.waiting, key=lambda run: (run.turn, run.number)):
            if len(self.running) >= self._slots or any(other.alone for other in self.running):
                return
            if run.alone and self.running:
                return
            source, length = self._best_prefix(run)
            if not run.tells_prompt and self._is_being_read(run, length):
                continue
            if self.running and not self._has_room_beside_others(run, source, length):
                return
            if not run.tells_prompt and self._fetch(run, length):
                source, length = self._best_prefix(run)
            self._begin(run, source, length)

    def _shares(self, most_tokens: int, most_beside_answers: int) -> dict[Run, int]:
        """How many tokens of each run are computed next."""
        served = sorted(self.running, key=lambda run: run.served)
        image = served[0].next_image
        if image is not None:
            return {served[0]: image.length}
        served = [run for run in served if run.next_image is None][:most_tokens]
        shares = dict.fromkeys(served, 1)
        reading = sorted((run for run in served if not run.is_answering), key=lambda run: run.unread_tokens)
        room = most_tokens - len(shares)
        # llama.cpp has room for what comes out of one token of each sequence.
        outputs = len(self._sequences) - len(shares)
        if len(reading) < len(shares):
            room = min(room, max(0, most_beside_answers - len(reading)))
        for place, run in enumerate(reading):
            longest = run.readable_tokens
            if self._kind == "recurrent" and longest == run.unread_tokens > 1:
                longest -= 1  # what comes before the last token is to be kept
            more = min(longest - 1, room // (len(reading) - place))
            if run.tells_prompt:
                more = min(more, outputs)
                outputs -= more
            shares[run] += more
            room -= more
        return shares

    def _part(self, run: Run, tokens: int) -> Part:
        assert run.sequence is not None
        begin = run.read_tokens
        chosen = run.tokens[begin : begin + tokens]
        position = position_after(run.tokens, begin)
        chooses = begin + tokens == len(run.tokens)
        outputs = tokens if run.tells_prompt else int(chooses)
        return Part(run, run.sequence.id, position, chosen, outputs, chooses, run.next_image)

    def _put_back(self, run: Run) -> None:
        """Take a run its cells away; it goes on when there is room again."""
        assert run.sequence is not None
        self._evict(run.sequence)
        self.end(run)
        self.waiting.append(run)

    # --- where it is computed --------------------------------------------------------------------------

    def _best_prefix(self, run: Run) -> tuple[Sequence | None, int]:
        """The sequence with the most tokens that the run can begin with, and how many these are."""
        best, best_length = None, 0
        for sequence in self._sequences if not run.tells_prompt else ():
            if sequence.run is not None and self._kind != "attention":
                continue
            # The last token is always computed: the next one is chosen from what comes out of it.
            length = min(common_prefix(sequence.tokens, run.tokens), len(run.tokens) - 1)
            length = run.without_part_of_image(length)
            if length > best_length and self._can_begin(sequence, length):
                best, best_length = sequence, length
        return best, best_length

    def _can_begin(self, sequence: Sequence, length: int) -> bool:
        if length == len(sequence.tokens):
            return True
        if self._kind == "recurrent":
            return False
        return self._memory.can_cut(sequence.id, position_after(sequence.tokens, length))

    def _fetch(self, run: Run, length: int) -> bool:
        """Bring from the shelf what the run goes on with, if the cache has less; False: nothing changed."""
        found = self._shelf.find(run.tokens)
        if found is None or found[1] < length + _WORTH_WAITING_TOKENS:
            return False
        kept = found[0]
        sequence = self._place_for(None, 0)
        if self._make_room(len(kept.tokens)) and self._shelf.take(kept, sequence.id):
            sequence.tokens = kept.tokens[:]  # it may be wanted from the shelf once more
            sequence.cells = self._cells.take(len(kept.tokens))
            sequence.used = self._step
        return True

    def _is_being_read(self, run: Run, length: int) -> bool:
        """Whether another run is about to read what this one begins with."""
        if self._kind != "attention":
            return False
        shared = max(
            (
                min(common_prefix(other.tokens, run.tokens), len(run.tokens) - 1)
                for other in self.running
                if not other.is_answering
            ),
            default=0,
        )
        return shared > length and shared >= _WORTH_WAITING_TOKENS

    def _has_room_beside_others(self, run: Run, source: Sequence | None, length: int) -> bool:
        growth = sum(min(_GROWTH_TOKENS, each.most_tokens - each.read_tokens) for each in self.running)
        needed = len(run.tokens) - length + min(_GROWTH_TOKENS, run.most_tokens - len(run.tokens)) + growth
        if needed <= self._cells.free:
            return True
        held = {cell for sequence in self._sequences if sequence.run for cell in sequence.cells}
        if source is not None:
            held.update(source.cells[:length])
        return needed <= self._cells.count - len(held)

    def _begin(self, run: Run, source: Sequence | None, length: int) -> None:
        sequence = self._place_for(source, length)
        if sequence is source:
            self._cut(sequence, length)
        elif self._kind == "attention" and source is not None:
            self._memory.copy(source.id, sequence.id, position_after(source.tokens, length))
            sequence.tokens = source.tokens[:length]
            sequence.cells = source.cells[:length]
            self._cells.share(sequence.cells)
        run.cached_tokens = max(run.cached_tokens, min(len(sequence.tokens), run.prompt_length))
        run.sequence, sequence.run = sequence, run
        self.waiting.remove(run)
        self.running.append(run)
        self.running.sort(key=lambda each: each.number)
        self._put_aside()

    def _put_aside(self) -> None:
        # Attention goes through all cells up to the last one in use, whosever they are.
        for sequence in self._idle() if self._kind == "attention" else ():
            gains = self._cells.unshared(sequence.cells) >= self._aside_tokens
            if gains and self._shelf.put_beside(sequence.id, sequence.tokens):
                self._empty(sequence)

    def _place_for(self, source: Sequence | None, length: int) -> Sequence:
        """An empty sequence, or the source itself when it is only continued or none else is to be had."""
        idle = self._idle()
        if source in idle and (length == len(source.tokens) or not self._may_stay(source, length)):
            return source
        empty = next((each for each in self._sequences if each.run is None and not each.tokens), None)
        if empty is None:
            # There are at least as many sequences as slots, so that one is idle.
            empty = next((each for each in idle if each is not source), None) or idle[0]
            if empty is not source:
                self._evict(empty)
        return empty

    def _may_stay(self, source: Sequence, length: int) -> bool:
        """Whether a new run should leave a conversation alone of which it only shares the beginning."""
        return self._kind == "attention" or length < len(source.tokens) // 2

    def _make_room(self, tokens: int) -> bool:
        """Give up what nobody works on, the least recently used first, until so many cells are free."""
        for sequence in self._idle():
            if self._cells.free >= tokens:
                break
            self._evict(sequence)
        return self._cells.free >= tokens

    def _idle(self) -> list[Sequence]:
        """Sequences that only keep their tokens, the least recently used first."""
        idle = [sequence for sequence in self._sequences if sequence.run is None and sequence.tokens]
        return sorted(idle, key=lambda sequence: sequence.used)

    def _evict(self, sequence: Sequence) -> None:
        """Empty a sequence for want of room; what it holds goes to the shelf."""
        self._shelf.put(sequence.id, sequence.tokens)
        self._empty(sequence)

    def _empty(self, sequence: Sequence) -> None:
        self._cut(sequence, 0)

    def _cut(self, sequence: Sequence, length: int) -> None:
        if length < len(sequence.tokens):
            self._memory.cut(sequence.id, position_after(sequence.tokens, length))
            self._cells.give_back(sequence.cells[length:])
            del sequence.tokens[length:], sequence.cells[length:]
