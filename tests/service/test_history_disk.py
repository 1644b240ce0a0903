"""The history on a disk that refuses it, and under kill -9: nothing that was written is lost."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
import tempfile
import threading
from pathlib import Path

import pytest

from llmmem_gui.core.events import Event
from llmmem_gui.core.history_rows import (
    MACHINE_FIGURES,
    RESOLUTIONS,
    Row,
)
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.service.storage import history_file
from llmmem_gui.service.storage.history_file import Batch, HistoryFile, written_row
from llmmem_gui.service.storage.history_store import HistoryStore
from tests.service.history_stores import (
    DAY,
    NOON,
    PROJECT,
    assert_in_memory_only,
    history_path,
    opened,
    record_seconds,
    sample,
    started,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the history is kept; neither the file nor its folder is there yet."""
    return history_path(tmp_path)


# --- a file that cannot be used --------------------------------------------------------------------------


async def test_a_locked_file_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another program holds the file nothing is kept, one note says so, and it is not disturbed."""
    monkeypatch.setattr(history_file, "_LOCK_PATIENCE_SECONDS", 0.05)
    async with opened(path) as store:
        await record_seconds(store, NOON, 10)
    program = """
        import sqlite3, sys
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        print("locked", flush=True)
        sys.stdin.readline()
        connection.execute("DELETE FROM event")
        connection.execute("COMMIT")
        print("done", flush=True)
    """
    with started(program, str(path)) as other:
        assert other.stdout.readline() == "locked\n"
        assert "locked" in await assert_in_memory_only(path)
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.stdout.readline() == "done\n"
    async with opened(path) as store:
        assert len((await store.load()).window(NOON, NOON + 10).times) == 10


async def test_two_stores_do_not_write_the_same_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open store keeps others out, also while it writes nothing."""
    monkeypatch.setattr(history_file, "_LOCK_PATIENCE_SECONDS", 0.05)
    async with opened(path):
        program = """
            import sqlite3, sys
            try:
                sqlite3.connect(sys.argv[1], timeout=0).execute("SELECT * FROM model").fetchall()
            except sqlite3.OperationalError as error:
                print(error)
        """
        with started(program, str(path)) as other:
            assert other.stdout.read() == "database is locked\n"
        assert "locked" in await assert_in_memory_only(path)


async def test_a_folder_in_the_place_of_the_file(path: Path) -> None:
    """A folder with the name of the file is left as it is."""
    path.mkdir(parents=True)
    (path / "something").touch()
    path.chmod(0o755)
    await assert_in_memory_only(path)
    assert [file.name for file in path.iterdir()] == ["something"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


async def test_a_file_in_the_place_of_the_data_folder(path: Path) -> None:
    """Where the data folder cannot be made the program runs without it."""
    path.parent.write_text("in the way")
    await assert_in_memory_only(path)


READ_ONLY = """
    import asyncio, os, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from tests.service.history_stores import assert_in_memory_only, write_history

    path = Path(sys.argv[1])
    write_history(path, 10)
    before = path.read_bytes()
    if os.getuid() == 0:
        # Root may write everything: go on as another user.
        os.chown(path, 65534, 65534)
        os.chown(path.parent, 65534, 65534)
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    if sys.argv[3] == "file":
        path.chmod(0o444)
    else:
        path.parent.chmod(0o500)
    print(asyncio.run(assert_in_memory_only(path)))
    assert path.read_bytes() == before
    print("unchanged")
"""


@pytest.mark.parametrize(("what", "named"), [("file", "history.sqlite3"), ("folder", "data")])
def test_a_history_that_may_not_be_written(what: str, named: str) -> None:
    """A file, or a folder, without the right to write is left as it is, and one note says so."""
    # Not in pytest's folder, which no other user may enter.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with started(READ_ONLY, f"{folder}/data/history.sqlite3", str(PROJECT), what) as child:
            note, unchanged = child.stdout.read().splitlines()
    assert f"the right to write {named} is missing" in note
    assert unchanged == "unchanged"


# --- a disk that is full ---------------------------------------------------------------------------------


async def let_grow(store: HistoryStore, pages: int) -> None:
    """Allow the open file that many pages, or as many as it has."""
    pragma = f"PRAGMA max_page_count = {pages}"
    await store._in_thread(lambda: store._file._connection.execute(pragma).fetchone())


async def test_a_full_file_is_told_once_and_nothing_is_lost(path: Path) -> None:
    """When SQLite says that there is no space, rows wait; when there is again, all of them are written."""
    reports: list[Sentence] = []
    async with opened(path, report=reports.append) as store:
        await let_grow(store, 8)
        for begin in range(0, 600, 50):
            await record_seconds(store, NOON + begin, 50, f"model {begin}")
            store.record_event(Event(NOON + begin, "note"))
        assert len(reports) == 1
        assert "full" in str(reports[0])
        await let_grow(store, 100_000)
        history = await store.load()
        assert len(reports) == 1
        window = history.window(NOON, NOON + 600)
        assert len(window.times) == 600
        assert len(window.models) == 12
        assert (window.private_bytes.mean.sum(axis=0) == GIB).all()
        assert len(history.events(0, NOON + 600)) == 12
        # The next time it is told again.
        await let_grow(store, 1)
        for begin in range(1_000, 2_000, 200):
            await record_seconds(store, NOON + begin, 200)
        assert len(reports) == 2


async def test_a_row_that_could_not_be_written_gives_way_to_its_newer_self(path: Path) -> None:
    """A minute that was half over when its writing failed is written whole, with what came meanwhile."""
    reports: list[Sentence] = []
    async with opened(path, report=reports.append) as store:
        await let_grow(store, 1)
        # Much else has to be written, so that it does not fit.
        for second in range(-500, 30):
            store.record(sample(NOON + second, {"a": (GIB, 0)}), None)
        answers = threading.Event()
        store._thread.submit(answers.wait)
        flushing = asyncio.create_task(store.flush())
        await asyncio.sleep(0)
        for second in range(30, 65):
            store.record(sample(NOON + second, {"a": (3 * GIB, 0)}), None)
        answers.set()
        await flushing
        assert len(reports) == 1
        await let_grow(store, 100_000)
        window = (await store.load()).window(NOON - 20 * DAY, NOON + 65, most_points=100_000)
    assert window.private_bytes.mean[0, -2] == 2 * GIB


def test_a_batch_is_written_as_a_whole_or_not_at_all(path: Path) -> None:
    """A batch with a fault leaves the file as it was, also what it had deleted; the next one is written."""
    ring_rows = RESOLUTIONS[0].ring_rows
    row = Row(NOON, 1, (1.0,) * MACHINE_FIGURES, {})
    earlier, later = (written_row(0, row._replace(slot=slot), {}) for slot in (NOON, NOON + ring_rows + 1))
    file = HistoryFile(path)
    try:
        file.write(Batch([earlier]), NOON)
        with pytest.raises(sqlite3.IntegrityError):
            file.write(Batch([later, later._replace(machine=None)]), NOON)
        assert [memory.slots.tolist() for memory, _ in file.rows(0)] == [[NOON]]
        file.write(Batch([later]), NOON)
        assert [memory.slots.tolist() for memory, _ in file.rows(0)] == [[NOON + ring_rows + 1]]
    finally:
        file.close()


async def test_what_waits_for_space_is_bounded(path: Path) -> None:
    """On a disk that stays full the newest rows wait, and no more than a fixed number of them."""
    async with opened(path) as store:
        await let_grow(store, 1)
        for begin in range(0, 6_000, 500):
            await record_seconds(store, NOON + begin, 500)
            for place in range(300):
                store.record_event(Event(NOON + begin + place, "note"))
        waiting = [len(rows) for rows in store._waiting]
        assert waiting[0] == 600
        assert max(waiting) == 600
        assert max(row.slot for row in store._waiting[0].values()) == NOON + 5_999
        assert len(store._events) == 1_000


FILE_SIZE_LIMIT = """
    import asyncio, resource, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from llmmem_gui.core.units import GIB
    from tests.service.history_stores import NOON, opened, record_seconds

    async def main(path):
        reports = []
        async with opened(path, report=reports.append) as store:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
            for begin in range(0, 500, 50):
                await record_seconds(store, NOON + begin, 50)
            assert len(reports) == 1, reports
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            await record_seconds(store, NOON + 500, 50)
        async with opened(path) as store:
            window = (await store.load()).window(NOON, NOON + 550)
            assert len(window.times) == 550
            assert (window.private_bytes.mean == GIB).all()
        print("all there")

    asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_write_that_the_system_refuses_is_made_up_for(path: Path) -> None:
    """When the system really refuses to write, one note says so, and later everything is there."""
    with started(FILE_SIZE_LIMIT, str(path), str(PROJECT)) as child:
        assert child.stdout.read() == "all there\n"


# --- kill -9 ---------------------------------------------------------------------------------------------

RECORDER = """
    import asyncio, json, sys, time
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from llmmem_gui.core.events import Event
    from llmmem_gui.core.sentence import verbatim
    from llmmem_gui.core.units import GIB, MIB
    from llmmem_gui.service.storage.history_store import HistoryStore
    from tests.service.history_stores import sample

    async def main(path, second):
        store = HistoryStore(path, clock=lambda: second)
        print(json.dumps([str(note) for note in await store.open()]), flush=True)
        while True:
            for _ in range(7):
                store.record(sample(second, {"a": (second % 1_000 * MIB, GIB)}), 8 * GIB)
                second += 1
            store.record_event(Event(second, "note", text=verbatim(str(second))))
            await store.flush()
            print(second, flush=True)

    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[3])))
"""


def test_it_survives_being_killed_twenty_times(path: Path) -> None:
    """After each kill -9 the file is sound and has all that was said to be written, each figure as it was."""
    begin = NOON
    for round in range(20):
        with started(RECORDER, str(path), str(PROJECT), str(begin)) as recorder:
            assert json.loads(recorder.stdout.readline()) == []
            # After another number of writes each time; where in the next one the kill hits is chance.
            said = [recorder.stdout.readline() for _ in range(1 + round * 7 % 23)]
            recorder.kill()
            end = int([*said, *recorder.stdout.readlines()][-1])
        asyncio.run(assert_recorded(path, begin, end))
        # The run may have written seven seconds more than it could say.
        begin = end + 7


async def assert_recorded(path: Path, begin: int, end: int) -> None:
    async with opened(path, end) as store:
        history = await store.load()
    window = history.window(begin, end - 1)
    points = {round(time - 0.5): place for place, time in enumerate(window.times.tolist())}
    for second in range(begin, end):
        place = points[second]
        assert window.private_bytes.mean[0, place] == second % 1_000 * MIB
        assert window.weights_bytes.mean[0, place] == GIB
    texts = [int(str(event.text)) for event in history.events(begin + 1, end)]
    assert texts == list(range(begin + 7, end + 1, 7))
