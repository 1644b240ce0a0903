"""How a load of a model would go, in one line."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from llmmem_gui.core.forecast import Forecast
from llmmem_gui.core.outlook import Outlook
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot
from llmmem_gui.ui import figures
from llmmem_gui.ui.model_names import names_in
from llmmem_gui.ui.requests import Fit
from llmmem_gui.ui.sentences import NameOf

translate = QCoreApplication.translate


def outlook_line(view: Outlook, snapshot: CacheSnapshot, fit: Fit | None = None) -> str:
    """The line under the model's name; `fit` is what would make it fit, where that is known."""
    name_of = names_in(snapshot)
    if view.fits:
        return _fitting(view, snapshot)
    if view.waits_for:
        return translate("Outlook", "fits, waits for {models} to finish").format(
            models=names(view.waits_for, name_of)
        )
    if fit is not None and fit.by_layers:
        return translate("Outlook", "fits with as many layers on the GPU as have room")
    if fit is not None and fit.context:
        return translate("Outlook", "fits with context ≤ {context}").format(
            context=figures.count(fit.context)
        )
    need, room = figures.size(view.need_bytes), figures.size(view.room_bytes or 0)
    if view.obstacle == "its own limit":
        return translate("Outlook", "does not fit: needs {need}, its limit is {limit}").format(
            need=need, limit=figures.chosen_size(view.room_bytes or 0)
        )
    if view.pinned:
        return translate("Outlook", "does not fit beside pinned {models}").format(
            models=names(view.pinned, name_of)
        )
    if view.obstacle == "a device":
        return translate("Outlook", "does not fit: needs {need} of {device}, which has {room} for it").format(
            need=need, device=view.device, room=room
        )
    if view.obstacle == "the total limit":
        text = translate("Outlook", "does not fit: needs {need}, the limit leaves {room}")
    else:
        text = translate("Outlook", "does not fit: needs {need}, this computer has {room} to spare")
    return text.format(need=need, room=room)


def layers_line(forecast: Forecast | None) -> str:
    """How many layers are or would be on GPUs, and what lies where; empty where none are."""
    if forecast is None or not forecast.gpu_layers:
        return ""
    there, here = figures.size(forecast.vram_bytes), figures.size(forecast.main_bytes)
    if forecast.gpu_layers == forecast.layers:
        text = translate("Outlook", "All {layers} layers on the GPU: {there} there, {here} here")
    else:
        text = translate("Outlook", "{number} of {layers} layers on the GPU: {there} there, {here} here")
    return text.format(
        number=figures.count(forecast.gpu_layers),
        layers=figures.count(forecast.layers),
        there=there,
        here=here,
    )


def names(model_ids: tuple[str, ...], name_of: NameOf) -> str:
    """Names in a row: `a, b and c`."""
    called = [name_of(model_id) for model_id in model_ids]
    if len(called) < 2:
        return "".join(called)
    return translate("Outlook", "{first} and {last}").format(first=", ".join(called[:-1]), last=called[-1])


def _fitting(view: Outlook, snapshot: CacheSnapshot) -> str:
    gone = view.unloads
    if not gone and not view.dozes:
        return translate("Outlook", "fits now")
    if not gone:
        return translate("Outlook", "fits after letting {models} doze").format(
            models=names(view.dozes, names_in(snapshot))
        )
    model = snapshot.model(gone[0]) if len(gone) == 1 else None
    text = translate("Outlook", "fits after unloading {models}").format(
        models=names(gone, names_in(snapshot))
    )
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
