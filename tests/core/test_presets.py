"""What other programs' files say of how a model is loaded and asked: what holds here, and what is told."""

from __future__ import annotations

import json

import pytest

from llmmem_gui.core.llama_cpp_preset import llama_cpp_presets
from llmmem_gui.core.ollama_preset import ollama_preset
from llmmem_gui.core.parameters import ChosenParameters, LoadParameters
from llmmem_gui.core.preset import Preset


def params(**values: object) -> Preset:
    return ollama_preset({"params": json.dumps(values).encode()})


def test_parameters_of_ollama_hold_here() -> None:
    """Those that are known here have their names of here, and their values."""
    preset = params(num_ctx=8192, num_batch=256, temperature=0.2, stop=["<|end|>"], num_predict=64, top_k=20)
    assert preset.parameters == ChosenParameters(context=8192, batch=256)
    assert preset.sampling == {"temperature": 0.2, "stop": ["<|end|>"], "max_tokens": 64, "top_k": 20}
    assert preset.left_out == ()


def test_what_ollama_sets_and_nothing_does_here_is_told() -> None:
    """Names that are not known and values that no host would take are named; what changes nothing is not."""
    preset = params(num_thread=4, temperature="hot", top_p=7, num_ctx=0, num_predict=-1, seed=-1)
    (sentence,) = preset.left_out
    assert str(sentence) == (
        "Without effect here, of what Ollama sets for it: num_thread, temperature, top_p, num_ctx."
    )
    assert preset == Preset(left_out=preset.left_out)


def test_layers_that_are_left_out_are_told() -> None:
    """A template, an adapter, a draft and first messages."""
    layers = {kind: b"..." for kind in ("model", "template", "adapter", "draft", "messages", "license")}
    told = " ".join(map(str, ollama_preset(layers).left_out))
    for word in ("template", "adapter", "draft", "messages"):
        assert word in told
    assert len(ollama_preset(layers).left_out) == 4


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b'{"stop": [[]]}'])
def test_damaged_parameters_are_none(content: bytes) -> None:
    """What cannot be read sets nothing, and is no failure."""
    preset = ollama_preset({"params": content})
    assert (preset.parameters, dict(preset.sampling)) == (ChosenParameters(), {})


def test_a_system_message_is_for_chats_that_have_none() -> None:
    """A chat's own system message wins; a text to go on with has none."""
    preset = ollama_preset({"system": b" Be brief.\n"})
    hello = {"role": "user", "content": "Hello"}
    own = {"role": "system", "content": "Be long."}
    asked = preset.arguments({"messages": [hello]})
    assert asked["messages"] == [{"role": "system", "content": "Be brief."}, hello]
    assert preset.arguments({"messages": [own, hello]})["messages"] == [own, hello]
    assert preset.arguments({"prompt": "x"}) == {"prompt": "x"}


def test_what_a_request_says_wins() -> None:
    """A preset fills gaps, and nothing else."""
    preset = Preset(sampling={"temperature": 0.1, "top_k": 5})
    assert preset.arguments({"temperature": 0.9}) == {"temperature": 0.9, "top_k": 5}


PRESETS = """
version = 1
temp = 2
[*]
c = 8192
fa = on
host = 0.0.0.0

[default]
c = 1

[ggml-org/MODEL-GGUF:Q8_0]
temp = 0.5
cache-type-k = q8_0
ctv = q8_0
LLAMA_ARG_N_GPU_LAYERS = all  ; as many as there are
[custom]
model = /models/custom.gguf
alias = Custom
ctx-size = 4096
no-mmap = true
chat-template = chatml
ctk = q4_0
"""


def test_presets_of_llama_cpp_hold_here() -> None:
    """Options by their long and short names and variables; a section's own before those for all."""
    first, custom = llama_cpp_presets(PRESETS)
    assert (first.name, first.repository, first.model) == (
        "ggml-org/MODEL-GGUF:Q8_0",
        "ggml-org/MODEL-GGUF:Q8_0",
        "",
    )
    assert first.preset.parameters == ChosenParameters(
        context=8192, kv_type="q8_0", gpu_layers=-1, flash_attention=True
    )
    assert (first.preset.sampling, first.preset.left_out) == ({"temperature": 0.5}, ())
    assert (custom.name, custom.model, custom.repository) == ("Custom", "/models/custom.gguf", "")
    assert custom.preset.parameters == ChosenParameters(context=4096, flash_attention=True, memory_map=False)
    (told,) = custom.preset.left_out
    assert str(told) == (
        "Without effect here, of its preset of llama.cpp: cache-type-k, cache-type-v, chat-template."
    )


@pytest.mark.parametrize("text", ["", "]", "[x", "= 3", "[a]\nb", "\0", "[" * 1000, "[a]\n  continued\n = 1"])
def test_damaged_presets_are_no_failure(text: str) -> None:
    """A file that is none gives presets that say nothing, or none."""
    for section in llama_cpp_presets(text):
        assert section.preset.parameters.instead_of(LoadParameters()) == LoadParameters()
