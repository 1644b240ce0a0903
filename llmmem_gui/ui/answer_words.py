"""What is said about an answer: while it is on its way, and when it is there."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from llmmem_gui.core.snapshot import ModelSnapshot, State
from llmmem_gui.ui import figures
from llmmem_gui.ui.requests import AnswerEnd, AnswerReading
from llmmem_gui.ui.sentences import say

translate = QCoreApplication.translate


def progress_words(
    model: ModelSnapshot, reading: AnswerReading | None, *, begun: bool, seconds: float
) -> str:
    """What the model is doing for an answer, and for how long it has been waited for."""
    if begun:
        text = translate("Answer", "The model writes")
    elif model.state is State.LOADING:
        text = _loading_words(model)
    elif model.state in (State.QUEUED, State.UNLOADED, State.UNLOADING):
        text = translate("Answer", "The model waits for room")
    elif reading is not None:
        text = translate("Answer", "The model reads: {read} of {tokens} tokens").format(
            read=figures.count(reading.read_tokens), tokens=figures.count(reading.prompt_tokens)
        )
    elif model.in_flight > 1:
        text = translate("Answer", "The model answers somebody else first")
    else:
        text = translate("Answer", "The model reads the question")
    return f"{text} · {figures.duration(round(seconds))}" if seconds >= 1 else f"{text}…"


def _loading_words(model: ModelSnapshot) -> str:
    if model.forecast is None or not model.resident_bytes:
        return translate("Answer", "The model is loading")
    done = min(model.resident_bytes, model.forecast.total_bytes)
    return translate("Answer", "The model is loading: {done} of {size}").format(
        done=figures.size(done), size=figures.size(model.forecast.total_bytes)
    )


def rest_words(model: ModelSnapshot, last: AnswerEnd | None) -> str:
    """How the model stands while nothing is asked: loaded or not, and how full its context is."""
    if model.state is State.LOADING:
        return _loading_words(model)
    if not model.state.holds_host:
        return translate("Answer", "Not loaded: the next question loads it")
    used = last.prompt_tokens + last.completion_tokens if last is not None else 0
    if not used or not model.context:
        return ""
    return translate("Answer", "{used} of {tokens} tokens of context used").format(
        used=figures.count(used), tokens=figures.count(model.context)
    )


def answer_figures(tokens: str, end: AnswerEnd, answer: str) -> str:
    """Tokens (as words), rate, wait, and why the answer is not whole, if it is not."""
    pieces = [tokens]
    writing = end.seconds - (end.first_token_seconds or 0.0)
    if end.completion_tokens > 1 and writing > 0:
        rate = figures.decimal((end.completion_tokens - 1) / writing)
        pieces.append(translate("Answer", "{rate} tokens a second").format(rate=rate))
    if end.first_token_seconds is not None:
        first = figures.duration(end.first_token_seconds)
        pieces.append(translate("Answer", "first one after {duration}").format(duration=first))
    if end.cut == "stopped":
        pieces.append(translate("Answer", "stopped"))
    elif end.cut == "length":
        pieces.append(translate("Answer", "cut at the greatest length"))
    elif not answer.strip() and end.problem is None:
        pieces.append(translate("Answer", "the model ended without a word"))
    if end.notice is not None:
        pieces.append(say(end.notice))
    return " · ".join(pieces)
