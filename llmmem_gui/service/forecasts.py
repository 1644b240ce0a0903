"""Forecasts of loads: at once by formula, better after a rehearsal, best after a load was measured."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from llmmem_gui.core.engine import Engine
from llmmem_gui.core.engines import Device
from llmmem_gui.core.fitting import cheaper_parameters, largest_context
from llmmem_gui.core.forecast import Forecast, forecast_by_formula, of_second_use
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.measurement import LoadKey, Measurement, learned, unused_bytes
from llmmem_gui.core.parameters import AUTO, LoadParameters
from llmmem_gui.core.placement import Placements, placements
from llmmem_gui.core.warmth import ExpectedLoad, TimedLoad, Warmth
from llmmem_gui.service.hosting.rehearsals import RehearsalError, Rehearsals
from llmmem_gui.service.storage.load_records import LoadRecord, LoadRecords

log = logging.getLogger(__name__)

_KEPT = 1024
_MOST_PROPOSALS = 6
"""Numbers of layers that are rehearsed at most to find how many fit; the second is mostly right."""
_LARGEST_CONTEXT = 1 << 20
"""Asked for models that do not say what they were trained with."""


class Forecasts:
    """What loading a model would take, by the best source there is."""

    def __init__(
        self,
        rehearsals: Rehearsals,
        records: LoadRecords,
        rooms: Callable[[str], Mapping[str, float]] = lambda model_id: {},
    ) -> None:
        """`rooms` says how many bytes of each device a load of a model may use now."""
        self._rehearsals = rehearsals
        self._records = records
        self._rooms = rooms
        self._known: dict[LoadKey, Forecast] = {}
        self._placements: dict[tuple[LoadKey, Sequence[Device]], Placements] = {}

    @property
    def engine(self) -> Engine:
        """The installed llama.cpp."""
        return self._rehearsals.engine

    def instant(self, file: ModelFile, parameters: LoadParameters) -> Forecast | None:
        """The best forecast that needs no waiting; None for a file that is no model.

        Of as many layers on GPUs as fit there now it is the forecast of that number.
        """
        if file.shape is None:
            return None
        parameters = self.placed(file, parameters)
        key = self._key(file, parameters)
        forecast = self._known.get(key)
        if forecast is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            computed = self._rehearsals.known(file, parameters)
            if computed is None:
                eyes = file.eyes_for(parameters)
                computed = forecast_by_formula(file.shape, parameters, self._rehearsals.engine, eyes)
            forecast = self._known[key] = learned(computed, parameters, self._records.measurements(key))
        return forecast

    async def rehearsed(self, file: ModelFile, parameters: LoadParameters) -> Forecast:
        """The best forecast there can be: rehearsed by llama.cpp itself, if it was not measured yet.

        Takes up to two seconds the first time. A model that cannot be rehearsed has its formula; loading it
        will say why.
        """
        parameters = await self._place(file, parameters)
        forecast = self.instant(file, parameters)
        assert forecast is not None  # only models are asked for
        if forecast.source != "formula":
            return forecast
        try:
            await self._rehearsals.forecast(file, parameters)
        except RehearsalError as error:
            log.info("%s", error)
            return forecast
        self._forget(file, parameters)
        return self.instant(file, parameters) or forecast

    async def for_load(self, file: ModelFile, parameters: LoadParameters, room_bytes: int | None) -> Forecast:
        """The forecast that admission goes by: the formula's where it fits with certainty, else a better one.

        `room_bytes` is what is free of main memory without unloading anything; None: there is no bound. What
        lies on GPUs is always rehearsed: only that tells each one's share.
        """
        parameters = await self._place(file, parameters)
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

    # --- layers --------------------------------------------------------------------------------------

    def placed(self, file: ModelFile, parameters: LoadParameters) -> LoadParameters:
        """The same with as many layers on GPUs as fit there now, by what is known, if that is asked for."""
        if parameters.gpu_layers != AUTO:
            return parameters
        found = self.placements_now(file, parameters)
        return parameters.with_gpu_layers(found.most(self._rooms(file.id)) if found else 0)

    def placements_now(self, file: ModelFile, parameters: LoadParameters) -> Placements | None:
        """What the load takes with each number of layers on GPUs, by what is known without waiting.

        None where the number was chosen, or there is no GPU.
        """
        gpus = self._rehearsals.gpus
        if parameters.gpu_layers != AUTO or not gpus or file.shape is None:
            return None
        key = self._key(file, parameters), gpus
        found = self._placements.get(key)
        if found is None:
            if len(self._placements) >= _KEPT:
                self._placements.clear()
            numbers = self._rehearsals.known_numbers(file, parameters)
            numbered = {n: self._known_better(file, parameters.with_gpu_layers(n)) for n in numbers if n >= 0}
            known = {number: forecast for number, forecast in numbered.items() if forecast is not None}
            engine = self._rehearsals.engine
            eyes = file.eyes_for(parameters)
            found = placements(file.shape, parameters, engine, file.file, gpus, known, eyes)
            self._placements[key] = found
        return found

    async def _place(self, file: ModelFile, parameters: LoadParameters) -> LoadParameters:
        """The same as `placed`, with the number found by rehearsals.

        Each corrects what is known of all numbers, so that two or three find it.
        """
        for _ in range(_MOST_PROPOSALS):
            found = self.placements_now(file, parameters)
            numbers = found.worth_rehearsing(self._rooms(file.id)) if found is not None else ()
            proposals = map(parameters.with_gpu_layers, numbers)
            proposed = next((each for each in proposals if self._known_better(file, each) is None), None)
            if proposed is None or (await self.rehearsed(file, proposed)).source == "formula":
                break
        return self.placed(file, parameters)

    def _known_better(self, file: ModelFile, parameters: LoadParameters) -> Forecast | None:
        """The forecast of these parameters, if it is better than the formula's."""
        computed = self._rehearsals.known(file, parameters)
        if computed is None:
            return None
        return learned(computed, parameters, self._records.measurements(self._key(file, parameters)))

    def _forget(self, file: ModelFile, parameters: LoadParameters) -> None:
        """Find out anew what is known of a load: there is more."""
        self._known.pop(self._key(file, parameters), None)
        self._placements.pop((self._key(file, parameters.with_gpu_layers(AUTO)), self._rehearsals.gpus), None)

    # --- what fits -----------------------------------------------------------------------------------

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
        self._placements.clear()
        return context

    def cheaper_parameters(
        self, file: ModelFile, parameters: LoadParameters, limit_bytes: int
    ) -> LoadParameters | None:
        """The mildest change of the parameters with which the model fits the limit; None when none does."""
        highest = file.context_length or parameters.context
        gpus = bool(self._rehearsals.gpus)
        return cheaper_parameters(
            parameters, highest, limit_bytes, lambda p: self._main_bytes(file, p), gpus=gpus
        )

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
        self._forget(file, parameters)
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
        return file.key(parameters, self._rehearsals.engine.version)

    def _main_bytes(self, file: ModelFile, parameters: LoadParameters) -> int:
        forecast = self.instant(file, parameters)
        assert forecast is not None  # only models are asked for
        return forecast.main_bytes
