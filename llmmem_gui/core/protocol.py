"""Messages between the service, the nursery and the hosts.

On a host's socket every message is one frame: four bytes, big-endian, that give the length of the
body, and the body, a JSON object whose `type` names the message. On the nursery's socket, which
keeps message boundaries itself, a message is the body alone. Either end treats a body that it
cannot read as a broken peer.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.sentence import Sentence

HEADER_BYTES = 4
"""Length of the header of a frame."""

BODY_LIMIT_BYTES = 16 * 2**20
"""Longest body that either end writes or reads."""

Operation = Literal["chat", "completion", "embedding"]
"""What a host can be asked for."""


_Peer = TypeVar("_Peer")


class ProtocolError(ValueError):
    """The peer sent something that is not a message of this protocol."""


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag=True):
    """Base of every message."""


# To a host


class Conversations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a host keeps of conversations that its cache has no room for, and of all when it is stopped."""

    memory_bytes: int
    """Held at most in memory."""
    earlier: bytes | None = None
    """File of conversations from an earlier load of the same model with the same parameters and engine."""
    file: bytes | None = None
    """File to write them to when the host is stopped; it exists and is empty. None: they are forgotten."""
    file_bytes: int = 0
    """Written at most."""


class Load(Message, frozen=True):
    """Load the model file; the first message a host gets, and it gets it once."""

    path: bytes
    """The file's name as the operating system spells it (`os.fsencode`)."""
    parameters: LoadParameters
    threads: int = 1
    """Threads that compute, from now on."""
    data_limit_bytes: int | None = None
    """Private writable bytes, touched or not, that the model may add (`RLIMIT_DATA`); None: no limit."""
    extra_buffers: bool = True
    """Weights may be copied into the order that the processor computes fastest with."""
    conversations: Conversations = Conversations(0)
    projector: bytes | None = None
    """The file that reads images for the model; None: it reads text only."""


class Ask(Message, frozen=True):
    """Answer a request; answered with `Reading`s, `Chunk`s and one `Answered`, or with `AskFailed`."""

    request_id: int
    operation: Operation
    arguments: dict[str, Any]
    """Fields of the request as clients send them, already checked; with `stream` true the answer comes in
    chunks."""
    alone: bool = False
    """Nothing else is computed meanwhile: a host died with it and with others, and it may be the cause."""
    turn: int = 0
    """When not all can be under way at once, those with the smallest turns are first."""


class Cancel(Message, frozen=True):
    """End a request at once, also while its prompt is being read; one that is over is ignored."""

    request_id: int


class SetThreads(Message, frozen=True):
    """Compute with this many threads from the next token on."""

    threads: int


class Grow(Message, frozen=True):
    """Answer requests of the other use as well; a context of these parameters is made for the first."""

    parameters: LoadParameters
    added_bytes: int
    """Private bytes that the host may have more than its `data_limit_bytes`; 0 where it has none."""


class Doze(Message, frozen=True):
    """Drop the mapped weights from memory; answered with `Dozed`. The next request wakes the host."""


class Stop(Message, frozen=True):
    """End the process now; with `keeps` after the conversations were written, answered with `Kept`."""

    keeps: bool = False


ToHost = Load | Ask | Cancel | SetThreads | Grow | Doze | Stop


# From a host


class Born(Message, frozen=True):
    """The process runs; the first message of a host."""

    shared_bytes: int
    """Anonymous bytes that the host shares with the nursery, which owns them."""


class Loaded(Message, frozen=True):
    """The model is ready."""

    context: int
    """Tokens of context really given (`n_ctx`); llama.cpp rounds it up to a multiple of 256."""
    seconds: float
    engine_version: str
    sandbox: tuple[str, ...]
    """Layers of protection in force, such as `landlock-7` and `seccomp`."""
    has_chat_template: bool
    embedding_length: int
    vocabulary_size: int
    trained_context: int
    """Tokens of context that the model was trained with, as its file says."""
    weights_bytes: int
    """Bytes of all tensors."""
    shared_bytes: int
    """Anonymous bytes still shared with the nursery; what the host wrote to has become its own."""
    gives_embeddings: bool = False
    """It answers `embedding`, and nothing else; a model that cannot generate does so unasked."""
    sees: bool = False
    """It reads images."""


class LoadFailed(Message, frozen=True):
    """The model cannot be loaded; the host ends after this message."""

    reason: Sentence


class Chunk(Message, frozen=True):
    """A part of an answer, in the form of an OpenAI stream chunk."""

    request_id: int
    payload: dict[str, Any]


class Reading(Message, frozen=True):
    """A request is computed: how far its prompt has been read. Comes before each step that reads of it."""

    request_id: int
    read_tokens: int
    """With those that were in the context already."""
    prompt_tokens: int


class Answered(Message, frozen=True):
    """A request is over."""

    request_id: int
    payload: dict[str, Any] | None
    """The whole answer in OpenAI's form; None after chunks or a cancellation."""
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    first_token_seconds: float | None
    """Time until the first token was chosen; None when there was none."""
    shared_bytes: int
    """Anonymous bytes still shared with the nursery."""
    cached_tokens: int = 0
    """Tokens of the prompt that were in the context already and were not read again."""
    thought_tokens: int = 0
    """Of the completion's tokens, those of thoughts before the answer."""
    filled_tokens: int = 0
    """Most tokens that ever lay in the context at once, of all requests together."""
    cancelled: bool = False
    notice: Sentence | None = None
    """A sentence for the user about how the answer was made, such as a chat template set aside."""


class AskFailed(Message, frozen=True):
    """A request cannot be answered; the host goes on."""

    request_id: int
    reason: Sentence
    code: str | None = None
    """What kind of fault it is, in the words of OpenAI's API, where it has a word for it."""
    parameter: str | None = None
    """The field of the request that is at fault."""
    numbers: dict[str, int] = {}
    """Figures that the reason names."""


class Dozed(Message, frozen=True):
    """The mapped weights are out of memory."""

    before_bytes: int
    """Resident bytes of mapped files before."""
    after_bytes: int
    """Resident bytes of mapped files after."""
    seconds: float


class Kept(Message, frozen=True):
    """The file of conversations is whole; the host ends after this message."""

    conversations: int


FromHost = Born | Loaded | LoadFailed | Chunk | Reading | Answered | AskFailed | Dozed | Kept


# To and from the nursery


class Birth(Message, frozen=True):
    """Start a host; the socket and the standard error that it shall have come with the message."""

    birth_id: int


ToNursery = Birth


class NurseryReady(Message, frozen=True):
    """The nursery has imported llama.cpp and takes births."""

    engine_version: str
    gpu_offload: bool
    """llama.cpp was built for a GPU, so that each host is a fresh program instead of a fork."""


class Forked(Message, frozen=True):
    """A host was started; its pidfd comes with the message."""

    birth_id: int
    pid: int


class BirthFailed(Message, frozen=True):
    """A host could not be started."""

    birth_id: int
    reason: Sentence


class Exited(Message, frozen=True):
    """A host ended and was reaped."""

    pid: int
    exit_code: int
    """Exit code of the process; minus the signal's number when a signal ended it."""


FromNursery = NurseryReady | Forked | BirthFailed | Exited


def encode(message: Message) -> bytes:
    """Give the body of a message.

    Raises `ProtocolError` when it is longer than `BODY_LIMIT_BYTES` or holds what JSON cannot.
    """
    try:
        body = msgspec.json.encode(message)
    except (TypeError, ValueError, UnicodeError) as error:
        raise ProtocolError(f"a {type(message).__name__} cannot be written as JSON: {error}") from error
    if len(body) > BODY_LIMIT_BYTES:
        raise ProtocolError(
            f"a {type(message).__name__} of {len(body)} bytes is longer than the {BODY_LIMIT_BYTES} allowed"
        )
    return body


def frame(message: Message) -> bytes:
    """Give the whole frame of a message: header and body. Raises `ProtocolError` as `encode` does."""
    body = encode(message)
    return len(body).to_bytes(HEADER_BYTES, "big") + body


def body_length(header: bytes) -> int:
    """Give the length in bytes of the body that follows a header.

    Raises `ProtocolError` when the header is not four bytes or the length is 0 or above the limit.
    """
    length = int.from_bytes(header, "big")
    if len(header) != HEADER_BYTES or not 0 < length <= BODY_LIMIT_BYTES:
        raise ProtocolError(f"the header {header!r} gives no length from 1 to {BODY_LIMIT_BYTES}")
    return length


_to_host: msgspec.json.Decoder[ToHost] = msgspec.json.Decoder(ToHost)
_from_host: msgspec.json.Decoder[FromHost] = msgspec.json.Decoder(FromHost)
_to_nursery: msgspec.json.Decoder[ToNursery] = msgspec.json.Decoder(ToNursery)
_from_nursery: msgspec.json.Decoder[FromNursery] = msgspec.json.Decoder(FromNursery)


def decode_to_host(body: bytes) -> ToHost:
    """Read a message to a host. Raises `ProtocolError`."""
    return _decode(_to_host, body)


def decode_from_host(body: bytes) -> FromHost:
    """Read a message from a host. Raises `ProtocolError`."""
    return _decode(_from_host, body)


def decode_to_nursery(body: bytes) -> ToNursery:
    """Read a message to the nursery. Raises `ProtocolError`."""
    return _decode(_to_nursery, body)


def decode_from_nursery(body: bytes) -> FromNursery:
    """Read a message from the nursery. Raises `ProtocolError`."""
    return _decode(_from_nursery, body)


def _decode(decoder: msgspec.json.Decoder[_Peer], body: bytes) -> _Peer:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"not a message of this protocol: {error}") from error
