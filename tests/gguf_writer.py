"""Writes GGUF files for tests: any header, and weights that are made up."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy

from llmmem_gui.core.ggml_types import BY_NAME, ELEMENT_TYPES
from llmmem_gui.service.library.model_files import read_header

UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64, INT64, FLOAT64 = range(13)
FORMATS = {UINT8: "B", INT8: "b", UINT16: "H", INT16: "h", UINT32: "I", INT32: "i", FLOAT32: "f", BOOL: "?"}
FORMATS |= {UINT64: "Q", INT64: "q", FLOAT64: "d"}
TYPE_NUMBERS = {kind.name: number for number, kind in ELEMENT_TYPES.items()}


class Typed(NamedTuple):
    """A metadata value with its GGUF type, for where the type cannot be told from the value."""

    kind: int
    value: object


class TensorSpec(NamedTuple):
    """A tensor to be written: its row of the table; the weights are made up."""

    name: str
    type: str
    dimensions: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        elements = 1
        for dimension in self.dimensions:
            elements *= dimension
        return BY_NAME[self.type].row_bytes(elements)


def text(value: str | bytes) -> bytes:
    """A GGUF string."""
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def value_bytes(value: object) -> bytes:
    """A GGUF value with its type in front."""
    if isinstance(value, Typed):
        return struct.pack("<I", value.kind) + _payload(value.kind, value.value)
    if isinstance(value, (list, tuple)):
        kind = _kind(value[0]) if value else UINT32
        body = b"".join(_payload(kind, item) for item in value)
        return struct.pack("<IIQ", ARRAY, kind, len(value)) + body
    if isinstance(value, numpy.ndarray):
        kind = {"f": FLOAT32, "i": INT32}[value.dtype.kind]
        return struct.pack("<IIQ", ARRAY, kind, len(value)) + value.tobytes()
    return struct.pack("<I", _kind(value)) + _payload(_kind(value), value)


def _kind(value: object) -> int:
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return UINT32 if value >= 0 else INT32
    return FLOAT32 if isinstance(value, float) else STRING


def _payload(kind: int, value: object) -> bytes:
    if kind == STRING:
        return text(value)  # type: ignore[arg-type]
    if kind == ARRAY:
        return value  # type: ignore[return-value]
    return struct.pack("<" + FORMATS[kind], value)


def tensor_row(spec: TensorSpec, offset: int) -> bytes:
    """One row of the tensor table."""
    shape = struct.pack(f"<I{len(spec.dimensions)}Q", len(spec.dimensions), *spec.dimensions)
    return text(spec.name) + shape + struct.pack("<IQ", TYPE_NUMBERS[spec.type], offset)


def header_bytes(
    metadata: Mapping[str, object], tensors: Sequence[TensorSpec], version: int = 3, alignment: int = 32
) -> bytes:
    """A whole header, padded to where the weights begin."""
    parts = [b"GGUF", struct.pack("<IQQ", version, len(tensors), len(metadata))]
    parts += [text(key) + value_bytes(value) for key, value in metadata.items()]
    offset = 0
    for spec in tensors:
        parts.append(tensor_row(spec, offset))
        offset = padded(offset + spec.size_bytes, alignment)
    header = b"".join(parts)
    return header.ljust(padded(len(header), alignment), b"\0")


def padded(size: int, alignment: int = 32) -> int:
    """`size` rounded up to a multiple of `alignment`."""
    return -(-size // alignment) * alignment


def write_gguf(path: Path, metadata: Mapping[str, object], tensors: Sequence[TensorSpec]) -> Path:
    """Write a GGUF file with made-up weights: norms are 1, biases 0, matrices small random numbers."""
    generator = numpy.random.default_rng(20)
    with open(path, "wb") as file:
        file.write(header_bytes(metadata, tensors))
        for spec in tensors:
            for piece in _weights(spec, generator):
                file.write(piece)
            file.write(bytes(padded(spec.size_bytes) - spec.size_bytes))
    return path


def write_sparse_gguf(path: Path, metadata: Mapping[str, object], tensors: Sequence[TensorSpec]) -> Path:
    """Write a GGUF file of full length whose weights are a hole: it takes no room on disk."""
    header = header_bytes(metadata, tensors)
    with open(path, "wb") as file:
        file.write(header)
        file.truncate(len(header) + sum(padded(spec.size_bytes) for spec in tensors))
    return path


_PIECE_BYTES = 4 * 1024**2
# Where a block keeps its 16-bit scales; the rest of a block may hold any bits.
_SCALE_OFFSETS = {"q8_0": (0,), "q4_0": (0,), "iq4_nl": (0,), "q4_1": (0, 2), "q5_0": (0,), "q5_1": (0, 2)}
_SCALE_OFFSETS |= {"q4_K": (0, 2), "q5_K": (0, 2), "q6_K": (208,), "q2_K": (80, 82), "q3_K": (108,)}


def _weights(spec: TensorSpec, generator: numpy.random.Generator) -> Iterator[bytes]:
    if spec.type == "f32":
        elements = spec.size_bytes // 4
        fill = 0.0 if spec.name.endswith(".bias") else 1.0 if "norm" in spec.name else 0.02
        yield numpy.full(elements, fill, "<f4").tobytes()
        return
    piece = _random_blocks(spec.type, min(spec.size_bytes, _PIECE_BYTES), generator)
    left = spec.size_bytes
    while left:
        yield piece[:left]
        left -= min(left, len(piece))


def _random_blocks(kind: str, size: int, generator: numpy.random.Generator) -> bytes:
    if kind == "f16":
        return generator.normal(0, 0.02, size // 2).astype("<f2").tobytes()
    block = BY_NAME[kind].block_bytes
    blocks = generator.integers(0, 256, (size // block, block), numpy.uint8)
    scale = numpy.frombuffer(numpy.float16(0.001).tobytes(), numpy.uint8)
    for offset in _SCALE_OFFSETS[kind]:
        blocks[:, offset : offset + 2] = scale
    return blocks.tobytes()


def copy_with_metadata(source: Path, target: Path, added: Mapping[str, str]) -> Path:
    """Write a model file anew with further texts in its metadata."""
    weights_offset = read_header(source).weights_offset
    keys = b"".join(text(key) + value_bytes(value) for key, value in added.items())
    # What comes behind stays aligned.
    filler = text("general.filler") + value_bytes("")
    keys += text("general.filler") + value_bytes("." * (-len(keys + filler) % 32))
    with open(source, "rb") as old, open(target, "wb") as new:
        magic, version, tensors, count = struct.unpack("<4sIQQ", old.read(24))
        new.write(struct.pack("<4sIQQ", magic, version, tensors, count + len(added) + 1))
        new.write(keys + old.read(weights_offset - 24))
        shutil.copyfileobj(old, new)
    return target
