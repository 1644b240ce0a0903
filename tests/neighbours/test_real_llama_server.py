"""llama.cpp's own server, for real: one model, and a router with children."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from llmmem_gui.core.neighbours import Neighbour
from tests.neighbours.conftest import Looker
from tests.other_programs import MIB, PATIENCE_SECONDS, kill_with_children, pss

SERVER = os.environ.get("LLAMA_SERVER") or shutil.which("llama-server")

pytestmark = pytest.mark.skipif(
    SERVER is None, reason="no llama-server on PATH or in the environment variable LLAMA_SERVER"
)


@contextlib.contextmanager
def server(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The server, answering, and its port."""
    assert SERVER is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = str(Path(SERVER).resolve().parent)
    environment = {**os.environ, "LD_LIBRARY_PATH": folder}
    command = [SERVER, "--host", "127.0.0.1", "--port", str(port), "-c", "512", "-t", "1", *arguments]
    output = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _answers(port, "/health"):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield process, port
    finally:
        kill_with_children(process)


def _answers(port: int, path: str, body: bytes | None = None) -> bool:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body)
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


async def found(looker: Looker, pid: int) -> Neighbour:
    """What is seen of the server."""
    await looker.look(times=3)
    return next(each for each in looker.neighbours.found if each.pid == pid)


async def test_one_model(looker: Looker, smol_path: Path) -> None:
    """It is shown with its model, within 5 % of its proportional set size, and ends when it is asked to."""
    with server("-m", str(smol_path)) as (process, port):
        ask = b'{"prompt": "Hello", "n_predict": 4}'
        assert _answers(port, "/completion", ask)
        seen = await found(looker, process.pid)
        assert abs(seen.held.resident_bytes / pss(process.pid) - 1) < 0.05
        assert (seen.program, seen.answers, seen.unloads) == ("llama-server", True, "ends")
        assert [model.name for model in seen.models] == [smol_path.stem]
        status = smol_path.stat()
        assert seen.models[0].file == (status.st_dev, status.st_ino)
        receipt = await looker.neighbours.unload(seen.id, end=True, actor="window")
        assert receipt.ended
        back = receipt.given_back_bytes + receipt.weights_bytes
        assert back == pytest.approx(seen.held.resident_bytes, rel=0.01)
        process.wait(PATIENCE_SECONDS)


async def test_a_router(looker: Looker, smol_path: Path, tmp_path: Path) -> None:
    """A model that its child holds is shown with that child's bytes, and unloaded; the router stays."""
    (tmp_path / "smol.gguf").symlink_to(smol_path)
    with server("--models-dir", str(tmp_path), "--no-models-autoload") as (process, port):
        seen = await found(looker, process.pid)
        assert (seen.answers, seen.unloads, seen.models) == (True, "models", ())
        assert _answers(port, "/models/load", b'{"model": "smol"}')
        deadline = time.monotonic() + PATIENCE_SECONDS
        while [model.doing for model in seen.models] != ["idle"]:
            assert time.monotonic() < deadline
            seen = await found(looker, process.pid)
        child = psutil.Process(process.pid).children()[0]
        held = seen.models[0].held
        assert held is not None
        assert abs(held.resident_bytes / pss(child.pid) - 1) < 0.05
        receipt = await looker.neighbours.unload(seen.id, "smol", actor="window")
        assert receipt.given_back_bytes + receipt.weights_bytes > 0.9 * held.resident_bytes > 50 * MIB
        assert not receipt.ended
        seen = await found(looker, process.pid)
        assert seen.models == ()
        assert process.poll() is None
