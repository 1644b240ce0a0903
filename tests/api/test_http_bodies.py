"""The bodies that the guard in front of the API lets through: their length, form and schema."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from llmmem_gui.service.http import guard as http_guard
from tests.api.echo_site import Site, echo_site


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    """The echo behind the guard, on a free port."""
    async with echo_site() as site:
        yield site


def body_of(answer: bytes) -> dict[str, object]:
    """The JSON of an answer."""
    decoded: dict[str, object] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return decoded


async def test_the_sender_of_a_long_body_reads_why_it_is_refused(site: Site) -> None:
    """A refusal is readable although its sender was still sending."""
    body = json.dumps({"text": "x" * 1_000_000}).encode()
    answer = await site.exchange(site.request(method="POST", path="/", body=body, token="wrong"))
    assert answer.startswith(b"HTTP/1.1 401")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (("Content-Length: -1",), 400),
        (("Content-Length: +5",), 400),
        (("Content-Length: 0x10",), 400),
        (("Content-Length: 5", "Content-Length: 6"), 400),
        (("Content-Length: 5, 6",), 400),
        (("Content-Length: five",), 400),
        ((f"Content-Length: {'9' * 5000}",), 400),
        (("Content-Length: 1000000000000000000",), 413),
        ((f"Content-Length: {http_guard.MOST_BODY_BYTES + 1}",), 413),
        (("Content-Length: 5", "Transfer-Encoding: chunked"), 400),
        (("Transfer-Encoding: gzip",), 400),
        (("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400),
        (tuple(f"X-{n}: 1" for n in range(200)), 400),
        ((f"X-Long: {'y' * 40_000}",), 400),
    ],
)
async def test_lengths_that_lie_are_refused(site: Site, headers: tuple[str, ...], status: int) -> None:
    """Negative, signed, hexadecimal, doubled, huge and contradicting lengths, and too much header."""
    request = site.request("Content-Type: application/json", *headers, method="POST", path="/")
    assert await site.status(request) == status


async def test_chunks_are_counted_as_they_come(site: Site) -> None:
    """A body without a declared length is cut off at the cap."""
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    request = site.request(
        "Content-Type: application/json", "Transfer-Encoding: chunked", method="POST", path="/"
    )
    assert await site.status(request, *[chunk] * (http_guard.MOST_BODY_BYTES // 2**20 + 2)) == 413


async def test_a_chunk_of_absurd_size_is_refused(site: Site) -> None:
    """A chunk that says it has 2**64 bytes does no harm."""
    request = site.request(
        "Content-Type: application/json", "Transfer-Encoding: chunked", method="POST", path="/"
    )
    assert (
        await site.status(request, b"10000000000000000\r\n" + b" " * (http_guard.MOST_BODY_BYTES + 2**20))
        == 413
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b'{"text": 1}',
        b'{"text": "a", "more": 1}',
        b'{"text": "a", "number": NaN}',
        b'{"text": "a", "number": 1e999}',
        b'{"text": "a", "number": true}',
        b'{"text": "a", "number": ' + b"1" * 6000 + b"}",
        b'{"text": "\\ud800"}',
        '{"text": "a"}'.encode("utf-16"),
        b'{"text": "\xff"}',
        b"[" * 100_000,
        b'{"text":' * 100_000,
        b'{"text": "a"} {}',
    ],
)
async def test_bodies_that_are_not_the_schema_are_refused(site: Site, body: bytes) -> None:
    """JSON of the wrong shape, and what is no JSON, gets 400 in OpenAI's form."""
    request = site.request(
        "Content-Type: application/json", f"Content-Length: {len(body)}", method="POST", path="/"
    )
    answer = await site.exchange(request + body)
    assert answer.startswith(b"HTTP/1.1 400")
    error = body_of(answer)["error"]
    assert isinstance(error, dict)
    assert set(error) >= {"message", "type", "param", "code"}


async def test_the_place_of_a_wrong_value_is_named(site: Site) -> None:
    """The answer names the field and what was expected."""
    answer = await site.exchange(site.request(method="POST", path="/", body=b'{"text": "a", "number": "b"}'))
    error = body_of(answer)["error"]
    assert isinstance(error, dict)
    assert error["param"] == "number"
    assert error["message"] == "number: Expected `int`, got `str`."


async def test_only_json_is_taken(site: Site) -> None:
    """A form or a text, which a web page may send without asking first, is refused."""
    for content_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json-patch+json",
        "",
    ):
        request = site.request(f"Content-Type: {content_type}", "Content-Length: 13", method="POST", path="/")
        assert await site.status(request + b'{"text": "a"}') == 415
