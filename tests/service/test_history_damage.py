"""A history whose file is damaged, foreign, newer or older: nothing of it stops the program."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.service.storage import history_file
from llmmem_gui.service.storage.history_store import HistoryStore
from tests.service.history_stores import (
    NOON,
    Clock,
    history_path,
    opened,
    record_seconds,
    sample,
    write_history,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the history is kept; neither the file nor its folder is there yet."""
    return history_path(tmp_path)


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 100)


def flipped(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 64)


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE chats (prompt TEXT)")
    connection.close()


def another_schema(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE memory RENAME COLUMN machine TO computer")
    connection.close()


def without_a_table(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE event")
    connection.close()


def version_unset(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = -3")
    connection.close()


def damaged_free_space(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM memory")
    connection.close()
    with path.open("r+b") as file:
        # The number of the first page without use stands here (sqlite.org/fileformat2.html, section 1.3).
        file.seek(32)
        page = int.from_bytes(file.read(4), "big")
        assert page
        file.seek(4096 * (page - 1))
        file.write(b"\xff" * 4096)


def random_bytes(path: Path) -> None:
    path.write_bytes(os.urandom(50_000))


def text(path: Path) -> None:
    path.write_text("hello")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "random bytes": random_bytes,
    "text": text,
    "truncated": truncated,
    "a flipped page": flipped,
    "free space": damaged_free_space,
    "another program's": foreign,
    "other columns": another_schema,
    "a table missing": without_a_table,
    "no version": version_unset,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_set_aside(path: Path, damage: str) -> None:
    """A damaged file is kept as it is under another name, one note says so, and a new history is begun."""
    write_history(path)
    DAMAGES[damage](path)
    damaged = path.read_bytes()

    async def start_again() -> tuple[tuple[str, ...], int]:
        store = HistoryStore(path, clock=Clock())
        notes = await store.open()
        await record_seconds(store, NOON, 30)
        points = len((await store.load()).window(NOON, NOON + 30).times)
        await store.close()
        return notes, points

    notes, points = asyncio.run(start_again())
    assert len(notes) == 1
    assert "history.sqlite3.bad" in str(notes[0])
    assert (path.parent / "history.sqlite3.bad").read_bytes() == damaged
    assert points == 30
    # The new one is sound.
    assert asyncio.run(start_again()) == ((), 30)


async def test_an_empty_file_is_a_new_history(path: Path) -> None:
    """A file of no bytes holds nothing to be kept or to be told of."""
    path.parent.mkdir()
    path.touch()
    async with opened(path) as store:
        await record_seconds(store, NOON, 5)
    assert [file.name for file in path.parent.iterdir()] == ["history.sqlite3"]


async def test_a_second_damaged_file_takes_the_place_of_the_first(path: Path) -> None:
    """Damaged files do not pile up: the one set aside last is kept."""
    for content in (b"first" * 100, b"second" * 100):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        store = HistoryStore(path, clock=Clock())
        assert len(await store.open()) == 1
        await store.close()
    names = sorted(file.name for file in path.parent.iterdir())
    assert names == ["history.sqlite3", "history.sqlite3.bad"]
    assert (path.parent / "history.sqlite3.bad").read_bytes() == b"second" * 100


def test_a_bit_that_flipped_within_a_row_costs_that_row(path: Path) -> None:
    """What SQLite cannot see a checksum does: a row with a flipped bit is left out, the others are shown."""
    write_history(path, 60)
    with sqlite3.connect(path) as connection:
        place, models = connection.execute("SELECT place, models FROM memory ORDER BY place").fetchone()
        flipped_bit = bytes([*models[:-1], models[-1] ^ 0x40])
        connection.execute("UPDATE memory SET models = ? WHERE place = ?", (flipped_bit, place))
    connection.close()

    async def times() -> int:
        async with opened(path) as store:
            window = (await store.load()).window(NOON, NOON + 60)
            assert np.nanmax(window.weights_bytes.most) < GIB
            return int((~np.isnan(window.own_bytes.mean)).sum())

    assert asyncio.run(times()) == 59


async def test_figures_without_a_name_are_left_out(path: Path) -> None:
    """Where the name of a model is lost its figures are shown as no other model's."""
    forget_b = "DELETE FROM model WHERE id = CAST('b' AS BLOB)"
    async with opened(path) as store:
        await record_seconds(store, NOON, 5, "b")
        await record_seconds(store, NOON + 5, 5, "a")
        await store._in_thread(lambda: store._file._connection.execute(forget_b).fetchone())
        window = (await store.load()).window(NOON, NOON + 10)
    assert window.models == ("a",)
    assert window.private_bytes.mean.tolist() == [[0] * 5 + [GIB] * 5]


async def test_a_newer_history_is_left_as_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a newer version is not changed by a byte; the note says what to do; nothing is kept."""
    with monkeypatch.context() as newer:
        newer.setattr(history_file, "_UPGRADES", (*history_file._UPGRADES, ("CREATE TABLE more (a)",)))
        async with opened(path) as store:
            await record_seconds(store, NOON, 10)
    before = path.read_bytes()
    store = HistoryStore(path, clock=Clock())
    notes = await store.open()
    await record_seconds(store, NOON + 20, 10)
    assert len((await store.load()).window(NOON, NOON + 60).times) == 0
    await store.close()
    assert len(notes) == 1
    assert "newer version" in str(notes[0])
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["history.sqlite3"]


async def test_an_older_history_is_brought_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps that a file lacks are made, each once, and what was recorded stays."""
    async with opened(path) as store:
        await record_seconds(store, NOON, 10)
    more = (*history_file._UPGRADES, ("CREATE TABLE more (a)",), ("INSERT INTO more VALUES (7)",))
    monkeypatch.setattr(history_file, "_UPGRADES", more)
    for _ in range(2):
        async with opened(path) as store:
            assert len((await store.load()).window(NOON, NOON + 10).times) == 10
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT a FROM more").fetchall() == [(7,)]
        assert connection.execute("PRAGMA user_version").fetchone() == (5,)
    connection.close()


async def test_a_step_that_fails_leaves_the_older_history_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step is made as a whole or not at all: after a failed one the older program reads the file."""
    async with opened(path) as store:
        await record_seconds(store, NOON, 10)
    with monkeypatch.context() as newer:
        step = ("CREATE TABLE more (a)", "INSERT INTO nowhere VALUES (7)")
        newer.setattr(history_file, "_UPGRADES", (*history_file._UPGRADES, step))
        store = HistoryStore(path, clock=Clock())
        assert len(await store.open()) == 1
        await store.close()
    async with opened(path) as store:
        assert len((await store.load()).window(NOON, NOON + 10).times) == 10


async def test_damage_while_the_program_runs_is_told_once_and_a_new_file_is_begun(path: Path) -> None:
    """When the file is destroyed under the running program it is set aside, and recording goes on."""
    reports: list[Sentence] = []
    async with opened(path, report=reports.append) as store:
        # More than the cache of the connection holds, so that it has to read again.
        for begin in range(0, 3_600, 300):
            for second in range(begin, begin + 300):
                models = {f"model {each}": (GIB, 0) for each in range(15)}
                store.record(sample(NOON + second, {"a": (2 * GIB, 0), **models}), None)
            await store.flush()
        await store._in_thread(
            lambda: store._file._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        )
        size = path.stat().st_size
        assert size > MIB
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(size - 4096))
        for round in range(20):
            await record_seconds(store, NOON + 4_000 + round * 60, 60)
        history = await store.load()
    assert len(reports) == 1
    assert "history.sqlite3.bad" in str(reports[0])
    assert history.window(NOON + 4_000, NOON + 5_200).models == ("a",)
    async with opened(path) as store:
        assert (await store.load()).window(NOON + 4_100, NOON + 5_100).models == ("a",)
