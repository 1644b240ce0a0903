"""Models of other programs: found once, by the names that their programs call them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from llmmem_gui.core.library import FoundModel, ModelFile
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.snapshot import ModelSnapshot, State
from llmmem_gui.service.http.control_entries import library_entry, model_entry
from llmmem_gui.service.library import library_index
from llmmem_gui.service.library.findings import FolderProblem, Seen
from llmmem_gui.service.library.known_folders import ModelFolder, known_folders
from llmmem_gui.service.library.library_index import LibraryIndex
from llmmem_gui.service.library.model_search import search
from tests.hostile_gguf import write_good_model
from tests.service.program_folders import (
    Machine,
    blob,
    docker_model,
    hub_model,
    many_programs,
    ollama_model,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")


def folders_of(machine: Machine) -> tuple[ModelFolder, ...]:
    return known_folders(machine.environment, str(machine.home), "linux", str(machine.root))


def found_in(*folders: ModelFolder) -> list[FoundModel]:
    return [step for step in search(folders) if isinstance(step, FoundModel)]


async def scanned(index: LibraryIndex, machine: Machine) -> list[ModelFile]:
    batches = [batch async for batch in index.scan(folders_of(machine))]
    return [found for batch in batches for found in batch if isinstance(found, ModelFile)]


@linux
async def test_every_model_of_many_programs_is_found_once(tmp_path: Path) -> None:
    """Each has the name that its program calls it, and the owner, and can be loaded."""
    machine = many_programs(tmp_path / "machine")
    index = LibraryIndex(tmp_path / "index.json")
    await scanned(index, machine)
    found = Counter((model.name, model.owner) for model in index.models)
    assert found == Counter(machine.expected)
    assert len({owner for _, owner in machine.expected}) >= 20
    assert [model.error for model in index.models if model.error] == []
    assert len({model.id for model in index.models}) == len(machine.expected)


@linux
async def test_a_second_start_reads_only_what_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A header is read again where a file has changed or come, and nowhere else."""
    machine = many_programs(tmp_path / "machine")
    read: list[str] = []
    describe = library_index.describe

    def counted(found: FoundModel, *arguments: object) -> object:
        read.append(found.name)
        return describe(found, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(library_index, "describe", counted)
    await scanned(LibraryIndex(tmp_path / "index.json"), machine)
    assert len(read) == len(machine.expected)
    read.clear()
    later = LibraryIndex(tmp_path / "index.json")
    later.load()
    await scanned(later, machine)
    assert read == []
    changed = machine.home / "models/own.gguf"
    os.utime(changed, ns=(0, 1))
    machine.file(machine.home / "models/new.gguf", "")
    later = LibraryIndex(tmp_path / "index.json")
    later.load()
    await scanned(later, machine)
    assert sorted(read) == ["new", "own"]


@linux
def test_what_a_search_depends_on_is_told(tmp_path: Path) -> None:
    """Every folder in which a new file or name would change what is found, there or not."""
    machine = many_programs(tmp_path)
    seen = Seen()
    for _ in search(folders_of(machine), seen):
        pass
    home = machine.home
    hub = home / ".cache/huggingface/hub/models--org--moved"
    for folder in (
        home / "models",
        hub / "refs",
        hub / "snapshots",
        hub / "snapshots" / ("a" * 40),
        home / ".ollama/models/manifests/registry.ollama.ai/library/ollama",
        home / ".docker/models",
        home / ".local/share/ramalama/store/huggingface/org/sheep/refs",
        home / "big/jan/llamacpp/models/imported-1b",
    ):
        assert str(folder) in seen.folders
    assert str(home / "Models") in seen.missing


def test_a_repository_is_its_current_revision(tmp_path: Path) -> None:
    """A file that only an older revision has is gone, and the reference decides, not the time."""
    hub_model(tmp_path, "org/repo", "current.gguf", "1" * 40)
    hub_model(tmp_path, "org/repo", "newer-but-not-current.gguf", "2" * 40, current=False)
    assert [found.name for found in found_in(ModelFolder(str(tmp_path), ""))] == ["current"]
    (tmp_path / "models--org--repo/refs/main").write_text("2" * 40)
    assert [found.name for found in found_in(ModelFolder(str(tmp_path), ""))] == ["newer-but-not-current"]


def test_what_is_made_of_a_model_in_ollama_is_another_model(tmp_path: Path) -> None:
    """Tags of one model are one; with another system message it is another one, in the same file."""
    weights = ollama_model(tmp_path, "registry.ollama.ai/library/base/latest", {"system": b"Be brief."})
    ollama_model(tmp_path, "registry.ollama.ai/library/base/1b", {"system": b"Be brief."}, weights)
    ollama_model(tmp_path, "registry.ollama.ai/library/mario/latest", {"system": b"Be Mario."}, weights)
    base, mario = found_in(ModelFolder(str(tmp_path), "Ollama", "ollama"))
    assert (base.name, mario.name) == ("base:1b", "mario")
    assert base.paths == mario.paths
    assert base.preset is not None
    assert mario.preset is not None
    assert (base.preset.system, mario.preset.system) == ("Be brief.", "Be Mario.")


async def test_what_is_left_out_of_a_preset_is_in_the_detail_of_a_model(tmp_path: Path) -> None:
    """The API tells of one model, and of all that a search found, what is lost of its program's settings."""
    write_good_model(tmp_path / "a.gguf")
    (tmp_path / "presets.ini").write_text("[a]\nmodel = a.gguf\nlora = x.gguf\ntemp = 0.5\n")
    index = LibraryIndex(tmp_path / "index.json")
    async for _ in index.scan([ModelFolder(str(tmp_path / "presets.ini"), "llama.cpp", "presets")]):
        pass
    (file,) = index.models
    lost = ["Without effect here, of its preset of llama.cpp: lora."]
    assert library_entry(file).left_out == lost
    assert model_entry(ModelSnapshot(file, State.UNLOADED, LoadParameters()), 0.0, None).left_out == lost


async def test_models_in_one_file_keep_their_ids(tmp_path: Path) -> None:
    """Two models in one file are two entries, also after a restart; when one is removed the other stays."""
    store = tmp_path / "store"
    weights = ollama_model(store, "registry.ollama.ai/library/base/latest", {"system": b"A"})
    ollama_model(store, "registry.ollama.ai/library/mario/latest", {"system": b"B"}, weights)
    folders = [ModelFolder(str(store), "Ollama", "ollama")]
    index = LibraryIndex(tmp_path / "index.json")
    async for _ in index.scan(folders):
        pass
    assert [model.id for model in index.models] == ["base", "mario"]
    later = LibraryIndex(tmp_path / "index.json")
    later.load()
    async for _ in later.scan(folders):
        pass
    assert [(model.id, model.preset and model.preset.system) for model in later.models] == [
        ("base", "A"),
        ("mario", "B"),
    ]
    mario = later.find("mario")
    assert mario is not None
    assert await later.refresh(mario) == mario
    (store / "manifests/registry.ollama.ai/library/mario/latest").unlink()
    async for _ in later.scan(folders):
        pass
    assert [model.id for model in later.models] == ["base"]


def test_a_split_model_of_docker_needs_its_unpacked_files(tmp_path: Path) -> None:
    """llama.cpp finds parts by their names, and blobs have none."""
    machine = Machine(tmp_path)
    store = tmp_path / "store"
    docker_model(machine, store, "docker.io/ai/big:8b", "ai/big:8b")
    (entry,) = json.loads((store / "models.json").read_text())["models"]
    manifest = store / "manifests/sha256" / entry["id"].removeprefix("sha256:")
    layers = json.loads(manifest.read_text())["layers"]
    layers.append({**layers[0], "digest": blob(store / "blobs/sha256", b"second part", sign="")})
    manifest.write_text(json.dumps({"layers": layers}))
    folder = ModelFolder(str(store), "Docker Model Runner", "docker")
    (packed,) = found_in(folder)
    assert "run it once in Docker" in str(packed.error)
    bundle = store / "bundles/sha256" / manifest.name / "model"
    bundle.mkdir(parents=True)
    for part in ("big-00001-of-00002.gguf", "big-00002-of-00002.gguf"):
        write_good_model(bundle / part)
    (unpacked,) = found_in(folder)
    assert (unpacked.name, unpacked.error, len(unpacked.paths)) == ("ai/big:8b", None, 2)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"models": 3}', '{"models": [{"id": "sha256:../.."}]}'])
def test_bad_files_of_stores_give_nothing(text: str, tmp_path: Path) -> None:
    """What Docker, RamaLama, Jan and llama.cpp write may be damaged, or meant to do harm."""
    for path in ("docker/models.json", "rama/hf/org/m/refs/latest.json", "jan/llamacpp/models/x/model.yml"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "presets.ini").write_text(text)
    assert (
        found_in(
            ModelFolder(str(tmp_path / "docker"), "", "docker"),
            ModelFolder(str(tmp_path / "rama"), "", "ramalama"),
            ModelFolder(str(tmp_path / "jan/llamacpp/models"), "", "jan"),
            ModelFolder(str(tmp_path / "presets.ini"), "", "presets"),
        )
        == []
    )


_AS_ANOTHER_USER = """
import os, sys
from llmmem_gui.service.library.known_folders import ModelFolder
from llmmem_gui.service.library.model_search import search
import grp  # may not be readable later
os.setgroups([]); os.setgid(65534); os.setuid(65534)
for step in search([ModelFolder(sys.argv[1], "Ollama", "ollama")]):
    print(step.reason)
"""


@linux
@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can become another user")
def test_who_is_not_in_the_group_of_ollama_is_told(tmp_path: Path) -> None:
    """The folder of its service is for its group alone; silence would look like an empty one."""
    store = tmp_path / "ollama/models"
    ollama_model(store, "registry.ollama.ai/library/base/latest")
    for folder in (tmp_path, *list(tmp_path.parents)[:-2]):
        folder.chmod(folder.stat().st_mode | 0o011)
    os.chown(tmp_path / "ollama", 0, 1)  # "daemon" on every Linux
    (tmp_path / "ollama").chmod(0o750)
    said = subprocess.run(
        [sys.executable, "-c", _AS_ANOTHER_USER, str(store)], capture_output=True, text=True, check=False
    )
    assert "for the group daemon, which you are not in" in said.stdout, said.stderr


def test_folders_that_may_not_be_read_are_problems(tmp_path: Path) -> None:
    """A store that is a file is none; nothing is said of it."""
    (tmp_path / "store").write_text("")
    for layout in ("ollama", "docker", "ramalama"):
        steps = search([ModelFolder(str(tmp_path / "store"), "", layout)])  # type: ignore[arg-type]
        assert not any(isinstance(step, FolderProblem) for step in steps)
