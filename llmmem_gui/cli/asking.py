"""`llmmem ask`."""

from __future__ import annotations

import sys
from argparse import Namespace

from llmmem_gui.cli.connection import connect
from llmmem_gui.cli.output import harmless, write_json
from llmmem_gui.service.asking import Question


def ask(options: Namespace) -> None:
    """Ask a model; the answer comes piece by piece, or whole with `--json`."""
    client = connect()
    prompt = sys.stdin.read() if options.prompt == "-" else options.prompt
    messages = [{"role": "system", "content": options.system}] if options.system else []
    messages.append({"role": "user", "content": prompt})
    wanted = {"max_tokens": options.max_tokens, "temperature": options.temperature}
    question = Question(client, client.model_id(options.model), messages, wanted)
    if options.json:
        write_json(question.whole())
        return
    for piece in question:
        sys.stdout.write(harmless(piece) if sys.stdout.isatty() else piece)
        sys.stdout.flush()
    sys.stdout.write("\n")
