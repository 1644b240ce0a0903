"""What Ollama keeps beside the weights of a model: parameters, a system message, a template, an adapter."""

from __future__ import annotations

import json
from collections.abc import Mapping

from llmmem_gui.core.file_window import printable
from llmmem_gui.core.preset import MAXIMUM_SYSTEM_CHARACTERS, Preset, PresetWriter
from llmmem_gui.core.sentence import Sentence

LAYERS_READ = ("params", "system")
"""Of these the content is needed; of others it is enough that they are there."""

_NAMES: Mapping[str, str] = {
    "num_ctx": "context",
    "num_batch": "batch",
    "num_gpu": "gpu_layers",
    "use_mmap": "memory_map",
    "num_predict": "max_tokens",
    "stop": "stop",
    "seed": "seed",
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "typical_p": "typical_p",
    "repeat_last_n": "repeat_last_n",
    "repeat_penalty": "repeat_penalty",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "mirostat": "mirostat",
    "mirostat_tau": "mirostat_tau",
    "mirostat_eta": "mirostat_eta",
}
"""What its parameters are called here."""
_NOTHING_ELSE = {"num_predict": (-1, -2), "num_gpu": (-1,), "seed": (-1,)}
"""Values that ask for what is done here in any case."""
_LEFT_OUT: Mapping[str, Sentence] = {
    "template": Sentence("File", "Its template of Ollama is left out: chats are written as its file says."),
    "adapter": Sentence("File", "Its adapter (LoRA) is left out: it answers as the model without it."),
    "messages": Sentence("File", "The messages that Ollama begins its chats with are left out."),
    "draft": Sentence("File", "Its draft model is left out: it answers the same, but not as fast."),
}
_REST = Sentence("File", "Without effect here, of what Ollama sets for it: {names}.")


def ollama_preset(layers: Mapping[str, bytes]) -> Preset:
    """How Ollama loads and asks a model whose manifest names layers of these kinds, with their content."""
    writer = PresetWriter()
    try:
        said = json.loads(layers.get("params", b"") or b"{}")
    except (ValueError, RecursionError):
        said = {}
    for name, value in said.items() if isinstance(said, dict) else ():
        if value is not None and value not in _NOTHING_ELSE.get(name, ()):
            writer.take(printable(name), _NAMES.get(name), value)
    left_out = [sentence for kind, sentence in _LEFT_OUT.items() if kind in layers]
    if writer.rest:
        left_out.append(_REST.format(names=", ".join(writer.rest)))
    system = layers.get("system", b"").decode("utf-8", "replace")[:MAXIMUM_SYSTEM_CHARACTERS].strip()
    return writer.preset(system, tuple(left_out))
