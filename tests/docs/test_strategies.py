"""The tables and pictures of the documents are what the benchmark measured, and the benchmark runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.strategy_plot import plot
from benchmarks.strategy_report import TABLES, Report
from benchmarks.strategy_words import ENGLISH, PORTUGUESE
from tests.docs.documents import PROJECT, Document

RESULTS = PROJECT / "benchmarks" / "results" / "strategies.json"
DOCUMENTS = {"en": "docs/memory-optimization.md", "pt": "docs/memory-optimization.pt-BR.md"}
PICTURES = {"en": "docs/images/strategies.svg", "pt": "docs/images/strategies.pt-BR.svg"}


@pytest.fixture
def measured() -> Any:
    """The figures that the documents show."""
    return json.loads(RESULTS.read_text())


@pytest.mark.parametrize("language", ["en", "pt"])
def test_tables_are_as_measured(language: str, measured: Any) -> None:
    """Written anew from the figures, the document and its picture stay as they are."""
    report = Report(measured)
    document = Document(PROJECT / DOCUMENTS[language])
    assert report.fill(document.text, language) == document.text
    assert plot(report, language) == (PROJECT / PICTURES[language]).read_text()


@pytest.mark.parametrize("language", ["en", "pt"])
def test_every_strategy_has_its_table(language: str) -> None:
    """Each table of the benchmark stands in the document once, filled."""
    text = Document(PROJECT / DOCUMENTS[language]).text
    marked = re.findall(r"<!-- table ([a-z]+) -->\n(.*?)<!-- end of table -->", text, re.DOTALL)
    assert sorted(name for name, _ in marked) == sorted([*TABLES, "summary", "machine"])
    assert all(content.strip() for _, content in marked)


def test_both_languages_have_the_same_words() -> None:
    """What is said in one language is said in the other."""
    assert ENGLISH.keys() == PORTUGUESE.keys()


def test_the_benchmark_measures(smol_path: Path) -> None:
    """One round of the quickest trials gives figures: a fork is smaller than a fresh interpreter."""
    command = [sys.executable, "-m", "benchmarks.strategies"]
    command += ["--rounds", "1", "--only", "birth", "doze", "--json"]
    environment = {**os.environ, "LLMMEM_TEST_MODELS": str(smol_path.parent)}
    ended = subprocess.run(
        command, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=800, check=False
    )
    assert ended.returncode == 0, ended.stderr
    median = {(r["strategy"], r["variant"]): r["median"] for r in json.loads(ended.stdout)["results"]}
    assert median["birth", "nursery"]["unique_bytes"] < median["birth", "fresh"]["unique_bytes"]
    doze = median["doze", "doze"]
    assert doze["weights_asleep_bytes"] < doze["weights_bytes"]
    assert doze["same_answer_percent"] == 100
