"""The `llmmem` command."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence

DONE, FAILED, WRONG_USAGE, NO_PROGRAM = 0, 1, 2, 3
"""Exit codes; `argparse` ends with 2 by itself."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command line and give its exit code."""
    from llmmem_gui.cli.arguments import make_parser

    options = make_parser().parse_args(arguments)
    # What a command needs is imported only now, so that `--help` and wrong usage answer at once.
    module_name, _, function_name = options.command.partition(":")
    command = getattr(importlib.import_module(f"llmmem_gui.cli.{module_name}"), function_name)
    from llmmem_gui.cli.failures import explain

    if isinstance(sys.stdout, io.TextIOWrapper):
        # Where a locale has no place for a letter or a dash, the rest of the table is still worth reading.
        sys.stdout.reconfigure(errors="replace")
    try:
        command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output, such as `head`, has enough; Python must not fail on its own flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - told to a person, with the exit code
        code, sentence = explain(error)
        if sentence:
            print(f"llmmem: {sentence}", file=sys.stderr)
        return code
    return DONE
