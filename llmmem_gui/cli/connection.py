"""The way from a command to the running program."""

from __future__ import annotations

from llmmem_gui.folders import Folders
from llmmem_gui.service.api_client import ApiClient


def connect() -> ApiClient:
    """A client of the running program. Raises `NoProgram` and `TokenError`."""
    return ApiClient.of_running_program(Folders.of_user(), "cli")
