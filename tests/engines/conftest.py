"""The GPU in software, tried once for all tests that need it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llmmem_gui.core.engines import EngineReport
from tests.engines.software_gpu import prebuilt, report_of_software


@pytest.fixture(scope="package")
def gpu_report() -> Iterator[EngineReport]:
    """What the engine shows on the software device; skips where there is none."""
    engine = prebuilt()
    if engine is None:
        pytest.skip("the prebuilt engine is not installed: it has the module for Vulkan")
    with pytest.MonkeyPatch.context() as patch:
        # Otherwise llama.cpp leaves devices out that are processors.
        patch.setenv("GGML_VK_VISIBLE_DEVICES", "0")
        yield report_of_software(engine)
