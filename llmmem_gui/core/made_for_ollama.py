"""Files that only Ollama loads: it mends them while it loads them, by a patch of its own to llama.cpp.

Ollama converted the models of its library before llama.cpp could, with other names, and with the part that
reads images in the same file. What its patch looks for is in `llama/compat` of its sources; llama.cpp says
"wrong number of tensors" or "unknown model architecture" of such a file, or loads it and answers nonsense.
What it pulled from Hugging Face is as llama.cpp wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from llmmem_gui.core.gguf import Header, Tensor
from llmmem_gui.core.sentence import Sentence

_ARCHITECTURES = frozenset(
    {
        "deepseekocr",
        "glm4moelite",
        "glmocr",
        "gptoss",
        "mllama",
        "nemotron_h_omni",
        "olmo3",
        "qwen25vl",
    }
)
"""Names that llama.cpp does not use."""

_OTHER_MODELS = ("v.", "mm.", "a.", "s.", "model.vision_tower.")
"""How names of tensors begin that read images and sound; llama.cpp wants these in a file of their own."""
_DRAFT = "mtp."
"""Its drafting layers; llama.cpp calls them `blk.<n>.nextn`."""

_OTHER_NAMES = Sentence("File", "its numbers and tensors have other names there")


def made_for_ollama(header: Header, tensors: Sequence[Tensor]) -> Sentence | None:
    """Why llama.cpp cannot load the model as it is, where Ollama has made it for itself; else None."""
    architecture = header.architecture
    if architecture in _ARCHITECTURES:
        return Sentence("File", "its architecture is called {name} there").format(name=architecture)
    names = {tensor.name for tensor in tensors}
    if any(name.startswith(_OTHER_MODELS) for name in names):
        return Sentence("File", "the part that reads images or sound is in the same file")
    if any(name.startswith(_DRAFT) for name in names):
        return _OTHER_NAMES
    differs = _DIFFERENCES.get(architecture)
    if differs is not None and differs(header, {tensor.name: tensor for tensor in tensors}):
        return _OTHER_NAMES
    return None


Tensors = Mapping[str, Tensor]


def _gemma3(header: Header, tensors: Tensors) -> bool:
    has_own_names = any(
        f"gemma3.{key}" in header.metadata
        for key in ("mm.tokens_per_image", "rope.global.freq_base", "rope.local.freq_base")
    )
    is_embedding_model = "dense.0.weight" in tensors
    return (
        has_own_names
        or is_embedding_model
        or "gemma3.attention.layer_norm_rms_epsilon" not in header.metadata
    )


def _gemma3n(_: Header, tensors: Tensors) -> bool:
    words, by_layer = tensors.get("token_embd.weight"), tensors.get("per_layer_token_embd.weight")
    return words is not None and by_layer is not None and words.dimensions[-1] != by_layer.dimensions[-1]


def _gemma4(header: Header, _: Tensors) -> bool:
    return header.text("tokenizer.ggml.model") == "llama"


def _has_time_steps_without_bias(_: Header, tensors: Tensors) -> bool:
    return any(name.endswith(".ssm_dt") for name in tensors)


def _lfm2(_: Header, tensors: Tensors) -> bool:
    return "output_norm.weight" in tensors and "token_embd_norm.weight" not in tensors


def _mistral3(header: Header, _: Tensors) -> bool:
    own = ("rope.scaling.beta_fast", "rope.scaling.mscale_all_dim", "rope.scaling_beta")
    return any(f"mistral3.{key}" in header.metadata for key in own)


def _qwen3vl(header: Header, _: Tensors) -> bool:
    return f"{header.architecture}.rope.dimension_sections" not in header.metadata


def _nemotron_h_moe(_: Header, tensors: Tensors) -> bool:
    return any(".ffn_latent_in" in name for name in tensors)


def _laguna(_: Header, tensors: Tensors) -> bool:
    return any(name.endswith(".attn_g.weight") for name in tensors)


_DIFFERENCES: Mapping[str, Callable[[Header, Tensors], bool]] = {
    "gemma3": _gemma3,
    "gemma3n": _gemma3n,
    "gemma4": _gemma4,
    "laguna": _laguna,
    "lfm2": _lfm2,
    "mistral3": _mistral3,
    "nemotron_h_moe": _nemotron_h_moe,
    "qwen35": _has_time_steps_without_bias,
    "qwen35moe": _has_time_steps_without_bias,
    "qwen3next": _has_time_steps_without_bias,
    "qwen3vl": _qwen3vl,
    "qwen3vlmoe": _qwen3vl,
}
"""How files of an architecture differ that have the same name for it."""
