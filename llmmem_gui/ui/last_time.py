"""What was loaded when the program ended last, and whether it ended in order."""

from __future__ import annotations

from PySide6.QtCore import QSettings

from llmmem_gui.core.snapshot import CacheSnapshot

_LOADED, _RUNS = "loaded", "runs"


class LastTime:
    """Remembers which models are loaded, for the next start.

    It is written down at once, since a crash gives no time for it later.
    """

    def __init__(self, state: QSettings) -> None:
        self._state = state
        self._loaded = self.loaded = tuple(filter(None, str(state.value(_LOADED, "")).split("\n")))
        """Ids of the models that were loaded then."""
        self.was_cut_off = str(state.value(_RUNS, "")) == "yes"
        """Whether the program did not end in order."""
        self._has_begun = self._is_over = False
        self._write(_RUNS, "yes")

    def take(self, snapshot: CacheSnapshot) -> None:
        """Take in what is loaded now. Until something was loaded, what was loaded last is not forgotten."""
        loaded = tuple(model.id for model in snapshot.models if model.loaded_at is not None)
        self._has_begun = self._has_begun or bool(loaded)
        if self._has_begun and loaded != self._loaded and not self._is_over:
            self._loaded = loaded
            self._write(_LOADED, "\n".join(loaded))

    def end(self) -> None:
        """The program ends in order; that its models go now is no wish of anybody's."""
        self._is_over = True
        self._write(_RUNS, "")

    def _write(self, name: str, value: str) -> None:
        self._state.setValue(name, value)
        self._state.sync()
