"""The Portuguese documents say all that the English ones say."""

from __future__ import annotations

import re

import pytest

from tests.docs.documents import PROJECT, Document, Example

PAIRS = [
    (Document(path.with_name(path.name.replace(".pt-BR", ""))), Document(path))
    for path in sorted([*PROJECT.glob("*.pt-BR.md"), *PROJECT.glob("docs/*.pt-BR.md")])
]


def without_words(example: Example) -> str:
    """Code without comments and texts, which a translation changes; of what is no code, nothing."""
    return "" if example.language == "text" else re.sub(r'#.*|"[^"]*"|\s+', "", example.text)


def test_the_documents_are_translated() -> None:
    """The README and everything in `docs` is there in Portuguese."""
    assert {english.name for english, _ in PAIRS} >= {"docs/memory-optimization.md", "docs/metrics.md"}
    for english, _ in PAIRS:
        assert english.path.exists(), english.name


@pytest.mark.parametrize(("english", "portuguese"), PAIRS, ids=lambda document: document.name)
def test_a_translation_has_the_same_parts(english: Document, portuguese: Document) -> None:
    """Headings, examples, tables, pictures and sources are the same, in the same order."""
    levels = [re.findall(r"^(#+) ", each.prose, re.MULTILINE) for each in (english, portuguese)]
    assert levels[0] == levels[1]
    markers = [re.findall(r"<!-- .*? -->", each.text) for each in (english, portuguese)]
    assert markers[0] == markers[1]
    examples = [
        [(example.language, without_words(example)) for example in each.examples()]
        for each in (english, portuguese)
    ]
    assert examples[0] == examples[1]
    outside = [{link for link in each.links() if link.startswith("http")} for each in (english, portuguese)]
    assert outside[0] == outside[1]
    rows = [len(re.findall(r"^\|", each.text, re.MULTILINE)) for each in (english, portuguese)]
    assert rows[0] == rows[1]
