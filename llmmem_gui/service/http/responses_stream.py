"""The events of a streamed response, made of the chunks of a chat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from llmmem_gui.service.http.errors import ApiError
from llmmem_gui.service.http.replies import StreamEvent
from llmmem_gui.service.http.responses_translation import (
    Payload,
    ResponseFrame,
    call_item,
    message_item,
    new_id,
    status_of,
    text_part,
    thought_item,
    usage_of,
)

_PREFIX = {"thought": "rs", "message": "msg", "call": "fc"}


@dataclass(slots=True)
class _Item:
    """An item of the output that is being written."""

    kind: Literal["thought", "message", "call"]
    place: int
    id: str
    call_index: int | None = None
    call_id: str = ""
    name: str = ""
    text: str = ""
    """What was thought or said, or the arguments of the call."""
    logprobs: list[Payload] = field(default_factory=list)

    def written(self, status: str) -> Payload:
        """The item as it stands in the output."""
        match self.kind:
            case "thought":
                return thought_item(self.id, self.text, status)
            case "message":
                return message_item(self.id, self.text, self.logprobs, status)
        return call_item(self.id, self.call_id, self.name, self.text, status)


class ResponseWording:
    """Puts the answer to one request into the words of the Responses API."""

    last_words = b""

    def __init__(self, frame: ResponseFrame) -> None:
        self._frame = frame
        self._numbers = count()
        self._output: list[Payload] = []
        """Items that are complete."""
        self._open: _Item | None = None
        self._last: Payload = {}
        self._finish_reason: str | None = None

    def whole(self, payload: Payload) -> Payload:
        """The whole answer."""
        return self._frame.whole(payload)

    def chunk(self, payload: Payload) -> Iterator[StreamEvent]:
        """The events that a chunk is told by."""
        if not self._last:
            begun = self._frame.around(payload, (), "in_progress")
            yield self._event("response.created", response=begun)
            yield self._event("response.in_progress", response=begun)
        self._last = payload
        for choice in payload["choices"]:
            self._finish_reason = choice["finish_reason"] or self._finish_reason
            delta = choice["delta"]
            if delta.get("reasoning_content"):
                yield from self._more("thought", delta["reasoning_content"])
            if delta.get("content"):
                logprobs = (choice.get("logprobs") or {}).get("content") or []
                yield from self._more("message", delta["content"], logprobs)
            for call in delta.get("tool_calls") or ():
                yield from self._call(call)

    def end(self, counts: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """The last events, with how many tokens it took."""
        status = status_of(self._finish_reason)
        if self._open is None and not any(item["type"] != "reasoning" for item in self._output):
            yield from self._begin("message")  # a response has one, empty as it may be
        yield from self._close(status)
        response = self._frame.around(self._last, self._output, status, usage=usage_of(counts))
        yield self._event(f"response.{status}", response=response)

    def failure(self, error: ApiError) -> Iterator[StreamEvent]:
        """The last events of an answer that has failed."""
        told = error.body()["error"]
        said = {"code": told["code"], "message": told["message"]}
        yield self._event("error", **said, param=told["param"])
        yield self._event(
            "response.failed", response=self._frame.around(self._last, self._output, "failed", error=said)
        )

    def _event(self, kind: str, **content: Any) -> StreamEvent:
        return StreamEvent(kind, {"type": kind, "sequence_number": next(self._numbers), **content})

    def _more(
        self, kind: Literal["thought", "message"], text: str, logprobs: list[Payload] | None = None
    ) -> Iterator[StreamEvent]:
        if self._open is None or self._open.kind != kind:
            yield from self._begin(kind)
        item = self._open
        assert item is not None
        item.text += text
        item.logprobs += logprobs or []
        if kind == "thought":
            yield self._event("response.reasoning_text.delta", **self._content_place(item), delta=text)
        else:
            where = self._content_place(item)
            yield self._event("response.output_text.delta", **where, delta=text, logprobs=logprobs or [])

    def _call(self, call: Payload) -> Iterator[StreamEvent]:
        function = call.get("function") or {}
        item = self._open
        if item is None or item.call_index != call["index"]:
            yield from self._begin("call", call["index"], call["id"], function["name"])
            item = self._open
        assert item is not None
        if arguments := function.get("arguments"):
            item.text += arguments
            place = self._place(item)
            yield self._event("response.function_call_arguments.delta", **place, delta=arguments)

    def _begin(
        self,
        kind: Literal["thought", "message", "call"],
        call_index: int | None = None,
        call_id: str = "",
        name: str = "",
    ) -> Iterator[StreamEvent]:
        yield from self._close("completed")
        item = _Item(kind, len(self._output), new_id(_PREFIX[kind]), call_index, call_id, name)
        self._open = item
        empty = item.written("in_progress")
        if kind != "call":
            empty["content"] = []
        yield self._event("response.output_item.added", output_index=item.place, item=empty)
        if kind == "message":
            part = text_part("")
            yield self._event("response.content_part.added", **self._content_place(item), part=part)

    def _close(self, status: str) -> Iterator[StreamEvent]:
        """The item that is open is complete, or as complete as it will be."""
        item, self._open = self._open, None
        if item is None:
            return
        match item.kind:
            case "thought":
                yield self._event("response.reasoning_text.done", **self._content_place(item), text=item.text)
            case "message":
                where, part = self._content_place(item), text_part(item.text, item.logprobs)
                done = {"text": item.text, "logprobs": item.logprobs}
                yield self._event("response.output_text.done", **where, **done)
                yield self._event("response.content_part.done", **where, part=part)
            case "call":
                done = {"name": item.name, "arguments": item.text}
                yield self._event("response.function_call_arguments.done", **self._place(item), **done)
        written = item.written(status)
        self._output.append(written)
        yield self._event("response.output_item.done", output_index=item.place, item=written)

    @staticmethod
    def _place(item: _Item) -> Payload:
        return {"item_id": item.id, "output_index": item.place}

    def _content_place(self, item: _Item) -> Payload:
        return {**self._place(item), "content_index": 0}
