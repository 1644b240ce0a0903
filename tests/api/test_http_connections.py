"""The connections of the API's server: slow, idle, busy and abandoned ones, over raw sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from llmmem_gui.service.http import connection as http_connection
from llmmem_gui.service.http import guard as http_guard
from llmmem_gui.service.http.guard import Guard
from llmmem_gui.service.http.loopback_server import NEXT_PORTS, LoopbackServer
from tests.api.echo_site import CONNECTION_LIMIT, TOKEN, Echo, Site, echo_site, read_answer


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    """The echo behind the guard, on a free port."""
    async with echo_site() as site:
        yield site


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


async def test_a_taken_port_is_told_and_the_next_one_used(site: Site) -> None:
    """When the port is in use the server says so and takes the next free one, the same at each start."""
    second = LoopbackServer(lambda port: Guard(Echo(), port=port, token=TOKEN, allowed_origins=tuple), 8)
    await second.start(site.port)
    try:
        assert site.port < second.port <= site.port + NEXT_PORTS
        told = f"Port {site.port} is in use: the API listens on port {second.port} instead."
        assert str(second.notice) == told
    finally:
        await second.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""

    async def poll() -> None:
        while not condition():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(poll(), 30)
