"""What of real files is in memory is told as it is, without reading them, or it is not known."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from llmmem_gui.core.units import KIB, MIB
from llmmem_gui.core.warmth import Warmth
from llmmem_gui.service.library import page_cache
from llmmem_gui.service.library.page_cache import warmth_of
from tests.page_cache import forget_pages

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone is asked")

NOBODY = 65534
SIZE = 8 * MIB
Ask = Callable[[list[str]], Warmth | None]


def written(path: Path, size: int = SIZE) -> Path:
    """A file of that size on the disk, and nothing of it in memory."""
    with path.open("wb") as file:
        file.write(os.urandom(size))
        file.flush()
        os.fsync(file.fileno())
    forget_pages(path)
    return path


def read(path: Path, size: int) -> None:
    """Read the first bytes of a file, and nothing ahead of them."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
        assert len(os.pread(descriptor, size, 0)) == size
    finally:
        os.close(descriptor)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose files can be taken out of memory, which of a tmpfs they cannot."""
    known = warmth_of([str(written(tmp_path / "probe"))])
    if known is None or not known.is_cold:
        pytest.skip(f"files in {tmp_path} do not leave memory, or the system does not tell")
    return tmp_path


@pytest.fixture(params=["cachestat", "mincore"])
def ask(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """The question, asked of a new kernel and of one before 6.5, which has `mincore` alone."""
    if request.param == "mincore":
        monkeypatch.setattr(page_cache, "_CACHESTAT", 100_000)  # a call that no kernel has
    else:
        descriptor = os.memfd_create("any")
        try:
            if page_cache._by_cachestat(descriptor) is None:
                pytest.skip("this kernel has no cachestat(2)")
        finally:
            os.close(descriptor)
    return lambda paths: warmth_of(paths)


def test_the_share_follows_what_is_read_and_evicted(folder: Path, ask: Ask) -> None:
    """Cold, a quarter, all, cold again; and that it was asked warms nothing."""
    path = written(folder / "model.gguf")
    for _ in range(3):
        assert ask([str(path)]) == Warmth(SIZE, 0)
    read(path, SIZE // 4)
    assert ask([str(path)]) == Warmth(SIZE, SIZE // 4)
    read(path, SIZE)
    assert ask([str(path)]) == Warmth(SIZE, SIZE)
    forget_pages(path)
    assert ask([str(path)]) == Warmth(SIZE, 0)


def test_parts_count_together(folder: Path, ask: Ask) -> None:
    """By their bytes; when one of them has gone, nothing is known."""
    parts = [written(folder / f"model-0000{number}-of-00003.gguf", number * MIB) for number in (1, 2, 3)]
    read(parts[2], 3 * MIB)
    paths = [str(part) for part in parts]
    assert ask(paths) == Warmth(6 * MIB, 3 * MIB)
    parts[1].unlink()
    assert ask(paths) is None


def test_a_page_that_is_not_whole_is_no_more_than_the_file(folder: Path, ask: Ask) -> None:
    """A file ends where it ends, not where its last page does."""
    path = written(folder / "model.gguf", 64 * KIB + 1)
    read(path, 64 * KIB + 1)
    assert ask([str(path)]) == Warmth(64 * KIB + 1, 64 * KIB + 1)


def test_what_is_no_file_with_content_is_not_known(folder: Path, ask: Ask) -> None:
    """An empty file, a file that has gone, a folder, a pipe, a name that cannot be."""
    (folder / "empty").touch()
    os.mkfifo(folder / "pipe")
    for name in ("empty", "gone", ".", "pipe", "no\0name"):
        assert ask([f"{folder}/{name}"]) is None


def test_a_file_that_vanishes_midway_is_no_fault(
    folder: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is deleted and cut short after it was looked at and before it is asked for."""
    path = written(folder / "model.gguf")
    may_be_told = page_cache._may_be_told

    def vanish(*arguments: object) -> bool:
        os.truncate(path, 0)
        path.unlink()
        return may_be_told(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(page_cache, "_may_be_told", vanish)
    monkeypatch.setattr(page_cache, "_by_cachestat", lambda _: None)
    assert ask([str(path)]) == Warmth(SIZE, 0)
    assert ask([str(path)]) is None


def test_holes_are_not_called_cold(folder: Path, ask: Ask) -> None:
    """What is on no disk need not be read from one."""
    path = folder / "sparse.gguf"
    with path.open("wb") as file:
        file.truncate(SIZE)
    assert ask([str(path)]) is None


def test_a_file_in_memory_by_its_nature_is_in_memory(ask: Ask) -> None:
    """A tmpfs has its files nowhere else."""
    if page_cache._file_system("/dev/shm") != 0x01021994:
        pytest.skip("/dev/shm is no tmpfs here")
    path = Path("/dev/shm") / f"llmmem-test-{os.getpid()}"
    try:
        path.write_bytes(os.urandom(MIB))
        assert ask([str(path)]) == Warmth(MIB, MIB)
    finally:
        path.unlink()


@pytest.mark.skipif(
    os.geteuid() != 0 if hasattr(os, "geteuid") else True, reason="takes root to be two users"
)
@pytest.mark.parametrize("call", [page_cache._CACHESTAT, 100_000], ids=["cachestat", "mincore"])
def test_the_files_of_others_are_not_known_rather_than_wrong(folder: Path, call: int) -> None:
    """Who may read a file, and not write it, is told that all of it is in memory: that is no answer."""
    path = written(folder / "model.gguf")
    path.chmod(0o644)
    folder.chmod(0o755)
    script = (
        "import os\n"
        "from llmmem_gui.service.library import page_cache\n"
        f"page_cache._CACHESTAT = {call}\n"
        f"os.chdir({str(folder)!r})\n"  # the folders above are closed to others
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        f"assert os.access('model.gguf', os.R_OK)\n"
        f"print(page_cache.warmth_of(['model.gguf']))\n"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    # An early cachestat(2) tells everybody, and then it tells the truth.
    truths = ["None"] if call != page_cache._CACHESTAT else ["None", str(Warmth(SIZE, 0))]
    assert told.stdout.strip() in truths


def test_a_system_that_calls_everything_resident_is_not_believed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are sandboxes whose `mincore` says so of a hole, too; they cannot be had here."""
    path = written(folder / "model.gguf")
    monkeypatch.setattr(page_cache, "_CACHESTAT", 100_000)
    page_cache._mincore_tells.cache_clear()
    monkeypatch.setattr(page_cache, "_is_present", lambda _: True)
    try:
        assert warmth_of([str(path)]) is None
    finally:
        page_cache._mincore_tells.cache_clear()


@pytest.mark.parametrize("kind", [0x65735546, 0x2FC12FC1], ids=["FUSE", "ZFS"])
def test_file_systems_with_a_memory_of_their_own_are_not_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: int
) -> None:
    """FUSE drops what it keeps of a file when that is opened; ZFS keeps it where nobody is told."""
    path = written(folder / "model.gguf")
    monkeypatch.setattr(page_cache, "_file_system", lambda _: kind)
    monkeypatch.setattr(page_cache, "open_regular", lambda *_: pytest.fail("it was opened"))
    assert warmth_of([str(path)]) is None


@pytest.mark.skipif(os.geteuid() != 0 if hasattr(os, "geteuid") else True, reason="takes root to mount")
def test_an_overlay_has_the_pages_of_what_lies_below(folder: Path) -> None:
    """`cachestat` of a file in a container's image sees none of them."""
    names = ("lower", "upper", "work", "merged")
    lower, upper, work, merged = (folder / name for name in names)
    for place in (lower, upper, work, merged):
        place.mkdir()
    written(lower / "model.gguf")
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    command = ["mount", "-t", "overlay", "overlay", "-o", options, str(merged)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("no overlay can be mounted here")
    try:
        path = merged / "model.gguf"
        assert warmth_of([str(path)]) == Warmth(SIZE, 0)
        path.read_bytes()
        assert warmth_of([str(path)]) == Warmth(SIZE, SIZE)
    finally:
        subprocess.run(["umount", str(merged)], check=True)


def test_asking_takes_no_memory(folder: Path, ask: Ask) -> None:
    """A file that is mapped for the question and not touched is not resident, then or later."""
    path = written(folder / "model.gguf", 32 * MIB)
    read(path, 32 * MIB)
    ask([str(path)])
    before = _shared_pages()
    for _ in range(20):
        ask([str(path)])
    assert _shared_pages() - before < 64  # what Python itself may load meanwhile, of 8,192
    assert str(path) not in Path("/proc/self/maps").read_text()


def _shared_pages() -> int:
    """Resident pages of files in this process."""
    return int(Path("/proc/self/statm").read_text().split()[2])
