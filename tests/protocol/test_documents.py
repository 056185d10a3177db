"""Every document that a client ships and that is in scope can be answered by our schema.

The client's own texts are the test: those of the Python package, and those in the string table of
its Go binary. What a new release asks for and we lack is named here, before users meet it.
"""

import re
from pathlib import Path

import pytest
import wandb
from graphql import GraphQLError, parse, validate

from paribus_service.wandb_backend.graphql import graphql_server

_SITES = {
    "newest": Path(wandb.__file__).parents[1],
    **{
        path.parents[2].name: path
        for path in Path(__file__).parents[2].glob(".venv-wandb-*/lib/*/site-packages")
    },
}
# Launch's queues, teams, invitations, reports and automations are not offered (PROTOCOL 18).
_OUT_OF_SCOPE = re.compile(
    r"RunQueue|DefaultResourceConfig|Invite|ServiceAccount|Team$|UserFromAdmin|Integration|Org"
    r"|deleteProject|renameProject|Automation|Trigger|Launch|Job|Report|View$|Registr|Sso|Webhook|Slack|ApiKey|PushToRunQueue"
)
_LONGEST = 60_000  # bytes of one document


def documents(site: Path) -> dict[str, str]:
    """Operation → text, of one installed client."""
    found = {}
    for module in (site / "wandb").rglob("_generated/operations.py"):
        for text in re.findall(r'= """(.*?)"""', module.read_text(), re.DOTALL):
            named = re.search(r"(?:query|mutation) (\w+)", text)
            if named and "automations" not in module.parts:
                found[named.group(1)] = text
    return found | _in_binary(site / "wandb/bin/wandb-core")


def _in_binary(path: Path) -> dict[str, str]:
    content, found = path.read_bytes(), {}
    for start in re.finditer(rb"\n(?:query|mutation) (\w+) ?[({]", content):
        end = _end_of_block(content, start.end() - 1)
        while end and re.match(rb"\s*fragment \w+ on \w+ ", content[end : end + 200]):
            end = _end_of_block(content, end)
        if end:
            found[start.group(1).decode()] = content[start.start() : end].decode()
    return found


def _end_of_block(content: bytes, start: int) -> int | None:
    """Where the braces that open next are closed."""
    depth = 0
    for i in range(content.find(b"{", start), start + _LONGEST):
        depth += {ord("{"): 1, ord("}"): -1}.get(content[i], 0)
        if depth == 0:
            return i + 1
        if content[i] > 126 or content[i] < 9:
            return None
    return None


class TestDocuments:
    @pytest.mark.parametrize("client", sorted(_SITES))
    def test_each_in_scope_is_valid(self, client: str) -> None:
        found = documents(_SITES[client])
        schema, refused = graphql_server().schema, {}

        for name, text in found.items():
            if _OUT_OF_SCOPE.search(name):
                continue
            try:
                problems = validate(schema, parse(text))
            except GraphQLError as error:
                problems = [error]
            if problems:
                refused[name] = problems[0].message

        assert len(found) > 60
        assert {"UpsertBucket", "RunResumeStatus", "CreateRunFiles"} <= set(found)
        assert refused == {}
