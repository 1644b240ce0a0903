"""Writes the folders of other programs as they write them themselves, each with models in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.hostile_gguf import write_good_model

OLLAMA = "application/vnd.ollama.image."
COMMIT = "a" * 40


@dataclass
class Machine:
    """A home and a root with folders of other programs, and the models that are to be found in them."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    expected: set[tuple[str, str]] = field(default_factory=set)
    """Names and owners."""

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def expect(self, name: str, owner: str) -> None:
        assert (name, owner) not in self.expected
        self.expected.add((name, owner))

    def file(self, path: Path, owner: str, name: str = "") -> Path:
        """A model in a file of its own name, unless it is called otherwise."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.expect(name or path.stem, owner)
        return write_good_model(path)

    def write(self, path: Path, content: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path


def blob(folder: Path, content: bytes | None = None, sign: str = "-") -> str:
    """Put something under its checksum into a store, a model where nothing is given; its digest."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / "draft"
    if content is None:
        write_good_model(draft)
        # Each model is one of its own.
        content = draft.read_bytes() + str(folder).encode() + bytes([len(list(folder.iterdir()))])
    draft.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    draft.rename(folder / (f"sha256{sign}{digest}" if sign else digest))
    return f"sha256:{digest}"


def ollama_model(store: Path, name: str, layers: Mapping[str, bytes] | None = None, model: str = "") -> str:
    """A model as Ollama keeps it: its manifest, and its layers under their checksums; the model's digest."""
    model = model or blob(store / "blobs")
    listed = [{"mediaType": f"{OLLAMA}model", "digest": model}]
    for kind, content in (layers or {}).items():
        listed.append({"mediaType": OLLAMA + kind, "digest": blob(store / "blobs", content)})
    manifest = store / "manifests" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": listed}))
    return model


def hub_model(hub: Path, repository: str, file: str, commit: str = COMMIT, *, current: bool = True) -> Path:
    """A file of a repository in a cache of Hugging Face: a link to a blob; the link."""
    folder = hub / f"models--{repository.replace('/', '--')}"
    digest = blob(folder / "blobs", sign="").removeprefix("sha256:")
    link = folder / "snapshots" / commit / file
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(folder / "blobs" / digest)
    if current:
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / "main").write_text(commit)
    return link


def many_programs(folder: Path) -> Machine:
    """More than twenty programs, each with a model or two, in the places of Linux."""
    machine = Machine(folder)
    home, root = machine.home, machine.root
    data, config = home / ".local/share", home / ".config"

    machine.file(home / "models/own.gguf", "")
    machine.write(config / "user-dirs.dirs", '# made by xdg\nXDG_DOWNLOAD_DIR="$HOME/Transferências"\n')
    machine.file(home / "Transferências/baixado.gguf", "")

    hub = home / ".cache/huggingface/hub"
    hub_model(hub, "org/moved", "moved-q8.gguf", "b" * 40, current=False)
    hub_model(hub, "org/moved", "moved-q8.gguf")
    machine.expect("moved-q8", "Hugging Face")
    hub_model(hub, "ggml-org/preset-GGUF", "preset-q8_0.gguf")
    machine.expect("ggml-org/preset-GGUF:Q8_0", "llama.cpp")

    machine.file(home / ".cache/llama.cpp/cached.gguf", "llama.cpp")
    machine.file(home / "gguf/listed.gguf", "llama.cpp")
    presets = home / "presets.ini"
    named = machine.file(home / "elsewhere/file.gguf", "llama.cpp", "custom")
    machine.write(
        presets,
        f"version = 1\n[*]\nc = 2048\n[ggml-org/preset-GGUF:Q8_0]\ntemp = 0\n[custom]\nmodel = {named}\n",
    )
    machine.write(
        config / "llama.cpp/config.ini",
        f"[llama-server]\nmodels-preset = {presets}\nmodels-dir = {home}/gguf ; all of them\n",
    )

    for owner, store in {
        "Ollama": home / ".ollama/models",
        "Alpaca": home / ".var/app/com.jeffser.Alpaca/data/.ollama/models",
        "Msty": config / "Msty/models",
        "Msty Studio": config / "MstyStudio/models",
        "Msty Claw": home / ".mstyclaw/local-ai/models",
        "AnythingLLM": config / "anythingllm-desktop/storage/models/ollama",
    }.items():
        name = owner.lower().replace(" ", "-")
        ollama_model(store, f"registry.ollama.ai/library/{name}/1b")
        machine.expect(f"{name}:1b", owner)
    machine.write(
        root / "etc/systemd/system/ollama.service.d/override.conf",
        f'[Service]\nEnvironment="OLLAMA_HOST=0.0.0.0" "OLLAMA_MODELS={root}/srv/ollama"\n',
    )
    for store, name in {
        root / "srv/ollama": "service",
        root / "var/snap/ollama/common/models": "snap",
        root / "usr/share/ollama/.ollama/models": "distribution",
    }.items():
        ollama_model(store, f"registry.ollama.ai/library/{name}/latest")
        machine.expect(name, "Ollama")
    machine.file(config / "MstyStudio/models-llamacpp/org/repo/studio.gguf", "Msty Studio")

    machine.write(home / ".lmstudio/settings.json", json.dumps({"downloadsFolder": f"{home}/studio"}))
    machine.file(home / "studio/org/repo/lm.gguf", "LM Studio")

    jan = home / "big/jan"
    machine.write(data / "Jan/settings.json", json.dumps({"data_folder": str(jan)}))
    machine.file(jan / "llamacpp/models/org/jan-4b/model.gguf", "Jan", "Jan 4B")
    machine.write(
        jan / "llamacpp/models/org/jan-4b/model.yml",
        "embedding: false\nmodel_path: llamacpp/models/org/jan-4b/model.gguf\nname: Jan 4B\nsize_bytes: 3\n",
    )
    imported = machine.file(home / "imported/anywhere.gguf", "Jan", "imported-1b")
    machine.write(jan / "llamacpp/models/imported-1b/model.yml", f"model_path: {imported}\n")

    machine.write(config / "nomic.ai/GPT4All.ini", f"[General]\nmodelPath={home}/gpt\n")
    machine.file(home / "gpt/four.gguf", "GPT4All")
    machine.file(home / ".var/app/io.gpt4all.gpt4all/data/nomic.ai/GPT4All/flat.gguf", "GPT4All")

    docker_model(machine, home / ".docker/models", "index.docker.io/ai/smol:latest", "ai/smol")
    ramalama_model(machine, data / "ramalama/store/ollama/library/rama", "1b", "rama:1b")
    ramalama_model(machine, data / "ramalama/store/huggingface/org/sheep", "latest", "org/sheep")

    for owner, path in {
        "ModelScope": home / ".cache/modelscope/hub/models/org/repo/scope.gguf",
        "LocalAI": home / ".localai/models/local.gguf",
        "Nexa": home / ".cache/nexa.ai/nexa_sdk/models/org/repo/nexa.gguf",
        "node-llama-cpp": home / ".node-llama-cpp/models/node.gguf",
        "omm": home / ".omm/models/omm.gguf",
        "Cortex": home / "cortexcpp/models/huggingface.co/org/repo/cortex.gguf",
        "text-generation-webui": home / "text-generation-webui/user_data/models/web.gguf",
        "Lemonade": home / "lemons/lemon.gguf",
    }.items():
        machine.file(path, owner)
    machine.write(home / ".cache/lemonade/config.json", json.dumps({"extra_models_dir": f"{home}/lemons"}))
    return machine


def docker_model(machine: Machine, store: Path, tag: str, name: str) -> None:
    """A model in the store of Docker Model Runner."""
    blobs = store / "blobs/sha256"
    layers = [
        {"mediaType": "application/vnd.docker.ai.gguf.v3", "digest": blob(blobs, sign="")},
        {"mediaType": "application/vnd.docker.ai.license", "digest": blob(blobs, b"MIT", sign="")},
    ]
    manifest = json.dumps({"layers": layers}).encode()
    digest = blob(store / "manifests/sha256", manifest, sign="")
    files = [layer["digest"] for layer in layers]
    machine.write(
        store / "models.json", json.dumps({"models": [{"id": digest, "tags": [tag], "files": files}]})
    )
    machine.expect(name, "Docker Model Runner")


def ramalama_model(machine: Machine, folder: Path, tag: str, name: str) -> None:
    """A model in a store of RamaLama: a reference, a snapshot of links, blobs."""
    digest = blob(folder / "blobs")
    snapshot = folder / "snapshots" / "sha256-0"
    snapshot.mkdir(parents=True)
    (snapshot / "weights").symlink_to(folder / "blobs" / digest.replace(":", "-"))
    reference = {
        "version": "v1.0",
        "hash": "sha256-0",
        "path": "",
        "files": [{"hash": digest, "name": "weights", "type": "gguf"}],
    }
    machine.write(folder / "refs" / f"{tag}.json", json.dumps(reference))
    machine.expect(name, "RamaLama")
