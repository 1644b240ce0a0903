"""Files that Ollama made for itself: seen from the header, and really no model for llama.cpp."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from llmmem_gui.core.library import FoundModel
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.service.hosting.hosts import HostStarter, LoadFailedError
from llmmem_gui.service.library.model_files import describe
from tests.gguf_writer import TensorSpec, write_gguf
from tests.made_up_models import Recipe, model_metadata, model_tensors
from tests.running_hosts import loaded_host

TINY = Recipe(layers=3, embedding=64, feed_forward=64, heads=2, kv_heads=1, head_size=32, vocabulary=400)
LOAD = LoadParameters(context=256)
Metadata = dict[str, object]
Tensors = list[TensorSpec]
Change = Callable[[Metadata, Tensors], tuple[Mapping[str, object], Tensors]]


def _as_it_is(metadata: Metadata, tensors: Tensors) -> tuple[Metadata, Tensors]:
    return metadata, tensors


def _with_vision(metadata: Metadata, tensors: Tensors) -> tuple[Metadata, Tensors]:
    vision = [TensorSpec(name, "f32", (64, 64)) for name in ("v.blk.0.attn_q.weight", "mm.0.weight")]
    return metadata, [*tensors, *vision]


def _with_drafts(metadata: Metadata, tensors: Tensors) -> tuple[Metadata, Tensors]:
    return metadata, [*tensors, TensorSpec("mtp.fc.weight", "f32", (64, 64))]


def _without_epsilon(metadata: Metadata, tensors: Tensors) -> tuple[Metadata, Tensors]:
    return {key: value for key, value in metadata.items() if "rms_epsilon" not in key}, tensors


def _with_usual_norm(metadata: Metadata, tensors: Tensors) -> tuple[Metadata, Tensors]:
    names = {"token_embd_norm.weight": "output_norm.weight"}
    return metadata, [tensor._replace(name=names.get(tensor.name, tensor.name)) for tensor in tensors]


def _called(name: str) -> Change:
    def change(metadata: Metadata, tensors: Tensors) -> tuple[Metadata, Tensors]:
        own = {key.replace("llama.", f"{name}."): value for key, value in metadata.items()}
        return own | {"general.architecture": name}, tensors

    return change


@pytest.mark.parametrize(
    ("architecture", "change", "reason"),
    [
        ("llama", _with_vision, "the part that reads images or sound is in the same file"),
        ("llama", _with_drafts, "other names there"),
        ("gemma3", _without_epsilon, "other names there"),
        ("lfm2", _with_usual_norm, "other names there"),
        *(("llama", _called(name), f"called {name} there") for name in ("gptoss", "qwen25vl", "olmo3")),
    ],
)
async def test_what_only_ollama_loads_is_said_before_it_is_loaded(
    starter: HostStarter, tmp_path: Path, architecture: str, change: Change, reason: str
) -> None:
    """The header tells; llama.cpp refuses the file, and loads the same model without that change."""
    recipe = TINY.but(architecture=architecture)
    for name, way in (("usual", _as_it_is), ("changed", change)):
        write_gguf(tmp_path / f"{name}.gguf", *way(model_metadata(recipe), model_tensors(recipe)))
    usual, changed = tmp_path / "usual.gguf", tmp_path / "changed.gguf"
    assert describe(FoundModel("usual", "", (str(usual),))).error is None
    error = str(describe(FoundModel("changed", "Ollama", (str(changed),))).error)
    assert error.startswith("changed.gguf was made for Ollama")
    assert reason in error
    await loaded_host(starter, usual, LOAD)
    with pytest.raises(LoadFailedError):
        await loaded_host(starter, changed, LOAD)
