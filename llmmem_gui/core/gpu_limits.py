"""Limits of single GPUs as they are asked for: which GPU is meant, and whether it has so much memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from llmmem_gui.core.engines import Device
from llmmem_gui.core.sentence import Sentence, Size
from llmmem_gui.core.settings import BadSetting

GPU_LIMITS = "limits.gpu_limit_bytes"
"""The setting."""


def with_known_gpus(
    changes: Mapping[str, object], gpus: Iterable[Device], known: Iterable[str]
) -> Mapping[str, object]:
    """Changes of settings in which each GPU has the key that settings are kept by.

    A limit may be asked for by that key or by llama.cpp's name; the keys that are `known` have one already.
    Raises BadSetting for a GPU that is not there, and for more bytes than it has.
    """
    asked = changes.get(GPU_LIMITS)
    if not isinstance(asked, Mapping):
        return changes
    pools = [gpu for gpu in gpus if gpu.has_memory]
    named = {**{gpu.name: gpu for gpu in pools}, **{gpu.key: gpu for gpu in pools}}
    kept = set(known)
    limits: dict[object, object] = {}
    for name, limit in asked.items():
        gpu = named.get(name)
        if gpu is None and name not in kept:
            raise BadSetting(GPU_LIMITS, _not_there(str(name), [each.name for each in pools]))
        if gpu is not None and isinstance(limit, int) and limit > gpu.total_bytes:
            sentence = Sentence("Settings", "{gpu} has {size}: a limit of {limit} is more than that.")
            told = sentence.format(gpu=gpu.name, size=Size(gpu.total_bytes), limit=Size(limit))
            raise BadSetting(GPU_LIMITS, told)
        limits[name if gpu is None else gpu.key] = limit
    return {**changes, GPU_LIMITS: limits}


def _not_there(name: str, there: list[str]) -> Sentence:
    if not there:
        sentence = Sentence("Settings", "There is no GPU {name}: none here has memory of its own to limit.")
        return sentence.format(name=name)
    sentence = Sentence("Settings", "There is no GPU {name} to limit: there is {gpus}.")
    return sentence.format(name=name, gpus=", ".join(there))
