"""Who may ask: checks on every HTTP request, made before a byte of its body is read.

A web page in the user's own browser can reach a port on this computer. It is kept out three times over: the
`Host` must be exactly ours (a page that re-resolves its own name to 127.0.0.1 sends its own name), no
`Origin` is welcome unless the user listed that very origin, and every request needs the token, which only
this user's programs can read from its file.
"""

from __future__ import annotations

import asyncio
import codecs
import hmac
import logging
import re
from collections.abc import Callable, Collection
from typing import TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.http.errors import ApiError, command_failed, invalid_body, program_closes
from llmmem_gui.service.http.paths import canonical_path, error_form, way_from
from llmmem_gui.service.http.replies import ClientGone

MOST_BODY_BYTES = 12 * 2**20
BODY_SECONDS = 10.0
"""From the end of the header until the body is complete."""
MOST_HEADER_LINES = 100
WITHOUT_TOKEN = frozenset({"/health"})
"""Paths that answer, without any detail, to programs that do not have the token."""

_SAFE_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_REFUSED_BODY_SECONDS = 0.25
_NO_SUCH_ROUTE = {
    404: "There is nothing at this path; `/openapi.json` lists what there is.",
    405: "This path has another method; `/openapi.json` lists which.",
}

_ABSOLUTE_TARGET = re.compile(r"http://(?P<host>[^/]*)(?P<path>/.*)?", re.IGNORECASE | re.DOTALL)
_KEY_HEADERS = (b"x-api-key", b"api-key")
"""Where clients of other services put their key."""

_log = logging.getLogger(__name__)

Headers = dict[bytes, list[bytes]]
Schema = TypeVar("Schema")


class Guard:
    """ASGI application around another one that lets nothing through unchecked and no error out unformed."""

    def __init__(
        self, application: ASGIApp, *, port: int, token: str, allowed_origins: Callable[[], Collection[str]]
    ) -> None:
        self._application = application
        self._hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost", "[::1]")}
        self._url = f"http://127.0.0.1:{port}"
        self._token = token.encode()
        self._allowed_origins = allowed_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value)
        started = False

        async def safe_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [
                    *message.get("headers", ()),
                    *_SAFE_HEADERS,
                    *self._sharing_headers(headers),
                ]
            await send(message)

        async def refuse(error: ApiError) -> None:
            await error.response(error_form(scope["path"]))(scope, receive, safe_send)

        try:
            try:
                self._check_form(scope, headers)
                self._check_host(headers)
                self._take_path(scope)
                self._check_origin(headers)
                if self._is_preflight(scope, headers):
                    await self._preflight_reply(headers)(scope, receive, safe_send)
                    return
                if (way := way_from(scope["path"], self._url)) is not None:
                    raise ApiError(404, "not_here", way)
                scope["authorized"] = self._has_token(headers)
                if not scope["authorized"] and scope["path"] not in WITHOUT_TOKEN:
                    raise _no_token()
            except ApiError as error:
                await _discard_body(receive)
                error.headers["connection"] = "close"
                raise
            await self._application(scope, receive, safe_send)
        except HTTPException as error:
            sentence = _NO_SUCH_ROUTE.get(error.status_code, error.detail)
            await refuse(ApiError(error.status_code, "not_here", sentence, headers=error.headers))
        except CommandError as error:
            if started:
                raise
            await refuse(command_failed(error))
        except ApiError as error:
            if started:
                raise
            await refuse(error)
        except (ClientDisconnect, ClientGone):
            return
        except asyncio.CancelledError:
            # Only the closing server cancels; this is the whole of its task, so there is nobody to tell.
            if not started:
                await refuse(program_closes())
        except Exception as error:
            # The text of an unforeseen exception can hold a path or a prompt: it is not shown and not logged.
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = f"{place.tb_frame.f_code.co_name}:{place.tb_lineno}" if place else "?"
            _log.error("%s in %s while answering %s", type(error).__name__, where, scope["path"])
            if started:
                raise
            await refuse(
                ApiError(500, "internal_error", "The program made a mistake; its log names the place.")
            )

    def _check_form(self, scope: Scope, headers: Headers) -> None:
        if scope["http_version"] not in ("1.0", "1.1"):
            raise ApiError(400, "invalid_http", "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
        if len(scope["headers"]) > MOST_HEADER_LINES:
            raise ApiError(400, "invalid_http", f"More than {MOST_HEADER_LINES} header lines.")
        if b"transfer-encoding" in headers and b"content-length" in headers:
            raise ApiError(400, "invalid_http", "Content-Length and Transfer-Encoding exclude each other.")

    def _take_path(self, scope: Scope) -> None:
        """Find the path in the request's target, which may name the server too, and spell it as we do."""
        named = _ABSOLUTE_TARGET.match(scope["path"])
        if named is not None:
            if named["host"].lower().encode() not in self._hosts:
                raise _wrong_host()
            scope["path"] = named["path"] or "/"
        if not scope["path"].startswith("/"):
            raise ApiError(400, "invalid_http", "The request target must be a path.")
        scope["path"] = canonical_path(scope["path"])

    def _check_host(self, headers: Headers) -> None:
        host = headers.get(b"host", [])
        if len(host) != 1 or host[0].lower() not in self._hosts:
            raise _wrong_host()

    def _check_origin(self, headers: Headers) -> None:
        if b"origin" in headers:
            if self._shared_origin(headers) is None:
                raise ApiError(
                    403,
                    "origin_refused",
                    "Web pages may not use this server; its settings can allow an origin.",
                )
        elif any(site not in (b"none", b"same-origin") for site in headers.get(b"sec-fetch-site", [])):
            raise ApiError(403, "origin_refused", "Web pages may not use this server.")

    def _shared_origin(self, headers: Headers) -> bytes | None:
        """The request's origin when the user listed it."""
        origin = headers.get(b"origin", [])
        allowed = {listed.encode() for listed in self._allowed_origins()}
        return origin[0] if len(origin) == 1 and origin[0] in allowed else None

    def _sharing_headers(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        origin = self._shared_origin(headers)
        return [(b"access-control-allow-origin", origin), (b"vary", b"Origin")] if origin else []

    def _is_preflight(self, scope: Scope, headers: Headers) -> bool:
        """Whether a browser asks for a listed origin what it may send; it cannot send the token with that."""
        return (
            scope["method"] == "OPTIONS"
            and b"origin" in headers
            and b"access-control-request-method" in headers
        )

    def _preflight_reply(self, headers: Headers) -> Response:
        wanted = b", ".join(headers.get(b"access-control-request-headers", [])).decode("latin-1")
        return Response(
            status_code=204,
            headers={
                "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE",
                "access-control-allow-headers": wanted or "authorization, content-type",
                "access-control-max-age": "600",
            },
        )

    def _has_token(self, headers: Headers) -> bool:
        if any(len(headers.get(name, [])) > 1 for name in (b"authorization", *_KEY_HEADERS)):
            return False
        scheme, _, credential = headers.get(b"authorization", [b""])[0].partition(b" ")
        given = [credential.strip()] if scheme.lower() == b"bearer" else []
        given += [headers[name][0].strip() for name in _KEY_HEADERS if name in headers]
        return any(hmac.compare_digest(each, self._token) for each in given)


def _wrong_host() -> ApiError:
    return ApiError(421, "wrong_host", "This server answers only to its own address on this computer.")


def _no_token() -> ApiError:
    return ApiError(
        401,
        "no_token",
        "This server wants its token as `Authorization: Bearer …`; `llmmem settings --token` prints it.",
        headers={"www-authenticate": "Bearer"},
    )


async def _discard_body(receive: Receive) -> None:
    """Take in, and forget, a body that is on its way, so that its sender gets to read why it is refused."""

    async def drain() -> None:
        left_bytes = 2 * MOST_BODY_BYTES
        while left_bytes > 0:
            message = await receive()
            left_bytes -= len(message.get("body", b""))
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                return

    try:
        await asyncio.wait_for(drain(), _REFUSED_BODY_SECONDS)
    except asyncio.TimeoutError:
        return


async def read_body(request: Request) -> bytes:
    """The whole body of a request, within its bounds of size and time.

    Raises `ApiError` 408 or 413, and starlette's `ClientDisconnect`.
    """
    declared = request.headers.get("content-length", "0")
    if int(declared) > MOST_BODY_BYTES:
        await _discard_body(request.receive)
        raise _too_long()
    try:
        return await asyncio.wait_for(_gather_body(request), BODY_SECONDS)
    except asyncio.TimeoutError:
        raise ApiError(
            408,
            "too_slow",
            f"The request's body did not arrive in {BODY_SECONDS:.0f} seconds.",
            headers={"connection": "close"},
        ) from None


async def _gather_body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BODY_BYTES:
            raise _too_long()
    return bytes(body)


def _too_long() -> ApiError:
    return ApiError(
        413,
        "too_long",
        f"The body is longer than {MOST_BODY_BYTES // 2**20} MiB: send less text.",
        headers={"connection": "close"},
    )


async def read_json(
    request: Request, decoder: msgspec.json.Decoder[Schema], *, may_be_empty: bool = False
) -> Schema:
    """The body of a request, checked against a schema.

    Raises `ApiError` 400, 408, 413 or 415, and starlette's `ClientDisconnect`.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    empty = request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
    if content_type != "application/json" and not (may_be_empty and empty):
        raise _not_json("The body must be sent as `Content-Type: application/json`.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _not_json("The body must be sent as it is: this server takes none that is compressed.")
    body = await read_body(request) or (b"{}" if may_be_empty else b"")
    try:
        return decoder.decode(body.removeprefix(codecs.BOM_UTF8))
    except msgspec.DecodeError as error:
        raise invalid_body(error) from None
    except RecursionError:
        raise ApiError(400, "invalid_json", "The body is nested too deeply.") from None
    except UnicodeDecodeError:
        raise ApiError(400, "invalid_json", "The body is not UTF-8 text.") from None


def _not_json(sentence: str) -> ApiError:
    return ApiError(415, "not_json", sentence, headers={"connection": "close"})
