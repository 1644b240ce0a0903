"""Parameters that make a load fit: the largest context, and the mildest change of several."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from llmmem_gui.core.buffers import CONTEXT_STEP
from llmmem_gui.core.parameters import AUTO, KvType, LoadParameters

TotalOf = Callable[[LoadParameters], int]
"""Bytes that a load with these parameters takes in all."""

_WORTH_A_CHANGE = 50
"""A change that saves less than one part of so many is not proposed."""
_SMALL_BATCHES = (256, 128)
_LEAST_CONTEXT = 1024
"""A chat with less room forgets its beginning within a few answers."""


def largest_context(
    parameters: LoadParameters, highest: int, fits_bytes: int, total_of: TotalOf
) -> int | None:
    """The largest context of at most `highest` tokens with which a load takes at most `fits_bytes`.

    A multiple of 256, as llama.cpp gives it, or `highest` itself; None where none fits.
    """

    def fits(context: int) -> bool:
        return total_of(msgspec.structs.replace(parameters, context=context)) <= fits_bytes

    if fits(highest):
        return highest
    # What a load takes grows with its context.
    low, high = 0, -(-highest // CONTEXT_STEP)
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle * CONTEXT_STEP):
            low = middle
        else:
            high = middle
    return low * CONTEXT_STEP or None


def cheaper_parameters(
    parameters: LoadParameters,
    highest: int,
    limit_bytes: int,
    total_of: TotalOf,
    *,
    gpus: bool = False,
) -> LoadParameters | None:
    """The mildest change of the parameters with which a load takes at most `limit_bytes`; None if none does.

    In this order: with `gpus` as many layers there as have room (fewer are slower, more make room here), a
    smaller batch (prompts are read more slowly), one answer at a time (others wait), keys and values in 8
    bits (hardly to be noticed), at least half the context, a smaller one, keys and values in 4 bits. What
    costs speed alone comes before what an answer loses by. `highest` is the largest context that makes sense
    for the model, `limit_bytes` and `total_of` are of main memory: layers that are as many as have room on
    GPUs fit there.
    """
    asked = msgspec.structs.replace(parameters, context=min(parameters.context, highest))
    if gpus:
        asked = asked.with_gpu_layers(AUTO)
    alone = msgspec.structs.replace(asked, slots=1)
    # Where answers share their cells, one at a time takes as much.
    saves = total_of(asked) - total_of(alone) >= total_of(asked) // _WORTH_A_CHANGE
    for changed, least_context in _changes(asked, alone.slots if saves else asked.slots):
        if total_of(changed) <= limit_bytes:
            return changed
        if least_context < changed.context:
            context = largest_context(changed, changed.context, limit_bytes, total_of)
            if context is not None and context >= least_context:
                return msgspec.structs.replace(changed, context=context)
    return None


def _changes(asked: LoadParameters, fewest_slots: int) -> list[tuple[LoadParameters, int]]:
    """Parameters from mild to harsh, each with the least context that it may be combined with."""

    def changed(batch: int, kv_type: KvType, slots: int = fewest_slots) -> LoadParameters:
        quantised = kv_type != "f16"
        return msgspec.structs.replace(
            asked,
            batch=min(asked.batch, batch),
            slots=slots,
            kv_type=kv_type if _is_smaller(kv_type, asked.kv_type) else asked.kv_type,
            flash_attention=asked.flash_attention or quantised,
        )

    whole, half = asked.context, asked.context // 2
    least = min(whole, _LEAST_CONTEXT)
    small, smallest = _SMALL_BATCHES
    fast = msgspec.structs.replace(asked, flash_attention=True)
    return [
        (asked, whole),
        (fast, whole),
        (changed(small, "f16", asked.slots), whole),
        (changed(smallest, "f16", asked.slots), whole),
        (changed(smallest, "f16"), whole),
        (changed(asked.batch, "q8_0"), whole),
        (changed(smallest, "q8_0"), whole),
        (fast, half),
        (changed(smallest, "f16"), half),
        (changed(smallest, "q8_0"), half),
        (changed(smallest, "q8_0"), least),
        (changed(smallest, "q4_0"), least),
    ]


def _is_smaller(kv_type: KvType, than: KvType) -> bool:
    order: tuple[KvType, ...] = ("f16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")
    return order.index(kv_type) > order.index(than)
