"""Embeddings of many texts at once: they are right, and the service goes on meanwhile."""

from __future__ import annotations

import asyncio
import base64
import math
import struct
from functools import partial
from typing import Any

import msgspec
import numpy
import pytest

from llmmem_gui.host.embedding import embedding_answer
from llmmem_gui.host.vectors import packed_vector
from llmmem_gui.service.http.answer_reply import AnswerReply, ChunkWording
from llmmem_gui.service.http.metrics import Metrics
from llmmem_gui.service.http.openai_api import with_vectors

TEXTS, LENGTH = 2048, 256


class ReadyAnswer:
    """An answer that a host has given."""

    model_id = "embedder"
    usage = notice = None
    progress = ""

    def __init__(self, payload: dict[str, Any]) -> None:
        self._payloads = [payload]

    def __aiter__(self) -> ReadyAnswer:
        return self

    async def __anext__(self) -> dict[str, Any]:
        if not self._payloads:
            raise StopAsyncIteration
        return self._payloads.pop()

    async def __aenter__(self) -> ReadyAnswer:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


def made_up_payload() -> dict[str, Any]:
    vectors = numpy.random.default_rng(1).normal(size=(TEXTS, LENGTH))
    return embedding_answer([packed_vector(row) for row in vectors], first=0, tokens=TEXTS)


async def test_the_loop_turns_while_a_large_answer_is_written_as_numbers() -> None:
    """Whoever else is served is not kept waiting by 2,048 vectors, which all come and have length 1."""
    as_floats = partial(with_vectors, dimensions=None, as_floats=True)
    reply = AnswerReply(ReadyAnswer(made_up_payload()), Metrics(), ChunkWording(as_floats), in_thread=True)
    sent: list[dict[str, Any]] = []
    turns = 0

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError("nobody hangs up")

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    turning = asyncio.create_task(turn())
    await asyncio.sleep(0)
    await reply({"type": "http"}, receive, send)  # type: ignore[arg-type]
    turning.cancel()
    body = msgspec.json.decode(b"".join(message.get("body", b"") for message in sent))
    assert body["model"] == "embedder"
    assert len(body["data"]) == TEXTS
    vector = body["data"][-1]["embedding"]
    assert len(vector) == LENGTH
    assert math.fsum(x * x for x in vector) == pytest.approx(1, abs=1e-5)
    # Without a thread there is not one turn more than the few that handing messages over takes.
    assert turns > 100


def test_a_vector_is_packed_with_length_one() -> None:
    """Little-endian 32-bit floats in base64; a vector of zeros stays one."""
    unpacked = struct.unpack("<2f", base64.b64decode(packed_vector([3.0, 4.0])))
    assert unpacked == pytest.approx((0.6, 0.8))
    assert struct.unpack("<2f", base64.b64decode(packed_vector([0.0, 0.0]))) == (0.0, 0.0)
