"""The translations of the window: `update` takes new texts in, `compile` makes the files Qt reads.

Texts are those of the views, and the sentences of all that hands sentences to the views. `compile` is part
of the set-up and of every build; it does nothing where the files are newer than their sources. Both use the
tools that come with PySide6.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
FOLDER = PROJECT / "resources" / "translations"
SOURCES = ("folders.py", "core/**/*.py", "host/**/*.py", "service/**/*.py", "ui/**/*.py")
"""Parts of the program whose texts a person reads in the window."""
LANGUAGES = ("en", "pt_BR")


def main() -> int:
    """Run one of the two commands; the exit status of the tool that failed, else 0."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("update", "compile"))
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files lie")
    asked = parser.parse_args()
    for language in LANGUAGES:
        source = asked.folder.absolute() / f"llmmem_{language}.ts"
        status = update(source, language) if asked.command == "update" else compile_file(source)
        if status:
            return status
    return 0


def update(source: Path, language: str) -> int:
    """Take all texts into one file of translations; English needs plural forms only."""
    package = PROJECT / "llmmem_gui"
    modules = sorted(str(path.relative_to(PROJECT)) for pattern in SOURCES for path in package.glob(pattern))
    plural = ["-pluralonly"] if language == "en" else []
    options = ["-no-obsolete", "-locations", "none", "-source-language", "en", "-target-language", language]
    sentences = ["-tr-function-alias", "translate+=Sentence"]
    return _run("lupdate", *modules, *plural, *sentences, *options, "-ts", str(source))


def compile_file(source: Path) -> int:
    """Make the compiled file beside its source, unless it is newer."""
    compiled = source.with_suffix(".qm")
    if compiled.exists() and compiled.stat().st_mtime > source.stat().st_mtime:
        return 0
    return _run("lrelease", str(source), "-qm", str(compiled))


def _run(tool: str, *arguments: str) -> int:
    path = Path(sysconfig.get_path("scripts")) / f"pyside6-{tool}"
    done = subprocess.run([str(path), *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout, done.stderr, file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
