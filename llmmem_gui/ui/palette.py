"""Colours: two palettes, the colours of the models, and the arithmetic of contrast."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QColor


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
    """Gives each model a colour in the order they are first asked for; it keeps it for the session."""

    def __init__(self) -> None:
        self._colours: dict[str, QColor] = {}

    def of(self, model_id: str) -> QColor:
        """The model's colour; from the eighth model on a darker or lighter shade of the first ones."""
        colour = self._colours.get(model_id)
        if colour is None:
            turn, place = divmod(len(self._colours), len(OKABE_ITO))
            shade = ("#000000", "#ffffff")[turn % 2]
            colour = mix(OKABE_ITO[place], shade, min(0.6, 0.32 * ((turn + 1) // 2)) if turn else 0.0)
            self._colours[model_id] = colour
        return colour

    def known(self, model_id: str) -> bool:
        """Whether the model has a colour already."""
        return model_id in self._colours
