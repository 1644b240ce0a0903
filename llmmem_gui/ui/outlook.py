"""What loading a model would do now: rehearsed on the newest snapshot, and said in one line."""

from __future__ import annotations

from dataclasses import dataclass, field

from PySide6.QtCore import QCoreApplication

from llmmem_gui.core.plan import Admission, Admit, Charge, Shortage, Wait, plan_load
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, State
from llmmem_gui.ui import figures
from llmmem_gui.ui.requests import Fit

translate = QCoreApplication.translate


@dataclass(frozen=True, slots=True)
class Outlook:
    """How a load of one model would go."""

    model_id: str
    need_bytes: int
    admission: Admission
    own_limit_bytes: int | None = None
    """The model's own limit, when the forecast is above it."""
    fit: Fit = field(default_factory=Fit)
    """What would have to change, when it does not fit as it is."""

    @property
    def fits(self) -> bool:
        """Whether it can be loaded without asking anybody anything."""
        return self.own_limit_bytes is None and isinstance(self.admission, Admit)

    @property
    def goes(self) -> tuple[str, ...]:
        """The models that would be unloaded."""
        if not isinstance(self.admission, Admit):
            return ()
        return tuple(step.model_id for step in self.admission.steps if step.kind == "unload")

    @property
    def fits_bytes(self) -> int | None:
        """The most memory that the load could have; None when it fits."""
        if self.own_limit_bytes is not None:
            return self.own_limit_bytes
        return self.admission.room_bytes if isinstance(self.admission, Shortage) else None


def outlook(model: ModelSnapshot, snapshot: CacheSnapshot, fit: Fit | None = None) -> Outlook | None:
    """Rehearse the load of a model; None when its need is not known, it is loaded, or its file is bad."""
    forecast = model.forecast
    if forecast is None or model.facts.error or model.state not in (State.UNLOADED, State.FAILED):
        return None
    need = Charge(forecast.private_bytes, forecast.mapped_bytes, model.facts.file)
    admission = plan_load(need, snapshot.holders, snapshot.bounds, model_id=model.id)
    above = model.limit_bytes is not None and need.total_bytes > model.limit_bytes
    return Outlook(model.id, need.total_bytes, admission, model.limit_bytes if above else None, fit or Fit())


def outlook_line(view: Outlook, snapshot: CacheSnapshot) -> str:
    """The outlook as the line under the model's name."""
    if view.fits:
        assert isinstance(view.admission, Admit)
        return _admitted(view.admission, snapshot)
    if view.fit.context:
        return translate("Outlook", "fits with context ≤ {context}").format(
            context=figures.count(view.fit.context)
        )
    if view.own_limit_bytes is not None:
        return translate("Outlook", "does not fit: needs {need}, its limit is {limit}").format(
            need=figures.size(view.need_bytes), limit=figures.chosen_size(view.own_limit_bytes)
        )
    if isinstance(view.admission, Wait):
        return translate("Outlook", "fits, waits for {models} to finish").format(
            models=names(view.admission.model_ids)
        )
    assert isinstance(view.admission, Shortage)
    if view.admission.pinned:
        return translate("Outlook", "does not fit beside pinned {models}").format(
            models=names(view.admission.pinned)
        )
    if view.admission.bound == "limit":
        text = translate("Outlook", "does not fit: needs {need}, the limit leaves {room}")
    else:
        text = translate("Outlook", "does not fit: needs {need}, this computer has {room} to spare")
    return text.format(need=figures.size(view.need_bytes), room=figures.size(view.admission.room_bytes))


def names(model_ids: tuple[str, ...]) -> str:
    """Names in a row: `a, b and c`."""
    if len(model_ids) < 2:
        return "".join(model_ids)
    return translate("Outlook", "{first} and {last}").format(
        first=", ".join(model_ids[:-1]), last=model_ids[-1]
    )


def _admitted(admission: Admit, snapshot: CacheSnapshot) -> str:
    if not admission.steps:
        return translate("Outlook", "fits now")
    gone = tuple(step.model_id for step in admission.steps if step.kind == "unload")
    if not gone:
        return translate("Outlook", "fits after putting {models} to sleep").format(
            models=names(tuple(step.model_id for step in admission.steps))
        )
    model = snapshot.model(gone[0]) if len(gone) == 1 else None
    text = translate("Outlook", "fits after unloading {models}").format(models=names(gone))
    known = [] if model is None else _what_is_lost(model, snapshot.monotonic)
    return f"{text} ({', '.join(known)})" if known else text


def _what_is_lost(model: ModelSnapshot, now: float) -> list[str]:
    known = []
    if model.idle_since is not None:
        known.append(
            translate("Outlook", "{duration} idle").format(
                duration=figures.duration(round(max(0.0, now - model.idle_since)))
            )
        )
    if model.load_seconds is not None:
        known.append(
            translate("Outlook", "loads again in {duration}").format(
                duration=figures.duration(model.load_seconds)
            )
        )
    return known
