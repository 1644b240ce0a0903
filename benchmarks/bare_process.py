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
from llmmem_gui.host import context as host_context
from llmmem_gui.host import engine
from llmmem_gui.host.batch import Batch
from llmmem_gui.host.mapping import OwnMemory
from llmmem_gui.host.model import Model, model_parameters
from llmmem_gui.host.sampler import Sampler, Sampling
from llmmem_gui.host.tokenizer import Tokenizer
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


class HostedModel:
    """A model opened as a host opens it, or with room for the logits of a whole batch as the library does."""

    def __init__(self, path: bytes, parameters: LoadParameters, threads: int, *, one_output: bool) -> None:
        self.log = engine.EngineLog()
        placed = model_parameters(parameters.fixed_gpu_layers, True, memory_map=parameters.memory_map)
        self._model = Model(path, placed, self.log)
        own_parameters = host_context.context_parameters

        def parameters_of(*given: Any) -> Any:
            wanted = own_parameters(*given)
            if not one_output:
                wanted.n_outputs_max = 0
            return wanted

        host_context.context_parameters = parameters_of
        self._context = host_context.Context(self._model, parameters, threads, self.log, engine.AbortSwitch())
        self._batch = Batch(self._context.batch_tokens)
        self._tokenizer = Tokenizer(self._model)

    def pieces(self, prompt: str, tokens: int) -> Iterator[str]:
        """Complete the prompt with the likeliest tokens."""
        sampler = Sampler(self._model, Sampling(temperature=0.0))
        unread, position = self._tokenizer.prompt(prompt), 0
        for _ in range(tokens):
            while unread:
                part, unread = unread[: self._batch.most_tokens], unread[self._batch.most_tokens :]
                self._batch.clear()
                place = self._batch.add(part, 0, position, outputs=0 if unread else 1)
                self._context.compute(self._batch)
                position += len(part)
            token = sampler.choose(self._context, place)
            if self._model.ends_answer(token):
                return
            unread = [token]
            yield self._tokenizer.piece(token).decode("utf-8", "ignore")


def pieces_of_library(model: llama_cpp.Llama, prompt: str, tokens: int) -> Iterator[str]:
    """Complete the prompt with the likeliest tokens."""
    pieces: Iterator[Any] = model.create_completion(
        prompt, max_tokens=tokens, temperature=0.0, seed=1, stream=True
    )
    for piece in pieces:
        yield piece["choices"][0]["text"]


def timed(pieces: Iterator[str]) -> dict[str, Any]:
    """The speed of an answer, and its text."""
    started = time.monotonic()
    text, times = "", []
    for piece in pieces:
        text += piece
        times.append(time.monotonic())
    return {"seconds": times[-1] - started, "first_token_seconds": times[0] - started, "text": text}


def open_as_host(task: dict[str, Any]) -> dict[str, Any]:
    """Open one model as a host does, except for what the task leaves out."""
    own = OwnMemory()
    engine.start()
    before, regions = memory(), own.regions()
    parameters = LoadParameters(**task["parameters"])
    path, threads = os.fsencode(task["path"]), task["threads"]
    model = HostedModel(path, parameters, threads, one_output=task["one_output"])
    weights = own.weights_since(regions)
    started = time.monotonic()
    if task["release_zeros"]:
        own.release_zeros(regions)
    release_seconds = time.monotonic() - started
    if task["drop_repacked"] and model.log.repacks_weights:
        own.drop(weights)
    trim_heap()
    loaded = since(before)
    said = timed(model.pieces(task["prompt"], task["tokens"]))
    return {
        "repacked": model.log.repacks_weights,
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
    said = timed(pieces_of_library(model, task["prompt"], task["tokens"]))
    return {"load_seconds": seconds, "loaded": loaded, "answered": since(before), **said}


def open_and_close(task: dict[str, Any]) -> dict[str, Any]:
    """Open, ask and close models one after the other in this one process."""
    engine.start()
    before = memory()
    left, seconds = [], []
    for path in task["paths"]:
        model = llama_cpp.Llama(path, n_ctx=4096, n_threads=task["threads"], verbose=False)
        timed(pieces_of_library(model, task["prompt"], task["tokens"]))
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
