"""The inspector: everything about the model of the chosen row, and what its settings cost."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpacerItem,
    QVBoxLayout,
    QWidget,
)

from llmmem_gui.core.cache_messages import LimitSet
from llmmem_gui.core.outlook import LimitsOutlook
from llmmem_gui.core.parameters import AUTO, LoadParameters
from llmmem_gui.core.snapshot import CacheSnapshot, ModelSnapshot, State
from llmmem_gui.core.units import GIB, MIB
from llmmem_gui.core.warmth import ExpectedLoad
from llmmem_gui.ui import figures
from llmmem_gui.ui.card import Card, CheckBox, ElidedLabel, plain, quiet, restyle
from llmmem_gui.ui.layers_box import LayersBox
from llmmem_gui.ui.limits_panel import outlook_text
from llmmem_gui.ui.load_costs import KV_TYPES, LoadCosts
from llmmem_gui.ui.model_facts import ModelFacts
from llmmem_gui.ui.model_names import names_in
from llmmem_gui.ui.outlook import layers_line, outlook_line
from llmmem_gui.ui.previews import Previews
from llmmem_gui.ui.requests import Fit, Outcome, PreviewLimits, SetLimit, SetParameters, SetPinned, Unload
from llmmem_gui.ui.scales import Value, byte_scale, context_scale
from llmmem_gui.ui.sentences import say
from llmmem_gui.ui.stepped_slider import SteppedSlider
from llmmem_gui.ui.swatch import Swatch
from llmmem_gui.ui.theme import Theme, sized

_USUAL_LONGEST_CONTEXT = 32768


class _YieldingColumn(QVBoxLayout):
    """A column in a scroll area whose air gives way before anything has to be scrolled."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._air = 0

    def add_air(self, height: int) -> None:
        """Add a space of this height, which may shrink to nothing."""
        self._air += height
        self.addItem(QSpacerItem(0, height, vData=QSizePolicy.Policy.Maximum))

    def heightForWidth(self, width: int) -> int:
        # A scroll area takes this, and not the least height, for what the column needs.
        return super().heightForWidth(width) - self._air


class ModelPanel(Card):
    """Shows one model and asks for changes.

    Signals: `requested` with a request, `load_asked`, `reload_asked` and `try_asked` with the id,
    `ghosted` with a forecast while the context slider moves (None: the model's own again).
    """

    requested = Signal(object)
    load_asked = Signal(str)
    reload_asked = Signal(str)
    try_asked = Signal(str)
    ghosted = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._model: ModelSnapshot | None = None
        self._snapshot: CacheSnapshot | None = None
        self._fit: Fit | None = None
        self._machine_bytes = 8 * GIB
        self._chosen = LoadParameters()
        """The parameters that the model is, or would be next time, loaded with."""
        self._moving: LoadParameters | None = None
        """The parameters that the context slider would choose."""
        self._costs = LoadCosts(self)
        self._previews = Previews(self)
        self._make_widgets()
        self._lay_out()
        self._connect()
        self.retranslate()
        self.show_model(None, None)

    # --- building ----------------------------------------------------------------------------------------

    def _make_widgets(self) -> None:
        self._swatch = Swatch(self._theme)
        self.title = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self.title.setFont(sized(self.title.font(), 1.25))
        self._facts = ElidedLabel()
        quiet(self._facts)
        self._notice = QLabel()
        self._notice.setWordWrap(True)
        self._notice.setTextFormat(Qt.TextFormat.PlainText)
        self.limit = SteppedSlider(self._theme, byte_scale(64 * MIB, self._machine_bytes), stacked=True)
        self.context = SteppedSlider(self._theme, context_scale(_USUAL_LONGEST_CONTEXT), stacked=True)
        self.kv_type = QComboBox()
        self.gpu_layers = LayersBox()
        self.pin = CheckBox(self._theme)
        self._left_out = QLabel()
        self._left_out.setWordWrap(True)
        quiet(plain(self._left_out))
        self.grid = ModelFacts(self.kv_type, self.gpu_layers)
        self.reload = QPushButton()
        self.unload = QPushButton()
        self.primary = QPushButton()
        self.primary.setProperty("primary", True)

    def _lay_out(self) -> None:
        page = QWidget()
        page.setObjectName("page")
        column = _YieldingColumn(page)
        column.setContentsMargins(14, 10, 14, 2)
        column.setSpacing(4)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._swatch)
        head.addWidget(self.title, 1)
        column.addLayout(head)
        column.addWidget(self._facts)
        column.addWidget(self._notice)
        for group in (self.limit, self.context, self.grid, self.pin, self._left_out):
            column.add_air(6)
            if isinstance(group, QWidget):
                column.addWidget(group)
            else:
                column.addLayout(group)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(page)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is in it is reached by itself
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll, self._page = scroll, page
        buttons = QVBoxLayout()
        buttons.setContentsMargins(14, 4, 14, 11)
        buttons.setSpacing(8)
        buttons.addWidget(self.reload)
        pair = QHBoxLayout()
        pair.setSpacing(8)
        pair.addWidget(self.unload, 1)
        pair.addWidget(self.primary, 1)
        buttons.addLayout(pair)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(scroll, 1)
        layout.addLayout(buttons)

    def _connect(self) -> None:
        self._costs.requested.connect(self.requested)
        self._costs.found.connect(self._costs_found)
        self._previews.requested.connect(self.requested)
        self._previews.found.connect(self._show_preview)
        self.limit.chosen.connect(self._choose_limit)
        self.limit.previewed.connect(self._preview_limit)
        self.limit.abandoned.connect(self._abandon_limit)
        self.context.previewed.connect(self._preview_context)
        self.context.chosen.connect(self._choose_context)
        self.context.abandoned.connect(self._abandon_context)
        self.kv_type.activated.connect(self._choose_kv_type)
        self.gpu_layers.editingFinished.connect(self._choose_gpu_layers)
        self.pin.clicked.connect(self._choose_pin)
        self.unload.clicked.connect(self._ask_unload)
        self.primary.clicked.connect(self._act)
        self.reload.clicked.connect(self._ask_reload)

    def retranslate(self) -> None:
        """Write all texts in the language in force."""
        self.limit.name(self.tr("Limit"), self.tr("The most memory that this model may use."))
        self.context.name(self.tr("Context"), self.tr("Tokens that the model can keep in mind."))
        self.grid.retranslate()
        self.kv_type.setAccessibleName(self.tr("KV cache"))
        self.kv_type.setToolTip(self.tr("A smaller type saves memory and costs a little accuracy."))
        self.pin.setText(self.tr("Pinned: never unloaded by itself"))
        self.reload.setText(self.tr("Load again with these settings"))
        self.setAccessibleName(self.tr("Model"))
        self._scale_sliders()

    # --- showing -----------------------------------------------------------------------------------------

    def show_machine_bytes(self, total_bytes: int) -> None:
        """Let the limit slider reach up to the memory of this computer."""
        if total_bytes != self._machine_bytes:
            self._machine_bytes = total_bytes
            self._scale_sliders()

    def show_model(
        self,
        model: ModelSnapshot | None,
        snapshot: CacheSnapshot | None,
        fit: Fit | None = None,
        load: ExpectedLoad | None = None,
    ) -> None:
        """Show this model as it is in the snapshot; None: no model is chosen.

        `fit` is what would make it fit, if it does not and that is known, `load` how a load would go now.
        """
        other = (model.id if model else None) != (self._model.id if self._model else None)
        self._model, self._snapshot, self._fit = model, snapshot, fit
        self._chosen = LoadParameters() if model is None else model.next_parameters or model.parameters
        self._page.setVisible(model is not None)
        if model is None or snapshot is None:
            for button in (self.unload, self.primary, self.reload):
                button.hide()
            return
        if other:
            self._moving = None
            self._costs.look_at(model.id)
            if snapshot.gpus and self._chosen.gpu_layers == AUTO and model.facts.error is None:
                self._costs.find(self._chosen)
            self._scale_sliders()
            self._scroll.verticalScrollBar().setValue(0)
        self._show_head(model)
        self._show_sliders(model)
        self._show_choices(model)
        self.grid.show_model(model, snapshot, load)
        self._left_out.setText(" ".join(map(say, model.facts.left_out)))
        self._left_out.setVisible(bool(model.facts.left_out))
        self._show_buttons(model)

    def take(self, outcome: Outcome) -> None:
        """Take in the forecasts that were asked for, and what a limit would bring."""
        self._costs.take(outcome)
        self._previews.take(outcome)

    def _costs_found(self) -> None:
        if self._model is not None:
            self._show_choices(self._model)
            self._show_context_cost()

    def _scale_sliders(self) -> None:
        none_text = self.tr("no limit")
        self.limit.set_scale(byte_scale(64 * MIB, self._machine_bytes, none_text=none_text))
        longest = self._model.facts.context_length if self._model else None
        self.context.set_scale(context_scale(longest or _USUAL_LONGEST_CONTEXT))

    def _show_head(self, model: ModelSnapshot) -> None:
        facts = model.facts
        self._swatch.show_model(model.id, filled=model.resident_bytes > 0)
        if self.title.text() != facts.name:
            self.title.setText(facts.name)
        pieces = [
            facts.quantization or "",
            facts.architecture or "",
            figures.size(facts.file_bytes) if facts.file_bytes else "",
            self.tr("up to {tokens} tokens").format(tokens=figures.count(facts.context_length))
            if facts.context_length
            else "",
            "" if facts.has_chat_template or facts.error else self.tr("no chat template"),
            self.tr("sees images") if facts.sees else "",
        ]
        self._facts.setText(" · ".join(piece for piece in pieces if piece))
        notice, level = self._notice_of(model)
        self._notice.setText(notice)
        self._notice.setVisible(bool(notice))
        restyle(self._notice, "level", level)

    def _notice_of(self, model: ModelSnapshot) -> tuple[str, str | None]:
        if model.facts.error:
            return say(model.facts.error), "critical"
        if model.error and not model.state.holds_host:
            return say(model.error, names_in(self._snapshot)), "critical"
        view = self._snapshot.outlook(model) if self._snapshot is not None else None
        layers = layers_line(model.forecast)
        if view is not None and self._snapshot is not None:
            lines = (outlook_line(view, self._snapshot, self._fit), layers)
            return "\n".join(line for line in lines if line), None if view.fits else "warning"
        return layers, None

    def _show_sliders(self, model: ModelSnapshot) -> None:
        loadable = model.facts.error is None
        self.limit.setEnabled(loadable)
        self.limit.set_value(model.limit_bytes)
        self.limit.set_mark(model.resident_bytes or None)
        if not self.limit.is_moving:
            self.limit.set_hint(self._limit_hint(model))
        self.context.setEnabled(loadable)
        if self._moving is None:
            self.context.set_value(self._chosen.context)
        self.context.set_mark(model.context if model.state.holds_host else None)
        if not self.context.is_moving:
            self._show_context_cost()

    def _limit_hint(self, model: ModelSnapshot) -> str:
        if not model.resident_bytes:
            return self.tr("not loaded")
        used = self.tr("uses {size}").format(size=figures.size(model.resident_bytes))
        if model.limit_bytes:
            return f"{used} · {figures.percent(model.resident_bytes / model.limit_bytes)}"
        return used

    def _show_context_cost(self) -> None:
        model = self._model
        if model is None:
            return
        chosen = self._moving or self._chosen
        # The snapshot's own forecast may be better than the instant one that was asked for.
        known = model.forecast if chosen == model.parameters else None
        forecast = known or self._costs.of(chosen)
        now = ""
        if model.state.holds_host and model.context and model.parameters.context != chosen.context:
            now = self.tr("now {tokens}").format(tokens=figures.count(model.context))
        if forecast is None:
            self.context.set_hint(now)
            return
        size = figures.size(forecast.main_bytes)
        text = self.tr("needs {size}").format(size=size)
        if model.limit_bytes:
            limit = figures.chosen_size(model.limit_bytes)
            text = self.tr("needs {size} of {limit}").format(size=size, limit=limit)
        text = " · ".join(piece for piece in (text, now) if piece)
        over = model.limit_bytes is not None and forecast.main_bytes > model.limit_bytes
        self.context.set_hint(text, "critical" if over else None)
        if self._moving is not None:
            self.ghosted.emit(forecast)

    def _show_choices(self, model: ModelSnapshot) -> None:
        loadable = model.facts.error is None
        for widget in (self.kv_type, self.gpu_layers, self.pin):
            widget.setEnabled(loadable)
        if loadable:
            self._costs.find_kv_types(self._chosen)
        if not self.kv_type.view().isVisible():
            self._fill_kv_types(model)
        if not self.gpu_layers.hasFocus():
            self.gpu_layers.set_layers(self._chosen.gpu_layers)
        gpus = self._snapshot.gpus if self._snapshot is not None else ()
        self.grid.show_row("gpu", bool(gpus) or self._chosen.gpu_layers != 0)
        self.grid.show_gpus(gpus)
        self.pin.setChecked(model.pinned)

    def _fill_kv_types(self, model: ModelSnapshot) -> None:
        dearest = self._costs.of_kv_type(self._chosen, KV_TYPES[0])
        for place, kind in enumerate(KV_TYPES):
            text: str = kind
            cost = self._costs.of_kv_type(self._chosen, kind)
            if place and cost is not None and dearest is not None:
                saved = dearest.total_bytes - cost.total_bytes
                text = self.tr("{kind} saves {size}").format(kind=kind, size=figures.size(max(0, saved)))
            if self.kv_type.count() <= place:
                self.kv_type.addItem(text, kind)
            elif self.kv_type.itemText(place) != text:
                self.kv_type.setItemText(place, text)
        self.kv_type.setCurrentIndex(KV_TYPES.index(self._chosen.kv_type))

    def _show_buttons(self, model: ModelSnapshot) -> None:
        loaded = model.state.holds_host
        loading = model.state in (State.LOADING, State.QUEUED)
        self.unload.setVisible(loaded or loading)
        back = self.tr("Unload – {size} back").format(size=figures.size(model.private_bytes))
        self.unload.setText(self.tr("Cancel the load") if loading else back)
        why = self.tr("Private memory; weights are pages of the file, which the system takes when it must.")
        self.unload.setToolTip("" if loading else why)
        self.unload.setEnabled(model.state is not State.UNLOADING)
        self.primary.show()
        self.primary.setText(self.tr("Try it…") if loaded or loading else self.tr("Load"))
        self.primary.setEnabled(model.facts.error is None and model.state is not State.UNLOADING)
        differs = loaded and not loading and self._asks_for_reload(model)
        self.reload.setVisible(differs)

    def _asks_for_reload(self, model: ModelSnapshot) -> bool:
        # The parameters of a loaded model are those it was loaded with.
        return self._chosen != model.parameters

    # --- asking ------------------------------------------------------------------------------------------

    def _choose_limit(self, value: Value) -> None:
        if self._model is not None:
            self.requested.emit(SetLimit(self._model.id, None if value is None else round(value)))

    def _preview_limit(self, value: Value) -> None:
        if self._model is not None and self._model.resident_bytes:
            limit = LimitSet(self._model.id, None if value is None else round(value))
            self._previews.ask(PreviewLimits(limit))

    def _show_preview(self, _: PreviewLimits, view: LimitsOutlook) -> None:
        if self.limit.is_moving:
            self.limit.set_hint(*outlook_text(view, names_in(self._snapshot)))

    def _abandon_limit(self) -> None:
        self._previews.forget()
        if self._model is not None:
            self.limit.set_hint(self._limit_hint(self._model))

    def _preview_context(self, value: Value) -> None:
        if self._model is None or value is None:
            return
        self._moving = msgspec.structs.replace(self._chosen, context=round(value))
        self._costs.find(self._moving)

    def _choose_context(self, value: Value) -> None:
        self._moving = None
        self.ghosted.emit(None)
        if value is not None:
            self._choose_parameters(context=round(value))

    def _abandon_context(self) -> None:
        self._moving = None
        self.ghosted.emit(None)
        self._show_context_cost()

    def _choose_kv_type(self, place: int) -> None:
        self._choose_parameters(kv_type=KV_TYPES[place])

    def _choose_gpu_layers(self) -> None:
        self._choose_parameters(gpu_layers=self.gpu_layers.layers())

    def _choose_parameters(self, **changes: object) -> None:
        if self._model is None:
            return
        if msgspec.structs.replace(self._chosen, **changes) != self._chosen:
            self.requested.emit(SetParameters(self._model.id, changes))

    def _choose_pin(self, pinned: bool) -> None:
        if self._model is not None:
            self.requested.emit(SetPinned(self._model.id, pinned))

    def _ask_unload(self) -> None:
        if self._model is not None:
            self.requested.emit(Unload(self._model.id))

    def _ask_reload(self) -> None:
        if self._model is not None:
            self.reload_asked.emit(self._model.id)

    def _act(self) -> None:
        if self._model is not None:
            there = self._model.state.holds_host or self._model.state is State.QUEUED
            signal = self.try_asked if there else self.load_asked
            signal.emit(self._model.id)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.FontChange and hasattr(self, "title"):
            self.title.setFont(sized(self.font(), 1.25))
        super().changeEvent(event)
