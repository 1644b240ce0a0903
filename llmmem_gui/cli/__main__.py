"""Runs the `llmmem` command as `python -m llmmem_gui.cli`."""

import sys

from llmmem_gui.cli import main

sys.exit(main())
