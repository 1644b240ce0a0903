"""A first start where things are not as they should be: one sentence, and models are loaded all the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from llmmem_gui.folders import Folders
from tests.running_program import SECONDS, environment, llmmem

TREE = Path(__file__).resolve().parents[2]

START = """
import json, signal, subprocess, sys
model, *program = sys.argv[1:]

def command(*arguments):
    done = subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=100)
    return done.returncode, done.stdout, done.stderr

serve = subprocess.Popen([*program, "serve", "--json", "--port", "0"], stdout=-1, stderr=-1, text=True)
ready = serve.stdout.readline()
results = {"ready": bool(ready), "load": command("load", model, "--context", "512")}
results["ps"] = command("--json", "ps")
results["second"] = command("serve")
serve.send_signal(signal.SIGTERM)
results["said"] = serve.communicate(timeout=60)[1]
results["code"] = serve.returncode
print(json.dumps(results))
"""
DISKS = {
    "full": 'head -c 1M /dev/zero > "$1/filler" 2>/dev/null; test $(stat -f -c %f "$1") = 0',
    "locked": 'mount -o remount,ro "$1"',
}


@pytest.mark.parametrize("disk", DISKS)
def test_a_disk_that_takes_nothing(disk: str, home: Path, smol_path: Path) -> None:
    """On a full disk and a locked one the service starts, says so once, and loads; commands find it."""
    home.mkdir()
    mounted = f'mount -t tmpfs -o size=64k none "$1" && {{ {DISKS[disk]}; }} && shift && exec "$@"'
    program = [sys.executable, "-m", "llmmem_gui.cli"]
    own_namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*own_namespace, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this system lets nobody mount in a namespace of his own")
    inside = ["sh", "-c", mounted, "sh", str(home), sys.executable, "-c", START, str(smol_path), *program]
    try:
        done = subprocess.run(
            [*own_namespace, *inside],
            env=environment(home),
            cwd=TREE,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    finally:
        _remove_what_went_elsewhere(home)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    reason = {"full": "No space left on device", "locked": "Read-only file system"}[disk]
    assert results["ready"]
    assert results["said"].count("cannot be written") == 1
    assert reason in results["said"]
    assert results["said"].count("\n") == 1
    assert results["load"][0] == 0, results["load"]
    assert [model["state"] for model in json.loads(results["ps"][1])["models"]] == ["ready"]
    assert results["second"][0] == 1
    assert "already runs" in results["second"][2]
    assert results["code"] == 0


def test_a_damaged_key_is_replaced_and_told(home: Path) -> None:
    """The service starts with a new key, and says once that programs need it."""
    token = Folders.of_user(environment(home)).token_file
    token.parent.mkdir(parents=True, mode=0o700)
    token.touch(mode=0o600)
    program = [sys.executable, "-m", "llmmem_gui.cli", "serve", "--json", "--port", "0"]
    with subprocess.Popen(program, env=environment(home), stdout=-1, stderr=-1, text=True) as service:
        assert service.stdout is not None
        assert service.stdout.readline()
        assert llmmem(home, "ps").code == 0
        service.terminate()
        said = service.communicate(timeout=SECONDS)[1]
    assert "The key of the API could not be used (it is damaged) and was replaced" in said
    assert said.count("\n") == 1
    assert len(token.read_text().strip()) == 43


@pytest.mark.parametrize("asks", [{}, {"XDG_RUNTIME_DIR": ""}, {"XDG_RUNTIME_DIR": "/tmp"}], ids=str)
def test_commands_find_the_service_whatever_the_session_is(asks: dict[str, str], tmp_path: Path) -> None:
    """A service that was started without a session folder is found by a command that has another."""
    bare = {k: v for k, v in os.environ.items() if k not in ("LLMMEM_HOME", "XDG_RUNTIME_DIR")}
    bare |= {"HOME": str(tmp_path), "PYTHONWARNINGS": "default"}
    bare |= {f"XDG_{name}_HOME": str(tmp_path / name) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    program = [sys.executable, "-m", "llmmem_gui.cli"]
    with subprocess.Popen(
        [*program, "serve", "--json", "--port", "0"], cwd=TREE, env=bare, stdout=-1
    ) as service:
        assert service.stdout is not None
        assert service.stdout.readline()
        try:
            asked = subprocess.run(
                [*program, "ps"], cwd=TREE, env={**bare, **asks}, timeout=SECONDS, check=False
            )
            assert asked.returncode == 0
        finally:
            service.terminate()


def _remove_what_went_elsewhere(home: Path) -> None:
    for place in Folders.of_user({"LLMMEM_HOME": str(home)}).elsewhere():
        shutil.rmtree(place.state, ignore_errors=True)
