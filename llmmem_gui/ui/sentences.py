"""Sentences, events and receipts in the language in force: short for the plot, whole for the status line."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication

from llmmem_gui.core.events import Actor, Cause, Event, UnloadReceipt
from llmmem_gui.core.sentence import Count, Duration, Models, Percent, Sentence, Size, Value, fill
from llmmem_gui.core.snapshot import State
from llmmem_gui.ui import figures

translate = QCoreApplication.translate


NameOf = Callable[[str], str]
"""Gives a model's name for its id."""


def say(sentence: Sentence, name_of: NameOf = str) -> str:
    """A sentence in the language in force, its numbers written as that language does, models by name."""
    template = sentence.template
    if sentence.context:
        template = translate(sentence.context, template)
    return fill(template, {name: _say_value(value, name_of) for name, value in sentence.values.items()})


def _say_value(value: Value, name_of: NameOf) -> str:
    match value:
        case Sentence():
            return say(value, name_of)
        case Models(ids):
            return ", ".join(map(name_of, ids))
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
        "device limit": translate("Cause", "to keep the limit of the GPU"),
        "model limit": translate("Cause", "to keep its limit"),
        "reserve": translate("Cause", "to keep memory free"),
        "idle": translate("Cause", "idle too long"),
        "pressure": translate("Cause", "because memory is short"),
        "reload": translate("Cause", "to load it again"),
        "load failed": translate("Cause", "its load failed"),
        "crashed": translate("Cause", "its process ended by itself"),
        "quit": translate("Cause", "the program closes"),
    }.get(cause or "", "")


def mark_label(event: Event, name_of: NameOf = str) -> str:
    """What stands beside the mark of an event on the plot."""
    model = _short(name_of(event.model_id) if event.model_id else "")
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
        case "memory-warning" if event.cause == "pressure":
            # Of the computer, not of the models: their share of the limit says nothing about it.
            return translate("Mark", "this computer is short of memory")
        case "memory-warning":
            share = event.numbers.get("percent")
            who = model or translate("Mark", "models")
            return who if share is None else f"{who} {figures.percent(share / 100)}"
        case "limit-changed":
            limit = _limit_of(event)
            if event.text is not None and limit is not None:
                text = translate("Mark", "GPU limit {size}").format(size=figures.chosen_size(limit))
            elif limit is None:
                text = translate("Mark", "no limit")
            else:
                text = translate("Mark", "limit {size}").format(size=figures.chosen_size(limit))
            return f"{model}: {text}" if model else text
        case "pressure-changed":
            return translate("Mark", "memory pressure")
        case "sampling-failed":
            return translate("Mark", "not measured")
        case "computer-slept":
            slept = figures.duration(seconds or 0.0)
            return translate("Mark", "the computer slept {duration}").format(duration=slept)
    return ""


def event_sentence(event: Event, name_of: NameOf = str) -> str:
    """The event as one sentence with its cause, its numbers and who asked for it."""
    model = name_of(event.model_id) if event.model_id else ""
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
            numbers = event.numbers
            by_machine = numbers.get("machine_given_back_bytes")
            text = _unloaded(model, numbers.get("given_back_bytes"), seconds, by_machine)
        case "model-dozed":
            text = translate("Event", "{model} dozes: its weights' memory may be taken").format(model=model)
        case "model-woken":
            text = translate("Event", "{model} woke up").format(model=model)
        case "pin-changed":
            text = translate("Event", "the pin of {model} changed").format(model=model)
        case "limit-changed":
            text = say(event.text) if event.text else _limit_changed(model, _limit_of(event))
        case "reload-offered":
            return translate("Event", "There is room again: {model} can be loaded.").format(model=model)
        case "load-failed" | "host-died" | "pressure-changed":
            label = mark_label(event, name_of)
            return f"{label}: {say(event.text, name_of)}" if event.text else label
        case _:
            return say(event.text, name_of) if event.text else mark_label(event, name_of)
    told = reason_words(event, name_of)
    return f"{text} ({told})" if told else text


def reason_words(event: Event, name_of: NameOf = str) -> str:
    """Why it happened and who asked for it, as a few words."""
    room_for = name_of(event.for_model) if event.for_model else None
    reasons = [cause_words(event.cause, room_for), actor_words(event.actor)]
    # The cause tells more than the actor where both say the same thing.
    told = [reason for reason in dict.fromkeys(reasons) if reason]
    if event.actor in ("idle timer", "limit", "memory pressure", "another load") and len(told) > 1:
        told = told[:1]
    return ", ".join(told)


def receipt_sentence(receipt: UnloadReceipt, name_of: NameOf = str) -> str:
    """What an unload gave back and how long it took."""
    return _unloaded(
        name_of(receipt.model_id), receipt.given_back_bytes, receipt.seconds, receipt.machine_given_back_bytes
    )


def _unloaded(
    model: str, back_bytes: float | None, seconds: float | None, by_machine_bytes: float | None
) -> str:
    if back_bytes is None:
        return translate("Event", "{model} is unloaded").format(model=model)
    if seconds is None:
        return translate("Event", "unloaded {model}: {size} back").format(
            model=model, size=figures.size(round(back_bytes))
        )
    size, duration = figures.size(round(back_bytes)), figures.duration(seconds)
    if by_machine_bytes is None:
        return translate("Event", "unloaded {model}: {size} back in {duration}").format(
            model=model, size=size, duration=duration
        )
    # Other programs move the machine's own figure; less than nothing came back from none of them.
    whole = figures.size(max(0, round(by_machine_bytes)))
    return translate("Event", "unloaded {model}: {size} back in {duration}, {whole} by the machine").format(
        model=model, size=size, duration=duration, whole=whole
    )


def _limit_of(event: Event) -> int | None:
    """The limit that an event of one tells; None where it was taken away."""
    limit = event.numbers.get("limit_bytes")
    # Earlier versions wrote 0 for no limit, and their events are in histories.
    return round(limit) if limit else None


def _limit_changed(model: str, limit_bytes: int | None) -> str:
    limit = None if limit_bytes is None else figures.chosen_size(limit_bytes)
    if model and limit:
        return translate("Event", "the limit of {model} is now {size}").format(model=model, size=limit)
    if model:
        return translate("Event", "{model} has no limit any more").format(model=model)
    if limit:
        return translate("Event", "the total limit is now {size}").format(size=limit)
    return translate("Event", "there is no total limit any more")


def _short(model: str, longest: int = 28) -> str:
    return model if len(model) <= longest else f"{model[: longest - 1]}…"
