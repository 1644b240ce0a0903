"""Entry of the frozen window."""

import sys

from llmmem_gui.app import main

sys.exit(main())
