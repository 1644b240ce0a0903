"""Says how many lines of each folder the tests have run, from what `make test` has written down.

`coverage_by_folder.py`; ends with 1 when the folder that the rest relies on most has too few.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

from coverage import Coverage

LEAST_PERCENT = {"llmmem_gui/service": 90.0}
"""What the tests have to run of a folder."""


def main() -> int:
    """Print the table; give the exit code."""
    report = Path("build/coverage/report.json")
    coverage = Coverage(messages=False)
    coverage.combine()
    coverage.save()
    coverage.json_report(outfile=str(report))
    files = json.loads(report.read_text())["files"]
    percents = by_folder({name: file["summary"] for name, file in files.items()})
    print("lines that the tests have run, of each folder and what is in it:")
    for folder, percent in percents.items():
        print(f"{percent:6.1f} %  {folder}")
    print("llmmem_gui/host is not counted: hosts are closed off and cannot write down what they ran.")
    short = [folder for folder, least in LEAST_PERCENT.items() if percents[folder] < least]
    for folder in short:
        print(f"{folder} has to have {LEAST_PERCENT[folder]:g} %.", file=sys.stderr)
    return 1 if short else 0


def by_folder(summaries: dict[str, dict[str, float]]) -> dict[str, float]:
    """Percent of the lines of each folder, subfolders included, from those of each file."""
    lines: dict[str, float] = defaultdict(float)
    run: dict[str, float] = defaultdict(float)
    for name, summary in summaries.items():
        for folder in [str(parent) for parent in Path(name).parents if parent.name]:
            lines[folder] += summary["num_statements"]
            run[folder] += summary["covered_lines"]
    return {folder: 100 * run[folder] / lines[folder] for folder in sorted(lines) if lines[folder]}


if __name__ == "__main__":
    sys.exit(main())
