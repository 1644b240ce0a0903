"""Every setting: its type, default and bounds, with the unit in its name.

How settings become text and are read back, also from a damaged file, is `core.settings_text`.
Labels and help texts for people are the views' own; a test there proves that each field has one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_origin

import msgspec

from llmmem_gui.core.parameters import (
    AUTO,
    Batch,
    ChosenParameters,
    Context,
    GpuLayers,
    KvType,
    LoadParameters,
    Slots,
)
from llmmem_gui.core.sentence import BadValue, Sentence, verbatim
from llmmem_gui.core.units import GIB, LARGEST_BYTES, MIB

VERSION = 1
"""The version of the settings file that this program writes."""

Bytes = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_BYTES)]
GpuBytes = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_BYTES)]
Percent = Annotated[int, msgspec.Meta(ge=1, le=100)]

Automatic = Literal["automatic"]
AUTOMATIC: Automatic = "automatic"
"""Stands for a size that is computed from the machine, and follows it."""

OverLimitAction = Literal["unload", "warn"]
Theme = Literal["system", "light", "dark"]
Language = Literal["system", "en", "pt_BR"]


class LimitSettings(msgspec.Struct, frozen=True):
    """How much memory the models together may take, and when they give it back."""

    total_limit_bytes: Bytes | Automatic = AUTOMATIC
    """What all models together may take; 0: no limit; automatic: 60 % of the machine's memory."""
    reserve_bytes: Bytes | Automatic = AUTOMATIC
    """What stays free for everything else; automatic: 10 % of the machine's memory, at least 1.5 GiB."""
    gpu_percent: Percent = 90
    """Share of the memory of each GPU with memory of its own that all models together may take."""
    gpu_reserve_bytes: Bytes | Automatic = AUTOMATIC
    """What stays free of each of them for other programs; automatic: 2 % of its memory, at least 128 MiB."""
    gpu_limit_bytes: Mapping[str, GpuBytes] = {}
    """What they may take of single GPUs instead, by the address on the bus, else by llama.cpp's name."""
    idle_minutes: Annotated[float, msgspec.Meta(ge=-1, le=525_600)] = 15.0
    """An idle model is unloaded after this time; 0 or less: never."""
    over_limit_action: OverLimitAction = "unload"
    """What happens to an idle model that uses more than its own limit."""
    may_doze: bool = True
    """Idle models may drop their weights from memory before others are unloaded."""

    def total_limit_for(self, machine_bytes: int) -> int | None:
        """The total limit in force on a machine with this much memory, in bytes; None: there is none."""
        limit = self.total_limit_bytes
        return machine_bytes * 60 // 100 if limit == AUTOMATIC else limit or None

    def reserve_for(self, machine_bytes: int) -> int:
        """The reserve in force on a machine with this much memory, in bytes."""
        reserve = self.reserve_bytes
        return max(3 * GIB // 2, machine_bytes // 10) if reserve == AUTOMATIC else reserve

    def gpu_limit_for(self, gpu_key: str, gpu_bytes: int) -> int:
        """The limit in force on a GPU with this much memory of its own, in bytes."""
        own = self.gpu_limit_bytes.get(gpu_key)
        return gpu_bytes * self.gpu_percent // 100 if own is None else min(own, gpu_bytes)

    def gpu_reserve_for(self, gpu_bytes: int) -> int:
        """The reserve in force on a GPU with this much memory of its own, in bytes."""
        reserve = self.gpu_reserve_bytes
        return min(max(128 * MIB, gpu_bytes // 50) if reserve == AUTOMATIC else reserve, gpu_bytes)


class WarningSettings(msgspec.Struct, frozen=True):
    """When a person is warned."""

    warn_percent: Percent = 80
    """Share of the total limit at which a warning is given."""
    model_warn_percent: Percent = 90
    """Share of a model's own limit at which a warning is given."""
    critical_percent: Percent = 95
    """Share of a limit at which the warning is critical."""
    quiet_minutes: Annotated[float, msgspec.Meta(ge=0, le=1_440)] = 1.0
    """The same warning is not repeated within this time."""
    desktop_notifications: bool = True
    """Warnings are also shown by the desktop, not only in the window."""


class LoadingSettings(msgspec.Struct, frozen=True):
    """How a model is loaded that has no parameters of its own."""

    context: Context = 4096
    """Tokens of context."""
    kv_type: KvType = "f16"
    """Element type of the KV cache."""
    batch: Batch = 512
    """Tokens decoded in one call."""
    gpu_layers: GpuLayers = AUTO
    """Layers placed on a GPU; −1: all; auto: as many as fit on a card, and none where there is no card."""
    slots: Slots = 4
    """Requests that a model answers at once; they share its context."""
    threads: Annotated[int, msgspec.Meta(ge=0, le=1_024)] = 0
    """Threads that the answering models share; 0: one for each core."""
    load_timeout_seconds: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 600.0
    """A load that takes longer is given up."""
    engine: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """The engine to compute with, by its name; empty: the best by itself."""

    def parameters(self) -> LoadParameters:
        """The load parameters that these settings stand for."""
        return LoadParameters(
            context=self.context,
            kv_type=self.kv_type,
            batch=self.batch,
            gpu_layers=self.gpu_layers,
            slots=self.slots,
        )


class ConversationSettings(msgspec.Struct, frozen=True):
    """What is kept of conversations, so that they are not read again."""

    memory_mib: Annotated[int, msgspec.Meta(ge=0, le=1_048_576)] = 128
    """MiB that each loaded model may hold of conversations beside its context."""
    keep_on_disk: bool = False
    """Conversations are written to the disk when a model is unloaded, and go on after it is loaded again."""
    disk_mib: Annotated[int, msgspec.Meta(ge=1, le=16_777_216)] = 2048
    """MiB that all of them may take on the disk; those used longest ago are deleted first."""


class MonitoringSettings(msgspec.Struct, frozen=True):
    """How memory is measured and remembered."""

    interval_seconds: Annotated[float, msgspec.Meta(ge=0.25, le=5)] = 1.0
    """Time between two samples."""
    history_days: Annotated[int, msgspec.Meta(ge=0, le=30)] = 30
    """How long samples and events are kept; 0: only while the program runs."""


class ApiSettings(msgspec.Struct, frozen=True):
    """The HTTP API on the loopback interface."""

    enabled: bool = True
    """Other programs may use the models."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 11500
    """TCP port on 127.0.0.1; 0: any free one."""
    allowed_origins: tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=300)], ...] = ()
    """Origins of web pages that may use the API, such as `http://localhost:3000`; none by default."""
    queue_limit: Annotated[int, msgspec.Meta(ge=1, le=4_096)] = 64
    """Requests that may wait for, or be answered by, one model; more are refused."""
    queue_seconds: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 600.0
    """A request that has waited this long for its model is refused."""
    connection_limit: Annotated[int, msgspec.Meta(ge=1, le=4_096)] = 128
    """Connections open at the same time; more are refused."""
    strict: bool = False
    """Requests with fields that nobody here knows are refused, instead of answered without them."""


class LibrarySettings(msgspec.Struct, frozen=True):
    """Where model files are looked for."""

    folders: tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=4_096)], ...] = ()
    """Folders that the user added, as absolute paths."""
    search_known_folders: bool = True
    """The model folders of other programs are searched too."""


class NeighbourSettings(msgspec.Struct, frozen=True):
    """What may be done with other programs that hold models."""

    may_unload: tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=100)], ...] = ()
    """Programs whose idle models are unloaded when memory gets short, before any of ours; none by default."""


class AppearanceSettings(msgspec.Struct, frozen=True):
    """How the window looks and behaves on the desktop."""

    theme: Theme = "system"
    """Light, dark, or what the desktop says."""
    language: Language = "system"
    """Language of the window, or what the desktop says."""
    keep_in_tray: bool = True
    """Closing the window leaves the program in the tray, where there is one."""
    start_minimized: bool = False
    """The program starts without showing its window."""
    start_at_login: bool = False
    """The desktop starts the program, without its window, when the user logs in."""


class ModelSettings(msgspec.Struct, frozen=True):
    """What the user decided for one model."""

    limit_bytes: Bytes | None = None
    """What this model may take; None: no limit of its own."""
    pinned: bool = False
    """The model is never unloaded automatically."""
    parameters: ChosenParameters = ChosenParameters()
    """How this model is loaded, where it differs from what `loading` says."""
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """What the user calls it; empty: as its file says."""
    hidden: bool = False
    """It is not listed while it is not loaded."""
    load_at_start: bool = False
    """It is loaded whenever the program starts."""


class Settings(msgspec.Struct, frozen=True):
    """All settings of the program."""

    limits: LimitSettings = LimitSettings()
    warnings: WarningSettings = WarningSettings()
    loading: LoadingSettings = LoadingSettings()
    conversations: ConversationSettings = ConversationSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    api: ApiSettings = ApiSettings()
    library: LibrarySettings = LibrarySettings()
    neighbours: NeighbourSettings = NeighbourSettings()
    appearance: AppearanceSettings = AppearanceSettings()
    models: Mapping[str, ModelSettings] = {}
    """Settings of single models by the key of the model."""

    def model(self, key: str) -> ModelSettings:
        """The settings of one model, or the defaults for a model that has none."""
        return self.models.get(key, ModelSettings())

    def with_model(self, key: str, model: ModelSettings) -> Settings:
        """These settings with one model's settings replaced; defaults are not kept."""
        others = {other: kept for other, kept in self.models.items() if other != key}
        if model != ModelSettings():
            others[key] = model
        return msgspec.structs.replace(self, models=others)

    def with_value(self, name: str, value: object) -> Settings:
        """These settings with the field `section.field` replaced; of a table of values, those that are named.

        None or 0 takes a value out of a table. Raises BadValue when there is no such field or the value is
        out of bounds.
        """
        section_name, _, field_name = name.partition(".")
        section = getattr(self, section_name, None) if section_name in self.__struct_fields__ else None
        if not isinstance(section, msgspec.Struct) or field_name not in section.__struct_fields__:
            raise BadValue(Sentence("Settings", "{name} is not a setting.").format(name=name))
        kind = next(field.type for field in msgspec.structs.fields(section) if field.name == field_name)
        if value is None and _is_size(kind):
            value = 0  # nothing: no limit, nothing kept free
        if get_origin(kind) is Mapping and isinstance(value, Mapping):
            merged = {**getattr(section, field_name), **value}
            value = {key: each for key, each in merged.items() if each not in (None, 0)}
        try:
            checked = msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            sentence = Sentence("Settings", "{name} cannot be {value}: {expected}.").format(
                name=name, value=repr(value), expected=expectation(kind, error)
            )
            raise BadValue(sentence) from None
        changed = msgspec.structs.replace(section, **{field_name: checked})
        return msgspec.structs.replace(self, **{section_name: changed})

    def with_values(self, changes: Mapping[str, object]) -> Settings:
        """These settings with several fields replaced, each named as `section.field`: all or none.

        Raises BadSetting with the name of the first one that cannot be.
        """
        settings = self
        for name, value in changes.items():
            try:
                settings = settings.with_value(name, value)
            except BadValue as error:
                raise BadSetting(name, error.sentence) from None
        # A file may hold what does not go together: that is no reason to refuse something else.
        return settings.checked() if any(name.startswith("warnings.") for name in changes) else settings

    def checked(self) -> Settings:
        """These settings, if they go together. Raises BadSetting with the name of one that does not fit."""
        warnings = self.warnings
        if warnings.warn_percent > warnings.critical_percent:
            sentence = Sentence(
                "Settings", "a warning at {warn} % would come after the critical one at {critical} %"
            )
            told = sentence.format(warn=warnings.warn_percent, critical=warnings.critical_percent)
            raise BadSetting("warnings.warn_percent", told)
        return self

    def differences(self, other: Settings) -> dict[str, Any]:
        """What to change so that these become the other ones, without the settings of single models."""
        return {
            f"{section}.{field}": _change(here, value)
            for section in self.__struct_fields__
            if isinstance(there := getattr(other, section), msgspec.Struct)
            for field in there.__struct_fields__
            if (value := getattr(there, field)) != (here := getattr(getattr(self, section), field))
        }


class BadSetting(BadValue):
    """A setting that cannot be changed as asked."""

    def __init__(self, name: str, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.name = name


def expectation(kind: object, error: msgspec.ValidationError) -> Sentence:
    """What a value of this type should have been, in words that fit into a sentence."""
    if _is_size(kind):
        return Sentence("Settings", "expected a number of bytes, at least 0, or {word}").format(
            word=AUTOMATIC
        )
    if kind == GpuLayers:
        return Sentence("Settings", "expected a number of layers, -1 for all, or {word}").format(word=AUTO)
    choices = getattr(kind, "__args__", ()) if getattr(kind, "__origin__", None) is Literal else ()
    if choices:
        listed = ", ".join(map(str, choices))
        return Sentence("Settings", "expected one of {choices}").format(choices=listed)
    reason = str(error).replace("`", "").replace(" | null", "").replace("object", "table")
    told = _EXPECTED.fullmatch(reason)
    if told is None:
        return verbatim(reason[:1].lower() + reason[1:])
    if told["found"] is None:
        return Sentence("Settings", "expected {wanted}").format(wanted=told["wanted"])
    return Sentence("Settings", "expected {wanted}, got {found}").format(
        wanted=told["wanted"], found=told["found"]
    )


def _change(here: object, there: object) -> object:
    """What makes of one value the other: of a table only what differs, None for what goes."""
    if not isinstance(here, Mapping) or not isinstance(there, Mapping):
        return there
    changed = {key: value for key, value in there.items() if here.get(key) != value}
    return {**dict.fromkeys(key for key in here if key not in there), **changed}


def _is_size(kind: object) -> bool:
    """Whether this is the type of a size that may be automatic."""
    return kind == Bytes | Automatic


_EXPECTED = re.compile(r"Expected (?P<wanted>.*?)(?:, got (?P<found>.*))?", re.DOTALL)
"""How msgspec words what is wrong."""
