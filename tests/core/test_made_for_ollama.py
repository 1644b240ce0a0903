"""How Ollama's own files differ from those of llama.cpp, architecture by architecture."""

from __future__ import annotations

import pytest

from llmmem_gui.core.gguf import FileIdentity, Header, Tensor, Value
from llmmem_gui.core.made_for_ollama import made_for_ollama

USUAL: dict[str, tuple[dict[str, Value], list[str]]] = {
    "gemma3": ({"gemma3.attention.layer_norm_rms_epsilon": 1e-6}, []),
    "gemma4": ({"tokenizer.ggml.model": "gemma4"}, []),
    "gemma3n": ({}, ["token_embd.weight", "per_layer_token_embd.weight"]),
    "laguna": ({}, ["blk.0.attn_gate.weight"]),
    "lfm2": ({}, ["token_embd_norm.weight"]),
    "mistral3": ({"mistral3.rope.scaling.yarn_beta_fast": 32.0}, []),
    "nemotron_h_moe": ({}, ["blk.1.ffn_latent_down.weight", "blk.1.nextn.eh_proj.weight"]),
    "qwen35": ({"qwen35.rope.dimension_sections": (1, 2, 3, 0)}, ["blk.0.ssm_dt.bias"]),
    "qwen35moe": ({}, ["blk.0.ssm_dt.bias"]),
    "qwen3next": ({}, ["blk.0.ssm_dt.bias"]),
    "qwen3vl": ({"qwen3vl.rope.dimension_sections": (24, 20, 20, 0)}, []),
    "qwen3vlmoe": ({"qwen3vlmoe.rope.dimension_sections": (24, 20, 20, 0)}, []),
    "llama4": ({}, ["blk.0.attn_q.weight"]),
    "gpt-oss": ({}, ["blk.0.attn_sinks.weight"]),
}
"""Of each architecture what llama.cpp's own converter writes."""


def seen(architecture: str, metadata: dict[str, Value], names: list[str], rows: int = 8) -> str | None:
    tensors = tuple(Tensor(name, "f32", (4, rows), 128) for name in names)
    everything = {"general.architecture": architecture, **metadata}
    reason = made_for_ollama(Header(FileIdentity(0, 0, 0, 0), 3, everything, tensors, 0), tensors)
    return None if reason is None else str(reason)


@pytest.mark.parametrize("architecture", USUAL)
def test_what_llama_cpp_converts_is_taken(architecture: str) -> None:
    """A usual file is never said to be Ollama's."""
    assert seen(architecture, *USUAL[architecture]) is None


@pytest.mark.parametrize(
    ("architecture", "metadata", "names"),
    [
        ("gemma3", {}, []),
        ("gemma3", {**USUAL["gemma3"][0], "gemma3.rope.global.freq_base": 1e6}, []),
        ("gemma3", USUAL["gemma3"][0], ["dense.0.weight"]),
        ("gemma4", {"tokenizer.ggml.model": "llama"}, []),
        ("laguna", {}, ["blk.0.attn_g.weight"]),
        ("lfm2", {}, ["output_norm.weight"]),
        ("mistral3", {"mistral3.rope.scaling_beta": 0.1}, []),
        ("nemotron_h_moe", {}, ["blk.1.ffn_latent_in.weight"]),
        ("qwen35", {}, ["blk.0.ssm_dt"]),
        ("qwen3next", {}, ["blk.0.ssm_dt"]),
        ("qwen3vl", {}, []),
        ("llama4", {}, ["v.patch_embd.weight"]),
        ("gemma4", {"tokenizer.ggml.model": "gemma4"}, ["a.blk.0.weight"]),
        ("glmocr", {}, []),
        ("deepseekocr", {}, []),
    ],
)
def test_what_ollama_converts_is_seen(
    architecture: str, metadata: dict[str, Value], names: list[str]
) -> None:
    """Each mark that its patch of llama.cpp goes by."""
    assert seen(architecture, metadata, names) is not None


def test_words_by_layer_that_are_fewer_are_seen() -> None:
    """gemma3n of Ollama has more words than its layers know."""
    tensors = (
        Tensor("token_embd.weight", "f32", (4, 262_400), 0),
        Tensor("per_layer_token_embd.weight", "f32", (4, 262_144), 0),
    )
    header = Header(FileIdentity(0, 0, 0, 0), 3, {"general.architecture": "gemma3n"}, tensors, 0)
    assert made_for_ollama(header, tensors) is not None
