"""Who gets through the guard in front of the API, over raw sockets; behind it is a small echo."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.api.echo_site import LISTED, TOKEN, Site, echo_site


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    """The echo behind the guard, on a free port."""
    async with echo_site() as site:
        yield site


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
        f"X-Api-Key: {TOKEN[:-1]}",
        f"X-Api-Key: {TOKEN}\r\nX-Api-Key: {TOKEN}",
        f"Cookie: token={TOKEN}",
        f"Authorization: Bearer {TOKEN}\r\nAuthorization: Bearer {TOKEN}",
    ],
)
async def test_without_the_token_nothing_is_answered(site: Site, header: str) -> None:
    """The token counts whole, once, and in the headers that are made for it."""
    answer = await site.exchange(site.request(header, token=None))
    assert answer.startswith(b"HTTP/1.1 401")
    assert TOKEN.encode() not in answer
    assert site.echo.reached == 0


async def test_a_token_in_the_address_does_not_count(site: Site) -> None:
    """A token in the query is refused: addresses end up in logs."""
    assert await site.status(site.request(path=f"/plain?token={TOKEN}", token=None)) == 401


async def test_an_unforeseen_fault_tells_nothing(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A fault of the program is a 500 in OpenAI's form; neither answer nor log holds its text."""
    answer = await site.exchange(site.request(path="/broken"))
    assert answer.startswith(b"HTTP/1.1 500")
    assert b"secret" not in answer
    assert "secret" not in caplog.text
    assert "RuntimeError" in caplog.text
