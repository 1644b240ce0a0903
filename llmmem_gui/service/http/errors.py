"""What the HTTP API answers when it cannot do what was asked: one form, OpenAI's, and one sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from llmmem_gui.service.command_error import CommandError, CommandErrorCode


class ApiError(Exception):
    """A request that is not carried out; `str` of it is the sentence a person reads."""

    def __init__(
        self,
        status: int,
        code: str,
        sentence: str,
        *,
        parameter: str | None = None,
        numbers: Mapping[str, float] | None = None,
        retry_after_seconds: float | None = None,
        may_retry: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.sentence = sentence
        self.parameter = parameter
        self.numbers = dict(numbers or {})
        self.headers = dict(headers or {})
        # The official clients ask again by themselves after 409, 429 and 5xx. Asking again for what a
        # person has just cancelled, or for what cannot fit, would undo the decision.
        self.headers["x-should-retry"] = "true" if may_retry else "false"
        if retry_after_seconds is not None:
            self.headers["retry-after"] = str(max(1, round(retry_after_seconds)))

    def body(self) -> dict[str, Any]:
        """The error object, as it also stands in an event stream."""
        error: dict[str, Any] = {
            "message": self.sentence,
            "type": error_type(self.status),
            "param": self.parameter,
            "code": self.code,
        }
        if self.numbers:
            error["numbers"] = self.numbers
        return {"error": error}

    def response(self) -> Response:
        """The whole HTTP answer."""
        return Response(
            msgspec.json.encode(self.body()), self.status, headers=self.headers, media_type="application/json"
        )


def error_type(status: int) -> str:
    """OpenAI's name for the kind of error that a status code stands for."""
    names = {
        401: "authentication_error",
        403: "permission_error",
        429: "rate_limit_error",
        507: "insufficient_memory",
    }
    return names.get(status, "invalid_request_error" if status < 500 else "server_error")


_STATUS: dict[CommandErrorCode, int] = {
    "unknown model": 404,
    "bad model": 422,
    "bad request": 400,
    "refused": 507,
    "cooling down": 503,
    "load failed": 502,
    "cancelled": 409,
    "unloaded": 409,
    "host died": 502,
    "timed out": 503,
    "queue full": 429,
    "closing": 503,
}
_WORTH_ANOTHER_TRY: frozenset[CommandErrorCode] = frozenset({"cooling down", "timed out", "queue full"})


def command_failed(error: CommandError) -> ApiError:
    """The answer to a command that the service did not carry out."""
    may_retry = error.code in _WORTH_ANOTHER_TRY
    return ApiError(
        _STATUS[error.code],
        error.code.replace(" ", "_"),
        str(error),
        parameter="model" if error.code == "unknown model" else None,
        numbers=error.numbers,
        retry_after_seconds=error.numbers.get("retry_seconds", 1) if may_retry else None,
        may_retry=may_retry,
    )


_PLACE = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_KEY_PLACE = re.compile(r" - at `key` in `\$\.?(?P<path>.*)`$")


def invalid_body(error: msgspec.DecodeError) -> ApiError:
    """The answer to a body that is no JSON, or JSON that the schema does not allow."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return ApiError(400, "invalid_json", f"The body is not valid JSON ({text}): send one JSON object.")
    place = _PLACE.search(text) or _KEY_PLACE.search(text)
    if place is None:
        unknown = re.search(r"unknown field `([^`]*)`", text)
        return ApiError(400, "invalid_value", f"{text}.", parameter=unknown.group(1) if unknown else None)
    path = place.group("path")
    return ApiError(400, "invalid_value", f"{path}: {text[: place.start()]}.", parameter=path)
