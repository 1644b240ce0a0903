"""Why the system refused something, in words that can be translated."""

from __future__ import annotations

from llmmem_gui.core.sentence import Sentence, verbatim

_KNOWN = {
    sentence.template: sentence
    for sentence in (
        Sentence("System", "Permission denied"),
        Sentence("System", "Operation not permitted"),
        Sentence("System", "No such file or directory"),
        Sentence("System", "Not a directory"),
        Sentence("System", "Is a directory"),
        Sentence("System", "No space left on device"),
        Sentence("System", "Disk quota exceeded"),
        Sentence("System", "Read-only file system"),
        Sentence("System", "Input/output error"),
        Sentence("System", "Device or resource busy"),
        Sentence("System", "Too many open files"),
        Sentence("System", "File name too long"),
    )
}
"""The messages of Linux and macOS for what happens to files."""


def reason_of(error: OSError) -> Sentence:
    """What the system says; a message that is not among the usual ones is taken as it is."""
    said = error.strerror or str(error)
    return _KNOWN.get(said) or verbatim(said)
