"""Projectors (mmproj) with random weights: small files that read images for made-up models."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tests.gguf_writer import TensorSpec, write_gguf


@dataclass(frozen=True)
class ProjectorRecipe:
    """How to make up a projector for a model with embeddings of `projection` numbers."""

    kind: Literal["gemma3", "idefics3", "qwen2vl_merger"] = "idefics3"
    """Of gemma3 the image is read in one piece and looks both ways; idefics3 reads it as text is read;
    qwen2vl_merger gives positions in two dimensions."""
    projection: int = 256
    image_size: int = 56
    patch_size: int = 14
    embedding: int = 64
    feed_forward: int = 128
    layers: int = 2
    heads: int = 2
    merge: int = 2
    """Patches in a row that become one token."""

    def but(self, **changes: object) -> ProjectorRecipe:
        """The same recipe with some things changed."""
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def tokens(self) -> int:
        """Tokens of an image of this size."""
        return (self.image_size // self.patch_size // self.merge) ** 2


def write_projector(path: str | os.PathLike[str], recipe: ProjectorRecipe) -> Path:
    """Write a projector of `recipe` with random weights, as libmtmd loads it."""
    return write_gguf(Path(path), _metadata(recipe), _tensors(recipe))


def _metadata(recipe: ProjectorRecipe) -> dict[str, object]:
    own: dict[str, object] = {
        "image_size": recipe.image_size,
        "patch_size": recipe.patch_size,
        "embedding_length": recipe.embedding,
        "feed_forward_length": recipe.feed_forward,
        "block_count": recipe.layers,
        "projection_dim": recipe.projection,
        "attention.head_count": recipe.heads,
        "attention.layer_norm_epsilon": 1e-6,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "projector.scale_factor": recipe.merge,
    }
    if recipe.kind == "idefics3":
        own["preproc_image_size"] = 2 * recipe.image_size
    general: dict[str, object] = {
        "general.architecture": "clip",
        "general.name": "Made up",
        "clip.has_vision_encoder": True,
        "clip.projector_type": recipe.kind,
        "clip.use_gelu": True,
    }
    return general | {f"clip.vision.{key}": value for key, value in own.items()}


def _tensors(recipe: ProjectorRecipe) -> list[TensorSpec]:
    side, size, inner = recipe.patch_size, recipe.embedding, recipe.feed_forward
    tensors = [
        TensorSpec("v.patch_embd.weight", "f16", (side, side, 3, size)),
        *_projection(recipe),
    ]
    if recipe.kind == "qwen2vl_merger":
        tensors.append(TensorSpec("v.patch_embd.weight.1", "f16", (side, side, 3, size)))
    else:
        patches = (recipe.image_size // side) ** 2
        tensors += [
            TensorSpec("v.patch_embd.bias", "f32", (size,)),
            TensorSpec("v.position_embd.weight", "f32", (size, patches)),
        ]
    tensors += _norm("v.post_ln", size)
    for layer in range(recipe.layers):
        block = f"v.blk.{layer}"
        tensors += [*_norm(f"{block}.ln1", size), *_norm(f"{block}.ln2", size)]
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            tensors += _linear(f"{block}.{name}", size, size)
        tensors += [*_linear(f"{block}.ffn_up", size, inner), *_linear(f"{block}.ffn_down", inner, size)]
    return tensors


def _projection(recipe: ProjectorRecipe) -> list[TensorSpec]:
    size, merged = recipe.embedding, recipe.embedding * recipe.merge**2
    if recipe.kind == "gemma3":
        return [
            TensorSpec("mm.input_projection.weight", "f16", (recipe.projection, size)),
            TensorSpec("mm.soft_emb_norm.weight", "f32", (size,)),
        ]
    if recipe.kind == "idefics3":
        return [TensorSpec("mm.model.fc.weight", "f16", (merged, recipe.projection))]
    return [*_linear("mm.0", merged, merged), *_linear("mm.2", merged, recipe.projection)]


def _linear(name: str, columns: int, rows: int) -> list[TensorSpec]:
    return [
        TensorSpec(f"{name}.weight", "f16", (columns, rows)),
        TensorSpec(f"{name}.bias", "f32", (rows,)),
    ]


def _norm(name: str, size: int) -> list[TensorSpec]:
    return [TensorSpec(f"{name}.{part}", "f32", (size,)) for part in ("weight", "bias")]
