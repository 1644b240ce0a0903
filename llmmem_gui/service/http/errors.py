"""What the HTTP API answers when it cannot do what was asked: one form, OpenAI's, and one sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from llmmem_gui.service.command_error import CommandError, CommandErrorCode
from llmmem_gui.service.http.paths import Form


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
            self.headers["retry-after"] = str(max(1, math.ceil(retry_after_seconds)))

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

    def response(self, form: Form | None = None) -> Response:
        """The whole HTTP answer, in OpenAI's form or in another one."""
        body = self.body() if form is None else form(self.body()["error"])
        return Response(
            msgspec.json.encode(body), self.status, headers=self.headers, media_type="application/json"
        )


def refused(parameter: str, sentence: str) -> ApiError:
    """The answer to a field that cannot be taken; the sentence has no full stop yet."""
    return ApiError(400, "invalid_value", f"{sentence[0].upper()}{sentence[1:]}.", parameter=parameter)


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
    "not loaded": 400,
    "refused": 507,
    "cooling down": 503,
    "thrashing": 503,
    "nothing gained": 503,
    "memory pressure": 503,
    "load failed": 502,
    "cancelled": 409,
    "unloaded": 409,
    "host died": 502,
    "timed out": 503,
    "queue full": 429,
    "closing": 503,
    "neighbour failed": 502,
}
_WORTH_ANOTHER_TRY: frozenset[CommandErrorCode] = frozenset(
    {"cooling down", "thrashing", "nothing gained", "memory pressure", "timed out", "queue full"}
)
"""What another try may get without anybody doing anything; a load that does not fit is none of it."""


_OPENAI_CODE: dict[CommandErrorCode, str] = {
    "unknown model": "model_not_found",
    "queue full": "rate_limit_exceeded",
}
"""What OpenAI calls it, where its clients look for that."""


def command_failed(error: CommandError) -> ApiError:
    """The answer to a command that the service did not carry out."""
    may_retry = error.code in _WORTH_ANOTHER_TRY
    return ApiError(
        _STATUS[error.code],
        error.detail or _OPENAI_CODE.get(error.code) or error.code.replace(" ", "_"),
        str(error),
        parameter="model" if error.code == "unknown model" else error.parameter,
        numbers=error.numbers,
        retry_after_seconds=error.numbers.get("retry_seconds", 1) if may_retry else None,
        may_retry=may_retry,
    )


def program_closes() -> ApiError:
    """The answer to a request that the end of the program cuts off."""
    return ApiError(503, "closing", "LLM Memory is closing: start it again.", headers={"connection": "close"})


_PLACE = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_KEY_PLACE = re.compile(r" - at `key` in `\$\.?(?P<path>.*)`$")


def invalid_body(error: msgspec.DecodeError, sent_as: Mapping[str, str] | None = None) -> ApiError:
    """The answer to a body that is no JSON, or JSON that the schema does not allow.

    `sent_as`: what the client calls fields that have other names in the schema.
    """
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return ApiError(400, "invalid_json", f"The body is not valid JSON ({text}): send one JSON object.")
    place = _PLACE.search(text) or _KEY_PLACE.search(text)
    if place is None:
        unknown = re.search(r"unknown field `([^`]*)`", text)
        return ApiError(400, "invalid_value", f"{text}.", parameter=unknown.group(1) if unknown else None)
    field, *inside = re.split(r"(?=[.\[])", place.group("path"), maxsplit=1)
    path = "".join([(sent_as or {}).get(field, field), *inside])
    return ApiError(400, "invalid_value", f"{path}: {text[: place.start()]}.", parameter=path)
