"""The service in a world that misbehaves: each fault by itself, and all of them at random."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.readings import Sample
from llmmem_gui.core.sentence import verbatim
from llmmem_gui.core.snapshot import CacheSnapshot, State
from llmmem_gui.service.command_error import CommandError
from llmmem_gui.service.hosting.host import Host
from llmmem_gui.service.hosting.hosts import BirthFailedError, HostStarter
from llmmem_gui.service.sampling.sampler import Sampler
from tests.hostile_gguf import RECIPE
from tests.made_up_models import write_model
from tests.service.misbehaving_world import Fate, World, WorldHost, WorldHosts, WorldSampler

PARTS = 5
"""Tests that the 10,000 steps are shared among, so that each ends in time on a busy machine."""
STEPS, RUNS = 50, 260 // PARTS
"""At most so many random commands in so many runs, and again until there are ten thousand in all."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "world")
    yield world
    try:
        world.check()
    finally:
        world.close()
    assert not world.alive


def state(world: World, model: str) -> State:
    shown = world.service.snapshot.model(model)
    assert shown is not None
    return shown.state


def answer_of(request: asyncio.Task[object]) -> object:
    assert request.done()
    return request.result()


# --- the made-up world is like the real one ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("real", "made_up"), [(Host, WorldHost), (HostStarter, WorldHosts), (Sampler, WorldSampler)]
)
def test_what_stands_in_is_called_as_the_real_one_is(real: type, made_up: type) -> None:
    """Otherwise the tests below would try a program that there is not."""
    for name, stand_in in vars(made_up).items():
        if name.startswith("_") or not inspect.isfunction(stand_in) or not hasattr(real, name):
            continue
        taken = [parameter.name for parameter in inspect.signature(getattr(real, name)).parameters.values()]
        assert [parameter.name for parameter in inspect.signature(stand_in).parameters.values()] == taken


# --- each fault by itself ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [BirthFailedError(verbatim("no room")), OSError(24, "Too many open files"), RuntimeError("?")]
)
def test_a_host_that_cannot_be_born_refuses_its_request_and_blocks_nobody(
    world: World, error: Exception
) -> None:
    """Whatever the birth raises, the request ends, and the next one is answered."""
    world.fates = [Fate(birth=error)]
    request = world.begin(world.ask("a"))
    world.pass_time(2.0)
    assert isinstance(answer_of(request), CommandError)
    again = world.begin(world.service.load("a", actor="window"))
    world.pass_time(3.0)
    assert state(world, "a") is State.READY
    assert not isinstance(answer_of(again), CommandError)
    # An error that no host may raise is the program's own fault, and is counted as such.
    world.driver._tasks.failures.clear()


@pytest.mark.parametrize("seconds", [0.01, 0.5, 1.5, 2.5])
def test_a_host_that_dies_at_any_step_of_its_life_ends_its_request(world: World, seconds: float) -> None:
    """While it is born, loads or answers: there is a refusal, and the memory is free again."""
    world.fates = [Fate(answer_seconds=10.0)]
    request = world.begin(world.ask("a"))
    world.pass_time(seconds)
    for host in list(world.alive):
        host.die(-11)
    world.pass_time(20.0)
    assert request.done()
    world.begin(world.service.unload_all(actor="window"))
    world.pass_time(3.0)
    assert world.service.snapshot.charged_bytes == 0


def test_a_doze_of_two_seconds_unloads_nothing(world: World) -> None:
    """The weights are in every reading until the host has dropped them."""
    world.begin(world.service.load("a", actor="window"))
    world.pass_time(3.0)
    weights = world.service.snapshot.model("a").weights_bytes  # type: ignore[union-attr]
    assert weights > 0
    world.run(world.service.doze("a", actor="window"))
    charged = world.service.snapshot.charged_bytes
    world.pass_time(1.5)
    assert state(world, "a") is State.DOZING
    assert world.service.snapshot.charged_bytes == charged
    world.pass_time(3.0)
    assert state(world, "a") is State.DOZING
    assert world.service.snapshot.charged_bytes == charged


def test_a_full_disk_keeps_nobody_from_loading_and_unloading(world: World) -> None:
    """Settings hold, records are kept for the run, and a person is told once."""
    world.disk_is_full = True
    world.run(world.service.set_limit("a", 10**12, actor="window"))
    loaded = world.begin(world.service.load("a", actor="window"))
    world.pass_time(3.0)
    assert not isinstance(answer_of(loaded), CommandError)
    world.begin(world.service.unload("a", actor="window"))
    world.pass_time(3.0)
    assert state(world, "a") is State.UNLOADED
    assert world.service.snapshot.model("a").limit_bytes == 10**12  # type: ignore[union-attr]


def test_samples_that_fail_come_late_or_hang_leave_the_models_alone(world: World) -> None:
    """The limits hold on the last reading, idle time goes on, and samples come again."""
    world.begin(world.service.load("a", actor="window"))
    world.pass_time(3.0)
    world.sampler.error = OSError("no /proc")
    world.pass_time(5.0)
    assert world.service.snapshot.sampling.failed_since is not None
    assert state(world, "a") is State.READY
    world.sampler.error, world.sampler.late_seconds = None, 15.0
    world.pass_time(60.0)
    world.sampler.late_seconds = 0.0
    world.pass_time(20.0)
    assert world.service.snapshot.sampling.failed_since is None
    world.sampler.error = OSError("no /proc")
    world.pass_time(16 * 60.0)
    assert state(world, "a") is State.UNLOADED


def test_a_snapshot_follows_each_sample(world: World) -> None:
    """Windows show the readings with it."""
    world.facts.clear()
    world.pass_time(5.0)
    kinds = [type(fact) for fact in world.facts if isinstance(fact, Sample | CacheSnapshot)]
    assert kinds.count(Sample) >= 4
    assert all(after is CacheSnapshot for kind, after in pairwise(kinds) if kind is Sample)


@pytest.mark.parametrize(("vram_bytes", "learned"), [(1000, True), (None, False)])
def test_nothing_is_learned_from_a_load_on_a_gpu_that_does_not_tell(
    world: World, vram_bytes: int | None, learned: bool
) -> None:
    """Unknown is shown as unknown, and is not taken for nothing in later forecasts."""
    world.sampler.vram_bytes = vram_bytes
    world.begin(world.service.load("a", LoadParameters(gpu_layers=-1), actor="window"))
    world.pass_time(5.0)
    assert world.service.snapshot.model("a").vram_bytes == vram_bytes  # type: ignore[union-attr]
    world.begin(world.service.unload("a", actor="window"))
    world.pass_time(3.0)
    assert bool(world.service.catalogue.forecasts.past("a")) is learned


def test_a_night_of_sleep_unloads_what_was_idle_in_the_evening(world: World) -> None:
    """No clock of the program moved; the one that counts suspension did."""
    world.begin(world.service.load("a", actor="window"))
    world.pass_time(3.0)
    world.sampler.slept_seconds = 8 * 3600.0
    world.pass_time(2.0)
    assert state(world, "a") is State.UNLOADED


def test_a_model_that_ends_with_its_file_while_its_load_is_measured_is_refused(world: World) -> None:
    """Whoever asked for the load is told, although nothing of the model is left."""
    world.sampler.late_seconds = 3.0
    request = world.begin(world.service.load("a", actor="window"))
    while state(world, "a") is not State.READY:
        world.pass_time(0.1)
    (world.models / "a.gguf").unlink()
    for host in list(world.alive):
        host.die(-9)
    world.begin(world.service.scan())
    world.pass_time(20.0)
    assert isinstance(answer_of(request), CommandError)
    assert world.service.snapshot.model("a") is None


@pytest.mark.parametrize("replaced", [False, True])
def test_every_loaded_process_has_a_row_whatever_becomes_of_its_file(world: World, replaced: bool) -> None:
    """Gone or replaced, the model is listed and can be unloaded; then only what is on the disk is left."""
    world.begin(world.service.load("a", actor="window"))
    world.pass_time(3.0)
    path = world.models / "a.gguf"
    path.unlink()
    if replaced:
        write_model(path, RECIPE.but(layers=7))
    world.run(world.service.scan())
    world.check()
    assert world.service.snapshot.model("a").facts.gone  # type: ignore[union-attr]
    world.begin(world.service.unload("a", actor="cli"))
    world.pass_time(3.0)
    ids = {model.id for model in world.service.snapshot.models}
    assert ids == ({"b", "c", "models-a"} if replaced else {"b", "c"})


# --- all of them at random -----------------------------------------------------------------------------

models = st.sampled_from("abc")
pauses = st.sampled_from((0.01, 0.5, 2.0, 8.0))
fates = st.builds(
    Fate,
    birth=st.sampled_from((None, None, None, BirthFailedError(verbatim("no room")))),
    load_seconds=st.sampled_from((0.1, 1.0, 1.0, 100.0)),
    load_fails=st.sampled_from((False, False, False, True)),
    takes=st.sampled_from((0.5, 1.0, 1.0, 1.3)),
    answer_seconds=st.sampled_from((0.1, 1.0, 30.0)),
    answer_fails=st.sampled_from((False, False, True)),
    doze_seconds=st.sampled_from((0.01, 2.0, 100.0)),
    ignores_stop=st.booleans(),
)


class MisbehavingWorld(RuleBasedStateMachine):
    """Random commands and random faults; what must hold is checked after each."""

    steps = 0
    """Of all runs together."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.world = World(self.home, interval_seconds=5.0)

    @initialize(share=st.sampled_from((1.2, 2.2, 2.2, 4.0)))
    def set_limit(self, share: float) -> None:
        forecast = self.world.run(self.world.service.forecast("a"))
        limit = int(forecast.total_bytes * share)
        self.world.run(self.world.service.set_limit(None, limit, actor="window"))

    # --- commands --------------------------------------------------------------------------------------

    @rule(model=models, seconds=pauses)
    def ask(self, model: str, seconds: float) -> None:
        self.world.begin(self.world.ask(model))
        self.step(seconds)

    @rule(first=models, second=models, seconds=pauses)
    def ask_two(self, first: str, second: str, seconds: float) -> None:
        for model in (first, second):
            self.world.begin(self.world.ask(model))
        self.step(seconds)

    @rule(model=models, actor=st.sampled_from(("window", "api")), seconds=pauses)
    def load(self, model: str, actor: str, seconds: float) -> None:
        self.world.begin(self.world.service.load(model, actor=actor))  # type: ignore[arg-type]
        self.step(seconds)

    @rule(model=models)
    def unload(self, model: str) -> None:
        self.world.begin(self.world.service.unload(model, actor="cli"))
        self.step()

    @rule()
    def clean_up(self) -> None:
        self.world.begin(self.world.service.clean_up(actor="tray"))
        self.step()

    @rule(model=models, seconds=pauses)
    def doze(self, model: str, seconds: float) -> None:
        self.world.begin(self.world.service.doze(model, actor="window"))
        self.step(seconds)

    @precondition(lambda self: self.world.requests)
    @rule(pick=st.integers(0, 100))
    def hang_up(self, pick: int) -> None:
        self.world.requests[pick % len(self.world.requests)].cancel()
        self.step()

    @rule(model=models, pinned=st.booleans())
    def pin(self, model: str, pinned: bool) -> None:
        self.world.begin(self.world.service.set_pinned(model, pinned, actor="window"))
        self.step()

    @rule()
    def scan(self) -> None:
        self.world.begin(self.world.service.scan())
        self.step()

    @rule(seconds=st.sampled_from((0.01, 0.3, 1.0, 5.0, 70.0)))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    # --- faults ----------------------------------------------------------------------------------------

    @rule(fate=fates)
    def choose_a_fate(self, fate: Fate) -> None:
        self.world.fates.append(fate)

    @precondition(lambda self: self.world.alive)
    @rule(pick=st.integers(0, 100), code=st.sampled_from((-9, -11, 1)))
    def kill_a_host(self, pick: int, code: int) -> None:
        hosts = sorted(self.world.alive, key=lambda host: host.pid)
        hosts[pick % len(hosts)].die(code)
        self.step()

    @rule(error=st.sampled_from((None, OSError("no /proc"), RuntimeError("GPU is lost"), KeyError("x"))))
    def samples_fail(self, error: Exception | None) -> None:
        self.world.sampler.error = error

    @rule(seconds=st.sampled_from((0.0, 0.0, 0.4, 3.0, 15.0)))
    def samples_are_late(self, seconds: float) -> None:
        self.world.sampler.late_seconds = seconds

    @rule(is_full=st.booleans())
    def the_disk_fills(self, is_full: bool) -> None:
        self.world.disk_is_full = is_full

    @rule(fails=st.booleans())
    def a_listener_fails(self, fails: bool) -> None:
        self.world.listener_fails = fails

    @rule(model=models, seen=st.booleans())
    def a_file_goes_or_comes_back(self, model: str, seen: bool) -> None:
        path = self.world.models / f"{model}.gguf"
        if path.exists():
            path.rename(self.home / model)
        else:
            (self.home / model).rename(path)
        if seen:
            self.scan()

    @rule(model=models, layers=st.integers(1, 5), seen=st.booleans())
    def a_file_is_replaced(self, model: str, layers: int, seen: bool) -> None:
        path = self.world.models / f"{model}.gguf"
        if path.exists():
            write_model(self.home / "new", RECIPE.but(layers=layers))
            os.replace(self.home / "new", path)
        if seen:
            self.scan()

    @rule(slept=st.sampled_from((2.0, 8 * 3600.0)))
    def the_machine_sleeps(self, slept: float) -> None:
        self.world.sampler.slept_seconds = slept

    @rule(seconds=st.sampled_from((40.0, 4000.0)))
    def the_program_stalls(self, seconds: float) -> None:
        self.world.loop.jump(seconds)

    @rule(share=st.sampled_from((0.0, 0.0, 0.0, 0.5, 0.99)))
    def other_programs_take_memory(self, share: float) -> None:
        self.world.sampler.others_bytes = int(share * 64 * 2**30)

    @property
    def ticks(self) -> int:
        return sum(isinstance(fact, Sample) for fact in self.world.facts)

    # --- what must hold ----------------------------------------------------------------------------------

    def step(self, seconds: float = 0.01) -> None:
        self.world.pass_time(seconds)

    @invariant()
    def it_holds(self) -> None:
        MisbehavingWorld.steps += 1
        self.world.check()

    def teardown(self) -> None:
        world = self.world
        try:
            # When everything behaves again, whoever waits has an answer or a refusal before long.
            world.sampler.error, world.sampler.late_seconds, world.sampler.others_bytes = None, 0.0, 0
            world.disk_is_full = world.listener_fails = False
            world.fates.clear()
            world.pass_time(30.0)
            ticks = self.ticks
            world.pass_time(300.0)
            assert self.ticks > ticks + 50, "the tick stands still"
            assert [request for request in world.requests if not request.done()] == []
            world.check()
            world.check_rest()
        finally:
            world.close()
            shutil.rmtree(self.home)
        assert not world.alive, "hosts outlive their program"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(PARTS))
def test_it_holds_whatever_goes_wrong(part: int) -> None:
    """Every request ends, limits hold, every host has a row, nothing is left, the tick ticks."""
    before = MisbehavingWorld.steps
    # How many steps a run has is left to chance, too.
    while MisbehavingWorld.steps - before < 10_000 / PARTS:
        run_state_machine_as_test(
            MisbehavingWorld, settings=settings(max_examples=RUNS, stateful_step_count=STEPS, deadline=None)
        )
