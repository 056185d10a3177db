"""Every document on artifacts that a client ships is one that our schema can answer.

The client's own list is the test: a new release that asks for something else is named here, before
users meet it (PROTOCOL 19).
"""

import re
from importlib import resources
from pathlib import Path

import pytest
import wandb
from graphql import GraphQLSchema, build_schema, parse, validate

_OURS = Path(__file__).parents[2]
_OPERATIONS = "wandb/sdk/artifacts/_generated/operations.py"
_NOT_OFFERED = re.compile(r"REGISTR|ORGANIZATION|ORG_INFO|MEMBERS|ROLE")  # W&B's registries
_SITES = [Path(wandb.__file__).parents[1], *_OURS.glob(".venv-wandb-*/lib/*/site-packages")]


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    package = resources.files("paribus_service.wandb_backend")
    return build_schema(package.joinpath("schema.graphql").read_text("utf-8"))


@pytest.mark.parametrize("client", _SITES, ids=lambda path: path.parents[2].name)
def test_every_document_on_artifacts_is_valid(schema: GraphQLSchema, client: Path) -> None:
    source = (client / _OPERATIONS).read_text()
    documents = dict(re.findall(r'^(\w+_GQL) = """(.*?)"""', source, re.DOTALL | re.MULTILINE))
    offered = {name: text for name, text in documents.items() if not _NOT_OFFERED.search(name)}

    problems = {
        name: [error.message for error in errors]
        for name, text in offered.items()
        if (errors := validate(schema, parse(text)))
    }

    assert len(offered) > 20
    assert problems == {}
