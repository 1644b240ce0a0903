"""Dry runs by the real program: what llama.cpp counts, and what happens when it will not."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil
import pytest

from llmmem_gui.core import buffers
from llmmem_gui.core.engines import Device, EngineUse
from llmmem_gui.core.forecast import MIB, forecast_by_formula
from llmmem_gui.core.library import Description, FoundModel, ModelFile, model_file
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.rehearsal import RehearsalOutcome, Rehearsed
from llmmem_gui.core.units import GIB
from llmmem_gui.service.hosting import rehearsals as module
from llmmem_gui.service.hosting.engine_choice import EngineChoice
from llmmem_gui.service.hosting.rehearsals import RehearsalError, Rehearsals, rehearsal_program
from llmmem_gui.service.library.model_files import describe, read_header
from tests.gguf_writer import write_sparse_gguf
from tests.hostile_gguf import RECIPE, write_good_model
from tests.made_up_models import Recipe, model_metadata, model_tensors

SMALL = Recipe(vocabulary=2000)
RECIPES = {
    "llama": SMALL,
    "llama with everything repacked": SMALL.but(type="q4_K", embedding_type="q4_K", embedding=256),
    "llama, untied": SMALL.but(type="iq4_nl", tied=False),
    "qwen2": SMALL.but(architecture="qwen2"),
    "qwen3": SMALL.but(architecture="qwen3", head_size=128),
    "gemma2": SMALL.but(architecture="gemma2", layers=5, sliding_window=512),
    "gemma3": SMALL.but(architecture="gemma3", layers=8, sliding_window=512),
    "phi3": SMALL.but(architecture="phi3"),
    "deepseek2": SMALL.but(architecture="deepseek2", experts=8, experts_used=2),
    "mixtral": SMALL.but(experts=8, experts_used=2, type="q4_K"),
    "mamba": SMALL.but(architecture="mamba", type="f16"),
    "falcon-h1": SMALL.but(architecture="falcon-h1", state=64),
    "lfm2": SMALL.but(architecture="lfm2", layers=6),
    "bert": SMALL.but(architecture="bert", context=512),
    "an 8B model": Recipe(
        layers=32,
        embedding=4096,
        feed_forward=14336,
        heads=32,
        kv_heads=8,
        head_size=128,
        vocabulary=32_000,
        type="q4_K",
        embedding_type="q6_K",
        tied=False,
    ),
}
ASKED = (
    LoadParameters(context=2000),
    LoadParameters(context=8192, kv_type="q8_0", batch=128),
    LoadParameters(context=4096, flash_attention=False, full_sliding_window=True),
)


def entry(path: Path) -> ModelFile:
    """The file as the library knows it."""
    found = FoundModel(path.stem, "", (str(path),))
    return model_file(found, describe(found), "model")


def sparse(path: Path, recipe: Recipe) -> Path:
    """A model whose weights take no room on the disk: a rehearsal does not read them."""
    return write_sparse_gguf(path, model_metadata(recipe), model_tensors(recipe))


@pytest.fixture
async def rehearsals(tmp_path: Path) -> AsyncIterator[Rehearsals]:
    """Rehearsals that end their program when the test is over."""
    rehearsals = Rehearsals(tmp_path / "rehearsals.json", EngineChoice.of_machine())
    yield rehearsals
    await rehearsals.close()


@pytest.mark.parametrize("name", RECIPES)
async def test_the_formula_agrees_with_llama_cpp(name: str, rehearsals: Rehearsals, tmp_path: Path) -> None:
    """Weights, repacked weights and caches are computed to the byte, the rest within 10 % or 16 MiB."""
    recipe = RECIPES[name]
    file = entry(sparse(tmp_path / "model.gguf", recipe))
    for asked in ASKED:
        parameters = msgspec.structs.replace(asked, embeddings=recipe.architecture == "bert")
        rehearsed = await rehearsals.forecast(file, parameters)
        computed = forecast_by_formula(file.shape, parameters, rehearsals.engine)
        assert computed.weights_bytes == rehearsed.weights_bytes
        assert computed.private_weights_bytes == rehearsed.private_weights_bytes
        assert computed.kv_cache_bytes == rehearsed.kv_cache_bytes
        assert computed.context == rehearsed.context
        assert computed.compute_bytes == pytest.approx(rehearsed.compute_bytes, rel=0.1, abs=16 * MIB)
        assert computed.total_bytes == pytest.approx(rehearsed.total_bytes, rel=0.1, abs=16 * MIB)


async def test_a_rehearsal_reads_no_weights(rehearsals: Rehearsals, tmp_path: Path) -> None:
    """An 8B model whose file is a hole is rehearsed, and its forecast is that of an 8B model."""
    path = sparse(tmp_path / "model.gguf", RECIPES["an 8B model"])
    forecast = await rehearsals.forecast(entry(path), LoadParameters())
    assert path.stat().st_blocks * 512 < 10 * MIB
    assert forecast.weights_bytes > 3900 * MIB
    assert forecast.source == "dry run"


async def test_the_largest_context_fits(rehearsals: Rehearsals, gemma_path: Path) -> None:
    """The context found by dry runs takes at most the bytes given, and 256 tokens more take too much."""
    file, parameters = entry(gemma_path), LoadParameters()
    limit = (await rehearsals.forecast(file, parameters)).total_bytes + 30 * MIB
    found = await rehearsals.largest_context(file, parameters, limit)
    assert found is not None
    assert 4096 < found < file.context_length
    at_found, above = [
        (await rehearsals.forecast(file, LoadParameters(context=context))).total_bytes
        for context in (found, found + 256)
    ]
    assert at_found <= limit < above
    assert await rehearsals.largest_context(file, parameters, 10 * MIB) is None
    assert await rehearsals.largest_context(file, parameters, 64 * 1024 * MIB) == file.context_length


async def test_results_are_remembered(
    rehearsals: Rehearsals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result is used again in the next run without starting anything, mapped or not."""
    file = entry(write_good_model(tmp_path / "model.gguf"))
    assert rehearsals.known(file, LoadParameters()) is None
    forecast = await rehearsals.forecast(file, LoadParameters())
    await rehearsals.close()
    later = Rehearsals(tmp_path / "rehearsals.json", EngineChoice.of_machine())
    later.load()
    monkeypatch.setattr(module, "rehearsal_program", lambda: ["/nowhere"])
    assert later.known(file, LoadParameters()) == await later.forecast(file, LoadParameters()) == forecast
    assert later.engine == rehearsals.engine
    copied = later.known(file, LoadParameters(memory_map=False))
    assert copied is not None
    assert copied.mapped_bytes == 0
    with pytest.raises(RehearsalError, match="could not be started"):
        await later.forecast(file, LoadParameters(context=512))
    await later.close()


async def test_results_hold_for_one_version_of_everything(rehearsals: Rehearsals, tmp_path: Path) -> None:
    """A changed file, other parameters or another engine make a result void."""
    path = write_good_model(tmp_path / "model.gguf")
    await rehearsals.forecast(entry(path), LoadParameters())
    await rehearsals.close()
    assert rehearsals.known(entry(path), LoadParameters(batch=128)) is None
    os.utime(path, ns=(1, 1))
    assert rehearsals.known(entry(path), LoadParameters()) is None
    other = Rehearsals(tmp_path / "rehearsals.json", EngineChoice((EngineUse("", "other", "0.4.0"),)))
    other.load()
    os.utime(path, ns=(path.stat().st_mtime_ns, path.stat().st_mtime_ns))
    assert other.known(entry(path), LoadParameters()) is None
    assert other.engine.version == "other 0.4.0"


async def test_a_gpu_that_is_found_later_counts(tmp_path: Path) -> None:
    """GPUs are tried while models are rehearsed already: from then on forecasts go by them."""
    use = EngineChoice.of_machine().current
    assert use is not None
    choice = EngineChoice((replace(use, gpus=()),))
    rehearsals = Rehearsals(tmp_path / "rehearsals.json", choice)
    await rehearsals.forecast(entry(write_good_model(tmp_path / "model.gguf")), LoadParameters())
    assert not rehearsals.engine.gpu_offload
    choice.change((replace(use, gpus=(Device("Vulkan0", "a card", "gpu", 8 * GIB),)),))
    assert rehearsals.engine.gpu_offload
    await rehearsals.close()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b'{"version": 2}', b'{"version": 1, "results": [3]}']
)
def test_results_that_cannot_be_read_are_left_behind(content: bytes, tmp_path: Path) -> None:
    """A damaged file of results costs the results and nothing else."""
    (tmp_path / "rehearsals.json").write_bytes(content)
    Rehearsals(tmp_path / "rehearsals.json", EngineChoice.of_machine()).load()


async def test_a_model_stays_open_for_the_next_question(rehearsals: Rehearsals, tmp_path: Path) -> None:
    """Further questions about a model go to the same process; another model gets its own."""
    first = entry(write_good_model(tmp_path / "a.gguf"))
    second = entry(write_good_model(tmp_path / "b.gguf"))
    await rehearsals.forecast(first, LoadParameters(context=512))
    (process,) = psutil.Process().children()
    await rehearsals.forecast(first, LoadParameters(context=1024))
    assert psutil.Process().children() == [process]
    await rehearsals.forecast(second, LoadParameters())
    (other,) = psutil.Process().children()
    assert other != process


async def test_an_idle_program_ends(
    rehearsals: Rehearsals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that nobody asks ends by itself, and the next question starts another."""
    monkeypatch.setattr(module, "IDLE_SECONDS", 0)
    file = entry(write_good_model(tmp_path / "model.gguf"))
    await rehearsals.forecast(file, LoadParameters())
    (process,) = psutil.Process().children()
    while process.is_running():
        await asyncio.sleep(0.01)
    assert (await rehearsals.forecast(file, LoadParameters(context=512))).context == 512


async def test_what_llama_cpp_refuses_is_told(rehearsals: Rehearsals, tmp_path: Path) -> None:
    """A model that llama.cpp would not load gives its reason, and others are rehearsed all the same."""
    metadata = model_metadata(RECIPE)
    del metadata["tokenizer.ggml.model"]
    bad = entry(write_sparse_gguf(tmp_path / "bad.gguf", metadata, model_tensors(RECIPE)))
    with pytest.raises(RehearsalError, match=r"would not load bad: .*tokenizer\.ggml\.model"):
        await rehearsals.forecast(bad, LoadParameters())
    good = entry(write_good_model(tmp_path / "good.gguf"))
    assert await rehearsals.forecast(good, LoadParameters())


async def test_parameters_that_llama_cpp_refuses_are_told(rehearsals: Rehearsals, tmp_path: Path) -> None:
    """A quantised cache without flash attention is refused with llama.cpp's reason."""
    file = entry(write_good_model(tmp_path / "model.gguf"))
    with pytest.raises(RehearsalError, match="requires flash_attn"):
        await rehearsals.forecast(file, LoadParameters(kv_type="q8_0", flash_attention=False))
    assert await rehearsals.forecast(file, LoadParameters())


async def test_a_file_that_kills_llama_cpp_kills_only_the_rehearsal(
    rehearsals: Rehearsals, tmp_path: Path
) -> None:
    """A file without layers makes llama.cpp abort; that is a sentence, not the end."""
    good = entry(write_good_model(tmp_path / "model.gguf"))
    metadata = model_metadata(RECIPE) | {"llama.block_count": 0}
    write_sparse_gguf(tmp_path / "model.gguf", metadata, model_tensors(RECIPE))
    with pytest.raises(RehearsalError, match=r"given up by llama\.cpp: .*GGML_ASSERT"):
        await rehearsals.forecast(good, LoadParameters())


async def test_what_is_no_model_is_not_rehearsed(rehearsals: Rehearsals, tmp_path: Path) -> None:
    """A file with an error gives that error, without starting anything."""
    (tmp_path / "text.gguf").write_text("this is just a text, nothing else")
    with pytest.raises(RehearsalError, match="not a GGUF model"):
        await rehearsals.forecast(entry(tmp_path / "text.gguf"), LoadParameters())
    assert psutil.Process().children() == []


async def test_a_rehearsal_that_hangs_is_ended(
    rehearsals: Rehearsals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that does not answer in time is killed and the time is told."""
    monkeypatch.setattr(module, "rehearsal_program", lambda: [sys.executable, "-c", "input(); input()"])
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.05)
    file = entry(write_good_model(tmp_path / "model.gguf"))
    with pytest.raises(RehearsalError, match="took longer than 0 s"):
        await rehearsals.forecast(file, LoadParameters())
    assert psutil.Process().children() == []


async def test_a_cancelled_rehearsal_leaves_nothing(
    rehearsals: Rehearsals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who gives up on a rehearsal ends its program."""
    monkeypatch.setattr(module, "rehearsal_program", lambda: [sys.executable, "-c", "input(); input()"])
    file = entry(write_good_model(tmp_path / "model.gguf"))
    asking = asyncio.create_task(rehearsals.forecast(file, LoadParameters()))
    while not psutil.Process().children():
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert psutil.Process().children() == []


async def test_a_program_ends_though_who_ended_it_was_cancelled(
    rehearsals: Rehearsals, tmp_path: Path
) -> None:
    """Cancelled while the program of the model before is to be ended, by a thread that has not begun."""
    files = [entry(sparse(tmp_path / f"{name}.gguf", SMALL)) for name in ("one", "other")]
    await rehearsals.forecast(files[0], LoadParameters())
    (program,) = psutil.Process().children()
    loop, busy = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    waiting = loop.run_in_executor(None, busy.wait)
    asked = asyncio.create_task(rehearsals.forecast(files[1], LoadParameters()))
    while rehearsals._program is not None:
        await asyncio.sleep(0)
    asked.cancel()
    await asyncio.wait([asked])
    busy.set()
    await waiting
    await rehearsals.close()
    assert not program.is_running()


async def test_closing_does_not_wait_for_a_rehearsal(
    rehearsals: Rehearsals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing ends a rehearsal under way at once, and who waits for it is told."""
    monkeypatch.setattr(module, "rehearsal_program", lambda: [sys.executable, "-c", "input(); input()"])
    file = entry(write_good_model(tmp_path / "model.gguf"))
    asking = asyncio.create_task(rehearsals.forecast(file, LoadParameters()))
    while not psutil.Process().children():
        await asyncio.sleep(0)
    await rehearsals.close()
    with pytest.raises(RehearsalError, match="was ended"):
        await asking
    assert psutil.Process().children() == []


async def test_nonsense_from_the_program_is_told(
    rehearsals: Rehearsals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is none is a sentence, not a failure."""
    monkeypatch.setattr(module, "rehearsal_program", lambda: [sys.executable, "-c", "input(); print('{}')"])
    file = entry(write_good_model(tmp_path / "model.gguf"))
    with pytest.raises(RehearsalError, match="without sense"):
        await rehearsals.forecast(file, LoadParameters())


def run_program(script: str, path: Path, extra_buffers: bool = True) -> Rehearsed:
    """The answer of the program, run by a script that may change it first."""
    request = {
        "type": "Rehearse",
        "path": base64.b64encode(os.fsencode(path)).decode(),
        "parameters": {},
        "extra_buffers": extra_buffers,
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(request) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    answer = msgspec.json.decode(done.stdout, type=RehearsalOutcome)
    assert isinstance(answer, Rehearsed)
    return answer


def test_the_log_tells_nearly_the_same(gemma_path: Path) -> None:
    """Where llama.cpp's list of buffers cannot be had, its log gives sizes to a hundredth of a MiB."""
    program = "from llmmem_gui.host import rehearsal\n{}rehearsal.main([])"
    exact = run_program(program.format(""), gemma_path)
    blind = "rehearsal._buffers_by_breakdown = lambda *_: None\n"
    logged = run_program(program.format(blind), gemma_path)
    assert exact.split_is_known
    assert not logged.split_is_known
    for part in ("cache_bytes", "compute_bytes", "weights_bytes"):
        sizes = [sum(getattr(b, part) for b in answer.buffers) for answer in (exact, logged)]
        assert sizes[0] == pytest.approx(sizes[1], abs=2 * 0.01 * MIB), part
    assert logged.output_bytes == exact.output_bytes


def test_weights_are_counted_once_with_extra_buffers_and_without(gemma_path: Path) -> None:
    """What is copied stands apart from what is mapped, nothing lies on a GPU, and no weight is forgotten."""
    program = "from llmmem_gui.host import rehearsal\nrehearsal.main([])"
    copied, plain = (run_program(program, gemma_path, extra_buffers) for extra_buffers in (True, False))
    assert (copied.extra_buffers, plain.extra_buffers) == (True, False)
    assert {buffer.memory for buffer in copied.buffers} <= {"plain", "extra"}  # as the processor has it
    assert {buffer.memory for buffer in plain.buffers} == {"plain"}
    weights = [sum(buffer.weights_bytes for buffer in answer.buffers) for answer in (copied, plain)]
    assert weights[0] >= weights[1]


def test_the_program_holds_no_secret_and_is_isolated() -> None:
    """The program is started with -I, by a file of this package."""
    program = rehearsal_program()
    assert program[1] == "-I"
    assert Path(program[2]).is_file()


def test_a_description_without_a_shape_has_no_known_rehearsal(tmp_path: Path) -> None:
    """A broken model has no forecast, whatever was rehearsed before."""
    found = FoundModel("broken", "", (str(tmp_path / "broken.gguf"),))
    file = model_file(found, Description((), None, "It is broken."), "broken")
    rehearsals = Rehearsals(tmp_path / "rehearsals.json", EngineChoice.of_machine())
    assert rehearsals.known(file, LoadParameters()) is None


def test_caches_are_computed_to_the_byte_for_the_real_models(smol_path: Path, gemma_path: Path) -> None:
    """For the published models the formula's cache is the one in llama.cpp's documentation of their sizes."""
    for path, expected in ((smol_path, 90 * MIB), (gemma_path, 27 * MIB)):
        parameters = LoadParameters(context=4096, slots=1)
        found = FoundModel(path.stem, "", (str(path),))
        shape = describe(found).shape
        assert read_header(path).architecture == shape.architecture
        engine = Rehearsals(path, EngineChoice.of_machine()).engine
        cache = buffers.cache(shape, parameters, engine)
        assert cache.total == expected
