"""Where the bytes of a forecast lie: each in one place, by what a buffer is and not by what it is called."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmem_gui.core.engine import Engine
from llmmem_gui.core.forecast import MIB, Forecast, forecast_by_formula, forecast_by_rehearsal
from llmmem_gui.core.measurement import Measurement, learned
from llmmem_gui.core.model_shape import ModelShape
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.rehearsal import Buffers, DeviceType, Memory, RehearsalOutcome, Rehearsed, memory_of
from tests.core.shapes import shape_of
from tests.made_up_models import Recipe

RECIPES = [
    Recipe(tied=False, type="q4_K", embedding_type="q6_K"),
    Recipe(type="q4_K", embedding_type="q4_K"),
    Recipe(architecture="gemma3", layers=6, sliding_window=512),
    Recipe(experts=8, experts_used=2),
    Recipe(architecture="mamba", type="f16"),
    Recipe(architecture="bert", context=512),
]
SHAPES = [shape_of(recipe) for recipe in RECIPES]


@pytest.mark.parametrize(
    ("name", "is_host", "device", "memory"),
    [
        ("CPU", True, None, "plain"),
        ("CPU_Mapped", True, None, "plain"),
        ("CPU", True, DeviceType.CPU, "plain"),
        ("CPU_REPACK", False, DeviceType.CPU, "extra"),
        ("AMX", False, DeviceType.CPU, "extra"),
        ("CPU_KLEIDIAI", False, DeviceType.CPU, "extra"),
        ("an extra type without a device", False, None, "extra"),
        ("BLAS", False, DeviceType.ACCEL, "extra"),
        ("BLAS", True, DeviceType.ACCEL, "plain"),
        ("Vulkan0", False, DeviceType.GPU, "gpu"),
        ("Vulkan_Host", True, DeviceType.GPU, "plain"),
        ("CUDA0", False, DeviceType.GPU, "gpu"),
        ("CUDA_Host", True, DeviceType.GPU, "plain"),
        ("Vulkan0 of a processor's own GPU", False, DeviceType.IGPU, "gpu"),
        ("several GPUs as one", False, DeviceType.META, "gpu"),
        ("a device of a kind that is not known yet", False, 17, "extra"),
    ],
)
def test_memory_is_told_by_what_a_buffer_is(
    name: str, is_host: bool, device: int | None, memory: Memory
) -> None:
    """On a GPU lies what is no plain memory and belongs to a GPU; the name plays no part."""
    assert memory_of(is_host, device) == memory


SIZES = st.integers(0, 8 * 1024 * MIB)


@st.composite
def rehearsals(draw: st.DrawFn) -> Rehearsed:
    """What llama.cpp may have counted: any buffers, on a machine with a GPU or without."""
    gpu = draw(st.booleans())
    memories = st.sampled_from(("plain", "extra", "gpu") if gpu else ("plain", "extra"))
    buffers = st.builds(Buffers, st.just("any name"), memories, SIZES, SIZES, SIZES)
    return Rehearsed(
        context=draw(st.integers(256, 2**20)),
        buffers=tuple(draw(st.lists(buffers, max_size=5))),
        split_is_known=draw(st.booleans()),
        output_bytes=draw(SIZES),
        model_bytes=draw(SIZES),
        engine_version="1",
        cpu_features=("AVX2",),
        gpu_offload=gpu,
        extra_buffers=draw(st.booleans()),
    )


PARAMETERS = st.builds(
    LoadParameters,
    context=st.integers(1, 2**18),
    batch=st.integers(1, 2048),
    gpu_layers=st.integers(-1, 60),
    memory_map=st.booleans(),
    flash_attention=st.booleans(),
    embeddings=st.booleans(),
)
MEASUREMENTS = st.lists(
    st.builds(Measurement, SIZES, SIZES, SIZES, st.integers(0, 2**18), st.integers(0, 2**18)), max_size=3
)


def assert_adds_up(forecast: Forecast, engine: Engine) -> None:
    """Every byte is in one place, by purpose and by memory, and none is on a GPU that is not there."""
    by_purpose = (
        forecast.weights_bytes,
        forecast.kv_cache_bytes,
        forecast.compute_bytes,
        forecast.overhead_bytes,
    )
    by_place = (forecast.mapped_bytes, forecast.private_bytes, forecast.vram_bytes)
    assert min(*by_purpose, *by_place) >= 0
    assert sum(by_place) == sum(by_purpose) == forecast.total_bytes
    assert forecast.main_bytes == forecast.total_bytes - forecast.vram_bytes
    assert forecast.low_bytes <= forecast.total_bytes <= forecast.high_bytes
    if not engine.gpu_offload:
        assert forecast.vram_bytes == 0


@given(
    shape=st.sampled_from(SHAPES), parameters=PARAMETERS, rehearsed=rehearsals(), measurements=MEASUREMENTS
)
def test_every_byte_of_a_forecast_lies_in_one_place(
    shape: ModelShape, parameters: LoadParameters, rehearsed: Rehearsed, measurements: list[Measurement]
) -> None:
    """Mapped, private and GPU memory add up to the total: by formula, by a dry run, after loads."""
    features = frozenset(rehearsed.cpu_features)
    engine = Engine("1", features, rehearsed.gpu_offload, rehearsed.extra_buffers)
    for forecast in (
        forecast_by_formula(shape, parameters, engine),
        forecast_by_rehearsal(shape, parameters, rehearsed, engine),
    ):
        assert_adds_up(forecast, engine)
        better = learned(forecast, parameters, measurements)
        assert better.total_bytes - better.vram_bytes == better.main_bytes
        assert min(better.mapped_bytes, better.private_bytes, better.vram_bytes) >= 0


@pytest.mark.parametrize(
    "change",
    [
        {"vram_weights_bytes": 1000},
        {"private_weights_bytes": 1001},
        {"private_weights_bytes": -1},
        {"vram_buffers_bytes": 201},
        {"vram_overhead_bytes": 51},
        {"low_bytes": 1251},
        {"high_bytes": 1249},
    ],
)
def test_a_forecast_that_does_not_add_up_cannot_be_made(change: dict[str, int]) -> None:
    """A byte in two places, a part larger than its whole or a total outside of its bar is refused."""
    sound = Forecast(1000, 1, 100, 100, 50, 1250, 1250, 4096, "formula")
    with pytest.raises(AssertionError):
        dataclasses.replace(sound, **change)


def test_weights_that_are_copied_are_private_and_the_rest_is_mapped() -> None:
    """The same weights in the buffers of a processor with AMX and of one without add up to the same total."""
    shape, parameters = SHAPES[0], LoadParameters()
    extra, plain = (
        Rehearsed(4096, buffers, True, MIB, 20 * MIB, "1", ("AVX2",), gpu_offload=False)
        for buffers in (
            (Buffers("AMX", "extra", 95 * MIB, 0, 0), Buffers("CPU", "plain", MIB, 90 * MIB, 17 * MIB)),
            (Buffers("CPU", "plain", 96 * MIB, 90 * MIB, 17 * MIB),),
        )
    )
    with_amx, without = (
        forecast_by_rehearsal(shape, parameters, rehearsed, Engine()) for rehearsed in (extra, plain)
    )
    assert with_amx.total_bytes == without.total_bytes
    assert (with_amx.private_weights_bytes, with_amx.mapped_bytes) == (95 * MIB, MIB)
    assert (without.private_weights_bytes, without.mapped_bytes) == (0, 96 * MIB)
    assert with_amx.vram_bytes == without.vram_bytes == 0
    copied = forecast_by_rehearsal(shape, LoadParameters(memory_map=False), plain, Engine())
    assert (copied.private_weights_bytes, copied.mapped_bytes) == (96 * MIB, 0)


def test_a_gpu_that_is_not_there_holds_nothing() -> None:
    """An answer that puts a buffer on a GPU where there is none is refused, and so are sizes below 0."""
    told = {
        "type": "Rehearsed",
        "context": 4096,
        "buffers": [
            {"name": "AMX", "memory": "gpu", "weights_bytes": MIB, "cache_bytes": 0, "compute_bytes": 0}
        ],
        "split_is_known": True,
        "output_bytes": 0,
        "model_bytes": 0,
        "engine_version": "1",
        "cpu_features": [],
        "gpu_offload": False,
    }
    with pytest.raises(msgspec.ValidationError, match="there is none"):
        msgspec.convert(told, RehearsalOutcome)
    assert msgspec.convert(told | {"gpu_offload": True}, RehearsalOutcome)
    with pytest.raises(msgspec.ValidationError, match="model_bytes"):
        msgspec.convert(told | {"gpu_offload": True, "model_bytes": -1}, RehearsalOutcome)


GPU = Engine("1", frozenset({"AVX2"}), gpu_offload=True)


def test_a_gpu_whose_memory_is_not_told_keeps_its_forecast() -> None:
    """What was measured in main memory corrects main memory; GPU memory is corrected where it is told."""
    parameters = LoadParameters(gpu_layers=-1)
    forecast = forecast_by_formula(SHAPES[0], parameters, GPU)
    taken = Measurement(forecast.private_bytes + 30 * MIB, 0, 0, forecast.context, 4096)
    silent = learned(forecast, parameters, [taken])
    assert silent.private_bytes == forecast.private_bytes + 30 * MIB
    assert silent.vram_bytes == forecast.vram_bytes
    told = msgspec.structs.replace(taken, vram_bytes=forecast.vram_bytes + 50 * MIB)
    better = learned(forecast, parameters, [told])
    assert better.private_bytes == silent.private_bytes
    assert better.vram_bytes == forecast.vram_bytes + 50 * MIB


@given(
    measurement=st.builds(Measurement, SIZES, SIZES, st.just(0), st.integers(1, 4096), st.integers(0, 4096))
)
def test_to_know_more_makes_no_bar_wider(measurement: Measurement) -> None:
    """One measured load, however little it read or used, leaves no wider bar than there was before it."""
    parameters = LoadParameters()
    forecast = forecast_by_formula(SHAPES[0], parameters)
    better = learned(forecast, parameters, [measurement])
    wide = forecast.high_bytes - forecast.total_bytes
    assert better.high_bytes - better.total_bytes <= wide
    assert better.total_bytes - better.low_bytes <= wide
