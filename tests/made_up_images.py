"""Small image files for tests, written by hand."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy
from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QImage


def png(width: int = 60, height: int = 44, *, seed: int = 1) -> bytes:
    """A PNG of coloured noise."""
    pixels = numpy.random.default_rng(seed).integers(0, 256, (height, width, 3), numpy.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return png_of(width, height, zlib.compress(rows))


def png_of(width: int, height: int, data: bytes) -> bytes:
    """A PNG that claims to be so large, with any data."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (_chunk(b"IHDR", head), _chunk(b"IDAT", data), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def bmp(width: int = 60, height: int = 44, *, seed: int = 1) -> bytes:
    """A BMP of coloured noise."""
    row = -(-width * 3 // 4) * 4
    pixels = numpy.random.default_rng(seed).integers(0, 256, height * row, numpy.uint8).tobytes()
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(pixels), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + head + pixels


def gif(width: int = 60, height: int = 44) -> bytes:
    """A GIF of one colour, not compressed."""
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes((200, 30, 60, 0, 90, 255))
    # Codes of three bits: the table is cleared before it would need more.
    codes = [4, 0, 0] * (width * height // 2) + [5]
    bits = sum(code << (3 * place) for place, code in enumerate(codes))
    packed = bits.to_bytes(-(-3 * len(codes) // 8), "little")
    blocks = b"".join(
        bytes((len(packed[at : at + 255]),)) + packed[at : at + 255] for at in range(0, len(packed), 255)
    )
    return screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\2" + blocks + b"\0;"


def jpeg(width: int = 60, height: int = 44) -> bytes:
    """A JPEG, as Qt writes it."""
    picture = QImage.fromData(png(width, height))
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    assert picture.save(buffer, "JPEG")
    return bytes(buffer.data().data())


def part(content: bytes) -> dict[str, str]:
    """An image in a message, as a host is given it."""
    return {"type": "image", "data": base64.b64encode(content).decode()}


def url(content: bytes, kind: str = "image/png") -> str:
    """An image as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
