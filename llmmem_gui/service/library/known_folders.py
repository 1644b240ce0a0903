"""Where other programs keep their models; the environment, the home and the platform are given."""

from __future__ import annotations

import configparser
import json
import os
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

Layout = Literal["files", "ollama"]

DEEP, SHALLOW = 8, 1
SMALL_FILE_BYTES = 1024**2


class ModelFolder(NamedTuple):
    """A folder to look for models in."""

    path: str
    owner: str
    """The program whose folder it is; empty for folders of the user."""
    layout: Layout = "files"
    depth: int = DEEP
    """Levels of folders looked into, this one included."""


def known_folders(environment: Mapping[str, str], home: str, platform: str) -> tuple[ModelFolder, ...]:
    """Folders where models may lie, whether they exist or not, in the order of preference, each path once.

    `platform` is a value of sys.platform. Settings files of other programs are read, never written.
    """
    places = _Places(environment, home, platform)
    folders = [
        *_of_the_user(places),
        *_hugging_face(places),
        *_llama_cpp(places),
        *_ollama(places),
        *_lm_studio(places),
        *_jan(places),
        *_gpt4all(places),
    ]
    unique: dict[str, ModelFolder] = {}
    for folder in folders:
        unique.setdefault(os.path.normpath(folder.path), folder)
    return tuple(unique.values())


class _Places:
    """The folders that the platform gives to programs."""

    def __init__(self, environment: Mapping[str, str], home: str, platform: str) -> None:
        self.environment = environment
        self.home = home
        self.is_windows = platform == "win32"
        self.is_mac = platform == "darwin"
        if self.is_mac:
            self.data = self.local_data = self.under_home("Library", "Application Support")
            self.cache = self.under_home("Library", "Caches")
        elif self.is_windows:
            self.data = environment.get("APPDATA") or self.under_home("AppData", "Roaming")
            self.local_data = environment.get("LOCALAPPDATA") or self.under_home("AppData", "Local")
            self.cache = self.local_data
        else:
            self.data = environment.get("XDG_DATA_HOME") or self.under_home(".local", "share")
            self.local_data = self.data
            self.cache = environment.get("XDG_CACHE_HOME") or self.under_home(".cache")

    def under_home(self, *parts: str) -> str:
        return os.path.join(self.home, *parts)

    def named(self, *variables: str) -> str | None:
        """The folder that the first of these environment variables names; None where none is set."""
        value = next((self.environment[name] for name in variables if self.environment.get(name)), None)
        return self.under_home(value[2:]) if value is not None and value.startswith("~/") else value


def _of_the_user(places: _Places) -> Iterator[ModelFolder]:
    yield ModelFolder(places.under_home("models"), "")
    yield ModelFolder(places.under_home("Models"), "")
    yield ModelFolder(places.under_home("Downloads"), "", depth=SHALLOW)


def _hugging_face(places: _Places) -> Iterator[ModelFolder]:
    hub = places.named("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
    if hub is None:
        # Not the cache folder of the platform: the library uses ~/.cache everywhere.
        cache = places.named("XDG_CACHE_HOME") or places.under_home(".cache")
        hub = os.path.join(places.named("HF_HOME") or os.path.join(cache, "huggingface"), "hub")
    yield ModelFolder(hub, "Hugging Face")


def _llama_cpp(places: _Places) -> Iterator[ModelFolder]:
    yield ModelFolder(places.named("LLAMA_CACHE") or os.path.join(places.cache, "llama.cpp"), "llama.cpp")


def _ollama(places: _Places) -> Iterator[ModelFolder]:
    chosen = places.named("OLLAMA_MODELS")
    yield ModelFolder(chosen or places.under_home(".ollama", "models"), "Ollama", "ollama")
    if not places.is_windows and not places.is_mac:
        yield ModelFolder("/usr/share/ollama/.ollama/models", "Ollama", "ollama")
        yield ModelFolder("/var/lib/ollama", "Ollama", "ollama")


def _lm_studio(places: _Places) -> Iterator[ModelFolder]:
    pointed = _small_text(places.under_home(".lmstudio-home-pointer")).strip().partition("\n")[0]
    homes = [pointed, places.under_home(".lmstudio"), places.under_home(".cache", "lm-studio")]
    for home in filter(None, homes):
        settings = _json_object(_small_text(os.path.join(home, "settings.json")))
        chosen = settings.get("downloadsFolder")
        yield ModelFolder(chosen if isinstance(chosen, str) else os.path.join(home, "models"), "LM Studio")


def _jan(places: _Places) -> Iterator[ModelFolder]:
    chosen = places.named("JAN_DATA_FOLDER")
    data = chosen or os.path.join(places.named("JAN_DATA_ROOT") or places.data, "Jan", "data")
    yield ModelFolder(os.path.join(data, "llamacpp", "models"), "Jan")
    yield ModelFolder(os.path.join(data, "models"), "Jan")
    yield ModelFolder(places.under_home("jan", "models"), "Jan")


def _gpt4all(places: _Places) -> Iterator[ModelFolder]:
    settings = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        settings.read_string(_small_text(places.under_home(".config", "nomic.ai", "GPT4All.ini")))
        chosen = settings.get("General", "modelPath", fallback="").strip('"')
    except configparser.Error:
        chosen = ""
    yield ModelFolder(chosen or os.path.join(places.local_data, "nomic.ai", "GPT4All"), "GPT4All")


def _small_text(path: str) -> str:
    """The text of a small settings file; empty where there is none."""
    if not os.path.isfile(path):
        return ""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(SMALL_FILE_BYTES)
    except OSError:
        return ""


def _json_object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
