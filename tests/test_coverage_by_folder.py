"""The table of what the tests have run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "packaging" / "coverage_by_folder.py"


def test_a_folder_has_the_lines_of_what_is_in_it() -> None:
    """Lines are summed, not percentages: a long file counts for more than a short one."""
    spec = importlib.util.spec_from_file_location("coverage_by_folder", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    percents = script.by_folder(
        {
            "package/a/long.py": {"num_statements": 90, "covered_lines": 90},
            "package/a/deep/short.py": {"num_statements": 10, "covered_lines": 0},
            "package/b/half.py": {"num_statements": 100, "covered_lines": 50},
            "package/b/empty/__init__.py": {"num_statements": 0, "covered_lines": 0},
        }
    )
    assert percents == pytest.approx(
        {"package": 70.0, "package/a": 90.0, "package/a/deep": 0.0, "package/b": 50.0}
    )
    assert list(percents) == sorted(percents)
