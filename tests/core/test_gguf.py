"""The reader of GGUF headers: what it finds in good files, and what it says of bad ones."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import tracemalloc
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from llmmem_gui.core.architectures import KNOWN
from llmmem_gui.core.file_window import WINDOW_BYTES, InvalidModel, printable_name
from llmmem_gui.core.ggml_types import ELEMENT_TYPES
from llmmem_gui.core.gguf import MAXIMUM_HEADER_BYTES, MAXIMUM_KEYS, MAXIMUM_STRINGS, MAXIMUM_TENSORS, Skipped
from llmmem_gui.core.model_shape import AttentionLayers, ModelShape, model_shape
from llmmem_gui.service.library.model_files import read_header
from tests.broken_engines import engine_in_use
from tests.gguf_writer import ARRAY, STRING, TensorSpec, header_bytes, text, value_bytes
from tests.hostile_gguf import RECIPE, HostileFile, good_model, hostile_files, mutant, write_good_model
from tests.made_up_models import Recipe, model_metadata, model_tensors, write_model

MIB = 1024**2
HOSTILE = list(hostile_files())


def engine_library(name: str) -> Path:
    """A library of the engine in use; the engine itself is not imported into the tests' process."""
    # Its name may end with a version.
    return min(engine_in_use().glob(f"{name}*"))


def shape_of(path: Path) -> ModelShape:
    return model_shape(path.name, [read_header(path)])


def test_reads_what_the_header_says(tmp_path: Path) -> None:
    """A header gives architecture, name, numbers, tensors and where the weights begin."""
    path = write_good_model(tmp_path / "good.gguf")
    header = read_header(path)
    status = path.stat()
    assert header.architecture == "llama"
    assert header.name == "Made up"
    assert header.quantization == "Q8_0"
    assert header.number("llama.block_count") == RECIPE.layers
    assert header.metadata["tokenizer.ggml.tokens"].elements == RECIPE.vocabulary
    assert [tensor.name for tensor in header.tensors] == [spec.name for spec in model_tensors(RECIPE)]
    assert [tensor.size_bytes for tensor in header.tensors] == [s.size_bytes for s in model_tensors(RECIPE)]
    assert header.weights_offset == len(header_bytes(model_metadata(RECIPE), model_tensors(RECIPE)))
    assert header.identity == (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    assert not header.has_chat_template


def test_reads_a_real_model(smol_path: Path) -> None:
    """The header of a published model gives the shape its authors describe."""
    shape = shape_of(smol_path)
    assert (shape.architecture, shape.quantization) == ("llama", "Q4_1")
    assert (shape.layers, shape.heads, shape.context_length, shape.vocabulary) == (30, 9, 8192, 49152)
    assert shape.attention == (AttentionLayers(30, 3 * 64, 3 * 64, sliding=False),)
    assert 134e6 < shape.parameters < 136e6
    assert shape.tied
    assert shape.has_chat_template


def test_tells_sliding_layers_of_a_real_model(gemma_path: Path) -> None:
    """Of gemma-3's layers every sixth attends to everything; the file does not say so, its family does."""
    shape = shape_of(gemma_path)
    assert shape.sliding_window == 512
    assert shape.attention == (AttentionLayers(15, 256, 256, True), AttentionLayers(3, 256, 256, False))


def test_a_large_vocabulary_takes_little_memory(gemma_path: Path) -> None:
    """A header with 262,144 tokens is read with less than 2 MiB, and in small steps."""
    steps = []
    tracemalloc.start()
    try:
        header = read_header(gemma_path, lambda: bool(steps.append(None)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert header.metadata["tokenizer.ggml.tokens"].elements == 262_144
    assert peak < 2 * MIB
    assert len(steps) <= header.weights_offset // WINDOW_BYTES + 10


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: case.name)
def test_a_bad_file_is_refused_with_its_reason(case: HostileFile, tmp_path: Path) -> None:
    """Every hostile file ends in InvalidModel whose one sentence names the file and what is wrong."""
    path = tmp_path / "hostile.gguf"
    path.write_bytes(case.content)
    with pytest.raises(InvalidModel) as caught:
        shape_of(path)
    reason = str(caught.value)
    assert "hostile.gguf" in reason
    assert case.reason in reason
    assert reason.endswith(".")
    assert len(reason) < 300


def test_the_corpus_is_large() -> None:
    """There are more than sixty hostile files and no two have the same name."""
    assert len({case.name for case in HOSTILE}) == len(HOSTILE) > 60


@settings(
    max_examples=2000, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.tuples(st.integers(0, 8999), st.integers(0, 255)), min_size=1, max_size=16))
@example([(8, 255), (15, 127)])
@example([(16, 0)])
def test_a_damaged_model_is_read_or_refused(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    """Whatever bytes of a header change, reading ends with a shape or with InvalidModel, nothing else."""
    path = tmp_path / "mutant.gguf"
    path.write_bytes(mutant(good_model(), changes))
    with contextlib.suppress(InvalidModel):
        shape = shape_of(path)
        assert 0 < shape.layers <= 512
        assert 0 < shape.weights_bytes <= path.stat().st_size


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.binary(max_size=2000))
def test_noise_is_refused(tmp_path: Path, noise: bytes) -> None:
    """Random bytes after the magic are never taken for a model."""
    path = tmp_path / "noise.gguf"
    path.write_bytes(b"GGUF" + noise)
    with pytest.raises(InvalidModel):
        shape_of(path)


def _largest_tensor_table() -> bytes:
    rows = []
    for number in range(MAXIMUM_TENSORS):
        name = f"tensor-{number}".ljust(63, "x")
        rows.append(text(name) + struct.pack("<I4QIQ", 4, 300, 300, 0, 300, 0, 0))
    return b"GGUF" + struct.pack("<IQQ", 3, MAXIMUM_TENSORS, 0) + b"".join(rows) + bytes(32)


def _most_metadata() -> bytes:
    array = value_bytes([70_000 + number for number in range(4096)])
    pairs = [text(f"key-{number}".ljust(500, "x")) + array for number in range(MAXIMUM_KEYS)]
    return b"GGUF" + struct.pack("<IQQ", 3, 0, MAXIMUM_KEYS) + b"".join(pairs)


def _most_strings() -> bytes:
    array = struct.pack("<IIQ", ARRAY, STRING, MAXIMUM_STRINGS) + bytes(8 * MAXIMUM_STRINGS)
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("tokens") + array


@pytest.mark.parametrize("content", [_largest_tensor_table, _most_metadata, _most_strings])
def test_the_largest_headers_stay_within_bounds(content, tmp_path: Path) -> None:
    """The largest header that is accepted at all takes less than 64 MiB, in a bounded number of steps."""
    path = tmp_path / "large.gguf"
    path.write_bytes(content())
    steps = []
    tracemalloc.start()
    try:
        read_header(path, lambda: bool(steps.append(None)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * MIB
    assert len(steps) <= MAXIMUM_HEADER_BYTES // WINDOW_BYTES + 1


def test_a_header_longer_than_any_real_one_is_refused(tmp_path: Path) -> None:
    """A sparse file of 1 TiB whose header never ends is given up at 256 MiB."""
    path = tmp_path / "endless.gguf"
    array = struct.pack("<IIQ", ARRAY, STRING, 1000) + struct.pack("<Q", 2**39)
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + array)
    os.truncate(path, 2**40)
    with pytest.raises(InvalidModel, match="longer than 256 MiB"):
        read_header(path)


def test_reading_can_be_given_up(gemma_path: Path) -> None:
    """Once the caller says that the time is over, reading ends at the next step."""
    with pytest.raises(InvalidModel, match="took too long"):
        read_header(gemma_path, lambda: True)


def test_a_file_cut_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """A file that shrinks while its header is read is called incomplete."""
    path = write_model(tmp_path / "shrinking.gguf", RECIPE.but(vocabulary=60_000))

    def shrink() -> bool:
        os.truncate(path, 1000)
        return False

    with pytest.raises(InvalidModel, match="cut short"):
        read_header(path, shrink)


def test_trailing_bytes_do_no_harm(tmp_path: Path) -> None:
    """A file with more bytes than its header needs is a model all the same."""
    path = write_good_model(tmp_path / "trailing.gguf")
    with open(path, "ab") as file:
        file.write(b"garbage")
    assert shape_of(path).layers == RECIPE.layers


def test_a_file_is_no_longer_than_its_tensors_make_it(tmp_path: Path) -> None:
    """A terabyte of hole behind the last tensor would be mapped: such a file is no model in order."""
    path = write_good_model(tmp_path / "hole.gguf")
    with open(path, "ab") as file:
        file.truncate(path.stat().st_size + 2**40)
    with pytest.raises(InvalidModel, match=r"hole\.gguf has [\d,]+ bytes behind"):
        read_header(path)


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
def test_only_files_are_opened(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pipes, sockets, devices and folders that are called like models are refused at once."""
    path = tmp_path / "x.gguf"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        server = socket.socket(socket.AF_UNIX)
        monkeypatch.chdir(tmp_path)  # a socket's path may have 107 bytes at most
        server.bind("x.gguf")
        server.close()
    with pytest.raises(InvalidModel, match=f"is a {kind}, not a file"):
        read_header(path)


def test_says_why_a_file_cannot_be_opened(tmp_path: Path) -> None:
    """A missing file and a loop of links are told apart."""
    loop = tmp_path / "loop.gguf"
    loop.symlink_to(loop)
    with pytest.raises(InvalidModel, match="loop of symbolic links"):
        read_header(loop)
    with pytest.raises(InvalidModel, match="does not exist"):
        read_header(tmp_path / "gone.gguf")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_says_that_a_file_may_not_be_read(tmp_path: Path) -> None:
    """A file without permission is refused as such."""
    path = write_good_model(tmp_path / "locked.gguf")
    path.chmod(0)
    with pytest.raises(InvalidModel, match="permission denied"):
        read_header(path)


def test_names_are_printable() -> None:
    """A name with line breaks or bytes that are no text is escaped, others stay as they are."""
    assert printable_name(b"/a/b\nc\xff.gguf".decode("utf-8", "surrogateescape")) == "b\\x0ac\\xff.gguf"
    assert printable_name("/a/модель – ä.gguf") == "модель – ä.gguf"


def test_long_strings_are_passed_over(tmp_path: Path) -> None:
    """A chat template of 100,000 characters is noticed and not kept."""
    path = write_model(tmp_path / "chatty.gguf", RECIPE.but(chat_template="x" * 100_000))
    header = read_header(path)
    assert header.metadata["tokenizer.chat_template"] == Skipped(1, 100_000)
    assert header.has_chat_template


def test_element_types_are_those_of_the_library() -> None:
    """Block sizes of every element type are the ones the installed ggml uses."""
    library = ctypes.CDLL(str(engine_library("libggml-base.so")))
    library.ggml_type_name.restype = ctypes.c_char_p
    library.ggml_type_size.restype = ctypes.c_size_t
    library.ggml_blck_size.restype = ctypes.c_int64
    found = {
        number: (library.ggml_type_name(number).decode(), library.ggml_blck_size(number), size)
        for number in range(43)
        if (size := library.ggml_type_size(number))
    }
    assert found == {number: tuple(kind) for number, kind in ELEMENT_TYPES.items()}


CACHES = {
    "llama": (RECIPE, ((2, 32, 32, False),), 0),
    "deepseek2": (
        RECIPE.but(architecture="deepseek2", experts=4, experts_used=2, kv_rank=64, rope_size=32),
        ((2, 96, 0, False),),
        0,
    ),
    "gemma2": (
        RECIPE.but(architecture="gemma2", layers=5, sliding_window=128),
        ((3, 32, 32, True), (2, 32, 32, False)),
        0,
    ),
    "mamba": (RECIPE.but(architecture="mamba"), (), 2 * (3 * 128 + 16 * 128)),
    "falcon-h1": (
        RECIPE.but(architecture="falcon-h1"),
        ((2, 32, 32, False),),
        2 * (3 * (128 + 2 * 16) + 16 * 128),
    ),
    "lfm2": (RECIPE.but(architecture="lfm2", layers=6), ((2, 32, 32, False),), 4 * 2 * 64),
    "bert": (RECIPE.but(architecture="bert", vocabulary=600), (), 0),
}


@pytest.mark.parametrize("architecture", CACHES)
def test_tells_which_layers_keep_what(architecture: str, tmp_path: Path) -> None:
    """Layers with keys and values, sliding ones and recurrent state are told from the header."""
    recipe, attention, state = CACHES[architecture]
    shape = shape_of(write_model(tmp_path / "model.gguf", recipe))
    assert tuple(msgspec.structs.astuple(layers) for layers in shape.attention) == attention
    assert shape.state_elements == state


def test_a_list_of_sliding_layers_is_followed(tmp_path: Path) -> None:
    """Where the file lists its sliding layers, the list counts and not the family's pattern."""
    recipe = RECIPE.but(architecture="gemma3", layers=3, sliding_window=64)
    listed = recipe.but(extra={"attention.sliding_window_pattern": [False, True, False]})
    shape = shape_of(write_model(tmp_path / "model.gguf", listed))
    assert {layers.sliding: layers.count for layers in shape.attention} == {False: 2, True: 1}


def test_windows_that_the_library_ignores_are_ignored(tmp_path: Path) -> None:
    """phi3 files state a window, but llama.cpp keeps the whole context for them."""
    shape = shape_of(write_model(tmp_path / "model.gguf", RECIPE.but(architecture="phi3", sliding_window=64)))
    assert shape.sliding_window == 0
    assert [layers.sliding for layers in shape.attention] == [False]


def test_every_architecture_of_the_library_is_known() -> None:
    """The names of architectures are those that the installed llama.cpp can load."""
    library = engine_library("libllama.so").read_bytes()
    missing = {name for name in KNOWN if name.encode() + b"\0" not in library}
    assert missing == set()


def test_an_unknown_architecture_is_read_and_said_to_be_unknown(tmp_path: Path) -> None:
    """A model of an architecture that nobody heard of has a shape, marked as not known."""
    metadata = model_metadata(Recipe(architecture="newest", layers=2, vocabulary=300))
    tensors = [TensorSpec("token_embd.weight", "f16", (256, 300))]
    path = tmp_path / "newest.gguf"
    path.write_bytes(header_bytes(metadata, tensors) + bytes(256 * 300 * 2))
    shape = shape_of(path)
    assert not shape.is_known
    assert shape.attention[0].count == 2
