"""The life of `llmmem serve`: it leaves nothing behind, however it ends."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from llmmem_gui.folders import Folders
from llmmem_gui.service.api_client import model_path
from llmmem_gui.service.http.control_records import ModelStatus
from tests.running_program import SECONDS, RunningProgram, environment, llmmem, running_program


def test_files_are_private(home: Path) -> None:
    """The address, the token and the lock are readable by their user alone, and the address is withdrawn."""
    with running_program(home):
        for file in ("runtime/endpoint.json", "state/token", "runtime/program.lock"):
            assert stat.S_IMODE((home / file).stat().st_mode) == 0o600, file
        endpoint = json.loads((home / "runtime/endpoint.json").read_text())
        assert endpoint.keys() == {"url", "pid", "token_file"}
    assert not (home / "runtime/endpoint.json").exists()


def test_only_the_loopback_address_is_listened_on(home: Path, smol_path: Path) -> None:
    """Neither the program nor its hosts listen anywhere else."""
    with running_program(home) as program:
        client = program.client()
        client.request("POST", model_path(client.model_id(str(smol_path)), "load"))
        family = [psutil.Process(program.process.pid)]
        family += family[0].children(recursive=True)
        listening = [c.laddr for p in family for c in p.net_connections() if c.status == psutil.CONN_LISTEN]
        assert [f"http://{address.ip}:{address.port}" for address in listening] == [program.url]
        assert listening[0].ip == "127.0.0.1"


@pytest.mark.parametrize("end_signal", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order_when_asked(home: Path, smol_path: Path, end_signal: signal.Signals) -> None:
    """On SIGINT and SIGTERM the hosts end first, the exit code is 0 and the next start finds all as usual."""
    with running_program(home) as program:
        load(program, smol_path)
        family = psutil.Process(program.process.pid).children(recursive=True)
        program.process.send_signal(end_signal)
        assert program.process.wait(SECONDS) == 0
        assert psutil.wait_procs(family, 0)[1] == []
    with running_program(home) as program:
        assert program.llmmem("ps").code == 0


def test_a_killed_program_leaves_nothing_behind(home: Path, smol_path: Path) -> None:
    """After kill -9 no host lives on, commands see that nothing runs, and a new program starts."""
    with running_program(home) as program:
        load(program, smol_path)
        family = psutil.Process(program.process.pid).children(recursive=True)
        assert family
        program.process.kill()
        program.process.wait()
        assert psutil.wait_procs(family, 10)[1] == []
        assert (home / "runtime/endpoint.json").exists()
        assert llmmem(home, "ps").code == 3
    with running_program(home) as program:
        assert program.llmmem("ps").code == 0


def test_the_token_is_not_sent_to_a_stranger(home: Path) -> None:
    """After a kill another program may have our port: it is not even connected to."""
    with running_program(home) as program:
        port = urlsplit(program.url).port
        program.process.kill()
        program.process.wait()
        with socket.create_server(("127.0.0.1", port or 0)) as stranger:
            stranger.settimeout(0.1)
            assert llmmem(home, "usage").code == 3
            with pytest.raises(TimeoutError):
                stranger.accept()


def test_a_taken_port_is_told(home: Path) -> None:
    """When the port of the settings is in use the program says so, takes a free one, and is found."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", "llmmem_gui.cli", "serve", "--json", "--port", str(port)],
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            assert urlsplit(ready["url"]).port not in (None, port)
            assert llmmem(home, "usage").code == 0
        finally:
            process.terminate()
            _, errors = process.communicate(timeout=SECONDS)
    assert errors.startswith(f"llmmem: Port {port} is in use: the API listens on port ")


def test_two_homes_do_not_meet(tmp_path: Path) -> None:
    """Programs of two homes run beside each other, and one token does not open the other."""
    with running_program(tmp_path / "one") as one, running_program(tmp_path / "two") as two:
        assert one.url != two.url
        assert one.token != two.token


def test_many_starts_at_once_give_one_program(home: Path) -> None:
    """Of five programs started at the same time one runs and four are refused."""
    command = [sys.executable, "-m", "llmmem_gui.cli", "serve", "--json", "--port", "0"]
    starts = [
        subprocess.Popen(
            command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(5)
    ]
    until(lambda: sum(start.poll() is not None for start in starts) >= 4)
    running = [start for start in starts if start.poll() is None]
    assert len(running) == 1
    for start in running:
        start.terminate()
    for start in starts:
        start.communicate(timeout=SECONDS)
    assert sorted(start.returncode for start in starts) == [0, 1, 1, 1, 1]


def test_without_any_place_for_its_files_it_says_why(tmp_path: Path) -> None:
    """Where neither the home nor any place beside it can be used, that is one sentence and not a trace."""
    home = tmp_path / "file"
    home.write_text("in the way")
    places = [place.state for place in Folders.of_user(environment(home)).elsewhere()]
    try:
        for place in places:
            with contextlib.suppress(OSError):  # there is no folder of a session everywhere
                place.write_text("in the way")
        refused = llmmem(home, "serve")
    finally:
        for place in places:
            place.unlink(missing_ok=True)
    assert refused.code == 1
    assert "cannot be written (Not a directory)" in refused.err
    assert refused.err.count("\n") == 1


def test_no_prompt_is_logged(home: Path, smol_path: Path) -> None:
    """Neither the log nor anything else that is kept holds a word of a prompt or of its answer."""
    with running_program(home) as program:
        answer = program.llmmem("ask", str(smol_path), "zwetschgendatschi?", "--max-tokens", "4").out.strip()
        program.llmmem("load", "zwetschgendatschi")
    kept = [file for file in home.rglob("*") if file.is_file()]
    assert any(file.name == "llmmem.log" for file in kept)
    for file in kept:
        content = file.read_bytes()
        assert b"zwetschgendatschi?" not in content, file
        assert answer.encode() not in content or len(answer) < 4, file
    assert stat.S_IMODE((home / "state" / "log" / "llmmem.log").stat().st_mode) == 0o600


def load(program: RunningProgram, path: Path) -> ModelStatus:
    """Load a model."""
    client = program.client()
    return client.request("POST", model_path(client.model_id(str(path)), "load"), gives=ModelStatus)


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
