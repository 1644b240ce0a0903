"""Sentences, events and receipts in the language in force: short for the plot, whole for the status line."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from llmmem_gui.core.events import Actor, Cause, Event, Receipt
from llmmem_gui.core.sentence import Count, Duration, Percent, Sentence, Size, Value, fill
from llmmem_gui.core.snapshot import State
from llmmem_gui.ui import figures

translate = QCoreApplication.translate


def say(sentence: Sentence) -> str:
    """A sentence in the language in force, its numbers written as that language does."""
    template = sentence.template
    if sentence.context:
        template = translate(sentence.context, template)
    return fill(template, {name: _say_value(value) for name, value in sentence.values.items()})


def _say_value(value: Value) -> str:
    match value:
        case Sentence():
            return say(value)
        case Size(size_bytes):
            return figures.size(size_bytes)
        case Duration(seconds):
            return figures.duration(seconds)
        case Percent(percent):
            return figures.percent(percent / 100)
        case Count(number):
            return figures.count(number)
        case _:
            return str(value)


def state_word(state: State) -> str:
    """The state of a model as one word."""
    return {
        State.UNLOADED: translate("State", "not loaded"),
        State.QUEUED: translate("State", "waiting"),
        State.LOADING: translate("State", "loading"),
        State.READY: translate("State", "ready"),
        State.BUSY: translate("State", "busy"),
        State.DOZING: translate("State", "dozing"),
        State.UNLOADING: translate("State", "unloading"),
        State.FAILED: translate("State", "failed"),
    }[state]


def pressure_word(level: str) -> str:
    """How short the machine is of memory, as one word."""
    return {
        "normal": translate("Pressure", "none"),
        "warning": translate("Pressure", "warning"),
        "critical": translate("Pressure", "critical"),
        "emergency": translate("Pressure", "emergency"),
    }.get(level, level)


def actor_words(actor: Actor) -> str:
    """Who asked for it, as the end of a sentence."""
    return {
        "window": translate("Actor", "asked for in this window"),
        "tray": translate("Actor", "asked for in the tray"),
        "cli": translate("Actor", "asked for on the command line"),
        "api": translate("Actor", "asked for by an API client"),
        "script": translate("Actor", "asked for by a script"),
        "idle timer": translate("Actor", "by the idle timer"),
        "limit": translate("Actor", "by a limit"),
        "memory pressure": translate("Actor", "because memory is short"),
        "another load": translate("Actor", "by another load"),
        "program": translate("Actor", "by the program"),
    }.get(actor, actor)


def cause_words(cause: Cause | None, for_model: str | None = None) -> str:
    """Why a model went, as a few words; empty where the actor says it all."""
    if cause == "make room":
        return translate("Cause", "to make room for {model}").format(model=for_model or figures.DASH)
    return {
        "clean up": translate("Cause", "cleaned up"),
        "total limit": translate("Cause", "to keep the total limit"),
        "model limit": translate("Cause", "to keep its limit"),
        "reserve": translate("Cause", "to keep memory free"),
        "idle": translate("Cause", "idle too long"),
        "pressure": translate("Cause", "because memory is short"),
        "reload": translate("Cause", "to load it again"),
        "load failed": translate("Cause", "its load failed"),
        "crashed": translate("Cause", "its process ended by itself"),
        "quit": translate("Cause", "the program closes"),
    }.get(cause or "", "")


def mark_label(event: Event) -> str:
    """What stands beside the mark of an event on the plot."""
    model = _short(event.model_id or "")
    seconds = event.numbers.get("seconds")
    back = event.numbers.get("given_back_bytes")
    match event.type:
        case "model-loaded":
            text = translate("Mark", "{model} loaded").format(model=model)
            return f"{text} · {figures.duration(seconds)}" if seconds is not None else text
        case "model-woken":
            return translate("Mark", "{model} woke up").format(model=model)
        case "model-unloaded":
            if back is None:
                return translate("Mark", "{model} unloaded").format(model=model)
            return translate("Mark", "{model} unloaded: {size} back").format(
                model=model, size=figures.size(round(back))
            )
        case "model-dozed":
            return translate("Mark", "{model} dozes").format(model=model)
        case "load-failed":
            return translate("Mark", "{model} failed to load").format(model=model)
        case "load-refused":
            return translate("Mark", "{model} refused").format(model=model)
        case "host-died":
            return translate("Mark", "{model} ended by itself").format(model=model)
        case "memory-warning":
            share = event.numbers.get("percent")
            who = model or translate("Mark", "models")
            return who if share is None else f"{who} {figures.percent(share / 100)}"
        case "limit-changed":
            limit = event.numbers.get("limit_bytes")
            if limit is None:
                return translate("Mark", "limit changed")
            text = translate("Mark", "limit {size}").format(size=figures.chosen_size(round(limit)))
            return f"{model}: {text}" if model else text
        case "pressure-changed":
            return translate("Mark", "memory pressure")
    return ""


def event_sentence(event: Event) -> str:
    """The event as one sentence with its cause, its numbers and who asked for it."""
    model = event.model_id or ""
    need = event.numbers.get("forecast_bytes")
    seconds = event.numbers.get("seconds")
    match event.type:
        case "load-queued":
            text = translate("Event", "{model} waits for room").format(model=model)
        case "load-started":
            text = translate("Event", "{model} starts to load").format(model=model)
            if need is not None:
                text += ", " + translate("Event", "forecast {size}").format(size=figures.size(round(need)))
        case "model-loaded":
            text = translate("Event", "{model} is loaded").format(model=model)
            if seconds is not None:
                text += " " + translate("Event", "after {duration}").format(
                    duration=figures.duration(seconds)
                )
        case "model-unloading":
            text = translate("Event", "{model} is being unloaded").format(model=model)
        case "model-unloaded":
            text = _unloaded(model, event.numbers.get("given_back_bytes"), seconds)
        case "model-dozed":
            text = translate("Event", "{model} sleeps, its weights are given back").format(model=model)
        case "model-woken":
            text = translate("Event", "{model} woke up").format(model=model)
        case "pin-changed":
            text = translate("Event", "the pin of {model} changed").format(model=model)
        case "limit-changed":
            text = _limit_changed(model, event.numbers.get("limit_bytes"))
        case "reload-offered":
            return translate("Event", "There is room again: {model} can be loaded.").format(model=model)
        case "load-failed" | "host-died" | "pressure-changed":
            return f"{mark_label(event)}: {say(event.text)}" if event.text else mark_label(event)
        case _:
            return say(event.text) if event.text else mark_label(event)
    reasons = [cause_words(event.cause, event.for_model), actor_words(event.actor)]
    # The cause tells more than the actor where both say the same thing.
    told = [reason for reason in dict.fromkeys(reasons) if reason]
    if event.actor in ("idle timer", "limit", "memory pressure", "another load") and len(told) > 1:
        told = told[:1]
    return f"{text} ({', '.join(told)})" if told else text


def receipt_sentence(receipt: Receipt) -> str:
    """What an unload gave back and how long it took."""
    return _unloaded(receipt.model_id, receipt.given_back_bytes, receipt.seconds)


def _unloaded(model: str, back_bytes: float | None, seconds: float | None) -> str:
    if back_bytes is None:
        return translate("Event", "{model} is unloaded").format(model=model)
    if seconds is None:
        return translate("Event", "unloaded {model}: {size} back").format(
            model=model, size=figures.size(round(back_bytes))
        )
    return translate("Event", "unloaded {model}: {size} back in {duration}").format(
        model=model, size=figures.size(round(back_bytes)), duration=figures.duration(seconds)
    )


def _limit_changed(model: str, limit_bytes: float | None) -> str:
    limit = None if limit_bytes is None else figures.chosen_size(round(limit_bytes))
    if model and limit:
        return translate("Event", "the limit of {model} is now {size}").format(model=model, size=limit)
    if model:
        return translate("Event", "{model} has no limit any more").format(model=model)
    if limit:
        return translate("Event", "the total limit is now {size}").format(size=limit)
    return translate("Event", "there is no total limit any more")


def _short(model: str, longest: int = 28) -> str:
    return model if len(model) <= longest else f"{model[: longest - 1]}…"
