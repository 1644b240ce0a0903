"""The program that rehearses loads: llama.cpp opens a model without memory for it and counts.

A request is a line on standard input, its answer a line on standard output; the program ends with its
input. The model stays open between requests, so that only the first takes long. Nothing of the weights
is read. llama.cpp aborts on some damaged files, which is why this is a process of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import NamedTuple, TypeVar

if not __package__:
    sys.path.append(str(Path(__file__).resolve().parents[2]))

if sys.platform != "win32":
    import resource

import msgspec
from llama_cpp import llama_cpp as api

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.rehearsal import (
    LINE_LIMIT_BYTES,
    Buffers,
    RehearsalFailed,
    RehearsalOutcome,
    Rehearse,
    Rehearsed,
)
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.host import buffer_types, engine, mtmd, process, sandbox
from llmmem_gui.host.context import context_parameters
from llmmem_gui.host.model import Model, model_parameters
from llmmem_gui.host.modelfile import LoadError, check_model_file
from llmmem_gui.unused_memory import trim_heap

CPU_SECONDS = 120
"""Computing time of the whole program; opening the largest vocabulary takes two."""

GROWTH_BYTES = 4 * 2**30
"""Memory that the program may add. Only vocabularies and recurrent state are really allocated."""


class PrivateMemory:
    """Tells the private memory of this process, also after the sandbox has closed (Linux)."""

    def __init__(self) -> None:
        self._status = FileIO("/proc/self/status") if sys.platform.startswith("linux") else None

    def resident_bytes(self) -> int:
        """Resident anonymous bytes (`RssAnon`); 0 where the system does not say."""
        if self._status is None:
            return 0
        for line in os.pread(self._status.fileno(), 8192, 0).splitlines():
            if line.startswith(b"RssAnon:"):
                return int(line.split()[1]) * 1024
        return 0


class CountedModel:
    """A model that is opened without memory, with the parameters that a host would use."""

    def __init__(self, path: bytes, gpu_layers: int, extra_buffers: bool, memory: PrivateMemory) -> None:
        """Open the model. Raises `LoadError` with the first error that llama.cpp logs."""
        empty_bytes = memory.resident_bytes()
        # With any other mode llama.cpp ends the process (GGML_ASSERT in llama-model.cpp).
        parameters = model_parameters(gpu_layers, extra_buffers, memory_map=False)
        parameters.no_alloc = True
        self._extra_buffers = extra_buffers
        self._model = Model(path, parameters, engine.EngineLog())
        trim_heap()
        self._own_bytes = max(0, memory.resident_bytes() - empty_bytes)

    def close(self) -> None:
        """Free the model; the vocabulary's memory is given back."""
        self._model.close()

    def count(self, parameters: LoadParameters, projector: bytes | None = None) -> Rehearsed:
        """Make a context without memory and count its buffers. Raises `LoadError`."""
        log = _BufferLog()
        wanted = context_parameters(self._model, parameters, threads=1)
        context = api.llama_init_from_model(self._model.handle, wanted)
        if context is None:
            raise LoadError(
                log.reason(Sentence("Host", "llama.cpp gives no reason for not making a context"))
            )
        try:
            weights_bytes = self._model.weights_bytes
            buffers = _buffers_by_breakdown(context, weights_bytes)
            return Rehearsed(
                context=api.llama_n_ctx(context),
                buffers=buffers or log.buffers(weights_bytes),
                split_is_known=buffers is not None,
                output_bytes=log.output_bytes,
                model_bytes=self._own_bytes,
                engine_version=engine.VERSION,
                cpu_features=_cpu_features(),
                gpu_offload=engine.supports_gpu(),
                extra_buffers=self._extra_buffers,
                projector=_projector_buffers(projector, parameters) if projector is not None else (),
            )
        finally:
            api.llama_free(context)


class _Breakdown(ctypes.Structure):
    """`std::map<ggml_backend_buffer_type_t, llama_memory_breakdown_data>` as libstdc++ lays it out."""

    _fields_ = (
        ("_compare", ctypes.c_void_p),
        ("_color", ctypes.c_void_p),
        ("root", ctypes.c_void_p),
        ("_leftmost", ctypes.c_void_p),
        ("_rightmost", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
    )


class _DeviceNode(ctypes.Structure):
    """A node of `std::map<ggml_backend_dev_t, size_t>`."""

    _fields_ = (
        ("_color", ctypes.c_void_p),
        ("_parent", ctypes.c_void_p),
        ("left", ctypes.c_void_p),
        ("right", ctypes.c_void_p),
        ("device", ctypes.c_void_p),
        ("bytes", ctypes.c_size_t),
    )


class _Node(ctypes.Structure):
    _fields_ = (
        ("_color", ctypes.c_void_p),
        ("_parent", ctypes.c_void_p),
        ("left", ctypes.c_void_p),
        ("right", ctypes.c_void_p),
        ("buffer_type", ctypes.c_void_p),
        ("weights", ctypes.c_size_t),
        ("cache", ctypes.c_size_t),
        ("compute", ctypes.c_size_t),
    )


def _buffers_by_breakdown(context: api.llama_context_p, weights_bytes: int) -> tuple[Buffers, ...] | None:
    """The buffers by llama.cpp's own list of them, exact to the byte.

    `llama_get_memory_breakdown` is a C++ function outside the public interface (llama-ext.h); None where
    it cannot be called or what it gives is not plausible.
    """
    if not sys.platform.startswith("linux"):
        return None
    try:
        breakdown = api._lib._Z26llama_get_memory_breakdownPK13llama_context
    except AttributeError:
        return None
    breakdown.argtypes = [ctypes.c_void_p]
    breakdown.restype = _Breakdown
    found = breakdown(context)
    if not 0 < found.count < 64:
        return None
    buffers = tuple(
        Buffers(
            buffer_types.name(node.buffer_type),
            buffer_types.memory(node.buffer_type),
            node.weights,
            node.cache,
            node.compute,
        )
        for node in _nodes(found.root, _Node)
    )
    # An embedding matrix that is used twice may be counted twice, nothing may be missing.
    total = sum(buffer.weights_bytes for buffer in buffers)
    return buffers if len(buffers) == found.count and weights_bytes <= total <= 3 * weights_bytes else None


_AnyNode = TypeVar("_AnyNode", _Node, _DeviceNode)


def _nodes(address: int | None, kind: type[_AnyNode]) -> Iterator[_AnyNode]:
    if address:
        node = kind.from_address(address)
        yield from _nodes(node.left, kind)
        yield node
        yield from _nodes(node.right, kind)


def _projector_buffers(projector: bytes, parameters: LoadParameters) -> tuple[Buffers, ...]:
    """What a projector would take, by libmtmd's own count; () where that is not to be had.

    `mtmd_get_memory_usage` is a C++ function, and says itself that it is not there to stay (mtmd.h).
    """
    if not sys.platform.startswith("linux"):
        return ()
    try:
        library = mtmd.library()
        count = library._libmtmd._Z21mtmd_get_memory_usagePKc19mtmd_context_params
    except (mtmd.NoVision, AttributeError):
        return ()
    count.argtypes = [ctypes.c_char_p, library.mtmd_context_params]
    count.restype = _Breakdown
    gpu = parameters.gpu_layers != 0 and engine.supports_gpu()
    found = count(projector, mtmd.context_parameters(library, gpu=gpu))
    if not 0 < found.count < 64:
        return ()
    return tuple(
        Buffers(*buffer_types.of_device(node.device), node.bytes, 0, 0)
        for node in _nodes(found.root, _DeviceNode)
        if node.bytes
    )


def _cpu_features() -> tuple[str, ...]:
    text = api.llama_print_system_info().decode("utf-8", "replace")
    return tuple(re.findall(r"(\w+) = 1\b", text))


class _Line(NamedTuple):
    """A log line that states a size, and the part of the memory it is about."""

    pattern: re.Pattern[str]
    part: str


class _BufferLog(engine.EngineLog):
    """Reads the sizes that llama.cpp logs, to a hundredth of a MiB."""

    _LINES = (
        _Line(re.compile(r"(\S+)\s+compute buffer size\s*=\s*([\d.]+) MiB"), "compute"),
        _Line(re.compile(r"(\S+)\s+output buffer size\s*=\s*([\d.]+) MiB"), "output"),
        # The line of the buffer itself says 0 when nothing is allocated; this one says what it would be.
        _Line(re.compile(r"(llama_(?:kv_cache|memory_recurrent)):\s+size\s*=\s*([\d.]+) MiB"), "cache"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[tuple[str, str], int] = {}

    @property
    def output_bytes(self) -> int:
        """Size of the output buffer."""
        return sum(size for (part, _), size in self._sizes.items() if part == "output")

    def buffers(self, weights_bytes: int) -> tuple[Buffers, ...]:
        """The buffers as far as the log tells them apart: weights and caches all count as main memory."""
        compute = {name: size for (part, name), size in self._sizes.items() if part == "compute"}
        cache_bytes = sum(size for (part, _), size in self._sizes.items() if part == "cache")
        gpus = buffer_types.names_on_gpus()
        first = Buffers("CPU", "plain", weights_bytes, cache_bytes, compute.pop("CPU", 0))
        others = (
            Buffers(name, "gpu" if name in gpus else "plain", 0, 0, size) for name, size in compute.items()
        )
        return (first, *others)

    def _take(self, level: int, text: bytes, user_data: object) -> None:
        super()._take(level, text, user_data)
        line = text.decode("utf-8", "replace")
        for pattern, part in self._LINES:
            match = pattern.search(line)
            if match is not None:
                size = round(float(match[2]) * 2**20)
                self._sizes[part, match[1]] = self._sizes.get((part, match[1]), 0) + size


def serve() -> None:
    """Answer requests until there are no more; the sandbox closes with the first model's file."""
    memory = PrivateMemory()
    model: CountedModel | None = None
    opened: tuple[bytes, int, bool] | None = None
    requests = iter(lambda: sys.stdin.buffer.readline(LINE_LIMIT_BYTES), b"")
    for line in requests:
        request = msgspec.json.decode(line, type=Rehearse)
        key = (request.path, request.parameters.fixed_gpu_layers, request.extra_buffers)
        try:
            if opened is None:
                sandbox.enter(
                    (*check_model_file(request.path), *_projector_files(request)), gpu=engine.supports_gpu()
                )
            if model is None or opened != key:
                if model is not None:
                    model.close()
                model, opened = None, key
                model = CountedModel(*key, memory)
            asks_for_vision = request.parameters.vision and not request.parameters.embeddings
            answer: RehearsalOutcome = model.count(
                request.parameters, request.projector if asks_for_vision else None
            )
        except LoadError as error:
            answer = RehearsalFailed(error.sentence)
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


def _projector_files(request: Rehearse) -> tuple[bytes, ...]:
    """The projector, if it can be read, after its library was opened: neither can be had in the sandbox."""
    if request.projector is None:
        return ()
    with contextlib.suppress(mtmd.NoVision, LoadError):
        mtmd.library()
        return check_model_file(request.projector)
    return ()


def main(arguments: list[str]) -> None:
    """Bound the process, then serve; with the argument `gpu` also loads onto a GPU are rehearsed."""
    process.name_process("llmmem-rehearsal")
    process.leave_no_core()
    process.volunteer_for_oom()
    process.limit_growth(GROWTH_BYTES)
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    engine.start(gpu="gpu" in arguments)
    serve()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
