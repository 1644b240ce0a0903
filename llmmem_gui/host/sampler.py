"""How the next token is chosen: llama.cpp's chain of samplers."""

from __future__ import annotations

import ctypes
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from llama_cpp import llama_cpp as api

from llmmem_gui.core.sentence import BadValue, Sentence
from llmmem_gui.host.context import Context
from llmmem_gui.host.model import Model
from llmmem_gui.host.tokenizer import Tokenizer

USUAL_ORDER = (
    "penalties",
    "dry",
    "top_n_sigma",
    "top_k",
    "typ_p",
    "top_p",
    "min_p",
    "xtc",
    "temperature",
)
"""llama.cpp's own."""
_OTHER_NAMES = {
    "typical_p": "typ_p",
    "typical": "typ_p",
    "temp": "temperature",
    "e": "penalties",
    "d": "dry",
    "s": "top_n_sigma",
    "k": "top_k",
    "y": "typ_p",
    "p": "top_p",
    "m": "min_p",
    "x": "xtc",
    "t": "temperature",
}
"""What else llama.cpp's clients call them; a single letter in a text of letters."""
_MIROSTAT_CANDIDATES = 100
"""From so many likely tokens mirostat learns how surprising a text is; the number of its authors."""
_BANNED = -1e6
"""Added to the logit of a token that must not be chosen: it still is where nothing else is allowed, while
with minus infinity a grammar that wants to end would be left without any token."""

Bias = float | bool
Biases = Mapping[str, Bias] | Sequence[tuple[int | str, Bias]]


class BadSampling(BadValue):
    """A request's choice of tokens cannot be made."""

    def __init__(self, parameter: str, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.parameter = parameter
        """The field that is at fault."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """What a request says about the choice of tokens; names and values are llama.cpp's."""

    temperature: float = 0.8
    """0: the likeliest token, always."""
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    top_n_sigma: float = -1.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    repeat_last_n: int = 64
    """So many of the answer's last tokens are made less likely, where penalties are asked for; −1: all."""
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = -1
    dry_sequence_breakers: Sequence[str] = ("\n", ":", '"', "*")
    mirostat: int = 0
    """0: off, or version 1 or 2; it chooses in place of all that cut the unlikely off."""
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    samplers: str | Sequence[str] = USUAL_ORDER
    """Those that are used, in their order."""
    min_tokens: int = 0
    """The answer does not end before it has so many."""
    ignore_eos: bool = False
    """No token of the vocabulary ends the answer."""
    stop_token_ids: Sequence[int] = ()
    """Tokens that end the answer besides those of the vocabulary."""
    seed: int = field(default_factory=lambda: secrets.randbits(32))
    logit_bias: Biases = field(default_factory=dict)
    """What is added to the logits of tokens, given by number or as text; False: it is never chosen."""

    @classmethod
    def of(cls, arguments: Mapping[str, Any], **defaults: float) -> Sampling:
        """Take the fields of a request; one that is not there or None has its default."""
        given = {name: arguments.get(name) for name in cls.__slots__}
        return cls(**{**defaults, **{name: value for name, value in given.items() if value is not None}})

    @property
    def order(self) -> list[str]:
        """The samplers under the names of `USUAL_ORDER`. Raises `BadSampling` for one that it has not."""
        names = [_OTHER_NAMES.get(name, name) for name in self.samplers]
        unknown = next((name for name in names if name not in USUAL_ORDER), None)
        if unknown is not None:
            sentence = Sentence("Host", "there is no sampler {name}")
            raise BadSampling("samplers", sentence.format(name=unknown))
        return names


class Sampler:
    """Chooses the tokens of one answer; `close` gives its memory back."""

    def __init__(self, model: Model, sampling: Sampling) -> None:
        """Raises `BadSampling` for tokens and samplers that there are not."""
        self._chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
        self._tokens_before_end = 0
        """So many must be chosen before the answer may end; until then the chain begins with a ban."""
        try:
            self._add_all(model, sampling)
        except BaseException:
            self.close()
            raise

    def choose(self, context: Context, place: int) -> int:
        """The token after that place of the batch computed last."""
        token = int(api.llama_sampler_sample(self._chain, context.handle, place))
        if self._tokens_before_end:
            self._tokens_before_end -= 1
            if not self._tokens_before_end:
                api.llama_sampler_free(api.llama_sampler_chain_remove(self._chain, 0))
        return token

    def accept(self, token: int) -> None:
        """Take in a token that was not chosen here."""
        api.llama_sampler_accept(self._chain, token)

    def close(self) -> None:
        """Free the chain."""
        if self._chain is not None:
            api.llama_sampler_free(self._chain)
            self._chain = None

    def _add_all(self, model: Model, sampling: Sampling) -> None:
        if sampling.min_tokens > 0:
            self._tokens_before_end = sampling.min_tokens
            stops = (token for token in sampling.stop_token_ids if token < model.vocabulary_size)
            self._add(_ban(model, {*_end_tokens(model), *stops}))
        if sampling.ignore_eos:
            self._add(_ban(model, _end_tokens(model)))
        if sampling.logit_bias:
            self._add(_bias(model, list(_biases(model, sampling.logit_bias))))
        for made in _in_order(model, sampling):
            self._add(made)

    def _add(self, sampler: api.llama_sampler_p) -> None:
        api.llama_sampler_chain_add(self._chain, sampler)


def _in_order(model: Model, sampling: Sampling) -> Iterator[api.llama_sampler_p]:
    """The samplers that were asked for, and at the end the one that chooses."""
    order = sampling.order
    if sampling.temperature <= 0:
        # What cuts the unlikely off never cuts the likeliest.
        yield from (_penalizing(name, model, sampling) for name in order if name in ("penalties", "dry"))
        yield api.llama_sampler_init_greedy()
    elif sampling.mirostat:
        yield from (_penalizing(name, model, sampling) for name in order if name in ("penalties", "dry"))
        yield _TRUNCATING["temperature"](sampling)
        yield _mirostat(model, sampling)
    else:
        for name in order:
            make = _TRUNCATING.get(name)
            yield _penalizing(name, model, sampling) if make is None else make(sampling)
        yield api.llama_sampler_init_dist(sampling.seed)


_TRUNCATING: Mapping[str, Callable[[Sampling], api.llama_sampler_p]] = {
    "top_n_sigma": lambda asked: api.llama_sampler_init_top_n_sigma(asked.top_n_sigma),
    "top_k": lambda asked: api.llama_sampler_init_top_k(asked.top_k),
    "typ_p": lambda asked: api.llama_sampler_init_typical(asked.typical_p, 1),
    "top_p": lambda asked: api.llama_sampler_init_top_p(asked.top_p, 1),
    "min_p": lambda asked: api.llama_sampler_init_min_p(asked.min_p, 1),
    "xtc": lambda asked: api.llama_sampler_init_xtc(
        asked.xtc_probability, asked.xtc_threshold, 1, asked.seed
    ),
    "temperature": lambda asked: api.llama_sampler_init_temp_ext(
        asked.temperature, asked.dynatemp_range, asked.dynatemp_exponent
    ),
}


def _penalizing(name: str, model: Model, sampling: Sampling) -> api.llama_sampler_p:
    def reach(tokens: int) -> int:
        most = model.trained_context
        return most if tokens < 0 else min(tokens, most)

    if name == "penalties":
        return api.llama_sampler_init_penalties(
            model.vocabulary_size,
            reach(sampling.repeat_last_n),
            sampling.repeat_penalty,
            sampling.frequency_penalty,
            sampling.presence_penalty,
        )
    breakers = [each.encode() for each in sampling.dry_sequence_breakers]
    return api.llama_sampler_init_dry(
        model.vocabulary,
        sampling.dry_multiplier,
        sampling.dry_base,
        sampling.dry_allowed_length,
        reach(sampling.dry_penalty_last_n),
        (ctypes.c_char_p * len(breakers))(*breakers),
        len(breakers),
    )


def _mirostat(model: Model, sampling: Sampling) -> api.llama_sampler_p:
    tau, eta = sampling.mirostat_tau, sampling.mirostat_eta
    if sampling.mirostat == 1:
        return api.llama_sampler_init_mirostat(
            model.vocabulary_size, sampling.seed, tau, eta, _MIROSTAT_CANDIDATES
        )
    return api.llama_sampler_init_mirostat_v2(sampling.seed, tau, eta)


@lru_cache(maxsize=1)
def _end_tokens(model: Model) -> frozenset[int]:
    """The tokens of the vocabulary that end an answer; found once, as each has to be asked about."""
    return frozenset(token for token in range(model.vocabulary_size) if model.ends_answer(token))


def _ban(model: Model, tokens: Iterable[int]) -> api.llama_sampler_p:
    return _bias(model, [(token, _BANNED) for token in tokens])


def _biases(model: Model, asked: Biases) -> Iterator[tuple[int, float]]:
    """The bias of each token that is meant; of a text, of all its tokens."""
    tokenizer = Tokenizer(model)
    for which, bias in asked.items() if isinstance(asked, Mapping) else asked:
        if isinstance(asked, Mapping) and str(which).isdecimal():
            which = int(which)
        tokens = [which] if isinstance(which, int) else tokenizer.tokens(which, adds_special=False)
        yield from ((token, _BANNED if bias is False else float(bias)) for token in tokens)


def _bias(model: Model, biases: Sequence[tuple[int, float]]) -> api.llama_sampler_p:
    entries = (api.llama_logit_bias * len(biases))()
    for entry, (token, bias) in zip(entries, biases, strict=True):
        if not 0 <= token < model.vocabulary_size:
            sentence = Sentence("Host", "logit_bias names the token {token}; the model has {number}")
            told = sentence.format(token=str(token), number=model.vocabulary_size)
            raise BadSampling("logit_bias", told)
        entry.token, entry.bias = token, bias
    return api.llama_sampler_init_logit_bias(model.vocabulary_size, len(biases), entries)
