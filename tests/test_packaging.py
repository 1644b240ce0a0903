"""The Debian package: what is laid out, what it asks of a system, what a packaged program leaves alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

from llmmem_gui.core.engines import EngineManifest, EngineReport, InstalledEngine
from llmmem_gui.service.engines import compiler
from llmmem_gui.service.storage.engine_store import EngineStore

ROOT = Path(__file__).resolve().parent.parent
ELF = b"\x7fELF"

needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="there is no dpkg-deb")


@pytest.fixture
def make_deb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, with a small frozen program and an engine in folders of this test."""
    monkeypatch.syspath_prepend(str(ROOT / "packaging"))
    import make_deb

    frozen, engine = tmp_path / "frozen", tmp_path / "engines" / "portable"
    (frozen / "_internal").mkdir(parents=True)
    engine.mkdir(parents=True)
    (frozen / "llmmem").write_bytes(ELF + b"\0GLIBC_2.9\0GLIBC_2.36\0GLIBC_2.3.4\0")
    (frozen / "llmmem").chmod(0o700)
    (frozen / "_internal" / "notes").write_bytes(b"not compiled: \0GLIBC_9.9\0")
    (engine / "libllama.so.0").write_bytes(ELF + b"\0GLIBC_2.28\0")
    (engine / "libllama.so").symlink_to("libllama.so.0")
    (engine / "report.json").write_text("{}")
    (engine / "engine.json").write_text("{}")
    (engine / "engine.json").chmod(0o600)
    monkeypatch.setattr(make_deb, "FROZEN", frozen)
    monkeypatch.setattr(make_deb, "ENGINES", tmp_path / "engines")
    monkeypatch.setattr(make_deb, "TREE", tmp_path / "tree")
    monkeypatch.setattr(make_deb, "DIST", tmp_path / "dist")
    return make_deb


@needs_dpkg
def test_the_package_carries_the_engine_as_it_is_for_everybody(make_deb: ModuleType, tmp_path: Path) -> None:
    """The engine lies beside the programs, links are links, all can read it, no finding of the builder's."""
    make_deb.lay_out()
    package = make_deb.build()
    listed = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True).stdout
    (tmp_path / "files.tar").write_bytes(listed)
    with tarfile.open(tmp_path / "files.tar") as archive:
        files = {member.name.removeprefix("./"): member for member in archive.getmembers()}
    engine = "opt/llmmem/engines/portable"
    assert files[f"{engine}/libllama.so"].linkname == "libllama.so.0"
    assert f"{engine}/report.json" not in files
    assert files[f"{engine}/engine.json"].mode == 0o644
    assert files["opt/llmmem/llmmem"].mode == 0o755
    assert files["usr/bin/llmmem"].linkname == "/opt/llmmem/llmmem"
    assert {(member.uid, member.gid) for member in files.values()} == {(0, 0)}


@needs_dpkg
def test_the_package_says_what_it_needs(make_deb: ModuleType) -> None:
    """The oldest C library that will do, all that is looked for in a source tree, the kind of processor."""
    make_deb.lay_out()
    package = make_deb.build()
    fields = subprocess.run(["dpkg-deb", "--field", package], capture_output=True, text=True, check=True)
    told = fields.stdout
    (depends,) = (line for line in told.splitlines() if line.startswith("Depends: "))
    needed = depends.removeprefix("Depends: ").split(", ")
    assert needed[0] == "libc6 (>= 2.36)"
    assert {name.split(" ")[0] for name in needed} >= {*make_deb.set_up.LIBRARIES, "libgcc-s1"}
    assert "libgomp1" not in depends  # the engine has its own
    assert "Recommends: libvulkan1" in told
    assert "x86-64-v3" in told


def test_a_packaged_program_writes_nothing_beside_its_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where it could, as for root: what a package did not bring would outlive it."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "opt" / "llmmem"))
    folder = tmp_path / "opt" / "engines" / "portable"
    folder.mkdir(parents=True)
    manifest = EngineManifest("portable", "1", "prebuilt")
    (folder / "engine.json").write_text('{"name": "portable", "version": "1", "source": "prebuilt"}')
    store = EngineStore(tmp_path / "data")
    store.save(InstalledEngine(str(folder), manifest), EngineReport("", gpus_tried=True))
    assert [path.name for path in folder.iterdir()] == ["engine.json"]
    (found,) = (engine for engine in store.engines() if engine.name == "portable")
    assert found.report is not None
    assert found.report.gpus_tried


async def test_a_packaged_program_says_where_an_engine_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no pip: the sentence names what works instead of what would only fail."""
    assert "`llmmem engine build`" in str(compiler.advice())
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(compiler.BuildError, match="run `make run` in the program's source code"):
        await compiler.build(tmp_path)
