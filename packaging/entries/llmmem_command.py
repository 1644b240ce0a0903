"""Entry of the frozen command line."""

import sys

from llmmem_gui.cli import main

sys.exit(main())
