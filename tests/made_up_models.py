"""Models of many architectures and shapes with random weights, which llama.cpp really loads."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy

from tests.gguf_writer import TensorSpec, write_gguf

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
"""Kinds of tokens, by llama.cpp's numbers."""


@dataclass(frozen=True)
class Recipe:
    """How to make up a model; what an architecture does not have is ignored for it."""

    architecture: str = "llama"
    layers: int = 4
    embedding: int = 256
    feed_forward: int = 512
    heads: int = 4
    kv_heads: int = 2
    head_size: int = 64
    vocabulary: int = 32_000
    context: int = 32_768
    type: str = "q8_0"
    """Element type of the matrices; the embeddings are in `embedding_type`."""
    embedding_type: str = "q8_0"
    tied: bool = True
    """The output layer uses the token embeddings instead of its own matrix."""
    sliding_window: int = 0
    experts: int = 0
    experts_used: int = 0
    state: int = 16
    """Size of the recurrent state of one channel (mamba, falcon-h1)."""
    groups: int = 1
    kv_rank: int = 256
    """Rank of the compressed keys and values (deepseek2)."""
    rope_size: int = 32
    q_rank: int = 128
    """Rank of the compressed queries (deepseek2); 0: they are not compressed, as in models of 27 layers."""
    chat_template: str = ""
    named_tokens: tuple[str, ...] = ()
    """Texts that are tokens of their own, at the end of the vocabulary."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """Further metadata, without the architecture in front."""

    def but(self, **changes: object) -> Recipe:
        """The same recipe with some things changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


def write_model(path: str | os.PathLike[str], recipe: Recipe) -> Path:
    """Write a model of `recipe` with random weights, as llama.cpp loads it."""
    return write_gguf(Path(path), model_metadata(recipe), model_tensors(recipe))


def model_metadata(recipe: Recipe) -> dict[str, object]:
    """All metadata of a model of `recipe`, vocabulary included."""
    architecture = recipe.architecture
    own: dict[str, object] = {
        "context_length": recipe.context,
        "embedding_length": recipe.embedding,
        "block_count": recipe.layers,
        "feed_forward_length": recipe.feed_forward,
        "attention.head_count": recipe.heads,
        "attention.head_count_kv": recipe.kv_heads,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.freq_base": 10_000.0,
        "vocab_size": recipe.vocabulary,
    }
    if architecture not in ("qwen2", "phi3", "bert", "mamba", "deepseek2"):
        own |= {"attention.key_length": recipe.head_size, "attention.value_length": recipe.head_size}
    if architecture in ("llama", "phi3"):
        own["rope.dimension_count"] = recipe.head_size
    if recipe.sliding_window:
        own["attention.sliding_window"] = recipe.sliding_window
    if recipe.experts:
        own |= {"expert_count": recipe.experts, "expert_used_count": recipe.experts_used}
    own |= _SPECIAL.get(architecture, lambda _: {})(recipe) | dict(recipe.extra)
    # Not the architecture's name: llama.cpp looks for tokens of Phi-3 in a model that is called so.
    general = {"general.architecture": architecture, "general.name": "Made up"}
    return general | {f"{architecture}.{key}": value for key, value in own.items()} | vocabulary(recipe)


def _gemma_metadata(recipe: Recipe) -> dict[str, object]:
    return {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}


def _deepseek_metadata(recipe: Recipe) -> dict[str, object]:
    return {
        "attention.head_count_kv": 1,
        "attention.key_length": recipe.kv_rank + recipe.rope_size,
        "attention.value_length": recipe.kv_rank,
        "attention.key_length_mla": recipe.head_size + recipe.rope_size,
        "attention.value_length_mla": recipe.head_size,
        "attention.kv_lora_rank": recipe.kv_rank,
        **({"attention.q_lora_rank": recipe.q_rank} if recipe.q_rank else {}),
        "rope.dimension_count": recipe.rope_size,
        "leading_dense_block_count": 1,
        "expert_feed_forward_length": recipe.feed_forward // 2,
        "expert_shared_count": 1,
        "expert_weights_scale": 1.0,
    }


def _mamba_metadata(recipe: Recipe) -> dict[str, object]:
    inner = 2 * recipe.embedding
    own: dict[str, object] = {"ssm.conv_kernel": 4, "ssm.inner_size": inner, "ssm.state_size": recipe.state}
    if recipe.architecture == "mamba":
        rank = recipe.embedding // 16
        return own | {
            "ssm.time_step_rank": rank,
            "feed_forward_length": 0,
            "attention.head_count": 0,
            "attention.head_count_kv": 0,
        }
    return own | {"ssm.time_step_rank": inner // 64, "ssm.group_count": recipe.groups}


def _bert_metadata(recipe: Recipe) -> dict[str, object]:
    return {
        "attention.layer_norm_epsilon": 1e-12,
        "attention.causal": False,
        "pooling_type": 1,
        "attention.head_count_kv": recipe.heads,
    }


def _lfm2_metadata(recipe: Recipe) -> dict[str, object]:
    kv_heads = [recipe.kv_heads if _has_attention(layer) else 0 for layer in range(recipe.layers)]
    return {"shortconv.l_cache": 3, "attention.head_count_kv": kv_heads}


def _has_attention(layer: int) -> bool:
    """Whether a layer of the made-up lfm2 attends; the others are short convolutions."""
    return layer % 3 == 2


_SPECIAL = {
    "gemma2": _gemma_metadata,
    "deepseek2": _deepseek_metadata,
    "mamba": _mamba_metadata,
    "falcon-h1": _mamba_metadata,
    "bert": _bert_metadata,
    "lfm2": _lfm2_metadata,
}


def vocabulary(recipe: Recipe) -> dict[str, object]:
    """A vocabulary of the kind that the architecture uses, with tokens that resemble words."""
    count = recipe.vocabulary
    if recipe.architecture == "bert":
        names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_bytes_as_text(), *_words(count, "\u2581")]
        special = {"unknown": 1, "cls": 2, "seperator": 3, "padding": 0, "mask": 4}
        kinds = [CONTROL] * 5 + [NORMAL] * (count - 5)
        model: dict[str, object] = {"tokenizer.ggml.model": "bert", "tokenizer.ggml.token_type_count": 2}
    elif recipe.architecture in ("llama", "gemma2", "gemma3", "phi3"):
        names = [
            "<unk>",
            "<s>",
            "</s>",
            *(f"<0x{byte:02X}>" for byte in range(256)),
            *_words(count, "\u2581"),
        ]
        special = {"bos": 1, "eos": 2, "unknown": 0}
        kinds = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * (count - 259)
        scores = -numpy.arange(count, dtype="<f4")
        model = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.scores": scores}
    else:
        names = ["<|end|>", "<|start|>", *_bytes_as_text(), *_words(count, "\u0120")]
        special = {"bos": 1, "eos": 0}
        kinds = [CONTROL] * 2 + [NORMAL] * (count - 2)
        merges = [f"{name[:-1]} {name[-1]}" for name in names[260:count]]
        model = {
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": "qwen2",
            "tokenizer.ggml.merges": merges,
        }
    if recipe.named_tokens:
        names[count - len(recipe.named_tokens) : count] = recipe.named_tokens
        kinds[count - len(recipe.named_tokens) : count] = [USER_DEFINED] * len(recipe.named_tokens)
    model |= {
        "tokenizer.ggml.tokens": names[:count],
        "tokenizer.ggml.token_type": numpy.array(kinds[:count], "<i4"),
        **{f"tokenizer.ggml.{name}_token_id": number for name, number in special.items()},
    }
    if recipe.chat_template:
        model["tokenizer.chat_template"] = recipe.chat_template
    return model


def _words(count: int, boundary: str) -> Iterator[str]:
    """`count` different words, half of them with the mark of a word's beginning in front."""
    letters = "etaoinshrdlu"
    for number in range(count):
        word, rest = "", number + len(letters)
        while rest:
            rest, letter = divmod(rest, len(letters))
            word += letters[letter]
        yield boundary + word if number % 2 else word + "z"


def _bytes_as_text() -> list[str]:
    """The 256 characters that byte-level vocabularies use for the 256 bytes."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    table = {byte: chr(byte) for byte in shown} | {byte: chr(256 + at) for at, byte in enumerate(hidden)}
    return [table[byte] for byte in range(256)]


def model_tensors(recipe: Recipe) -> list[TensorSpec]:
    """The tensor table of a model of `recipe`."""
    tensors = [TensorSpec("token_embd.weight", recipe.embedding_type, (recipe.embedding, recipe.vocabulary))]
    if recipe.architecture == "bert":
        tensors += [
            TensorSpec("position_embd.weight", "f32", (recipe.embedding, recipe.context)),
            TensorSpec("token_types.weight", "f32", (recipe.embedding, 2)),
            *_norm("token_embd_norm", recipe.embedding),
        ]
    else:
        norm = "token_embd_norm" if recipe.architecture == "lfm2" else "output_norm"
        tensors.append(TensorSpec(f"{norm}.weight", "f32", (recipe.embedding,)))
        if not recipe.tied:
            tensors.append(TensorSpec("output.weight", recipe.type, (recipe.embedding, recipe.vocabulary)))
    for layer in range(recipe.layers):
        tensors += [spec._replace(name=f"blk.{layer}.{spec.name}") for spec in _layer(recipe, layer)]
    return tensors


def _norm(name: str, size: int) -> list[TensorSpec]:
    return [TensorSpec(f"{name}.weight", "f32", (size,)), TensorSpec(f"{name}.bias", "f32", (size,))]


def _layer(recipe: Recipe, layer: int) -> list[TensorSpec]:
    embedding = recipe.embedding
    if recipe.architecture == "bert":
        return [
            *_attention(recipe, biased=True),
            *_norm("attn_output_norm", embedding),
            _matrix(recipe, "ffn_up", embedding, recipe.feed_forward),
            _matrix(recipe, "ffn_down", recipe.feed_forward, embedding),
            *_norm("layer_output_norm", embedding),
        ]
    tensors = [TensorSpec("attn_norm.weight", "f32", (embedding,))]
    if recipe.architecture == "mamba":
        return tensors + _mamba(recipe)
    if recipe.architecture == "falcon-h1":
        tensors += _mamba2(recipe)
    if recipe.architecture == "lfm2" and not _has_attention(layer):
        tensors += [
            TensorSpec("shortconv.conv.weight", "f32", (3, embedding)),
            _matrix(recipe, "shortconv.in_proj", embedding, 3 * embedding),
            _matrix(recipe, "shortconv.out_proj", embedding, embedding),
        ]
    elif recipe.architecture == "deepseek2":
        tensors += _latent_attention(recipe)
    else:
        tensors += _attention(recipe, biased=recipe.architecture == "qwen2")
    if recipe.architecture in ("qwen3", "gemma3", "lfm2") and (
        recipe.architecture != "lfm2" or _has_attention(layer)
    ):
        tensors += [TensorSpec(f"attn_{part}_norm.weight", "f32", (recipe.head_size,)) for part in "qk"]
    if recipe.architecture in ("gemma2", "gemma3"):
        tensors += [
            TensorSpec(f"post_{part}_norm.weight", "f32", (embedding,)) for part in ("attention", "ffw")
        ]
    # llama.cpp looks for falcon-h1's norm without the suffix that every other architecture has.
    suffix = "" if recipe.architecture == "falcon-h1" else ".weight"
    tensors.append(TensorSpec(f"ffn_norm{suffix}", "f32", (embedding,)))
    return tensors + _feed_forward(recipe, layer)


def _matrix(recipe: Recipe, name: str, columns: int, rows: int) -> TensorSpec:
    return TensorSpec(f"{name}.weight", recipe.type, (columns, rows))


def _attention(recipe: Recipe, biased: bool) -> list[TensorSpec]:
    kv_heads = recipe.heads if recipe.architecture == "bert" else recipe.kv_heads
    sizes = {"attn_q": recipe.heads * recipe.head_size}
    sizes |= dict.fromkeys(("attn_k", "attn_v"), kv_heads * recipe.head_size)
    if recipe.architecture == "phi3":
        sizes = {"attn_qkv": sum(sizes.values())}
    tensors = [_matrix(recipe, name, recipe.embedding, rows) for name, rows in sizes.items()]
    if biased:
        tensors += [TensorSpec(f"{name}.bias", "f32", (rows,)) for name, rows in sizes.items()]
    return [*tensors, _matrix(recipe, "attn_output", recipe.heads * recipe.head_size, recipe.embedding)]


def _latent_attention(recipe: Recipe) -> list[TensorSpec]:
    heads, rank, queries = recipe.heads, recipe.kv_rank, recipe.heads * (recipe.head_size + recipe.rope_size)
    compressed = [
        TensorSpec("attn_q_a_norm.weight", "f32", (recipe.q_rank,)),
        _matrix(recipe, "attn_q_a", recipe.embedding, recipe.q_rank),
        _matrix(recipe, "attn_q_b", recipe.q_rank, queries),
    ]
    return [
        *(compressed if recipe.q_rank else [_matrix(recipe, "attn_q", recipe.embedding, queries)]),
        TensorSpec("attn_kv_a_norm.weight", "f32", (rank,)),
        _matrix(recipe, "attn_kv_a_mqa", recipe.embedding, rank + recipe.rope_size),
        TensorSpec("attn_k_b.weight", "q8_0", (recipe.head_size, rank, heads)),
        TensorSpec("attn_v_b.weight", "q8_0", (rank, recipe.head_size, heads)),
        _matrix(recipe, "attn_output", heads * recipe.head_size, recipe.embedding),
    ]


def _mamba(recipe: Recipe) -> list[TensorSpec]:
    inner, rank = 2 * recipe.embedding, recipe.embedding // 16
    return [
        _matrix(recipe, "ssm_in", recipe.embedding, 2 * inner),
        TensorSpec("ssm_conv1d.weight", "f32", (4, inner)),
        TensorSpec("ssm_conv1d.bias", "f32", (inner,)),
        _matrix(recipe, "ssm_x", inner, rank + 2 * recipe.state),
        TensorSpec("ssm_dt.weight", "f32", (rank, inner)),
        TensorSpec("ssm_dt.bias", "f32", (inner,)),
        TensorSpec("ssm_a", "f32", (recipe.state, inner)),
        TensorSpec("ssm_d", "f32", (inner,)),
        _matrix(recipe, "ssm_out", inner, recipe.embedding),
    ]


def _mamba2(recipe: Recipe) -> list[TensorSpec]:
    inner = 2 * recipe.embedding
    heads, convolved = inner // 64, inner + 2 * recipe.groups * recipe.state
    return [
        _matrix(recipe, "ssm_in", recipe.embedding, inner + convolved + heads),
        TensorSpec("ssm_conv1d.weight", "f32", (4, convolved)),
        TensorSpec("ssm_conv1d.bias", "f32", (convolved,)),
        TensorSpec("ssm_dt.bias", "f32", (heads,)),
        TensorSpec("ssm_a", "f32", (1, heads)),
        TensorSpec("ssm_d", "f32", (1, heads)),
        TensorSpec("ssm_norm.weight", "f32", (inner // recipe.groups, recipe.groups)),
        _matrix(recipe, "ssm_out", inner, recipe.embedding),
    ]


def _feed_forward(recipe: Recipe, layer: int) -> list[TensorSpec]:
    embedding, size = recipe.embedding, recipe.feed_forward
    if recipe.architecture == "phi3":
        return [_matrix(recipe, "ffn_up", embedding, 2 * size), _matrix(recipe, "ffn_down", size, embedding)]
    if not recipe.experts or (recipe.architecture == "deepseek2" and layer == 0):
        return _gated(recipe, "", size)
    if recipe.architecture == "deepseek2":
        size //= 2
    router = TensorSpec("ffn_gate_inp.weight", "f32", (embedding, recipe.experts))
    experts = [
        spec._replace(dimensions=(*spec.dimensions, recipe.experts)) for spec in _gated(recipe, "_exps", size)
    ]
    shared = _gated(recipe, "_shexp", size) if recipe.architecture == "deepseek2" else []
    return [router, *experts, *shared]


def _gated(recipe: Recipe, suffix: str, size: int) -> list[TensorSpec]:
    return [
        _matrix(recipe, f"ffn_gate{suffix}", recipe.embedding, size),
        _matrix(recipe, f"ffn_up{suffix}", recipe.embedding, size),
        _matrix(recipe, f"ffn_down{suffix}", size, recipe.embedding),
    ]
