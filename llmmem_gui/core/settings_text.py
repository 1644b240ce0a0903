"""Settings as TOML text: read with every fault repaired, written with comments and unknown keys kept."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError

from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.settings import VERSION, Settings, expectation

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ProblemKind = Literal["damaged", "newer version", "bad value", "unknown key", "kept aside"]

_Record = TypeVar("_Record", bound=msgspec.Struct)

_SHOWN_CHARACTERS = 40

# Not only TOMLDecodeError: dates and numbers out of range, and arrays nested 1,000 deep.
_UNREADABLE = (ValueError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a settings file that is not as it should be, or what was done about it."""

    kind: ProblemKind
    name: str
    """The setting, as `section.field`; empty when the whole file is meant."""
    sentence: Sentence


def parse(text: str) -> tuple[Settings, list[Problem]]:
    """Settings from the text of a settings file; never raises, whatever the text.

    A value that cannot be used is replaced by its default, alone; a text that is not TOML gives the
    defaults. Each repair is told by one `Problem`.
    """
    try:
        content = tomllib.loads(text.removeprefix("\ufeff"))
    except _UNREADABLE as error:
        reason = str(error).rstrip(".")
        sentence = Sentence(
            "Settings", "The settings file is damaged ({reason}): the default settings are used."
        ).format(reason=reason)
        return Settings(), [Problem("damaged", "", sentence)]
    problems: list[Problem] = []
    version = content.pop("version", VERSION)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        problems.append(
            _bad_value("version", version, Sentence("Settings", "expected a whole number"), VERSION)
        )
    elif version > VERSION:
        sentence = Sentence(
            "Settings",
            "The settings are of version {version} and this program knows version {known}: "
            "what it knows is used and changes are not saved.",
        ).format(version=version, known=VERSION)
        problems.append(Problem("newer version", "version", sentence))
    return _repaired(Settings, content, "", problems), problems


def to_toml(settings: Settings, original_text: str = "") -> str:
    """The settings as TOML: only what differs from the defaults, laid into the original text.

    Comments, order and unknown keys of the original stay; an original that is damaged is dropped.
    """
    original_text = original_text.removeprefix("\ufeff")
    try:
        document = tomlkit.parse(original_text)
        _lay_into(document, settings)
        text = tomlkit.dumps(document)
        if parse(text)[0] == settings:
            return text
    # tomlkit 0.15 loses its way in some documents with dotted keys and tables out of order.
    except (TOMLKitError, ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        pass
    # Then the comments go, but not the unknown keys.
    document = tomlkit.document()
    with contextlib.suppress(*_UNREADABLE):
        document.update(tomllib.loads(original_text))
    _lay_into(document, settings)
    return tomlkit.dumps(document)


def _repaired(
    kind: type[_Record], content: Mapping[str, Any], prefix: str, problems: list[Problem]
) -> _Record:
    types = {field.name: field.type for field in msgspec.structs.fields(kind)}
    defaults = kind()
    values: dict[str, Any] = {}
    for key, value in content.items():
        name = prefix + key
        if key in types:
            values[key] = _repaired_value(types[key], value, getattr(defaults, key), name, problems)
        else:
            sentence = Sentence(
                "Settings", "{name} is not a setting of this version: it is kept and has no effect."
            ).format(name=name)
            problems.append(Problem("unknown key", name, sentence))
    return kind(**values)


def _repaired_value(kind: Any, value: object, default: Any, name: str, problems: list[Problem]) -> Any:
    record = _record_in(kind)
    try:
        if record is None and get_origin(kind) is not Mapping:
            return msgspec.convert(value, kind)
        table = msgspec.convert(value, dict[str, Any])
    except msgspec.ValidationError as error:
        problems.append(_bad_value(name, value, expectation(kind, error), default))
        return default
    if record is None:
        each_kind = get_args(kind)[1]
        repaired = {
            key: _repaired_value(each_kind, each, None, f"{name}.{key}", problems)
            for key, each in table.items()
        }
        return {key: each for key, each in repaired.items() if each is not None}
    if get_origin(kind) is Mapping:
        return {
            key: _repaired_value(record, each, record(), f"{name}.{key}", problems)
            for key, each in table.items()
        }
    return _repaired(record, table, f"{name}.", problems)


def _record_in(kind: Any) -> type[msgspec.Struct] | None:
    """The record type in `Record`, `Record | None` and `Mapping[str, Record]`."""
    for each in (kind, *get_args(kind)):
        if isinstance(each, type) and issubclass(each, msgspec.Struct):
            return each
    return None


def _bad_value(name: str, value: object, expected: Sentence, default: object) -> Problem:
    shown = repr(value)
    if len(shown) > _SHOWN_CHARACTERS:
        shown = shown[:_SHOWN_CHARACTERS] + "…"
    instead: Sentence | str = Sentence("Settings", "the default")
    if isinstance(default, bool | int | float | str):
        instead = str(default)
    sentence = Sentence("Settings", "{name} is {value} ({expected}): {instead} is used instead.").format(
        name=name, value=shown, expected=expected, instead=instead
    )
    return Problem("bad value", name, sentence)


def _lay_into(document: MutableMapping[str, Any], settings: Settings) -> None:
    document["version"] = VERSION
    _lay_record(document, settings)


def _lay_record(table: MutableMapping[str, Any], record: msgspec.Struct) -> None:
    for field in msgspec.structs.fields(record):
        value = getattr(record, field.name)
        if isinstance(value, msgspec.Struct):
            _lay_table(table, field.name, value)
        elif isinstance(value, Mapping):
            _lay_mapping(table, field.name, value)
        elif value == field.default:
            table.pop(field.name, None)
        else:
            plain = list(value) if isinstance(value, tuple) else value
            if table.get(field.name) != plain:
                table[field.name] = plain


def _lay_table(
    table: MutableMapping[str, Any], name: str, record: msgspec.Struct, *, keep_empty: bool = False
) -> None:
    inner = table.get(name)
    if isinstance(inner, MutableMapping):
        _lay_record(inner, record)
        return
    inner = tomlkit.table()
    _lay_record(inner, record)
    if inner or keep_empty:
        table[name] = inner
    else:
        table.pop(name, None)


def _lay_mapping(table: MutableMapping[str, Any], name: str, values: Mapping[str, Any]) -> None:
    inner = table.get(name)
    if not isinstance(inner, MutableMapping):
        inner = tomlkit.table(
            is_super_table=all(isinstance(each, msgspec.Struct) for each in values.values())
        )
    for gone in [key for key in inner if key not in values]:
        del inner[gone]
    for key, value in values.items():
        if isinstance(value, msgspec.Struct):
            _lay_table(inner, key, value, keep_empty=True)
        elif inner.get(key) != value:
            inner[key] = value
    if values:
        table[name] = inner
    else:
        table.pop(name, None)
