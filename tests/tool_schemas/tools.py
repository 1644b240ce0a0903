"""Schemas of tools: of agents that write programs, and of servers that speak MCP."""

from __future__ import annotations

from tests.tool_schemas.shapes import DRAFT_7, Schema, all_of, some_of, text

TOOLS: dict[str, Schema] = {
    # Tools of agents that write programs.
    "read a file": some_of(
        {
            "file_path": text("The absolute path of the file"),
            "offset": {"type": "number", "description": "The line to start at"},
            "limit": {"type": "number", "description": "How many lines"},
        },
        "file_path",
        additionalProperties=False,
        **{"$schema": DRAFT_7},
    ),
    "write a file": all_of({"path": text(minLength=1, maxLength=2000), "content": text()}),
    "edit a file": some_of(
        {
            "file_path": text(),
            "old_string": text("What to replace"),
            "new_string": text("With what; must differ"),
            "replace_all": {"type": "boolean", "default": False},
        },
        *("file_path", "old_string", "new_string"),
        additionalProperties=False,
    ),
    "edit at several places": all_of(
        {
            "file": text(),
            "edits": {
                "type": "array",
                "items": all_of({"find": text(maxLength=40), "replace": text(maxLength=40)}),
                "minItems": 1,
                "maxItems": 3,
            },
        }
    ),
    "run a command": some_of(
        {
            "command": text(maxLength=2000),
            "timeout": {"type": "number", "exclusiveMinimum": 0, "maximum": 600000},
            "description": text("Five to ten words"),
            "run_in_background": {"type": "boolean"},
        },
        "command",
    ),
    "find files": some_of({"pattern": text(maxLength=100), "path": text()}, "pattern"),
    "search in files": some_of(
        {
            "pattern": text("The regular expression"),
            "output_mode": {"type": "string", "enum": ["content", "files_with_matches", "count"]},
            "-A": {"type": "number"},
            "-i": {"type": "boolean"},
            "head_limit": {"type": "integer", "minimum": 0, "default": 250},
        },
        "pattern",
    ),
    "keep a list of what to do": all_of(
        {
            "todos": {
                "type": "array",
                "maxItems": 3,
                "items": all_of(
                    {
                        "content": text(minLength=1, maxLength=60),
                        "status": {"type": "string", "enum": ["pending", "in_progress", "completed"]},
                        "id": text(pattern=r"^\d+$", maxLength=4),
                    }
                ),
            }
        }
    ),
    "apply a patch": all_of({"input": text(pattern=r"^\*\*\* Begin Patch\n[\s\S]{0,80}\n\*\*\* End Patch$")}),
    "ask a person": all_of(
        {
            "questions": {
                "type": "array",
                "minItems": 1,
                "maxItems": 2,
                "items": all_of(
                    {
                        "question": text(maxLength=80),
                        "options": {
                            "type": "array",
                            "items": text(maxLength=20),
                            "minItems": 2,
                            "maxItems": 4,
                        },
                        "multiSelect": {"type": "boolean", "default": False},
                    }
                ),
            }
        }
    ),
    # Tools of servers that speak MCP.
    "fetch a page": some_of(
        {
            "url": text(format="uri", minLength=1, title="Url"),
            "max_length": {
                "type": "integer",
                "exclusiveMinimum": 0,
                "exclusiveMaximum": 1000000,
                "default": 5000,
            },
            "raw": {"type": "boolean", "default": False},
        },
        "url",
        title="Fetch",
    ),
    "what time it is": all_of({"timezone": text(pattern=r"^[A-Z][a-z]+/[A-Z][a-z_]+$", maxLength=40)}),
    "query a database": all_of(
        {
            "sql": text(maxLength=120),
            "parameters": {"type": "array", "items": {"type": ["string", "number", "null"]}, "maxItems": 3},
        }
    ),
    "create an issue": some_of(
        {
            "owner": text(pattern=r"^[a-z\d](?:[a-z\d]|-[a-z\d]){0,38}$"),
            "repo": text(pattern=r"^[\w.-]+$", maxLength=100),
            "title": text(maxLength=256),
            "labels": {"type": "array", "items": text(maxLength=50), "maxItems": 4},
            "assignees": {"type": "array", "items": text(), "maxItems": 2},
            "milestone": {"type": "number"},
        },
        *("owner", "repo", "title"),
    ),
    "remember": all_of(
        {
            "entities": {
                "type": "array",
                "maxItems": 2,
                "items": some_of(
                    {
                        "name": text("The name of the entity", maxLength=30),
                        "entityType": text(maxLength=20),
                        "observations": {"type": "array", "items": text(maxLength=40), "maxItems": 2},
                    },
                    *("name", "entityType", "observations"),
                ),
            }
        }
    ),
    "think step by step": some_of(
        {
            "thought": text(),
            "nextThoughtNeeded": {"type": "boolean"},
            "thoughtNumber": {"type": "integer", "minimum": 1},
            "totalThoughts": {"type": "integer", "minimum": 1},
            "branchId": text(),
        },
        *("thought", "nextThoughtNeeded", "thoughtNumber", "totalThoughts"),
    ),
    "click": some_of(
        {
            "ref": text(pattern="^e[0-9]{1,4}$"),
            "button": {"enum": ["left", "right", "middle"], "default": "left"},
            "modifiers": {
                "type": "array",
                "items": {"enum": ["Alt", "Control", "Meta", "Shift"]},
                "maxItems": 2,
            },
        },
        "ref",
    ),
    "set the window's size": all_of(
        {
            "width": {"type": "integer", "minimum": 1, "maximum": 7680},
            "height": {"type": "integer", "minimum": 1, "maximum": 4320},
        }
    ),
    "send a message": some_of(
        {
            "channel": text(pattern="^[CDG][A-Z0-9]{8,10}$"),
            "text": text(maxLength=100),
            "thread_ts": text(pattern=r"^\d{10}\.\d{6}$"),
        },
        "channel",
        "text",
    ),
    "no arguments": {"type": "object", "properties": {}, "additionalProperties": False},
}
