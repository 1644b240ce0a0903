"""What a program is told when the cache refuses: whether asking again can help, and after how long."""

from __future__ import annotations

from typing import get_args

import pytest

from llmmem_gui.core.refusal import Refusal, RefusalCode
from llmmem_gui.core.sentence import verbatim
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.http.errors import ApiError, command_failed

TIME_HELPS = (
    "waited too long",
    "cooling down",
    "thrashing",
    "nothing gained",
    "memory pressure",
    "load stopped",
)
"""These pass by themselves."""
TOO_LARGE = (
    "too large for the limit",
    "too large for the machine",
    "pinned in the way",
    "above its own limit",
)
"""These last until somebody changes something."""


def told(code: RefusalCode, **numbers: float) -> ApiError:
    refusal = Refusal(code, "a", holders=("b",), reason=verbatim("because"), **numbers)  # type: ignore[arg-type]
    return command_failed(CommandError.of(refusal))


@pytest.mark.parametrize("code", TIME_HELPS)
def test_what_passes_by_itself_is_told_with_the_time_to_ask_again(code: RefusalCode) -> None:
    """503, a Retry-After that is not too early, and the clients of OpenAI may ask again by themselves."""
    error = told(code, retry_seconds=29.2)
    assert error.status == 503
    assert error.headers == {"x-should-retry": "true", "retry-after": "30"}


@pytest.mark.parametrize("code", TOO_LARGE)
def test_what_does_not_fit_is_told_without_a_time(code: RefusalCode) -> None:
    """507: asking again would be refused again."""
    error = told(code, need_bytes=2, room_bytes=1)
    assert (error.status, error.code) == (507, "refused")
    assert error.headers == {"x-should-retry": "false"}


@pytest.mark.parametrize("code", get_args(RefusalCode))
def test_a_sentence_that_says_try_again_is_told_with_a_time_and_no_other_is(code: RefusalCode) -> None:
    """Sentence and status of every refusal agree."""
    error = told(code, retry_seconds=3)
    assert ("try again" in error.sentence) == ("retry-after" in error.headers)


def test_the_time_that_a_request_waited_is_not_the_time_to_wait() -> None:
    """A request that waited ten minutes may be asked again at once."""
    error = told("waited too long", waited_seconds=600)
    assert error.headers["retry-after"] == "1"
    assert error.numbers == {"waited_seconds": 600}
