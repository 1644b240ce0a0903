"""The first line of the window: how much the models use, of how much, and how the computer fares."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from llmmem_gui.core.pressure import Level
from llmmem_gui.core.readings import MachineReading
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.core.units import MIB
from llmmem_gui.ui import figures
from llmmem_gui.ui.card import ElidedLabel, quiet, restyle
from llmmem_gui.ui.sentences import pressure_word
from llmmem_gui.ui.theme import sized, tabular

translate = QCoreApplication.translate


class Headline(QWidget):
    """Says it in large letters."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._used, self._limit = QLabel(), quiet(QLabel())
        self._share = quiet(QLabel())
        self._promised = quiet(QLabel())
        self._machine = ElidedLabel()
        quiet(self._machine)
        large = tabular(sized(self.font(), 1.75))
        self._limit.setFont(large)
        self._share.setFont(tabular(sized(self.font(), 1.2)))
        self._promised.setFont(tabular(self.font()))
        large.setBold(True)
        self._used.setFont(large)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._used)
        layout.addWidget(self._limit)
        layout.addSpacing(6)
        layout.addWidget(self._share)
        layout.addWidget(self._promised, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addSpacing(18)
        layout.addWidget(self._machine, 1, Qt.AlignmentFlag.AlignVCenter)

    def show_memory(self, snapshot: CacheSnapshot, machine: MachineReading) -> None:
        """Write the line for this state of the cache on this machine."""
        self._used.setText(self.tr("Models {size}").format(size=figures.size(snapshot.resident_bytes)))
        limit = snapshot.bounds.total_limit_bytes
        self._limit.setText(self.tr("of {limit}").format(limit=figures.chosen_size(limit)) if limit else "")
        self._share.setText(figures.percent(snapshot.resident_bytes / limit) if limit else "")
        self._machine.setText(machine_text(snapshot, machine))
        promised = promised_text(snapshot)
        self._promised.setText(f"· {promised}" if promised else "")
        self._promised.setToolTip(self.tr("Loads count it: the contexts of loaded models may still grow."))
        total = next((alert.level for alert in snapshot.alerts if alert.subject == "total"), Level.NORMAL)
        for label in (self._used, self._share):
            restyle(label, "level", None if total is Level.NORMAL else _level(total.word))
        calm = snapshot.pressure == "normal"
        restyle(self._machine, "level", None if calm else _level(snapshot.pressure))
        self.setAccessibleName(first_line(snapshot, machine))
        if machine.bound != "machine":
            self._machine.setToolTip(self.tr("Memory of the control group that bounds this program"))
        else:
            self._machine.setToolTip(
                self.tr("What is not available. Weights count as available: the system can drop them.")
            )


def first_line(snapshot: CacheSnapshot, machine: MachineReading | None) -> str:
    """The whole line as text, also the tool tip of the tray icon."""
    used = figures.size(snapshot.resident_bytes)
    limit = snapshot.bounds.total_limit_bytes
    if limit:
        models = translate("Headline", "Models {size} of {limit}").format(
            size=used, limit=figures.chosen_size(limit)
        )
    else:
        models = translate("Headline", "Models {size}").format(size=used)
    promised = promised_text(snapshot)
    models = f"{models}, {promised}" if promised else models
    return models if machine is None else f"{models} · {machine_text(snapshot, machine)}"


def promised_text(snapshot: CacheSnapshot) -> str:
    """What loads count beyond what is used; empty where that is nothing worth saying."""
    if snapshot.promised_bytes < MIB:
        return ""
    return translate("Headline", "{size} promised").format(size=figures.size(snapshot.promised_bytes))


def machine_text(snapshot: CacheSnapshot, machine: MachineReading) -> str:
    """Use of the computer's memory and the pressure on it."""
    used = machine.total_bytes - machine.available_bytes
    computer = translate("Headline", "this computer {used} of {total}").format(
        used=figures.size(used), total=figures.size(machine.total_bytes)
    )
    if snapshot.pressure == "normal":
        pressure = translate("Headline", "no memory pressure")
    else:
        pressure = translate("Headline", "pressure {level}").format(level=pressure_word(snapshot.pressure))
    if snapshot.pressure_is_simulated:
        pressure = translate("Headline", "{pressure}, simulated").format(pressure=pressure)
    return f"{computer} · {pressure}"


def _level(pressure: str) -> str:
    return "warning" if pressure == "warning" else "critical"
