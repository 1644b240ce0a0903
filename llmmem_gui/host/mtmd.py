"""libmtmd, the part of llama.cpp that reads images: a projector that is open, and the images it was shown.

The engine's folder has the library, or has not; its interface may be another than that of the bindings. Both
is found out here, and then the model reads text only.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import numpy.typing

from llmmem_gui.core.sentence import BadValue, Sentence, SentenceError
from llmmem_gui.host import abi, engine
from llmmem_gui.host.engine import AbortSwitch, EngineLog
from llmmem_gui.host.model import Model

_DEFAULTS = {"n_threads": 4, "image_min_tokens": -1, "image_max_tokens": -1, "warmup": True}
"""Of `mtmd_context_params`, as the bindings know it."""
_TEXT, _IMAGE = 0, 1
"""Kinds of chunks (mtmd.h)."""
_WRONG_COUNT = 1
"""What `mtmd_tokenize` answers when the text has more or fewer marks than there are images."""
_NODES_AT_ONCE = 32
"""Of the graph of an image are computed before it is asked whether somebody still waits for it."""

Vectors = numpy.typing.NDArray[numpy.single]


class NoVision(SentenceError):
    """Images cannot be read; the sentence completes "the model cannot see: …"."""


def library() -> Any:
    """The bindings of the engine's libmtmd. Raises `NoVision`.

    The library is opened at the first call: before the sandbox closes.
    """
    if engine.FOLDER is not None:
        os.environ["MTMD_CPP_LIB"] = str(engine.FOLDER)
    try:
        from llama_cpp import mtmd_cpp
    except (OSError, RuntimeError, AttributeError) as error:
        raise NoVision(
            Sentence("Host", "the engine has no library for images, or another one ({reason})").format(
                reason=str(error)
            )
        ) from error
    reason = abi.structure_mismatch(
        mtmd_cpp, mtmd_cpp._libmtmd, "mtmd_context_params_default", mtmd_cpp.mtmd_context_params, _DEFAULTS
    )
    if reason is not None:
        raise NoVision(Sentence("Host", "the engine's library for images {reason}").format(reason=reason))
    return mtmd_cpp


@dataclass(frozen=True, eq=False, slots=True)
class TextChunk:
    """A part of a prompt that is text."""

    tokens: list[int]


@dataclass(eq=False, slots=True)
class ImageChunk:
    """A part of a prompt that is an image, or a tile of one, ready to be computed; its `Prompt` owns it."""

    handle: int
    image: int
    """Which of the images that were given it is of."""
    tokens: int
    positions: int
    """How many positions it takes: fewer than tokens where these have two dimensions."""


class Prompt:
    """The parts of a prompt with images; holds what libmtmd made of these."""

    def __init__(self, mtmd: Any, chunks: int) -> None:
        self._mtmd, self._chunks = mtmd, chunks
        self.parts: list[TextChunk | ImageChunk] = []

    def __del__(self) -> None:
        self._mtmd.mtmd_input_chunks_free(self._chunks)


class Projector:
    """What reads images for a model; lives as long as the process."""

    def __init__(
        self, path: bytes, model: Model, log: EngineLog, switch: AbortSwitch, *, threads: int, gpu: bool
    ) -> None:
        """Open the file. Raises `NoVision` with the first error that is logged."""
        self._mtmd = library()
        self._log_callback = log.callback
        self._mtmd.mtmd_helper_log_set(self._log_callback, None)
        self._switch = switch
        self._asked = 0
        self.mark = f"<__media_{os.urandom(8).hex()}__>"
        """Stands in a text where an image is; nobody can write it by chance or know it."""
        self._keep: list[object] = [self.mark.encode()]
        parameters = context_parameters(self._mtmd, gpu=gpu)
        parameters.n_threads = threads
        parameters.media_marker = self._keep[0]
        parameters.cb_eval = type(parameters.cb_eval)(self._goes_on)
        self._keep.append(parameters)
        handle = self._mtmd.mtmd_init_from_file(path, model.handle, parameters)
        if handle is None:
            raise NoVision(log.reason(Sentence("Host", "llama.cpp gives no reason")))
        self._handle = handle
        if not self._mtmd.mtmd_support_vision(handle):
            raise NoVision(Sentence("Host", "its projector reads no images"))
        self._width = model.input_length
        self.positions_per_token = 4 if self._mtmd.mtmd_decode_use_mrope(handle) else 1
        self.looks_both_ways = bool(self._mtmd.mtmd_decode_use_non_causal(handle, None))
        """The tokens of an image look at each other: it has to be computed in one piece."""

    def prompt(self, text: str, images: Sequence[bytes]) -> Prompt:
        """The parts of a text in which images stand where its marks are. Raises `BadValue`."""
        mtmd = self._mtmd
        bitmaps: list[int] = []
        try:
            for number, content in enumerate(images):
                bitmaps.append(self._bitmap(content, number))
            encoded = text.encode("utf-8", "replace")
            given = mtmd.mtmd_input_text(encoded, len(encoded), False, True)
            prompt = Prompt(mtmd, mtmd.mtmd_input_chunks_init())
            listed = (ctypes.c_void_p * len(bitmaps))(*bitmaps)
            code = mtmd.mtmd_tokenize(self._handle, prompt._chunks, ctypes.byref(given), listed, len(bitmaps))
        finally:
            for bitmap in bitmaps:
                mtmd.mtmd_bitmap_free(bitmap)
        if code == _WRONG_COUNT:
            raise BadValue(
                Sentence("Host", "the chat template leaves an image out: put it into a user's message")
            )
        if code != 0:
            raise BadValue(Sentence("Host", "the images could not be made ready for the model"))
        self._read_parts(prompt)
        return prompt

    def encode(self, chunk: ImageChunk) -> Vectors | None:
        """What the model is given for an image, a row for each token; None when it was aborted.

        The rows are overwritten by the next call. Raises `NoVision`.
        """
        self._asked = 0
        code = self._mtmd.mtmd_encode_chunk(self._handle, chunk.handle)
        if self._switch.pressed:
            return None
        if code != 0:
            raise NoVision(Sentence("Host", "the image could not be computed"))
        rows = self._mtmd.mtmd_get_output_embd(self._handle)
        found: Vectors = numpy.ctypeslib.as_array(rows, shape=(chunk.tokens, self._width))
        return found

    def positions(self, chunk: ImageChunk, position: int) -> numpy.typing.NDArray[numpy.int32]:
        """The positions of an image's tokens when the first is at `position`, a row for each dimension."""
        if self.positions_per_token == 1:
            return numpy.arange(position, position + chunk.tokens, dtype=numpy.int32).reshape(1, -1)
        image = self._mtmd.mtmd_input_chunk_get_tokens_image(chunk.handle)
        found = numpy.zeros((self.positions_per_token, chunk.tokens), numpy.int32)
        for place in range(chunk.tokens):
            told = self._mtmd.mtmd_image_tokens_get_decoder_pos(image, position, place)
            found[:3, place] = told.t, told.y, told.x
        return found

    def _bitmap(self, content: bytes, number: int) -> int:
        buffer = (ctypes.c_uint8 * len(content)).from_buffer_copy(content)
        options = self._mtmd.mtmd_helper_init_opt()
        made = self._mtmd.mtmd_helper_bitmap_init_from_buf_wrapper(
            self._handle, buffer, len(content), False, options
        )
        if made.video_ctx:  # what is no image is tried as a film, by programs that the sandbox does not start
            self._mtmd.mtmd_bitmap_free(made.bitmap)
            self._mtmd.mtmd_helper_video_free(made.video_ctx)
        if not made.bitmap or made.video_ctx:
            raise BadValue(Sentence("Host", "image {number} is damaged").format(number=number + 1))
        self._mtmd.mtmd_bitmap_set_id(made.bitmap, b"%d" % number)  # its tiles are told apart by that
        return int(made.bitmap)

    def _read_parts(self, prompt: Prompt) -> None:
        mtmd = self._mtmd
        for place in range(mtmd.mtmd_input_chunks_size(prompt._chunks)):
            chunk = mtmd.mtmd_input_chunks_get(prompt._chunks, place)
            if mtmd.mtmd_input_chunk_get_type(chunk) == _TEXT:
                count = ctypes.c_size_t()
                tokens = mtmd.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
                prompt.parts.append(TextChunk(list(tokens[: count.value])))
                continue
            prompt.parts.append(
                ImageChunk(
                    chunk,
                    int(mtmd.mtmd_input_chunk_get_id(chunk)),
                    mtmd.mtmd_input_chunk_get_n_tokens(chunk),
                    mtmd.mtmd_input_chunk_get_n_pos(chunk),
                )
            )

    def _goes_on(self, _tensor: int, asks: bool, _data: object) -> bool:
        """Asked before each node whether to stop after it, and then, whether to go on."""
        if asks:
            self._asked += 1
            return self._asked % _NODES_AT_ONCE == 0
        return not self._switch.pressed


def context_parameters(mtmd: Any, *, gpu: bool) -> Any:
    """The parameters with which a projector is opened."""
    parameters = mtmd.mtmd_context_params_default()
    parameters.use_gpu = gpu
    parameters.print_timings = False
    return parameters
