"""What stands in the files of translations, read for tests."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from llmmem_gui import resources

PROJECT = Path(__file__).resolve().parent.parent.parent
FOLDER = resources.folder() / "translations"
_BLANK = re.compile(r"\{\w+\}")


class Message(NamedTuple):
    """One text with its translation, or with its plural forms."""

    context: str
    source: str
    translations: tuple[str, ...]
    is_finished: bool
    is_plural: bool


def messages(language: str, folder: Path = FOLDER) -> list[Message]:
    """Everything that is translated into a language."""
    found = []
    for context in ElementTree.parse(folder / f"llmmem_{language}.ts").getroot().iter("context"):
        for message in context.iter("message"):
            translation = message.find("translation")
            assert translation is not None
            forms = [form.text or "" for form in translation.findall("numerusform")]
            found.append(
                Message(
                    context.findtext("name") or "",
                    message.findtext("source") or "",
                    tuple(forms or [translation.text or ""]),
                    translation.get("type") is None,
                    message.get("numerus") == "yes",
                )
            )
    return found


def blanks(template: str) -> list[str]:
    """The blanks of a template, in the order of their names."""
    return sorted(_BLANK.findall(template))


def has_words(template: str) -> bool:
    """Whether anything of a template can be translated: there are letters beside its blanks."""
    return any(sign.isalpha() for sign in _BLANK.sub("", template))


def run_script(*arguments: str) -> None:
    """Run the script that keeps the translations."""
    script = PROJECT / "packaging" / "translations.py"
    subprocess.run([sys.executable, str(script), *arguments], check=True, capture_output=True)
