"""The code paths for macOS and Windows import and work, as far as a machine that poses as one can tell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[1]

UNIT_TESTS = [
    f"tests/service/test_{name}.py" for name in ("cores", "machine_memory", "program_lock", "stall_watch")
]
"""Those of modules that ask on which platform they run."""
MODEL_TESTS = [
    f"tests/service/test_memory_service.py::{name}"
    for name in (
        "test_a_model_is_loaded_answers_and_gives_everything_back",
        "test_two_models_answer_at_once_and_share_the_cores",
        "test_a_host_that_is_killed_while_it_answers",
    )
]
"""With real models in hosts that pose too; on Windows a host needs a socket that only Windows passes on."""


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_every_module_imports(platform: str) -> None:
    """No module needs at its import what Python does not have on that platform."""
    command = [sys.executable, "tests/faked_platform.py", "--import", platform]
    done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("platform", "tests"),
    [("darwin", [*UNIT_TESTS, *MODEL_TESTS]), ("win32", UNIT_TESTS)],
    ids=["macos", "windows"],
)
@pytest.mark.timeout(400)
def test_its_tests_pass(platform: str, tests: list[str]) -> None:
    """What these tests show on Linux holds where Python looks as it does on that platform."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.faked_platform", "-p", "no:cacheprovider"]
    environment = {**os.environ, "LLMMEM_TEST_PLATFORM": platform}
    done = subprocess.run(
        [*command, "-o", "timeout_method=thread", *tests],
        cwd=TREE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=380,
    )
    assert done.returncode == 0, done.stdout
