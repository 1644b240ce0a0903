"""Runs more public clients against `llmmem serve`, each in an environment of its own, and tells how it went.

`python -m tests.api.clients.more.run [--environments FOLDER] [CLIENT …]`, from the root of the tree. No part
of the tests: to install them all takes many minutes and 3 GiB. Environments in a FOLDER that is given stay
for the next time. JavaScript's clients need `node` and `npm`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.running_program import running_program

HERE = Path(__file__).resolve().parent
SMOL = HERE.parents[3] / ".models" / "smollm2-135m-instruct.gguf"
PYTHON = {
    "smolagents": ["smolagents[openai]"],
    "dspy": ["dspy[numpy]"],
    "outlines": ["outlines", "openai"],
    "llama_index": ["llama-index-llms-openai-like", "llama-index-embeddings-openai-like"],
    "haystack": ["haystack-ai"],
    "autogen": ["autogen-agentchat", "autogen-ext[openai]"],
    "semantic_kernel": ["semantic-kernel"],
}
JAVASCRIPT = {
    "ai_sdk": ["ai", "@ai-sdk/openai-compatible", "zod"],
    "langchain_js": ["@langchain/openai", "@langchain/core", "zod"],
}
INSTALL_SECONDS, FLOW_SECONDS = 1200, 600


def command_of(client: str, folder: Path) -> list[str | Path]:
    """What runs a client's flows, in an environment in the folder that is made if it is not there."""
    done = folder / "done"
    if client in JAVASCRIPT:
        if not done.exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "package.json").write_text("{}")
            subprocess.run(
                ["npm", "install", "--silent", *JAVASCRIPT[client]],
                cwd=folder,
                check=True,
                timeout=INSTALL_SECONDS,
            )
            done.touch()
        # Node looks for packages beside the script.
        return ["node", shutil.copy(HERE / "flows.mjs", folder)]
    python = folder / "bin" / "python"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, timeout=INSTALL_SECONDS)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PYTHON[client]]
        subprocess.run(install, check=True, timeout=INSTALL_SECONDS)
        done.touch()
    return [python, HERE / "flows.py"]


def outcomes_of(client: str, folder: Path, url: str, key: str, model: str) -> dict[str, str]:
    """What became of each flow of a client."""
    try:
        command = [*command_of(client, folder), client, url, key, model]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=FLOW_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return {"—": f"could not be run: {error}"}
    if ended.returncode != 0:
        return {"—": ended.stderr.strip()[-600:]}
    outcomes: dict[str, str] = json.loads(ended.stdout.splitlines()[-1])
    return outcomes


def main() -> None:
    """Run them and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", type=Path)
    parser.add_argument("clients", nargs="*", choices=[[], *PYTHON, *JAVASCRIPT])
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environments = options.environments or home / "environments"
        program = stack.enter_context(running_program(home / "home"))
        model = program.client().model_id(str(SMOL))
        for client in options.clients or [*PYTHON, *JAVASCRIPT]:
            folder = environments / client
            for flow, outcome in outcomes_of(
                client, folder, f"{program.url}/v1", program.token, model
            ).items():
                sys.stdout.write(f"{client:16} {flow:24} {outcome}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
