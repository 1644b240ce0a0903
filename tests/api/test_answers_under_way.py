"""Answers that do not come to their end: clients that leave, hosts that die, models that are unloaded."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from llmmem_gui.service.api_client import RequestFailed, model_path
from llmmem_gui.service.http.control_records import ForecastEntry, MemoryUsage, ModelStatus
from llmmem_gui.service.http.several_answers import AT_ONCE
from tests.running_program import RunningProgram

SECONDS = 60


@pytest.fixture
def endless(program: RunningProgram, smol: str) -> Iterator[http.client.HTTPResponse]:
    """The beginning of an answer that goes on for hundreds of tokens."""
    program.client().request("POST", model_path(smol, "load"))
    connection = http.client.HTTPConnection(urlsplit(program.url).netloc, timeout=SECONDS)
    body = {"model": smol, "prompt": "Once upon a time", "max_tokens": 900, "stream": True, "min_p": 0.0}
    headers = {"Authorization": f"Bearer {program.token}", "Content-Type": "application/json"}
    headers["Connection"] = "close"  # so that closing the answer closes the connection
    connection.request("POST", "/v1/completions", json.dumps(body), headers)
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.readline().startswith(b"data: ")
    yield answer
    answer.close()
    connection.close()


def test_a_client_that_leaves_frees_the_model(
    program: RunningProgram, smol: str, endless: http.client.HTTPResponse
) -> None:
    """When the client closes its connection the generation ends, and the model is idle again."""
    assert entry(program, smol).state == "busy"
    endless.close()
    until(lambda: entry(program, smol).state == "ready")
    counted = f'llmmem_answers_total{{model="{smol}",outcome="abandoned"}} 1'
    until(lambda: counted in metrics(program))


def test_a_client_that_leaves_frees_all_its_answers(program: RunningProgram, smol: str) -> None:
    """Of several answers to one request those under way end, and those that wait are not begun."""
    program.client().request("POST", model_path(smol, "load"))
    connection = http.client.HTTPConnection(urlsplit(program.url).netloc, timeout=SECONDS)
    body = {"model": smol, "prompt": "Once upon a time", "max_tokens": 900, "stream": True, "n": 16}
    headers = {"Authorization": f"Bearer {program.token}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/completions", json.dumps(body), {**headers, "Connection": "close"})
    answer = connection.getresponse()
    assert answer.readline().startswith(b"data: ")
    assert 1 < entry(program, smol).in_flight <= AT_ONCE
    answer.close()
    connection.close()
    until(lambda: entry(program, smol).state == "ready")
    assert entry(program, smol).in_flight == 0


@pytest.mark.parametrize("asked_by", [{"User-Agent": "another program"}, {"user": "another user"}], ids=str)
def test_clients_take_turns(program: RunningProgram, smol: str, asked_by: dict[str, str]) -> None:
    """Who asks once does not wait for all that another program, or another user of one, asked before."""
    program.client().request("POST", model_path(smol, "load"))
    ended: list[int] = []

    def ask(tokens: int, asked_by: dict[str, str]) -> None:
        fields, headers = {**asked_by}, {"Authorization": f"Bearer {program.token}"}
        if "User-Agent" in fields:
            headers["User-Agent"] = fields.pop("User-Agent")
        body = {"model": smol, "prompt": "One, two,", "max_tokens": tokens, "ignore_eos": True, **fields}
        answer = httpx.post(f"{program.url}/v1/completions", json=body, headers=headers, timeout=SECONDS * 5)
        assert answer.status_code == 200
        ended.append(tokens)

    with ThreadPoolExecutor(13) as clients:
        asked = [clients.submit(ask, 60, {}) for _ in range(12)]
        until(lambda: entry(program, smol).in_flight == 12)
        asked.append(clients.submit(ask, 1, asked_by))
        until(lambda: len(ended) + entry(program, smol).in_flight == 13)
        ended_before = len(ended)
        for each in asked:
            each.result()
    # Four are answered at once: these may end before it.
    assert ended.index(1) <= ended_before + 4


def test_a_host_that_dies_ends_the_stream_with_its_reason(
    program: RunningProgram, smol: str, endless: http.client.HTTPResponse
) -> None:
    """The stream ends with an error event that says what happened; the program goes on and loads again."""
    pid = entry(program, smol).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    error = last_event(endless)["error"]
    assert error["code"] == "host_died"
    assert "signal 9" in error["message"] or "killed" in error["message"].lower()
    until(lambda: entry(program, smol).state in ("failed", "unloaded"))
    assert program.client().request("POST", model_path(smol, "load"), gives=ModelStatus).state == "ready"


def test_an_unload_ends_the_stream_with_its_reason(
    program: RunningProgram, smol: str, endless: http.client.HTTPResponse
) -> None:
    """Whoever asks for an unload gets the memory at once; whoever was being answered is told."""
    receipt = program.client().request("POST", model_path(smol, "unload"))
    assert receipt["given_back_bytes"] == receipt["private_before_bytes"] > 0
    assert last_event(endless)["error"]["code"] == "unloaded"


def test_a_load_is_given_up_when_its_client_leaves(program: RunningProgram, gemma: str) -> None:
    """A load nobody waits for any more is cancelled and leaves nothing."""
    connection = http.client.HTTPConnection(urlsplit(program.url).netloc, timeout=SECONDS)
    connection.request(
        "POST", model_path(gemma, "load"), headers={"Authorization": f"Bearer {program.token}"}
    )
    until(lambda: entry(program, gemma).state == "loading")
    connection.close()
    until(lambda: entry(program, gemma).state in ("unloaded", "failed"))
    assert entry(program, gemma).pid is None


def test_the_queue_is_bounded(program: RunningProgram, smol: str, endless: http.client.HTTPResponse) -> None:
    """When as many requests as allowed are under way, another is told at once to come back later."""
    program.client().request("PATCH", "/api/v1/settings", {"api.queue_limit": 1})
    try:
        headers = {"Authorization": f"Bearer {program.token}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(urlsplit(program.url).netloc, timeout=SECONDS)
        body = json.dumps({"model": smol, "prompt": "1 2 3", "max_tokens": 1})
        connection.request("POST", "/v1/completions", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
    finally:
        program.client().request("PATCH", "/api/v1/settings", {"api.queue_limit": 64})
    assert answer.status == 429, content
    assert int(answer.headers["retry-after"]) >= 1
    assert json.loads(content)["error"]["code"] == "rate_limit_exceeded"
    assert entry(program, smol).state == "busy"
    endless.close()


def test_many_clients_share_room_for_one_model(program: RunningProgram, smol: str, gemma: str) -> None:
    """Under a limit that holds one model, sixteen requests to two models are all answered, taking turns."""
    client = program.client()
    needs = [
        client.request("POST", model_path(model, "forecast"), gives=ForecastEntry).total_bytes
        for model in (smol, gemma)
    ]
    limit_bytes = max(needs) + min(needs) // 2
    client.request("PUT", "/api/v1/limit", {"limit_bytes": limit_bytes})

    def ask(model: str) -> int:
        body = {"model": model, "prompt": "1 2 3", "max_tokens": 2, "temperature": 0}
        tokens: int = client.request("POST", "/v1/completions", body)["usage"]["completion_tokens"]
        return tokens

    try:
        with ThreadPoolExecutor(16) as pool:
            assert list(pool.map(ask, [smol, gemma] * 8)) == [2] * 16
        assert client.request("GET", "/api/v1/usage", gives=MemoryUsage).current_bytes <= limit_bytes
    finally:
        client.request("PUT", "/api/v1/limit", {"limit_bytes": None})


def test_a_prompt_longer_than_the_context_is_refused(program: RunningProgram, smol: str) -> None:
    """The answer names both numbers, and the model goes on."""
    program.client().request("POST", model_path(smol, "load"), {"context": 1024})
    body = {"model": smol, "messages": [{"role": "user", "content": "word " * 3000}], "max_tokens": 1}
    with pytest.raises(RequestFailed, match="maximum context length is 1024 tokens") as failure:
        program.client().request("POST", "/v1/chat/completions", body)
    assert failure.value.status == 400
    assert failure.value.code == "context_length_exceeded"
    assert entry(program, smol).state == "ready"


def entry(program: RunningProgram, model_id: str) -> ModelStatus:
    """The model as it is now."""
    return program.client().request("GET", model_path(model_id), gives=ModelStatus)


def metrics(program: RunningProgram) -> list[str]:
    """Lines of the metrics."""
    connection = http.client.HTTPConnection(urlsplit(program.url).netloc, timeout=SECONDS)
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {program.token}"})
    text = connection.getresponse().read().decode()
    connection.close()
    return text.splitlines()


def last_event(answer: http.client.HTTPResponse) -> dict[str, dict[str, str]]:
    """The last event of a stream."""
    lines = [line for line in answer.read().splitlines() if line.startswith(b"data: ")]
    event: dict[str, dict[str, str]] = json.loads(lines[-1].removeprefix(b"data: "))
    return event


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
