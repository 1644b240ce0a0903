"""Bounded reader of the header of a GGUF file: metadata and tensor table, never the weights."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from llmmem_gui.core.file_window import FileWindow, InvalidModel, printable
from llmmem_gui.core.ggml_types import ELEMENT_TYPES, FILE_TYPES
from llmmem_gui.core.sentence import Count, Sentence

MAXIMUM_KEYS = 8_192
MAXIMUM_KEY_BYTES = 512
MAXIMUM_TENSORS = 65_536
MAXIMUM_NAME_BYTES = 63
"""llama.cpp refuses longer tensor names (GGML_MAX_NAME in ggml.h)."""
MAXIMUM_DIMENSIONS = 4
MAXIMUM_STRINGS = 4_000_000
"""Strings in all arrays of one header; the largest vocabularies have fewer than one million."""
MAXIMUM_HEADER_BYTES = 256 * 1024**2
MAXIMUM_TRAILING_BYTES = 64 * 1024**2
"""Behind the last tensor. llama.cpp maps the whole file: a terabyte of hole takes 2 GiB of page tables."""
KEPT_STRING_BYTES = 1_024
"""Longer strings (chat templates, licences) are skipped and only their length is kept."""
KEPT_ELEMENTS = 4_096
"""Longer arrays (vocabularies) are skipped and only their length is kept."""
KEPT_BYTES = 4 * 1024**2
"""Bytes of strings and arrays kept of one header, all together."""

_LARGEST = 2**63 - 1
_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Formats of the struct module by the number GGUF gives a type."""


_KEY = Sentence("File", "metadata key {index}")
_TENSOR_NAME = Sentence("File", "the name of tensor {index}")


class FileIdentity(NamedTuple):
    """What tells one version of a file from every other."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int


class Skipped(NamedTuple):
    """A value of the header that was passed over: a long string or a long array."""

    elements: int
    size_bytes: int


class Tensor(NamedTuple):
    """One row of the tensor table; dimensions are in the order of the file, the row length first."""

    name: str
    type: str
    dimensions: tuple[int, ...]
    size_bytes: int


Value = int | float | str | tuple[int | float | str, ...] | Skipped


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of one GGUF file says."""

    identity: FileIdentity
    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    weights_offset: int
    """Where the weights begin in the file."""

    @property
    def architecture(self) -> str:
        """`general.architecture`; empty where it is absent."""
        return printable(self.text("general.architecture"))

    @property
    def name(self) -> str:
        """`general.name`; empty where it is absent."""
        return self.text("general.name")

    @property
    def quantization(self) -> str:
        """The name of `general.file_type`, or of the type that holds most weights where that is absent."""
        named = FILE_TYPES.get(self.number("general.file_type", -1))
        if named is not None:
            return named
        sizes: Counter[str] = Counter()
        for tensor in self.tensors:
            sizes[tensor.type] += tensor.size_bytes
        return sizes.most_common(1)[0][0].upper() if sizes else ""

    @property
    def weights_bytes(self) -> int:
        """Bytes of all tensors, without padding."""
        return sum(tensor.size_bytes for tensor in self.tensors)

    @property
    def has_chat_template(self) -> bool:
        """Whether the file brings its own template for chats."""
        return "tokenizer.chat_template" in self.metadata

    @property
    def split_count(self) -> int:
        """Files that the model is split into; 1 for a whole model."""
        return max(1, self.number("split.count", 1))

    @property
    def split_number(self) -> int:
        """Which of these files this is, from 0."""
        return self.number("split.no", 0)

    def number(self, key: str, default: int = 0) -> int:
        """The integer stored under `key`, or `default` where there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) else default

    def text(self, key: str) -> str:
        """The short text stored under `key`, or an empty one."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""


def read_header(
    file: BinaryIO, name: str, identity: FileIdentity, expired: Callable[[], bool] = lambda: False
) -> Header:
    """Read the header of a GGUF file that is open at its start; raise InvalidModel where it has none.

    `name` is what the file is called in that case. `expired` is asked at every step of 256 KiB; once it says
    True the reading ends with InvalidModel. At most MAXIMUM_HEADER_BYTES are looked at, and memory stays
    under some 32 MiB whatever the file says.
    """
    window = FileWindow(file, name, identity.size_bytes, MAXIMUM_HEADER_BYTES, expired)
    return _HeaderReader(window).read(identity)


class _HeaderReader:
    """Reads the three parts of a header in their order: preamble, metadata, tensor table."""

    def __init__(self, window: FileWindow) -> None:
        self._window = window
        self._strings = 0
        self._kept_bytes = 0

    def read(self, identity: FileIdentity) -> Header:
        version, tensor_count, key_count = self._preamble()
        metadata = self._metadata(key_count)
        alignment = self._alignment(metadata)
        tensors, weights_offset = self._tensors(tensor_count, alignment)
        return Header(identity, version, metadata, tensors, weights_offset)

    def _preamble(self) -> tuple[int, int, int]:
        window = self._window
        if window.file_bytes < 24:
            raise InvalidModel(
                Sentence("File", "{file} is not a model: it has only {number} bytes.").format(
                    file=window.name, number=window.file_bytes
                )
            )
        magic = window.take(4)
        if magic != b"GGUF":
            raise InvalidModel(
                Sentence(
                    "File", "{file} is not a GGUF model: it begins with “{found}” instead of “GGUF”."
                ).format(file=window.name, found=printable(magic))
            )
        version = window.number("I")
        if version and version & 0xFFFF == 0:
            raise window.invalid(
                Sentence("File", "it is written for big-endian machines; a little-endian file is needed")
            )
        if version not in (2, 3):
            raise window.invalid(
                Sentence("File", "it is of GGUF version {version}; versions 2 and 3 can be read").format(
                    version=Count(version)
                )
            )
        tensor_count, key_count = window.number("Q"), window.number("Q")
        if tensor_count > MAXIMUM_TENSORS:
            raise window.invalid(
                Sentence("File", "it claims {count} tensors; at most {most} are accepted").format(
                    count=Count(tensor_count), most=Count(MAXIMUM_TENSORS)
                )
            )
        if key_count > MAXIMUM_KEYS:
            raise window.invalid(
                Sentence("File", "it claims {count} metadata keys; at most {most} are accepted").format(
                    count=Count(key_count), most=Count(MAXIMUM_KEYS)
                )
            )
        return version, tensor_count, key_count

    def _metadata(self, count: int) -> dict[str, Value]:
        metadata: dict[str, Value] = {}
        for index in range(count):
            key = self._short_string(_KEY, index, MAXIMUM_KEY_BYTES)
            if not key:
                raise self._window.invalid(
                    Sentence("File", "metadata key {index} is empty").format(index=index)
                )
            if key in metadata:
                raise self._window.invalid(
                    Sentence("File", "metadata key '{key}' is there twice").format(key=key)
                )
            metadata[key] = self._value(key, self._window.number("I"))
        return metadata

    def _value(self, key: str, kind: int) -> Value:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array(key, self._window.number("I"), self._window.number("Q"))
        return self._scalars(key, kind, 1)[0]

    def _string(self) -> str | Skipped:
        length = self._window.number("Q")
        if length > KEPT_STRING_BYTES or self._kept_bytes > KEPT_BYTES:
            self._window.skip(length)
            return Skipped(1, length)
        self._kept_bytes += length
        return self._window.take(length).decode("utf-8", "backslashreplace")

    def _array(self, key: str, kind: int, count: int) -> Value:
        if kind == _ARRAY:
            raise self._window.invalid(
                Sentence("File", "'{key}' is an array of arrays, which GGUF does not have").format(key=key)
            )
        if kind == _STRING:
            self._strings += count
            if self._strings > MAXIMUM_STRINGS:
                raise self._window.invalid(
                    Sentence("File", "'{key}' has {count} strings; at most {most} are accepted").format(
                        key=key, count=Count(count), most=Count(MAXIMUM_STRINGS)
                    )
                )
            return Skipped(count, self._window.skip_strings(count))
        if count <= KEPT_ELEMENTS and self._kept_bytes <= KEPT_BYTES:
            self._kept_bytes += 32 * count
            return self._scalars(key, kind, count)
        size = count * struct.calcsize(self._code(key, kind))
        self._window.skip(size)
        return Skipped(count, size)

    def _scalars(self, key: str, kind: int, count: int) -> tuple[int | float, ...]:
        code = self._code(key, kind)
        if kind == _BOOL:
            # Numbers like every other value: a pattern of layers may be stored as bool or as integers.
            return tuple(int(byte != 0) for byte in self._window.take(count))
        return struct.unpack(f"<{count}{code}", self._window.take(count * struct.calcsize("<" + code)))

    def _code(self, key: str, kind: int) -> str:
        code = _SCALARS.get(kind)
        if code is None:
            raise self._window.invalid(
                Sentence("File", "'{key}' is of type {type}, which GGUF does not have").format(
                    key=key, type=Count(kind)
                )
            )
        return code

    def _short_string(self, what: Sentence, index: int, maximum: int) -> str:
        """A text of one line; `what` it is, of that index, is said of one that is too long."""
        length = self._window.number("Q")
        if length > maximum:
            raise self._window.invalid(
                Sentence("File", "{what} is {length} bytes long; at most {most} are accepted").format(
                    what=what.format(index=index), length=Count(length), most=maximum
                )
            )
        return printable(self._window.take(length))

    def _alignment(self, metadata: Mapping[str, Value]) -> int:
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
            raise self._window.invalid(
                Sentence("File", "'general.alignment' is {value}; it must be a power of two").format(
                    value=repr(alignment)
                )
            )
        return alignment

    def _tensors(self, count: int, alignment: int) -> tuple[tuple[Tensor, ...], int]:
        """The tensor table, and where the weights begin; every tensor must lie within the file.

        The rules are those of gguf_init_from_reader in gguf.cpp: each tensor follows the one before.
        """
        tensors: list[Tensor] = []
        names: set[str] = set()
        expected = 0
        for index in range(count):
            tensor, offset = self._tensor(index)
            if tensor.name in names:
                raise self._window.invalid(
                    Sentence("File", "tensor '{name}' is there twice").format(name=tensor.name)
                )
            if offset != expected:
                raise self._window.invalid(
                    Sentence(
                        "File", "tensor '{name}' lies at {offset} of the weights, expected {expected}"
                    ).format(name=tensor.name, offset=Count(offset), expected=Count(expected))
                )
            names.add(tensor.name)
            tensors.append(tensor)
            expected = _padded(expected + tensor.size_bytes, alignment)
        weights_offset = _padded(self._window.position, alignment)
        # The last tensor needs no padding after it.
        self._check_length(
            weights_offset + offset + tensors[-1].size_bytes if tensors else self._window.position
        )
        return tuple(tensors), weights_offset

    def _check_length(self, needed: int) -> None:
        name, present = self._window.name, self._window.file_bytes
        if needed > present:
            sentence = Sentence(
                "File", "{file} is incomplete: it needs {needed} bytes, the file has {present}."
            )
            raise InvalidModel(sentence.format(file=name, needed=Count(needed), present=Count(present)))
        if present - needed > MAXIMUM_TRAILING_BYTES:
            sentence = Sentence(
                "File", "{file} has {extra} bytes behind its last tensor: it is damaged, fetch it anew."
            )
            raise InvalidModel(sentence.format(file=name, extra=Count(present - needed)))

    def _tensor(self, index: int) -> tuple[Tensor, int]:
        window = self._window
        name = self._short_string(_TENSOR_NAME, index, MAXIMUM_NAME_BYTES)
        dimension_count = window.number("I")
        if dimension_count > MAXIMUM_DIMENSIONS:
            raise window.invalid(
                Sentence("File", "tensor '{name}' has {count} dimensions; at most 4 are possible").format(
                    name=name, count=Count(dimension_count)
                )
            )
        dimensions = tuple(window.number("Q") for _ in range(dimension_count))
        kind_number = window.number("I")
        kind = ELEMENT_TYPES.get(kind_number)
        if kind is None:
            raise window.invalid(
                Sentence("File", "tensor '{name}' is of type {type}, which llama.cpp does not know").format(
                    name=name, type=Count(kind_number)
                )
            )
        elements = 1
        for dimension in dimensions:
            elements *= dimension
            if max(dimension, elements) > _LARGEST:
                raise window.invalid(
                    Sentence("File", "tensor '{name}' has the impossible shape {shape}").format(
                        name=name, shape=str(dimensions)
                    )
                )
        row = dimensions[0] if dimensions else 1
        if row % kind.block_elements:
            raise window.invalid(
                Sentence(
                    "File",
                    "tensor '{name}' has rows of {count} elements, not a multiple of {block} as {type} needs",
                ).format(name=name, count=Count(row), block=kind.block_elements, type=kind.name)
            )
        return Tensor(name, kind.name, dimensions, kind.row_bytes(elements)), window.number("Q")


def _padded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
