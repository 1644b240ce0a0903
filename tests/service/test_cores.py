"""How many cores the program uses."""

from __future__ import annotations

import os
import sys

from llmmem_gui.service.hosting.cores import usable_cores


def test_cores_are_those_that_the_process_may_use() -> None:
    """On Linux those it is bound to, which may be fewer than there are; elsewhere all."""
    if sys.platform != "linux":
        assert usable_cores() == os.cpu_count()
        return
    all_of_them = os.sched_getaffinity(0)
    assert usable_cores() == len(all_of_them)
    os.sched_setaffinity(0, {min(all_of_them)})
    try:
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, all_of_them)
