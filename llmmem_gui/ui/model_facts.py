"""What is known of the chosen model: its forecast, what it uses, when it goes, how soon it comes back."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QSpinBox

from llmmem_gui.core.engines import Device
from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot
from llmmem_gui.core.warmth import ExpectedLoad
from llmmem_gui.ui import figures
from llmmem_gui.ui.engine_words import device_line, layers_on, no_gpu_sentence
from llmmem_gui.ui.fact_grid import FactGrid
from llmmem_gui.ui.model_names import names_in
from llmmem_gui.ui.outlook import names
from llmmem_gui.ui.sentences import say


class ModelFacts(FactGrid):
    """Rows of the inspector: two choices that change what a load costs, and figures."""

    def __init__(self, kv_type: QComboBox, gpu_layers: QSpinBox) -> None:
        choices = {"kv": kv_type, "gpu": gpu_layers}
        rows = ("forecast", "parts", "on_gpu", "warmth", "evicted", "again")
        super().__init__({**choices, **dict.fromkeys(rows)})
        self._choices = choices

    def retranslate(self) -> None:
        """Write the names of the rows in the language in force."""
        labels = {
            "kv": self.tr("KV cache"),
            "gpu": layers_on(()),
            "forecast": self.tr("Forecast"),
            "parts": self.tr("Weights / private"),
            "warmth": self.tr("File"),
            "on_gpu": self.tr("GPU weights / context"),
            "evicted": self.tr("Gives way"),
            "again": self.tr("Loads again in"),
        }
        for key, text in labels.items():
            self.names[key].setText(text)
        for key, widget in self._choices.items():
            self.names[key].setBuddy(widget)
            widget.setAccessibleName(labels[key])

    def show_gpus(self, gpus: tuple[Device, ...]) -> None:
        """Name the GPUs that layers would be placed on, and what there is of their memory."""
        widget, name = self._choices["gpu"], layers_on(gpus)
        self.names["gpu"].setText(name)
        widget.setAccessibleName(name)
        told = no_gpu_sentence() if not gpus else "\n".join(device_line(gpu) for gpu in gpus)
        for each in (self.names["gpu"], widget):
            each.setToolTip(told)
        widget.setAccessibleDescription(told)

    def show_model(
        self, model: ModelSnapshot, snapshot: CacheSnapshot, load: ExpectedLoad | None = None
    ) -> None:
        """Show the figures of this model as they are in the snapshot; `load` is how one would go now."""
        forecast = model.forecast
        self.texts["forecast"].setText(figures.DASH if forecast is None else self._forecast_text(forecast))
        doubt = forecast.doubt if forecast is not None else None
        self.texts["forecast"].setToolTip(say(doubt) if doubt is not None else "")
        if model.resident_bytes:
            parts = f"{figures.size(model.weights_bytes)} / {figures.size(model.private_bytes)}"
        elif forecast is not None:
            parts = f"{figures.size(forecast.mapped_bytes)} / {figures.size(forecast.private_bytes)}"
            parts += "" if snapshot.pools else figures.vram(forecast.vram_bytes)
        else:
            parts = figures.DASH
        self.texts["parts"].setText(parts)
        self._show_on_gpu(model, snapshot)
        self.texts["evicted"].setText(self._eviction_text(model, snapshot))
        again = figures.DASH if model.load_seconds is None else figures.duration(model.load_seconds)
        self.texts["again"].setText(again)
        if model.state.holds_host:
            load = None  # how its file lies matters to the next load
        self.texts["warmth"].setText("" if load is None else say(load.sentence))
        self.show_row("warmth", load is not None)
        # What a load would take now is better to know than what the last one took.
        self.show_row("again", load is None or load.seconds is None)

    def _show_on_gpu(self, model: ModelSnapshot, snapshot: CacheSnapshot) -> None:
        """What lies on devices, or would: the weights, and the context with what is computed in."""
        held = snapshot.on_devices(model.id)
        forecast = model.forecast
        size_bytes = sum(held.values()) or (forecast.vram_bytes if forecast is not None else 0)
        self.show_row("on_gpu", bool(snapshot.pools) and size_bytes > 0)
        weights = min(size_bytes, forecast.vram_weights_bytes if forecast is not None else 0)
        self.texts["on_gpu"].setText(f"{figures.size(weights)} / {figures.size(size_bytes - weights)}")
        told = "\n".join(f"{name}: {figures.size(each)}" for name, each in held.items())
        self.texts["on_gpu"].setToolTip(told)

    def _forecast_text(self, forecast: Forecast) -> str:
        total = forecast.total_bytes
        off = max(forecast.high_bytes - total, total - forecast.low_bytes)
        source = {
            "formula": self.tr("formula"),
            "dry run": self.tr("dry run"),
            "measured": self.tr("measured %n time(s)", "", forecast.measured_times),
        }[forecast.source]
        bar = f"±{figures.NO_BREAK}{figures.percent(off / max(1, total))}"
        # Where both do not fit into a line, the source goes into the next one as a whole.
        pieces = (f"{figures.size(total)} {bar} ·", source)
        return " ".join(piece.replace(" ", figures.NO_BREAK) for piece in pieces)

    def _eviction_text(self, model: ModelSnapshot, snapshot: CacheSnapshot) -> str:
        if model.pinned:
            return self.tr("never, it is pinned")
        if model.eviction_rank is None:
            return figures.DASH
        if model.eviction_rank == 1:
            return self.tr("first, when room is short")
        earlier = sorted(
            (m for m in snapshot.models if m.eviction_rank and m.eviction_rank < model.eviction_rank),
            key=lambda m: m.eviction_rank or 0,
        )
        return self.tr("after {models}").format(
            models=names(tuple(m.id for m in earlier[:2]), names_in(snapshot))
        )
