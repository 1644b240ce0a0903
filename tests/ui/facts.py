"""Snapshots, samples and events as the service publishes them, for views shown without a service."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from llmmem_gui.core.engines import Device
from llmmem_gui.core.events import Event, UnloadReceipt
from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.history import History
from llmmem_gui.core.ledger import Bounds, Charge, DeviceBounds, Holder, Standing
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.neighbours import Held, Neighbour, NeighbourModel
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.plan import charged_bytes, room
from llmmem_gui.core.pools import DevicePool
from llmmem_gui.core.readings import HostReading, MachineReading, Sample
from llmmem_gui.core.sentence import verbatim
from llmmem_gui.core.settings import LimitSettings
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, State
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.ui.plot_series import HistorySource

NOW = 1_763_900_000.0
MONOTONIC = 50_000.0


def forecast(weights_bytes: int, private_bytes: int, *, off: float = 0.04, context: int = 4096) -> Forecast:
    """A forecast of so many mapped and private bytes."""
    kv = private_bytes * 2 // 3
    total = weights_bytes + private_bytes
    return Forecast(
        weights_bytes=weights_bytes,
        private_weights_bytes=0,
        kv_cache_bytes=kv,
        compute_bytes=private_bytes - kv,
        overhead_bytes=0,
        low_bytes=round(total * (1 - off)),
        high_bytes=round(total * (1 + off)),
        context=context,
        source="formula",
    )


def model(
    name: str,
    state: State = State.UNLOADED,
    *,
    weights: int = 0,
    private: int = 0,
    need: tuple[int, int] | None = None,
    idle: float | None = None,
    rank: int | None = None,
    limit: int | None = None,
    pinned: bool = False,
    error: str | None = None,
    file_error: str | None = None,
    quantization: str = "Q4_K_M",
    context_length: int = 8192,
) -> ModelSnapshot:
    """One model; `need` is its forecast (mapped, private), by default what it uses."""
    mapped, anonymous = need or (weights, private)
    facts = ModelFile(
        id=name,
        name=name,
        path=f"/models/{name}.gguf",
        architecture="llama",
        quantization=quantization,
        file_bytes=mapped,
        context_length=context_length,
        has_chat_template=True,
        error=verbatim(file_error) if file_error else None,
    )
    held = state.holds_host
    return ModelSnapshot(
        facts=facts,
        state=state,
        parameters=LoadParameters(),
        forecast=forecast(mapped, anonymous) if mapped + anonymous else None,
        charge=Charge(max(private, anonymous), max(weights, mapped), facts.file) if held else None,
        private_bytes=private,
        weights_bytes=weights,
        context=4096 if held and state is not State.LOADING else None,
        limit_bytes=limit,
        pinned=pinned,
        idle_since=None if idle is None else MONOTONIC - idle,
        loaded_at=MONOTONIC - 200 if held else None,
        load_seconds=0.34 if held else None,
        in_flight=1 if state is State.BUSY else 0,
        eviction_rank=rank,
        pid=4000 if held else None,
        error=verbatim(error) if error else None,
    )


_STANDINGS = {
    State.READY: Standing.IDLE,
    State.BUSY: Standing.BUSY,
    State.DOZING: Standing.DOZING,
    State.LOADING: Standing.LOADING,
    State.UNLOADING: Standing.UNLOADING,
}


def snapshot(
    *models: ModelSnapshot,
    limit: int | None = 8 * GIB,
    available: int = 17 * GIB,
    reserve: int = 2 * GIB,
    pressure: str = "normal",
) -> CacheSnapshot:
    """The cache with these models."""
    holders = tuple(
        Holder(
            m.id,
            m.charge or Charge(0, 0, m.id),
            _STANDINGS[m.state],
            last_used=m.idle_since or MONOTONIC,
            pinned=m.pinned,
            private_bytes=m.private_bytes,
            weights_bytes=m.weights_bytes,
        )
        for m in models
        if m.state.holds_host
    )
    bounds = Bounds(limit, available, reserve)
    return CacheSnapshot(
        monotonic=MONOTONIC,
        models=models,
        holders=holders,
        bounds=bounds,
        room_bytes=room(holders, bounds),
        resident_bytes=sum(m.resident_bytes for m in models),
        charged_bytes=charged_bytes(holders),
        pressure=pressure,
    )


def sample(
    shot: CacheSnapshot, *, time: float = NOW, total: int = round(31.1 * GIB), own: int = 118 * MIB
) -> Sample:
    """The readings that go with a snapshot."""
    machine = MachineReading(total, shot.bounds.available_bytes or total // 2, own_bytes=own)
    hosts = {
        m.id: HostReading(m.pid or 1, m.private_bytes, m.weights_bytes)
        for m in shot.models
        if m.state.holds_host
    }
    return Sample(time, MONOTONIC, machine, hosts, pools=shot.pools)


SMOL = model(
    "smollm2-135m-instruct", State.READY, weights=94 * MIB, private=142 * MIB, idle=12, rank=2,
    limit=512 * MIB, quantization="Q4_1",
)  # fmt: skip
QWEN = model(
    "qwen2.5-7b-instruct", State.BUSY, weights=4300 * MIB, private=900 * MIB,
    limit=6 * GIB, context_length=32768,
)  # fmt: skip
GEMMA = model(
    "gemma-3-270m", State.DOZING, weights=40 * MIB, private=158 * MIB, need=(240 * MIB, 160 * MIB),
    idle=240, rank=1,
)  # fmt: skip
LLAMA = model("llama-3.1-8b-instruct", need=(4800 * MIB, 600 * MIB), context_length=131072)
LARGE = model("llama-3.3-70b-instruct", need=(39 * GIB, 2 * GIB), context_length=131072)


OLLAMA = Neighbour(
    "ollama-4711",
    "Ollama",
    4711,
    Held(900 * MIB, 3300 * MIB),
    (
        NeighbourModel(
            "llama3.2:latest", "llama3.2:latest", "busy", Held(700 * MIB, 2000 * MIB), 3000 * MIB
        ),
        NeighbourModel(
            "nomic-embed-text:latest", "nomic-embed-text:latest", "idle", Held(100 * MIB, 1300 * MIB),
            idle_since=MONOTONIC - 95,
        ),
    ),
    "models",
    True,
)  # fmt: skip
FORGOTTEN = Neighbour(
    "llama-server-4800", "llama-server", 4800, Held(400 * MIB, 4300 * MIB),
    (NeighbourModel("qwen2.5-7b-instruct", "", "idle", idle_since=MONOTONIC - 7200),),
)  # fmt: skip


RTX = Device("CUDA0", "NVIDIA GeForce RTX 4090", "gpu", 24 * GIB, "0000:01:00.0")
RADEON = Device("Vulkan1", "AMD Radeon RX 7800 XT (RADV NAVI32)", "gpu", 16 * GIB, "0000:0a:00.0")
A6000 = Device("CUDA2", "NVIDIA RTX A6000", "gpu", 48 * GIB, "0000:0b:00.0")
ARC = Device("Vulkan3", "Intel(R) Arc(tm) A770 Graphics (DG2)", "gpu", 16 * GIB, "0000:0c:00.0")
SOFTWARE = Device("Vulkan0", "llvmpipe (LLVM 15.0.6, 256 bits)", "gpu", 2 * GIB)


def with_devices(
    shot: CacheSnapshot,
    held: Mapping[Device, Mapping[str, int]],
    *,
    others: int | None = None,
    promised: int = 0,
    percent: int = 90,
) -> CacheSnapshot:
    """The snapshot on a machine with these devices, on which models hold so much.

    Of each device other programs use `others` (None: no driver tells), and each model was promised more.
    """
    holders = tuple(
        replace(
            holder,
            charge=replace(
                holder.charge,
                device_bytes={
                    device.name: there[holder.model_id] + promised
                    for device, there in held.items()
                    if holder.model_id in there
                },
            ),
        )
        for holder in shot.holders
    )
    bounds = {
        device.name: DeviceBounds(LimitSettings(gpu_percent=percent).gpu_limit_for("", device.total_bytes))
        for device in held
    }
    pools = tuple(
        DevicePool(
            device.key,
            device.name,
            device.description,
            device.total_bytes,
            None if others is None else others + sum(there.values()),
            dict(there),
        )
        for device, there in held.items()
    )
    return replace(
        shot, holders=holders, bounds=replace(shot.bounds, devices=bounds), gpus=tuple(held), pools=pools
    )


def snapshot_with_so_many_gpus(number: int) -> CacheSnapshot:
    """The usual models on a machine with none to four GPUs, of which each holds a part of one model."""
    if not number:
        return usual_snapshot()
    held = {device: {QWEN.id: (3 + place) * GIB} for place, device in enumerate((RTX, RADEON, A6000, ARC))}
    devices = dict(list(held.items())[:number])
    return with_devices(usual_snapshot(), devices, others=1300 * MIB, promised=700 * MIB)


def snapshot_with_gpus() -> CacheSnapshot:
    """Two GPUs: one holds most of a model and all of another, the other one a part of the first."""
    return with_devices(
        usual_snapshot(),
        {RTX: {QWEN.id: 9 * GIB, SMOL.id: 400 * MIB}, RADEON: {QWEN.id: 5 * GIB}},
        others=1300 * MIB,
        promised=700 * MIB,
    )


def usual_snapshot() -> CacheSnapshot:
    """Two models ready, one busy, and two that do not fit."""
    return snapshot(SMOL, QWEN, GEMMA, LLAMA, LARGE)


def usual_memory(seconds: int = 300, pools: tuple[DevicePool, ...] = ()) -> HistorySource:
    """Samples of the last minutes: models come and go, and what they hold of devices with them."""
    memory = HistorySource(History())
    machine = MachineReading(round(31.1 * GIB), 17 * GIB, own_bytes=118 * MIB)
    for second in range(seconds):
        time = NOW - seconds + 1 + second
        done = second / seconds
        models: dict[str, tuple[int, int]] = {}
        if done > 0.06:
            models[SMOL.id] = (SMOL.private_bytes, SMOL.weights_bytes)
        if done > 0.3:
            grown = min(1.0, (done - 0.3) / 0.09)
            wave = round(20 * MIB * math.sin(second / 6))
            models[QWEN.id] = (round(QWEN.private_bytes * grown) + wave, round(QWEN.weights_bytes * grown))
        if 0.18 < done < 0.56 or done > 0.8:
            models[GEMMA.id] = (158 * MIB, 240 * MIB)
        hosts = {id: HostReading(1, private, weights) for id, (private, weights) in models.items()}
        there = tuple(
            replace(pool, models={id: held for id, held in pool.models.items() if id in models})
            for pool in pools
        )
        memory.history.append(Sample(time, time, machine, hosts, pools=there), 8 * GIB)
    return memory


def usual_events() -> list[Event]:
    """What happened in `usual_memory`."""
    start = NOW - 300
    return [
        Event(start + 18, "model-loaded", SMOL.id, actor="window", numbers={"seconds": 0.34}),
        Event(start + 54, "model-loaded", GEMMA.id, actor="api", numbers={"seconds": 0.9}),
        Event(start + 116, "model-loaded", QWEN.id, actor="window", numbers={"seconds": 2.1}),
        Event(
            start + 168, "model-unloaded", GEMMA.id, "idle", "idle timer",
            numbers={"given_back_bytes": 158 * MIB, "seconds": 0.018},
        ),
        Event(start + 205, "load-refused", LARGE.id, None, "api", text=verbatim("llama-3.3 needs 41 GiB.")),
        Event(start + 240, "model-loaded", GEMMA.id, actor="api", numbers={"seconds": 0.9}),
    ]  # fmt: skip


def receipt() -> UnloadReceipt:
    """What unloading gemma gave back."""
    return UnloadReceipt(GEMMA.id, 158 * MIB, 158 * MIB, 240 * MIB, 151 * MIB, 0.018, "idle", "idle timer")


def later(shot: CacheSnapshot, seconds: float) -> CacheSnapshot:
    """The same cache some seconds later."""
    return replace(shot, monotonic=shot.monotonic + seconds)
