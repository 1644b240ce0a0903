"""What can be done instead, when a load would not fit or would have to wait."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from llmmem_gui.core.outlook import Outlook
from llmmem_gui.core.parameters import LoadParameters
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot
from llmmem_gui.ui import figures
from llmmem_gui.ui.model_names import names_in
from llmmem_gui.ui.outlook import layers_line, names, outlook_line
from llmmem_gui.ui.requests import Exchange, Fit, Load, Request, Restore, SetLimit
from llmmem_gui.ui.sentences import NameOf
from llmmem_gui.ui.theme import sized

_LIMIT_STEP_BYTES = 64 * 1024**2
"""Limits that are offered are multiples of it."""


class LoadChoice(QDialog):
    """Says why a model does not fit and offers ways that do.

    Signals: `requested` with the request that was chosen.
    """

    requested = Signal(object)

    def __init__(
        self,
        model: ModelSnapshot,
        view: Outlook,
        snapshot: CacheSnapshot,
        fit: Fit | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """`view` is how the load would go, `fit` what would make it fit, where that is known."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Load {model}").format(model=model.facts.name))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        title = QLabel(self.tr("{model} does not fit right now").format(model=model.facts.name))
        title.setFont(sized(title.font(), 1.2))
        title.setTextFormat(Qt.TextFormat.PlainText)
        title.setWordWrap(True)
        reason = QLabel(self._reason(model, view, snapshot))
        reason.setTextFormat(Qt.TextFormat.PlainText)
        reason.setWordWrap(True)
        buttons = QVBoxLayout()
        buttons.setSpacing(8)
        for place, (text, request) in enumerate(self._ways(model, view, fit or Fit(), names_in(snapshot))):
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

    def _reason(self, model: ModelSnapshot, view: Outlook, snapshot: CacheSnapshot) -> str:
        line = outlook_line(view, snapshot)
        lines = (f"{line[:1].upper()}{line[1:]}", layers_line(model.forecast))
        return "\n".join(f"{each}." for each in lines if each)

    def _ways(
        self, model: ModelSnapshot, view: Outlook, fit: Fit, name_of: NameOf
    ) -> Sequence[tuple[str, Request]]:
        ways: list[tuple[str, Request]] = []
        if fit.context:
            ways.append(smaller_load(model, fit.context))
        fitting = fit.parameters
        if fitting is not None and fitting.context != fit.context:
            text = self.tr("Make it fit: {changes}").format(changes=self._changes(model.parameters, fitting))
            way = (text, Load(model.id, fitting))
            # A combination is milder than losing more than half of the context; layers change no answer.
            few = fit.context is None or fit.context < model.parameters.context // 2
            first = few or fit.by_layers
            ways.insert(0 if first else len(ways), way)
        if view.waits_for:
            text = self.tr("Wait for {models} to finish, then load")
            ways.append((text.format(models=names(view.waits_for, name_of)), Load(model.id)))
        in_the_way = view.waits_for or view.pinned
        if in_the_way:
            text = self.tr("Unload {models} and load").format(models=names(in_the_way, name_of))
            ways.append((text, Exchange(in_the_way, model.id)))
        if view.limit_bytes is not None:
            ways.append(
                self._raised(
                    self.tr("Raise the total limit to {size} and load"), None, view.limit_bytes, model.id
                )
            )
        if view.obstacle == "its own limit":
            need = view.need_bytes * 105 // 100
            ways.append(self._raised(self.tr("Raise its limit to {size} and load"), model.id, need, model.id))
        return ways

    def _raised(self, text: str, limited: str | None, least_bytes: int, loaded: str) -> tuple[str, Request]:
        """A way that raises a limit, of one model or the total one, and then loads."""
        limit = -(-least_bytes // _LIMIT_STEP_BYTES) * _LIMIT_STEP_BYTES
        return text.format(size=figures.size(limit)), Restore((loaded,), SetLimit(limited, limit))

    def _changes(self, before: LoadParameters, after: LoadParameters) -> str:
        layers = self.tr("as many layers on the GPU as have room")
        changes = [
            (before.gpu_layers, after.gpu_layers, layers, ""),
            (before.context, after.context, self.tr("context {value}"), figures.count(after.context)),
            (before.kv_type, after.kv_type, self.tr("KV cache {value}"), after.kv_type),
            (before.batch, after.batch, self.tr("batch {value}"), figures.count(after.batch)),
            (before.slots, after.slots, self.tr("{value} answer at a time"), figures.count(after.slots)),
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
