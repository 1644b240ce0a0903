"""The rule for the fields of OpenAI's requests: what is passed over, what is refused, what is told.

A field that would change the answer and has no effect here is refused, because a field that is accepted and
ignored is a wrong answer that looks right. One that cannot change it is accepted. A field that nobody here
knows may be either: it is accepted, as every other server does, and named in the answer's headers; whoever
wants to be sure turns `api.strict` on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from starlette.requests import Request

from llmmem_gui.service.http.errors import invalid_body, refused
from llmmem_gui.service.http.guard import read_json
from llmmem_gui.service.http.openai_schemas import Message, Record

IGNORED_HEADER = "x-llmmem-ignored"
MOST_NAMED = 20
"""Of more ignored fields only so many are named."""

Body = TypeVar("Body", bound=Record)

_OTHER_NAMES = {
    "max_completion_tokens": "max_tokens",
    "n_predict": "max_tokens",
    "num_predict": "max_tokens",
    "repetition_penalty": "repeat_penalty",
    "random_seed": "seed",
    "n_cmpl": "n",
    "reasoning_budget": "thinking_budget",
    "thinking_budget_tokens": "thinking_budget",
    "max_thinking_tokens": "thinking_budget",
    "regex": "guided_regex",
    "ebnf": "guided_grammar",
}
"""Fields that other servers call differently."""

_LABELS = "user metadata store safety_identifier request_id session_id chat_id conversation_id"
_USERS = ("user", "safety_identifier")
_FOR_OTHER_SERVERS = """
    prompt_cache_key prompt_cache_retention cache_prompt cache_salt cache_reuse id_slot slot_id n_keep
    n_discard service_tier provider route models transforms usage keep_alive ttl draft_model prediction
    priority timeout
"""
"""What they cache, and how they route, bill and schedule."""
_BESIDE_THE_ANSWER = """
    stream_include_usage return_progress timings_per_token return_tokens return_token_ids include_reasoning
    guided_decoding_backend detokenize parse_tool_calls
"""
_SO_IN_ANY_CASE = "truncate input_type raw"
_WITHOUT_EFFECT = frozenset(
    name
    for names in (_LABELS, _FOR_OTHER_SERVERS, _BESIDE_THE_ANSWER, _SO_IN_ANY_CASE)
    for name in names.split()
)
"""Fields that cannot change an answer here, whatever their value."""

_NEUTRAL: Mapping[str, Collection[Any]] = {
    "use_beam_search": (False,),
    "length_penalty": (1,),
    "early_stopping": (False,),
    "tfs_z": (1,),
    "modalities": (["text"],),
    "audio": (),
    "web_search_options": (),
    "include_stop_str_in_output": (False,),
    "skip_special_tokens": (True,),
    "spaces_between_special_tokens": (True, False),
    "chat_template": (),
    "documents": (),
    "allowed_token_ids": (),
    "bad_words": (),
    "logits_processors": (),
    "prompt_logprobs": (),
    "truncate_prompt_tokens": (),
    "t_max_predict_ms": (0, -1),
    "n_indent": (0,),
    "lora": (),
    "guided_whitespace_pattern": (),
    "embd_normalize": (2,),
}
"""Fields that would change the answer and cannot here, with the values that ask for nothing."""
_OF_MESSAGES = frozenset({"id", "cache_control", "annotations", "parsed", "timestamp", "type"})
"""Fields of messages that clients send back as they got them, and that no template reads."""


@dataclass(frozen=True, slots=True)
class Asked(Generic[Body]):
    """A request that was read."""

    body: Body
    ignored: tuple[str, ...]
    """Fields that nobody here knows."""
    user: str = ""
    """For whom the client asks, if it says so."""

    @property
    def headers(self) -> dict[str, str]:
        """What the answer's headers tell of it."""
        if not self.ignored:
            return {}
        named = [_written(name) for name in self.ignored[:MOST_NAMED]]
        return {IGNORED_HEADER: ", ".join([*named, *(["..."] if len(self.ignored) > MOST_NAMED else [])])}


_object = msgspec.json.Decoder(dict[str, Any])


async def read_fields(request: Request, kind: type[Body], *, strict: bool) -> Asked[Body]:
    """The body of a request, by the rule for fields. Raises `ApiError`, and what `read_json` does."""
    given: dict[str, Any] = await read_json(request, _object)
    return fields_of(given, kind, strict=strict)


def fields_of(given: Mapping[str, Any], kind: type[Body], *, strict: bool) -> Asked[Body]:
    """The fields of a request by the rule for them. Raises `ApiError` 400."""
    fields = _under_our_names(given)
    for name in _NEUTRAL.keys() & fields.keys():
        if fields[name] not in ([], {}, "", *_NEUTRAL[name]):
            raise refused(
                name, f"the field {name} asks for something that is not supported here: leave it out"
            )
    known = {*kind.__struct_fields__, *_WITHOUT_EFFECT, *_NEUTRAL}
    ignored = [name for name in fields if name not in known]
    if "messages" in kind.__struct_fields__:
        ignored += sorted(set(_unknown_of_messages(fields.get("messages"))))
    if strict and ignored:
        raise refused(
            ignored[0],
            f"the field {_written(ignored[0])} is not known here, and the setting api.strict is on",
        )
    try:
        body = msgspec.convert({name: _whole(value) for name, value in fields.items()}, kind)
    except msgspec.ValidationError as error:
        raise invalid_body(
            error, {ours: other for other, ours in _OTHER_NAMES.items() if other in given}
        ) from None
    users = (fields.get(name) for name in _USERS)
    return Asked(body, tuple(ignored), next((user for user in users if isinstance(user, str)), ""))


def _under_our_names(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that have a value, each once. Raises `ApiError` for two names with different values."""
    fields = {name: value for name, value in given.items() if value is not None}
    for other, ours in _OTHER_NAMES.items():
        if other in fields:
            value = fields.pop(other)
            if fields.setdefault(ours, value) != value:
                raise refused(other, f"the fields {ours} and {other} mean the same and exclude each other")
    return fields


def _unknown_of_messages(messages: Any) -> Iterator[str]:
    known = {*Message.__struct_fields__, *_OF_MESSAGES}
    for message in messages if isinstance(messages, list) else ():
        for name, value in message.items() if isinstance(message, dict) else ():
            if name not in known and value:
                yield f"messages.{name}"


def _whole(value: Any) -> Any:
    """A number as it is; one that is whole as such, because some clients write 16.0 for 16."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _written(name: str) -> str:
    """The name of a field in letters that may stand in a header."""
    return re.sub(r"[^A-Za-z0-9_.\-]", "?", name)[:40]
