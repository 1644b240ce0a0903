"""Arguments of calls as they are written, told before the call is complete.

Only where a call begins so that it cannot be anything else: its name is that of a tool that was offered, and
its arguments have begun as an object. What has been told is never taken back.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

_MEMBER = r'"(?:id|type|index|call_id|tool_call_id)"\s*:\s*(?:"[^"\\]*"|\w+)\s*,\s*'
_LATER_MEMBER = r'\s*,\s*"\w+"\s*:\s*(?:"[^"\\]*"|[\w.]+)'


class Writing(NamedTuple):
    """What a family writes around the arguments of calls, where these are an object in JSON."""

    before: str
    """A regular expression for what ends before the object, with the `name` of the tool."""
    after: str
    """One for what may stand after the object and before the next call."""

    def begun(self, text: str, *, follows_call: bool) -> re.Match[str] | None:
        """The beginning of a call up to its arguments, at the beginning of a text that may lack its end."""
        return re.match((self.after if follows_call else "") + self.before, text)

    def without_end(self, text: str) -> str:
        """What stands after a call, without what belongs to the form of calls."""
        found = re.match(self.after, text)
        left = text[len(found[0].rstrip()) :] if found else text
        return left if left.strip() else ""


JSON_WRITING = Writing(
    rf'[\s\[]*\{{\s*(?:{_MEMBER})*"(?:name|tool_name|function_name|function|tool)"\s*:\s*"(?P<name>[^"\\]+)"'
    rf'\s*,\s*(?:{_MEMBER})*"(?:arguments|parameters|args|input|kwargs)"\s*:\s*(?=\{{)',
    rf"(?:{_LATER_MEMBER})*\s*\}}?[\s,;\]]*",
)
NAMED_BEFORE = (
    r"\s*(?:<\|tool_call_begin\|>|<｜tool▁call▁begin｜>|<\|tool_call:begin\|>\w*<\|tool_call:name\|>|>>>)?"
    r"(?:function<｜tool▁sep｜>)?\s*(?:functions\.)?(?P<name>[\w.-]+?)(?::\d+)?"
    r"(?:\s*<\|tool_call_argument_begin\|>|<｜tool▁sep｜>|<\|tool_call:args\|>"
    r"|\[CALL_ID\]\w+|\[ARGS\]|\s*```json|\s)*"
)
"""The name before the object, with what models write around it: `functions.`, `:0`, an id, a fence."""
NAMED_AFTER = r"(?:\s|```|<\|tool_call_end\|>|<｜tool▁call▁end｜>|<\|tool_call:end\|>|;)*"
NAMED_WRITING = Writing(NAMED_BEFORE + r"(?=\{)", NAMED_AFTER)
FUNCTION_WRITING = Writing(r"<function(?:=| name=)[\"']?(?P<name>[\w.-]+)[\"']?\s*>\s*(?=\{)", r"\s*")

_IN_TEXT = re.compile(r'[^"\\\x00-\x1f]*')
_OUTSIDE = re.compile(r"[\s\w,:.+-]*")


class WrittenObject:
    """Takes an object in JSON in as it is written, and gives it as JSON allows it.

    Models write line breaks in texts as they are, and escape what must not be: that is mended.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._in_text = False
        self._escapes = False

    def take(self, text: str) -> tuple[str, str | None]:
        """Take the next part in: gives what of it belongs to the object, and what follows its end.

        None as long as it goes on. It also ends with what can stand in no JSON.
        """
        told: list[str] = []
        place = 0
        while place < len(text):
            if not self._escapes:
                plain = (_IN_TEXT if self._in_text else _OUTSIDE).match(text, place)
                assert plain is not None
                told.append(plain[0])
                place = plain.end()
                if place == len(text):
                    break
            letter = text[place]
            if not self._in_text and letter not in '"{}[]':
                return "".join(told), text[place:]
            place += 1
            told.append(self._taken(letter))
            if self._depth == 0:
                return "".join(told), text[place:]
        return "".join(told), None

    def _taken(self, letter: str) -> str:
        if self._escapes:
            self._escapes = False
            if letter in '"\\/bfnrtu':
                return "\\" + letter
            return letter if letter == "'" else "\\\\" + json.dumps(letter, ensure_ascii=False)[1:-1]
        if self._in_text:
            self._in_text = letter != '"'
            self._escapes = letter == "\\"
            return "" if self._escapes else letter if letter == '"' else json.dumps(letter)[1:-1]
        self._in_text = letter == '"'
        self._depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(letter, 0)
        return letter
