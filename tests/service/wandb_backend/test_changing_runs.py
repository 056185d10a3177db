"""What W&B's public API changes of a run that has ended, and what it leaves."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from paribus_service.app import create_app
from paribus_service.orchestration.keys import create_key
from tests.factories import Lab
from tests.service.api.conftest import settings_of

UPSERT = """mutation($i: UpsertBucketInput!) { upsertBucket(input: $i) {
  bucket { id state config summaryMetrics tags notes displayName heartbeatAt user { username } }
} }"""


class Server:
    """A service that asks for keys, and people with one each."""

    def __init__(self, lab: Lab, http: TestClient) -> None:
        self.lab, self.http = lab, http

    def upsert(self, who: str, **given: Any) -> dict[str, Any]:
        with self.lab.writing() as session:
            now = self.lab.clock.now()
            key = create_key(session, name=who, entity="lab", scopes=["agent"], now=now)
            secret = key.secret
        body = {"query": UPSERT, "variables": {"i": given}}
        answer = self.http.post("/graphql", json=body, auth=("api", secret))
        assert answer.status_code == 200, answer.text
        bucket: dict[str, Any] = answer.json()["data"]["upsertBucket"]["bucket"]
        return bucket


@pytest.fixture
def server(tmp_path: Any) -> Iterator[Server]:
    lab = Lab(tmp_path)
    app = create_app(settings_of(lab, dev=False), clock=lab.clock)
    with TestClient(app) as http:
        yield Server(lab, http)


class TestAnUpdateById:
    def test_what_is_not_named_stays_as_it_is(self, server: Server) -> None:
        made = server.upsert(
            "ada", name="r1", modelName="imdb", config='{"lr": {"value": 0.1}}', state="running",
            tags=["mine"], notes="words", summaryMetrics='{"loss": NaN}', displayName="one",
        )  # fmt: skip
        server.lab.clock.advance(60)

        changed = server.upsert("ada", id=made["id"], tags=["mine", "new"])

        assert changed == {**made, "tags": ["mine", "new"]}

    def test_the_run_stays_who_made_its(self, server: Server) -> None:
        made = server.upsert("ada", name="r1", modelName="imdb", config="{}")

        changed = server.upsert("bob", id=made["id"], notes="by bob")

        assert changed["user"] == made["user"] == {"username": "ada"}

    @pytest.mark.parametrize("empty", ["{}", "{ }", "{\n}"])
    def test_a_summary_that_is_emptied_is_empty(self, server: Server, empty: str) -> None:
        made = server.upsert("ada", name="r1", modelName="imdb", summaryMetrics='{"loss": 1}')

        changed = server.upsert("ada", id=made["id"], summaryMetrics=empty)

        assert changed["summaryMetrics"] == empty
