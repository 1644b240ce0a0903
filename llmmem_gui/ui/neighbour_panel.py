"""Everything about another program that holds models, or about one of those, and what can be done."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from llmmem_gui.core.neighbours import is_named
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.snapshot import CacheSnapshot
from llmmem_gui.ui import figures
from llmmem_gui.ui.actions import Actions
from llmmem_gui.ui.card import Card, CheckBox, ElidedLabel, quiet
from llmmem_gui.ui.cells import Column
from llmmem_gui.ui.fact_grid import FactGrid
from llmmem_gui.ui.neighbour_actions import unload_of
from llmmem_gui.ui.neighbour_rows import NeighbourRow, neighbour_cell
from llmmem_gui.ui.requests import ChangeSettings
from llmmem_gui.ui.swatch import Swatch
from llmmem_gui.ui.theme import Theme, sized

_FACTS = ("state", "idle", "private", "weights", "vram", "claimed")


class NeighbourPanel(Card):
    """Shows what a row about another program is about.

    Signals: `unload_asked` with the row; `requested` with a request.
    """

    unload_asked = Signal(object)
    requested = Signal(object)

    def __init__(self, theme: Theme, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self._row: NeighbourRow | None = None
        self._allowed: tuple[str, ...] = ()
        """Programs that may be asked when memory gets short."""
        self._swatch = Swatch(theme)
        self.title = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self.title.setFont(sized(self.title.font(), 1.25))
        self._owner = quiet(ElidedLabel())
        self.notice = quiet(QLabel())
        self.notice.setWordWrap(True)
        self.notice.setTextFormat(Qt.TextFormat.PlainText)
        self.grid = FactGrid(dict.fromkeys(_FACTS))
        self.may_unload = CheckBox(theme)
        self.may_unload.clicked.connect(self._allow)
        self.unload = QPushButton()
        self.unload.clicked.connect(lambda: self.unload_asked.emit(self._row))
        self.free = QPushButton()
        self.free.clicked.connect(actions.free_everything.trigger)
        self._lay_out()
        self.retranslate()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._swatch)
        head.addWidget(self.title, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.free, 1)
        buttons.addWidget(self.unload, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 14, 11)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self._owner)
        layout.addSpacing(6)
        layout.addLayout(self.grid)
        layout.addSpacing(6)
        layout.addWidget(self.notice)
        layout.addStretch(1)
        layout.addWidget(self.may_unload)
        layout.addLayout(buttons)

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        names = {
            "state": self.tr("State"),
            "idle": self.tr("Idle"),
            "private": self.tr("Private"),
            "weights": self.tr("Weights"),
            "vram": self.tr("VRAM"),
            "claimed": self.tr("By its own word"),
        }
        for key, name in names.items():
            self.grid.names[key].setText(name)
        self.may_unload.setText(self.tr("Unload it first when memory gets short"))
        self.may_unload.setToolTip(
            self.tr(
                "Models of this program that were idle for a minute are unloaded before any of ours, one "
                "after the other; its process is never ended."
            )
        )
        self.free.setText(self._actions.free_everything.text())
        self.setAccessibleName(self.tr("Another program"))

    def show_row(self, row: NeighbourRow, snapshot: CacheSnapshot, settings: Settings) -> None:
        """Show what a row is about, as it is in the snapshot."""
        self._row = row
        self._allowed = settings.neighbours.may_unload
        neighbour, model, held = row.neighbour, row.model, row.held
        self._swatch.show_model(row.colour_id, filled=model is None)
        self.title.setText(neighbour.program if model is None else model.name)
        owner = self.tr("{program} · process {pid}")
        self._owner.setText(owner.format(program=neighbour.program, pid=neighbour.pid))
        known_vram = held is not None and held.vram_bytes
        told = {
            "state": neighbour_cell(row, Column.STATE, snapshot).text,
            "idle": neighbour_cell(row, Column.IDLE, snapshot).text,
            "private": figures.size(held.private_bytes) if held is not None else "",
            "weights": figures.size(held.weights_bytes) if held is not None else "",
            "vram": figures.size(held.vram_bytes or 0) if held is not None and known_vram else "",
            "claimed": figures.size(model.claimed_bytes) if model and model.claimed_bytes else "",
        }
        for key, text in told.items():
            self.grid.texts[key].setText(text)
            self.grid.show_row(key, text not in ("", figures.DASH))
        self.notice.setText(self._notice(row))
        self.notice.setVisible(bool(self.notice.text()))
        can_unload = unload_of(row) is not None
        self.may_unload.setVisible(neighbour.unloads in ("models", "all"))
        self.may_unload.setChecked(is_named(neighbour.program, self._allowed))
        self.unload.setText(self.tr("Unload") if can_unload else self.tr("End…"))
        self.unload.setEnabled(can_unload or neighbour.unloads == "ends")

    def _allow(self, allowed: bool) -> None:
        assert self._row is not None
        program = self._row.neighbour.program
        others = tuple(name for name in self._allowed if not is_named(program, (name,)))
        chosen = (*others, program) if allowed else others
        self.requested.emit(ChangeSettings({"neighbours.may_unload": chosen}))

    def _notice(self, row: NeighbourRow) -> str:
        if row.model is not None and row.held is None:
            return self.tr("No process holds this model alone: its bytes are among those of the program.")
        if not row.neighbour.answers:
            return self.tr("It does not answer, so this is read off its processes.")
        if row.neighbour.unloads == "ends" and row.neighbour.models:
            return self.tr("It cannot be told to unload: only its end gives the memory back.")
        return ""
