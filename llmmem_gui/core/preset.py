"""What another program's own files say of how a model is to be loaded and asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from llmmem_gui.core.parameters import ChosenParameters
from llmmem_gui.core.sentence import Sentence

MAXIMUM_SYSTEM_CHARACTERS = 256 * 1024


class Preset(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a model is loaded and asked where nobody says otherwise."""

    parameters: ChosenParameters = ChosenParameters()
    sampling: Mapping[str, Any] = {}
    """Fields of a request, by the names that a host knows."""
    system: str = ""
    """The system message of chats that have none."""
    left_out: tuple[Sentence, ...] = ()
    """What is said there and has no effect here, in one sentence each."""

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What a host is asked for text, with what the preset says where the request says nothing."""
        arguments = {**self.sampling, **given}
        messages = given.get("messages")
        if self.system and messages and not any(each.get("role") in _SYSTEM for each in messages):
            arguments["messages"] = [{"role": "system", "content": self.system}, *messages]
        return arguments


_SYSTEM = ("system", "developer")

Share = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-100, le=100)]
Positive = Annotated[float, Meta(ge=0, le=100)]
Reach = Annotated[int, Meta(ge=-1, le=2**31 - 1)]
Texts = Annotated[list[Annotated[str, Meta(min_length=1, max_length=1024)]], Meta(max_length=256)]

_SAMPLING: Mapping[str, Any] = {
    "temperature": Positive,
    "dynatemp_range": Positive,
    "dynatemp_exponent": Positive,
    "top_k": Reach,
    "top_p": Share,
    "min_p": Share,
    "typical_p": Share,
    "top_n_sigma": Annotated[float, Meta(ge=-1, le=1000)],
    "xtc_probability": Share,
    "xtc_threshold": Share,
    "repeat_last_n": Reach,
    "repeat_penalty": Annotated[float, Meta(ge=0.01, le=100)],
    "presence_penalty": Penalty,
    "frequency_penalty": Penalty,
    "dry_multiplier": Positive,
    "dry_base": Positive,
    "dry_allowed_length": Annotated[int, Meta(ge=0, le=2**20)],
    "dry_penalty_last_n": Reach,
    "mirostat": Literal[0, 1, 2],
    "mirostat_tau": Positive,
    "mirostat_eta": Positive,
    "seed": Annotated[int, Meta(ge=0, le=2**32 - 2)],
    "max_tokens": Annotated[int, Meta(ge=1, le=2**31 - 1)],
    "stop": Texts,
}
"""What a preset may say of a request; other values would make a host refuse each one."""
_PARAMETERS: Mapping[str, Any] = {
    field.name: field.type for field in msgspec.structs.fields(ChosenParameters)
}


class PresetWriter:
    """Takes the settings of another program one by one: those that hold here, and the names of the rest."""

    def __init__(self) -> None:
        self.rest: list[str] = []
        """The names of settings that have no effect here, as the other program calls them."""
        self._parameters: dict[str, Any] = {}
        self._sampling: dict[str, Any] = {}

    def take(self, theirs: str, ours: str | None, value: object) -> None:
        """Take a setting of that name that is called `ours` here; None where it is nothing here.

        A text stands for the number that it spells.
        """
        kind = _PARAMETERS.get(ours or "") or _SAMPLING.get(ours or "")
        try:
            # A file of settings has texts, and JSON writes 40 or 40.0 as it likes.
            converted = msgspec.convert(_whole(value), kind, strict=False) if kind else None
        except msgspec.ValidationError:
            converted = None
        if ours is None or converted is None:
            self.rest.append(theirs)
        else:
            (self._parameters if ours in _PARAMETERS else self._sampling)[ours] = converted

    def preset(self, system: str = "", left_out: tuple[Sentence, ...] = ()) -> Preset:
        """What was taken."""
        return Preset(ChosenParameters(**self._parameters), self._sampling, system, left_out)


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value
