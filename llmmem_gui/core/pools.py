"""Devices with memory of their own as pools beside the main memory: who holds how much of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from llmmem_gui.core.engines import Device
from llmmem_gui.core.ledger import Holder
from llmmem_gui.core.readings import GpuReading, HostReading

_MARK = ":"
"""Stands between a model and a device in what the history calls both; in no id of a model."""


@dataclass(frozen=True, slots=True)
class DevicePool:
    """The own memory of one device, at one moment."""

    key: str
    """What settings and history call it: its address on the bus, else llama.cpp's name."""
    device: str
    """llama.cpp's name; empty: the engine in use does not compute on it, and nothing of it is limited."""
    name: str
    """What people call it."""
    total_bytes: int
    used_bytes: int | None = None
    """By all programs; None: no driver tells."""
    models: Mapping[str, int] = field(default_factory=dict, hash=False)
    """What each model holds, by id: as its driver tells, else what it is charged once it is loaded."""

    @property
    def models_bytes(self) -> int:
        """What all models hold together."""
        return sum(self.models.values())

    @property
    def others_bytes(self) -> int:
        """What other programs hold; 0 where no driver tells."""
        return max(0, (self.used_bytes or 0) - self.models_bytes)


def pools_of(
    devices: Iterable[Device],
    holders: Sequence[Holder],
    hosts: Mapping[str, HostReading],
    readings: Sequence[GpuReading],
) -> tuple[DevicePool, ...]:
    """The pools of the devices that an engine computes on, and of other GPUs that a driver tells of.

    Both are known to be one by the address on the bus. While a device does not tell its own, no other GPU
    is shown: it could be that one.
    """
    by_address = {reading.id.lower(): reading for reading in readings}
    unique: dict[str, Device] = {}
    for device in devices:
        if device.has_memory:
            unique.setdefault(device.key, device)
    pools, joined = [], set()
    for device in unique.values():
        reading = by_address.get(device.device_id.lower())
        if reading is not None:
            joined.add(reading.id)
            if reading.unified:
                continue  # it is main memory, and stands there
        models = {holder.model_id: _held(holder, device, hosts, reading) for holder in holders}
        pools.append(
            DevicePool(
                device.key,
                device.name,
                device.description or device.name,
                (reading.total_bytes if reading else None) or device.total_bytes,
                reading.used_bytes if reading else None,
                {model: held for model, held in models.items() if held},
            )
        )
    if len(joined) == len(unique):
        pools += [
            DevicePool(reading.id, "", reading.name, reading.total_bytes, reading.used_bytes)
            for reading in readings
            if reading.id not in joined and not reading.unified and reading.total_bytes
        ]
    return tuple(_with_own_names(pools))


def _held(
    holder: Holder, device: Device, hosts: Mapping[str, HostReading], reading: GpuReading | None
) -> int:
    host = hosts.get(holder.model_id)
    if reading is None or reading.held is None or host is None or host.pid in reading.hidden:
        return holder.taken_on(device.name)
    return reading.held.get(host.pid, 0)


def _with_own_names(pools: Iterable[DevicePool]) -> Iterable[DevicePool]:
    """The pools, those of equal names told apart."""
    pools = list(pools)
    times = Counter(pool.name for pool in pools)
    for pool in pools:
        if times[pool.name] == 1:
            yield pool
        else:
            name = f"{pool.name} {pool.device or pool.key}"
            yield DevicePool(pool.key, pool.device, name, pool.total_bytes, pool.used_bytes, pool.models)


def recorded_on(model_id: str, key: str) -> str:
    """What the history calls what a model holds of a device, among ids of models."""
    return f"{model_id}{_MARK}{key}"


def device_recorded(recorded: str) -> tuple[str, str] | None:
    """Model and key of the device that the history calls so; None for the id of a model, or a program."""
    model_id, _, key = recorded.partition(_MARK)
    return (model_id, key) if model_id and key else None
