"""The program that tries an engine: `engine_trial fit [gpu]` or `engine_trial compute DEVICE EXTRA SECONDS`.

`fit` says whether the libraries are those that the bindings were made for and what they can compute on;
`compute` answers with a model of known weights on one device, with or without extra buffers (EXTRA is 1
or 0), compares, and measures for about SECONDS. The result is one line of JSON. A wrong library may crash
this process instead, which is why it is a process of its own.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:
    sys.path.append(str(Path(__file__).resolve().parents[2]))

import msgspec

from llmmem_gui.core.engines import EngineReport, Trial
from llmmem_gui.core.sentence import Sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import single
    from numpy.typing import NDArray

    from llmmem_gui.host.context import Context
    from llmmem_gui.host.known_model import KnownModel

PROMPT_TOKENS = 48
"""More than 32: from there on matrices are multiplied in tiles, by other kernels than for one token."""

ANSWER_TOKENS = 64
FEWEST_TOKENS = 8
PATIENT_SECONDS = 15.0
"""After this fewer tokens are enough, and no speed is measured: a GPU in software takes a second for one."""

NEAR = 0.25
"""How far below the best, in standard deviations of all logits, a token may be that is chosen.

Kernels round activations to 8 bits, each in its way: off by 0.02. A wrong kernel is off by more than 1.
"""

_SPEED_TYPES = ("q4_K", "q4_K", "q6_K") * 4
_SPEED_PROMPT_TOKENS = 256


def fit(gpu: bool) -> EngineReport:
    """Load the libraries and look at their structures, functions and devices."""
    try:
        from llmmem_gui.host import abi, engine
    except (OSError, RuntimeError, AttributeError, msgspec.DecodeError) as error:
        reason = Sentence("Engine", "cannot be loaded ({reason})").format(reason=str(error))
        return EngineReport("", reason)
    reason_or_none = abi.mismatch()
    if reason_or_none is not None:
        return EngineReport("", reason_or_none)
    engine.start(gpu)
    devices = engine.devices()
    if not devices:
        reason = Sentence("Engine", "has nothing to compute on: none of its modules is for this processor")
        return EngineReport("", reason)
    return EngineReport("", None, devices)


def compute(device: str, extra_buffers: bool, seconds: float) -> Trial:
    """Answer on a device, compare with what must come out, and measure; `seconds` 0: do not measure."""
    from llmmem_gui.host import engine
    from llmmem_gui.host.known_model import KnownModel, Shape

    engine.start(gpu=device != "CPU")
    with tempfile.TemporaryDirectory(prefix="llmmem-engine-") as folder:
        path = Path(folder) / "known.gguf"
        known = KnownModel()
        known.write(path)
        started = time.monotonic()
        failure = _wrong_answer(known, path, device, extra_buffers)
        if failure is not None or seconds <= 0 or time.monotonic() - started > PATIENT_SECONDS:
            return Trial(device, extra_buffers, failure)
        # Large enough that its weights do not stay in the processor's caches.
        KnownModel(Shape(_SPEED_TYPES, embedding=768, feed_forward=2048, heads=12, kv_heads=4), 2).write(path)
        prompt_rate, answer_rate = _speed(path, device, extra_buffers, seconds)
        return Trial(
            device,
            extra_buffers,
            prompt_tokens_per_second=prompt_rate,
            answer_tokens_per_second=answer_rate,
        )


def _wrong_answer(known: KnownModel, path: Path, device: str, extra_buffers: bool) -> Sentence | None:
    import numpy

    prompt = [1, *(3 + (7 * place) % 250 for place in range(PROMPT_TOKENS - 1))]
    opened = _Opened(path, device, extra_buffers)
    answer: list[int] = []
    started = time.monotonic()
    unread: Sequence[int] = prompt
    while True:
        given = opened.read(unread)
        answer.append(opened.choose())
        late = time.monotonic() - started > PATIENT_SECONDS
        if len(answer) >= (FEWEST_TOKENS if late else ANSWER_TOKENS):
            break
        unread = answer[-1:]
    if not all(0 <= token < known.shape.vocabulary for token in answer):
        return Sentence("Engine", "gives what is no token")
    expected = known.logits([*prompt, *answer[:-1]])[len(prompt) - 1 :]
    if not numpy.isfinite(given).all():
        return Sentence("Engine", "gives what is no number")
    chosen = expected[numpy.arange(len(answer)), answer]
    behind = (expected.max(axis=1) - chosen) / expected.std(axis=1)
    wrong = int((behind > NEAR).sum())
    if wrong:
        return Sentence("Engine", "gives {number} of {count} tokens wrong").format(
            number=wrong, count=len(answer)
        )
    return None


class _Opened:
    """A model that is open on one device, and what it has read."""

    def __init__(self, path: Path, device: str, extra_buffers: bool, threads: int = 1) -> None:
        from llmmem_gui.core.parameters import LoadParameters
        from llmmem_gui.host import engine
        from llmmem_gui.host.batch import Batch
        from llmmem_gui.host.context import Context
        from llmmem_gui.host.model import Model, model_parameters
        from llmmem_gui.host.sampler import Sampler, Sampling

        on_processor = device == "CPU"
        parameters = LoadParameters(context=512, gpu_layers=0 if on_processor else -1)
        placed = model_parameters(
            parameters.fixed_gpu_layers, extra_buffers, None if on_processor else device
        )
        log = engine.EngineLog()
        model = Model(os.fsencode(path), placed, log)
        self._context: Context = Context(model, parameters, threads, log, engine.AbortSwitch())
        self._batch = Batch(self._context.batch_tokens)
        self._sampler = Sampler(model, Sampling(temperature=0.0))
        self._read_tokens = 0

    def read(self, tokens: Sequence[int]) -> NDArray[single]:
        """Compute tokens after those that were read; gives the logits after the last one."""
        self._batch.clear()
        self._place = self._batch.add(tokens, 0, self._read_tokens, outputs=1)
        self._context.compute(self._batch)
        self._read_tokens += len(tokens)
        return self._context.logits(self._place)  # waits for a GPU

    def choose(self) -> int:
        """The likeliest token after what was read."""
        return self._sampler.choose(self._context, self._place)

    def forget(self) -> None:
        """Forget what was read."""
        self._context.clear()
        self._read_tokens = 0


def _speed(path: Path, device: str, extra_buffers: bool, seconds: float) -> tuple[float, float]:
    """Tokens per second of prompt and of answer: the best of as many rounds as the time allows."""
    opened = _Opened(path, device, extra_buffers, threads=os.cpu_count() or 1)
    tokens = [1, *(3 + place % 250 for place in range(_SPEED_PROMPT_TOKENS - 1))]
    best_prompt = best_answer = 0.0
    deadline = time.monotonic() + seconds
    while best_answer == 0.0 or time.monotonic() < deadline:
        opened.forget()
        started = time.monotonic()
        opened.read(tokens)
        best_prompt = max(best_prompt, len(tokens) / (time.monotonic() - started))
        started, count = time.monotonic(), 0
        while count < 4 or (count < 32 and time.monotonic() - started < seconds / 4):
            opened.read([3 + count])
            count += 1
        best_answer = max(best_answer, count / (time.monotonic() - started))
    return best_prompt, best_answer


def main(arguments: list[str]) -> None:
    """Run one trial and print its result; the process ends without farewells."""
    from llmmem_gui.host import process

    process.name_process("llmmem-trial")
    process.leave_no_core()
    process.volunteer_for_oom()
    if arguments[0] == "fit":
        result: EngineReport | Trial = fit("gpu" in arguments)
    else:
        _, device, extra_buffers, seconds = arguments
        result = compute(device, extra_buffers == "1", float(seconds))
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
    sys.stdout.buffer.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
