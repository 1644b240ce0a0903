"""Colours: two palettes, the colours of the models, and the arithmetic of contrast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from zlib import crc32

from PySide6.QtGui import QColor

from llmmem_gui.core.neighbours import program_recorded_as


@dataclass(frozen=True, slots=True)
class Palette:
    """Every colour that the program draws with, as `#rrggbb`."""

    dark: bool
    window: str
    card: str
    raised: str
    """A button, a field, a row under the pointer."""
    border: str
    text: str
    secondary: str
    accent: str
    on_accent: str
    selection: str
    grid: str
    track: str
    room: str
    other: str
    own: str
    free: str
    limit: str
    good: str
    warning: str
    warning_card: str
    critical: str
    critical_card: str


LIGHT = Palette(
    dark=False,
    window="#f4f6f9",
    card="#ffffff",
    raised="#f4f6f9",
    border="#dfe3ea",
    text="#15181e",
    secondary="#59616e",
    accent="#1c68c4",
    on_accent="#ffffff",
    selection="#e6effc",
    grid="#e9ecf1",
    track="#dde2ea",
    room="#cfe0f6",
    other="#8d94a3",
    own="#5d6576",
    free="#e7eaef",
    limit="#b3420b",
    good="#0a7a50",
    warning="#8f5600",
    warning_card="#fff4dd",
    critical="#b3261e",
    critical_card="#fdeceb",
)

DARK = Palette(
    dark=True,
    window="#14171c",
    card="#1c2026",
    raised="#252a32",
    border="#313741",
    text="#eef0f4",
    secondary="#a4acb9",
    accent="#5ba6f2",
    on_accent="#07121f",
    selection="#22344a",
    grid="#282d36",
    track="#343b46",
    room="#27405e",
    other="#737b8b",
    own="#9aa3b4",
    free="#2b3039",
    limit="#ff9457",
    good="#46c394",
    warning="#f4bd5a",
    warning_card="#352b16",
    critical="#ff8a80",
    critical_card="#3a2020",
)

OKABE_ITO = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#f0e442")
"""Colours that colour-blind eyes tell apart (Okabe and Ito, 2008); yellow last, it is faint on white."""

MODEL_COLOURS = (
    *OKABE_ITO,
    "#6b2f15", "#0000f7", "#62008c", "#62d9a9", "#986ff7", "#6b6b00", "#8c3f6d", "#f7a1f7",
    "#d900ad", "#0f4c4c", "#31f781", "#93b274", "#0063f7", "#244fb2", "#8c605b", "#8c008c", "#006b36",
)  # fmt: skip
"""After the first seven each is the one farthest from all before it in Oklab, also to eyes without green."""


_OTHERS, _OTHERS_SHARE = "#8d94a3", 0.55
"""What is not ours tends to the grey of other programs, and by so much."""


def mix(colour: str | QColor, other: str | QColor, share: float) -> QColor:
    """The colour with `share` (0 to 1) of the other one in it."""
    first, second = QColor(colour), QColor(other)
    return QColor.fromRgbF(
        first.redF() + (second.redF() - first.redF()) * share,
        first.greenF() + (second.greenF() - first.greenF()) * share,
        first.blueF() + (second.blueF() - first.blueF()) * share,
    )


def contrast(colour: str | QColor, other: str | QColor) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.1, relative luminance)."""
    luminances = sorted((_luminance(QColor(colour)), _luminance(QColor(other))), reverse=True)
    return (luminances[0] + 0.05) / (luminances[1] + 0.05)


def _luminance(colour: QColor) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF())


class ModelColours:
    """Gives each model a colour by its id, which it keeps for ever.

    A colour is given for good when a model holds memory or is on the plot, and not when somebody only looks
    at it. Two models that hold memory at the same time never have the same one.
    """

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._keep: Callable[[dict[str, int]], None] = lambda places: None

    def remember(self, places: Mapping[str, int], keep: Callable[[dict[str, int]], None]) -> None:
        """Go on with the colours of earlier runs; `keep` is called with all whenever one is given."""
        known = range(len(MODEL_COLOURS))
        self._places = {model_id: place for model_id, place in places.items() if place in known}
        self._keep = keep

    def take(self, model_ids: Iterable[str]) -> None:
        """Give colours for good to models that are seen beside each other."""
        before = dict(self._places)
        # Those that have a colour come first; the one they keep is not given to another beside them.
        models = sorted(model_ids, key=lambda model_id: model_id not in before)
        beside: set[int] = set()
        for model_id in models:
            place = self._places.get(model_id)
            # Only where there are more models than colours two of them can have come to share one.
            if place is None or place in beside:
                self._places[model_id] = place = self._choose(model_id, beside)
            beside.add(place)
        if self._places != before:
            self._keep(dict(self._places))

    def of(self, model_id: str) -> QColor:
        """The model's colour, or the one that it would get; that of another program is dulled."""
        place = self._places.get(model_id)
        colour = QColor(MODEL_COLOURS[self._choose(model_id, set()) if place is None else place])
        return colour if program_recorded_as(model_id) is None else mix(colour, _OTHERS, _OTHERS_SHARE)

    def _choose(self, model_id: str, beside: set[int]) -> int:
        """The first place in the order of this id that fewest models have, none of them beside it."""
        used = Counter(place for other, place in self._places.items() if other != model_id)
        first = crc32(model_id.encode()) % len(OKABE_ITO)
        order = [*range(first, len(OKABE_ITO)), *range(first), *range(len(OKABE_ITO), len(MODEL_COLOURS))]
        return min(order, key=lambda place: (place in beside, used[place]))
