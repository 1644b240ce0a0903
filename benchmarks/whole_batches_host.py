"""The host program, but reading prompts in whole batches, however long one takes.

A host that reads in small steps, on a slow or busy machine, touches less of its buffers. A forecast is of
the most that a load takes, so the truth beside it must not depend on the machine's speed.
"""

from __future__ import annotations

import sys
from pathlib import Path

WHOLE_BATCHES_HOST = [sys.executable, "-I", __file__]
"""Its command line without arguments."""

if __name__ == "__main__":
    # Hosts are run by an isolated interpreter, which does not know where the packages lie.
    sys.path.append(str(Path(__file__).resolve().parents[1]))

    from llmmem_gui.host import loop
    from llmmem_gui.host.__main__ import main

    loop.FEWEST_TOKENS_READ_ALONE = sys.maxsize
    main(sys.argv[1:])
