"""Every metric that is documented exists in the running program, and the other way round."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any, get_args

import httpx
import pytest

from llmmem_gui.core.events import Actor, Cause, EventType
from tests.docs.conftest import MODEL_ID, Workplace
from tests.docs.documents import PROJECT, Document

DOCUMENTS = [Document(PROJECT / "docs" / name) for name in ("metrics.md", "metrics.pt-BR.md")]


@pytest.fixture(scope="module")
def told(workplace: Workplace) -> dict[str, set[str]]:
    """The names that the running program really uses, by the table that documents them."""
    llmmem = workplace.program.llmmem
    model = llmmem("load", MODEL_ID, "--context", "512", "--json").json
    llmmem("ask", MODEL_ID, "Hello", "--max-tokens", "2")
    status = llmmem("ps", "--json").json
    metrics = metrics_text(workplace)
    forecast = llmmem("forecast", MODEL_ID, "--json").json
    sample = first_sample(workplace)
    receipt = llmmem("unload", MODEL_ID, "--json").json[0]
    return {
        "prometheus": set(re.findall(r"^# TYPE (\S+)", metrics, re.MULTILINE)),
        "model": names(model),
        "total": names(status["total"]),
        "machine": names(status["machine"]),
        "receipt": names(receipt),
        "forecast": names(forecast),
        "memory-sample": names(sample),
        "events": set(get_args(EventType)),
    }


def names(record: dict[str, Any]) -> set[str]:
    """The names of its fields."""
    return set(record)


def metrics_text(workplace: Workplace) -> str:
    """What Prometheus would read."""
    headers = {"Authorization": f"Bearer {workplace.program.token}"}
    return httpx.get(f"{workplace.program.url}/metrics", headers=headers, timeout=30).raise_for_status().text


def first_sample(workplace: Workplace) -> dict[str, Any]:
    """The first sample that is told to who watches."""
    command = [sys.executable, "-m", "llmmem_gui.cli", "watch", "--samples", "--json"]
    with subprocess.Popen(command, env=workplace.environment, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        events = (json.loads(line) for line in watching.stdout)
        sample = next(event for event in events if event["type"] == "memory-sample")
        watching.terminate()
    return dict(sample)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_documented_and_real_names_are_the_same(document: Document, told: dict[str, set[str]]) -> None:
    """Each table of the document names exactly what the program tells."""
    assert document.fields() == told


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_cause_and_actor_is_named(document: Document) -> None:
    """The words that events use for why and who stand in the document."""
    for word in (*get_args(Cause), *get_args(Actor)):
        assert re.search(rf"\b{word}\b", document.text.replace("\n", " ")), word
