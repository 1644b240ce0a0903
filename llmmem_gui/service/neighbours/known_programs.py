"""All kinds of programs that are looked for."""

from __future__ import annotations

from llmmem_gui.service.neighbours.comfy_ui import ComfyUi
from llmmem_gui.service.neighbours.docker_model_runner import DockerModelRunner
from llmmem_gui.service.neighbours.jan import Jan
from llmmem_gui.service.neighbours.koboldcpp import KoboldCpp
from llmmem_gui.service.neighbours.lemonade import Lemonade
from llmmem_gui.service.neighbours.llama_server import LlamaServer
from llmmem_gui.service.neighbours.llama_swap import LlamaSwap
from llmmem_gui.service.neighbours.lm_studio import LmStudio
from llmmem_gui.service.neighbours.local_ai import LocalAi
from llmmem_gui.service.neighbours.ollama import Ollama
from llmmem_gui.service.neighbours.processes import Process
from llmmem_gui.service.neighbours.program import Program
from llmmem_gui.service.neighbours.text_generation_webui import TextGenerationWebui
from llmmem_gui.service.neighbours.vllm import Vllm

KNOWN_PROGRAMS: tuple[Program, ...] = (
    Ollama(),
    LlamaServer(),
    LmStudio(),
    LlamaSwap(),
    Lemonade(),
    DockerModelRunner(),
    Vllm(),
    LocalAi(),
    KoboldCpp(),
    TextGenerationWebui(),
    ComfyUi(),
    Jan(),
)


def program_of(process: Process) -> Program | None:
    """The kind of program that a process is, or None."""
    return next((program for program in KNOWN_PROGRAMS if program.recognises(process)), None)
