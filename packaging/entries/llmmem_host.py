"""Entry of the frozen host program: a program of its own, so that no host ever loads Qt."""

import sys

from llmmem_gui.host import engine_trial

kind, *arguments = sys.argv[1:]
if kind == "trial":
    engine_trial.main(arguments)
elif kind == "rehearsal":
    from llmmem_gui.host import rehearsal

    rehearsal.main(arguments)
else:
    from llmmem_gui.host import __main__ as host

    host.main(sys.argv[1:])
