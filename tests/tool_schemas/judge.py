"""Whether an answer fits its schema, by the library `jsonschema`."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import jsonschema
from jsonschema.validators import validator_for


def _exact(text: str) -> Decimal | float:
    # Binary fractions are no multiples of 0.01; of exponents Decimal takes 18 digits, JSON any number.
    try:
        return Decimal(text)
    except InvalidOperation:
        return float(text)


def fault_in(text: str, schema: Any) -> str | None:
    """What is wrong with an answer; None when it is JSON that fits, formats included."""
    try:
        value, exact = (
            json.loads(text, parse_float=_exact),
            json.loads(json.dumps(schema), parse_float=_exact),
        )
    except ValueError as error:
        return str(error)
    kind = validator_for(exact, jsonschema.Draft202012Validator)
    error = next(kind(exact, format_checker=kind.FORMAT_CHECKER).iter_errors(value), None)
    return None if error is None else f"{error.json_path}: {error.message}"
