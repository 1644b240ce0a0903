"""The metrics are in Prometheus's text format and say what happened."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llmmem_gui.core.events import Event
from llmmem_gui.core.ledger import Bounds
from llmmem_gui.core.readings import GpuReading, MachineReading, Sample
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.service.http.metrics import Metrics
from llmmem_gui.service.model_answer import AnswerUsage

NAME = r"[a-z][a-z0-9_]*"
LABEL = rf'{NAME}="(?:[^"\\\n]|\\["\\n])*"'
VALUE = re.compile(rf"(?P<name>{NAME})(?:\{{{LABEL}(?:,{LABEL})*\}})? -?\d+(?:\.\d+)?(?:e[+-]\d+)?")

GIB = 2**30
SNAPSHOT = CacheSnapshot(
    monotonic=1.0,
    models=(),
    holders=(),
    bounds=Bounds(8 * GIB, 10 * GIB, GIB),
    room_bytes=-5,
    resident_bytes=3 * GIB,
    charged_bytes=4 * GIB,
    pressure="critical",
)
SAMPLE = Sample(
    time=1.0,
    monotonic=1.0,
    machine=MachineReading(16 * GIB, 10 * GIB, pressure_some_percent=25.0),
    gpus=(
        GpuReading("0000:01:00.0", 'RTX "X"', 8 * GIB, GIB),
        GpuReading("000f:01:00.0", "GB10", None, None, {}, True),
    ),
)


def families(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Name, type and lines of each metric; every line must have its place and form."""
    for part in text.split("# HELP ")[1:]:
        help_line, type_line, *lines = part.splitlines()
        name, _, explanation = help_line.partition(" ")
        assert explanation.endswith(".")
        kind = type_line.removeprefix(f"# TYPE {name} ")
        for line in lines:
            match = VALUE.fullmatch(line)
            assert match is not None, line
            allowed = {name} if kind != "summary" else {f"{name}_sum", f"{name}_count"}
            assert match["name"] in allowed
        yield name, kind, lines


def counted() -> Metrics:
    """Metrics after a load, an answer and an unload of a model with an awkward name."""
    metrics = Metrics()
    model = 'a"b\\c\nd'
    metrics.observe(Event(0.0, "model-loaded", model, numbers={"seconds": 0.5}))
    metrics.observe(Event(0.0, "model-unloaded", model, "idle", numbers={"given_back_bytes": 7.0}))
    metrics.observe(SNAPSHOT)
    metrics.count_answer(model, "answered", AnswerUsage(10, 20, 1.0, 0.25))
    metrics.count_answer(model, "failed", None)
    metrics.count_http(200)
    return metrics


def test_every_line_is_well_formed() -> None:
    """Names, awkward labels and values can be read; counters end in _total; units are base units."""
    found = list(families(counted().render(SNAPSHOT, SAMPLE)))
    names = [name for name, _, _ in found]
    assert len(names) == len(set(names))
    for name, kind, _ in found:
        assert name.startswith("llmmem_")
        assert name.endswith("_total") == (kind == "counter")
        assert not re.search(r"percent|mib|gib|milli", name)


def test_what_happened_is_counted() -> None:
    """Loads, unloads by cause, tokens and times stand with their labels."""
    text = counted().render(SNAPSHOT, SAMPLE)
    label = r'model="a\"b\\c\nd"'
    for line in (
        f'llmmem_loads_total{{{label},outcome="loaded"}} 1',
        f'llmmem_unloads_total{{{label},cause="idle"}} 1',
        f"llmmem_given_back_bytes_total{{{label}}} 7",
        f"llmmem_load_duration_seconds_sum{{{label}}} 0.5",
        f"llmmem_load_duration_seconds_count{{{label}}} 1",
        f'llmmem_answers_total{{{label},outcome="answered"}} 1',
        f'llmmem_answers_total{{{label},outcome="failed"}} 1',
        f"llmmem_prompt_tokens_total{{{label}}} 10",
        f"llmmem_completion_tokens_total{{{label}}} 20",
        f"llmmem_first_token_seconds_sum{{{label}}} 0.25",
        'llmmem_http_requests_total{code="200"} 1',
        f"llmmem_models_resident_bytes {3 * GIB}",
        f"llmmem_models_limit_bytes {8 * GIB}",
        "llmmem_room_bytes -5",
        "llmmem_pressure_level 2",
        "llmmem_machine_stalled_ratio 0.25",
        f'llmmem_gpu_used_bytes{{gpu="0 RTX \\"X\\""}} {GIB}',
    ):
        assert f"{line}\n" in text
    assert "GB10" not in text


def test_what_is_not_known_has_no_value() -> None:
    """Before the first sample, and without limits, there is no number rather than a wrong one."""
    unbounded = CacheSnapshot(0.0, (), (), Bounds(), None, 0, 0)
    text = Metrics().render(unbounded, None)
    assert "llmmem_machine_memory_bytes" not in text
    assert "\nllmmem_models_limit_bytes" not in text
    assert "\nllmmem_room_bytes" not in text
