"""What llama.cpp knows about each architecture and the file does not say: windows, recurrence, caches.

Everything here is read from the sources of llama.cpp that llama-cpp-python 0.3.36 ships: the names from
`LLM_ARCH_NAMES` in llama-arch.cpp, the windows from `load_arch_hparams` in models/*.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from llmmem_gui.core.sentence import Sentence


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


KNOWN = _names(
    """
    afmoe apertus arcee arctic arwkv7 baichuan bailingmoe bailingmoe2 bailingmoe3 bert bitnet bloom
    chameleon chatglm codeshell cogvlm cohere2 cohere2moe command-r dbrx deci deepseek deepseek2
    deepseek2-ocr deepseek32 deepseek4 dots1 dots3note dream ernie4_5 ernie4_5-moe eurobert exaone
    exaone-moe exaone4 falcon falcon-h1 gemma gemma-embedding gemma2 gemma3 gemma3n gemma4 glm-dsa glm4
    glm4moe glm5-next gpt-oss gpt2 gptj gptneox granite granite_swa granitehybrid granitemoe graniteswitch
    grok grovemoe hrm_text hunyuan-dense hunyuan-moe hunyuan_vl hy_v3 hy_v4 internlm2 jais jais2 jamba
    jina-bert-v2 jina-bert-v3 kimi-k3 kimi-linear laguna lfm2 lfm2moe llada llada-moe llama llama-embed
    llama4 maincoder mamba mamba2 maple mellum mimo2 minicpm minicpm3 minimax-01 minimax-m2 minimax-m3
    mistral3 mistral4 modern-bert mpt muse-glimmer nanbeige nemotron nemotron_h nemotron_h_moe neo-bert
    nomic-bert nomic-bert-moe olmo olmo2 olmoe openelm orion paddleocr pangu-embedded phi2 phi3 phimoe
    plamo plamo2 plamo3 plm qwen qwen2 qwen2moe qwen2vl qwen3 qwen35 qwen35moe qwen3moe qwen3next qwen3vl
    qwen3vlmoe qwen4exp refact rnd1 rwkv6 rwkv6qwen2 rwkv7 seed_oss smallthinker smollm3 spark2_5 stablelm
    starcoder starcoder2 step35 t5 t5encoder talkie xverse
    """
)
"""Architectures that generate text or embeddings and whose memory the formulas describe."""

UNUSUAL_CACHE = _names(
    "deepseek32 deepseek4 dots3note glm-dsa glm5-next hy_v4 minimax-m3 qwen4exp t5 nanbeige hrm_text"
)
"""Architectures with caches beside keys, values and states (indexers, encoders), which are not counted."""

_PROJECTOR = Sentence("File", "{file} is a projector of images or sound (mmproj), not a model of its own.")
_DRAFT = Sentence("File", "{file} is a draft for another model, not a model of its own.")
_SPEECH = Sentence("File", "{file} is a part of a speech model, not a model of its own.")

NOT_MODELS: Mapping[str, Sentence] = MappingProxyType(
    {
        "clip": _PROJECTOR,
        "mmproj": _PROJECTOR,
        "wavtokenizer-dec": Sentence("File", "{file} is a decoder of speech tokens, not a model of its own."),
        "gemma4-assistant": _DRAFT,
        "eagle3": _DRAFT,
        "dflash": _DRAFT,
        "qwen3tts": _SPEECH,
        "pockettts": _SPEECH,
        "imatrix": Sentence("File", "{file} is an importance matrix for quantising, not a model of its own."),
        "adapter": Sentence("File", "{file} is an adapter (LoRA), not a model of its own."),
    }
)
"""Architectures of files that cannot be loaded on their own, and what they are, said of `{file}`."""

WITHOUT_CACHE = _names(
    """
    bert dream eurobert gemma-embedding jina-bert-v2 jina-bert-v3 llada llada-moe modern-bert neo-bert
    nomic-bert nomic-bert-moe rnd1 t5encoder
    """
)
"""Architectures that keep nothing between two decodes (`llama_model::create_memory` in llama-model.cpp)."""

RECURRENT = _names("mamba mamba2 rwkv6 rwkv6qwen2 rwkv7 arwkv7")
"""Architectures without attention: a state of fixed size (`llm_arch_is_recurrent` in llama-arch.cpp)."""

RECURRENT_WITHOUT_KV_HEADS = _names(
    """
    bailingmoe3 glm5-next granitehybrid jamba kimi-k3 kimi-linear lfm2 lfm2moe nemotron_h nemotron_h_moe
    plamo2
    """
)
"""Hybrids in which a layer is recurrent where it has no heads for keys and values."""

FULL_ATTENTION_INTERVALS: Mapping[str, int] = MappingProxyType(
    {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4, "qwen4exp": 4, "minimax-01": 8}
)
"""Hybrids in which every n-th layer attends and the others are recurrent, where the file does not say n."""

CACHED_FROM_START: Mapping[str, int] = MappingProxyType({"gemma3n": 20})
"""Architectures in which only the first n layers have a cache and the others use it too."""


class SlidingWindow(NamedTuple):
    """Which layers of an architecture attend to a window, where the file does not list them."""

    period: int
    """One layer of so many attends to everything; 0: none does."""
    dense_first: bool = False
    """That layer is the first of each period instead of the last."""
    default: int = 0
    """Tokens of the window where the file does not say; 0: then there is no window."""
    fixed: int = 0
    """Tokens of the window whatever the file says, except 0."""


SLIDING: Mapping[str, SlidingWindow] = MappingProxyType(
    {
        "afmoe": SlidingWindow(4),
        "cohere2": SlidingWindow(4),
        "cohere2moe": SlidingWindow(4, dense_first=True),
        "dots3note": SlidingWindow(0),
        "exaone-moe": SlidingWindow(4, default=128),
        "gemma2": SlidingWindow(2, default=4096),
        "gemma3": SlidingWindow(6),
        "gemma3n": SlidingWindow(5),
        "gemma4": SlidingWindow(6),
        "gpt-oss": SlidingWindow(2),
        "granite_swa": SlidingWindow(0),
        "laguna": SlidingWindow(4, dense_first=True),
        "lfm2": SlidingWindow(0),
        "llama4": SlidingWindow(4, default=8192, fixed=8192),
        "maple": SlidingWindow(0),
        "mellum": SlidingWindow(4),
        "mimo2": SlidingWindow(0),
        "muse-glimmer": SlidingWindow(4),
        "olmo2": SlidingWindow(4),
        "plamo3": SlidingWindow(8),
        "smallthinker": SlidingWindow(4, dense_first=True, fixed=4096),
        "spark2_5": SlidingWindow(0),
        "step35": SlidingWindow(0),
    }
)
"""Architectures with sliding windows; for every other one llama.cpp ignores the key."""

EXAONE4_LAYERS_WITH_WINDOW = 64
"""exaone4 has a window (period 4, 4096 tokens) in its 32B size alone, which llama.cpp tells by the layers."""
