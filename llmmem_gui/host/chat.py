"""The chat template that a model file brings: compiled when first needed, run under a time limit."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import jinja2
from llama_cpp import llama_chat_format

from llmmem_gui.core.sentence import Sentence, SentenceError, sentence_of

TEMPLATE_SECONDS = 5.0
"""A template that runs longer is stopped; good ones take milliseconds."""


class TemplateError(SentenceError):
    """The chat template cannot be used for this request; the sentence is the reason for the user."""


class BoundedFormatter:
    """Renders a chat by the model's own template in Jinja's sandbox, within `TEMPLATE_SECONDS`.

    The sandbox keeps a template from running code; only the limit keeps it from running for ever.
    """

    def __init__(self, template: str, begin_token: str, end_token: str, end_token_id: int) -> None:
        """Compile the template. Raises `jinja2.TemplateError` and `RecursionError`."""
        with _time_limit():
            self._formatter = llama_chat_format.Jinja2ChatFormatter(
                template=template,
                bos_token=begin_token,
                eos_token=end_token,
                stop_token_ids=[end_token_id],
            )

    def __call__(self, **arguments: Any) -> llama_chat_format.ChatFormatterResponse:
        """Give the prompt of a chat. Raises `TemplateError`."""
        try:
            with _time_limit():
                return self._formatter(**arguments)
        except TemplateError:
            raise
        except (Exception, RecursionError, MemoryError) as error:
            # What a template does wrong can be of any type: it is a program from the file.
            raise TemplateError(
                Sentence("Host", "the model's chat template refuses these messages: {reason}").format(
                    reason=str(error)
                )
            ) from error


def chat_handler_for(
    template: str, begin_token: str, end_token: str, end_token_id: int
) -> tuple[Any, Sentence | None]:
    """Give the chat handler of a model's own template, or a notice why it cannot be compiled."""
    try:
        formatter = BoundedFormatter(template, begin_token, end_token, end_token_id)
    except (jinja2.TemplateError, TemplateError, RecursionError, MemoryError) as error:
        return None, Sentence(
            "Host", "the model's chat template is damaged ({reason}); the format of Llama 2 was used instead"
        ).format(reason=sentence_of(error))
    return llama_chat_format.chat_formatter_to_chat_completion_handler(formatter), None


@contextmanager
def _time_limit() -> Iterator[None]:
    if sys.platform == "win32":  # no timer signal there
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TemplateError(
            Sentence("Host", "the model's chat template ran for more than {number} s").format(
                number=f"{TEMPLATE_SECONDS:g}"
            )
        )

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, TEMPLATE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
