"""What can be done instead, when a load would not fit or would have to wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.plan import Admit, Charge, Shortage, Wait, plan_load
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot
from llmmem_gui.ui import figures
from llmmem_gui.ui.outlook import Outlook, names, outlook_line
from llmmem_gui.ui.requests import Exchange, Load, Request, SetLimit
from llmmem_gui.ui.theme import sized


class LoadChoice(QDialog):
    """Says why a model does not fit and offers ways that do.

    Signals: `requested` with the request that was chosen.
    """

    requested = Signal(object)

    def __init__(
        self, model: ModelSnapshot, view: Outlook, snapshot: CacheSnapshot, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Load {model}").format(model=model.facts.name))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        title = QLabel(self.tr("{model} does not fit right now").format(model=model.facts.name))
        title.setFont(sized(title.font(), 1.2))
        title.setTextFormat(Qt.TextFormat.PlainText)
        title.setWordWrap(True)
        reason = QLabel(self._reason(view, snapshot))
        reason.setTextFormat(Qt.TextFormat.PlainText)
        reason.setWordWrap(True)
        buttons = QVBoxLayout()
        buttons.setSpacing(8)
        for place, (text, request) in enumerate(self._ways(model, view, snapshot)):
            button = QPushButton(text)
            button.setProperty("primary", place == 0)
            button.setAutoDefault(place == 0)
            button.clicked.connect(lambda _=False, chosen=request: self._choose(chosen))
            buttons.addWidget(button)
        cancel = QPushButton(self.tr("Cancel"))
        cancel.clicked.connect(self.reject)
        last = QHBoxLayout()
        last.addStretch(1)
        last.addWidget(cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 14)
        layout.setSpacing(12)
        layout.addWidget(title)
        layout.addWidget(reason)
        layout.addLayout(buttons)
        layout.addLayout(last)
        self.setMinimumWidth(420)

    def _reason(self, view: Outlook, snapshot: CacheSnapshot) -> str:
        as_it_is = Outlook(view.model_id, view.need_bytes, view.admission, view.own_limit_bytes)
        line = outlook_line(as_it_is, snapshot)
        return f"{line[:1].upper()}{line[1:]}."

    def _ways(
        self, model: ModelSnapshot, view: Outlook, snapshot: CacheSnapshot
    ) -> Sequence[tuple[str, Request]]:
        ways: list[tuple[str, Request]] = []
        if view.fit.context:
            ways.append(smaller_load(model, view.fit.context))
        fitting = view.fit.parameters
        if fitting is not None and fitting.context != view.fit.context:
            text = self.tr("Make it fit: {changes}").format(changes=self._changes(model.parameters, fitting))
            way = (text, Load(model.id, fitting))
            # A combination is milder than losing more than half of the context.
            first = view.fit.context is None or view.fit.context < model.parameters.context // 2
            ways.insert(0 if first else len(ways), way)
        if isinstance(view.admission, Wait):
            busy = view.admission.model_ids
            ways.append(
                (self.tr("Wait for {models} to finish, then load").format(models=names(busy)), Load(model.id))
            )
            ways.append(
                (self.tr("Unload {models} and load").format(models=names(busy)), Exchange(busy, model.id))
            )
        if isinstance(view.admission, Shortage) and view.admission.pinned:
            pinned = view.admission.pinned
            text = self.tr("Unload {models} and load").format(models=names(pinned))
            ways.append((text, Exchange(pinned, model.id)))
        higher = _higher_limit(view, snapshot)
        if higher is not None:
            text = self.tr("Raise the total limit to {size}").format(size=figures.size(higher))
            ways.append((text, SetLimit(None, higher)))
        if view.own_limit_bytes is not None:
            text = self.tr("Raise its limit to {size}").format(
                size=figures.size(_rounded_up(view.need_bytes))
            )
            ways.append((text, SetLimit(model.id, _rounded_up(view.need_bytes))))
        return ways

    def _changes(self, before: LoadParameters, after: LoadParameters) -> str:
        changes = [
            (before.context, after.context, self.tr("context {value}"), figures.count(after.context)),
            (before.kv_type, after.kv_type, self.tr("KV cache {value}"), after.kv_type),
            (before.batch, after.batch, self.tr("batch {value}"), figures.count(after.batch)),
        ]
        return ", ".join(text.format(value=value) for old, new, text, value in changes if old != new)

    def _choose(self, request: Request) -> None:
        self.accept()
        self.requested.emit(request)


def smaller_load(model: ModelSnapshot, context: int) -> tuple[str, Load]:
    """The words and the request of a load with so many tokens of context."""
    smaller = msgspec.structs.replace(model.parameters, context=context)
    text = QCoreApplication.translate("LoadChoice", "Load with context {tokens}")
    return text.format(tokens=figures.count(context)), Load(model.id, smaller)


def _rounded_up(size_bytes: int) -> int:
    """The next whole 64 MiB above a forecast with a little air."""
    step = 64 * 1024**2
    return -(-size_bytes * 105 // 100 // step) * step


def _higher_limit(view: Outlook, snapshot: CacheSnapshot) -> int | None:
    """A total limit under which the model would fit, when the computer has the memory for it."""
    shortage = view.admission
    if not isinstance(shortage, Shortage) or shortage.bound != "limit" or shortage.pinned:
        return None
    limit = snapshot.bounds.total_limit_bytes or 0
    higher = _rounded_up(limit + shortage.need_bytes - shortage.room_bytes)
    bounds = replace(snapshot.bounds, total_limit_bytes=higher)
    need = Charge(view.need_bytes, 0, view.model_id)
    fits = isinstance(plan_load(need, snapshot.holders, bounds, model_id=view.model_id), Admit)
    return higher if fits else None
