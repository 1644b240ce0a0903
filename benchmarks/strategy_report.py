"""The figures of `strategies.py` as Markdown tables, and put into documents between markers.

A document says `<!-- table NAME -->`, then the table, then `<!-- end of table -->`. NAME is one of `TABLES`,
`summary`, or `machine` for the sentences about where and how it was measured.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.strategy_words import ENGLISH, PORTUGUESE, Words

_MARKED = re.compile(r"(<!-- table ([a-z]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


@dataclass(frozen=True)
class Table:
    """Which trials stand below each other, and which of their figures beside each other."""

    strategy: str
    variants: Sequence[str]
    columns: Sequence[str]


_BYTES = ("private_bytes", "weights_bytes")
_LOADED = ("private_loaded_bytes", "weights_loaded_bytes")

TABLES: dict[str, Table] = {
    "unload": Table("unload", ("close", "close_and_trim", "end_process"), ("left_bytes", "unload_seconds")),
    "birth": Table("birth", ("fresh", "nursery"), ("birth_seconds", "unique_bytes")),
    "together": Table(
        "together", ("library", "host"), (*_LOADED, *_BYTES, "reserved_bytes", "same_answer_percent")
    ),
    "context": Table(
        "context",
        ("2048", "4096", "8192", "32768"),
        ("private_loaded_bytes", "private_bytes", "private_whole_bytes", "reserved_bytes"),
    ),
    "kv": Table(
        "settings",
        ("host", "kv_q8_0", "kv_q4_0"),
        ("private_bytes", "prompt_tokens_per_second", "tokens_per_second", "same_answer_percent"),
    ),
    "flash": Table(
        "settings",
        ("no_flash_attention", "host"),
        ("private_bytes", "prompt_tokens_per_second", "tokens_per_second", "same_answer_percent"),
    ),
    "batch": Table("settings", ("host", "batch_128"), ("private_bytes", "prompt_tokens_per_second")),
    "mmap": Table("settings", ("no_mmap", "host"), (*_BYTES, "load_seconds")),
    "window": Table(
        "window",
        ("at_once", "full", "window"),
        ("private_bytes", "second_prompt_seconds", "same_answer_percent"),
    ),
    "output": Table("output", ("every", "one"), ("private_bytes", "reserved_bytes", "same_answer_percent")),
    "zeros": Table(
        "zeros", ("kept", "released"), ("private_loaded_bytes", "private_bytes", "release_seconds")
    ),
    "repacked": Table("repacked", ("kept", "dropped"), (*_LOADED, *_BYTES, "same_answer_percent")),
    "doze": Table(
        "doze",
        ("doze",),
        (
            "weights_bytes",
            "weights_asleep_bytes",
            "private_asleep_bytes",
            "doze_seconds",
            "awake_seconds",
            "woken_seconds",
            "woken_from_disk_seconds",
            "same_answer_percent",
        ),
    ),
    "cores": Table("cores", ("spinning", "all_cores_each", "divided"), ("seconds", "both_tokens_per_second")),
    "limit": Table(
        "limit",
        ("no_limit", "limit_unload", "limit_doze"),
        (
            "limit_bytes",
            "peak_resident_bytes",
            "request_seconds",
            "slowest_seconds",
            "loads",
            "unloads",
            "dozes",
        ),
    ),
}


@dataclass(frozen=True)
class Pair:
    """Two variants of a strategy, and which of their figures are compared."""

    name: str
    strategy: str
    without: str
    chosen: str
    private: str = "private_bytes"
    weights: str = "weights_bytes"
    private_chosen: str = ""
    """The figure of the chosen variant, where it has another name."""
    weights_chosen: str = ""


PAIRS = (
    Pair("together", "together", "library", "host"),
    Pair("zeros", "zeros", "kept", "released"),
    Pair("context", "context", "8192", "2048", private="private_whole_bytes"),
    Pair("kv_q8_0", "settings", "host", "kv_q8_0"),
    Pair("kv_q4_0", "settings", "host", "kv_q4_0"),
    Pair("flash", "settings", "no_flash_attention", "host"),
    Pair("batch", "settings", "host", "batch_128"),
    Pair("window", "window", "full", "window"),
    Pair("repacked", "repacked", "kept", "dropped"),
    Pair(
        "doze",
        "doze",
        "doze",
        "doze",
        private_chosen="private_asleep_bytes",
        weights_chosen="weights_asleep_bytes",
    ),
)


LANGUAGES: dict[str, Words] = {"en": ENGLISH, "pt": PORTUGUESE}


class Report:
    """All results of one run of the benchmark."""

    def __init__(self, run: dict[str, Any]) -> None:
        self._machine = run["machine"]
        self._figures = {
            (result["strategy"], result["variant"], result["model"]): result["median"]
            for result in run["results"]
        }

    def models(self, strategy: str) -> list[str]:
        """The models that a strategy was tried on, in the order of the trials."""
        return list(dict.fromkeys(model for kind, _, model in self._figures if kind == strategy))

    def figure(self, strategy: str, variant: str, model: str, name: str) -> float | None:
        """One median; None when it was not measured."""
        value: float | None = self._figures.get((strategy, variant, model), {}).get(name)
        return value

    def machine(self, language: str) -> str:
        """Where and how it was measured, in one sentence or two."""
        words = LANGUAGES[language]
        threads = self._machine["threads"]
        spoken = words["one_thread"] if threads == 1 else words["threads"].format(threads=threads)
        return words["machine"].format(**{**self._machine, "threads": spoken})

    def pair(self, pair: Pair, model: str) -> list[tuple[float, float]] | None:
        """Private and mapped MiB of both variants; None when they were not tried on the model."""
        names = (
            (pair.without, pair.private, pair.weights),
            (pair.chosen, pair.private_chosen or pair.private, pair.weights_chosen or pair.weights),
        )
        both = []
        for variant, *figures in names:
            private, weights = (self.figure(pair.strategy, variant, model, figure) for figure in figures)
            if private is None or weights is None:
                return None
            both.append((private / 2**20, weights / 2**20))
        return both

    def summary(self, language: str) -> str:
        """One line for each strategy: resident memory without and with it, and what it costs."""
        words = LANGUAGES[language]
        models = self.models("together")
        rows = [[words["strategy"], *(f"{model} (MiB)" for model in models), words["costs"]]]
        rows.append(["---", *("---:" for _ in models), "---"])
        for pair in PAIRS:
            if self.models(pair.strategy):
                cells = [_change(self.pair(pair, model), language) for model in models]
                rows.append([words[f"plot.{pair.name}"], *cells, words[f"cost.{pair.name}"]])
        return _markdown(rows)

    def table(self, name: str, language: str) -> str:
        """One table as Markdown; variants below each other, grouped by model."""
        table, words = TABLES[name], LANGUAGES[language]
        models = self.models(table.strategy)
        named = models[0] not in ("none", "both", "all")
        heads = [words["variant"], *(words[column] for column in table.columns)]
        rows = []
        for model in models:
            for variant in table.variants:
                cells = [
                    written(column, self.figure(table.strategy, variant, model, column), language)
                    for column in table.columns
                ]
                rows.append([words[f"{name}.{variant}"], *cells])
                if named:
                    rows[-1].insert(0, model)
        if named:
            heads.insert(0, words["model"])
        numbers = len(table.columns)
        rule = ["---"] * (len(heads) - numbers) + ["---:"] * numbers
        return _markdown([heads, rule, *rows])

    def text(self, name: str, language: str) -> str:
        """What stands between the markers of that name."""
        if name == "machine":
            return f"{self.machine(language)}\n"
        return self.summary(language) if name == "summary" else self.table(name, language)

    def fill(self, document: str, language: str) -> str:
        """The document with everything between markers written anew. Raises KeyError for an unknown name."""

        def filled(found: re.Match[str]) -> str:
            return f"{found[1]}\n{self.text(found[2], language)}\n{found[3]}"

        return _MARKED.sub(filled, document)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _change(both: list[tuple[float, float]] | None, language: str) -> str:
    if both is None:
        return LANGUAGES[language]["none"]
    before, after = (sum(parts) for parts in both)
    percent = number(100 * (before - after) / before, 0, language)
    return f"{number(before, 0, language)} → {number(after, 0, language)} (−{percent} %)"


def written(column: str, value: float | None, language: str) -> str:
    """A figure as the tables show it, in the unit that the head of its column names."""
    words = LANGUAGES[language]
    if value is None:
        return words["none"]
    if column == "same_answer_percent":
        return words["yes"] if value >= 100 else f"{value:.0f} %"
    if column.endswith("_bytes"):
        return number(value / 2**20, 1 if abs(value) < 100 * 2**20 else 0, language)
    if column in ("unload_seconds", "birth_seconds", "doze_seconds", "release_seconds"):
        return number(value * 1000, 1 if value < 0.0095 else 0, language)
    if column.endswith("seconds"):
        return number(value, 2 if value < 10 else 1, language)
    return number(value, 0, language)


def number(value: float, decimals: int, language: str) -> str:
    """A number with the separators of the language."""
    text = f"{value:,.{decimals}f}"
    return text if language == "en" else text.translate(str.maketrans(",.", ".,"))
