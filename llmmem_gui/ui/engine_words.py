"""What people read of engines: where one is from, whether it answers rightly, how fast, and on what."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication

from llmmem_gui.core.engines import Device, EngineOverview, InstalledEngine, Source, Trial
from llmmem_gui.ui import figures
from llmmem_gui.ui.sentences import say

translate = QCoreApplication.translate


def source_words(source: Source) -> str:
    """Where an engine is from."""
    return {
        "prebuilt": translate("Engines", "ready-made"),
        "installed": translate("Engines", "installed by pip"),
        "compiled": translate("Engines", "compiled on this computer"),
        "system": translate("Engines", "of the operating system"),
    }[source]


def verdict(engine: InstalledEngine) -> str:
    """Whether an engine answers rightly here, in two words."""
    if engine.report is None:
        return translate("Engines", "not tried")
    return translate("Engines", "answers rightly") if engine.ways() else translate("Engines", "not usable")


def facts_of(engine: InstalledEngine) -> str:
    """All that is known of an engine, a line for each fact."""
    version, source = engine.manifest.version, source_words(engine.manifest.source)
    lines = [f"{engine.name}: {version}, {source}"]
    report = engine.report
    if report is None:
        return "\n".join([*lines, translate("Engines", "Whether it answers rightly here was not tried yet.")])
    if report.refused is not None:
        lines.append(translate("Engines", "The engine {reason}.").format(reason=say(report.refused)))
    lines += [f"{_way(trial, report.devices)}: {_result(trial)}" for trial in report.trials]
    tried = {trial.device for trial in report.trials}
    for device in report.devices:
        if device.is_gpu and device.name not in tried:
            lines.append(f"{device_line(device)}: {translate('Engines', 'not tried')}")
    return "\n".join(lines)


def _way(trial: Trial, devices: Sequence[Device]) -> str:
    """The way to compute that was tried: the device with its memory, and whether weights are copied."""
    device = next((each for each in devices if each.name == trial.device), None)
    if device is not None and device.is_gpu:
        return device_line(device)
    if trial.device != "CPU":
        return trial.device
    if trial.extra_buffers:
        return translate("Engines", "Processor, weights in a faster order")
    return translate("Engines", "Processor, plain")


def _result(trial: Trial) -> str:
    """What came of it: right and how fast, or what is wrong."""
    if trial.failure is not None:
        return translate("Engines", "switched off, computing so {reason}").format(reason=say(trial.failure))
    right = translate("Engines", "answers rightly")
    if not trial.answer_tokens_per_second:
        return right
    return translate("Engines", "{right}: {prompt} and {answer} tokens a second").format(
        right=right,
        prompt=rate(trial.prompt_tokens_per_second),
        answer=rate(trial.answer_tokens_per_second),
    )


def on_processor(engine: InstalledEngine) -> Trial | None:
    """How an engine computes on the processor as it is used; None where nothing was right or measured.

    By this engines are compared: not each has the GPU that another has.
    """
    way = next(iter(engine.ways()), None)
    if way is None or engine.report is None:
        return None
    return engine.report.trial("CPU", way.extra_buffers)


def rate(tokens_per_second: float) -> str:
    """Tokens a second, with the digits that count; a dash where it was not measured."""
    if not tokens_per_second:
        return figures.DASH
    return figures.decimal(tokens_per_second, 0 if tokens_per_second >= 10 else 1)


def device_line(device: Device) -> str:
    """A device with its description and its memory."""
    return f"{device.name}: {device.description}, {figures.size(device.total_bytes)}"


def layers_on(gpus: Sequence[Device]) -> str:
    """What the number of layers for GPUs is called; it names the GPU where there is one."""
    if len(gpus) == 1:
        return translate("Engines", "Layers on {device}").format(device=gpus[0].name)
    return translate("Engines", "Layers on GPU")


def no_gpu_sentence() -> str:
    """Why layers that are meant for a GPU are computed elsewhere."""
    return translate("Engines", "The engine in use has no GPU: layers stay on the processor.")


def engine_line(overview: EngineOverview | None) -> str:
    """The engine in use with its version and devices, in one line."""
    use = overview.in_use if overview is not None else None
    if overview is None or use is None:
        return translate("Engines", "No engine is in use.")
    engine = next((each for each in overview.engines if each.folder == use.folder), None)
    devices = engine.report.devices if engine is not None and engine.report is not None else ()
    pieces = [translate("Engines", "Engine {name}").format(name=use.name), use.version]
    pieces += [device.name for device in devices]
    return " · ".join(pieces)
