"""The settings, made from the records of `core.settings`: a page a section, label and help for each field."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator
from typing import get_type_hints

import msgspec
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from llmmem_gui.core.engines import EngineOverview
from llmmem_gui.core.gpu_limits import GPU_LIMITS
from llmmem_gui.core.sentence import sentence_of
from llmmem_gui.core.settings import BadSetting, LimitSettings, Settings
from llmmem_gui.ui import figures
from llmmem_gui.ui.card import quiet, restyle
from llmmem_gui.ui.engine_page import EnginePage
from llmmem_gui.ui.engine_words import device_line, no_gpu_sentence
from llmmem_gui.ui.first_size import first_size
from llmmem_gui.ui.sentences import say
from llmmem_gui.ui.setting_fields import SettingField, setting_field
from llmmem_gui.ui.setting_texts import choice_names, section_names, setting_texts
from llmmem_gui.ui.theme import Theme, sized

_DECIDED_ELSEWHERE = ("loading.engine", GPU_LIMITS)
"""Which engine is used is decided at once, on a page of its own: one that was never tried is tried first.
Limits of single GPUs are set in the window, beside what they mean."""


class SettingsDialog(QDialog):
    """Shows all settings and asks for others.

    Signals: `chosen` with the new values of those settings that were changed, by `section.field`;
    `requested` with what is asked for at once.
    """

    chosen = Signal(object)
    requested = Signal(object)

    def __init__(
        self,
        theme: Theme,
        settings: Settings,
        machine_bytes: int,
        parent: QWidget | None = None,
        *,
        tray_problem: str = "",
        engines: EngineOverview | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Settings"))
        self._theme = theme
        self._settings = settings
        self._machine_bytes = machine_bytes
        self._tray_problem = tray_problem
        self._known_engines = engines
        self._texts = setting_texts()
        self._unfilled: dict[int, tuple[QWidget, str]] = {}
        """Each page that has not been shown yet, and its section, by its row."""
        self._fields: dict[str, SettingField] = {}
        self._explanations: dict[str, QLabel] = {}
        self.engines = EnginePage(engines)
        # Each part stands in its place before it is filled: whatever moves under another parent has its style
        # worked out again, with all that is in it.
        self._sections = QListWidget(self)
        self._sections.setAccessibleName(self.tr("Sections"))
        self._pages = QStackedWidget(self)
        self._problem = QLabel(self)
        self._problem.setProperty("level", "critical")
        self._problem.setWordWrap(True)
        self._problem.hide()
        for section, name in section_names().items():
            page = QWidget()
            page.setObjectName("page")
            self._unfilled[self._add_section(name, page)] = (page, section)
            if section == "loading":
                self._add_section(self.engines.name, self.engines)
        self.engines.requested.connect(self.requested)
        self._sections.currentRowChanged.connect(self._fill)
        self._sections.currentRowChanged.connect(self._pages.setCurrentIndex)
        self._lay_out()

    def _lay_out(self) -> None:
        widest = max(
            self._sections.fontMetrics().horizontalAdvance(self._sections.item(row).text())
            for row in range(self._sections.count())
        )
        self._sections.setFixedWidth(widest + 48)
        standard = QDialogButtonBox.StandardButton
        self._buttons = buttons = QDialogButtonBox(
            standard.Ok | standard.Cancel | standard.RestoreDefaults, parent=self
        )
        defaults = buttons.button(standard.RestoreDefaults)
        defaults.setText(self.tr("Defaults of this page"))
        defaults.clicked.connect(self._restore_page)
        self._sections.currentRowChanged.connect(lambda _: defaults.setEnabled(bool(self._of_page())))
        restyle(buttons.button(standard.Ok), "primary", True)
        buttons.button(standard.Ok).setDefault(True)
        for button in buttons.buttons():
            button.setIcon(QIcon())
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        across = QHBoxLayout()
        across.setSpacing(14)
        across.addWidget(self._sections)
        across.addWidget(self._pages, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addLayout(across, 1)
        layout.addWidget(self._problem)
        layout.addWidget(buttons)
        self._keep_enter_for_ok(self)
        self.resize(first_size(QSize(840, 560), self.screen().availableSize()))
        self._sections.setCurrentRow(0)

    @staticmethod
    def _keep_enter_for_ok(place: QWidget) -> None:
        """Enter in a field means OK, and not the first button that stands near it."""
        for button in place.findChildren(QPushButton):
            button.setAutoDefault(button.isDefault())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses the button that has the focus, and OK everywhere else."""
        focused = self.focusWidget()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(focused, QPushButton):
            focused.click()
        else:
            super().keyPressEvent(event)

    @property
    def fields(self) -> dict[str, SettingField]:
        """The field of each setting by `section.field`; pages that were not shown yet are filled for it."""
        for row in list(self._unfilled):
            self._fill(row)
        return self._fields

    def _add_section(self, name: str, page: QWidget) -> int:
        """Add an empty page and return its row."""
        item = QListWidgetItem(name, self._sections)
        item.setSizeHint(QSize(0, round(self._sections.fontMetrics().height() * 2.1)))
        scroll = QScrollArea(self._pages)
        row = self._pages.addWidget(scroll)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is in it is reached by itself
        scroll.setWidget(page)
        return row

    def _fill(self, row: int) -> None:
        """Make what is on a page when it is first shown: all pages at once would hold the window up."""
        if row not in self._unfilled:
            return
        page, section = self._unfilled.pop(row)
        self._add_fields(page, section)
        self._keep_enter_for_ok(page)
        self._put_buttons_last()
        self._explain_gpus()
        if section == "appearance" and self._tray_problem:
            self._explain_tray(page)

    def _put_buttons_last(self) -> None:
        """Tab goes through a page before it comes to the buttons, also when the page was made after them."""
        chain = list(_focus_chain(self))
        buttons = [each for each in chain if each.parent() is self._buttons]
        for last, button in itertools.pairwise([chain[-1], *buttons]):
            QWidget.setTabOrder(last, button)

    def _add_fields(self, page: QWidget, section: str) -> None:
        grid = QGridLayout(page)
        grid.setContentsMargins(4, 0, 10, 0)
        grid.setHorizontalSpacing(20)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        title = QLabel(section_names()[section])
        title.setFont(sized(title.font(), 1.25))
        grid.addWidget(title, 0, 0, 1, 2)
        grid.setRowMinimumHeight(1, 8)
        values = getattr(self._settings, section)
        kinds = get_type_hints(type(values), include_extras=True)
        row = 2
        for field in msgspec.structs.fields(values):
            full_name = f"{section}.{field.name}"
            if full_name in _DECIDED_ELSEWHERE:
                continue
            made = setting_field(
                self._theme,
                full_name,
                kinds[field.name],
                getattr(values, field.name),
                choice_names(),
                self._automatic(full_name),
            )
            self._fields[full_name] = made
            row = self._add(grid, row, full_name, made)
        grid.setRowStretch(row, 1)

    def _add(self, grid: QGridLayout, row: int, full_name: str, made: SettingField) -> int:
        """Add a setting and return the next free row."""
        label_text, help_text = self._texts[full_name]
        label, explanation = QLabel(label_text), quiet(QLabel(figures.kept_together(help_text)))
        explanation.setWordWrap(True)
        self._explanations[full_name] = explanation
        label.setBuddy(made.widget)
        for widget in filter(None, (made.widget, made.widget.focusProxy())):
            widget.setAccessibleName(label_text)
            widget.setAccessibleDescription(help_text)
        grid.addWidget(label, row, 0)
        grid.addWidget(explanation, row + 1, 0)
        if made.is_wide:
            grid.addWidget(made.widget, row + 2, 0, 1, 2)
        else:
            made.widget.setMinimumWidth(180)
            grid.addWidget(made.widget, row, 1, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        grid.setRowMinimumHeight(row + 3, 12)
        return row + 4

    def _automatic(self, full_name: str) -> str:
        if full_name == "limits.total_limit_bytes":
            size = LimitSettings().total_limit_for(self._machine_bytes) or 0
        elif full_name == "limits.reserve_bytes":
            size = LimitSettings().reserve_for(self._machine_bytes)
        elif full_name == "limits.gpu_reserve_bytes":
            return self.tr("automatic: {size}").format(size=figures.percent(0.02))
        else:
            return ""
        return self.tr("automatic: {size}").format(size=figures.size(size))

    def show_engines(self, engines: EngineOverview | None) -> None:
        """Show what is known of the engines now, and offer what is of GPUs where the one in use has one."""
        self._known_engines = engines
        self.engines.show_engines(engines)
        self._explain_gpus()

    def _explain_gpus(self) -> None:
        engines = self._known_engines
        gpus = engines.in_use.gpus if engines is not None and engines.in_use is not None else ()
        for name in ("loading.gpu_layers", "limits.gpu_percent", "limits.gpu_reserve_bytes"):
            if name not in self._fields:
                continue
            value_in = operator.attrgetter(name)
            is_usual = value_in(self._settings) == value_in(Settings())
            widget, help_text = self._fields[name].widget, self._texts[name][1]
            # What was chosen can be taken back without a GPU, too.
            widget.setEnabled(bool(gpus) or not is_usual)
            told = " ".join([help_text, *map(device_line, gpus)]) if gpus else no_gpu_sentence()
            self._explanations[name].setText(figures.kept_together(told))
            widget.setAccessibleDescription(told)

    def _explain_tray(self, page: QWidget) -> None:
        problem = self._tray_problem
        for name in ("appearance.keep_in_tray", "appearance.start_minimized"):
            widget = self._fields[name].widget
            widget.setEnabled(False)
            widget.setToolTip(problem)
            widget.setAccessibleDescription(problem)
        grid = page.layout()
        assert isinstance(grid, QGridLayout)
        note = QLabel(problem)
        note.setWordWrap(True)
        note.setProperty("level", "warning")
        grid.addWidget(note, grid.rowCount() - 1, 0, 1, 2, Qt.AlignmentFlag.AlignTop)

    def _of_page(self) -> list[str]:
        """The settings on the page that is shown."""
        page = self._pages.currentWidget()
        return [name for name, field in self._fields.items() if page and page.isAncestorOf(field.widget)]

    def _restore_page(self) -> None:
        """Put the defaults into the fields of this page; they hold when the dialog is accepted."""
        usual = Settings()
        for name in self._of_page():
            self._fields[name].show(operator.attrgetter(name)(usual))

    def read(self) -> Settings:
        """The settings as they stand in the fields.

        Raises `BadSetting` with one sentence and the name of the setting that cannot be so.
        """
        settings = self._settings
        for name, field in self._fields.items():  # on a page that was never shown nothing was changed
            try:
                value = field.read()
                if value != operator.attrgetter(name)(settings):
                    settings = settings.with_value(name, value)
            except ValueError as error:
                raise BadSetting(name, sentence_of(error)) from error
        return settings.checked()

    def _show_problem(self, name: str, text: str) -> None:
        """Say what is wrong, and show where."""
        self._problem.setText(f"{self._texts[name][0]}: {text}")
        self._problem.show()
        widget = self.fields[name].widget
        for row in range(self._pages.count()):
            page = self._pages.widget(row)
            if page is not None and page.isAncestorOf(widget):
                self._sections.setCurrentRow(row)
        widget.setFocus()

    # --- Qt ----------------------------------------------------------------------------------------------

    def accept(self) -> None:
        try:
            settings = self.read()
        except BadSetting as error:
            self._show_problem(error.name, say(error.sentence))
            return
        changes = self._settings.differences(settings)
        if changes:
            self.chosen.emit(changes)
        super().accept()


def _focus_chain(window: QWidget) -> Iterator[QWidget]:
    """What Tab comes by in a window, in order."""
    following = window.nextInFocusChain()
    while following is not None and following is not window:
        yield following
        following = following.nextInFocusChain()
