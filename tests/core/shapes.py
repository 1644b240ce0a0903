"""Shapes of models that are made up, without writing them."""

from __future__ import annotations

from llmmem_gui.core.gguf import FileIdentity, Header, Tensor
from llmmem_gui.core.model_shape import ModelShape, model_shape
from tests.made_up_models import Recipe, model_metadata, model_tensors


def shape_of(recipe: Recipe) -> ModelShape:
    """The shape that a model by this recipe would have."""
    tensors = tuple(Tensor(s.name, s.type, s.dimensions, s.size_bytes) for s in model_tensors(recipe))
    metadata = {key: tuple(v) if isinstance(v, list) else v for key, v in model_metadata(recipe).items()}
    return model_shape("model", [Header(FileIdentity(0, 0, 0, 0), 3, metadata, tensors, 0)])
