"""The picture of a GPU's memory: the real window with models on the GPU in software that Mesa has."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from llmmem_gui.folders import Folders  # noqa: E402 - of this tree, whatever is installed
from tests.broken_engines import copied  # noqa: E402

ENGINE = "vulkan"
SETTINGS = f"""
[loading]
engine = "{ENGINE}"
gpu_layers = 99
[library]
search_known_folders = false
[api]
port = 0
"""


def take_gpu_picture(file: Path, models: tuple[Path, ...]) -> str:
    """Save the picture with these models on the GPU; what was done, or why nothing could be."""
    with tempfile.TemporaryDirectory() as home:
        # llama.cpp leaves devices out that are processors, unless it is told which to take.
        environment = {**os.environ, "LLMMEM_HOME": home, "GGML_VK_VISIBLE_DEVICES": "0"}
        folders = Folders.of_user(environment)
        folders.create()
        for model in models:
            (folders.models / model.name).symlink_to(model)
        copied(folders.data / "engines" / ENGINE, ENGINE)
        folders.settings_file.write_text(SETTINGS)
        programs = Path(sys.executable).parent
        trial = [programs / "llmmem", "engine", "test", ENGINE]
        told = subprocess.run(trial, env=environment, capture_output=True, text=True, check=True)
        if "llvmpipe" not in told.stdout:
            return f"{file.name} not taken: there is no GPU in software (mesa-vulkan-drivers)"
        window = [programs / "llmmem-gui", "--screenshot", file, "--size", "1366x768", "--seconds", "40"]
        loads = [word for model in models for word in ("--load", model.stem)]
        subprocess.run([*window, *loads], env=environment, check=True)
    return f"took {file.name}"
