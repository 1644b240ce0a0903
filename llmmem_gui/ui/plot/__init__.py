"""The plot, made of pyqtgraph; the only package that imports it.

Importing pyqtgraph costs 31 MiB, so this package is imported when the plot is first seen and not before.
"""

import os

# pyqtgraph would take the first binding of Qt that it finds on the system.
os.environ["PYQTGRAPH_QT_LIB"] = "PySide6"
