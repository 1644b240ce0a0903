"""`llmmem ask` when its answer does not come to an end, or says nothing: never taken for a success."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running_program import SECONDS, environment, running_program


@pytest.mark.parametrize(
    ("end", "sentence"),
    [(signal.SIGTERM, "LLM Memory is closing"), (signal.SIGKILL, "before the answer was complete")],
)
def test_an_answer_that_the_end_of_the_program_cuts_off_is_a_failure(
    tmp_path: Path, gemma_path: Path, end: signal.Signals, sentence: str
) -> None:
    """What came is shown; exit code 1 and one sentence tell that it is not all, however the program ended."""
    home = tmp_path / "home"
    # A model that was made to continue texts, the likeliest token each time: this one never comes to an end.
    command = [sys.executable, "-m", "llmmem_gui.cli", "ask", str(gemma_path), "la " * 13]
    with (
        running_program(home) as program,
        subprocess.Popen(
            [*command, "--max-tokens", "900", "--temperature", "0"],
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as asking,
    ):
        assert asking.stdout is not None
        first = asking.stdout.read(1)
        program.process.send_signal(end)
        rest, errors = asking.communicate(timeout=SECONDS)
    assert (first + rest).strip()
    assert asking.returncode == 1
    template, cut = errors.splitlines()
    assert "brings no chat template" in template
    assert sentence in cut


def test_a_model_without_a_chat_template_is_told_of(
    tmp_path: Path, gemma_path: Path, smol_path: Path
) -> None:
    """One line on stderr warns before the answer of a model that perhaps can only continue texts."""
    with running_program(tmp_path / "home") as program:
        asked = ("Say hello.", "--max-tokens", "2", "--temperature", "0")  # an answer by chance may be empty
        plain = program.llmmem("ask", str(smol_path), *asked)
        untold = program.llmmem("ask", str(gemma_path), *asked, "--json")
    assert (plain.code, plain.err) == (0, "")
    assert untold.code == 0
    assert "brings no chat template" in untold.err
    assert untold.json["completion_tokens"] > 0
