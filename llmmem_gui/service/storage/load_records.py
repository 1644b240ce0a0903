"""What loads were forecast to take and what they really took, remembered between two runs."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec

from llmmem_gui.core.measurement import LoadKey, Measurement
from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.warmth import LoadTimes, TimedLoad
from llmmem_gui.service.storage.durable_file import KeptFile

log = logging.getLogger(__name__)

VERSION = 1
RECORDS_KEPT = 1000
"""Loads remembered; the oldest are forgotten first."""


class LoadRecord(msgspec.Struct, frozen=True):
    """One load that has ended."""

    time: float
    """Seconds since the epoch when it ended."""
    model_id: str
    key: LoadKey
    forecast_bytes: int
    low_bytes: int
    high_bytes: int
    source: str
    """Where the forecast came from."""
    unused_bytes: int
    """What was forecast for the part of the context that the load never used."""
    measured: Measurement
    timed: TimedLoad | None = None
    """How long it took to be ready, and how warm the model was before; None where that was not known."""

    @property
    def measured_bytes(self) -> int:
        """Everything that was measured, together."""
        return self.measured.private_bytes + self.measured.mapped_bytes + self.measured.vram_bytes

    @property
    def error_percent(self) -> float:
        """How far the forecast of what was used was off, in percent of it measured; positive: too high."""
        if self.measured_bytes == 0:
            return 0.0
        used_bytes = self.forecast_bytes - self.unused_bytes
        return 100.0 * (used_bytes - self.measured_bytes) / self.measured_bytes


class _Stored(msgspec.Struct, frozen=True):
    version: int
    records: tuple[LoadRecord, ...]


class LoadRecords:
    """The records, in memory and in one JSON file."""

    def __init__(self, path: Path) -> None:
        self.times = LoadTimes()
        """What these loads have shown about the time that others take, and what has loaded since."""
        self._path = path
        self._file = KeptFile(path)
        self._records: list[LoadRecord] = []
        self._by_key: dict[LoadKey, list[Measurement]] = defaultdict(list)

    def load(self) -> Sentence | None:
        """Take over what the last run knew; a note for the user where the file is damaged.

        A damaged file is set aside with the ending `.bad`.
        """
        try:
            stored = msgspec.json.decode(self._path.read_bytes(), type=_Stored)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            aside = self._path.with_name(self._path.name + ".bad")
            try:
                os.replace(self._path, aside)
            except OSError:
                log.warning("%s could not be set aside", self._path)
            return Sentence(
                "Storage", "The record of past loads could not be read ({reason}): it begins anew."
            ).format(reason=str(error))
        if stored.version == VERSION:
            for record in stored.records:
                self._take(record)
                if record.timed is not None:
                    self.times.learn(record.key, record.timed)
        return None

    @property
    def records(self) -> Sequence[LoadRecord]:
        """All records, the newest last."""
        return self._records

    def measurements(self, key: LoadKey) -> Sequence[Measurement]:
        """What earlier loads of the same file with the same parameters and engine took."""
        return self._by_key.get(key, ())

    async def add(self, record: LoadRecord) -> None:
        """Remember one more load and write it down; what cannot be written is kept for this run only."""
        self._take(record)
        try:
            await self._file.write(lambda: _Stored(VERSION, tuple(self._records)))
        except OSError as error:
            log.warning("the record of loads could not be written: %s", error)

    def _take(self, record: LoadRecord) -> None:
        self._records.append(record)
        self._by_key[record.key].append(record.measured)
        if len(self._records) > RECORDS_KEPT:
            oldest = self._records.pop(0)
            measured = self._by_key[oldest.key]
            measured.remove(oldest.measured)
            if not measured:
                del self._by_key[oldest.key]
