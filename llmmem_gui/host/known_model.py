"""A small model of which everything is known: its file for llama.cpp, and what must come out of it.

The architecture is llama's. The weights are chance, drawn in the stored form: blocks of an element type
filled with random codes, decoded here as ggml's reference does (`dequantize_row_*` in ggml-quants.c). What
the model answers is computed here in single precision, so that a build of llama.cpp can be held against it
whose every kernel may be wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy
import numpy.typing

Floats = numpy.typing.NDArray[numpy.float32]
_Bytes = numpy.typing.NDArray[numpy.uint8]

TYPES: Sequence[str] = ("f16", "q4_0", "q4_K", "q6_K", "q8_0", "iq4_nl")
"""Element types whose kernels differ from processor to processor, and that people's models are made of."""

_TYPE_NUMBERS = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 8, "q4_K": 12, "q6_K": 14, "iq4_nl": 20}
_IQ4_NL_VALUES = numpy.array(
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], numpy.float32
)
_ALIGNMENT = 32
_EPSILON = 1e-5
_ROPE_BASE = 10_000.0


@dataclass(frozen=True)
class Shape:
    """How large the model is; `embedding` and `feed_forward` are multiples of 256."""

    types: tuple[str, ...] = (*TYPES, "f16")
    """The element type of each layer's matrices; there are as many layers.

    Of the last layer only keys and values are computed for a whole prompt, so that a wrong kernel for many
    tokens hardly shows there: each type has a layer after it.
    """
    embedding: int = 256
    feed_forward: int = 512
    heads: int = 4
    kv_heads: int = 2
    vocabulary: int = 320
    context: int = 512

    @property
    def head_size(self) -> int:
        """Elements of one head."""
        return self.embedding // self.heads


class KnownModel:
    """The weights, in the form in which they are stored and as numbers."""

    def __init__(self, shape: Shape = Shape(), seed: int = 1) -> None:
        self.shape = shape
        self._chance = numpy.random.default_rng(seed)
        self._stored: dict[str, tuple[str, tuple[int, ...], bytes]] = {}
        self._weights: dict[str, Floats] = {}
        width, kv_width = shape.embedding, shape.kv_heads * shape.head_size
        self._draw("token_embd.weight", "f16", shape.vocabulary, width, spread=1.0)
        self._draw("output.weight", "q6_K", shape.vocabulary, width)
        self._ones("output_norm.weight", width)
        for layer, kind in enumerate(shape.types):
            for name, rows, columns in (
                ("attn_q", width, width),
                ("attn_k", kv_width, width),
                ("attn_v", kv_width, width),
                ("attn_output", width, width),
                ("ffn_gate", shape.feed_forward, width),
                ("ffn_up", shape.feed_forward, width),
                ("ffn_down", width, shape.feed_forward),
            ):
                self._draw(f"blk.{layer}.{name}.weight", kind, rows, columns)
            self._ones(f"blk.{layer}.attn_norm.weight", width)
            self._ones(f"blk.{layer}.ffn_norm.weight", width)

    def write(self, path: Path) -> None:
        """Write the model as a GGUF file. Raises OSError."""
        metadata = self._metadata()
        header = [b"GGUF", struct.pack("<IQQ", 3, len(self._stored), len(metadata))]
        header += [_text(key) + _value(value) for key, value in metadata.items()]
        offset = 0
        for name, (kind, dimensions, data) in self._stored.items():
            header.append(_text(name) + struct.pack("<I", len(dimensions)))
            header.append(struct.pack(f"<{len(dimensions)}Q", *dimensions))
            header.append(struct.pack("<IQ", _TYPE_NUMBERS[kind], offset))
            offset += len(data) + -len(data) % _ALIGNMENT
        with path.open("wb") as file:
            file.write(b"".join(header))
            file.write(b"\0" * (-file.tell() % _ALIGNMENT))
            for _, _, data in self._stored.values():
                file.write(data + b"\0" * (-len(data) % _ALIGNMENT))

    def logits(self, tokens: Sequence[int]) -> Floats:
        """What must come out after each token of the sequence; shape (tokens, vocabulary)."""
        shape, weights = self.shape, self._weights
        state = weights["token_embd.weight"][list(tokens)]
        for layer in range(len(shape.types)):

            def matrix(name: str, layer: int = layer) -> Floats:
                transposed: Floats = weights[f"blk.{layer}.{name}.weight"].T
                return transposed

            normal = _normalised(state)
            queries = _rotated((normal @ matrix("attn_q")).reshape(len(tokens), shape.heads, -1))
            keys = _rotated((normal @ matrix("attn_k")).reshape(len(tokens), shape.kv_heads, -1))
            values = (normal @ matrix("attn_v")).reshape(len(tokens), shape.kv_heads, -1)
            state = state + _attention(queries, keys, values) @ matrix("attn_output")
            normal = _normalised(state)
            gate = normal @ matrix("ffn_gate")
            inner = gate / (1 + numpy.exp(-gate)) * (normal @ matrix("ffn_up"))
            state = state + inner @ matrix("ffn_down")
        logits: Floats = _normalised(state) @ weights["output.weight"].T
        return logits

    def _draw(self, name: str, kind: str, rows: int, columns: int, spread: float = 0.0) -> None:
        data, values = _DRAW[kind](self._chance, rows * columns, spread or columns**-0.5)
        # The first dimension of ggml is the one that lies together in memory.
        self._stored[name] = (kind, (columns, rows), data)
        self._weights[name] = values.reshape(rows, columns)

    def _ones(self, name: str, length: int) -> None:
        self._stored[name] = ("f32", (length,), numpy.ones(length, "<f4").tobytes())

    def _metadata(self) -> Mapping[str, object]:
        shape = self.shape
        names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
        names += [f"\u2581{number}" for number in range(shape.vocabulary - len(names))]
        kinds = [2, 3, 3, *[6] * 256, *[1] * (shape.vocabulary - 259)]
        return {
            "general.architecture": "llama",
            "general.name": "Self-test",
            "llama.context_length": shape.context,
            "llama.embedding_length": shape.embedding,
            "llama.block_count": len(shape.types),
            "llama.feed_forward_length": shape.feed_forward,
            "llama.attention.head_count": shape.heads,
            "llama.attention.head_count_kv": shape.kv_heads,
            "llama.attention.layer_norm_rms_epsilon": _EPSILON,
            "llama.rope.dimension_count": shape.head_size,
            "llama.rope.freq_base": _ROPE_BASE,
            "llama.vocab_size": shape.vocabulary,
            "tokenizer.ggml.model": "llama",
            "tokenizer.ggml.tokens": names,
            "tokenizer.ggml.scores": -numpy.arange(shape.vocabulary, dtype="<f4"),
            "tokenizer.ggml.token_type": numpy.array(kinds, "<i4"),
            "tokenizer.ggml.bos_token_id": 1,
            "tokenizer.ggml.eos_token_id": 2,
            "tokenizer.ggml.unknown_token_id": 0,
        }


def _normalised(state: Floats) -> Floats:
    scale = numpy.sqrt((state * state).mean(axis=-1, keepdims=True) + _EPSILON)
    normal: Floats = state / scale
    return normal


def _rotated(heads: Floats) -> Floats:
    """Rotary embedding of neighbouring pairs, as llama's; shape (tokens, heads, head size)."""
    size = heads.shape[-1]
    angles = numpy.arange(len(heads))[:, None] * _ROPE_BASE ** (-numpy.arange(0, size, 2) / size)
    sine, cosine = numpy.sin(angles)[:, None], numpy.cos(angles)[:, None]
    even, odd = heads[..., 0::2], heads[..., 1::2]
    turned = numpy.stack([even * cosine - odd * sine, even * sine + odd * cosine], axis=-1)
    return turned.reshape(heads.shape).astype(numpy.float32)


def _attention(queries: Floats, keys: Floats, values: Floats) -> Floats:
    """Causal attention in which groups of query heads share a key head; shape (tokens, heads × size)."""
    count, heads, size = queries.shape
    group = heads // keys.shape[1]
    keys, values = keys.repeat(group, axis=1), values.repeat(group, axis=1)
    scores = numpy.einsum("qhd,khd->hqk", queries, keys) / numpy.sqrt(size)
    scores = numpy.where(numpy.tril(numpy.ones((count, count), bool)), scores, -numpy.inf)
    shares = numpy.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    mixed: Floats = numpy.einsum("hqk,khd->qhd", shares, values).reshape(count, -1).astype(numpy.float32)
    return mixed


# Each draws as many elements of a spread (standard deviation): their stored bytes, and what these mean.


def _f16(chance: numpy.random.Generator, count: int, spread: float) -> tuple[bytes, Floats]:
    halves = (chance.standard_normal(count) * spread).astype("<f2")
    return halves.tobytes(), halves.astype(numpy.float32)


def _q8_0(chance: numpy.random.Generator, count: int, spread: float) -> tuple[bytes, Floats]:
    scale = _scales(spread / 73.6, count // 32)
    codes = chance.integers(-127, 128, (count // 32, 32), dtype=numpy.int8)
    values = _as_float(scale) * codes
    return numpy.hstack([scale, codes.view(numpy.uint8)]).tobytes(), values.astype(numpy.float32).reshape(-1)


def _q4_0(chance: numpy.random.Generator, count: int, spread: float) -> tuple[bytes, Floats]:
    scale = _scales(spread / 4.61, count // 32)
    codes = chance.integers(0, 256, (count // 32, 16), dtype=numpy.uint8)
    return _nibble_blocks(scale, codes, numpy.arange(-8, 8, dtype=numpy.float32))


def _iq4_nl(chance: numpy.random.Generator, count: int, spread: float) -> tuple[bytes, Floats]:
    scale = _scales(spread / 70.9, count // 32)
    codes = chance.integers(0, 256, (count // 32, 16), dtype=numpy.uint8)
    return _nibble_blocks(scale, codes, _IQ4_NL_VALUES)


def _nibble_blocks(scale: _Bytes, codes: _Bytes, meaning: Floats) -> tuple[bytes, Floats]:
    nibbles = numpy.hstack([codes & 15, codes >> 4])
    values: Floats = (_as_float(scale) * meaning[nibbles]).reshape(-1)
    return numpy.hstack([scale, codes]).tobytes(), values


def _q4_k(chance: numpy.random.Generator, count: int, spread: float) -> tuple[bytes, Floats]:
    blocks = count // 256
    # The offset takes away the middle of 7.5 that codes from 0 to 15 have.
    scale, offset = _scales(spread / 280, blocks), _scales(7.5 * spread / 280, blocks)
    packed = chance.integers(0, 256, (blocks, 12), dtype=numpy.uint8)
    codes = chance.integers(0, 256, (blocks, 4, 32), dtype=numpy.uint8)
    # Eight scales and eight offsets of six bits (get_scale_min_k4).
    low, mid, high = packed[:, 0:4], packed[:, 4:8], packed[:, 8:12]
    scales = numpy.hstack([low & 63, (high & 15) | (low >> 6) << 4])
    offsets = numpy.hstack([mid & 63, (high >> 4) | (mid >> 6) << 4])
    nibbles = numpy.stack([codes & 15, codes >> 4], axis=2).reshape(blocks, 8, 32)
    values = (_as_float(scale) * scales)[..., None] * nibbles - (_as_float(offset) * offsets)[..., None]
    stored = numpy.hstack([scale, offset, packed, codes.reshape(blocks, -1)])
    return stored.tobytes(), values.astype(numpy.float32).reshape(-1)


def _q6_k(chance: numpy.random.Generator, count: int, spread: float) -> tuple[bytes, Floats]:
    blocks = count // 256
    scale = _scales(spread / 1365, blocks)
    low = chance.integers(0, 256, (blocks, 2, 2, 32), dtype=numpy.uint8)
    high = chance.integers(0, 256, (blocks, 2, 32), dtype=numpy.uint8)
    scales = chance.integers(-128, 128, (blocks, 16), dtype=numpy.int8)
    lows = numpy.concatenate([low & 15, low >> 4], axis=2)  # four quarters of 32 in each half
    highs = numpy.stack([high >> shift & 3 for shift in (0, 2, 4, 6)], axis=2)
    codes = (lows | highs << 4).astype(numpy.int16).reshape(blocks, 16, 16) - 32
    values = _as_float(scale)[..., None] * scales[..., None] * codes
    stored = [low.reshape(blocks, -1), high.reshape(blocks, -1), scales.view(numpy.uint8), scale]
    return numpy.hstack(stored).tobytes(), values.astype(numpy.float32).reshape(-1)


_DRAW: Mapping[str, Callable[[numpy.random.Generator, int, float], tuple[bytes, Floats]]] = {
    "f16": _f16,
    "q8_0": _q8_0,
    "q4_0": _q4_0,
    "q4_K": _q4_k,
    "q6_K": _q6_k,
    "iq4_nl": _iq4_nl,
}


def _scales(value: float, blocks: int) -> _Bytes:
    """The same half-precision number for each block, as bytes; shape (blocks, 2)."""
    return numpy.tile(numpy.array([value], "<f2").view(numpy.uint8), (blocks, 1))


def _as_float(halves: _Bytes) -> Floats:
    numbers: Floats = halves.copy().view("<f2").astype(numpy.float32)
    return numbers


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(value: object) -> bytes:
    """A metadata value with its GGUF type in front."""
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
    assert isinstance(value, numpy.ndarray)
    return struct.pack("<IIQ", 9, 6 if value.dtype.kind == "f" else 5, len(value)) + value.tobytes()
