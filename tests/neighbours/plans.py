"""What each of the programs is called and answers, as its sources say, with one model of 16 MiB loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.other_programs import Answer, Plan, model_file


@dataclass(frozen=True)
class Case:
    """A program with a model, what is to be seen of it, and what it has to be told."""

    program: str
    plan: Plan
    model: str
    unload: str
    """Method and path of what it is told; empty: it cannot be told."""
    body: Any = None
    all_at_once: bool = False
    claimed: int | None = None
    doing: str = "idle"


def cases(folder: Path) -> dict[str, Case]:
    """All of them, by a short name; model files are made in the folder."""
    model = str(model_file(folder / "models" / "tiny.gguf", 16))
    blob = str(model_file(folder / "blobs" / "sha256-6a0746a1ec1a", 16))
    runner = _holding("llama-server", "--model", model)
    return {
        "ollama": Case(
            "Ollama",
            Plan(
                ("ollama", "serve"),
                {
                    "GET /api/ps": {
                        "models": [
                            {
                                "name": "llama3.2:latest",
                                "model": "llama3.2:latest",
                                "size": 3_000_000,
                                "digest": "a80c4f17acd5",
                                "details": {"format": "gguf", "family": "llama"},
                                "expires_at": "2026-11-29T10:00:00.5-03:00",
                                "size_vram": 0,
                                "context_length": 4096,
                            }
                        ]
                    },
                    "POST /api/generate": {
                        "model": "llama3.2",
                        "created_at": "2026-11-29T10:00:00Z",
                        "response": "",
                        "done": True,
                        "done_reason": "unload",
                    },
                },
                unloads=["POST /api/generate"],
                after={"GET /api/ps": {"models": []}},
                runners=[_holding("ollama", "runner", "--model", blob)],
            ),
            "llama3.2:latest",
            "POST /api/generate",
            {"model": "llama3.2:latest", "keep_alive": 0},
            claimed=3_000_000,
        ),
        "llama-server": Case(
            "llama-server",
            Plan(
                ("llama-server", "--model", model, "--hold", "8"),
                {
                    "GET /props": {
                        "default_generation_settings": {"n_ctx": 4096},
                        "total_slots": 4,
                        "model_alias": "tiny",
                        "model_path": model,
                        "is_sleeping": False,
                    }
                },
            ),
            "tiny",
            "",
        ),
        "router": Case(
            "llama-server",
            Plan(
                ("llama-server", "--models-dir", str(folder), "--api-key", "their-own"),
                {
                    "GET /props": {"role": "router", "max_instances": 4, "models_autoload": True},
                    "GET /models": {
                        "data": [
                            {
                                "id": "tiny",
                                "object": "model",
                                "status": {"value": "loaded", "args": ["llama-server", "--model", model]},
                            },
                            {"id": "other", "object": "model", "status": {"value": "unloaded"}},
                        ],
                        "object": "list",
                    },
                    "POST /models/unload": {"success": True},
                },
                unloads=["POST /models/unload"],
                after={"GET /models": {"data": [{"id": "tiny", "status": {"value": "unloaded"}}]}},
                runners=[runner],
            ),
            "tiny",
            "POST /models/unload",
            {"model": "tiny"},
        ),
        "jan": Case(
            "Jan",
            Plan(("Jan",), runners=[_jans_router(folder, model)], listens=False),
            "tiny",
            "",
        ),
        "lm-studio": Case(
            "LM Studio",
            Plan(
                ("llmster",),
                {
                    "GET /api/v1/models": {
                        "models": [
                            {
                                "type": "llm",
                                "key": "qwen/tiny",
                                "display_name": "Tiny",
                                "size_bytes": 16_777_216,
                                "loaded_instances": [{"id": "qwen/tiny:2", "config": {}}],
                            },
                            {"type": "llm", "key": "other", "loaded_instances": []},
                        ]
                    },
                    "POST /api/v1/models/unload": {"instance_id": "qwen/tiny:2"},
                },
                unloads=["POST /api/v1/models/unload"],
                after={"GET /api/v1/models": {"models": []}},
                runners=[_holding("node", "llmworker.js", "--model", model)],
            ),
            "Tiny",
            "POST /api/v1/models/unload",
            {"instance_id": "qwen/tiny:2"},
            claimed=16_777_216,
        ),
        "llama-swap": Case(
            "llama-swap",
            Plan(
                ("llama-swap", "--config", "config.yaml"),
                {
                    "GET /running": {
                        "running": [
                            {
                                "model": "org/tiny",
                                "state": "ready",
                                "cmd": f"llama-server --port 5801 -m {model}",
                                "proxy": "http://localhost:5801",
                                "ttl": 0,
                                "name": "",
                                "description": "",
                            }
                        ]
                    },
                    "POST /api/models/unload/org%2Ftiny": Answer(raw="OK"),
                },
                unloads=["POST /api/models/unload/org%2Ftiny"],
                after={"GET /running": {"running": []}},
                runners=[runner],
            ),
            "org/tiny",
            "POST /api/models/unload/org%2Ftiny",
            {},
        ),
        "lemonade": Case(
            "Lemonade",
            Plan(
                ("lemond",),
                {
                    "GET /v1/health": {
                        "status": "ok",
                        "model_loaded": "Tiny-GGUF",
                        "all_models_loaded": [
                            {
                                "model_name": "Tiny-GGUF",
                                "checkpoint": "org/tiny",
                                "last_use": 1_700_000_000.0,
                                "type": "llm",
                                "device": "cpu",
                                "backend_url": "http://127.0.0.1:8001/v1",
                                "is_busy": True,
                                "pinned": False,
                            }
                        ],
                    },
                    "POST /v1/unload": {"status": "success"},
                },
                unloads=["POST /v1/unload"],
                after={"GET /v1/health": {"status": "ok", "all_models_loaded": []}},
                runners=[runner],
            ),
            "Tiny-GGUF",
            "POST /v1/unload",
            {"model_name": "Tiny-GGUF"},
            doing="busy",
        ),
        "docker": Case(
            "Docker Model Runner",
            Plan(
                ("model-runner",),
                {
                    "GET /engines/ps": [
                        {
                            "backend_name": "llama.cpp",
                            "model_name": "ai/tiny:latest",
                            "mode": "completion",
                            "last_used": "2026-11-28T10:00:00Z",
                            "in_use": False,
                            "loading": False,
                        }
                    ],
                    "POST /engines/unload": {"unloaded_runners": 1},
                },
                unloads=["POST /engines/unload"],
                after={"GET /engines/ps": []},
                runners=[_holding("com.docker.llama-server", "--model", model)],
            ),
            "ai/tiny:latest",
            "POST /engines/unload",
            {"backend": "llama.cpp", "models": ["ai/tiny:latest"]},
        ),
        "vllm": Case(
            "vLLM",
            Plan(
                ("vllm", "serve", "org/tiny", "--hold", "8"),
                {
                    "GET /v1/models": {
                        "object": "list",
                        "data": [{"id": "org/tiny", "object": "model", "root": "org/tiny", "parent": None}],
                    },
                    "GET /is_sleeping": {"is_sleeping": False},
                    "POST /sleep?level=1": Answer(raw=""),
                },
                unloads=["POST /sleep?level=1"],
                after={"GET /is_sleeping": {"is_sleeping": True}},
            ),
            "org/tiny",
            "POST /sleep?level=1",
            {},
            all_at_once=True,
        ),
        "local-ai": Case(
            "LocalAI",
            Plan(
                ("local-ai", "run"),
                {
                    "GET /system": {"backends": ["llama-cpp"], "loaded_models": [{"id": "tiny"}]},
                    "POST /backend/shutdown": {"message": "model stopped"},
                },
                unloads=["POST /backend/shutdown"],
                after={"GET /system": {"backends": ["llama-cpp"], "loaded_models": None}},
                runners=[_holding("llama-cpp-avx2", "--model", model)],
            ),
            "tiny",
            "POST /backend/shutdown",
            {"model": "tiny"},
        ),
        "koboldcpp": Case(
            "KoboldCpp",
            Plan(
                ("koboldcpp-linux-x64", "--model", model, "--hold", "8", "--admin"),
                {
                    "GET /api/v1/model": {"result": "koboldcpp/tiny"},
                    "GET /api/extra/perf": {"last_process": 0, "idle": 1, "queue": 0, "uptime": 5.0},
                    "GET /api/admin/list_options": ["unload_model", "other.kcpps"],
                    "POST /api/admin/reload_config": {"success": True},
                },
                unloads=["POST /api/admin/reload_config"],
                after={"GET /api/v1/model": {"result": "inactive"}},
            ),
            "tiny",
            "POST /api/admin/reload_config",
            {"filename": "unload_model"},
            all_at_once=True,
        ),
        "text-generation-webui": Case(
            "text-generation-webui",
            Plan(
                ("text-generation-webui/server.py", "--api", "--hold", "8"),
                {
                    "GET /v1/internal/model/info": {
                        "model_name": "tiny.gguf",
                        "lora_names": [],
                        "loader": "llama.cpp",
                    },
                    "POST /v1/internal/model/unload": "OK",
                },
                unloads=["POST /v1/internal/model/unload"],
                after={"GET /v1/internal/model/info": {"model_name": "None", "lora_names": []}},
            ),
            "tiny.gguf",
            "POST /v1/internal/model/unload",
            {},
            all_at_once=True,
        ),
        "comfyui": Case(
            "ComfyUI",
            Plan(
                ("ComfyUI/main.py", "--hold", "8"),
                {
                    "GET /system_stats": {
                        "system": {"os": "posix", "ram_total": 1},
                        "devices": [{"name": "cuda:0", "vram_total": 9, "torch_vram_total": 4_000_000}],
                    },
                    "GET /queue": {"queue_running": [[0, "id", {}, {}, []]], "queue_pending": []},
                    "POST /free": Answer(raw=""),
                },
                unloads=["POST /free"],
                after={
                    "GET /system_stats": {"system": {}, "devices": [{"torch_vram_total": 0}]},
                    "GET /queue": {"queue_running": [], "queue_pending": []},
                },
            ),
            "models",
            "POST /free",
            {"unload_models": True, "free_memory": True},
            all_at_once=True,
            claimed=4_000_000,
            doing="busy",
        ),
    }


def _holding(*command: str) -> Plan:
    """A process that holds a model and 8 MiB of its own."""
    return Plan((*command, "--hold", "8"), listens=False)


def _jans_router(folder: Path, model: str) -> Plan:
    return Plan(
        ("llama-server", "--models-dir", str(folder)),
        {
            "GET /props": {"role": "router"},
            "GET /models": {"data": [{"id": "tiny", "status": {"value": "loaded", "args": ["-m", model]}}]},
        },
        runners=[_holding("llama-server", "--model", model)],
    )
