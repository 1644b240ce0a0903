"""The settings in force and the file that keeps them between two runs.

No fault of the file or the disk is fatal: the settings in force live in memory, and what went wrong is told
by `problems` (found at reading) and `unsaved` (met at writing).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from pathlib import Path

from llmmem_gui.core.sentence import Sentence
from llmmem_gui.core.settings import Settings
from llmmem_gui.core.settings_text import Problem, parse, to_toml
from llmmem_gui.core.system_errors import reason_of
from llmmem_gui.service.storage.durable_file import replace_file
from llmmem_gui.service.storage.small_file import Unfit, read_small_file

log = logging.getLogger(__name__)

_MOST_BYTES = 4 * 2**20
"""A settings file is a few kilobytes; what is longer is something else."""


class SettingsFile:
    """Settings that are read once, when this is made, and written after every change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings = Settings()
        """The settings in force."""
        self.problems: tuple[Problem, ...] = ()
        """What was repaired at reading; one sentence each."""
        self.unsaved: Sentence | None = None
        """Why the settings in force are not on the disk, in one sentence; None when they are."""
        self._text = ""
        self._untouchable: Sentence | None = None
        """Why the file on the disk must stay as it is; None when it may be written."""
        self._writing = asyncio.Lock()
        self._read()

    async def save(self, settings: Settings) -> None:
        """Put settings in force at once and write them; a failure to write is told by `unsaved`."""
        self.settings = settings
        async with self._writing:
            # Of several changes that waited here, the first writes for all: the newest settings.
            await asyncio.to_thread(self._write, self.settings)

    def _read(self) -> None:
        try:
            content = read_small_file(self.path)
        except FileNotFoundError:
            return
        except OSError as error:
            sentence = Sentence(
                "Settings",
                "The settings file {path} cannot be read ({reason}): the defaults are used "
                "and changes are not saved until it is moved away.",
            ).format(path=str(self.path), reason=_reason(error))
            self._untouchable = sentence
            self._tell(Problem("damaged", "", sentence))
            return
        self._text = content.decode("utf-8", errors="surrogateescape")
        self.settings, problems = parse(self._text)
        for problem in problems:
            self._tell(problem)
            if problem.kind == "newer version":
                self._untouchable = problem.sentence
        kinds = {problem.kind for problem in problems}
        if self._untouchable is None and kinds & {"damaged", "bad value"}:
            self._keep_aside(content, instead="damaged" in kinds)

    def _keep_aside(self, content: bytes, instead: bool) -> None:
        """Keep what was read as `*.bad`, and with `instead` take it out of the way."""
        names = itertools.chain([".bad"], (f".bad-{number}" for number in itertools.count(2)))
        candidates = (self.path.with_name(self.path.name + name) for name in names)
        try:
            aside = next(each for each in candidates if not each.exists() or each.read_bytes() == content)
            replace_file(aside, content)
            if instead:
                self.path.unlink()
                self._text = ""
        except OSError as error:
            self._untouchable = Sentence(
                "Settings",
                "The settings file {path} could not be kept aside ({reason}), so it is not "
                "written over: changes are not saved until it is moved away.",
            ).format(path=str(self.path), reason=_reason(error))
            self._tell(Problem("damaged", "", self._untouchable))
            return
        sentence = Sentence("Settings", "The settings file as it was is kept as {path}.")
        self._tell(Problem("kept aside", "", sentence.format(path=str(aside))))

    def _write(self, settings: Settings) -> None:
        self.unsaved = self._untouchable
        if self.unsaved is not None:
            return
        text = to_toml(settings, self._text)
        try:
            # A link is followed: people keep their settings elsewhere and link to them.
            replace_file(Path(os.path.realpath(self.path)), text.encode("utf-8", errors="surrogateescape"))
        except OSError as error:
            self.unsaved = Sentence(
                "Settings",
                "The settings could not be saved to {path} ({reason}): they hold until "
                "the program ends; free space or make the folder writable, then change a setting again.",
            ).format(path=str(self.path), reason=_reason(error))
            log.warning("%s", self.unsaved)
            return
        self._text = text

    def _tell(self, problem: Problem) -> None:
        log.warning("%s", problem.sentence)
        self.problems += (problem,)


def _reason(error: OSError) -> Sentence:
    return error.sentence if isinstance(error, Unfit) else reason_of(error)
