"""What hosts keep of conversations, as the settings say: in memory, and on the disk between two loads."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass

from llmmem_gui.core.measurement import LoadKey
from llmmem_gui.core.protocol import Conversations
from llmmem_gui.core.settings import ConversationSettings
from llmmem_gui.core.system_errors import reason_of
from llmmem_gui.core.units import MIB
from llmmem_gui.service.storage.conversation_files import ConversationFile, ConversationFiles

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenConversations:
    """Those of one host."""

    told: Conversations
    """What the host is told of them."""
    _finish: Callable[[bool], None]

    def finish(self, *, is_whole: bool) -> None:
        """The host has ended; whether the file that it wrote is whole."""
        self._finish(is_whole)


class ConversationKeeper:
    """Goes by the settings: where conversations come from and go to, and how much of them is kept."""

    def __init__(self, files: ConversationFiles) -> None:
        self._files = files
        self._settings = ConversationSettings()

    def go_by(self, settings: ConversationSettings) -> None:
        """Take settings in; who does not want conversations on the disk has none there from now on."""
        before, self._settings = self._settings, settings
        if not settings.keep_on_disk:
            if before.keep_on_disk:
                self._files.forget_all()
        else:
            self._files.hold_to(settings.disk_mib * MIB)

    def start(self, settings: ConversationSettings) -> None:
        """Clean up after earlier runs, before there is any host."""
        self._settings = settings
        self._files.forget_unfinished()
        if not settings.keep_on_disk:
            self._files.forget_all()

    def open(self, key: LoadKey | None) -> OpenConversations:
        """The conversations of a load that is about to begin; without a key nothing is kept on the disk."""
        memory_bytes = self._settings.memory_mib * MIB
        file = None
        if key is not None and self._settings.keep_on_disk and not key.parameters.embeddings:
            try:
                file = self._files.open(key)
            except OSError as error:
                log.warning("conversations cannot be kept: %s", reason_of(error))
        if file is None:
            return OpenConversations(Conversations(memory_bytes), lambda is_whole: None)
        earlier = file.earlier
        told = Conversations(
            memory_bytes,
            None if earlier is None else os.fsencode(earlier),
            os.fsencode(file.unfinished),
            self._settings.disk_mib * MIB,
        )
        return OpenConversations(told, lambda is_whole: self._take_over(file, is_whole))

    def _take_over(self, file: ConversationFile, is_whole: bool) -> None:
        file.finish(is_whole=is_whole and self._settings.keep_on_disk)
        self._files.hold_to(self._settings.disk_mib * MIB)
