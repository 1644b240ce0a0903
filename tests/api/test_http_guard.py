"""The guard and the server in front of the API, over raw sockets; behind it is a small echo."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from llmmem_gui.service import http_connection, http_guard
from llmmem_gui.service.http_guard import Guard, read_json
from llmmem_gui.service.http_replies import ClientGone, JsonReply, unless_client_leaves
from llmmem_gui.service.loopback_server import LoopbackServer

TOKEN = "a-token-of-forty-three-characters-for-a-test"
LISTED = "http://localhost:3000"
CONNECTION_LIMIT = 8


class Letter(msgspec.Struct, forbid_unknown_fields=True):
    """What the echo takes."""

    text: str
    number: int = 0


class Echo:
    """An application that counts what gets through to it and gives back the body it was sent."""

    def __init__(self) -> None:
        self.reached = 0
        self.abandoned = asyncio.Event()
        self._decoder = msgspec.json.Decoder(Letter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached += 1
        request = Request(scope, receive)
        if scope["path"] in ("/wait", "/flood"):
            work = asyncio.Event().wait() if scope["path"] == "/wait" else self._flood(send)
            try:
                await unless_client_leaves(receive, work)
            except ClientGone:
                self.abandoned.set()
                raise
        if scope["path"] == "/broken":
            raise RuntimeError("the prompt was: secret")
        if scope["path"] == "/plain":
            await Response("plain")(scope, receive, send)
            return
        letter = await read_json(request, self._decoder)
        await JsonReply(letter)(scope, receive, send)

    async def _flood(self, send: Send) -> bool:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            await asyncio.sleep(0)


class Site:
    """A running server and what is needed to speak to it."""

    def __init__(self, echo: Echo, server: LoopbackServer) -> None:
        self.echo = echo
        self.port = server.port
        self.connections = server._state.connections

    def request(
        self,
        *headers: str,
        method: str = "GET",
        path: str = "/plain",
        body: bytes = b"",
        host: str | None = None,
        token: str | None = TOKEN,
    ) -> bytes:
        """The bytes of a request that is right except for what the caller makes wrong."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{self.port}'}", *headers]
        if token is not None:
            lines.append(f"Authorization: Bearer {token}")
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

    async def exchange(self, *parts: bytes, seconds: float = 30) -> bytes:
        """Send bytes, close our side for nothing, and read until the server closes or falls silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for part in parts:
                writer.write(part)
            return await asyncio.wait_for(read_answer(reader), seconds)
        finally:
            writer.close()

    async def status(self, *parts: bytes) -> int:
        """Status of the answer to these bytes; 0 when the connection is closed without one."""
        answer = await self.exchange(*parts)
        return int(answer.split(b" ", 2)[1]) if answer else 0


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """One answer with its body; what there is when the connection ends before."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length")
            ),
            0,
        )
        return head + await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        return error.partial
    except ConnectionResetError:
        return b""


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    """The echo behind the guard, on a free port."""
    echo = Echo()

    def application(port: int) -> ASGIApp:
        return Guard(echo, port=port, token=TOKEN, allowed_origins=lambda: (LISTED,))

    server = LoopbackServer(application, CONNECTION_LIMIT)
    await server.start(0)
    yield Site(echo, server)
    await server.close()


def body_of(answer: bytes) -> dict[str, object]:
    """The JSON of an answer."""
    decoded: dict[str, object] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return decoded


async def test_a_right_request_is_answered(site: Site) -> None:
    """The right host and token get through, with headers that keep the answer out of caches and pages."""
    answer = (await site.exchange(site.request())).lower()
    assert answer.startswith(b"http/1.1 200")
    assert b"cache-control: no-store" in answer
    assert b"x-content-type-options: nosniff" in answer
    assert b"content-security-policy: default-src 'none'" in answer
    assert b"access-control-" not in answer
    assert b"server:" not in answer


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.local",
        "x.internal",
        "localhost",
        "127.0.0.1",
        "127.0.0.1.evil.example:{port}",
        "localhost.evil:{port}",
        "[::1].evil:{port}",
        "0.0.0.0:{port}",
        "2130706433:{port}",
        "127.1:{port}",
        "localhost.:{port}",
        "127.0.0.1:{other}",
        "user@127.0.0.1:{port}",
    ],
)
async def test_any_other_host_is_refused(site: Site, host: str) -> None:
    """Only our own three names with our own port are accepted as Host, by the letter."""
    written = host.format(port=site.port, other=site.port + 1)
    assert await site.status(site.request(host=written)) == 421
    assert site.echo.reached == 0


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LocalHost:{port}", "[::1]:{port}"])
async def test_our_own_hosts_are_accepted(site: Site, host: str) -> None:
    """The three ways to name this computer work, in any case."""
    assert await site.status(site.request(host=host.format(port=site.port))) == 200


@pytest.mark.parametrize(
    "lines",
    [
        b"GET /plain HTTP/1.1\r\n",
        b"GET /plain HTTP/1.1\r\nHost:\r\n",
        b"GET /plain HTTP/1.1\r\nHost: 127.0.0.1:1\r\nHost: 127.0.0.1:1\r\n",
        b"GET http://127.0.0.1/plain HTTP/1.1\r\nHost: evil.example\r\n",
        b"GET /plain HTTP/1.0\r\nHost: 127.0.0.1\r\n",
        b"GET /plain\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /plain HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n",
        b"GET /plain HTTP/1.1\r\nHost: a\r\n folded: x\r\n",
        b"GET /pl ain HTTP/1.1\r\nHost: a\r\n",
    ],
)
async def test_what_is_not_proper_http_is_refused(site: Site, lines: bytes) -> None:
    """A missing, empty or doubled Host, old and new HTTP versions, TLS and control characters end in 4xx."""
    assert 400 <= await site.status(lines, b"\r\n\r\n") < 500
    assert site.echo.reached == 0


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "file://",
        "chrome-extension://x",
        "http://localhost:9999",
        "http://127.0.0.1.evil",
        "http://localhost:3000.evil",
        "https://localhost:3000",
        "HTTP://LOCALHOST:3000",
        "",
    ],
)
async def test_an_origin_that_is_not_listed_is_refused(site: Site, origin: str) -> None:
    """Web pages are refused, whatever they call themselves, also with the right token."""
    answer = await site.exchange(site.request(f"Origin: {origin}"))
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"access-control-" not in answer.lower()
    assert site.echo.reached == 0


async def test_a_listed_origin_is_shared_with_exactly(site: Site) -> None:
    """The origin that the user listed is answered with its own name, never with a star."""
    answer = (await site.exchange(site.request(f"Origin: {LISTED}", "Sec-Fetch-Site: cross-site"))).lower()
    assert answer.startswith(b"http/1.1 200")
    assert f"access-control-allow-origin: {LISTED}".encode() in answer
    assert await site.status(site.request(f"Origin: {LISTED}", f"Origin: {LISTED}")) == 403


async def test_a_preflight_is_answered_for_a_listed_origin_only(site: Site) -> None:
    """A browser may ask beforehand for a listed origin, without the token; for others it may not."""
    asking = "Access-Control-Request-Method: POST"
    listed = site.request(f"Origin: {LISTED}", asking, method="OPTIONS", token=None)
    other = site.request("Origin: http://evil.example", asking, method="OPTIONS", token=None)
    assert await site.status(listed) == 204
    assert await site.status(other) == 403
    assert site.echo.reached == 0


@pytest.mark.parametrize(("site_value", "status"), [("cross-site", 403), ("same-site", 403), ("none", 200)])
async def test_browser_requests_without_origin_are_refused(site: Site, site_value: str, status: int) -> None:
    """A request that a browser marks as coming from another site is refused even without an Origin."""
    assert await site.status(site.request(f"Sec-Fetch-Site: {site_value}")) == status


@pytest.mark.parametrize(
    "header",
    [
        "X-Nothing: 1",
        "Authorization:",
        "Authorization: Bearer",
        "Authorization: Bearer wrong",
        f"Authorization: Bearer {TOKEN[:-1]}",
        f"Authorization: Bearer {TOKEN}x",
        f"Authorization: {TOKEN}",
        f"Authorization: Basic {TOKEN}",
        f"Authorization: Bearer {'y' * 12_000}",
        "Authorization: Bearer \xe9\xff",
        f"X-Api-Key: {TOKEN}",
        f"Cookie: token={TOKEN}",
        f"Authorization: Bearer {TOKEN}\r\nAuthorization: Bearer {TOKEN}",
    ],
)
async def test_without_the_token_nothing_is_answered(site: Site, header: str) -> None:
    """The token counts in one form only, whole, and once."""
    answer = await site.exchange(site.request(header, token=None))
    assert answer.startswith(b"HTTP/1.1 401")
    assert TOKEN.encode() not in answer
    assert site.echo.reached == 0


async def test_a_token_in_the_address_does_not_count(site: Site) -> None:
    """A token in the query is refused: addresses end up in logs."""
    assert await site.status(site.request(path=f"/plain?token={TOKEN}", token=None)) == 401


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
    assert await site.status(request, *[chunk] * 6) == 413


async def test_a_chunk_of_absurd_size_is_refused(site: Site) -> None:
    """A chunk that says it has 2**64 bytes does no harm."""
    request = site.request(
        "Content-Type: application/json", "Transfer-Encoding: chunked", method="POST", path="/"
    )
    assert await site.status(request, b"10000000000000000\r\n" + b" " * 5_000_000) == 413


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
        b'\xef\xbb\xbf{"text": "a"}',
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


async def test_an_unforeseen_fault_tells_nothing(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A fault of the program is a 500 in OpenAI's form; neither answer nor log holds its text."""
    answer = await site.exchange(site.request(path="/broken"))
    assert answer.startswith(b"HTTP/1.1 500")
    assert b"secret" not in answer
    assert "secret" not in caplog.text
    assert "RuntimeError" in caplog.text


async def test_a_slow_header_is_cut_off(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends a byte now and then loses its connection at an absolute deadline."""
    monkeypatch.setattr(http_connection, "HEADER_SECONDS", 0.4)
    request = site.request()
    answer = await trickle(site, request)
    assert answer.startswith(b"HTTP/1.1 408")
    assert site.echo.reached == 0


async def test_a_slow_body_is_cut_off(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The body has an absolute deadline of its own."""
    monkeypatch.setattr(http_guard, "BODY_SECONDS", 0.4)
    whole = site.request(method="POST", path="/", body=b'{"text": "' + b"a" * 200 + b'"}')
    head, _, body = whole.partition(b"\r\n\r\n")
    answer = await trickle(site, body, at_once=head + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 408")


async def trickle(site: Site, content: bytes, at_once: bytes = b"") -> bytes:
    """The answer to a request of which a byte is sent every 20 ms."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(at_once)
    answer = asyncio.ensure_future(read_answer(reader))
    try:
        for byte in content:
            writer.write(bytes([byte]))
            done, _ = await asyncio.wait({answer}, timeout=0.02)
            if done:
                break
        return await asyncio.wait_for(answer, 30)
    finally:
        writer.close()


async def test_a_client_that_does_not_read_is_cut_off(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless answer that nobody reads ends at the deadline instead of holding its task for ever."""
    monkeypatch.setattr(http_connection, "UNREAD_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", site.port)) as connection:
        connection.sendall(site.request(path="/flood"))
        await asyncio.wait_for(site.echo.abandoned.wait(), 30)


async def test_a_client_that_leaves_is_noticed(site: Site) -> None:
    """Work for a client that closed its connection is cancelled."""
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(site.request(path="/wait"))
    await writer.drain()
    await until(lambda: site.echo.reached == 1)
    writer.close()
    await asyncio.wait_for(site.echo.abandoned.wait(), 30)


async def test_idle_connections_give_way(site: Site) -> None:
    """A hundred connections that ask nothing do not keep a client out."""
    crowd = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(100)]
    assert await site.status(site.request()) == 200
    for _, writer in crowd:
        writer.close()


async def test_busy_connections_are_bounded(site: Site) -> None:
    """When all connections are being answered, another one is told to come back."""
    busy = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(CONNECTION_LIMIT)]
    for _, writer in busy:
        writer.write(site.request(path="/wait"))
    await until(lambda: site.echo.reached == CONNECTION_LIMIT)
    answer = await site.exchange(site.request())
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"retry-after:" in answer.lower()
    for _, writer in busy:
        writer.close()


async def test_a_connection_carries_many_requests(site: Site) -> None:
    """Requests follow each other on one connection, also when they are sent without waiting."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(site.request() * 3)
    answers = [await asyncio.wait_for(read_answer(reader), 30) for _ in range(3)]
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
    writer.close()


async def test_a_body_that_nobody_asked_for_ends_the_connection(site: Site) -> None:
    """A request whose body is not read does not leave a connection on which bytes can trickle for ever."""
    request = site.request("Content-Type: application/json", "Content-Length: 1000000")
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(request)
    assert (await read_answer(reader)).startswith(b"HTTP/1.1 200")
    assert await asyncio.wait_for(reader.read(), 30) == b""
    writer.close()


async def test_small_answers_are_sent_at_once(site: Site) -> None:
    """No answer waits for the client's acknowledgement of the one before: that would add 40 ms to each."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(site.request())
    await read_answer(reader)
    (connection,) = site.connections
    accepted = connection.transport.get_extra_info("socket")
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    writer.close()


async def test_a_taken_port_is_told_and_another_one_used(site: Site) -> None:
    """When the port is in use the server listens on a free one and says so."""
    second = LoopbackServer(lambda port: Guard(Echo(), port=port, token=TOKEN, allowed_origins=tuple), 8)
    await second.start(site.port)
    try:
        assert second.port not in (0, site.port)
        assert second.notice == f"Port {site.port} is in use: the API listens on port {second.port} instead."
    finally:
        await second.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""

    async def poll() -> None:
        while not condition():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(poll(), 30)
