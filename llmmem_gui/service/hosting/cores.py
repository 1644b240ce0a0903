"""How many processor cores this program may use."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Cores that the system lets this process use; where it binds processes to none, all there are."""
    bound_to = getattr(os, "sched_getaffinity", None)
    return len(bound_to(0)) if bound_to is not None else os.cpu_count() or 1
