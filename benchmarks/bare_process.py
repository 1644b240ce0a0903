"""Models opened without the program around them, in a process of their own; `strategies.py` starts it.

Reads one JSON object from the command line, prints one JSON object. It can leave out what a host always
does, so that the difference can be measured.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llama_cpp

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.host import engine
from llmmem_gui.host.mapping import OwnMemory
from llmmem_gui.host.model import HostedModel
from llmmem_gui.unused_memory import trim_heap

_STATUS = re.compile(rb"^(RssAnon|RssFile|VmData):\s+(\d+)", re.MULTILINE)

Memory = dict[str, int]


def memory() -> Memory:
    """Bytes of this process: private and mapped ones that are resident, and private ones reserved."""
    fields = dict(_STATUS.findall(Path("/proc/self/status").read_bytes()))
    return {
        "private_bytes": int(fields[b"RssAnon"]) * 1024,
        "weights_bytes": int(fields[b"RssFile"]) * 1024,
        "reserved_bytes": int(fields[b"VmData"]) * 1024,
    }


def since(before: Memory) -> Memory:
    """What came on top of `before`."""
    return {name: size - before[name] for name, size in memory().items()}


class OutputForEveryToken(HostedModel):
    """A host's model with room for the logits of a whole batch, as the library reserves it."""

    def _context_parameters(self, parameters: LoadParameters) -> Any:
        context = super()._context_parameters(parameters)
        context.n_outputs_max = 0
        return context


def answer(model: llama_cpp.Llama, prompt: str, tokens: int) -> dict[str, float]:
    """Complete the prompt with the likeliest tokens; gives the speed and the text."""
    started = time.monotonic()
    pieces: Iterator[Any] = model.create_completion(
        prompt, max_tokens=tokens, temperature=0.0, seed=1, stream=True
    )
    text, times = "", []
    for piece in pieces:
        text += piece["choices"][0]["text"]
        times.append(time.monotonic())
    return {"seconds": times[-1] - started, "first_token_seconds": times[0] - started, "text": text}


def open_as_host(task: dict[str, Any]) -> dict[str, Any]:
    """Open one model as a host does, except for what the task leaves out."""
    log, abort, own = engine.EngineLog(), engine.AbortSwitch(), OwnMemory()
    engine.start()
    before, regions = memory(), own.regions()
    kind = HostedModel if task["one_output"] else OutputForEveryToken
    parameters = LoadParameters(**task["parameters"])
    model = kind(os.fsencode(task["path"]), parameters, task["threads"], log, abort)
    weights = own.weights_since(regions)
    started = time.monotonic()
    if task["release_zeros"]:
        own.release_zeros(regions)
    release_seconds = time.monotonic() - started
    if task["drop_repacked"] and log.repacks_weights:
        own.drop(weights)
    trim_heap()
    loaded = since(before)
    said = answer(model, task["prompt"], task["tokens"])
    return {
        "repacked": log.repacks_weights,
        "release_seconds": release_seconds,
        "loaded": loaded,
        "answered": since(before),
        **said,
    }


def open_with_library(task: dict[str, Any]) -> dict[str, Any]:
    """Open one model with the library's own class and its defaults."""
    engine.start()
    before = memory()
    started = time.monotonic()
    model = llama_cpp.Llama(
        task["path"], n_ctx=task["parameters"]["context"], n_threads=task["threads"], verbose=False
    )
    seconds, loaded = time.monotonic() - started, since(before)
    said = answer(model, task["prompt"], task["tokens"])
    return {"load_seconds": seconds, "loaded": loaded, "answered": since(before), **said}


def open_and_close(task: dict[str, Any]) -> dict[str, Any]:
    """Open, ask and close models one after the other in this one process."""
    engine.start()
    before = memory()
    left, seconds = [], []
    for path in task["paths"]:
        model = llama_cpp.Llama(path, n_ctx=4096, n_threads=task["threads"], verbose=False)
        answer(model, task["prompt"], task["tokens"])
        started = time.monotonic()
        model.close()
        del model
        gc.collect()
        if task["trim_heap"]:
            trim_heap()
        seconds.append(time.monotonic() - started)
        left.append(since(before)["private_bytes"])
    return {"left_bytes": left, "unload_seconds": seconds}


def requantize(task: dict[str, Any]) -> dict[str, Any]:
    """Write a model again with its matrices in Q4_0, a type that llama.cpp repacks on most processors."""
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0
    parameters.allow_requantize = True
    code = llama_cpp.llama_model_quantize(
        os.fsencode(task["path"]), os.fsencode(task["target"]), ctypes.byref(parameters)
    )
    return {"code": code}


TASKS = {
    "host": open_as_host,
    "library": open_with_library,
    "close": open_and_close,
    "requantize": requantize,
}


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    print(json.dumps(TASKS[asked["task"]](asked)))
