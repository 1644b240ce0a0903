"""`llmmem ask`."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

from llmmem_gui.cli.connection import connect
from llmmem_gui.cli.output import harmless, write_json
from llmmem_gui.cli.shown_images import shown
from llmmem_gui.service.api_client import model_path
from llmmem_gui.service.asking import Question
from llmmem_gui.service.http.control_records import ModelStatus


def ask(options: Namespace) -> None:
    """Ask a model; the answer comes piece by piece, or whole with `--json`."""
    client = connect()
    prompt = sys.stdin.read() if options.prompt == "-" else options.prompt
    messages: list[dict[str, Any]] = []
    if options.system:
        messages.append({"role": "system", "content": options.system})
    messages.append({"role": "user", "content": shown(prompt, options.image)})
    wanted = {"max_tokens": options.max_tokens, "temperature": options.temperature}
    model_id = client.model_id(options.model)
    if not client.request("GET", model_path(model_id), gives=ModelStatus).has_chat_template:
        _note(
            f"The file of {model_id} brings no chat template: the model may have been made to continue texts."
        )
    question = Question(client, model_id, messages, wanted)
    if options.json:
        write_json(question.whole())
        return
    _write(question)
    if question.reply is not None and not question.reply.text.strip():
        _note(f"{model_id} gave an empty answer.")


def _write(question: Question) -> None:
    begun = False
    try:
        for piece in question:
            begun = True
            sys.stdout.write(harmless(piece) if sys.stdout.isatty() else piece)
            sys.stdout.flush()
    finally:
        # What tells why an answer was cut off begins on a line of its own.
        if begun:
            sys.stdout.write("\n")


def _note(sentence: str) -> None:
    print(f"llmmem: {sentence}", file=sys.stderr)
