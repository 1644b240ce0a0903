"""The secret of the API: kept while it can be trusted, made anew and told when it cannot."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from llmmem_gui.service.storage.token_file import TokenError, keep_token, read_token, renew_token

TREE = Path(__file__).resolve().parents[2]


def test_a_token_stays_until_it_is_renewed(tmp_path: Path) -> None:
    """It is made at the first look, private, and the same at the next; a new one replaces it."""
    path = tmp_path / "token"
    first, told = keep_token(path)
    assert told is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keep_token(path) == (first, None)
    second = renew_token(path)
    assert second != first
    assert read_token(path) == second


def _damage(path: Path) -> None:
    path.write_bytes(b"")


def _open(path: Path) -> None:
    path.chmod(0o644)


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


@pytest.mark.parametrize("spoil", [_damage, _open, _link])
def test_a_token_that_cannot_be_trusted_is_replaced_and_told(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    """A damaged file, one that others may read, and a link: the program starts with a new one and says so."""
    path = tmp_path / "token"
    old, _ = keep_token(path)
    spoil(path)
    with pytest.raises(TokenError):
        read_token(path)
    new, told = keep_token(path)
    assert new != old
    assert "was replaced" in str(told)
    assert keep_token(path) == (new, None)
    assert not path.is_symlink()


def test_what_is_in_the_way_is_told(tmp_path: Path) -> None:
    """A folder in its place is not removed; the sentence names it and says what to do."""
    (tmp_path / "token").mkdir()
    with pytest.raises(TokenError, match=f"{tmp_path}/token cannot be used .* delete it and start again"):
        keep_token(tmp_path / "token")


def test_a_disk_that_is_full_leaves_nothing_behind(tmp_path: Path) -> None:
    """A token that could not be written leaves no half of one that would stop the next start."""
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from llmmem_gui.service.storage.token_file import TokenError, keep_token\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "try:\n"
        "    keep_token(Path(sys.argv[1]))\n"
        "except TokenError as error:\n"
        "    print(error)\n"
    )
    path = tmp_path / "token"
    command = [sys.executable, "-B", "-c", script, str(path)]
    done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, timeout=60)
    assert "it cannot be written: File too large" in done.stdout, done.stderr
    assert os.listdir(tmp_path) == []
    assert keep_token(path)[1] is None
