"""Model files as people know them: a name, an id that stays, what the header says, or why it is no model."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Collection

import msgspec

from llmmem_gui.core.file_window import InvalidModel, printable
from llmmem_gui.core.gguf import FileIdentity, Header, read_header
from llmmem_gui.core.model_search import FoundModel
from llmmem_gui.core.model_shape import ModelShape, model_shape
from llmmem_gui.core.plan import FileKey
from llmmem_gui.core.sentence import Count, Sentence

MAXIMUM_ID_LENGTH = 80


class ModelFile(msgspec.Struct, frozen=True, kw_only=True):
    """One model on the disk; every field can be stored as JSON."""

    id: str
    """Short name for commands and URLs: lower-case letters, digits, `.`, `-` and `_`."""
    name: str
    path: str
    """The file, or the first file of a split model; escaped where it is not text, and then with an error."""
    architecture: str | None = None
    quantization: str | None = None
    file_bytes: int = 0
    """Size of all its files together."""
    context_length: int | None = None
    """Tokens of context it was trained with."""
    parameters: int = 0
    has_chat_template: bool = False
    owner: str = ""
    """The program in whose folder it lies; empty for the user's own folders."""
    projector: str = ""
    """Path of the file that reads images for it (mmproj); this program does not load it."""
    identities: tuple[FileIdentity, ...] = ()
    """What tells this version of its files from every other."""
    shape: ModelShape | None = None
    """What a forecast needs; None where `error` says why."""
    error: Sentence | None = None
    """One sentence that says why it cannot be loaded; None for a model in order."""

    @property
    def file(self) -> FileKey:
        """What tells its (first) file from every other: two models with one file share its pages."""
        return self.identities[0][:2] if self.identities else self.path


class Description(msgspec.Struct, frozen=True):
    """What the files of a model say: a shape or an error, and the versions of the files it holds for."""

    identities: tuple[FileIdentity, ...]
    shape: ModelShape | None = None
    error: Sentence | None = None


def describe(found: FoundModel, expired: Callable[[], bool] = lambda: False) -> Description:
    """Read the headers of a model's files; never raises, a bad file gives a Description with its error."""
    headers: list[Header] = []
    try:
        if found.error is not None:
            raise InvalidModel(found.error)
        headers.extend(read_header(_loadable(path), expired) for path in found.paths)
        _require_matching_parts(found, headers)
        shape = model_shape(os.path.basename(printable(found.paths[0])), headers)
    except InvalidModel as error:
        return Description(identities_of(found), None, error.sentence)
    return Description(tuple(header.identity for header in headers), shape)


def identities_of(found: FoundModel) -> tuple[FileIdentity, ...]:
    """The versions of a model's files as they lie on the disk now; () where one cannot be looked at."""
    try:
        statuses = [os.stat(path) for path in found.paths]
    except (OSError, ValueError):
        return ()
    return tuple(FileIdentity(s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns) for s in statuses)


def model_file(found: FoundModel, description: Description, model_id: str) -> ModelFile:
    """The entry of the library for a model that was found and described."""
    shape = description.shape
    return ModelFile(
        id=model_id,
        name=found.name,
        path=_as_text(found.paths[0]),
        architecture=shape.architecture if shape else None,
        quantization=shape.quantization if shape else None,
        file_bytes=sum(identity.size_bytes for identity in description.identities),
        context_length=shape.context_length if shape else None,
        parameters=shape.parameters if shape else 0,
        has_chat_template=shape.has_chat_template if shape else False,
        owner=found.owner,
        projector=_as_text(found.projector),
        identities=description.identities,
        shape=shape,
        error=description.error,
    )


def unused_id(found: FoundModel, taken: Collection[str]) -> str:
    """An id made of the model's name that is not among `taken`.

    Where the name is taken, the folder is put in front; where that is taken too, a number follows.
    """
    name = slug(found.name)
    if name not in taken:
        return name
    longer = slug(f"{os.path.basename(os.path.dirname(found.paths[0]))}-{found.name}")
    if longer not in taken:
        return longer
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"


def slug(name: str) -> str:
    """`name` in lower-case ASCII letters, digits, `.`, `-` and `_`; "model" where nothing of it is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    short = re.sub(r"[^a-z0-9._]+", "-", plain)[:MAXIMUM_ID_LENGTH].strip("-._")
    return short or "model"


def _as_text(path: str) -> str:
    """`path`, with bytes that are not UTF-8 escaped: such a file cannot be loaded in any case."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _loadable(path: str) -> str:
    """`path`, unless llama.cpp could not open it: it takes paths as UTF-8."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        name = os.path.basename(printable(path))
        raise InvalidModel(
            Sentence("File", "{file} cannot be loaded: its name is not UTF-8. Rename the file.").format(
                file=name
            )
        ) from None
    return path


def _require_matching_parts(found: FoundModel, headers: list[Header]) -> None:
    """Raise InvalidModel unless the files are all parts of the model, in their order."""
    counts = {header.split_count for header in headers}
    numbers = [header.split_number for header in headers]
    if counts != {len(headers)} or numbers != list(range(len(headers))):
        name = os.path.basename(printable(found.paths[0]))
        raise InvalidModel(
            Sentence(
                "File",
                "{file} is part of a model split into {count} files; {here} of them belong together here.",
            ).format(file=name, count=Count(max(counts)), here=Count(len(headers)))
        )
