"""What people read of each setting: section, label, help, and the names of choices."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from llmmem_gui.ui.languages import LANGUAGES

translate = QCoreApplication.translate


def section_names() -> dict[str, str]:
    """The name of each section, in the order of the dialog."""
    return {
        "limits": translate("Settings", "Limits"),
        "warnings": translate("Settings", "Warnings"),
        "loading": translate("Settings", "Loading"),
        "conversations": translate("Settings", "Conversations"),
        "monitoring": translate("Settings", "Monitoring"),
        "api": translate("Settings", "API"),
        "library": translate("Settings", "Models"),
        "neighbours": translate("Settings", "Other programs"),
        "appearance": translate("Settings", "Appearance"),
    }


def setting_texts() -> dict[str, tuple[str, str]]:
    """Label and help of each setting by `section.field`."""
    return {
        **_limits(),
        **_warnings(),
        **_loading(),
        **_conversations(),
        **_monitoring(),
        **_api(),
        **_library(),
        **_neighbours(),
        **_appearance(),
    }


def choice_names() -> dict[str, str]:
    """The words for values of settings with fixed choices; other values stand for themselves."""
    return {
        "system": translate("Settings", "as the desktop"),
        "light": translate("Settings", "light"),
        "dark": translate("Settings", "dark"),
        "unload": translate("Settings", "unload it"),
        "warn": translate("Settings", "only warn"),
        **LANGUAGES,
    }


def _limits() -> dict[str, tuple[str, str]]:
    return {
        "limits.total_limit_bytes": (
            translate("Settings", "Total limit"),
            translate("Settings", "What all models together may use. Empty: 60 % of this computer's memory."),
        ),
        "limits.reserve_bytes": (
            translate("Settings", "Keep free"),
            translate("Settings", "Memory left to everything else. Empty: 10 % of it, at least 1.5 GiB."),
        ),
        "limits.gpu_percent": (
            translate("Settings", "Use of each GPU"),
            translate("Settings", "Share of its memory that all models together may take."),
        ),
        "limits.gpu_reserve_bytes": (
            translate("Settings", "Keep free on each GPU"),
            translate("Settings", "Left to other programs. Empty: 2 % of its memory, at least 128 MiB."),
        ),
        "limits.gpu_limit_bytes": (
            translate("Settings", "Limits of single GPUs"),
            translate(
                "Settings", "What all models together may take of each, where it is not the usual share."
            ),
        ),
        "limits.idle_minutes": (
            translate("Settings", "Unload when idle for"),
            translate("Settings", "Minutes after which an unused model is unloaded. 0: never."),
        ),
        "limits.over_limit_action": (
            translate("Settings", "A model above its own limit"),
            translate("Settings", "What happens to it once it is idle."),
        ),
        "limits.may_doze": (
            translate("Settings", "Let idle models doze"),
            translate("Settings", "They give their weights back before any model is unloaded."),
        ),
    }


def _warnings() -> dict[str, tuple[str, str]]:
    return {
        "warnings.warn_percent": (
            translate("Settings", "Warn at"),
            translate("Settings", "Share of the total limit at which a warning is given."),
        ),
        "warnings.model_warn_percent": (
            translate("Settings", "Warn of a model at"),
            translate("Settings", "Share of a model's own limit at which a warning is given."),
        ),
        "warnings.critical_percent": (
            translate("Settings", "Critical at"),
            translate("Settings", "Share of a limit at which the warning is critical."),
        ),
        "warnings.quiet_minutes": (
            translate("Settings", "Repeat after"),
            translate("Settings", "Minutes in which the same warning is not repeated."),
        ),
        "warnings.desktop_notifications": (
            translate("Settings", "Desktop notifications"),
            translate("Settings", "Show warnings also when the window is hidden."),
        ),
    }


def _loading() -> dict[str, tuple[str, str]]:
    return {
        "loading.context": (
            translate("Settings", "Context"),
            translate(
                "Settings", "Tokens that a model keeps in mind, unless another number is chosen for it."
            ),
        ),
        "loading.kv_type": (
            translate("Settings", "KV cache"),
            translate("Settings", "A smaller type saves memory and costs a little accuracy."),
        ),
        "loading.batch": (
            translate("Settings", "Batch"),
            translate("Settings", "Tokens read at once. Less saves memory, more reads prompts faster."),
        ),
        "loading.gpu_layers": (
            translate("Settings", "Layers on GPU"),
            translate(
                "Settings",
                "Layers of a model placed on GPUs. As many as fit: beside what is in use there, and only on "
                "cards with memory of their own.",
            ),
        ),
        "loading.slots": (
            translate("Settings", "Answers at once"),
            translate(
                "Settings",
                "Requests that a model answers at the same time; they share its context and speed.",
            ),
        ),
        "loading.threads": (
            translate("Settings", "Threads"),
            translate(
                "Settings", "Threads that answering models share. 0: one for each core that others leave."
            ),
        ),
        "loading.load_timeout_seconds": (
            translate("Settings", "Give a load up after"),
            translate("Settings", "Seconds after which a load is given up."),
        ),
        "loading.engine": (
            translate("Settings", "Engine"),
            translate("Settings", "The build of llama.cpp that models compute with, from the next load on."),
        ),
    }


def _conversations() -> dict[str, tuple[str, str]]:
    return {
        "conversations.memory_mib": (
            translate("Settings", "In memory"),
            translate(
                "Settings",
                "MiB that each model may hold of conversations beside its context: they go on without being "
                "read again, and do not slow others down.",
            ),
        ),
        "conversations.keep_on_disk": (
            translate("Settings", "Keep conversations on the disk"),
            translate(
                "Settings",
                "When a model is unloaded, its conversations are written to this computer's disk, and go on "
                "at once after it is loaded again. Off: they are forgotten, and what was written is deleted.",
            ),
        ),
        "conversations.disk_mib": (
            translate("Settings", "On the disk"),
            translate(
                "Settings",
                "MiB that all of them may take; those used longest ago are deleted first.",
            ),
        ),
    }


def _monitoring() -> dict[str, tuple[str, str]]:
    return {
        "monitoring.interval_seconds": (
            translate("Settings", "Measure every"),
            translate("Settings", "Seconds between two measurements."),
        ),
        "monitoring.history_days": (
            translate("Settings", "Keep the history for"),
            translate("Settings", "Days that measurements and events are kept. 0: until the program ends."),
        ),
    }


def _api() -> dict[str, tuple[str, str]]:
    return {
        "api.enabled": (
            translate("Settings", "API for other programs"),
            translate("Settings", "Programs on this computer may use the models. From the next start on."),
        ),
        "api.port": (
            translate("Settings", "Port"),
            translate("Settings", "TCP port on 127.0.0.1. 0: any free one. From the next start on."),
        ),
        "api.allowed_origins": (
            translate("Settings", "Web pages that may use it"),
            translate("Settings", "One address on each line, such as http://localhost:3000. Usually none."),
        ),
        "api.queue_limit": (
            translate("Settings", "Requests for one model"),
            translate("Settings", "How many may wait for it or be answered by it; more are refused."),
        ),
        "api.queue_seconds": (
            translate("Settings", "Longest wait"),
            translate("Settings", "Seconds after which a waiting request is refused."),
        ),
        "api.connection_limit": (
            translate("Settings", "Connections"),
            translate("Settings", "How many may be open at the same time; more are refused."),
        ),
        "api.strict": (
            translate("Settings", "Refuse unknown fields"),
            translate(
                "Settings",
                "Requests with fields that nobody here knows fail. Many clients send some.",
            ),
        ),
    }


def _library() -> dict[str, tuple[str, str]]:
    return {
        "library.folders": (
            translate("Settings", "Folders with models"),
            translate("Settings", "One folder on each line."),
        ),
        "library.search_known_folders": (
            translate("Settings", "Search other programs' folders"),
            translate("Settings", "Hugging Face, llama.cpp, Ollama, LM Studio, Jan and GPT4All. Only read."),
        ),
    }


def _neighbours() -> dict[str, tuple[str, str]]:
    return {
        "neighbours.may_unload": (
            translate("Settings", "Unloaded first when memory gets short"),
            translate(
                "Settings",
                "One program on each line, such as Ollama: its idle models go before ours. Usually none.",
            ),
        ),
    }


def _appearance() -> dict[str, tuple[str, str]]:
    return {
        "appearance.theme": (
            translate("Settings", "Colours"),
            translate("Settings", "Light, dark, or what the desktop says."),
        ),
        "appearance.language": (
            translate("Settings", "Language"),
            translate("Settings", "Language of the window."),
        ),
        "appearance.keep_in_tray": (
            translate("Settings", "Keep running in the tray"),
            translate("Settings", "Closing the window leaves the program in the tray."),
        ),
        "appearance.start_minimized": (
            translate("Settings", "Start without the window"),
            translate("Settings", "The program starts in the tray."),
        ),
        "appearance.start_at_login": (
            translate("Settings", "Start at login"),
            translate("Settings", "The desktop starts the program, in the tray, when you log in."),
        ),
    }
