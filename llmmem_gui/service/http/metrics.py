"""The program's numbers for Prometheus, in its text format, by its conventions: base units, ratios, `_total`.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (text, version 0.0.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from llmmem_gui import __version__
from llmmem_gui.core.events import Event
from llmmem_gui.core.neighbours import held_by_program
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot
from llmmem_gui.service.model_answer import AnswerUsage

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]
Outcome = Literal["answered", "failed", "abandoned"]

MOST_IGNORED_FIELDS = 64
"""So many names of ignored fields are counted by name, and all further ones together."""
_OTHER = "other"

_PRESSURE_LEVELS = ("normal", "warning", "critical", "emergency")
_LOAD_OUTCOMES = {"model-loaded": "loaded", "load-failed": "failed", "load-refused": "refused"}


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with its values by labels."""

    name: str
    kind: Literal["gauge", "counter", "summary"]
    help: str
    values: Mapping[Labels, float]
    counts: Mapping[Labels, float] | None = None
    """Of a summary: how many observations `values` is the sum of."""

    def lines(self) -> Iterator[str]:
        """The metric in the text format."""
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.kind}"
        suffix = "_sum" if self.kind == "summary" else ""
        for labels, value in self.values.items():
            yield f"{self.name}{suffix}{_written(labels)} {value:.17g}"
        for labels, value in (self.counts or {}).items():
            yield f"{self.name}_count{_written(labels)} {value:.17g}"


class Metrics:
    """Counts what happens, from `observe` and the two methods beside it, and writes it out on demand."""

    def __init__(self) -> None:
        self._counters: dict[str, dict[Labels, float]] = {name: {} for name in _COUNTERS}
        self._sums: dict[str, dict[Labels, float]] = {name: {} for name in _SUMMARIES}
        self._counts: dict[str, dict[Labels, float]] = {name: {} for name in _SUMMARIES}

    def observe(self, fact: object) -> None:
        """Take a fact of the service; events count, and the tokens of a sample."""
        if isinstance(fact, Sample):
            for model_id, doing in fact.activity.items():
                self._count("llmmem_generated_tokens_total", doing.generated_tokens, model_id)
        if not isinstance(fact, Event):
            return
        model = fact.model_id or ""
        if fact.type in _LOAD_OUTCOMES:
            _add(self._counters["llmmem_loads_total"], 1, model=model, outcome=_LOAD_OUTCOMES[fact.type])
        if fact.type == "model-loaded" and "seconds" in fact.numbers:
            self._time("llmmem_load_duration_seconds", fact.numbers["seconds"], model)
        if fact.type == "model-unloaded":
            _add(self._counters["llmmem_unloads_total"], 1, model=model, cause=fact.cause or "")
            self._count("llmmem_given_back_bytes_total", fact.numbers.get("given_back_bytes", 0), model)
        if fact.type == "host-died":
            self._count("llmmem_host_deaths_total", 1, model)
        if fact.type == "memory-warning":
            self._count("llmmem_memory_warnings_total", 1, model)

    def count_answer(self, model_id: str, outcome: Outcome, usage: AnswerUsage | None) -> None:
        """Take an answer that was given over HTTP, or was not."""
        _add(self._counters["llmmem_answers_total"], 1, model=model_id, outcome=outcome)
        if usage is not None:
            self._count("llmmem_prompt_tokens_total", usage.prompt_tokens, model_id)
            self._count("llmmem_completion_tokens_total", usage.completion_tokens, model_id)
            if usage.first_token_seconds is not None:
                self._time("llmmem_first_token_seconds", usage.first_token_seconds, model_id)

    def count_ignored(self, fields: Iterable[str]) -> None:
        """Take fields that nobody knew; clients choose their names, so not all are told apart."""
        values = self._counters["llmmem_ignored_fields_total"]
        for field in fields:
            is_told = (("field", field),) in values or len(values) < MOST_IGNORED_FIELDS
            _add(values, 1, field=field if is_told else _OTHER)

    def count_http(self, status: int) -> None:
        """Take an HTTP answer."""
        _add(self._counters["llmmem_http_requests_total"], 1, code=str(status))

    def render(self, snapshot: CacheSnapshot, sample: Sample | None) -> str:
        """All metrics at one moment, in Prometheus's text format."""
        families = [*_cache_gauges(snapshot), *_model_gauges(snapshot), *_neighbour_gauges(snapshot)]
        if sample is not None:
            families += _sample_gauges(sample)
        families += [Family(n, "counter", help, self._counters[n]) for n, help in _COUNTERS.items()]
        families += [
            Family(n, "summary", help, self._sums[n], self._counts[n]) for n, help in _SUMMARIES.items()
        ]
        return "".join(f"{line}\n" for family in families for line in family.lines())

    def _count(self, name: str, amount: float, model_id: str) -> None:
        _add(self._counters[name], amount, model=model_id)

    def _time(self, name: str, seconds: float, model_id: str) -> None:
        _add(self._sums[name], seconds, model=model_id)
        _add(self._counts[name], 1, model=model_id)


def _add(values: dict[Labels, float], amount: float, **labels: str) -> None:
    key = tuple(labels.items())
    values[key] = values.get(key, 0) + amount


_COUNTERS = {
    "llmmem_loads_total": "Loads that ended, by outcome.",
    "llmmem_unloads_total": "Models unloaded, by cause.",
    "llmmem_given_back_bytes_total": "Private memory and VRAM given back by unloading, measured.",
    "llmmem_host_deaths_total": "Hosts that ended without being asked to.",
    "llmmem_memory_warnings_total": "Warnings about a limit; no model means the total or the machine.",
    "llmmem_answers_total": "Answers over HTTP, by outcome.",
    "llmmem_prompt_tokens_total": "Tokens read in prompts over HTTP.",
    "llmmem_completion_tokens_total": "Tokens generated over HTTP.",
    "llmmem_generated_tokens_total": "Tokens generated, for whoever asked.",
    "llmmem_http_requests_total": "HTTP requests, by status code.",
    "llmmem_ignored_fields_total": "Fields of requests that nobody knew and that had no effect, by name.",
}
_SUMMARIES = {
    "llmmem_load_duration_seconds": "Time from the start of a host until its model was ready.",
    "llmmem_first_token_seconds": "Time from the start of an answer in its host until its first token.",
}


def _cache_gauges(snapshot: CacheSnapshot) -> Iterator[Family]:
    bounds = snapshot.bounds
    yield Family("llmmem_build_info", "gauge", "Version of the program.", {(("version", __version__),): 1})
    yield _gauge("llmmem_models_resident_bytes", "Resident memory of all models.", snapshot.resident_bytes)
    yield _gauge(
        "llmmem_models_charged_bytes", "Memory that admission counts for all models.", snapshot.charged_bytes
    )
    yield _gauge("llmmem_models_limit_bytes", "Total limit of all models.", bounds.total_limit_bytes)
    yield _gauge(
        "llmmem_machine_reserve_bytes", "Memory kept free for everything else.", bounds.reserve_bytes
    )
    yield _gauge(
        "llmmem_room_bytes",
        "Memory that a new load may use; negative when a bound is passed.",
        snapshot.room_bytes,
    )
    level = _PRESSURE_LEVELS.index(snapshot.pressure)
    yield _gauge("llmmem_pressure_level", "0 normal, 1 warning, 2 critical, 3 emergency.", level)
    sampling = snapshot.sampling
    yield Family(
        "llmmem_sampling_failures_total",
        "counter",
        "Ticks in which memory could not be measured.",
        {(): float(sampling.failures)},
    )
    yield _gauge(
        "llmmem_sampling_failed_since_timestamp_seconds",
        "When measuring memory began to fail; no value while it works.",
        sampling.failed_since,
    )


def _model_gauges(snapshot: CacheSnapshot) -> Iterator[Family]:
    holding = [model for model in snapshot.models if model.state.holds_host]
    states: dict[Labels, float] = {
        (("model", model.id), ("state", model.state.value)): 1.0 for model in holding
    }
    yield Family("llmmem_model_state", "gauge", "1 for the state that a loaded model is in.", states)
    yield _each(
        "llmmem_model_private_bytes", "Anonymous memory of the model's process.", holding, "private_bytes"
    )
    yield _each("llmmem_model_weights_bytes", "Resident mapped weights.", holding, "weights_bytes")
    yield _each("llmmem_model_vram_bytes", "Memory on GPUs.", holding, "vram_bytes")
    yield _each("llmmem_model_limit_bytes", "The model's own limit.", holding, "limit_bytes")
    yield _each("llmmem_model_requests_in_flight", "Requests being answered.", holding, "in_flight")
    waiting = [model for model in snapshot.models if model.state.holds_host or model.waiting]
    yield _each("llmmem_model_requests_waiting", "Requests that wait for the model.", waiting, "waiting")


def _neighbour_gauges(snapshot: CacheSnapshot) -> Iterator[Family]:
    held = held_by_program(snapshot.neighbours)
    models: dict[Labels, float] = {}
    for neighbour in snapshot.neighbours:
        _add(models, len(neighbour.models), program=neighbour.program)
    for name, help, field in (
        ("private", "Anonymous memory of another program that holds models.", "private_bytes"),
        ("weights", "Resident mapped files of another program.", "weights_bytes"),
        ("vram", "Memory on GPUs of another program.", "vram_bytes"),
    ):
        known = {(("program", p),): getattr(each, field) for p, each in held.items()}
        values: dict[Labels, float] = {at: float(v) for at, v in known.items() if v is not None}
        yield Family(f"llmmem_neighbour_{name}_bytes", "gauge", help, values)
    yield Family("llmmem_neighbour_models", "gauge", "Models that another program holds.", models)


def _sample_gauges(sample: Sample) -> Iterator[Family]:
    machine = sample.machine
    yield _gauge(
        "llmmem_machine_memory_bytes", "Memory of the machine or its control group.", machine.total_bytes
    )
    yield _gauge(
        "llmmem_machine_available_bytes",
        "Memory that programs can take without swapping.",
        machine.available_bytes,
    )
    yield _gauge("llmmem_machine_swap_free_bytes", "Free swap.", machine.swap_free_bytes)
    yield _gauge(
        "llmmem_program_resident_bytes",
        "Memory of the program itself, without the models.",
        machine.own_bytes,
    )
    yield _gauge("llmmem_machine_swap_used_bytes", "Swap in use.", machine.swap_used_bytes)
    yield _gauge(
        "llmmem_machine_stalled_ratio",
        "Share of time that some task waited for memory (PSI some avg10).",
        _ratio(machine.pressure_some_percent),
    )
    yield _gauge(
        "llmmem_machine_stalled_full_ratio",
        "Share of time that all tasks waited for memory (PSI full avg10).",
        _ratio(machine.pressure_full_percent),
    )
    speeds: dict[Labels, float] = {
        (("model", model_id),): doing.tokens_per_second for model_id, doing in sample.activity.items()
    }
    yield Family("llmmem_model_tokens_per_second", "gauge", "Tokens generated in the last second.", speeds)
    gpus = {(("gpu", f"{index} {gpu.name}"),): gpu for index, gpu in enumerate(sample.gpus)}
    sizes: dict[Labels, float] = {at: each.total_bytes for at, each in gpus.items() if each.total_bytes}
    used: dict[Labels, float] = {
        at: each.used_bytes for at, each in gpus.items() if each.used_bytes is not None
    }
    yield Family("llmmem_gpu_memory_bytes", "gauge", "Memory of the GPU.", sizes)
    yield Family("llmmem_gpu_used_bytes", "gauge", "Memory of the GPU in use by all programs.", used)


def _ratio(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _gauge(name: str, help: str, value: float | None) -> Family:
    """A metric without labels; one that is not known has no value."""
    return Family(name, "gauge", help, {} if value is None else {(): float(value)})


def _each(name: str, help: str, models: Iterable[ModelSnapshot], field: str) -> Family:
    """A metric with one value for each model that has one."""
    values = {(("model", model.id),): getattr(model, field) for model in models}
    return Family(name, "gauge", help, {labels: float(v) for labels, v in values.items() if v is not None})


def _written(labels: Labels) -> str:
    def escaped(text: str) -> str:
        return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in labels) + "}" if labels else ""
