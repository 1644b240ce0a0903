"""The API holds what its own OpenAPI document promises, whatever is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.running_program import RunningProgram

UNSAFE_TO_TRY = r"/api/v1/(events|scan|settings|neighbours/unload)$"
"""An endless stream; a search of whatever folder is made up; settings that other tests rely on; and what
would have the programs of whoever runs the tests unload their models."""

CHECKS = [
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
]

few_and_the_same = settings(
    max_examples=15,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True)
def _limits_are_taken_back(program: RunningProgram) -> Iterator[None]:
    yield
    program.client().request("PUT", "/api/v1/limit", {"limit_bytes": None})


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_document_is_kept(program: RunningProgram, mode: GenerationMode) -> None:
    """No answer lies outside the document, no request that it forbids is taken, none ends in a fault."""
    headers = {"Authorization": f"Bearer {program.token}"}
    document = schemathesis.openapi.from_url(f"{program.url}/openapi.json", headers=headers)
    tried = set()
    for found in document.exclude(path_regex=UNSAFE_TO_TRY).get_all_operations():
        operation = found.ok()

        @few_and_the_same
        @given(case=operation.as_strategy(generation_mode=mode))
        def keep(case: schemathesis.Case) -> None:
            response = case.call(headers=headers)
            assert response.status_code not in (500, 501, 504), response.text
            case.validate_response(response, checks=CHECKS, headers=headers)

        try:
            keep()
        except Unsatisfiable:
            # Nothing wrong can be sent to an operation that takes nothing.
            assert mode is GenerationMode.NEGATIVE
            assert not operation.body
            assert not operation.query
        else:
            tried.add(operation.label)
    assert {"POST /v1/chat/completions", "PUT /api/v1/limit", "POST /api/v1/models/{model_id}/load"} <= tried


def test_every_operation_wants_the_token(program: RunningProgram) -> None:
    """Nothing but the bare sign of life is told to a program that does not have the token."""
    headers = {"Authorization": f"Bearer {program.token}"}
    document = schemathesis.openapi.from_url(f"{program.url}/openapi.json", headers=headers)
    for found in document.get_all_operations():
        operation = found.ok()
        path = re.sub(r"{\w+}", "x", operation.path)
        answer = schemathesis.Case(operation=operation, method=operation.method, path=path).call()
        if operation.path == "/health":
            assert answer.json() == {"status": "ok"}
        else:
            assert answer.status_code == 401, operation.label
