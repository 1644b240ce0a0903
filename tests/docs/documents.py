"""The documents of the project: their code examples, links, headings and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_SOURCE = re.compile(r'(?:src|srcset|href)="([^"]+)"')
_FIELDS = re.compile(r"<!-- fields ([a-z-]+) -->\n\n((?:\|.*\n)+)")
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Example:
    """One fenced block of a document."""

    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


@dataclass(frozen=True)
class Document:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        """Its path inside the project."""
        return self.path.relative_to(PROJECT).as_posix()

    @property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """All of it but the code."""
        return _FENCE.sub("", self.text)

    def examples(self) -> Iterator[Example]:
        """Its fenced blocks, in order."""
        for found in _FENCE.finditer(self.text):
            line = self.text.count("\n", 0, found.start()) + 1
            yield Example(self.name, line, found[1].strip(), found[2])

    def links(self) -> set[str]:
        """Where it points to: pages, files, pictures, places in itself."""
        return {*_LINK.findall(self.prose), *_SOURCE.findall(self.prose)}

    def headings(self) -> list[str]:
        """Its headings, in order."""
        return [re.sub(r"[`*]", "", heading) for heading in _HEADING.findall(self.prose)]

    def anchors(self) -> set[str]:
        """The places in it that a link can name, as GitHub makes them of headings."""
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in self.headings()}

    def fields(self) -> dict[str, set[str]]:
        """The names in code in the first column of each table that says `<!-- fields NAME -->`."""
        tables = {}
        for name, table in _FIELDS.findall(self.text):
            cells = [row.split("|")[1] for row in table.splitlines()[2:]]
            tables[name] = {found for cell in cells for found in _CODE.findall(cell)}
        return tables


def documents() -> list[Document]:
    """Every README and everything in `docs`."""
    return [Document(path) for path in sorted([*PROJECT.glob("README*.md"), *PROJECT.glob("docs/*.md")])]
