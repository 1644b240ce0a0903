"""Models on the disk: where they are looked for, how files become models, what they are called."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import msgspec
import pytest

from llmmem_gui.core.library import FoundModel, ModelFile, model_file, slug, unused_id
from llmmem_gui.service.library.findings import FolderProblem
from llmmem_gui.service.library.known_folders import ModelFolder, known_folders
from llmmem_gui.service.library.model_files import describe
from llmmem_gui.service.library.model_search import search
from tests.gguf_writer import header_bytes, write_gguf
from tests.hostile_gguf import RECIPE, write_good_model
from tests.made_up_models import model_metadata, model_tensors


def found_in(*folders: Path | ModelFolder) -> list[FoundModel | FolderProblem]:
    places = [
        folder if isinstance(folder, ModelFolder) else ModelFolder(str(folder), "") for folder in folders
    ]
    return [step for step in search(places) if step is not None]


def names_in(*folders: Path | ModelFolder) -> list[str]:
    return [found.name for found in found_in(*folders) if isinstance(found, FoundModel)]


def split_model(folder: Path, stem: str, count: int) -> list[Path]:
    """A model written as `count` files, each with its share of the tensors."""
    tensors = model_tensors(RECIPE)
    paths = []
    for number in range(count):
        own = {"split.no": number, "split.count": count, "split.tensors.count": len(tensors)}
        metadata = {**model_metadata(RECIPE), **own} if number == 0 else own
        path = folder / f"{stem}-{number + 1:05}-of-{count:05}.gguf"
        paths.append(write_gguf(path, metadata, tensors[number::count]))
    return paths


def test_finds_models_in_folders_of_folders(tmp_path: Path) -> None:
    """Models are found at any depth that is asked for; unfinished downloads and other files are not."""
    for name in (
        "a.gguf",
        "deep/er/b.GGUF",
        "c.gguf.part",
        "incomplete-d.gguf",
        ".e.gguf",
        "f.txt",
        "g.gguf.incomplete",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"GGUF")
    assert names_in(tmp_path) == ["a", "b"]
    assert names_in(ModelFolder(str(tmp_path), "", depth=2)) == ["a"]


def test_each_folder_and_file_is_found_once(tmp_path: Path) -> None:
    """Links in a circle, a folder given twice and a file with two names lead to one model each."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "m.gguf").write_bytes(b"GGUF")
    (tmp_path / "inner" / "around").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "inner")
    os.link(tmp_path / "inner" / "m.gguf", tmp_path / "inner" / "n.gguf")
    (tmp_path / "inner" / "o.gguf").symlink_to("m.gguf")
    assert len(names_in(tmp_path, tmp_path, tmp_path / "inner")) == 1


def test_missing_folders_are_passed_over(tmp_path: Path) -> None:
    """A folder that does not exist, and a file in the place of a folder, are no problem."""
    (tmp_path / "file").write_bytes(b"")
    assert found_in(tmp_path / "nowhere", tmp_path / "file") == []


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_folder_that_may_not_be_read_is_reported(tmp_path: Path) -> None:
    """A folder without permission gives a problem that says so, and the search goes on."""
    locked, other = tmp_path / "locked", tmp_path / "other"
    locked.mkdir(mode=0)
    other.mkdir()
    (other / "m.gguf").write_bytes(b"GGUF")
    problem, model = found_in(locked, other)
    assert isinstance(problem, FolderProblem)
    assert "Permission denied" in str(problem.reason)
    assert model.name == "m"


def test_case_35_parts_of_a_split_model_are_summed(tmp_path: Path) -> None:
    """The files of a split model are one model, whose size and weights are those of all its files."""
    paths = split_model(tmp_path, "big", 3)
    (found,) = found_in(tmp_path)
    assert found.paths == tuple(map(str, paths))
    model = model_file(found, describe(found), "big")
    whole = write_good_model(tmp_path / "whole.gguf")
    alone = FoundModel("whole", "", (str(whole),))
    assert model.error is None
    assert model.name == "big"
    assert model.file_bytes == sum(path.stat().st_size for path in paths)
    assert model.shape == describe(alone).shape


def test_a_whole_model_beside_a_split_one_of_its_name_is_found(tmp_path: Path) -> None:
    """A model that lies whole and split in one folder is there twice."""
    split_model(tmp_path, "big", 2)
    write_good_model(tmp_path / "big.gguf")
    assert [len(found.paths) for found in found_in(tmp_path)] == [1, 2]


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    """A split model without all its files has an error that names the missing one."""
    split_model(tmp_path, "big", 3)[1].unlink()
    (found,) = found_in(tmp_path)
    assert "big-00002-of-00003.gguf" in str(describe(found).error)


def test_a_part_on_its_own_is_no_model(tmp_path: Path) -> None:
    """A file that says it is one of three, but is called like a whole model, is refused."""
    path = split_model(tmp_path, "big", 3)[0].rename(tmp_path / "alone.gguf")
    assert "split into 3 files" in str(describe(FoundModel("alone", "", (str(path),))).error)


def test_files_of_different_models_are_not_joined(tmp_path: Path) -> None:
    """Files that are called like parts of one model, but say something else, are refused."""
    for number in (1, 2):
        write_good_model(tmp_path / f"x-0000{number}-of-00002.gguf")
    (found,) = found_in(tmp_path)
    assert describe(found).error


def test_projectors_are_companions(tmp_path: Path) -> None:
    """A projector goes with the model beside it, or with the one of its name, and is never a model."""
    (tmp_path / "one").mkdir()
    (tmp_path / "many").mkdir()
    for name in ("one/anything.gguf", "one/mmproj-model-f16.gguf"):
        (tmp_path / name).write_bytes(b"GGUF")
    for name in ("gemma-4b-q4.gguf", "qwen.gguf", "mmproj-gemma-4b-f16.gguf"):
        (tmp_path / "many" / name).write_bytes(b"GGUF")
    projectors = {found.name: os.path.basename(found.projector) for found in found_in(tmp_path)}
    assert projectors == {
        "anything": "mmproj-model-f16.gguf",
        "gemma-4b-q4": "mmproj-gemma-4b-f16.gguf",
        "qwen": "",
    }


def ollama_store(folder: Path, name: str, layers: list[dict[str, object]]) -> Path:
    manifest = folder / "manifests" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"layers": layers}))
    (folder / "blobs").mkdir(exist_ok=True)
    return folder


def test_models_of_ollama_are_found_by_their_manifests(tmp_path: Path) -> None:
    """A manifest leads to the blob, with Ollama's name; one blob in two tags is one model."""
    digest = "sha256:" + "0" * 64
    layers = [
        {"mediaType": "application/vnd.ollama.image.model", "digest": digest},
        {"mediaType": "application/vnd.ollama.image.projector", "digest": "sha256:" + "1" * 64},
    ]
    for name in ("registry.ollama.ai/library/tiny/latest", "registry.ollama.ai/library/tiny/1b"):
        ollama_store(tmp_path, name, layers)
    blob = write_good_model(tmp_path / "blobs" / digest.replace(":", "-"))
    (found,) = found_in(ModelFolder(str(tmp_path), "Ollama", "ollama"))
    assert (found.name, found.owner, found.paths) == ("tiny:1b", "Ollama", (str(blob),))
    assert found.projector.endswith("1" * 64)
    assert describe(found).error is None


@pytest.mark.parametrize(
    ("manifest", "name"),
    [
        ("registry.ollama.ai/library/llama3.2/latest", "llama3.2"),
        ("registry.ollama.ai/library/llama3.2/3b", "llama3.2:3b"),
        ("registry.ollama.ai/someone/model/latest", "someone/model"),
        ("hf.co/org/repo/Q4_K_M", "hf.co/org/repo:Q4_K_M"),
    ],
)
def test_models_of_ollama_are_called_as_ollama_calls_them(manifest: str, name: str, tmp_path: Path) -> None:
    """The name is the one that `ollama list` shows."""
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + "a" * 64}
    ollama_store(tmp_path, manifest, [layer])
    assert names_in(ModelFolder(str(tmp_path), "Ollama", "ollama")) == [name]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"layers": 3}',
        '{"layers": [3, {"digest": 3}]}',
        '{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../x"}]}',
        "[" * 100_000,
    ],
)
def test_bad_manifests_lead_nowhere(content: str, tmp_path: Path) -> None:
    """A manifest that is none, or points out of the store, gives no model and no failure."""
    ollama_store(tmp_path, "registry.ollama.ai/library/bad/latest", [])
    (tmp_path / "manifests/registry.ollama.ai/library/bad/latest").write_text(content)
    assert found_in(ModelFolder(str(tmp_path), "Ollama", "ollama")) == []


def test_models_that_ollama_keeps_in_its_own_format_are_listed_with_the_reason(tmp_path: Path) -> None:
    """A model of single tensors is shown, and said not to be GGUF."""
    layer = {"mediaType": "application/vnd.ollama.image.tensor", "digest": "sha256:" + "a" * 64}
    ollama_store(tmp_path, "registry.ollama.ai/library/new/latest", [layer])
    (found,) = found_in(ModelFolder(str(tmp_path), "Ollama", "ollama"))
    assert "not as GGUF" in str(describe(found).error)


def test_snapshots_of_hugging_face_name_their_blobs(tmp_path: Path) -> None:
    """A file of the Hugging Face cache is called by its snapshot's link and found once."""
    repository = tmp_path / "models--org--repo"
    (repository / "blobs").mkdir(parents=True)
    write_good_model(repository / "blobs" / "abc")
    for commit in ("1" * 40, "2" * 40):
        (repository / "snapshots" / commit).mkdir(parents=True)
        (repository / "snapshots" / commit / "model-q8.gguf").symlink_to("../../blobs/abc")
    (found,) = found_in(tmp_path)
    assert found.name == "model-q8"
    assert describe(found).error is None


def test_a_bad_file_is_an_entry_with_its_error(tmp_path: Path) -> None:
    """A file that is no model stands in the library with the reason, its name and its size."""
    path = tmp_path / "Broken Model.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    (found,) = found_in(tmp_path)
    model = model_file(found, describe(found), unused_id(found, ()))
    assert (model.id, model.name, model.file_bytes) == ("broken-model", "Broken Model", 104)
    assert "version 0" in str(model.error)
    assert model.shape is None


def test_case_34_projectors_and_adapters_are_no_models(tmp_path: Path) -> None:
    """A file that says it is a projector or an adapter is not offered for loading."""
    for general_type in ("mmproj", "adapter"):
        metadata = model_metadata(RECIPE) | {"general.type": general_type}
        path = write_gguf(tmp_path / f"{general_type}.gguf", metadata, model_tensors(RECIPE))
        error = str(describe(FoundModel("x", "", (str(path),))).error)
        assert "not a model of its own" in error


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text_is_shown_escaped_and_refused(tmp_path: Path) -> None:
    """A name that is not UTF-8 makes an entry that can be shown, stored and not loaded."""
    raw = os.path.join(os.fsencode(tmp_path), b"m\xff.gguf")
    with open(raw, "wb") as file:
        file.write(header_bytes(model_metadata(RECIPE), model_tensors(RECIPE)))
    (found,) = found_in(tmp_path)
    model = model_file(found, describe(found), unused_id(found, ()))
    assert "not UTF-8" in str(model.error)
    assert model.path.endswith("m\\xff.gguf")
    assert msgspec.json.decode(msgspec.json.encode(model), type=ModelFile) == model


def test_entries_survive_json(tmp_path: Path) -> None:
    """An entry of the library is the same after it was stored and read back."""
    found = FoundModel("good", "", (str(write_good_model(tmp_path / "good.gguf")),))
    model = model_file(found, describe(found), "good")
    status = os.stat(found.paths[0])
    assert msgspec.json.decode(msgspec.json.encode(model), type=ModelFile) == model
    assert model.file == (status.st_dev, status.st_ino)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Qwen2.5-7B-Instruct-Q4_K_M", "qwen2.5-7b-instruct-q4_k_m"),
        ("Modèle très bon (v2)", "modele-tres-bon-v2"),
        ("hf.co/org/repo:Q4_K_M", "hf.co-org-repo-q4_k_m"),
        ("Модель-7B", "модель-7b"),
        ("通义千问 7B（对话）", "通义千问-7b-对话"),
        ("نموذج لغوي", "نموذج-لغوي"),
        ("मॉडल", "मॉडल"),
        ("か\u3099くしゅう", "がくしゅう"),
        ("Ｑｗｅｎ①", "qwen1"),
        ("Straße-İzmir", "strasse-izmir"),
        ("👍", "model"),
        ("..", "model"),
        ("a" * 300, "a" * 80),
    ],
)
def test_ids_are_short_and_plain(name: str, expected: str) -> None:
    """An id is in lower case and needs no quoting in a shell; of a name in any script it keeps the words."""
    assert slug(name) == expected


def test_ids_are_unique() -> None:
    """Models of one name are told apart by their folders, then by numbers."""
    taken: set[str] = set()
    for folder in ("/a/one", "/a/two", "/b/two", "/c/two"):
        taken.add(unused_id(FoundModel("M", "", (f"{folder}/M.gguf",)), taken))
    assert taken == {"m", "two-m", "m-2", "m-3"}


def paths_of(owner: str, environment: dict[str, str], home: Path, platform: str = "linux") -> list[str]:
    return [
        folder.path for folder in known_folders(environment, str(home), platform) if folder.owner == owner
    ]


def test_environment_variables_move_the_folders_of_other_programs(tmp_path: Path) -> None:
    """A program's own variable wins over its default folder."""
    assert paths_of("Hugging Face", {}, tmp_path) == [f"{tmp_path}/.cache/huggingface/hub"]
    assert paths_of("Hugging Face", {"HF_HOME": "/hf"}, tmp_path) == ["/hf/hub"]
    assert paths_of("Hugging Face", {"HF_HOME": "/hf", "HF_HUB_CACHE": "~/hub"}, tmp_path) == [
        f"{tmp_path}/hub"
    ]
    assert "/cache" in paths_of("llama.cpp", {"LLAMA_CACHE": "/cache"}, tmp_path)
    assert paths_of("Ollama", {"OLLAMA_MODELS": "/ollama"}, tmp_path)[0] == "/ollama"
    assert paths_of("Jan", {"JAN_DATA_FOLDER": "/jan"}, tmp_path)[0] == "/jan/llamacpp/models"


def test_settings_of_other_programs_are_followed(tmp_path: Path) -> None:
    """Folders that people chose in LM Studio and GPT4All are found."""
    (tmp_path / "studio").mkdir()
    (tmp_path / ".lmstudio-home-pointer").write_text(f"{tmp_path}/studio\n")
    (tmp_path / "studio" / "settings.json").write_text('{"downloadsFolder": "/big/models"}')
    (tmp_path / ".config/nomic.ai").mkdir(parents=True)
    (tmp_path / ".config/nomic.ai/GPT4All.ini").write_text("[General]\nmodelPath=/gpt\n")
    assert paths_of("LM Studio", {}, tmp_path)[0] == "/big/models"
    assert paths_of("GPT4All", {}, tmp_path)[0] == "/gpt"


@pytest.mark.parametrize("content", ["", "[]", "{", "\0", "modelPath=/x", "[General]\nmodelPath=%(x)s"])
def test_broken_settings_of_other_programs_do_no_harm(content: str, tmp_path: Path) -> None:
    """Settings files that are damaged leave the default folders."""
    (tmp_path / ".lmstudio").mkdir()
    (tmp_path / ".lmstudio" / "settings.json").write_text(content)
    (tmp_path / ".config/nomic.ai").mkdir(parents=True)
    (tmp_path / ".config/nomic.ai/GPT4All.ini").write_text(content)
    assert f"{tmp_path}/.lmstudio/models" in paths_of("LM Studio", {}, tmp_path)
    assert f"{tmp_path}/.local/share/nomic.ai/GPT4All" in paths_of("GPT4All", {}, tmp_path)


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/nomic.ai/GPT4All"),
        ("darwin", {}, "/home/x/Library/Application Support/nomic.ai/GPT4All"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/nomic.ai/GPT4All"),
    ],
)
def test_each_platform_has_its_own_folders(platform: str, environment: dict[str, str], expected: str) -> None:
    """The data folder of a platform is where its programs keep models."""
    assert paths_of("GPT4All", environment, Path("/home/x"), platform)[0] == expected
