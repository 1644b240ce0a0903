"""Images as clients send them: checked before anything decodes them, because they may be made to do harm."""

from __future__ import annotations

import base64
import binascii
import mmap
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llmmem_gui.core.images import MOST_BYTES, MOST_IMAGES, MOST_PIXELS
from llmmem_gui.core.sentence import BadValue, Sentence, Size

_BYTES_PER_PIXEL = 12
"""What it takes to decode an image and make it ready, for each of its pixels."""

_Parts = Sequence[Mapping[str, Any]]


def with_marks(messages: Sequence[Mapping[str, Any]], mark: str) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The messages with a mark where each image was, and the images. Raises `BadValue`.

    Between a mark and the text beside it stands no line break, as llama-server writes it.
    """
    images: list[bytes] = []
    told = []
    for message in messages:
        content = message.get("content")
        if isinstance(content, list) and any(is_image(part) for part in content):
            message = {**message, "content": _with_marks(content, mark, images)}
        told.append(dict(message))
    return told, images


def has_images(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a chat shows images."""
    contents = [message.get("content") for message in messages]
    return any(isinstance(each, list) and any(map(is_image, each)) for each in contents)


def is_image(part: Any) -> bool:
    """Whether a part of a message is an image."""
    return isinstance(part, Mapping) and part.get("type") == "image"


def _with_marks(parts: _Parts, mark: str, images: list[bytes]) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    joins = False
    for part in parts:
        shows = is_image(part)
        if shows:
            images.append(image_bytes(part.get("data"), len(images) + 1))
        text = mark if shows else part.get("text")
        if not isinstance(text, str):
            raise BadValue(Sentence("Host", "the model reads text and images only"))
        if told and (joins or shows):
            told[-1]["text"] += text
        else:
            told.append({"type": "text", "text": text})
        joins = shows
    return told


def image_bytes(data: Any, number: int) -> bytes:
    """The file of an image that was sent in base64, if it is safe to decode it. Raises `BadValue`."""
    if number > MOST_IMAGES:
        raise BadValue(Sentence("Host", "a request may show {number} images").format(number=MOST_IMAGES))
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise _of(number, Sentence("Host", "image {number} is not written in base64")) from None
    if len(content) > MOST_BYTES:
        sentence = Sentence("Host", "image {number} has {size}, and {most} are allowed: make it smaller")
        raise _of(number, sentence, size=Size(len(content)), most=Size(MOST_BYTES))
    measure = next((size for magic, size in _KINDS.items() if content.startswith(magic)), None)
    if measure is None:
        raise _of(number, Sentence("Host", "image {number} is no PNG, JPEG, GIF or BMP"))
    try:
        width, height = measure(content)
    except (struct.error, IndexError):
        raise _of(number, Sentence("Host", "image {number} is damaged")) from None
    if min(width, height) <= 0 or width * height > MOST_PIXELS:
        sentence = Sentence(
            "Host", "image {number} has {width} × {height} pixels, and {most} are allowed: make it smaller"
        )
        raise _of(number, sentence, width=width, height=height, most=MOST_PIXELS)
    _require_room(width * height * _BYTES_PER_PIXEL, number)
    return content


def _of(number: int, sentence: Sentence, **values: Any) -> BadValue:
    return BadValue(sentence.format(number=number, **values))


def _require_room(size: int, number: int) -> None:
    """Refuse what the memory limit leaves no room to decode: the library that does it would end the host."""
    if sys.platform == "win32":
        return
    try:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, MemoryError):
        raise _of(
            number, Sentence("Host", "the model's memory limit leaves no room for image {number}")
        ) from None


def _png(content: bytes) -> tuple[int, int]:
    return struct.unpack_from(">II", content, 16)


def _gif(content: bytes) -> tuple[int, int]:
    return struct.unpack_from("<HH", content, 6)


def _bmp(content: bytes) -> tuple[int, int]:
    if struct.unpack_from("<I", content, 14)[0] == 12:
        return struct.unpack_from("<HH", content, 18)
    width, height = struct.unpack_from("<ii", content, 18)
    return width, abs(height)


def _jpeg(content: bytes) -> tuple[int, int]:
    """By the first frame header: segments before it are passed over by their lengths."""
    place = 2
    while True:
        while content[place] != 0xFF:
            place += 1  # as decoders do between segments
        while content[place] == 0xFF:
            place += 1
        kind = content[place]
        place += 1
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", content, place + 3)
            return width, height
        if kind != 0x01 and not 0xD0 <= kind <= 0xD8:
            place += struct.unpack_from(">H", content, place)[0]


_KINDS: Mapping[bytes, Callable[[bytes], tuple[int, int]]] = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"\xff\xd8\xff": _jpeg,
    b"GIF87a": _gif,
    b"GIF89a": _gif,
    b"BM": _bmp,
}
"""By what a file begins with: where its width and height stand."""
