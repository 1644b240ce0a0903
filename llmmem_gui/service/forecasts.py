"""Forecasts of loads: at once by formula, better after a rehearsal, best after a load was measured."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from llmmem_gui.core.engine import Engine
from llmmem_gui.core.fitting import cheaper_parameters, largest_context
from llmmem_gui.core.forecast import Forecast, forecast_by_formula, of_second_use
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.measurement import LoadKey, Measurement, learned, unused_bytes
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.warmth import ExpectedLoad, TimedLoad, Warmth
from llmmem_gui.service.hosting.rehearsals import RehearsalError, Rehearsals
from llmmem_gui.service.storage.load_records import LoadRecord, LoadRecords

log = logging.getLogger(__name__)

_KEPT = 1024
_LARGEST_CONTEXT = 1 << 20
"""Asked for models that do not say what they were trained with."""


class Forecasts:
    """What loading a model would take, by the best source there is."""

    def __init__(self, rehearsals: Rehearsals, records: LoadRecords) -> None:
        self._rehearsals = rehearsals
        self._records = records
        self._known: dict[LoadKey, Forecast] = {}

    @property
    def engine(self) -> Engine:
        """The installed llama.cpp."""
        return self._rehearsals.engine

    def instant(self, file: ModelFile, parameters: LoadParameters) -> Forecast | None:
        """The best forecast that needs no waiting; None for a file that is no model."""
        if file.shape is None:
            return None
        key = self._key(file, parameters)
        forecast = self._known.get(key)
        if forecast is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            computed = self._rehearsals.known(file, parameters)
            if computed is None:
                computed = forecast_by_formula(file.shape, parameters, self._rehearsals.engine)
            forecast = self._known[key] = learned(computed, parameters, self._records.measurements(key))
        return forecast

    async def rehearsed(self, file: ModelFile, parameters: LoadParameters) -> Forecast:
        """The best forecast there can be: rehearsed by llama.cpp itself, if it was not measured yet.

        Takes up to two seconds the first time. A model that cannot be rehearsed has its formula; loading it
        will say why.
        """
        forecast = self.instant(file, parameters)
        assert forecast is not None  # only models are asked for
        if forecast.source != "formula":
            return forecast
        try:
            await self._rehearsals.forecast(file, parameters)
        except RehearsalError as error:
            log.info("%s", error)
            return forecast
        # Others may have cleared it while the rehearsal was awaited.
        self._known.pop(self._key(file, parameters), None)
        return self.instant(file, parameters) or forecast

    async def for_load(self, file: ModelFile, parameters: LoadParameters, room_bytes: int | None) -> Forecast:
        """The forecast that admission goes by: the formula's where it fits with certainty, else a better one.

        `room_bytes` is what is free of main memory without unloading anything; None: there is no bound. What
        lies on GPUs is always rehearsed: only that tells each one's share.
        """
        forecast = self.instant(file, parameters)
        assert forecast is not None  # only models are loaded
        if forecast.vram_bytes:
            return await self.rehearsed(file, parameters)
        highest_bytes = forecast.high_bytes
        if room_bytes is None or (highest_bytes <= room_bytes and not forecast.doubt):
            return forecast
        return await self.rehearsed(file, parameters)

    async def second_use(
        self, file: ModelFile, parameters: LoadParameters, room_bytes: int | None
    ) -> Forecast:
        """What a second context with these parameters takes in a host that has the model loaded."""
        assert file.shape is not None  # only models are loaded
        return of_second_use(await self.for_load(file, parameters, room_bytes), file.shape, parameters)

    def largest_context(self, file: ModelFile, parameters: LoadParameters, fits_bytes: int) -> int | None:
        """The largest context, up to what the model was trained for, with which it takes at most that."""
        highest = file.context_length or _LARGEST_CONTEXT
        return largest_context(parameters, highest, fits_bytes, lambda p: self._main_bytes(file, p))

    async def largest_context_rehearsed(
        self, file: ModelFile, parameters: LoadParameters, fits_bytes: int
    ) -> int | None:
        """The same by rehearsals, each of which takes about a hundredth of a second after the first."""
        try:
            context = await self._rehearsals.largest_context(file, parameters, fits_bytes)
        except RehearsalError as error:
            log.info("%s", error)
            return self.largest_context(file, parameters, fits_bytes)
        self._known.clear()
        return context

    def cheaper_parameters(
        self, file: ModelFile, parameters: LoadParameters, limit_bytes: int
    ) -> LoadParameters | None:
        """The mildest change of the parameters with which the model fits the limit; None when none does."""
        highest = file.context_length or parameters.context
        return cheaper_parameters(parameters, highest, limit_bytes, lambda p: self._main_bytes(file, p))

    def past(self, model_id: str) -> Sequence[LoadRecord]:
        """Forecast and measurement of past loads of a model, the newest last."""
        return [record for record in self._records.records if record.model_id == model_id]

    def learn_time(self, file: ModelFile, parameters: LoadParameters, timed: TimedLoad) -> None:
        """Take in how long a load took that is ready; it is written down with what it used, at its end."""
        self._records.times.learn(self._key(file, parameters), timed)

    def expected_load(self, file: ModelFile, parameters: LoadParameters, warmth: Warmth) -> ExpectedLoad:
        """How a load would go that begins as warm as this."""
        return ExpectedLoad(warmth, self._records.times.expected_seconds(self._key(file, parameters), warmth))

    async def learn(
        self,
        file: ModelFile,
        parameters: LoadParameters,
        measured: Measurement,
        timed: TimedLoad | None,
        now: float,
    ) -> None:
        """Remember what a load really took (`now`: seconds since the epoch); forecasts gain by it."""
        forecast = self.instant(file, parameters)
        assert forecast is not None  # it was loaded
        key = self._key(file, parameters)
        self._known.pop(key, None)
        record = LoadRecord(
            now,
            file.id,
            key,
            forecast.total_bytes,
            forecast.low_bytes,
            forecast.high_bytes,
            forecast.source,
            unused_bytes(forecast, parameters, measured),
            measured,
            timed,
        )
        await self._records.add(record)

    def _key(self, file: ModelFile, parameters: LoadParameters) -> LoadKey:
        return LoadKey(file.identities, parameters, self._rehearsals.engine.version)

    def _main_bytes(self, file: ModelFile, parameters: LoadParameters) -> int:
        forecast = self.instant(file, parameters)
        assert forecast is not None  # only models are asked for
        return forecast.main_bytes
