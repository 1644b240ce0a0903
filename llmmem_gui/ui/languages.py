"""The language of the window: translations of the program and of Qt, and how numbers are written."""

from __future__ import annotations

import logging

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from llmmem_gui import resources

log = logging.getLogger(__name__)

LANGUAGES = {"en": "English", "pt_BR": "Português (Brasil)"}
"""Languages offered, by their code, each in its own words."""

_installed: list[QTranslator] = []


def speak(language: str) -> str:
    """Put a language of `LANGUAGES`, or `system`, in force; the code of the language that is spoken now.

    Every widget gets a LanguageChange event. A language without its compiled file falls back to English.
    """
    system = QLocale.system()
    code = _nearest(system) if language == "system" else language
    locale = system if language == "system" else QLocale("en_US" if code == "en" else code)
    QLocale.setDefault(locale)
    application = QCoreApplication.instance()
    assert application is not None
    while _installed:
        old = _installed.pop()
        application.removeTranslator(old)
        old.deleteLater()
    folder = str(resources.folder() / "translations")
    qt_folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    for name, place in ((f"qtbase_{code}", qt_folder), (f"llmmem_{code}", folder)):
        translator = QTranslator(application)
        if translator.load(name, place):
            application.installTranslator(translator)
            _installed.append(translator)
        elif name.startswith("llmmem"):
            log.warning("the translation %s is not in %s", name, place)
    return code


def _nearest(locale: QLocale) -> str:
    return "pt_BR" if locale.language() == QLocale.Language.Portuguese else "en"
