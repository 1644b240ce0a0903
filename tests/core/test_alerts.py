"""A person is warned in time, once, with the numbers and what helps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmmem_gui.core.alert import Alert
from llmmem_gui.core.alerts import AlertLimits, Alerts
from llmmem_gui.core.ledger import Bounds, Charge, DeviceBounds, Holder, Standing
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.pools import DevicePool
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.readings import HostReading, MachineReading, ProgramReading, Sample
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, State

GIB = 1024**3
MIB = 1024**2


class Machine:
    """Two loaded models on a machine of 32 GiB, fed to the alerts second by second."""

    def __init__(self, limits: AlertLimits | None = None) -> None:
        self.alerts = Alerts(limits)
        self.now = 1000.0
        self.total_limit: int | None = 8 * GIB
        self.model_limit: int | None = None
        self.available = 20 * GIB
        self.programs: tuple[ProgramReading, ...] = ()
        self.pressure = Level.NORMAL
        self.loaded_at = 990.0
        self.holders: tuple[Holder, ...] | None = None
        self.devices: dict[str, DeviceBounds] = {}
        self.pools: tuple[DevicePool, ...] = ()

    def uses(self, used_bytes: int, after_seconds: float = 1.0) -> tuple[Alert, ...]:
        """The warnings when the models use so much."""
        self.now += after_seconds
        small = used_bytes // 4
        parts = {"small": small, "large": used_bytes - small}
        models = tuple(self._model(name, size) for name, size in parts.items())
        holders = tuple(
            Holder(name, Charge(size, 0, name), Standing.IDLE, float(n), private_bytes=size)
            for n, (name, size) in enumerate(parts.items())
        )
        holders = holders if self.holders is None else self.holders
        snapshot = CacheSnapshot(
            self.now,
            models,
            holders,
            Bounds(self.total_limit, devices=self.devices),
            None,
            used_bytes,
            used_bytes,
            pools=self.pools,
        )
        hosts = {name: HostReading(1, size, 0) for name, size in parts.items()}
        machine = MachineReading(32 * GIB, self.available)
        sample = Sample(self.now, self.now, machine, hosts, programs=self.programs)
        self.snapshot = snapshot
        told = self.alerts.feed(snapshot, sample, self.pressure)
        self.ended = told.ended
        return told.begun

    def _model(self, name: str, size: int) -> ModelSnapshot:
        limit = self.model_limit if name == "large" else None
        file = ModelFile(id=name, name=name, path=f"/{name}.gguf")
        return ModelSnapshot(
            file,
            State.READY,
            LoadParameters(),
            private_bytes=size,
            limit_bytes=limit,
            loaded_at=self.loaded_at,
        )


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_nothing_is_said_below_the_first_level(machine: Machine) -> None:
    """79 % of the limit is no warning."""
    assert machine.uses(int(0.79 * 8 * GIB)) == ()


def test_the_total_limit_warns_at_80_and_95_percent(machine: Machine) -> None:
    """Each level is told once, with percent, numbers and the model that would go first."""
    (warning,) = machine.uses(int(0.80 * 8 * GIB) + 1)
    assert (warning.level, round(warning.percent)) == (Level.WARNING, 80)
    assert (warning.relief_model, warning.relief_bytes) == ("small", int(0.80 * 8 * GIB) // 4)
    assert machine.uses(int(0.85 * 8 * GIB)) == ()
    (critical,) = machine.uses(int(0.96 * 8 * GIB))
    assert (critical.level, critical.limit_bytes) == (Level.CRITICAL, 8 * GIB)
    assert "96 %" in str(critical.sentence)
    assert "unloading small gives" in str(critical.sentence)


def test_a_use_around_the_level_warns_once(machine: Machine) -> None:
    """Falling by a little and rising again is the same warning; hysteresis and quiet time hold it back."""
    warned = [bool(machine.uses(int(share * 8 * GIB))) for share in (0.81, 0.78, 0.81, 0.76, 0.82)]
    assert warned == [True, False, False, False, False]


def test_a_warning_comes_again_after_the_quiet_time(machine: Machine) -> None:
    """What was left clearly and is reached again later is worth a word."""
    assert machine.uses(7 * GIB)
    assert machine.uses(GIB) == ()
    assert machine.uses(7 * GIB) == ()
    assert machine.uses(GIB) == ()
    assert machine.uses(7 * GIB, after_seconds=61)


def test_a_graver_level_is_told_within_the_quiet_time(machine: Machine) -> None:
    """Quiet is kept about the same level only."""
    assert machine.uses(7 * GIB)[0].level is Level.WARNING
    assert machine.uses(int(7.9 * GIB))[0].level is Level.CRITICAL


def test_a_model_near_its_own_limit(machine: Machine) -> None:
    """At 90 %, not before, a warning names the model, its use and its limit."""
    machine.model_limit = 4 * GIB
    assert machine.uses(int(4.7 * GIB)) == ()
    (warning,) = machine.uses(int(4.8 * GIB))
    assert (warning.model_id, warning.limit_bytes) == ("large", 4 * GIB)
    assert str(warning.sentence).startswith("large uses 3.60 GiB of its limit of 4.00 GiB (90 %)")


def test_without_a_limit_nothing_can_be_near_it(machine: Machine) -> None:
    """No total limit, no warning about it."""
    machine.total_limit = None
    assert machine.uses(30 * GIB) == ()


def test_what_is_reached_again_within_the_quiet_time_is_told_when_that_is_over(machine: Machine) -> None:
    """Quiet time delays a warning; it does not swallow one about a state that lasts."""
    assert machine.uses(7 * GIB)
    assert machine.uses(GIB) == ()
    told_after = [second for second in range(120) if machine.uses(7 * GIB)]
    assert told_after == [58]


def test_the_relief_is_what_really_comes_back(machine: Machine) -> None:
    """Pages that another model maps too stay; for the machine mapped pages are available already."""
    shared = {
        name: Holder(name, Charge(GIB, 2 * GIB, "same"), Standing.IDLE, 0.0, False, GIB, 2 * GIB)
        for name in "ab"
    }
    machine.holders = tuple(shared.values())
    (total,) = machine.uses(7 * GIB)
    assert (total.relief_model, total.relief_bytes) == ("a", GIB)
    machine.holders = (Holder("a", Charge(GIB, 2 * GIB, "a"), Standing.IDLE, 0.0, False, GIB, 2 * GIB),)
    machine.pressure = Level.WARNING
    (of_machine,) = machine.uses(7 * GIB)
    assert (of_machine.relief_model, of_machine.relief_bytes) == ("a", GIB)


def test_nothing_is_promised_when_no_model_may_go(machine: Machine) -> None:
    """With every model in use or pinned, the advice is another one."""
    machine.holders = (Holder("a", Charge(GIB, 0, "a"), Standing.BUSY, 0.0),)
    (warning,) = machine.uses(7 * GIB)
    assert warning.relief_model is None
    assert str(warning.sentence).endswith(": raise the limit or unload a model.")


def test_pressure_of_the_machine_names_the_program_that_grew(machine: Machine) -> None:
    """The program that took the memory is told with its growth and the time."""
    firefox = ProgramReading("firefox", 5 * GIB, int(2.1 * GIB), 180.0)
    machine.programs = (firefox, ProgramReading("code", GIB, 0))
    machine.uses(GIB)
    machine.programs = ()
    machine.available, machine.pressure = 2 * GIB, Level.CRITICAL
    (warning,) = machine.uses(GIB)
    assert warning.of_machine
    assert "This computer has 2.00 GiB of 32.0 GiB left (94 % used)" in str(warning.sentence)
    assert "firefox grew by 2.10 GiB in 3 min" in str(warning.sentence)
    assert (warning.numbers["growth_bytes"], warning.numbers["growth_seconds"]) == (int(2.1 * GIB), 180)


def test_a_program_that_hardly_grew_is_not_blamed(machine: Machine) -> None:
    """Growth below 256 MiB explains nothing."""
    machine.programs = (ProgramReading("firefox", 5 * GIB, 100 * MIB, 180.0),)
    machine.available, machine.pressure = 2 * GIB, Level.WARNING
    (warning,) = machine.uses(GIB)
    assert warning.growth is None


def test_each_level_of_the_machine_is_told_as_it_rises(machine: Machine) -> None:
    """Warning, critical and emergency, each once; the level as a number goes with it."""
    told = []
    for level in (
        Level.WARNING,
        Level.WARNING,
        Level.CRITICAL,
        Level.EMERGENCY,
        Level.CRITICAL,
        Level.EMERGENCY,
    ):
        machine.pressure = level
        told.append([warning.numbers["level"] for warning in machine.uses(GIB)])
    assert told == [[1], [], [2], [3], [], []]


@pytest.mark.parametrize("subject", ["total", "model", "machine"])
def test_the_time_until_the_limit_is_told_when_the_use_grows_steadily(machine: Machine, subject: str) -> None:
    """10 MiB a second towards a limit 1.6 GiB away: a little under three minutes, one outlier or not."""
    if subject == "model":
        machine.total_limit, machine.model_limit = None, 6 * GIB
    start, alerts = int(0.7 * 8 * GIB), ()
    for second in range(240):
        outlier = 300 * MIB if second == 40 else 0
        used = start + second * 10 * MIB + outlier
        if subject == "machine":
            machine.total_limit = None
            machine.available = 8 * GIB - used
            machine.pressure = Level.WARNING if used > int(6.4 * GIB) and second > 60 else Level.NORMAL
        alerts = machine.uses(used)
        if alerts:
            break
    (warning,) = alerts
    limit = 32 * GIB if subject == "machine" else warning.limit_bytes
    rate = 7.5 * MIB if subject == "model" else 10 * MIB
    assert warning.seconds_to_limit == pytest.approx((limit - warning.current_bytes) / rate, rel=0.1)
    assert "at this rate" in str(warning.sentence)
    assert warning.numbers["seconds_to_limit"] == warning.seconds_to_limit


def test_the_model_that_grew_is_named(machine: Machine) -> None:
    """Growth of a loaded model over the last minute is the cause of the total's warning."""
    for second in range(60):
        machine.uses(6 * GIB + second * MIB)
    (warning,) = machine.uses(7 * GIB)
    assert warning.growth is not None
    assert warning.growth.name == "large"
    assert "large grew by 768 MiB in 1 min" in str(warning.sentence)


def test_no_time_is_told_for_a_jump(machine: Machine) -> None:
    """A use that stood still and jumps has no rate."""
    for _ in range(30):
        machine.uses(GIB)
    (warning,) = machine.uses(7 * GIB)
    assert warning.seconds_to_limit is None


def test_a_model_that_comes_or_goes_begins_a_new_trend(machine: Machine) -> None:
    """A load is a jump in the sum, and no reason to foretell the next one."""
    for second in range(30):
        machine.uses(GIB + second * 100 * MIB)
    machine.loaded_at = 1030.0
    (warning,) = machine.uses(7 * GIB)
    assert (warning.seconds_to_limit, warning.growth) == (None, None)


def test_a_limit_taken_away_and_set_again_warns_anew(machine: Machine) -> None:
    """What was told about an earlier limit says nothing of this one."""
    assert machine.uses(7 * GIB)
    machine.total_limit = None
    assert machine.uses(7 * GIB) == ()
    machine.total_limit = 8 * GIB
    assert machine.uses(7 * GIB)


def test_a_warning_that_was_told_is_told_to_be_over_once(machine: Machine) -> None:
    """Clearly below the level the warning ends, and is told so once, with the numbers of the end."""
    assert machine.uses(7 * GIB)
    assert machine.ended == ()
    machine.uses(int(0.78 * 8 * GIB))
    assert machine.ended == ()
    machine.uses(int(0.7 * 8 * GIB))
    (ended,) = machine.ended
    assert (ended.level, round(ended.percent)) == (Level.NORMAL, 70)
    assert str(ended.end) == "The models are clear of their limit again: 5.60 GiB of 8.00 GiB (70 %)."
    machine.uses(GIB)
    assert machine.ended == ()


def test_what_goes_away_ends_its_warning(machine: Machine) -> None:
    """A limit that is taken away, and a pressure that is over, leave no warning standing."""
    machine.pressure = Level.CRITICAL
    machine.uses(7 * GIB)
    machine.total_limit, machine.pressure = None, Level.NORMAL
    machine.uses(7 * GIB)
    assert sorted(alert.subject for alert in machine.ended) == ["machine", "total"]


def test_what_stands_follows_the_snapshot_between_samples(machine: Machine) -> None:
    """A raised limit ends a warning at once, and a lowered one begins it, without a sample."""
    machine.uses(7 * GIB)
    raised = replace(machine.snapshot, bounds=Bounds(32 * GIB))
    assert machine.alerts.standing(raised, Level.NORMAL) == ()
    (standing,) = machine.alerts.standing(machine.snapshot, Level.NORMAL)
    assert standing.limit_bytes == 8 * GIB


def test_being_past_a_limit_is_graver_than_being_near_it(machine: Machine) -> None:
    """Who has seen that a limit is near is told again when it is passed, also within the quiet time."""
    assert machine.uses(int(7.9 * GIB))[0].level is Level.CRITICAL
    assert machine.uses(int(8.1 * GIB))[0].level is Level.EMERGENCY


def test_a_growth_is_not_blamed_for_a_limit_that_was_lowered(machine: Machine) -> None:
    """What grew before the limit was set to less is not why it is passed."""
    for second in range(40):
        machine.uses(3 * GIB + second * 40 * MIB)
    machine.total_limit = 4 * GIB
    (warning,) = machine.uses(int(4.6 * GIB))
    assert warning.growth is None


def test_a_model_is_named_once_and_no_time_is_told_in_tenths(machine: Machine) -> None:
    """The sentence about a model says its name once; a limit that is reached now has no countdown."""
    machine.total_limit, machine.model_limit = None, 6 * GIB
    alerts: tuple[Alert, ...] = ()
    for second in range(120):
        alerts = machine.uses(4 * GIB + second * 50 * MIB) or alerts
    said = str(alerts[-1].sentence)
    assert said.count("large") == 1
    assert "more than" in said
    soon = replace(alerts[-1], seconds_to_limit=0.2)
    assert "at this rate" not in str(soon.sentence)


def test_a_simulated_pressure_is_told_as_one(machine: Machine) -> None:
    """The sentence, the numbers and the end of it all say that nothing is really short."""
    machine.uses(GIB)
    (standing,) = machine.alerts.standing(machine.snapshot, Level.CRITICAL, simulated=True)
    assert str(standing.sentence).startswith("Simulated: ")
    assert standing.numbers["simulated"] == 1
    assert str(standing.end) == "The simulated pressure has ended."


def on_gpu(machine: Machine, models_bytes: int, others_bytes: int, limit_bytes: int) -> tuple[Alert, ...]:
    """What is told when the models hold so much of a GPU of 8 GiB with 256 MiB to stay free."""
    machine.devices = {"GPU0": DeviceBounds(limit_bytes, None, 256 * MIB)}
    held = {"large": models_bytes} if models_bytes else {}
    machine.pools = (
        DevicePool("0000:01:00.0", "GPU0", "RTX 4060", 8 * GIB, models_bytes + others_bytes, held),
        DevicePool("0000:02:00.0", "", "Another card", 8 * GIB, 8 * GIB),
    )
    return machine.uses(GIB)


def test_a_gpu_that_is_full_of_our_models_is_no_reason_to_warn(machine: Machine) -> None:
    """Layers are placed until the limit; one that no model is on is nobody's business here."""
    assert on_gpu(machine, 7 * GIB, 512 * MIB, 7 * GIB) == ()
    assert on_gpu(machine, 0, 8 * GIB, 7 * GIB) == ()


def test_others_that_take_what_was_to_stay_free_of_a_gpu(machine: Machine) -> None:
    """Told by its name with what helps, graver with half of it, and over with a quarter more."""
    (alert,) = on_gpu(machine, 4 * GIB, 4 * GIB - 250 * MIB, 7 * GIB)
    assert (alert.level, alert.subject) == (Level.WARNING, "gpu 0000:01:00.0")
    assert str(alert.sentence) == (
        "RTX 4060 has 250 MiB of 8.00 GiB left (97 % used): unloading large gives 4.00 GiB back."
    )
    (alert,) = on_gpu(machine, 4 * GIB, 4 * GIB - 100 * MIB, 7 * GIB)
    assert alert.level is Level.CRITICAL
    assert on_gpu(machine, 4 * GIB, 4 * GIB - 300 * MIB, 7 * GIB) == machine.ended == ()
    assert on_gpu(machine, 4 * GIB, 4 * GIB - 330 * MIB, 7 * GIB) == ()
    (over,) = machine.ended
    assert str(over.end) == "RTX 4060 has 330 MiB of 8.00 GiB left again (96 % used)."


def test_models_past_their_limit_on_a_gpu(machine: Machine) -> None:
    """The limit was lowered, and who is in use there does not go: nothing can be unloaded for it."""
    machine.holders = ()
    (alert,) = on_gpu(machine, 4 * GIB, GIB, 3 * GIB)
    assert alert.level is Level.EMERGENCY
    assert str(alert.sentence) == (
        "The models use 4.00 GiB of their limit of 3.00 GiB on RTX 4060 (133 %): "
        "raise the limit or unload a model."
    )
    assert on_gpu(machine, 0, GIB, 3 * GIB) == ()
    (over,) = machine.ended
    assert str(over.end).startswith("The models are clear of their limit on RTX 4060 again: 0 B of 3.00 GiB")
