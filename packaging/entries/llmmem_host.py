"""Entry of the frozen host program: a program of its own, so that no host ever loads Qt."""

import sys

from llmmem_gui.host import __main__ as host
from llmmem_gui.host import rehearsal

if sys.argv[1:] == ["rehearsal"]:
    rehearsal.main()
else:
    host.main(sys.argv[1:])
