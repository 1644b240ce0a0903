"""What clients write differently and mean the same: HTTP versions, targets, paths, keys, names of models."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import openai
import pytest
import pytest_asyncio

from llmmem_gui.folders import Folders
from llmmem_gui.service.api_client import model_path
from llmmem_gui.service.http.paths import canonical_path
from tests.api.echo_site import TOKEN, Site, echo_site
from tests.made_up_models import Recipe, write_model
from tests.running_program import RunningProgram, environment

LETTER = b'{"text": "a"}'


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    """The echo behind the guard, on a free port."""
    async with echo_site() as site:
        yield site


class Got(NamedTuple):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def send(
    program: RunningProgram,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Got:
    """Send one request, with the right token unless other headers are given."""
    connection = http.client.HTTPConnection(urlsplit(program.url).netloc, timeout=600)
    given = headers if headers is not None else {"Authorization": f"Bearer {program.token}"}
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, {"Content-Type": "application/json", **given})
    answer = connection.getresponse()
    got = Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    connection.close()
    return got


def ask(program: RunningProgram, *request: Any) -> tuple[int, Any]:
    """Status and decoded body of one request."""
    got = send(program, *request)
    return got.status, json.loads(got.body)


async def test_an_older_http_is_answered_without_chunks(site: Site) -> None:
    """HTTP/1.0, which proxies and load tests speak: an answer, and the connection ends."""
    request = site.request().replace(b"HTTP/1.1", b"HTTP/1.0")
    answer = (await site.exchange(request)).lower()
    assert answer.startswith(b"http/1.1 200")
    assert b"transfer-encoding" not in answer
    assert b"connection: close" in answer


async def test_an_absolute_target_names_this_server_or_none(site: Site) -> None:
    """A whole address as target is taken when it is ours, and refused like any other Host when it is not."""
    assert await site.status(site.request(path=f"http://127.0.0.1:{site.port}/plain")) == 200
    assert await site.status(site.request(path="http://evil.example/plain")) == 421
    assert await site.status(site.request(path=f"http://127.0.0.1:{site.port + 1}/plain")) == 421
    assert await site.status(site.request(path="ftp://127.0.0.1/plain")) == 400


async def test_an_offer_of_http_2_is_passed_over(site: Site) -> None:
    """A client that offers an upgrade is answered as it asked."""
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    assert (await site.exchange(site.request(*offer))).startswith(b"HTTP/1.1 200")
    asked = site.request(*offer, method="POST", path="/", body=LETTER)
    assert (await site.exchange(asked)).startswith(b"HTTP/1.1 200")


async def test_a_byte_order_mark_is_no_part_of_the_body(site: Site) -> None:
    """Editors of Windows write one in front."""
    request = site.request(method="POST", path="/", body=b"\xef\xbb\xbf" + LETTER)
    assert await site.status(request) == 200


async def test_a_compressed_body_is_refused_as_such(site: Site) -> None:
    """The answer says what is wrong, instead of that the JSON is malformed."""
    request = site.request("Content-Encoding: gzip", method="POST", path="/", body=gzip.compress(LETTER))
    answer = await site.exchange(request)
    assert answer.startswith(b"HTTP/1.1 415")
    assert b"compressed" in answer


@pytest.mark.parametrize("header", [f"X-Api-Key: {TOKEN}", f"api-key: {TOKEN}"])
async def test_the_token_is_taken_where_other_clients_put_it(site: Site, header: str) -> None:
    """Anthropic's and Azure's clients have headers of their own for it."""
    assert await site.status(site.request(header, token=None)) == 200
    assert await site.status(site.request(header, token="wrong")) == 200


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/v1/models", "/v1/models"),
        ("/v1/models/", "/v1/models"),
        ("//v1//chat/completions", "/v1/chat/completions"),
        ("/chat/completions", "/v1/chat/completions"),
        ("/embeddings/", "/v1/embeddings"),
        ("/models", "/v1/models"),
        ("/v1/", "/"),
        ("", "/"),
        ("/api/v1/models", "/api/v1/models"),
        ("/models/x", "/models/x"),
    ],
)
def test_spellings_of_paths(written: str, meant: str) -> None:
    """Slashes too many and a version too few do not matter."""
    assert canonical_path(written) == meant


def test_paths_and_parameters_that_clients_add(program: RunningProgram) -> None:
    """Other spellings of a path, and parameters that nobody here knows, get the answer of the plain one."""
    plain = ask(program, "GET", "/v1/models")
    assert plain[0] == 200
    for path in ("/models", "//v1/models/", "/v1/models?api-version=2024-06-01&limit=20"):
        assert ask(program, "GET", path) == plain
    for path in ("/", "/v1", "/v1/?x=1"):
        status, told = ask(program, "GET", path)
        assert status == 200
        assert told["api"] == f"{program.url}/v1"


@pytest.mark.parametrize("key", [True, False])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/tags"),
        ("POST", "/api/chat"),
        ("POST", "/api/generate"),
        ("POST", "/api/show"),
        ("GET", "/api/version"),
        ("POST", "/api/embed"),
    ],
)
def test_clients_of_ollama_are_told_where_to_go(
    program: RunningProgram, method: str, path: str, key: bool
) -> None:
    """In the form that they read, whether or not they were given the key: `error` is a text."""
    headers = None if key else {}
    status, told = ask(program, method, path, {"model": "x"} if method == "POST" else None, headers)
    assert status == 404
    assert f"use {program.url}/v1" in told["error"]


def test_clients_of_other_dialects_are_told_where_to_go(program: RunningProgram) -> None:
    """Anthropic's in their form."""
    status, told = ask(program, "POST", "/v1/messages", {"model": "x", "messages": [], "max_tokens": 1})
    assert status == 404
    assert told["type"] == "error"
    assert told["error"]["type"] == "not_found_error"
    assert f"{program.url}/v1" in told["error"]["message"]


def test_a_name_is_found_in_other_spellings(client: openai.OpenAI, smol: str) -> None:
    """In capitals, with the file's ending, a tag or a provider in front."""
    for name in (
        smol.upper(),
        f"{smol}.gguf",
        f"{smol}:latest",
        f"openai/{smol}",
        f"hosted_vllm/org/{smol}.GGUF",
        f" {smol} ",
    ):
        assert client.models.retrieve(name).id == smol


def test_an_unknown_name_is_told_the_nearest(client: openai.OpenAI, smol: str) -> None:
    """A slip is pointed out, with the code that clients look for."""
    with pytest.raises(openai.NotFoundError, match=f"did you mean {smol}\\?") as failure:
        client.completions.create(model=smol.replace("instruct", "instuct"), prompt="a")
    assert failure.value.code == "model_not_found"
    assert failure.value.param == "model"
    with pytest.raises(openai.NotFoundError, match=f"did you mean {smol}\\?"):
        client.completions.create(model="SmolLM", prompt="a")  # a part of the name
    with pytest.raises(openai.NotFoundError, match=r"qqqqq.*: /v1/models lists"):
        client.completions.create(model="qqqqqqqq", prompt="a")


def test_without_a_name_the_only_model_is_meant(
    program: RunningProgram, client: openai.OpenAI, smol: str, gemma: str
) -> None:
    """The only one that is loaded; with none or two the answer lists them."""
    body = {"prompt": "a", "max_tokens": 1}
    status, told = ask(program, "POST", "/v1/completions", body)
    assert status == 400
    assert smol in told["error"]["message"]
    assert gemma in told["error"]["message"]
    assert told["error"]["param"] == "model"
    program.client().request("POST", model_path(smol, "load"))
    for named in ({}, {"model": ""}, {"model": None}):
        status, told = ask(program, "POST", "/v1/completions", {**body, **named})
        assert (status, told["model"]) == (200, smol)


def test_models_are_told_with_both_contexts_and_their_age(
    program: RunningProgram, client: openai.OpenAI, smol: str, smol_path: Path
) -> None:
    """The context in force, which requests are held to, the one it was trained with, and the file's time."""
    program.client().request("POST", model_path(smol, "load"), {"context": 1024})
    model: Any = client.models.retrieve(smol)
    assert model.created == int(smol_path.stat().st_mtime)
    assert (model.context_length, model.meta["n_ctx"]) == (1024, 1024)
    assert (model.max_context_length, model.meta["n_ctx_train"]) == (8192, 8192)


def test_a_model_whose_file_has_just_come_is_asked_without_a_scan(
    program: RunningProgram, client: openai.OpenAI
) -> None:
    """Whoever copies a file into the folder of models can use it at once, by any spelling of its name."""
    models = Folders.of_user(environment(program.home)).models
    path = write_model(models / "just-come.gguf", Recipe(vocabulary=2048))
    try:
        answer = None
        # Unknown names are looked for every ten seconds at most, and other tests ask for some.
        for _ in range(150):
            with contextlib.suppress(openai.NotFoundError):
                answer = client.completions.create(model="local/Just-Come.gguf", prompt="a", max_tokens=1)
                break
            time.sleep(0.1)
        assert answer is not None
        assert answer.model == "just-come"
        with pytest.raises(openai.NotFoundError):
            client.completions.create(model="never-came", prompt="a", max_tokens=1)
    finally:
        program.client().request("POST", "/api/v1/unload")
        path.unlink()
