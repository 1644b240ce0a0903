"""Says in a window why the program could not start: started from a menu, it has no terminal to say it in."""

from __future__ import annotations

import sys

from PySide6.QtWidgets import QApplication, QMessageBox

from llmmem_gui.core.sentence import Sentence
from llmmem_gui.ui.languages import speak
from llmmem_gui.ui.sentences import say


def show_failed_start(sentence: Sentence) -> None:
    """Show the sentence until it is closed."""
    application = QApplication.instance() or QApplication(sys.argv[:1])
    speak("system")
    box = QMessageBox(QMessageBox.Icon.Critical, "LLM Memory", say(sentence))
    box.exec()
    application.processEvents()
