"""Every code example of the README and the documents is run, in order, against a running program.

What only shows output says `text`; `json` and `toml` must be well formed. Each block runs in a shell or an
interpreter of its own; what one does to the program is still so for the next, as for a reader who tries them.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest

from tests.docs.conftest import Workplace
from tests.docs.documents import PROJECT, Document, Example, documents

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SECONDS = 600
"""An example takes seconds, but a machine may have a lot of other work."""


def run_bash(example: Example, workplace: Workplace) -> None:
    """Run it in a shell that stops at the first failure; a server gets Ctrl+C once it is ready."""
    if re.match(r"llmmem serve\b[^\n]*\n\Z", example.text):
        run_server(example, workplace)
        return
    run(["bash", "-eu", "-c", workplace.here(example.text)], workplace)


def run_server(example: Example, workplace: Workplace) -> None:
    """Start the command in a home of its own, on a free port, and end it as Ctrl+C does."""
    home = workplace.folder / f"home-of-{example.line}"
    command = [*example.text.split(), *([] if "--port" in example.text else ["--port", "0"])]
    environment = {**workplace.environment, "LLMMEM_HOME": str(home)}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    ready = server.stdout.readline()
    server.send_signal(signal.SIGINT)
    server.communicate(timeout=SECONDS)
    assert "127.0.0.1" in ready
    assert server.returncode == 0


def run_python(example: Example, workplace: Workplace) -> None:
    """Run it as a script."""
    run([sys.executable, "-c", workplace.here(example.text)], workplace)


def run(command: list[str], workplace: Workplace) -> None:
    """Run a command to its end; it must succeed."""
    ended = subprocess.run(
        command,
        env=workplace.environment,
        cwd=workplace.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    assert "Traceback" not in ended.stderr, ended.stderr


def run_http(example: Example, workplace: Workplace) -> None:
    """Send the request; it must be done. Of a stream of events the first line is read."""
    head, _, body = example.text.partition("\n\n")
    request, *headers = head.splitlines()
    method, path = request.split()
    named = dict(line.split(": ", 1) for line in headers)
    named = {name: value.replace("$LLMMEM_TOKEN", workplace.program.token) for name, value in named.items()}
    url = f"{workplace.program.url}{path}"
    with httpx.stream(method, url, headers=named, content=body.encode(), timeout=SECONDS) as answer:
        if answer.headers["content-type"].startswith("text/event-stream"):
            assert next(answer.iter_lines())
        else:
            answer.read()
            assert answer.status_code == 200, answer.text


def read_json(example: Example, _: Workplace) -> None:
    """Decode it."""
    json.loads(example.text)


def read_toml(example: Example, _: Workplace) -> None:
    """Decode it."""
    tomllib.loads(example.text)


def read_text(example: Example, _: Workplace) -> None:
    """Nothing to run; but a `make` target that is named must exist."""
    makefile = (PROJECT / "Makefile").read_text()
    for target in re.findall(r"^make ([a-z-]+)", example.text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


WAYS: dict[str, Callable[[Example, Workplace], None]] = {
    "bash": run_bash,
    "python": run_python,
    "http": run_http,
    "json": read_json,
    "toml": read_toml,
    "text": read_text,
}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("document", documents(), ids=lambda document: document.name)
def test_examples(document: Document, workplace: Workplace) -> None:
    """Each example does what it says without an error; a block in another language is an error."""
    for example in document.examples():
        assert example.language in WAYS, f"{example}: {example.language!r} is not one of {list(WAYS)}"
        try:
            WAYS[example.language](example, workplace)
        except Exception as error:
            raise AssertionError(f"{example} failed: {error}") from error
    workplace.program.client().request("POST", "/api/v1/unload")


def test_examples_are_found() -> None:
    """The documents have examples of every kind that is run."""
    found = {example.language for document in documents() for example in document.examples()}
    assert found >= {"bash", "python", "http"}
