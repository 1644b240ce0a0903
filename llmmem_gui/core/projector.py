"""What the header of a projector says: the file (mmproj) that reads images for a model."""

from __future__ import annotations

import msgspec

from llmmem_gui.core.buffers import Split
from llmmem_gui.core.engine import Engine
from llmmem_gui.core.gguf import FileIdentity, Header
from llmmem_gui.core.parameters import LoadParameters

_ARCHITECTURES = ("clip", "mmproj")
_LARGEST = 2**20
"""No length of a real projector comes near."""
_PATCHES = 4096
"""For which intermediate results are made ready at most; libmtmd takes fewer of most kinds."""
_FLOAT_BYTES = 4


class Projector(msgspec.Struct, frozen=True):
    """What a forecast needs to know of a projector."""

    identity: FileIdentity
    weights_bytes: int
    """Of all tensors: they are copied into private memory, or onto the GPU."""
    patches: int
    """Parts that an image is cut into."""
    embedding_length: int
    feed_forward_length: int

    def weights(self, parameters: LoadParameters, engine: Engine) -> Split:
        """Where its weights would lie."""
        return _split(self.weights_bytes, parameters, engine)

    def compute(self, parameters: LoadParameters, engine: Engine) -> Split:
        """Where the intermediate results of one image would lie, as much as lives at once.

        By comparing with libmtmd's own count: the input of a layer, its norm, and the larger of queries, keys
        and values and of the feed-forward network's inside.
        """
        widest = max(3 * self.embedding_length, 2 * self.feed_forward_length)
        size = self.patches * (2 * self.embedding_length + widest) * _FLOAT_BYTES
        return _split(size, parameters, engine)


def _split(size: int, parameters: LoadParameters, engine: Engine) -> Split:
    return Split(0, size) if parameters.gpu_layers != 0 and engine.gpu_offload else Split(size, 0)


def projector_of(header: Header) -> Projector | None:
    """The projector whose header that is; None where the file is none, or reads no images."""
    if header.architecture not in _ARCHITECTURES:
        return None
    if not header.metadata.get("clip.has_vision_encoder"):
        return None

    def number(key: str) -> int:
        value = header.metadata.get(f"clip.vision.{key}")
        return value if isinstance(value, int) and 0 < value <= _LARGEST else 0

    side = number("image_size") // (number("patch_size") or 1)
    return Projector(
        header.identity,
        header.weights_bytes,
        min(side * side, _PATCHES),
        number("embedding_length"),
        number("feed_forward_length"),
    )
