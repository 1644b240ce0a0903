"""What loads of one model would take with other parameters: asked for, remembered, one question at a time."""

from __future__ import annotations

from typing import get_args

import msgspec
from PySide6.QtCore import QObject, Signal

from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.parameters import KvType, LoadParameters
from llmmem_gui.ui.requests import FindForecasts, Outcome

KV_TYPES: tuple[KvType, ...] = get_args(KvType)
"""Types of the KV cache, the largest first."""


class LoadCosts(QObject):
    """Knows forecasts of the model that is looked at.

    Signals: `requested` with FindForecasts, `found` when more is known.
    """

    requested = Signal(object)
    found = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model_id = ""
        self._known: dict[LoadParameters, Forecast] = {}
        self._variants_of: LoadParameters | None = None
        self._asking = False
        self._next: LoadParameters | None = None

    def look_at(self, model_id: str) -> None:
        """Turn to a model; what is known of another one is forgotten."""
        if model_id != self._model_id:
            self._model_id = model_id
            self._known.clear()
            self._variants_of = None

    def of(self, parameters: LoadParameters) -> Forecast | None:
        """What a load with these parameters would take, if it is known."""
        return self._known.get(parameters)

    def of_kv_type(self, parameters: LoadParameters, kind: KvType) -> Forecast | None:
        """The same with another type of the KV cache."""
        return self._known.get(msgspec.structs.replace(parameters, kv_type=kind))

    def find_kv_types(self, parameters: LoadParameters) -> None:
        """Ask, once, what the parameters would take with each type of the KV cache."""
        if parameters == self._variants_of:
            return
        self._variants_of = parameters
        variants = tuple(msgspec.structs.replace(parameters, kv_type=kind) for kind in KV_TYPES)
        self.requested.emit(FindForecasts(self._model_id, variants))

    def find(self, parameters: LoadParameters) -> None:
        """Ask what these parameters would take; while an answer is awaited only the newest question waits."""
        if parameters in self._known:
            self.found.emit()
        elif self._asking:
            self._next = parameters
        else:
            self._asking = True
            self.requested.emit(FindForecasts(self._model_id, (parameters,)))

    def take(self, outcome: Outcome) -> None:
        """Take in an answer."""
        request = outcome.request
        if not isinstance(request, FindForecasts):
            return
        if request.model_id == self._model_id and isinstance(outcome.result, tuple):
            for variant, forecast in zip(request.variants, outcome.result, strict=True):
                if isinstance(forecast, Forecast):
                    self._known[variant] = forecast
            self.found.emit()
        if self._asking and len(request.variants) == 1:
            self._asking = False
            wanted, self._next = self._next, None
            if wanted is not None:
                self.find(wanted)
