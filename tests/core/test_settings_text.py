"""Settings as TOML: repair, comments, unknown keys."""

from __future__ import annotations

import sys

import msgspec
import pytest
import tomlkit
from hypothesis import example, given
from hypothesis import strategies as st

from llmmem_gui.core.parameters import ChosenParameters
from llmmem_gui.core.settings import ModelSettings, Settings
from llmmem_gui.core.settings_text import parse, to_toml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CHOSEN = (
    Settings()
    .with_value("limits.idle_minutes", 5.5)
    .with_model("smol", ModelSettings(limit_bytes=1024, parameters=ChosenParameters(context=2048)))
)


def kinds(problems):
    """The kind and name of each problem."""
    return [(problem.kind, problem.name) for problem in problems]


def test_an_empty_text_gives_the_defaults_and_no_problem():
    """A file that says nothing is a good file."""
    assert parse("") == (Settings(), [])


def test_only_what_differs_from_the_defaults_is_written():
    """The text of the defaults is the version alone, and a change adds its own lines."""
    assert to_toml(Settings()) == "version = 1\n"
    content = tomllib.loads(to_toml(CHOSEN))
    assert content == {
        "version": 1,
        "limits": {"idle_minutes": 5.5},
        "models": {"smol": {"limit_bytes": 1024, "parameters": {"context": 2048}}},
    }


def test_comments_order_and_unknown_keys_survive_a_change():
    """What a person wrote into the file stays where it was; only the changed values change."""
    original = (
        "# my settings\n"
        "version = 1\n"
        "\n"
        "[api]\n"
        "port = 8080  # the editor expects it\n"
        "colour = 'blue'\n"
        "\n"
        "[limits]\n"
        "idle_minutes = 5.5\n"
        "\n"
        "[from_the_future]\n"
        "depth = 3\n"
    )
    settings, problems = parse(original)
    assert kinds(problems) == [("unknown key", "api.colour"), ("unknown key", "from_the_future")]
    assert to_toml(settings, original) == original
    changed = settings.with_value("api.port", 8081).with_value("limits.idle_minutes", 15)
    assert to_toml(changed, original) == original.replace("8080", "8081").replace("idle_minutes = 5.5\n", "")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("monitoring.interval_seconds = 99", "99 (expected float <= 5.0): 1.0 is used instead."),
        ("monitoring.interval_seconds = nan", "nan (expected float >= 0.25): 1.0 is used instead."),
        ("api.port = true", "True (expected int, got bool): 11500 is used instead."),
        (
            "appearance.theme = 'pink'",
            "'pink' (expected one of system, light, dark): system is used",
        ),
        ("limits.reserve_bytes = -1", "at least 0, or automatic): automatic is used instead."),
        ("limits.reserve_bytes = 9223372036854775808", "9223372036854775808 (expected a number of bytes"),
        ("library.folders = [1]", "[1] (expected str, got int - at $[0])"),
        ("library = 3", "3 (expected table, got int): the default is used instead."),
        ("loading.context = 2020-01-01", "datetime.date(2020, 1, 1) (expected int, got date)"),
        ("models.a = 5", "5 (expected table, got int)"),
        ("models.a.parameters.context = 0", "0 (expected int >= 1): the default is used instead."),
        ("version = 'one'", "'one' (expected a whole number): 1 is used instead."),
    ],
)
def test_a_value_that_cannot_be_used_is_replaced_alone(line, problem):
    """A wrong type, a number out of bounds or NaN costs its own field, and one sentence says so."""
    settings, problems = parse(f"limits.may_doze = false\n{line}\nmodels.b.pinned = true\n")
    assert not settings.limits.may_doze
    assert settings.model("b").pinned
    assert [each.kind for each in problems] == ["bad value"]
    assert problems[0].name == line.split()[0]
    assert str(problems[0].sentence).startswith(f"{problems[0].name} is ")
    assert problem in str(problems[0].sentence)
    untouched = Settings().with_value("limits.may_doze", False).with_model("b", ModelSettings(pinned=True))
    ours = msgspec.to_builtins(settings)
    ours["models"].pop("a", None)
    assert ours == msgspec.to_builtins(untouched)


@pytest.mark.parametrize(
    "text", ["limits = ", "[limits", "a = 1\na = 2", "\x00", "x = 2020-99-99", "x = " + "[" * 5000]
)
def test_a_text_that_is_not_toml_gives_the_defaults(text):
    """A damaged file is told as damaged, with the place of the damage, and is no reason to stop."""
    settings, problems = parse(text)
    assert settings == Settings()
    assert kinds(problems) == [("damaged", "")]
    assert to_toml(CHOSEN, text) == to_toml(CHOSEN)


def test_a_byte_order_mark_is_not_damage():
    """A file that an editor gave a byte order mark is read like any other."""
    assert parse("\ufefflimits.may_doze = false\n") == (Settings().with_value("limits.may_doze", False), [])


def test_a_newer_version_is_read_as_far_as_it_is_known():
    """Settings of a newer version keep what is known and are told apart."""
    settings, problems = parse("version = 2\n[api]\nport = 8080\nquic = true\n")
    assert settings == Settings().with_value("api.port", 8080)
    assert kinds(problems) == [("newer version", "version"), ("unknown key", "api.quic")]


def test_only_what_was_chosen_for_a_model_is_kept():
    """The parameters of a model that nobody chose stay out of the file, and follow the settings for all."""
    settings = Settings().with_model("a", ModelSettings(parameters=ChosenParameters(context=8192)))
    assert to_toml(settings) == "version = 1\n\n[models.a.parameters]\ncontext = 8192\n"
    assert parse(to_toml(settings)) == (settings, [])


@given(st.text())
@example("\ufeff\ufeff")
@example("a.b = 1\n[a]\nc = 1")
def test_any_text_is_read_and_written_over(text):
    """No text makes reading raise, and no original keeps settings from being written into it."""
    settings, problems = parse(text)
    assert isinstance(settings, Settings)
    assert all(str(problem.sentence).count("\n") <= text.count("\n") for problem in problems)
    assert parse(to_toml(CHOSEN, text))[0] == CHOSEN


NAMES = st.sampled_from(
    ["version", *Settings.__struct_fields__, "port", "context", "parameters", "idle_minutes", "x y"]
)
LEAVES = st.one_of(
    st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.datetimes(), st.dates(), st.times()
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, VALUES))
def test_any_toml_is_repaired_into_settings_that_survive_writing(content):
    """Whatever lies under the known names, what is read is within bounds and survives being written."""
    text = tomlkit.dumps(content)
    settings, _ = parse(text)
    assert msgspec.convert(msgspec.to_builtins(settings), Settings) == settings
    assert parse(to_toml(settings, text))[0] == settings
    assert parse(to_toml(settings))[0] == settings


LIMITS = st.dictionaries(st.text(max_size=20), st.integers(0, 2**40), max_size=5)


@given(LIMITS, st.lists(st.text(min_size=1)))
def test_any_model_key_and_folder_survives(limits, folders):
    """Keys of models and names of folders may hold any character."""
    settings = Settings().with_value("library.folders", folders)
    for key, limit_bytes in limits.items():
        settings = settings.with_model(key, ModelSettings(limit_bytes=limit_bytes, pinned=True))
    text = to_toml(settings)
    assert parse(text) == (settings, [])
    assert parse(to_toml(settings, "# note\n" + text)) == (settings, [])
