"""Writes down what `transformers` makes of chats by the templates of well-known models.

Run once in an environment that has transformers beside what the tests need, with the archive of the bindings
in `build/bindings`: `python -m tests.host.make_expected_renderings`. Where transformers fails, it is noted
what the program does instead.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import jinja2
import transformers
from transformers.utils import chat_template_utils

from llmmem_gui.core.sentence import SentenceError
from llmmem_gui.host import templates
from llmmem_gui.host.chat_writing import write_by
from llmmem_gui.host.process import private_virtual_bytes
from tests.host.template_chats import CHATS, RENDERINGS, SPECIAL_TOKENS, FrozenTime, digest, made_templates


def main() -> None:
    """Write the file."""
    found = made_templates()
    assert found is not None, "the archive of the bindings is fetched by packaging/set_up.py in a fresh clone"
    chat_template_utils.datetime = templates.datetime = FrozenTime
    renderings = {
        name: {chat: _entry(source, arguments) for chat, arguments in CHATS.items()}
        for name, source in sorted(found.items())
    }
    versions = {"transformers": transformers.__version__, "jinja2": jinja2.__version__}
    content = {"made with": versions, "templates": renderings}
    RENDERINGS.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _entry(source: str, arguments: dict[str, Any]) -> str:
    rendered = _rendered(source, arguments)
    if rendered is not None:
        return digest(rendered)
    try:
        template = templates.ChatTemplate(source, SPECIAL_TOKENS, private_virtual_bytes)
        return f"in another form: {digest(write_by(template, arguments))}"
    except SentenceError as error:
        return f"refused: {error}"


def _rendered(source: str, arguments: dict[str, Any]) -> str | None:
    """What transformers writes; None where it fails, whether calls are given as objects or as text."""
    continues = arguments.get("continues", False)
    for as_objects in (True, False):
        messages = copy.deepcopy(arguments["messages"])
        for call in (call for message in messages for call in message.get("tool_calls", ())):
            if as_objects:
                call["function"]["arguments"] = json.loads(call["function"]["arguments"])
        try:
            (text,), _ = chat_template_utils.render_jinja_template(
                [messages],
                tools=arguments.get("tools"),
                chat_template=source,
                add_generation_prompt=not continues,
                continue_final_message=continues,
                **{"documents": None, **SPECIAL_TOKENS, **arguments.get("template_arguments", {})},
            )
            return str(text)
        except Exception:  # noqa: BLE001 - a template can fail in any way
            continue
    return None


if __name__ == "__main__":
    main()
