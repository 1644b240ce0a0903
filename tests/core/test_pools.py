"""Which pools there are beside the main memory, by which names, and what models hold of each."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from llmmem_gui.core.engines import Device
from llmmem_gui.core.gpu_limits import GPU_LIMITS, with_known_gpus
from llmmem_gui.core.ledger import Charge, Holder, Standing
from llmmem_gui.core.pools import device_recorded, pools_of, recorded_on
from llmmem_gui.core.readings import GpuReading, HostReading
from llmmem_gui.core.settings import BadSetting

NVIDIA = Device("CUDA0", "NVIDIA GeForce RTX 4090", "gpu", 24_000, "0000:01:00.0")
AMD = Device("Vulkan1", "AMD Radeon RX 7600 XT", "gpu", 16_000, "0000:0A:00.0")
INTEGRATED = Device("Vulkan2", "Intel Iris Xe", "igpu", 15_000, "0000:00:02.0")
UNPLACED = Device("Vulkan0", "llvmpipe", "gpu", 2_000)


def holder(model: str, standing: Standing = Standing.IDLE, **devices: int) -> Holder:
    return Holder(model, Charge(1, 0, model, devices), standing, 0.0)


def test_a_device_is_joined_with_its_reading_by_the_address_on_the_bus() -> None:
    """What its driver tells of each model stands, also where it is less than what is charged."""
    readings = (
        GpuReading("0000:01:00.0", "RTX 4090", 23_900, 9_000, {7: 5_000, 99: 3_000}),
        GpuReading("0000:0a:00.0", "RX 7600", 15_900, 1_000, {7: 600}),
    )
    holders = (holder("a", CUDA0=6_000, Vulkan1=700), holder("b"))
    hosts = {"a": HostReading(7, 0, 0), "b": HostReading(8, 0, 0)}
    first, second = pools_of((NVIDIA, AMD, INTEGRATED), holders, hosts, readings)
    assert (first.key, first.device, first.total_bytes) == ("0000:01:00.0", "CUDA0", 23_900)
    assert (first.models, first.others_bytes) == ({"a": 5_000}, 4_000)
    assert (second.models, second.others_bytes) == ({"a": 600}, 400)


def test_where_no_driver_tells_a_loaded_model_holds_what_it_is_charged() -> None:
    """And one that loads holds nothing yet."""
    holders = (holder("a", Vulkan0=500), holder("b", Standing.LOADING, Vulkan0=300))
    (pool,) = pools_of((UNPLACED,), holders, {}, ())
    assert (pool.key, pool.models, pool.used_bytes, pool.others_bytes) == ("Vulkan0", {"a": 500}, None, 0)


@pytest.mark.parametrize("hidden", [False, True])
def test_what_a_driver_hides_of_a_process_is_what_is_charged(hidden: bool) -> None:
    """Not nothing."""
    reading = GpuReading(
        "0000:01:00.0", "RTX", 24_000, 9_000, {} if hidden else None, hidden=frozenset({7} if hidden else ())
    )
    (pool,) = pools_of((NVIDIA,), (holder("a", CUDA0=500),), {"a": HostReading(7, 0, 0)}, (reading,))
    assert pool.models == {"a": 500}


def test_unified_memory_is_no_pool() -> None:
    """Neither an integrated GPU, nor one whose driver says that it works in the main memory."""
    unified = GpuReading("0000:01:00.0", "GB10", 128_000, 1_000, {}, unified=True)
    assert pools_of((INTEGRATED,), (), {}, ()) == ()
    assert pools_of((NVIDIA,), (), {}, (unified,)) == ()


def test_a_gpu_that_no_engine_computes_on_is_shown_when_it_can_be_no_other() -> None:
    """While a device does not tell its address, the reading could be of it."""
    reading = GpuReading("0000:01:00.0", "RTX", 24_000, 9_000, {})
    (pool,) = pools_of((), (), {}, (reading,))
    assert (pool.device, pool.others_bytes) == ("", 9_000)
    assert [each.device for each in pools_of((UNPLACED,), (), {}, (reading,))] == ["Vulkan0"]


def test_two_of_a_kind_are_told_apart_and_one_under_two_names_is_one() -> None:
    """By llama.cpp's names of them."""
    twin = Device("CUDA1", NVIDIA.description, "gpu", 24_000, "0000:02:00.0")
    again = Device("Vulkan0", "another name", "gpu", 24_000, NVIDIA.device_id)
    names = [pool.name for pool in pools_of((NVIDIA, twin, again), (), {}, ())]
    assert names == ["NVIDIA GeForce RTX 4090 CUDA0", "NVIDIA GeForce RTX 4090 CUDA1"]


@given(st.text("abc.-@é", min_size=1), st.sampled_from(["0000:01:00.0", "Vulkan0", "GPU-1f"]))
def test_what_the_history_calls_a_model_on_a_device_is_read_back(model: str, key: str) -> None:
    """And neither a model nor a program is taken for one."""
    assert device_recorded(recorded_on(model, key)) == (model, key)
    assert device_recorded(model) is None
    assert device_recorded(f":{model}") is None


def test_a_limit_is_asked_for_by_either_name_and_kept_by_the_address() -> None:
    """More than the GPU has is refused, and so is a GPU that is not there; one that is gone can be let go."""
    gpus = (NVIDIA, AMD, INTEGRATED)

    def kept(asked: object, known: tuple[str, ...] = ()) -> object:
        return with_known_gpus({GPU_LIMITS: asked, "api.port": 1}, gpus, known)[GPU_LIMITS]

    assert kept({"CUDA0": 5, "0000:0A:00.0": None}) == {"0000:01:00.0": 5, "0000:0A:00.0": None}
    assert kept({"0000:07:00.0": None}, ("0000:07:00.0",)) == {"0000:07:00.0": None}
    with pytest.raises(BadSetting, match=r"CUDA0 has 23\.4 KiB: a limit of 24\.4 KiB is more than that"):
        kept({"CUDA0": 25_000})
    for absent in ("CUDA7", INTEGRATED.name):
        with pytest.raises(BadSetting, match=f"There is no GPU {absent} to limit: there is CUDA0, Vulkan1"):
            kept({absent: 5})
    with pytest.raises(BadSetting, match="none here has memory of its own"):
        with_known_gpus({GPU_LIMITS: {"CUDA0": 5}}, (INTEGRATED,), ())
