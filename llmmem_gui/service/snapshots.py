"""Builds the picture of the cache that views are given."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from llmmem_gui.core.cache import ModelCache
from llmmem_gui.core.cache_entry import Entry
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.plan import charged_bytes, eviction_order, room
from llmmem_gui.core.pools import pools_of
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.settings import ModelSettings
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, SamplingHealth, State
from llmmem_gui.service.catalogue import Catalogue


def build_snapshot(
    cache: ModelCache,
    catalogue: Catalogue,
    *,
    now: float,
    level: Level,
    sampling: SamplingHealth,
    sample: Sample | None,
    pid_of: Callable[[str], int | None],
) -> CacheSnapshot:
    """The cache and every model of the library at one moment."""
    holders = cache.holders
    ranks = {holder.model_id: rank for rank, holder in enumerate(eviction_order(holders), start=1)}
    forecast_of = catalogue.forecasts.instant

    def model(file: ModelFile) -> ModelSnapshot:
        chosen = catalogue.settings_of(file)
        if chosen.name:
            file = msgspec.structs.replace(file, name=chosen.name)
        entry = cache.entry(file.id)
        if entry is None or entry.asked is None:
            parameters = catalogue.parameters_of(file)
            return ModelSnapshot(
                file,
                State.UNLOADED if entry is None else entry.state,
                parameters,
                forecast=forecast_of(file, parameters),
                limit_bytes=chosen.limit_bytes,
                pinned=chosen.pinned,
                hidden=chosen.hidden,
                load_at_start=chosen.load_at_start,
                error=file.error,
            )
        return _known(entry, file, chosen)

    def _known(entry: Entry, file: ModelFile, chosen: ModelSettings) -> ModelSnapshot:
        holds = entry.state.holds_host
        wanted = catalogue.parameters_of(file)
        parameters = entry.parameters if holds or entry.state is State.QUEUED else wanted
        placed = entry.as_placed if holds else parameters
        wanted = msgspec.structs.replace(wanted, embeddings=parameters.embeddings)
        measured = entry.measured
        return ModelSnapshot(
            file,
            entry.state,
            parameters,
            next_parameters=wanted if wanted != parameters else None,
            forecast=forecast_of(file, placed),
            charge=entry.charge if entry.standing is not None else None,
            private_bytes=measured.private_bytes if measured else 0,
            weights_bytes=measured.weights_bytes if measured else 0,
            vram_bytes=measured.vram_bytes if measured else 0,
            context=entry.context,
            limit_bytes=entry.limit_bytes,
            pinned=entry.pinned,
            idle_since=entry.last_used if entry.idle else None,
            loaded_at=entry.loaded_at,
            load_seconds=entry.load_seconds,
            in_flight=len(entry.in_flight),
            waiting=len(entry.waiters),
            eviction_rank=ranks.get(file.id),
            pid=pid_of(file.id),
            hidden=chosen.hidden,
            load_at_start=chosen.load_at_start,
            error=entry.error or file.error,
        )

    bounds = cache.bounds
    return CacheSnapshot(
        monotonic=now,
        models=tuple(model(file) for file in catalogue.models),
        holders=holders,
        bounds=bounds,
        room_bytes=room(holders, bounds),
        resident_bytes=_resident_bytes(cache),
        charged_bytes=charged_bytes(holders),
        pressure=level.word,
        sampling=sampling,
        may_doze=cache.policy.may_doze,
        gpus=catalogue.gpus,
        pools=pools_of(
            catalogue.gpus, holders, sample.hosts if sample else {}, sample.gpus if sample else ()
        ),
    )


def _resident_bytes(cache: ModelCache) -> int:
    """What all models use, measured: private bytes, and the weights of each file once."""
    private = 0
    weights: dict[object, int] = {}
    for entry in cache.entries:
        if entry.measured is not None and entry.asked is not None:
            private += entry.measured.private_bytes
            file = entry.asked.file
            weights[file] = max(weights.get(file, 0), entry.measured.weights_bytes)
    return private + sum(weights.values())
