"""The OpenAPI document: committed, complete, and true to its own examples."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from paribus_service.api import openapi
from paribus_service.api.openapi_document import examples
from paribus_service.api.routes import document

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for item in document()["paths"].values():
        for operation in item.values():
            yield operation["operationId"], operation


OPERATIONS = dict(operations())


def examples_of(operation: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """(schema, example) of the request and of each answer that has one."""
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    for body in (*bodies, *operation["responses"].values()):
        for media in body.get("content", {}).values():
            if "example" in media:
                yield media["schema"], media["example"]


class TestDocument:
    def test_the_committed_file_is_what_the_routes_say(self) -> None:
        committed = (REFERENCE / "openapi.json").read_text(encoding="utf-8")

        assert committed == openapi.text(), "python -m paribus_service.api.openapi --write"

    def test_the_reference_page_is_what_the_routes_say(self) -> None:
        committed = (REFERENCE / "rest.md").read_text(encoding="utf-8")

        assert committed == openapi.page(), "python -m paribus_service.api.openapi --page"

    def test_it_is_served(self, api: TestClient) -> None:
        served = api.get("/openapi.json").json()

        assert served == document()
        assert served["openapi"].startswith("3.1")

    def test_every_reference_leads_somewhere(self) -> None:
        text = json.dumps(document())

        for part in text.split('"#/components/')[1:]:
            kind, _, name = part.partition('"')[0].partition("/")
            assert name in document()["components"][kind]

    def test_what_operations_take_alike_is_said_once(self) -> None:
        own = [
            json.dumps(parameter, sort_keys=True)
            for operation in OPERATIONS.values()
            for parameter in operation.get("parameters", ())
            if "$ref" not in parameter
        ]
        shared = [
            json.dumps(parameter, sort_keys=True)
            for parameter in document()["components"]["parameters"].values()
        ]

        assert len(own + shared) == len(set(own + shared))
        assert len(shared) > 20


class TestOperations:
    def test_their_ids_are_unique(self) -> None:
        ids = [name for name, _ in operations()]

        assert len(ids) == len(set(ids))

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_each_is_described_and_says_how_it_fails(self, name: str) -> None:
        operation = OPERATIONS[name]

        assert operation["description"]
        assert "422" in operation["responses"]
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert "application/problem+json" in answer["content"]
        if "security" in operation:
            assert {"401", "403"} <= set(operation["responses"])

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_each_has_an_example_that_its_schema_allows(self, name: str) -> None:
        found = list(examples_of(OPERATIONS[name]))

        assert "response" in examples()[name]
        assert found
        for schema, example in found:
            whole = {**schema, "components": document()["components"]}
            Draft202012Validator(whole).validate(example)

    def test_no_example_is_of_an_operation_that_is_gone(self) -> None:
        assert set(examples()) == set(OPERATIONS)
