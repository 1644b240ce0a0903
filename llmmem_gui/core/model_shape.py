"""The shape of a model: the numbers in the headers of its files that decide about its memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec

from llmmem_gui.core import architectures
from llmmem_gui.core.architectures import SlidingWindow
from llmmem_gui.core.file_window import InvalidModel, invalid_model
from llmmem_gui.core.ggml_types import BY_NAME
from llmmem_gui.core.gguf import Header, Skipped, Tensor
from llmmem_gui.core.made_for_ollama import made_for_ollama
from llmmem_gui.core.sentence import Count, Sentence

MAXIMUM_LAYERS = 512
"""llama.cpp ends its process on more (LLAMA_MAX_LAYERS in llama-hparams.h)."""
MAXIMUM_EXPERTS = 1024
MAXIMUM_SIZE = 2**30
"""No length or count of a real model comes near; larger ones overflow somewhere in llama.cpp."""
MAXIMUM_NAME_LENGTH = 64
"""Characters of an architecture's name; the longest real one has 16."""
INPUT, OUTPUT = -1, -2
"""In the place of a layer's number: tensors outside the repeating layers."""

Place = Literal["input", "layers", "output"]

_BLOCK = re.compile(r"blk\.(\d+)\.")


class WeightGroup(msgspec.Struct, frozen=True, array_like=True):
    """Tensors that are stored and used alike."""

    place: Place
    type: str
    row_multiple: int
    """The largest of 16, 8, 4 and 1 that divides the rows of matrices; 0 for what is not multiplied with."""
    size_bytes: int
    """Bytes in memory: each tensor is padded to 32 bytes."""


class AttentionLayers(msgspec.Struct, frozen=True, array_like=True):
    """Layers that keep keys and values alike."""

    count: int
    key_elements: int
    value_elements: int
    """0 where values are computed from the keys (multi-head latent attention)."""
    sliding: bool


class ModelShape(msgspec.Struct, frozen=True):
    """What a forecast needs to know of a model."""

    architecture: str
    quantization: str
    parameters: int
    layers: int
    context_length: int
    embedding_length: int
    feed_forward_length: int
    gated: bool
    """The feed-forward network multiplies two branches, as most do."""
    heads: int
    key_length: int
    value_length: int
    experts: int
    experts_used: int
    expert_feed_forward_length: int
    attention: tuple[AttentionLayers, ...]
    sliding_window: int
    """Tokens that a sliding layer looks back; 0 without sliding layers."""
    recurrent_layers: int
    state_elements: int
    """32-bit numbers of recurrent state, all layers together."""
    inner_length: int
    """Channels of a recurrent layer."""
    weights: tuple[WeightGroup, ...]
    layer_bytes: tuple[int, ...]
    """Bytes of weights of each repeating layer."""
    tied: bool
    """The output layer uses the token embeddings."""
    embedding_type: str
    """Element type of the token embeddings; empty where there are none of that name."""
    embedding_bytes: int
    embedding_row_multiple: int
    """The largest of 16, 8, 4 and 1 that divides the tokens."""
    latent: bool
    """Keys and values are compressed into one vector (multi-head latent attention)."""
    causal: bool
    vocabulary: int
    vocabulary_text_bytes: int
    merges: int
    merges_text_bytes: int
    has_chat_template: bool

    @property
    def is_known(self) -> bool:
        """Whether the formulas were written for this architecture."""
        return self.architecture in architectures.KNOWN

    @property
    def has_unusual_cache(self) -> bool:
        """Whether the model keeps more between two decodes than the formulas count."""
        return self.architecture in architectures.UNUSUAL_CACHE

    @property
    def weights_bytes(self) -> int:
        """Bytes of all weights in memory, each tensor once."""
        return sum(group.size_bytes for group in self.weights)


def model_shape(name: str, headers: Sequence[Header]) -> ModelShape:
    """The shape of the model whose files have these headers, the first file's first.

    Raises InvalidModel, with `name` in it, where a number would make llama.cpp refuse the model or end
    its process, and where Ollama has made it for itself.
    """
    reader = _ShapeReader(name, headers[0])
    reader.require_model()
    tensors = [tensor for header in headers for tensor in header.tensors]
    if not tensors:
        raise reader.invalid(Sentence("File", "it has no weights"))
    reason = made_for_ollama(headers[0], tensors)
    if reason is not None:
        sentence = Sentence(
            "File",
            "{file} was made for Ollama, and only Ollama loads it ({reason}): fetch the model as GGUF from "
            "Hugging Face, or use it in Ollama.",
        )
        raise InvalidModel(sentence.format(file=name, reason=reason))
    return reader.read(headers[0].quantization, tensors)


class _ShapeReader:
    """Reads and checks the numbers of one header."""

    def __init__(self, name: str, header: Header) -> None:
        self._name = name
        self._header = header
        self._architecture = header.architecture

    def invalid(self, reason: Sentence) -> InvalidModel:
        return invalid_model(self._name, reason)

    def require_model(self) -> None:
        """Raise InvalidModel for files that are parts of models or say too little."""
        kind = self._header.text("general.type")
        what = architectures.NOT_MODELS.get(self._architecture) or architectures.NOT_MODELS.get(kind)
        if what is not None:
            raise InvalidModel(what.format(file=self._name))
        if not 0 < len(self._architecture) <= MAXIMUM_NAME_LENGTH:
            raise self.invalid(Sentence("File", "it does not name its architecture"))

    def read(self, quantization: str, tensors: Sequence[Tensor]) -> ModelShape:
        all_layers = self._number("block_count", 1, MAXIMUM_LAYERS)
        layers = all_layers - self._number("nextn_predict_layers", 0, all_layers, 0)
        embedding = self._number("embedding_length", 1)
        heads = self._per_layer("attention.head_count", all_layers, 0)
        # Layers that predict the token after the next are not loaded (TENSOR_SKIP in models/*.cpp).
        loaded = [tensor for tensor in tensors if _layer_of(tensor.name) < max(layers, 1)]
        feed_forward = max(self._per_layer("feed_forward_length", all_layers, 0))
        attention, window = self._attention(layers, all_layers, embedding, heads)
        recurrent = self._recurrent_layers(layers, all_layers)
        experts, used = self._experts(all_layers)
        embeddings = next((tensor for tensor in loaded if tensor.name == "token_embd.weight"), None)
        tokens, merges = (self._array(f"tokenizer.ggml.{key}") for key in ("tokens", "merges"))
        return ModelShape(
            architecture=self._architecture,
            quantization=quantization,
            parameters=sum(_elements(tensor) for tensor in tensors),
            layers=layers,
            context_length=self._number("context_length", 1),
            embedding_length=embedding,
            feed_forward_length=feed_forward,
            gated=any(_is_gate(tensor, feed_forward) for tensor in loaded),
            heads=max(heads),
            key_length=self._head_length("key_length", embedding, heads),
            value_length=self._head_length("value_length", embedding, heads),
            experts=experts,
            experts_used=used,
            expert_feed_forward_length=max(self._per_layer("expert_feed_forward_length", all_layers, 0)),
            attention=attention,
            sliding_window=window,
            recurrent_layers=sum(recurrent),
            state_elements=sum(recurrent) * self._state_elements(embedding, heads[0]),
            inner_length=self._number("ssm.inner_size", 0, default=0),
            weights=_weight_groups(loaded),
            layer_bytes=_layer_bytes(loaded, layers),
            tied=not any(tensor.name == "output.weight" for tensor in loaded),
            embedding_type=embeddings.type if embeddings else "",
            embedding_bytes=_padded_bytes(embeddings) if embeddings else 0,
            embedding_row_multiple=_row_multiple(embeddings) if embeddings else 0,
            latent=self._is_latent(),
            causal=self._header.number(self._key("attention.causal"), 1) != 0,
            vocabulary=tokens.elements or self._number("vocab_size", 0, default=0),
            vocabulary_text_bytes=tokens.size_bytes,
            merges=merges.elements,
            merges_text_bytes=merges.size_bytes,
            has_chat_template=self._header.has_chat_template,
        )

    def _key(self, key: str) -> str:
        return f"{self._architecture}.{key}"

    def _array(self, key: str) -> Skipped:
        value = self._header.metadata.get(key)
        return value if isinstance(value, Skipped) else Skipped(0, 0)

    def _checked(self, key: str, value: object, lowest: int, highest: int) -> int:
        if not isinstance(value, int):
            raise self.invalid(Sentence("File", "'{key}' is not a whole number").format(key=self._key(key)))
        if not lowest <= value <= highest:
            raise self.invalid(
                Sentence("File", "'{key}' is {value}; it must be {lowest} to {highest}").format(
                    key=self._key(key), value=Count(value), lowest=Count(lowest), highest=Count(highest)
                )
            )
        return value

    def _number(self, key: str, lowest: int, highest: int = MAXIMUM_SIZE, default: int | None = None) -> int:
        """The checked number under `key` of this architecture; `default`, or an error, where it is absent."""
        value = self._header.metadata.get(self._key(key), default)
        if value is None:
            raise self.invalid(Sentence("File", "'{key}' is missing").format(key=self._key(key)))
        return self._checked(key, value, lowest, highest)

    def _per_layer(self, key: str, layers: int, default: int) -> tuple[int, ...]:
        """The numbers under `key`, one for each layer, whether the file has one for all or a list."""
        value = self._header.metadata.get(self._key(key), default)
        if not isinstance(value, tuple):
            return (self._checked(key, value, 0, MAXIMUM_SIZE),) * layers
        if len(value) != layers:
            raise self.invalid(
                Sentence("File", "'{key}' lists {listed} layers, the model has {layers}").format(
                    key=self._key(key), listed=Count(len(value)), layers=Count(layers)
                )
            )
        return tuple(self._checked(key, item, 0, MAXIMUM_SIZE) for item in value)

    def _head_length(self, key: str, embedding: int, heads: Sequence[int]) -> int:
        """Elements of one head's key or value (`load_hparams` in llama-model.cpp)."""
        return self._number(f"attention.{key}", 0, default=embedding // heads[0] if heads[0] else 0)

    def _is_latent(self) -> bool:
        keys = (self._key(f"attention.{part}_length_mla") for part in ("key", "value"))
        return all(self._header.number(key) > 0 for key in keys)

    def _experts(self, layers: int) -> tuple[int, int]:
        """Experts of a layer and how many are used for a token; llama.cpp ends its process on nonsense."""
        experts = self._number("expert_count", 0, MAXIMUM_EXPERTS, 0)
        used = max(self._per_layer("expert_used_count", layers, 0))
        if used > experts or (experts and not used):
            raise self.invalid(
                Sentence("File", "it uses {used} of {experts} experts").format(
                    used=Count(used), experts=Count(experts)
                )
            )
        return experts, used

    def _attention(
        self, layers: int, all_layers: int, embedding: int, heads: Sequence[int]
    ) -> tuple[tuple[AttentionLayers, ...], int]:
        """Layers with keys and values, and the window of the sliding ones (llama-kv-cache.cpp)."""
        name = self._architecture
        if name in architectures.RECURRENT or name in architectures.WITHOUT_CACHE:
            return (), 0
        window, sliding = self._sliding_layers(layers)
        kv_heads = self._per_layer_kv_heads(all_layers, heads)
        recurrent = self._recurrent_layers(layers, all_layers)
        cached = architectures.CACHED_FROM_START.get(name, layers)
        cached -= self._number("attention.shared_kv_layers", 0, layers, 0) if name == "gemma4" else 0
        lengths = {
            False: [self._head_length(f"{part}_length", embedding, heads) for part in ("key", "value")]
        }
        lengths[True] = [
            self._number(f"attention.{part}_length_swa", 0, default=lengths[False][index])
            for index, part in enumerate(("key", "value"))
        ]
        groups: Counter[tuple[int, int, bool]] = Counter()
        for layer in range(min(layers, cached)):
            if not self._attends(layer, kv_heads, recurrent):
                continue
            key_length, value_length = lengths[sliding[layer]]
            values = 0 if self._is_latent() else kv_heads[layer] * value_length
            groups[kv_heads[layer] * key_length, values, sliding[layer]] += 1
        return tuple(AttentionLayers(count, *group) for group, count in groups.items()), window

    def _per_layer_kv_heads(self, layers: int, heads: Sequence[int]) -> tuple[int, ...]:
        if self._key("attention.head_count_kv") in self._header.metadata:
            return self._per_layer("attention.head_count_kv", layers, 0)
        return tuple(heads)

    def _attends(self, layer: int, kv_heads: Sequence[int], recurrent: Sequence[bool]) -> bool:
        """Whether a layer has keys and values; in falcon-h1 every layer has them beside its state."""
        if self._architecture == "falcon-h1":
            return True
        return kv_heads[layer] > 0 and not recurrent[layer]

    def _sliding_layers(self, layers: int) -> tuple[int, tuple[bool, ...]]:
        """The window in tokens and which layers have it (`set_swa_pattern` in llama-hparams.cpp)."""
        rule = architectures.SLIDING.get(self._architecture)
        if self._architecture == "exaone4" and layers == architectures.EXAONE4_LAYERS_WITH_WINDOW:
            rule = SlidingWindow(4, default=4096)
        key = "attention.sliding_window"
        window = self._number(key, 0, default=rule.default) if rule is not None else 0
        if rule is None or window == 0:
            return 0, (False,) * layers
        window = rule.fixed or window
        pattern = self._header.metadata.get(self._key(f"{key}_pattern"), rule.period)
        if isinstance(pattern, tuple):
            return window, tuple(layer < len(pattern) and bool(pattern[layer]) for layer in range(layers))
        period = self._checked(f"{key}_pattern", pattern, 0, MAXIMUM_SIZE)
        full = 0 if rule.dense_first else period - 1
        return window, tuple(period == 0 or layer % period != full for layer in range(layers))

    def _recurrent_layers(self, layers: int, all_layers: int) -> tuple[bool, ...]:
        """Which layers keep a state (`load_arch_hparams` of the hybrids in models/*.cpp)."""
        name = self._architecture
        if name in architectures.RECURRENT or name == "falcon-h1":
            return (True,) * layers
        if name in architectures.RECURRENT_WITHOUT_KV_HEADS:
            kv_heads = self._per_layer("attention.head_count_kv", all_layers, 1)
            feed_forward = self._per_layer("feed_forward_length", all_layers, 0)
            dense = name.startswith("nemotron_h")
            return tuple(
                kv_heads[layer] == 0 and not (dense and feed_forward[layer]) for layer in range(layers)
            )
        if name in architectures.FULL_ATTENTION_INTERVALS:
            listed = self._header.metadata.get(self._key("attention.recurrent_layers"))
            if isinstance(listed, tuple):
                return tuple(layer < len(listed) and bool(listed[layer]) for layer in range(layers))
            interval = architectures.FULL_ATTENTION_INTERVALS[name]
            interval = self._number("full_attention_interval", 1, default=interval)
            return tuple((layer + 1) % interval != 0 for layer in range(layers))
        return (False,) * layers

    def _state_elements(self, embedding: int, heads: int) -> int:
        """Numbers of state of one layer: `n_embd_r() + n_embd_s()` in llama-hparams.cpp."""
        head_size = self._number("wkv.head_size", 0, default=0)
        if head_size:
            return self._number("token_shift_count", 0, default=2) * embedding + embedding * head_size
        convolution = self._number("shortconv.l_cache", 0, default=0)
        if convolution:
            return embedding * (convolution - 1)
        kernel = self._number("ssm.conv_kernel", 0, default=0)
        delta = self._number("kda.head_dim", 0, default=0)
        if delta:
            return 3 * (kernel - 1 if kernel else 3) * heads * delta + delta * delta * heads
        if self._architecture == "minimax-01":
            length = self._head_length("key_length", embedding, (heads,))
            return length * length * heads
        inner, state, groups = (
            self._number(f"ssm.{key}", 0, default=0) for key in ("inner_size", "state_size", "group_count")
        )
        return max(0, kernel - 1) * (inner + 2 * groups * state) + state * inner


def _layer_of(tensor_name: str) -> int:
    match = _BLOCK.match(tensor_name)
    if match:
        return int(match[1])
    return OUTPUT if tensor_name.startswith("output") else INPUT


def _elements(tensor: Tensor) -> int:
    count = 1
    for dimension in tensor.dimensions:
        count *= dimension
    return count


def _weight_groups(tensors: Sequence[Tensor]) -> tuple[WeightGroup, ...]:
    groups: Counter[tuple[Place, str, int]] = Counter()
    for tensor in tensors:
        groups[_place_of(tensor.name), tensor.type, _row_multiple(tensor)] += _padded_bytes(tensor)
    return tuple(WeightGroup(*key, size) for key, size in sorted(groups.items()))


def _layer_bytes(tensors: Sequence[Tensor], layers: int) -> tuple[int, ...]:
    sizes = [0] * layers
    for tensor in tensors:
        layer = _layer_of(tensor.name)
        if layer >= 0:
            sizes[layer] += _padded_bytes(tensor)
    return tuple(sizes)


def _place_of(tensor_name: str) -> Place:
    layer = _layer_of(tensor_name)
    return "layers" if layer >= 0 else "output" if layer == OUTPUT else "input"


def _is_gate(tensor: Tensor, feed_forward: int) -> bool:
    """Whether a tensor is the gate of a feed-forward network, on its own or joined to the other branch."""
    is_joined = tensor.name.endswith("ffn_up.weight") and tensor.dimensions[1:2] == (2 * feed_forward,)
    return is_joined or any(part in tensor.name for part in (".ffn_gate.", "ffn_gate_exps", "ffn_gate_up"))


def _padded_bytes(tensor: Tensor) -> int:
    return -(-tensor.size_bytes // 32) * 32


def _row_multiple(tensor: Tensor) -> int:
    """What divides the rows of a matrix that the CPU backend may rearrange; 0 for every other tensor.

    `supports_op` of repack.cpp takes matrices, and stacks of matrices only where they are experts.
    """
    dimensions = tensor.dimensions
    matrix_dimensions = 3 if "_exps." in tensor.name else 2
    used = [size for size in dimensions if size > 1]
    if len(used) != matrix_dimensions or BY_NAME[tensor.type].block_elements == 1:
        return 0
    return next(multiple for multiple in (16, 8, 4, 1) if dimensions[1] % multiple == 0)
