"""`llmmem settings`: shows and changes settings, of the running program or in the file."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from typing import Any

import msgspec

from llmmem_gui.cli.connection import connect
from llmmem_gui.cli.failures import CannotDo, WrongUsage
from llmmem_gui.cli.output import write_json
from llmmem_gui.core.settings import Settings
from llmmem_gui.folders import Folders
from llmmem_gui.service.api_client import NoProgram
from llmmem_gui.service.storage import token_file
from llmmem_gui.service.storage.settings_file import SettingsFile

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def settings(options: Namespace) -> None:
    """Show all settings, or one; with a value, change it."""
    if options.token or options.new_token:
        _token(options)
        return
    folders = Folders.of_user()
    folders.create()
    if options.value is None:
        found = _read(folders)
    else:
        found = _changed(folders, options.name, _value(options.value))
    shown = _lines(found)
    if options.name is not None:
        if options.name not in shown:
            raise WrongUsage(f"{options.name} is not a setting; `llmmem settings` lists them.")
        shown = {options.name: shown[options.name]}
    if options.json:
        write_json(found if options.name is None else shown)
        return
    for name, value in shown.items():
        print(f"{name} = {_written(value)}")


def _token(options: Namespace) -> None:
    folders = Folders.of_user()
    folders.create()
    path = folders.token_file
    if options.new_token:
        try:
            connect()
        except NoProgram:
            token_file.renew_token(path)
        else:
            raise CannotDo("The token cannot be replaced while LLM Memory runs: end it first.")
    token, replaced = token_file.keep_token(path)
    if replaced is not None:
        print(f"llmmem: {replaced}", file=sys.stderr)
    if options.json:
        write_json({"token": token, "token_file": str(path)})
    else:
        print(token)


def _read(folders: Folders) -> Settings:
    try:
        return connect().request("GET", "/api/v1/settings", gives=Settings)
    except NoProgram:
        return SettingsFile(folders.settings_file).settings


def _changed(folders: Folders, name: str, value: object) -> Settings:
    try:
        return connect().request("PATCH", "/api/v1/settings", {name: value}, gives=Settings)
    except NoProgram:
        file = SettingsFile(folders.settings_file)
        try:
            changed = file.settings.with_value(name, value)
        except ValueError as error:
            raise CannotDo(str(error)) from None
        asyncio.run(file.save(changed))
        if file.unsaved is not None:
            raise CannotDo(file.unsaved) from None
        return changed


def _lines(found: Settings) -> dict[str, Any]:
    """Every setting by its name, except those of single models."""
    sections: dict[str, dict[str, Any]] = msgspec.to_builtins(found)
    del sections["models"]
    return {
        f"{section}.{name}": value for section, fields in sections.items() for name, value in fields.items()
    }


def _value(text: str) -> object:
    """The value that the text stands for in TOML; a bare word stands for itself, `none` for no value."""
    if text.lower() == "none":
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _written(value: object) -> str:
    return "none" if value is None else msgspec.json.encode(value).decode()
