"""Where other programs keep their models; the environment, the home and the platform are given."""

from __future__ import annotations

import configparser
import glob
import os
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from llmmem_gui.service.library.places import Places, assigned, json_object, small_text, unit_environment

Layout = Literal["files", "ollama", "jan", "docker", "ramalama", "presets"]
"""How models lie in a folder: as files, or as their program alone names them. `presets` is one file."""

DEEP, SHALLOW = 8, 1


class ModelFolder(NamedTuple):
    """A folder to look for models in."""

    path: str
    owner: str
    """The program whose folder it is; empty for folders of the user."""
    layout: Layout = "files"
    depth: int = DEEP
    """Levels of folders looked into, this one included."""
    beside: tuple[str, ...] = ()
    """Folders that presets look for the models in which they name without a path."""
    is_named: bool = False
    """A person named it: it is told when it is not there."""


def known_folders(
    environment: Mapping[str, str], home: str, platform: str, root: str = "/"
) -> tuple[ModelFolder, ...]:
    """Folders where models may lie, whether they exist or not, in the order of preference, each path once.

    `platform` is a value of sys.platform, `root` where the folders of the whole machine begin. Settings
    files of other programs are read, never written.
    """
    places = Places(environment, home, platform, root)
    folders = [
        *_of_the_user(places),
        *_hugging_face(places),
        *_llama_cpp(places),
        *_ollama(places),
        *_like_ollama(places),
        *_lm_studio(places),
        *_jan(places),
        *_gpt4all(places),
        *_containers(places),
        *_others(places),
    ]
    unique: dict[str, ModelFolder] = {}
    for folder in folders:
        unique.setdefault(os.path.normpath(folder.path), folder)
    return tuple(unique.values())


def _of_the_user(places: Places) -> Iterator[ModelFolder]:
    yield ModelFolder(places.under_home("models"), "")
    yield ModelFolder(places.under_home("Models"), "")
    yield ModelFolder(places.under_home("Downloads"), "", depth=SHALLOW)
    # A desktop calls it in its own language.
    chosen = assigned(small_text(os.path.join(places.config, "user-dirs.dirs"))).get("XDG_DOWNLOAD_DIR", "")
    downloads = places.environment.get("XDG_DOWNLOAD_DIR") or chosen.replace("$HOME", places.home)
    # The home itself stands for "no such folder" there.
    if os.path.isabs(downloads) and os.path.normpath(downloads) != os.path.normpath(places.home):
        yield ModelFolder(downloads, "", depth=SHALLOW)


def _hub(places: Places) -> str:
    hub = places.named("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
    if hub is not None:
        return hub
    # Not the cache folder of the platform: the library uses ~/.cache everywhere.
    cache = places.named("XDG_CACHE_HOME") or places.under_home(".cache")
    return os.path.join(places.named("HF_HOME") or os.path.join(cache, "huggingface"), "hub")


def _hugging_face(places: Places) -> Iterator[ModelFolder]:
    yield ModelFolder(_hub(places), "Hugging Face")


def _llama_cpp(places: Places) -> Iterator[ModelFolder]:
    """Its cache, which is laid out as Hugging Face's since 2026, and what its settings name."""
    cache = places.named("LLAMA_CACHE") or os.path.join(places.cache, "llama.cpp")
    files = [places.named("LLAMA_ARG_MODELS_PRESET")]
    folders = [places.named("LLAMA_ARG_MODELS_DIR")]
    for settings in (os.path.join(places.config, "llama.cpp"), places.of_system("etc", "llama.cpp")):
        path = os.path.join(settings, "config.ini")
        values = _sections_of_llama_cpp(small_text(path))
        files += [path, *(places.expanded(value) for key, value in values if key == "models-preset")]
        folders += [places.expanded(value) for key, value in values if key == "models-dir"]
    named = tuple(folder for folder in folders if folder and os.path.isabs(folder))
    for file in files:
        if file and os.path.isabs(file):
            yield ModelFolder(file, "llama.cpp", "presets", beside=(_hub(places), cache, *named))
    for folder in (cache, *named):
        yield ModelFolder(folder, "llama.cpp")


def _sections_of_llama_cpp(text: str) -> list[tuple[str, str]]:
    """The settings of its server, whichever section they stand in."""
    parser = configparser.ConfigParser(
        interpolation=None, strict=False, delimiters=("=",), inline_comment_prefixes=(";", "#")
    )
    try:
        parser.read_string("[default]\n" + text)
    except configparser.Error:
        return []
    return [pair for section in parser.sections() for pair in parser.items(section)]


def _ollama(places: Places) -> Iterator[ModelFolder]:
    chosen = places.named("OLLAMA_MODELS")
    yield ModelFolder(chosen or places.under_home(".ollama", "models"), "Ollama", "ollama")
    if not places.is_unix:
        return
    for folder in _of_the_service(places):
        yield ModelFolder(folder, "Ollama", "ollama")
    for parts in (
        ("usr", "share", "ollama", ".ollama", "models"),
        ("var", "snap", "ollama", "common", "models"),
        ("var", "lib", "ollama", ".ollama", "models"),
        ("var", "lib", "ollama", "models"),
        ("var", "lib", "ollama"),
    ):
        yield ModelFolder(places.of_system(*parts), "Ollama", "ollama")


def _of_the_service(places: Places) -> Iterator[str]:
    """What the units of systemd say, the strongest first: its drop-ins are read in the order of names."""
    for folder in (("etc", "systemd", "system"), ("usr", "lib", "systemd", "system")):
        unit = places.of_system(*folder, "ollama.service")
        drop_ins = sorted(glob.glob(os.path.join(glob.escape(unit) + ".d", "*.conf")), reverse=True)
        for path in (*drop_ins, unit):
            models = unit_environment(small_text(path)).get("OLLAMA_MODELS", "")
            if os.path.isabs(models):
                yield models


def _like_ollama(places: Places) -> Iterator[ModelFolder]:
    """Programs that bring an Ollama of their own."""
    config = places.config
    for owner, path in (
        ("Alpaca", places.of_flatpak("com.jeffser.Alpaca", "data", ".ollama", "models")),
        ("Msty", os.path.join(config, "Msty", "models")),
        ("Msty", places.under_home(".msty", "models")),
        ("Msty Studio", os.path.join(config, "MstyStudio", "models")),
        ("Msty Claw", places.under_home(".mstyclaw", "local-ai", "models")),
        ("AnythingLLM", os.path.join(config, "anythingllm-desktop", "storage", "models", "ollama")),
    ):
        yield ModelFolder(path, owner, "ollama")
    yield ModelFolder(os.path.join(config, "MstyStudio", "models-llamacpp"), "Msty Studio")


def _lm_studio(places: Places) -> Iterator[ModelFolder]:
    pointed = small_text(places.under_home(".lmstudio-home-pointer")).strip().partition("\n")[0]
    homes = [pointed, places.under_home(".lmstudio"), places.under_home(".cache", "lm-studio")]
    for home in filter(None, homes):
        chosen = json_object(small_text(os.path.join(home, "settings.json"))).get("downloadsFolder")
        yield ModelFolder(chosen if isinstance(chosen, str) else os.path.join(home, "models"), "LM Studio")


def _jan(places: Places) -> Iterator[ModelFolder]:
    """Jan's folder for data is where its settings say; older versions wrote them elsewhere."""
    root = places.named("JAN_DATA_ROOT")
    own = os.path.join(root if root and os.path.isabs(root) else places.data, "Jan")
    flatpak = places.of_flatpak("ai.jan.Jan", "data", "Jan")
    chosen = [places.named("JAN_DATA_FOLDER")]
    for settings in (
        os.path.join(own, "settings.json"),
        os.path.join(places.config, "Jan", "settings.json"),
        os.path.join(places.data, "jan.ai.app", "settings.json"),
        os.path.join(flatpak, "settings.json"),
    ):
        folder = json_object(small_text(settings)).get("data_folder")
        chosen.append(folder if isinstance(folder, str) else None)
    usual = (os.path.join(own, "data"), os.path.join(places.config, "Jan", "data"))
    for data in (*filter(None, chosen), *usual, os.path.join(flatpak, "data")):
        yield ModelFolder(os.path.join(data, "llamacpp", "models"), "Jan", "jan")
        yield ModelFolder(os.path.join(data, "models"), "Jan", "jan")
    yield ModelFolder(places.under_home("jan", "models"), "Jan", "jan")


def _gpt4all(places: Places) -> Iterator[ModelFolder]:
    homes = [(places.under_home(".config"), places.local_data)]
    if places.is_unix:
        # Flathub's has both below a home of its own.
        flatpak = places.of_flatpak("io.gpt4all.gpt4all")
        homes.append((os.path.join(flatpak, "config"), os.path.join(flatpak, "data")))
    for config, data in homes:
        settings = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            settings.read_string(small_text(os.path.join(config, "nomic.ai", "GPT4All.ini")))
            chosen = settings.get("General", "modelPath", fallback="").strip('"')
        except configparser.Error:
            chosen = ""
        usual = os.path.join(data, "nomic.ai", "GPT4All")
        yield ModelFolder(chosen if os.path.isabs(chosen) else usual, "GPT4All")


def _containers(places: Places) -> Iterator[ModelFolder]:
    yield ModelFolder(places.under_home(".docker", "models"), "Docker Model Runner", "docker")
    store = places.named("RAMALAMA_STORE") or os.path.join(places.data, "ramalama")
    yield ModelFolder(os.path.join(store, "store"), "RamaLama", "ramalama")
    if places.is_unix:
        yield ModelFolder(places.of_system("var", "lib", "ramalama", "store"), "RamaLama", "ramalama")


def _others(places: Places) -> Iterator[ModelFolder]:
    """Programs whose models are files in one folder."""
    model_scope = places.named("MODELSCOPE_CACHE") or places.under_home(".cache", "modelscope")
    for home in (places.home, places.of_system("var", "lib", "lemonade")):
        settings = json_object(small_text(os.path.join(home, ".cache", "lemonade", "config.json")))
        extra = settings.get("extra_models_dir")
        if isinstance(extra, str) and os.path.isabs(extra):
            yield ModelFolder(extra, "Lemonade")
    if places.is_unix:
        hub = places.of_system("var", "lib", "lemonade", ".cache", "huggingface", "hub")
        yield ModelFolder(hub, "Lemonade")
    for owner, path in (
        ("ModelScope", os.path.join(model_scope, "hub", "models")),
        ("ModelScope", os.path.join(model_scope, "models")),
        ("LocalAI", places.named("LOCALAI_MODELS_PATH") or places.under_home(".localai", "models")),
        ("Nexa", places.under_home(".cache", "nexa.ai", "nexa_sdk", "models")),
        ("node-llama-cpp", places.under_home(".node-llama-cpp", "models")),
        ("omm", places.under_home(".omm", "models")),
        ("Cortex", places.under_home("cortexcpp", "models")),
        # No fixed place; this is where its instructions put it.
        ("text-generation-webui", places.under_home("text-generation-webui", "user_data", "models")),
        ("text-generation-webui", places.under_home("text-generation-webui", "models")),
    ):
        yield ModelFolder(path, owner)
