"""Forecasts of loads, at once and remembered."""

from __future__ import annotations

from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.library import ModelFile
from llmmem_gui.core.parameters import LoadParameters

_MIB = 1024**2
_KEPT = 4096


class Forecasts:
    """What loading a model would take, by the best source there is."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, LoadParameters], Forecast] = {}

    def instant(self, file: ModelFile, parameters: LoadParameters) -> Forecast | None:
        """The best forecast that needs no waiting; None for a file that is no model."""
        if file.shape is None:
            return None
        key = (file.identities, parameters)
        forecast = self._known.get(key)
        if forecast is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            forecast = self._known[key] = _by_size(file, parameters)
        return forecast

    async def for_load(self, file: ModelFile, parameters: LoadParameters) -> Forecast:
        """The forecast that admission goes by; the file must be a model."""
        forecast = self.instant(file, parameters)
        assert forecast is not None
        return forecast

    def largest_context(self, file: ModelFile, parameters: LoadParameters, fits_bytes: int) -> int | None:
        """The largest context, a multiple of 256, that fits; None when none does."""
        return None


def _by_size(file: ModelFile, parameters: LoadParameters) -> Forecast:
    kv = parameters.context * 32 * 1024
    total = file.file_bytes + kv + 64 * _MIB
    low, high = total * 8 // 10, total * 12 // 10
    return Forecast(file.file_bytes, 0, kv, 32 * _MIB, 32 * _MIB, low, high, parameters.context, "formula")
