"""Entry of the frozen host program: a program of its own, so that no host ever loads Qt."""

import sys

from llmmem_gui.host.__main__ import main

main(sys.argv[1:])
