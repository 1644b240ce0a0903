"""A window and a tray before which warnings come and go: fed by hand, as the service feeds them."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtWidgets import QWidget

from llmmem_gui.core.alerts import Alerts
from llmmem_gui.core.ledger import DeviceBounds
from llmmem_gui.core.pools import DevicePool
from llmmem_gui.core.pressure import Level
from llmmem_gui.core.snapshot import State
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.service.sampling import memory_watch
from llmmem_gui.ui.main_window import MainWindow
from llmmem_gui.ui.notifier import Notifier
from llmmem_gui.ui.theme import Theme
from llmmem_gui.ui.tray import Tray
from llmmem_gui.ui.warning_views import WarningViews
from tests.ui import facts
from tests.ui.conftest import feed

IDS = ("small", "large")
GPU_RESERVE = 256 * MIB


class OnScreen(Notifier):
    """A notifier whose desktop shows at once what it is given."""

    def _join(self) -> bool:
        return True


class Scene:
    """A window and a tray, and a cache of two models that is fed to them by hand."""

    def __init__(self, theme: Theme) -> None:
        self.window = MainWindow(theme, facts.usual_memory(5))
        self.window.show()
        self.elsewhere = QWidget()
        """Another program's window, where the person works."""
        self.elsewhere.show()
        self.elsewhere.activateWindow()
        self.tray = Tray()
        self.notifier = OnScreen(lambda title, text, critical: None)
        self.now = facts.NOW
        self.views = WarningViews(
            self.window, self.tray, self.notifier, lambda: True, self.window, clock=lambda: self.now
        )
        self.used = dict.fromkeys(IDS, 0)
        self.limits: dict[str, int | None] = dict.fromkeys(IDS)
        self.total_limit: int | None = 8 * GIB
        self.pressure, self.simulated = Level.NORMAL, False
        self.alerts = Alerts()
        self.gpu_bytes = 0
        """What all programs use of a GPU of 8 GiB, where the large model has a GiB."""

    def tick(self, seconds: float = 1.0) -> None:
        """A second passes: a sample is taken, and what comes of it is told as the service tells it."""
        self.now += seconds
        shot = self.snapshot()
        read = replace(facts.sample(shot), monotonic=self.now)
        told = self.alerts.feed(shot, read, self.pressure, simulated=self.simulated)
        for alert in told.begun:
            self.views.take_event(memory_watch.event_of(alert, "memory-warning", alert.sentence))
        self.show()

    def show(self) -> None:
        """Publish how things are, as after every change."""
        shot = self.snapshot()
        alerts = self.alerts.standing(shot, self.pressure, simulated=self.simulated)
        shot = replace(shot, alerts=alerts, pressure_is_simulated=self.simulated)
        feed(self.window, shot)
        self.tray.show_memory(shot, self.window.first_line(), 32 * GIB)
        self.views.take(shot)

    def snapshot(self) -> facts.CacheSnapshot:
        """The cache as it is."""
        models = []
        for rank, model_id in enumerate(IDS, start=1):
            used = self.used[model_id]
            models.append(
                facts.model(
                    model_id,
                    State.READY if used else State.UNLOADED,
                    private=used,
                    need=(0, GIB),
                    idle=100 / rank if used else None,
                    rank=rank if used else None,
                    limit=self.limits[model_id],
                )
            )
        shot = facts.snapshot(*models, limit=self.total_limit, pressure=self.pressure.word)
        if self.gpu_bytes:
            held = {"large": GIB} if self.used["large"] else {}
            pool = DevicePool("0000:01:00.0", "GPU0", "RTX 4060", 8 * GIB, self.gpu_bytes, held)
            bounds = replace(shot.bounds, devices={"GPU0": DeviceBounds(7 * GIB, None, GPU_RESERVE)})
            shot = replace(shot, pools=(pool,), bounds=bounds)
        return replace(shot, monotonic=self.now)

    @property
    def banner(self) -> str | None:
        """What the banner says; None when it is not there."""
        bar = self.window.notices.warning
        return None if bar.isHidden() else bar.text.text()

    def close(self) -> None:
        """Take everything away."""
        self.notifier.withdraw()
        self.tray.close()
        for made in (self.views, self.tray, self.notifier, self.window, self.elsewhere):
            made.deleteLater()
