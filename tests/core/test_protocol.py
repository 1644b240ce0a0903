"""Messages survive the way from one end to the other, and nothing else passes for one."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmem_gui.core import protocol
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.sentence import Sentence, Size, verbatim

NUMBERS = st.integers(0, 2**53)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)))
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=10,
)
OBJECTS = st.dictionaries(TEXTS, JSON)

FILLED = st.builds(Sentence, TEXTS, TEXTS, st.dictionaries(TEXTS, TEXTS | NUMBERS | st.builds(Size, NUMBERS)))
SENTENCES = FILLED | st.builds(Sentence, TEXTS, TEXTS, st.dictionaries(TEXTS, FILLED))

TO_HOST = st.one_of(
    st.builds(
        protocol.Load,
        path=st.binary(),
        parameters=st.builds(LoadParameters, context=st.integers(1, 2**20), memory_map=st.booleans()),
        threads=NUMBERS,
        data_limit_bytes=st.none() | NUMBERS,
    ),
    st.builds(protocol.Ask, NUMBERS, st.sampled_from(["chat", "completion", "embedding"]), OBJECTS),
    st.builds(protocol.Cancel, NUMBERS),
    st.builds(protocol.SetThreads, NUMBERS),
    st.just(protocol.Doze()),
    st.just(protocol.Stop()),
)
FROM_HOST = st.one_of(
    st.builds(protocol.LoadFailed, SENTENCES),
    st.builds(protocol.Chunk, NUMBERS, OBJECTS),
    st.builds(protocol.AskFailed, NUMBERS, SENTENCES),
)


@given(TO_HOST)
def test_a_message_to_a_host_arrives_as_it_was(message: protocol.ToHost) -> None:
    """A frame is its header and a body that decodes to the same message."""
    frame = protocol.frame(message)
    header, body = frame[: protocol.HEADER_BYTES], frame[protocol.HEADER_BYTES :]
    assert protocol.body_length(header) == len(body)
    assert protocol.decode_to_host(body) == message


@given(FROM_HOST)
def test_a_message_from_a_host_arrives_as_it_was(message: protocol.FromHost) -> None:
    """The other direction, with texts and objects of any content."""
    assert protocol.decode_from_host(protocol.encode(message)) == message


@pytest.mark.parametrize(
    "message",
    [protocol.NurseryReady("0.3.36", False), protocol.Forked(1, 2), protocol.Exited(2, -9)],
)
def test_a_message_from_the_nursery_arrives_as_it_was(message: protocol.FromNursery) -> None:
    """The nursery's messages are bodies alone."""
    assert protocol.decode_from_nursery(protocol.encode(message)) == message


@given(st.binary())
def test_bytes_decode_to_a_message_or_to_an_error(body: bytes) -> None:
    """No bytes raise anything but `ProtocolError`."""
    for decode in (protocol.decode_to_host, protocol.decode_from_host, protocol.decode_from_nursery):
        with pytest.raises(protocol.ProtocolError):
            decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b'{"type":"Load"}',
        b'{"type":"Loaded"}',
        b'{"type":"Stop","more":1}',
        b'{"type":"Cancel","request_id":"1"}',
        b'{"type":"Cancel","request_id":1} {"type":"Stop"}',
        b'{"type":"Ask","request_id":1,"operation":"tokenize","arguments":{}}',
        b'{"type":"Ask","request_id":1,"operation":"chat","arguments":' + b"[" * 100_000,
        b'{"type":"Ask","request_id":1,"operation":"chat","arguments":{"\xff":1}}',
    ],
)
def test_what_is_no_message_to_a_host_is_refused(body: bytes) -> None:
    """Unknown messages, fields and operations, wrong types, deep nesting and broken text are errors."""
    with pytest.raises(protocol.ProtocolError, match=r"^not a message of this protocol: "):
        protocol.decode_to_host(body)


@pytest.mark.parametrize("header", [b"", b"\0\0\0", b"\0\0\0\0", b"\1\0\0\1", b"\xff\xff\xff\xff", b"HTTP/"])
def test_a_header_without_a_possible_length_is_refused(header: bytes) -> None:
    """Nothing, too few or many bytes, zero, and more than the limit are no lengths."""
    with pytest.raises(protocol.ProtocolError, match="gives no length from 1 to 16777216"):
        protocol.body_length(header)


def test_the_longest_body_is_the_limit() -> None:
    """A body of exactly the limit is sent and announced; one byte more is refused by the sender."""
    around = len(protocol.encode(protocol.LoadFailed(verbatim(""))))
    text = "x" * (protocol.BODY_LIMIT_BYTES - around)
    longest = protocol.LoadFailed(verbatim(text))
    assert protocol.body_length(protocol.frame(longest)[:4]) == protocol.BODY_LIMIT_BYTES
    with pytest.raises(protocol.ProtocolError, match="a LoadFailed of 16777217 bytes is longer"):
        protocol.frame(protocol.LoadFailed(verbatim(text + "x")))


def test_text_that_is_no_text_is_refused() -> None:
    """Half of a surrogate pair cannot be written."""
    with pytest.raises(protocol.ProtocolError, match="a LoadFailed cannot be written as JSON"):
        protocol.encode(protocol.LoadFailed(verbatim("\udcff")))


def test_the_header_is_big_endian() -> None:
    """Four bytes, the most significant first."""
    frame = protocol.frame(protocol.Stop())
    assert frame == struct.pack(">I", len(frame) - 4) + b'{"type":"Stop","keeps":false}'
