"""Model files as people know them: a name, an id that stays, what the header says, or why it is no model."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection
from typing import NamedTuple

import msgspec

from llmmem_gui.core.gguf import FileIdentity
from llmmem_gui.core.ledger import FileKey
from llmmem_gui.core.measurement import LoadKey
from llmmem_gui.core.model_shape import ModelShape
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.preset import Preset
from llmmem_gui.core.projector import Projector
from llmmem_gui.core.sentence import Sentence

MAXIMUM_ID_LENGTH = 80


_PART = re.compile(r"\d{5}(-of-\d{5}\.gguf)\Z", re.IGNORECASE)
"""How the name of a part of a split model ends; the number in front tells the parts apart."""


class FoundModel(NamedTuple):
    """The files of one model, as they lie on the disk."""

    name: str
    """What people call it: the file's name without its ending, or Ollama's name."""
    owner: str
    paths: tuple[str, ...]
    """All files of a split model in their order; one path otherwise."""
    projector: str = ""
    """The file that reads images for the model (mmproj), where one lies beside it."""
    error: Sentence | None = None
    """Why it cannot be loaded, where the names of its files already tell; else None."""
    preset: Preset | None = None
    """How the program in whose folder it lies loads and asks it, where that is written down."""
    variant: str = ""
    """Tells it from another model in the same file, which has another preset; empty for the first."""


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
    """Path of the file that reads images for it (mmproj)."""
    eyes: Projector | None = None
    """What that file says; None where there is none, or it reads no images."""
    identities: tuple[FileIdentity, ...] = ()
    """What tells this version of its files from every other."""
    shape: ModelShape | None = None
    """What a forecast needs; None where `error` says why."""
    error: Sentence | None = None
    """One sentence that says why it cannot be loaded; None for a model in order."""
    content: str = ""
    """Fingerprint of what is in its files, wherever they lie; empty where they could not be read."""
    preset: Preset | None = None
    """How the program in whose folder it lies loads and asks it, where that is written down."""
    variant: str = ""
    """Tells it from another model in the same file, which has another preset; empty for the first."""
    gone: bool = False
    """Its file is gone or was replaced while it was loaded: it is known until it is unloaded."""

    @property
    def paths(self) -> tuple[str, ...]:
        """All files that a load reads, in their order: llama.cpp, too, finds the parts of a model by name."""
        projector = (self.projector,) if self.sees else ()
        if len(self.identities) < 2:
            return (self.path, *projector)
        numbers = range(1, len(self.identities) + 1)
        return (*(_PART.sub(rf"{number:05}\1", self.path) for number in numbers), *projector)

    @property
    def gives_only_embeddings(self) -> bool:
        """Whether it cannot generate text, however it is loaded: its attention looks both ways."""
        return self.shape is not None and not self.shape.causal

    @property
    def left_out(self) -> tuple[Sentence, ...]:
        """What the program in whose folder it lies sets for it and has no effect here, a sentence each."""
        return () if self.preset is None else self.preset.left_out

    @property
    def sees(self) -> bool:
        """Whether it can be shown images."""
        return self.eyes is not None and not self.gives_only_embeddings

    def eyes_for(self, parameters: LoadParameters) -> Projector | None:
        """The projector that is loaded with these parameters."""
        return self.eyes if self.sees and parameters.vision and not parameters.embeddings else None

    def key(self, parameters: LoadParameters, engine_version: str) -> LoadKey:
        """What must be the same for another load to be like one with these parameters."""
        eyes = self.eyes_for(parameters)
        return LoadKey((*self.identities, *([eyes.identity] if eyes else ())), parameters, engine_version)

    @property
    def kind(self) -> str:
        """What stays when a file is replaced by a newer edition of the same model; empty where not known."""
        return f"{self.architecture} {self.parameters} {self.quantization}" if self.shape else ""

    @property
    def file(self) -> FileKey:
        """What tells its (first) file from every other: two models with one file share its pages."""
        return self.identities[0][:2] if self.identities else self.path


class Description(msgspec.Struct, frozen=True):
    """What the files of a model say: a shape or an error, and the versions of the files it holds for."""

    identities: tuple[FileIdentity, ...]
    shape: ModelShape | None = None
    error: Sentence | None = None
    content: str = ""
    eyes: Projector | None = None


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
        eyes=description.eyes,
        identities=description.identities,
        shape=shape,
        error=description.error,
        content=description.content,
        preset=found.preset,
        variant=found.variant,
    )


def unused_id(found: FoundModel, taken: Collection[str]) -> str:
    """An id made of the model's name that is not among `taken`.

    Where the name is taken, the folder or repository is put in front; where that is taken too, a number
    follows.
    """
    name = slug(found.name)
    if name not in taken:
        return name
    folder = os.path.basename(os.path.dirname(place_of(found.paths[0])))
    longer = slug(f"{folder.removeprefix('models--').replace('--', '-')}-{found.name}")
    if longer not in taken:
        return longer
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"


def place_of(path: str) -> str:
    """The path, without the commit where it lies in a cache of Hugging Face: revisions follow each other."""
    return _REVISION.sub(r"\1/", path)


_REVISION = re.compile(r"(/models--[^/]+)/snapshots/[^/]+/")


def slug(name: str) -> str:
    """`name` in lower-case letters and digits of any script, `.`, `-` and `_`; "model" where none is left.

    Latin letters lose their accents; what is spelled in several ways in Unicode is spelled in one.
    """
    plain = _decomposed(_decomposed(name).casefold())
    words = "".join(each if each in "._" or unicodedata.category(each)[0] in "LMN" else " " for each in plain)
    short = "-".join(_STRAY_MARKS.sub("", words).split())
    return unicodedata.normalize("NFC", short)[:MAXIMUM_ID_LENGTH].strip("-._") or "model"


_STRAY_MARKS = re.compile("(?<![^ ._a-z])[\u0300-\u036f]+")
"""On Latin letters, which do without, or on none; on others they make another letter, or its vowel."""


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFKD", text)


def _as_text(path: str) -> str:
    """`path`, with bytes that are not UTF-8 escaped: such a file cannot be loaded in any case."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
