"""Engines are tried before they are used: a right one passes, each kind of wrong one is found out."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
from pathlib import Path

import msgspec
import numpy
import pytest

from llmmem_gui.core.engines import EngineManifest, EngineReport, InstalledEngine, choose
from llmmem_gui.host.known_model import TYPES, KnownModel, Shape
from llmmem_gui.service.engines import trials
from llmmem_gui.service.storage.engine_store import EngineStore
from tests.broken_engines import DIES, DOES_NOTHING, REPACKED, broken, copied, only_here

ON_THE_PROCESSOR = [("CPU", False), ("CPU", True)]


async def tried(engine: InstalledEngine) -> EngineReport:
    """What trying an engine shows; its speed is not measured."""
    return await trials.try_processor(engine, speed_seconds=0)


def ways(engine: InstalledEngine, report: EngineReport) -> list[tuple[str, bool]]:
    """The ways in which an engine would be used after that."""
    known = InstalledEngine(engine.folder, engine.manifest, report)
    return [(way.name, way.extra_buffers) for way in choose([known])]


async def test_the_engine_in_use_answers_rightly(tmp_path: Path) -> None:
    """What hosts of these tests compute with passes in both ways, the fast one first."""
    engine = copied(tmp_path / "copy")
    report = await tried(engine)
    assert report.refused is None
    assert [(trial.device, trial.extra_buffers) for trial in report.trials] == ON_THE_PROCESSOR
    assert [trial.failure for trial in report.trials] == [None, None]
    assert ways(engine, report) == [("copy", True), ("copy", False)]
    assert any(device.kind == "cpu" and device.total_bytes > 0 for device in report.devices)


@only_here
async def test_a_kernel_that_kills_switches_extra_buffers_off(tmp_path: Path) -> None:
    """As with AMX on some compilers: the plain way is kept, the other one never used."""
    engine = broken(tmp_path / "broken", REPACKED, DIES)
    report = await tried(engine)
    assert ways(engine, report) == [("broken", False)]
    failed = report.trial("CPU", True)
    assert failed is not None
    assert str(failed.failure) == "crashed (SIGILL)"


@only_here
async def test_a_kernel_that_is_wrong_is_found_out_in_each_way_that_uses_it(tmp_path: Path) -> None:
    """Wrong products are noticed without a crash: here those of repacked weights."""
    engine = broken(tmp_path / "broken", REPACKED, DOES_NOTHING)
    report = await tried(engine)
    assert ways(engine, report) == [("broken", False)]
    failed = report.trial("CPU", True)
    assert failed is not None
    assert "tokens wrong" in str(failed.failure) or "no number" in str(failed.failure)


@only_here
async def test_a_kernel_for_many_tokens_is_found_out_whatever_it_multiplies(tmp_path: Path) -> None:
    """Of the last element type, too, a wrong product for the tokens of a prompt spoils more than a few."""
    functions = f"_ZN4ggml3cpu6repack4gemmI.*block_{TYPES[-1]}L.*"
    report = await tried(broken(tmp_path / "broken", functions, DOES_NOTHING))
    assert ways(InstalledEngine("", EngineManifest("broken", "1", "compiled")), report) == [("broken", False)]
    failed = report.trial("CPU", True)
    assert failed is not None
    assert failed.failure is not None
    assert int(str(failed.failure.values["number"])) >= 8


@only_here
@pytest.mark.parametrize("functions", ["llama_decode", "llama_sampler_sample"])
async def test_an_engine_that_cannot_answer_is_refused(tmp_path: Path, functions: str) -> None:
    """A library that dies in the midst of everything, or chooses any token, is used in no way."""
    code = DIES if functions == "llama_decode" else b"\xb8\x07\x00\x00\x00\xc3"  # mov eax, 7; ret
    engine = broken(tmp_path / "broken", functions, code)
    report = await tried(engine)
    assert ways(engine, report) == []
    assert all(trial.failure is not None for trial in report.trials)


@only_here
async def test_an_engine_without_a_module_for_the_processor_is_refused(tmp_path: Path) -> None:
    """As on an old processor: llama.cpp skips a module that needs newer instructions, and none is left."""
    engine = copied(tmp_path / "copy")
    modules = list(Path(engine.folder).glob("libggml-cpu*.so"))
    if not modules:
        pytest.skip("the engine in use is not made of modules")
    for module in modules:
        module.unlink()
    report = await tried(engine)
    assert str(report.refused) == "has nothing to compute on: none of its modules is for this processor"
    assert ways(engine, report) == []


async def test_other_structures_are_refused_with_a_sentence(tmp_path: Path) -> None:
    """A library whose structures are not those that are passed to it never gets to compute."""
    engine = copied(tmp_path / "copy")
    other = "bindings" if engine.manifest.layout != "bindings" else "moe_cache_size"
    engine = copied(tmp_path / "other", layout=other)
    report = await tried(engine)
    assert "llama_context_params" in str(report.refused)
    assert "bytes where the bindings have" in str(report.refused)
    assert ways(engine, report) == []


@only_here
async def test_other_defaults_are_refused_with_a_sentence(tmp_path: Path) -> None:
    """Structures as long as they should be, but filled otherwise, are those of another version."""
    # mov rax, rdi; then n_ctx = 1024 at the structure's beginning; ret
    code = b"\x48\x89\xf8\xc7\x07\x00\x04\x00\x00\xc3"
    report = await tried(broken(tmp_path / "broken", "llama_context_default_params", code))
    assert "llama_context_params" in str(report.refused)


@pytest.mark.parametrize("content", [b"", b"\x7fELF", os.urandom(4096)])
async def test_a_library_that_is_none_is_refused_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    """A damaged file costs the engine and nothing else."""
    engine = copied(tmp_path / "copy")
    library = tmp_path / "copy" / "libllama.so"
    library.unlink()
    library.write_bytes(content)
    report = await tried(engine)
    assert str(report.refused).startswith("cannot be loaded")


async def test_a_trial_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a trial waits for a bounded time, and the process is gone after it."""
    monkeypatch.setattr(trials, "FIT_SECONDS", 0.01)
    report = await tried(copied(tmp_path / "copy"))
    assert str(report.refused) == "took longer than 0 s"


async def test_a_trial_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    """Closing the program in the midst of a trial ends its process."""
    task = asyncio.ensure_future(tried(copied(tmp_path / "copy")))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@only_here
async def test_a_trial_that_crashes_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it computed with is megabytes, in a folder that may be memory."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    for variable in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(variable, str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    report = await tried(broken(tmp_path / "broken", "llama_decode", DIES))
    assert [str(trial.failure) for trial in report.trials] == ["crashed (SIGILL)"] * 2
    assert list(temporary.iterdir()) == []


@only_here
async def test_another_llama_cpp_in_the_path_of_libraries_is_not_mixed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who builds llama.cpp himself has it in LD_LIBRARY_PATH, in one terminal and not in the next."""
    engine = copied(tmp_path / "copy")
    other = broken(tmp_path / "other", "ggml_backend_dev_count", DIES)
    monkeypatch.setenv("LD_LIBRARY_PATH", other.folder)
    report = await tried(engine)
    assert report.refused is None
    assert [trial.failure for trial in report.trials] == [None, None]


@only_here
async def test_extra_buffers_are_not_used_with_plain_kernels_that_are_wrong(tmp_path: Path) -> None:
    """Weights that cannot be copied into another order are computed plainly all the same."""
    report = await tried(broken(tmp_path / "broken", "ggml_vec_dot_q4_K_q8_K", DOES_NOTHING))
    assert ways(InstalledEngine("", EngineManifest("broken", "1", "compiled")), report) == []


@pytest.mark.parametrize("kind", TYPES)
def test_the_known_model_is_stored_as_ggml_stores_it(kind: str) -> None:
    """The numbers that its answers are computed from have the spread that was asked for, and no bias."""
    shape = Shape((kind,))
    weights = KnownModel(shape)._weights["blk.0.ffn_up.weight"]
    expected = shape.embedding**-0.5
    assert abs(weights.std() / expected - 1) < 0.15
    assert abs(weights.mean()) < 0.12 * expected
    assert numpy.isfinite(weights).all()


def test_a_report_reads_back() -> None:
    """What is kept beside an engine is what was found."""
    report = EngineReport("x", None, (), (), gpus_tried=True)
    assert msgspec.json.decode(msgspec.json.encode(report), type=EngineReport) == report


async def test_what_hindered_a_trial_is_not_held_against_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room for its model, or a time limit on a busy machine: it is tried again at the next start."""
    engine = copied(tmp_path / "copy")
    store = EngineStore(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(trials, "FIT_SECONDS", 0.01)
        late = await tried(engine)
    with monkeypatch.context() as patch:
        patch.setattr(trials.tempfile, "TemporaryDirectory", _no_room)
        full = await tried(engine)
    for report in (late, full):
        assert report.refused is not None
        assert not report.is_conclusive
        store.save(engine, report)
        assert not (tmp_path / "copy" / "report.json").exists()
    store.save(engine, await tried(engine))
    assert (tmp_path / "copy" / "report.json").exists()


def _no_room(**_: object) -> object:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
