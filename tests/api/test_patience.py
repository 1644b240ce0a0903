"""A stream that has nothing to say yet tells what is done meanwhile, so that nobody gives up on it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmmem_gui.core.sentence import Sentence
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.http import answer_reply
from llmmem_gui.service.http.answer_reply import AnswerReply
from llmmem_gui.service.http.metrics import Metrics

CHUNK = {"object": "text_completion", "choices": [{"index": 0, "text": "so", "finish_reason": None}]}


class SlowAnswer:
    """An answer of one chunk, or of a failure, that comes when the test says so."""

    model_id = "slow"
    usage = None
    progress = "loading the model"

    def __init__(self, failure: CommandError | None = None) -> None:
        self.may_come = asyncio.Event()
        self._failure = failure
        self._has_come = False

    def __aiter__(self) -> SlowAnswer:
        return self

    async def __anext__(self) -> dict[str, Any]:
        await self.may_come.wait()
        if self._failure is not None:
            raise self._failure
        if self._has_come:
            raise StopAsyncIteration
        self._has_come = True
        return CHUNK

    async def __aenter__(self) -> SlowAnswer:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


class Connection:
    """What was sent, as text."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.status = 0
        self.something_came = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError("nobody hangs up")

    async def send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.lines += message.get("body", b"").decode().split("\n\n")
        if message.get("body"):
            self.something_came.set()

    async def hear(self, text: str) -> None:
        """Wait until that was said."""
        while text not in self.lines:
            self.something_came.clear()
            await self.something_came.wait()


def reply(answer: SlowAnswer, connection: Connection) -> asyncio.Future[None]:
    """The stream of an answer, under way."""
    application = AnswerReply(answer, Metrics(), stream=True)  # type: ignore[arg-type]
    return asyncio.ensure_future(application({"type": "http"}, connection.receive, connection.send))  # type: ignore[arg-type]


async def test_comments_tell_what_is_done_until_there_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """First that the model is loaded, then who is before, then how far it is read; then the answer."""
    monkeypatch.setattr(answer_reply, "QUIET_SECONDS", 0.01)
    answer, connection = SlowAnswer(), Connection()
    replying = reply(answer, connection)
    for told in ("loading the model", "waiting, 2 before you", "reading the prompt, 40 %"):
        answer.progress = told
        await connection.hear(f": {told}")
    answer.may_come.set()
    await replying
    said = [line for line in connection.lines if line.startswith("data: ")]
    assert connection.status == 200
    assert '"text":"so"' in said[0]
    assert said[-1] == "data: [DONE]"
    begin = connection.lines.index(said[0])
    assert not any(line.startswith(":") for line in connection.lines[begin:])


async def test_a_comment_that_cannot_be_sent_ends_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What becomes of telling is not lost: whoever waits for the answer hears of it."""
    monkeypatch.setattr(answer_reply, "QUIET_SECONDS", 0.01)
    answer, connection = SlowAnswer(), Connection()
    failed = asyncio.Event()

    async def send(message: Any) -> None:
        failed.set()
        raise OSError("the connection is gone")

    monkeypatch.setattr(connection, "send", send)
    replying = reply(answer, connection)
    await failed.wait()
    answer.may_come.set()
    with pytest.raises(OSError, match="the connection is gone"):
        await replying


async def test_who_is_refused_soon_gets_a_status_and_later_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first comment a failure is the status of the answer; after it, the last event."""
    failure = CommandError("load failed", Sentence("Command", "It cannot be loaded."))
    answer, connection = SlowAnswer(failure), Connection()
    answer.may_come.set()
    with pytest.raises(CommandError):
        await reply(answer, connection)
    assert connection.status == 0
    monkeypatch.setattr(answer_reply, "QUIET_SECONDS", 0.01)
    answer, connection = SlowAnswer(failure), Connection()
    replying = reply(answer, connection)
    await connection.hear(": loading the model")
    answer.may_come.set()
    await replying
    assert any("It cannot be loaded." in line for line in connection.lines)
    assert not any("[DONE]" in line for line in connection.lines)
