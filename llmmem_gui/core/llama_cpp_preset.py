"""Presets of llama.cpp's server: an .ini file with a section for each model, of the names of its options."""

from __future__ import annotations

import configparser
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from llmmem_gui.core.preset import Preset, PresetWriter
from llmmem_gui.core.sentence import Sentence

_FOR_ALL = "*"
_NO_MODELS = ("default", "llama-server", "llama-cli")
"""Sections of `config.ini` that are for a program, not for a model."""


class LlamaCppPreset(NamedTuple):
    """One section of a file of presets."""

    name: str
    model: str
    """The file that it names; empty where the name tells."""
    repository: str
    """A repository of Hugging Face, with what it is quantized as behind a colon; empty for none."""
    projector: str
    preset: Preset


_MODEL, _REPOSITORY, _PROJECTOR, _ALIAS = "model", "hf-repo", "mmproj", "alias"

_OURS: Mapping[str, str] = {
    "ctx-size": "context",
    "ubatch-size": "batch",
    "n-gpu-layers": "gpu_layers",
    "flash-attn": "flash_attention",
    "mmap": "memory_map",
    "swa-full": "full_sliding_window",
    "parallel": "slots",
    "kv-type": "kv_type",
    "temp": "temperature",
    "top-k": "top_k",
    "top-p": "top_p",
    "min-p": "min_p",
    "typical": "typical_p",
    "top-nsigma": "top_n_sigma",
    "xtc-probability": "xtc_probability",
    "xtc-threshold": "xtc_threshold",
    "dynatemp-range": "dynatemp_range",
    "dynatemp-exp": "dynatemp_exponent",
    "repeat-last-n": "repeat_last_n",
    "repeat-penalty": "repeat_penalty",
    "presence-penalty": "presence_penalty",
    "frequency-penalty": "frequency_penalty",
    "dry-multiplier": "dry_multiplier",
    "dry-base": "dry_base",
    "dry-allowed-length": "dry_allowed_length",
    "dry-penalty-last-n": "dry_penalty_last_n",
    "mirostat": "mirostat",
    "mirostat-ent": "mirostat_tau",
    "mirostat-lr": "mirostat_eta",
    "seed": "seed",
    "predict": "max_tokens",
}
"""What options are called here, by their long names."""

_LONG: Mapping[str, str] = {
    **{short: _MODEL for short in ("m", "LLAMA_ARG_MODEL")},
    **{short: _REPOSITORY for short in ("hf", "hfr", "LLAMA_ARG_HF_REPO")},
    **{short: _PROJECTOR for short in ("mm", "LLAMA_ARG_MMPROJ")},
    **{short: _ALIAS for short in ("a", "LLAMA_ARG_ALIAS")},
    **{short: "ctx-size" for short in ("c", "LLAMA_ARG_CTX_SIZE")},
    **{short: "ubatch-size" for short in ("ub", "LLAMA_ARG_UBATCH")},
    **{short: "n-gpu-layers" for short in ("ngl", "gpu-layers", "LLAMA_ARG_N_GPU_LAYERS")},
    **{short: "flash-attn" for short in ("fa", "LLAMA_ARG_FLASH_ATTN")},
    **{short: "mmap" for short in ("LLAMA_ARG_MMAP",)},
    **{short: "swa-full" for short in ("LLAMA_ARG_SWA_FULL",)},
    **{short: "parallel" for short in ("np", "LLAMA_ARG_N_PARALLEL")},
    **{short: "cache-type-k" for short in ("ctk", "LLAMA_ARG_CACHE_TYPE_K")},
    **{short: "cache-type-v" for short in ("ctv", "LLAMA_ARG_CACHE_TYPE_V")},
    **{short: "temp" for short in ("temperature", "LLAMA_ARG_TEMP")},
    **{short: "top-k" for short in ("LLAMA_ARG_TOP_K",)},
    **{short: "seed" for short in ("s",)},
    **{short: "predict" for short in ("n", "n-predict", "LLAMA_ARG_N_PREDICT")},
}
"""The long name of an option by its short ones and that of its environment variable."""

_WORDS = {"on": True, "off": False, "true": True, "false": False, "enabled": True, "disabled": False}
_FLAGS = ("flash-attn", "mmap", "swa-full")
_AS_USUAL = {"flash-attn": ("auto",), "n-gpu-layers": ("auto",), "parallel": ("-1",), "predict": ("-1", "-2")}
_WITHOUT_EFFECT = frozenset(
    """
    version host port api-key threads threads-batch batch-size jinja no-webui metrics props slots
    load-on-startup stop-timeout embedding embeddings mlock warmup no-warmup verbose log-file
    """.split()  # noqa: SIM905 - a list of words is read faster so
)
"""Options that cannot change an answer, or that are done here in any case."""
_REST = Sentence("File", "Without effect here, of its preset of llama.cpp: {names}.")


def llama_cpp_presets(text: str) -> Iterator[LlamaCppPreset]:
    """The presets of models in a file, each with what its section for all says besides."""
    parser = configparser.ConfigParser(
        interpolation=None,
        strict=False,
        delimiters=("=",),
        inline_comment_prefixes=(";", "#"),
        default_section="",
        empty_lines_in_values=False,
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as mypy's own documents say
    try:
        # What stands before the first section is for no model.
        parser.read_string("[default]\n" + text)
    except (configparser.Error, ValueError):
        return
    for_all = dict(parser.items(_FOR_ALL)) if parser.has_section(_FOR_ALL) else {}
    for name in parser.sections():
        if name != _FOR_ALL and name not in _NO_MODELS:
            yield _preset(name.strip(), _under_long_names({**for_all, **dict(parser.items(name))}))


def _preset(name: str, options: dict[str, str]) -> LlamaCppPreset:
    writer = PresetWriter()
    keys, values = options.pop("cache-type-k", None), options.pop("cache-type-v", None)
    if keys is not None or values is not None:
        # Both alike is all that there is here; llama.cpp takes f16 for the one that is not said.
        kind = keys if (keys or "f16") == (values or "f16") else None
        writer.take("cache-type-k, cache-type-v", "kv_type" if kind else None, kind)
    named = {key: options.pop(key, "") for key in (_MODEL, _REPOSITORY, _PROJECTOR, _ALIAS)}
    for option, value in options.items():
        if value in _AS_USUAL.get(option, ()) or option in _WITHOUT_EFFECT:
            continue
        said: object = _WORDS.get(value.lower(), value) if option in _FLAGS else value
        writer.take(option, _OURS.get(option), -1 if (option, value) == ("n-gpu-layers", "all") else said)
    rest = (_REST.format(names=", ".join(writer.rest)),) if writer.rest else ()
    looks_like_repository = "/" in name and not named[_MODEL]
    return LlamaCppPreset(
        named[_ALIAS] or name,
        named[_MODEL],
        named[_REPOSITORY] or (name if looks_like_repository else ""),
        named[_PROJECTOR],
        writer.preset(left_out=rest),
    )


def _under_long_names(options: Mapping[str, str | None]) -> dict[str, str]:
    """The options under their long names, each once; `no-mmap = true` is `mmap = false`."""
    long: dict[str, str] = {}
    for option, value in options.items():
        name = _LONG.get(option, option)
        if name.startswith("no-") and name[3:] in _FLAGS:
            says_yes = _WORDS.get((value or "true").lower(), value not in ("0", ""))
            name, value = name[3:], "off" if says_yes else "on"
        long[name] = (value or "").strip()
    return long
