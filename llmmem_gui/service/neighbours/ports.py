"""Which ports a process or a user listens on, where they can be reached over the loopback interface."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_LISTENS = "0A"
_HOSTS = {
    "00000000": "127.0.0.1",
    "00000000000000000000000000000000": "::1",
    "00000000000000000000000001000000": "::1",
    "0000000000000000FFFF00000100007F": "127.0.0.1",
}
"""What to connect to for an address in `/proc/net`: any, and the loopback one, of both protocols."""


class Place(NamedTuple):
    """An address on the loopback interface."""

    host: str
    port: int


class _Socket(NamedTuple):
    place: Place
    user: int


class ListeningPorts:
    """The listening sockets of this machine, by the number that tells whose they are."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._sockets: Mapping[str, _Socket] = {}

    def look(self) -> None:
        """Read which sockets listen now."""
        sockets: dict[str, _Socket] = {}
        for name in ("tcp6", "tcp"):
            with contextlib.suppress(OSError):
                lines = (self._proc / "net" / name).read_text().splitlines()[1:]
                for fields in map(str.split, lines):
                    if len(fields) > 9 and fields[3] == _LISTENS and (place := _place(fields[1])):
                        sockets[f"socket:[{fields[9]}]"] = _Socket(place, int(fields[7]))
        self._sockets = sockets

    def of(self, pid: int) -> list[Place] | None:
        """Where that very process listens; None: that is not told to this user."""
        found: set[Place] = set()
        folder = self._proc / str(pid) / "fd"
        try:
            names = os.listdir(folder)
        except PermissionError:
            return None
        except OSError:
            return []
        for name in names:
            with contextlib.suppress(OSError):
                socket = self._sockets.get(os.readlink(folder / name))
                if socket is not None:
                    found.add(socket.place)
        return sorted(found, key=lambda place: (place.port, place.host))

    def of_user(self, user: int, port: int) -> list[Place]:
        """Where any process of that user listens on that port."""
        sockets = self._sockets.values()
        return sorted({place for place, owner in sockets if owner == user and place.port == port})


def _place(address: str) -> Place | None:
    """Where to connect to reach a socket that listens at this address; None: only from elsewhere."""
    host, _, port = address.partition(":")
    if len(host) == 8 and host.endswith("7F"):  # any of 127.0.0.0/8, its bytes the other way round
        quads = [str(int(host[at : at + 2], 16)) for at in (6, 4, 2, 0)]
        return Place(".".join(quads), int(port, 16))
    reached = _HOSTS.get(host)
    return None if reached is None else Place(reached, int(port, 16))
