"""Memory without use, in a process with the real libraries of the window."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PROGRAM = """
import json, threading
import numpy
from PySide6.QtCore import QRegularExpression
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication, QLabel
from llmmem_gui.unused_memory import give_back_unused

def mapped_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssFile"))

def work():
    image = QImage(64, 64, QImage.Format.Format_RGB32)
    image.fill(0x204060)
    painter = QPainter(image)
    painter.drawText(4, 40, "Text")
    painter.end()
    found = QRegularExpression("(b+)").match("abbbc").captured(1)
    values = numpy.linalg.inv(numpy.array([[2.0, 1.0], [1.0, 3.0]]))
    pixels = image.constBits().tobytes().hex()
    return [found, pixels, values.round(6).tolist(), QLabel("text").sizeHint().width()]

application = QApplication(["test"])
first = work()
before = mapped_bytes()
give_back_unused()
after = mapped_bytes()
again = work()

others_wrong = []
stop = threading.Event()
def compute():
    matrix = numpy.arange(10_000.0).reshape(100, 100) % 7
    expected = (matrix @ matrix).sum()
    while not stop.is_set():
        if (matrix @ matrix).sum() != expected:
            others_wrong.append(True)
threads = [threading.Thread(target=compute) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in range(50):
    give_back_unused()
stop.set()
for thread in threads:
    thread.join()
print(json.dumps([before, after, first == again == work(), others_wrong]))
"""


def test_library_pages_are_given_back_and_come_back() -> None:
    """More than half of the mapped pages go; everything works as before, also what computes meanwhile."""
    command = [sys.executable, "-c", PROGRAM]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after, same, others_wrong = json.loads(result.stdout)
    assert after < before / 2
    assert same
    assert others_wrong == []
