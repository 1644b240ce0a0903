"""Settings: defaults, bounds, and changes by name."""

from __future__ import annotations

import re

import msgspec
import pytest

from llmmem_gui.core.parameters import AUTO, ChosenParameters, LoadParameters
from llmmem_gui.core.sentence import BadValue
from llmmem_gui.core.settings import BadSetting, LimitSettings, LoadingSettings, ModelSettings, Settings
from llmmem_gui.core.settings_text import parse, to_toml
from llmmem_gui.core.units import GIB, MIB


def test_the_defaults_are_within_their_own_bounds():
    """The default settings pass the checks that settings from outside have to pass."""
    plain = msgspec.to_builtins(Settings())
    assert msgspec.convert(plain, Settings) == Settings()


def test_the_default_loading_settings_are_the_default_load_parameters():
    """But for layers on GPUs: those who say nothing about them to the program have them there."""
    assert LoadingSettings().parameters() == LoadParameters(gpu_layers=AUTO)


@pytest.mark.parametrize(
    ("machine_bytes", "limit_bytes", "reserve_bytes"),
    [(10 * GIB, 6 * GIB, 1536 * MIB), (40 * GIB, 24 * GIB, 4 * GIB)],
)
def test_unset_limits_are_computed_from_the_machine(machine_bytes, limit_bytes, reserve_bytes):
    """Without a decision of the user the total limit is 60 % and the reserve 10 %, at least 1.5 GiB."""
    limits = LimitSettings()
    assert limits.total_limit_for(machine_bytes) == limit_bytes
    assert limits.reserve_for(machine_bytes) == reserve_bytes


def test_set_limits_do_not_depend_on_the_machine():
    """What the user set holds on every machine, also zero."""
    limits = LimitSettings(total_limit_bytes=5 * GIB, reserve_bytes=0)
    assert (limits.total_limit_for(GIB), limits.reserve_for(GIB)) == (5 * GIB, 0)


def test_a_model_keeps_its_settings_until_they_are_the_defaults_again():
    """Settings of a model replace its old ones, leave other models alone, and go with the last decision."""
    settings = (
        Settings().with_model("a", ModelSettings(pinned=True)).with_model("b", ModelSettings(limit_bytes=5))
    )
    changed = settings.with_model("a", ModelSettings(limit_bytes=7))
    assert changed.model("a") == ModelSettings(limit_bytes=7)
    assert changed.model("b") == ModelSettings(limit_bytes=5)
    assert settings.model("a") == ModelSettings(pinned=True)
    assert changed.with_model("a", ModelSettings()).with_model("b", ModelSettings()) == Settings()


def test_a_setting_is_changed_by_name():
    """A field is replaced by its name and the others stay."""
    changed = Settings().with_value("api.port", 8080)
    assert changed.api.port == 8080
    assert changed.with_value("api.port", 11500) == Settings()


def test_a_limit_is_automatic_set_or_taken_away():
    """A number is the limit, null and 0 are none, and the word makes it follow the machine again."""

    def limit(value):
        return Settings().with_value("limits.total_limit_bytes", value).limits.total_limit_for(10 * GIB)

    assert [limit(value) for value in (5 * GIB, None, 0, "automatic")] == [5 * GIB, None, None, 6 * GIB]
    assert Settings().with_value("limits.reserve_bytes", None).limits.reserve_for(10 * GIB) == 0


def test_several_settings_change_together_or_not_at_all():
    """Of several changes one that cannot be is named, and none is made."""
    changes = {"api.port": 8080, "limits.may_doze": False}
    assert Settings().differences(Settings().with_values(changes)) == changes
    with pytest.raises(BadSetting) as bad:
        Settings().with_values({**changes, "api.queue_limit": 0})
    assert bad.value.name == "api.queue_limit"


def test_limits_of_single_gpus_are_laid_over_each_other():
    """A change names the GPUs that it means; null and 0 take a limit away; a difference is such a change."""
    first = Settings().with_value("limits.gpu_limit_bytes", {"0000:01:00.0": 5 * GIB, "Vulkan1": GIB})
    second = first.with_value("limits.gpu_limit_bytes", {"Vulkan1": 2 * GIB, "Vulkan2": 3})
    assert second.limits.gpu_limit_bytes == {"0000:01:00.0": 5 * GIB, "Vulkan1": 2 * GIB, "Vulkan2": 3}
    third = second.with_value("limits.gpu_limit_bytes", {"Vulkan1": None, "Vulkan2": 0})
    assert third.limits.gpu_limit_bytes == {"0000:01:00.0": 5 * GIB}
    for one in (first, second, third, Settings()):
        for other in (first, second, third, Settings()):
            assert one.with_values(one.differences(other)) == other
            assert parse(to_toml(other, to_toml(one)))[0] == other
    for bad in ({"Vulkan0": -1}, {"Vulkan0": "much"}, [1], 5):
        with pytest.raises(BadValue):
            first.with_value("limits.gpu_limit_bytes", bad)


def test_a_gpu_has_the_usual_share_unless_it_has_a_limit_of_its_own():
    """And never more than its memory, which another card at the same place may have less of."""
    limits = Settings().with_value("limits.gpu_limit_bytes", {"a": 5 * GIB}).limits
    assert limits.gpu_limit_for("a", 10 * GIB) == 5 * GIB
    assert limits.gpu_limit_for("a", 4 * GIB) == 4 * GIB
    assert limits.gpu_limit_for("b", 10 * GIB) == 9 * GIB


def test_what_stays_free_of_a_gpu() -> None:
    """By itself 2 % of it, and on a small one more; what is chosen is at most all there is."""
    assert LimitSettings().gpu_reserve_for(100 * GIB) == 2 * GIB
    assert LimitSettings().gpu_reserve_for(GIB) == 128 * MIB
    assert LimitSettings().gpu_reserve_for(64 * MIB) == 64 * MIB
    assert LimitSettings(gpu_reserve_bytes=0).gpu_reserve_for(GIB) == 0
    assert LimitSettings(gpu_reserve_bytes=3 * GIB).gpu_reserve_for(2 * GIB) == 2 * GIB


def test_a_bad_limit_of_a_gpu_is_dropped_alone():
    """The other ones in the file hold, and the fault is told by its name."""
    settings, problems = parse('[limits.gpu_limit_bytes]\n"0000:01:00.0" = 1000\nVulkan1 = "much"\n')
    assert settings.limits.gpu_limit_bytes == {"0000:01:00.0": 1000}
    assert [problem.name for problem in problems] == ["limits.gpu_limit_bytes.Vulkan1"]


def test_what_is_chosen_of_the_parameters_is_laid_over_the_usual_ones():
    """What was not chosen follows the usual parameters; whether embeddings are wanted is never a choice."""
    wanted = LoadParameters(context=8192, embeddings=True)
    chosen = ChosenParameters.of(wanted, LoadParameters())
    assert chosen == ChosenParameters(context=8192)
    usual = LoadParameters(context=1024, kv_type="q8_0")
    assert chosen.instead_of(usual) == LoadParameters(context=8192, kv_type="q8_0")
    assert set(ChosenParameters.__struct_fields__) == set(LoadParameters.__struct_fields__) - {"embeddings"}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("api.port", 70000, "api.port cannot be 70000: expected int <= 65535."),
        (
            "appearance.theme",
            "pink",
            "appearance.theme cannot be 'pink': expected one of system, light, dark.",
        ),
        ("limits.idle_minutes", float("nan"), "limits.idle_minutes cannot be nan: expected float >= -1.0."),
        (
            "limits.reserve_bytes",
            "4 GiB",
            "limits.reserve_bytes cannot be '4 GiB': expected a number of bytes, at least 0, or automatic.",
        ),
        ("models.a", {}, "models.a is not a setting."),
        ("api", {}, "api is not a setting."),
        ("__class__.__name__", "x", "__class__.__name__ is not a setting."),
    ],
)
def test_a_change_that_cannot_be_is_refused_in_one_sentence(name, value, sentence):
    """A wrong name, type or number is refused with the name, the value and what was expected."""
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Settings().with_value(name, value)
