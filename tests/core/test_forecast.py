"""Forecasts by formula, parameters that fit, and what is learned from loads."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmem_gui.core import buffers
from llmmem_gui.core.engine import Engine, features_of_flags
from llmmem_gui.core.fitting import cheaper_parameters, largest_context
from llmmem_gui.core.forecast import MIB, Forecast, forecast_by_formula, forecast_by_rehearsal
from llmmem_gui.core.gguf import FileIdentity
from llmmem_gui.core.measurement import LoadKey, Measurement, learned
from llmmem_gui.core.parameters import AUTO, GpuLayers, KvType, LoadParameters
from llmmem_gui.core.rehearsal import Buffers, Rehearsed
from tests.core.shapes import shape_of
from tests.made_up_models import Recipe

GIB = 1024**3
AVX2 = Engine("1", frozenset({"AVX2"}))
GPU = Engine("1", frozenset({"AVX2"}), gpu_offload=True)

LLAMA_8B = Recipe(
    layers=32,
    embedding=4096,
    feed_forward=14336,
    heads=32,
    kv_heads=8,
    head_size=128,
    vocabulary=128_256,
    type="q4_K",
    embedding_type="q4_K",
    tied=False,
)
GEMMA = Recipe(
    architecture="gemma3",
    layers=18,
    embedding=640,
    feed_forward=2048,
    heads=4,
    kv_heads=1,
    head_size=256,
    vocabulary=262_144,
    sliding_window=512,
)
MAMBA = Recipe(architecture="mamba", type="f16")
DEEPSEEK = Recipe(
    architecture="deepseek2", layers=5, heads=16, kv_rank=512, rope_size=64, experts=8, experts_used=2
)


SHAPES = {id(recipe): shape_of(recipe) for recipe in (LLAMA_8B, GEMMA, DEEPSEEK, MAMBA)}


def formula(recipe: Recipe, engine: Engine = AVX2, **parameters: object) -> Forecast:
    shape = SHAPES.get(id(recipe)) or shape_of(recipe)
    return forecast_by_formula(shape, LoadParameters(**parameters), engine)


def test_parts_make_the_total() -> None:
    """The total is the sum of its parts, and private and mapped bytes together are all of it."""
    forecast = formula(LLAMA_8B)
    parts = (
        forecast.weights_bytes,
        forecast.kv_cache_bytes,
        forecast.compute_bytes,
        forecast.overhead_bytes,
    )
    assert forecast.total_bytes == sum(parts)
    assert forecast.private_bytes + forecast.mapped_bytes == forecast.total_bytes
    assert forecast.low_bytes < forecast.total_bytes < forecast.high_bytes
    assert (forecast.source, forecast.context, forecast.doubt) == ("formula", 4096, None)


@pytest.mark.parametrize(
    ("kv_type", "expected"), [("f16", 1024), ("q8_0", 544), ("q5_1", 384), ("q4_1", 320), ("q4_0", 288)]
)
def test_keys_and_values_take_what_their_type_takes(kv_type: KvType, expected: int) -> None:
    """8,192 tokens of an 8B model take 1 GiB of cache in 16 bits and less in other types."""
    assert formula(LLAMA_8B, context=8192, kv_type=kv_type).kv_cache_bytes == expected * MIB


def test_a_sliding_window_bounds_the_cache() -> None:
    """Of gemma's 18 layers 15 keep four windows and a batch, unless the whole context is wanted."""
    cell_bytes = 2 * 256 * 2
    sliding = formula(GEMMA, context=32_768)
    whole = formula(GEMMA, context=32_768, full_sliding_window=True)
    assert sliding.kv_cache_bytes == (3 * 32_768 + 15 * (4 * 512 + 512)) * cell_bytes
    assert whole.kv_cache_bytes == 18 * 32_768 * cell_bytes


def test_compressed_keys_have_no_values() -> None:
    """A model with latent attention keeps one compressed vector a layer and token."""
    assert formula(DEEPSEEK, context=1024).kv_cache_bytes == 5 * 1024 * (512 + 64) * 2


def test_recurrent_state_does_not_grow_with_the_context() -> None:
    """A mamba model takes the same for 1,000 tokens as for 100,000: a state for each answer at once."""
    short, long = formula(MAMBA, context=1000), formula(MAMBA, context=100_000)
    assert short.kv_cache_bytes == long.kv_cache_bytes == 4 * 4 * (3 * 512 + 16 * 512) * 4
    assert short.compute_bytes == long.compute_bytes


def test_models_for_embeddings_keep_no_cache() -> None:
    """A bert model has nothing to remember between two texts."""
    recipe = Recipe(architecture="bert", context=512)
    assert formula(recipe, context=512, embeddings=True).kv_cache_bytes == 0


def test_embeddings_need_a_row_of_logits_for_each_token() -> None:
    """llama.cpp makes room for the logits of a whole batch of text, though only embeddings are wanted."""
    recipe = Recipe(architecture="bert", context=512)
    whole, half = (formula(recipe, context=512, batch=batch, embeddings=True) for batch in (512, 256))
    assert whole.overhead_bytes - half.overhead_bytes > 256 * 32_000 * 4


def test_the_context_is_rounded_as_llama_cpp_rounds_it() -> None:
    """Any context is given in steps of 256 tokens."""
    assert formula(LLAMA_8B, context=1).context == 256
    assert formula(LLAMA_8B, context=4097).context == 4352


def test_flash_attention_saves_the_scores() -> None:
    """Without flash attention an 8B model needs 2 GiB more for intermediate results at 32,768 tokens."""
    with_it = formula(LLAMA_8B, context=32_768).compute_bytes
    without = formula(LLAMA_8B, context=32_768, flash_attention=False).compute_bytes
    assert 1.9 * GIB < without - with_it < 2.1 * GIB


def test_a_smaller_batch_needs_smaller_buffers() -> None:
    """Intermediate results shrink with the batch."""
    whole, quarter = formula(LLAMA_8B).compute_bytes, formula(LLAMA_8B, batch=128).compute_bytes
    assert quarter == pytest.approx(whole / 4, rel=0.01)


def test_repacked_weights_are_private() -> None:
    """What the processor wants in another order is copied; embeddings that are looked up are not."""
    embeddings = 128_256 * 4096 // 256 * 144
    forecast = formula(LLAMA_8B)
    assert forecast.mapped_bytes == pytest.approx(embeddings, rel=0.01)
    assert formula(LLAMA_8B, Engine()).private_weights_bytes == 0
    assert formula(LLAMA_8B.but(type="q8_0")).private_weights_bytes == 0
    assert formula(LLAMA_8B, memory_map=False).mapped_bytes == 0


def test_tied_embeddings_are_there_twice_when_they_are_repacked() -> None:
    """A matrix that is looked up and multiplied with is mapped and copied, if its type is repacked."""
    tied = LLAMA_8B.but(tied=True)
    shape = shape_of(tied)
    assert formula(tied).weights_bytes == shape.weights_bytes + shape.embedding_bytes
    assert formula(tied, Engine()).weights_bytes == shape.weights_bytes
    q8 = tied.but(embedding_type="q8_0")
    assert formula(q8).weights_bytes == shape_of(q8).weights_bytes


@pytest.mark.parametrize(
    ("features", "kind", "multiple", "expected"),
    [
        ({"AVX2"}, "q4_K", 8, True),
        ({"AVX2"}, "q4_K", 4, False),
        ({"AVX2"}, "q2_K", 16, False),
        ({"AVX2", "AVX512"}, "q2_K", 16, True),
        ({"NEON", "DOTPROD"}, "q8_0", 4, True),
        ({"NEON"}, "q8_0", 16, False),
        ({"AVX2"}, "f16", 16, False),
        ({"AVX2"}, "q4_0", 0, False),
    ],
)
def test_which_types_are_repacked(features: set[str], kind: str, multiple: int, expected: bool) -> None:
    """A type is repacked where the processor has kernels for it and the rows divide."""
    assert Engine("1", frozenset(features)).repacks(kind, multiple) is expected


def test_features_are_told_from_the_kernels_flags() -> None:
    """The kernel's names become those of llama.cpp; what plays no part is left out."""
    assert features_of_flags(["fpu", "avx2", "avx512f", "avx512vl"]) == {"AVX2", "AVX512"}
    assert features_of_flags(["asimd", "asimddp", "i8mm"]) == {"NEON", "DOTPROD", "MATMUL_INT8"}


def test_case_33_layers_on_a_gpu_are_counted_there_and_nowhere_else() -> None:
    """With all layers on a GPU only the embeddings stay mapped; with half of them, half of the rest."""
    everything = formula(LLAMA_8B, GPU, gpu_layers=-1)
    half = formula(LLAMA_8B, GPU, gpu_layers=17)
    assert everything.mapped_bytes == 128_256 * 4096 // 256 * 144
    assert everything.private_weights_bytes == 0
    assert half.vram_weights_bytes < everything.vram_weights_bytes
    assert half.private_weights_bytes == 0  # beside a GPU nothing is repacked
    assert half.kv_cache_bytes == everything.kv_cache_bytes
    for forecast in (everything, half):
        parts = forecast.private_bytes + forecast.mapped_bytes + forecast.vram_bytes
        assert parts == forecast.total_bytes
    assert half.vram_bytes - half.vram_weights_bytes == pytest.approx(
        400 * MIB + (half.kv_cache_bytes + half.compute_bytes) / 2, rel=0.01
    )


def test_layers_for_a_gpu_that_is_not_there_stay_in_main_memory() -> None:
    """An engine without a GPU ignores the layers meant for one, and so does the forecast."""
    assert formula(LLAMA_8B, AVX2, gpu_layers=-1) == formula(LLAMA_8B)


def test_an_unknown_architecture_is_said_to_be_one() -> None:
    """A model of an unknown architecture has a forecast with its doubt and a wider bar."""
    known = formula(Recipe())
    unknown = formula(Recipe(architecture="newest"))
    assert "newest" in str(unknown.doubt)
    assert unknown.high_bytes - unknown.low_bytes > known.high_bytes - known.low_bytes


def test_caches_that_are_not_counted_are_said() -> None:
    """A model that keeps an index beside keys and values has a forecast with its doubt."""
    assert "caches that are not counted" in str(formula(Recipe(architecture="minimax-m3")).doubt)


@given(
    context=st.integers(1, 2**20),
    batch=st.integers(1, 4096),
    kv_type=st.sampled_from(["f16", "q8_0", "q4_0"]),
    embeddings=st.booleans(),
    recipe=st.sampled_from([LLAMA_8B, GEMMA, DEEPSEEK, MAMBA]),
)
def test_case_36_more_context_never_takes_less(
    context: int, batch: int, kv_type: KvType, embeddings: bool, recipe: Recipe
) -> None:
    """For any model and parameters a forecast grows with the context, and no part is negative."""
    parameters = LoadParameters(context=context, batch=batch, kv_type=kv_type, embeddings=embeddings)
    shape = SHAPES[id(recipe)]
    forecast = forecast_by_formula(shape, parameters, AVX2)
    more = forecast_by_formula(shape, msgspec.structs.replace(parameters, context=context + 256), AVX2)
    assert more.total_bytes >= forecast.total_bytes
    assert min(forecast.kv_cache_bytes, forecast.compute_bytes, forecast.overhead_bytes) >= 0
    assert forecast.context % 256 == 0


REHEARSED = Rehearsed(
    context=4096,
    buffers=(
        Buffers("CPU_REPACK", "extra", 3 * GIB, 0, 0),
        Buffers("CPU", "plain", GIB, 512 * MIB, 32 * MIB),
        Buffers("CUDA_Host", "plain", GIB, 0, 32 * MIB),
        Buffers("CUDA0", "gpu", 2 * GIB, 256 * MIB, 128 * MIB),
    ),
    split_is_known=True,
    output_bytes=MIB,
    model_bytes=20 * MIB,
    engine_version="1",
    cpu_features=("AVX2",),
    gpu_offload=True,
)


def test_a_rehearsal_is_taken_as_it_is() -> None:
    """Buffers of a dry run are sorted into mapped, private and GPU memory and their sizes kept."""
    shape, parameters = shape_of(LLAMA_8B), LoadParameters(gpu_layers=16)
    forecast = forecast_by_rehearsal(shape, parameters, REHEARSED, GPU)
    assert forecast.weights_bytes == 7 * GIB
    assert forecast.private_weights_bytes == 3 * GIB
    assert forecast.mapped_bytes == 2 * GIB
    assert forecast.vram_weights_bytes == 2 * GIB
    assert forecast.kv_cache_bytes == 768 * MIB
    assert forecast.compute_bytes == 192 * MIB
    assert forecast.vram_bytes == 2 * GIB + (256 + 128 + 400) * MIB
    assert forecast.source == "dry run"
    copied = forecast_by_rehearsal(shape, LoadParameters(memory_map=False), REHEARSED, GPU)
    assert copied.mapped_bytes == 0


def test_what_a_rehearsal_cannot_tell_is_computed() -> None:
    """Where a dry run knows neither repacking nor the vocabulary's memory, the formula's share stands in."""
    blind = msgspec.structs.replace(
        REHEARSED,
        buffers=(Buffers("CPU", "plain", 5 * GIB, 512 * MIB, 64 * MIB),),
        split_is_known=False,
        model_bytes=0,
    )
    shape, parameters = shape_of(LLAMA_8B), LoadParameters()
    forecast = forecast_by_rehearsal(shape, parameters, blind, AVX2)
    assert forecast.private_weights_bytes == buffers.weights(shape, parameters, AVX2).private
    assert forecast.overhead_bytes > 20 * MIB


@given(fits=st.integers(0, 12 * GIB), highest=st.integers(1, 131_072))
def test_the_largest_context_fits_and_the_next_does_not(fits: int, highest: int) -> None:
    """The context found takes at most the bytes given, and 256 tokens more take too much."""

    def total_of(parameters: LoadParameters) -> int:
        return forecast_by_formula(SHAPES[id(LLAMA_8B)], parameters, AVX2).total_bytes

    found = largest_context(LoadParameters(), highest, fits, total_of)
    if found is None:
        assert total_of(LoadParameters(context=min(256, highest))) > fits
    else:
        assert total_of(LoadParameters(context=found)) <= fits
        assert found == highest or (found % 256 == 0 and found < highest)
        assert found == highest or total_of(LoadParameters(context=found + 256)) > fits


def cheaper(limit_bytes: int, **parameters: object) -> LoadParameters | None:
    shape = SHAPES[id(LLAMA_8B)]
    return cheaper_parameters(
        LoadParameters(**parameters),
        131_072,
        limit_bytes,
        lambda asked: forecast_by_formula(shape, asked, AVX2).total_bytes,
    )


def test_nothing_changes_that_fits_already() -> None:
    """Parameters that fit are proposed as they are."""
    asked = LoadParameters(context=8192)
    assert cheaper(64 * GIB, context=8192) == asked


def test_the_mildest_change_is_proposed_first() -> None:
    """First the batch shrinks, then keys and values, then the context, then both harder."""
    whole = formula(LLAMA_8B, context=32_768).total_bytes
    assert cheaper(whole - 20 * MIB, context=32_768) == LoadParameters(context=32_768, batch=256)
    assert cheaper(whole - 1000 * MIB, context=32_768) == LoadParameters(context=32_768, kv_type="q8_0")
    half = cheaper(whole - 2050 * MIB, context=32_768)
    assert half is not None
    assert (half.kv_type, half.batch) == ("f16", 512)
    assert 16_384 <= half.context < 32_768
    little = cheaper(whole - 4000 * MIB, context=32_768)
    assert little is not None
    assert (little.kv_type, little.batch) == ("q8_0", 128)
    assert little.context < 16_384
    assert cheaper(GIB, context=32_768) is None


@given(limit=st.integers(0, 16 * GIB), context=st.integers(256, 131_072))
def test_what_is_proposed_fits(limit: int, context: int) -> None:
    """Whatever is asked, a proposal takes at most the limit and never more context than asked."""
    shape = SHAPES[id(LLAMA_8B)]

    def total_of(parameters: LoadParameters) -> int:
        return forecast_by_formula(shape, parameters, AVX2).total_bytes

    found = cheaper_parameters(LoadParameters(context=context), 131_072, limit, total_of)
    if found is not None:
        assert total_of(found) <= limit
        assert found.context <= context
        assert found.kv_type == "f16" or found.flash_attention


def test_flash_attention_comes_on_before_anything_is_lost() -> None:
    """Someone who turned flash attention off is offered to turn it on first."""
    without = formula(LLAMA_8B, context=32_768, flash_attention=False).total_bytes
    found = cheaper(without - 100 * MIB, context=32_768, flash_attention=False)
    assert found == LoadParameters(context=32_768)


PARAMETERS = LoadParameters(context=8192)


def measured(forecast: Forecast, extra: int = 0, filled: int = 8192, prompt: int = 8000) -> Measurement:
    """A load that took the forecast and some bytes, as far as it was used."""
    unused = forecast.kv_cache_bytes * (1 - filled / 8192)
    unused += forecast.compute_bytes * (1 - min(1, prompt / 512))
    private = forecast.private_bytes + extra - round(unused)
    return Measurement(private, forecast.mapped_bytes, 0, filled, prompt)


def test_a_measured_load_corrects_the_next_forecast() -> None:
    """What a load took beyond its forecast is added to the next, whose bar is narrower."""
    forecast = formula(LLAMA_8B, context=8192)
    better = learned(forecast, PARAMETERS, [measured(forecast, 30 * MIB)] * 3)
    assert better.total_bytes == forecast.total_bytes + 30 * MIB
    assert better.kv_cache_bytes == forecast.kv_cache_bytes
    assert (better.source, better.measured_times) == ("measured", 3)
    assert better.high_bytes - better.low_bytes < forecast.high_bytes - forecast.low_bytes


def test_a_load_that_was_hardly_used_does_not_make_the_forecast_small() -> None:
    """Context that nobody filled still counts, and widens the bar."""
    forecast = formula(LLAMA_8B, context=8192)
    used = learned(forecast, PARAMETERS, [measured(forecast)])
    hardly = learned(forecast, PARAMETERS, [measured(forecast, filled=100, prompt=80)])
    assert hardly.total_bytes == pytest.approx(forecast.total_bytes, abs=MIB)
    assert hardly.high_bytes > used.high_bytes


def test_loads_that_differ_make_a_wide_bar() -> None:
    """Two loads of one model that took different amounts are both within the bar, the larger counts."""
    forecast = formula(LLAMA_8B, context=8192)
    both = learned(forecast, PARAMETERS, [measured(forecast), measured(forecast, 200 * MIB)])
    assert both.total_bytes == forecast.total_bytes + 200 * MIB
    assert both.low_bytes <= forecast.total_bytes <= both.high_bytes


def test_loads_without_use_teach_nothing() -> None:
    """A model that was loaded and never asked leaves the forecast as it is."""
    forecast = formula(LLAMA_8B)
    assert learned(forecast, PARAMETERS, []) is forecast
    assert learned(forecast, PARAMETERS, [Measurement(1, 1, 0, 0, 0)]) is forecast


def test_measurements_survive_json() -> None:
    """Keys and measurements can be stored and found again."""
    key = LoadKey((FileIdentity(1, 2, 3, 4),), PARAMETERS, "0.3.36")
    again = msgspec.json.decode(msgspec.json.encode(key), type=LoadKey)
    assert again == key
    assert hash(again) == hash(key)


def test_one_answer_at_a_time_is_proposed_where_it_saves() -> None:
    """Of a sliding window each answer has its own: one at a time comes before fewer bits or less context."""
    four = formula(GEMMA, context=4096).total_bytes
    shape = SHAPES[id(GEMMA)]

    def total_of(parameters: LoadParameters) -> int:
        return forecast_by_formula(shape, parameters, AVX2).total_bytes

    found = cheaper_parameters(LoadParameters(context=4096), 4096, four - 24 * MIB, total_of)
    assert found is not None
    assert (found.slots, found.kv_type, found.context) == (1, "f16", 4096)


def test_layers_are_proposed_before_anything_that_an_answer_loses_by() -> None:
    """They cost speed alone: as many as have room on the GPU, then fewer bits, then less context."""
    shape = SHAPES[id(LLAMA_8B)]
    engine = replace(AVX2, gpu_offload=True)

    def total_of(parameters: LoadParameters) -> int:
        """Of main memory, where the GPU has room for 20 layers."""
        placed = parameters.with_gpu_layers(20) if parameters.gpu_layers == AUTO else parameters
        return forecast_by_formula(shape, placed, engine).main_bytes

    def proposed(limit: int, number: GpuLayers = 0, *, gpus: bool = True) -> LoadParameters | None:
        asked = LoadParameters(context=32_768, gpu_layers=number)
        return cheaper_parameters(asked, 32_768, limit, total_of, gpus=gpus)

    here = total_of(LoadParameters(context=32_768))
    auto = LoadParameters(context=32_768, gpu_layers=AUTO)
    assert total_of(auto) < here
    assert proposed(here - 20 * MIB) == auto
    assert proposed(64 * GIB, 33) == auto  # too many for the GPU, which is why anything is proposed
    assert proposed(total_of(auto) - 400 * MIB) == msgspec.structs.replace(auto, kv_type="q8_0")
    less = proposed(total_of(auto) - 1500 * MIB)
    assert less is not None
    assert less.gpu_layers == AUTO
    assert less.context < 32_768
    without = proposed(here - 20 * MIB, gpus=False)
    assert without == LoadParameters(context=32_768, batch=256)
