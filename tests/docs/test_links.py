"""What the documents point to is there."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from tests.docs.documents import PROJECT, Document, documents


@pytest.mark.parametrize("document", documents(), ids=lambda document: document.name)
def test_links_lead_somewhere(document: Document) -> None:
    """Files, pictures and headings that are linked to exist inside the project."""
    for link in document.links():
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (document.path.parent / path).resolve() if path else document.path
        assert target.is_relative_to(PROJECT), link
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in Document(target).anchors(), link


def test_both_languages_link_to_each_other() -> None:
    """A document and its translation name each other."""
    for document in documents():
        if ".pt-BR" in document.name:
            english = Document(document.path.with_name(document.path.name.replace(".pt-BR", "")))
            assert english.path.name in document.links()
            assert document.path.name in english.links()
