"""Files that pretend to be models: named cases, each with what its reason must say."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.gguf_writer import (
    ARRAY,
    FLOAT32,
    INT32,
    STRING,
    UINT8,
    UINT32,
    UINT64,
    TensorSpec,
    Typed,
    header_bytes,
    tensor_row,
    text,
    value_bytes,
    write_gguf,
)
from tests.made_up_models import Recipe, model_metadata, model_tensors

RECIPE = Recipe(layers=2, embedding=64, feed_forward=64, heads=2, kv_heads=1, head_size=32, vocabulary=300)
HUGE = (2**31, 2**32, 2**40, 2**62, 2**63, 2**64 - 1)


class HostileFile(NamedTuple):
    """One bad file: its name, its bytes, and words that the reason must contain."""

    name: str
    content: bytes
    reason: str


def good_model() -> bytes:
    """A small model that is in order, to be damaged."""
    return header_bytes(model_metadata(RECIPE), model_tensors(RECIPE)) + bytes(_weights_bytes())


def _weights_bytes() -> int:
    return sum(-(-spec.size_bytes // 32) * 32 for spec in model_tensors(RECIPE))


def _header(keys: int = 0, tensors: int = 0, version: int = 3, magic: bytes = b"GGUF") -> bytes:
    return magic + struct.pack("<IQQ", version, tensors, keys)


def _pair(key: str | bytes, value: bytes) -> bytes:
    return _header(1) + text(key) + value + bytes(64)


def _row(name: str, dimensions: tuple[int, ...], kind: int, offset: int = 0) -> bytes:
    shape = struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
    return text(name) + shape + struct.pack("<IQ", kind, offset)


def _table(*rows: bytes) -> bytes:
    return _header(0, len(rows)) + b"".join(rows) + bytes(256)


def hostile_files() -> Iterator[HostileFile]:
    """All named cases."""
    for group in (_beginnings, _counts, _pairs, _tables, _truncations, _lies):
        yield from (HostileFile(*case) for case in group())


Case = tuple[str, bytes, str]


def _beginnings() -> Iterator[Case]:
    yield "empty", b"", "only 0 bytes"
    yield "one byte", b"G", "only 1 bytes"
    yield "magic alone", b"GGUF", "only 4 bytes"
    yield "half a preamble", _header()[:20], "only 20 bytes"
    yield "web page", b"<!DOCTYPE html><html><head><title>404</title>", "not a GGUF model"
    yield "old format", _header(magic=b"ggml"), "not a GGUF model"
    yield "magic reversed", _header(magic=b"FUGG"), "not a GGUF model"
    yield "zeros", bytes(4096), "not a GGUF model"
    yield "big-endian", b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"
    for version in (0, 1, 4, 999, 2**31 + 1):
        yield f"version {version}", _header(version=version), f"version {version:,}"
    yield "nothing in it", _header(), "does not name its architecture"


def _counts() -> Iterator[Case]:
    for count in HUGE:
        yield f"{count} tensors", _header(tensors=count), f"{count:,} tensors"
        yield f"{count} keys", _header(keys=count), f"{count:,} metadata keys"
    yield "one key missing", _header(keys=1), "incomplete"
    yield "one tensor missing", _header(tensors=1), "incomplete"
    yield "thousand empty keys", _header(keys=1000) + bytes(100_000), "is empty"


def _pairs() -> Iterator[Case]:
    string, number = struct.pack("<I", STRING), struct.pack("<I", UINT32)
    for length in HUGE:
        yield f"key of {length}", _header(1) + struct.pack("<Q", length) + bytes(64), f"{length:,} bytes long"
        yield f"string of {length}", _pair("a", string + struct.pack("<Q", length)), "needs"
        for kind, name in ((UINT8, "bytes"), (UINT32, "numbers"), (STRING, "strings")):
            array = struct.pack("<IIQ", ARRAY, kind, length)
            yield f"array of {length} {name}", _pair("a", array), "needs" if kind != STRING else "strings"
    yield "empty key", _pair("", value_bytes(1)), "is empty"
    yield "key with line breaks", _pair("a\n\x1b[31mb", struct.pack("<I", 13)), "\\x0a\\x1b[31mb"
    yield "key twice", _header(2) + (text("a") + value_bytes(1)) * 2, "twice"
    yield "value of type 13", _pair("a", struct.pack("<I", 13)), "type 13"
    yield "array of type 99", _pair("a", struct.pack("<IIQ", ARRAY, 99, 1)), "type 99"
    yield "array of arrays", _pair("a", struct.pack("<IIQ", ARRAY, ARRAY, 1)), "array of arrays"
    yield (
        "string in an array too long",
        _pair("a", struct.pack("<IIQQ", ARRAY, STRING, 2, 1) + b"x" + struct.pack("<Q", 2**60)),
        "needs",
    )
    for alignment in (0, 3, 13, 2**31 + 1):
        yield f"alignment {alignment}", _pair("general.alignment", value_bytes(alignment)), "power of two"
    yield "alignment as text", _pair("general.alignment", value_bytes("32")), "power of two"
    yield "architecture as number", _pair("general.architecture", number + bytes(4)), "architecture"


def _tables() -> Iterator[Case]:
    spec = TensorSpec("a", "f32", (8,))
    yield "tensor twice", _table(tensor_row(spec, 0), tensor_row(spec, 32)), "twice"
    yield "tensor name of 64", _table(_row("a" * 64, (8,), 0)), "64 bytes long"
    yield "tensor name of 2^60", _header(0, 1) + struct.pack("<Q", 2**60) + bytes(64), "bytes long"
    yield "five dimensions", _table(_row("a", (1,) * 5, 0)), "5 dimensions"
    yield (
        "four billion dimensions",
        _header(0, 1) + text("a") + struct.pack("<I", 2**32 - 1) + bytes(64),
        ("dimensions"),
    )
    for kind in (4, 5, 31, 36, 43, 2**32 - 1):
        yield f"tensor of type {kind}", _table(_row("a", (256,), kind)), f"type {kind:,}"
    yield "row not of blocks", _table(_row("a", (33,), 8)), "multiple of 32"
    yield "row not of super blocks", _table(_row("a", (32,), 12)), "multiple of 256"
    yield "negative dimension", _table(_row("a", (2**63,), 0)), "impossible shape"
    yield "product overflows", _table(_row("a", (2**32, 2**32), 0)), "impossible shape"
    yield "product overflows through zero", _table(_row("a", (2**62, 4, 0), 0)), "impossible shape"
    yield "bytes overflow", _table(_row("a", (2**61,), 0)), "needs"
    yield "quantised bytes overflow", _table(_row("a", (2**60, 4), 2)), "needs"
    yield "two halves of everything", _table(_row("a", (2**61,), 0), _row("b", (2**61,), 0, 2**63)), "needs"
    yield "offset beyond the file", _table(_row("a", (8,), 0, 2**40)), "lies at"
    yield "offset not aligned", _table(_row("a", (8,), 0, 1)), "lies at 1"
    yield "tensors overlap", _table(_row("a", (16,), 0), _row("b", (16,), 0, 32)), "expected 64"
    yield "gap between tensors", _table(_row("a", (8,), 0), _row("b", (8,), 0, 64)), "expected 32"


def _truncations() -> Iterator[Case]:
    good = good_model()
    for percent in (1, 10, 50, 90, 99):
        yield f"cut at {percent} %", good[: len(good) * percent // 100], "incomplete"
    yield "last byte missing", good[:-1], "incomplete"
    yield "header alone", good[: -_weights_bytes()], "incomplete"


def _lies() -> Iterator[Case]:
    """Headers in order whose numbers make llama.cpp refuse the model, or end its process."""
    changes: dict[str, tuple[object, str]] = {
        "llama.block_count": (0, "block_count"),
        "llama.context_length": (2**31, "context_length"),
        "llama.embedding_length": (0, "embedding_length"),
        "llama.attention.head_count": (2**32 - 1, "head_count"),
        "llama.attention.head_count_kv": ([1, 1, 1], "lists 3 layers"),
        "llama.feed_forward_length": (Typed(UINT64, 2**63), "feed_forward_length"),
        "llama.expert_count": (2**20, "expert_count"),
        "llama.expert_used_count": (3, "3 of 0 experts"),
        "llama.attention.key_length": ("many", "whole number"),
        "general.architecture": ("clip", "mmproj"),
        "general.type": ("adapter", "adapter"),
    }
    for key, (value, reason) in changes.items():
        yield f"{key} is {value!r:.20}", _model_with({key: value}), reason
    for layers in (513, 2**31, 2**32 - 1):
        yield f"{layers} layers", _model_with({"llama.block_count": layers}), f"{layers:,}"
    yield "architecture of 1,000 letters", _model_with({"general.architecture": "x" * 1000}), "architecture"
    yield "layers as text", _model_with({"llama.block_count": "2"}), "whole number"
    yield "negative layers", _model_with({"llama.block_count": Typed(INT32, -2)}), "-2"
    yield "layers as fraction", _model_with({"llama.block_count": Typed(FLOAT32, 2.5)}), "whole number"
    yield "no layers", _model_with({"llama.block_count": None}), "missing"
    yield "experts that nobody uses", _model_with({"llama.expert_count": 4}), "0 of 4 experts"
    yield "no weights", header_bytes(model_metadata(RECIPE), []), "no weights"


def _model_with(changes: dict[str, object]) -> bytes:
    metadata = model_metadata(RECIPE) | changes
    metadata = {key: value for key, value in metadata.items() if value is not None}
    return header_bytes(metadata, model_tensors(RECIPE)) + bytes(_weights_bytes())


def mutant(original: bytes, changes: list[tuple[int, int]]) -> bytes:
    """`original` with single bytes of its first 9,000 replaced: pairs of position and new byte."""
    damaged = bytearray(original)
    for position, byte in changes:
        damaged[position % min(9_000, len(damaged))] = byte
    return bytes(damaged)


def write_good_model(path: Path) -> Path:
    """A small model that is in order, with random weights."""
    return write_gguf(path, model_metadata(RECIPE), model_tensors(RECIPE))
