"""What holds for every route: one shape of errors, keys, health, what is not offered."""

import sqlite3
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from paribus_service.app import create_app
from paribus_service.orchestration import keys
from tests.factories import Lab, grid_config
from tests.service.api.conftest import settings_of

API = "/api/v1"


def make_key(lab: Lab, *scopes: str) -> dict[str, str]:
    with lab.writing() as session:
        made = keys.create_key(
            session, name="test", entity="team", scopes=scopes, now=lab.clock.now()
        )
    return {"Authorization": f"Bearer {made.secret}"}


class TestProblems:
    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("GET", "", 404, "not_found"),
            ("GET", "/sweepz", 404, "not_found"),
            ("GET", "/sweeps/x", 404, "not_found"),
            ("DELETE", "/sweeps/x", 405, "method_not_allowed"),
            ("PUT", "/sweeps", 405, "method_not_allowed"),
            ("POST", "/sweeps", 415, "unsupported_body"),
            ("GET", "/sweeps?page_size=x", 422, "invalid_request"),
            ("GET", "/library/imdb-eval-los", 404, "not_found"),
        ],
    )
    def test_every_refusal_has_one_shape(
        self, api: TestClient, method: str, path: str, status: int, code: str
    ) -> None:
        answer = api.request(method, API + path)

        problem = answer.json()
        assert answer.status_code == problem["status"] == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["code"] == code
        assert problem["type"] == f"urn:paribus:problem:{code}"
        assert problem["instance"] == (API + path).partition("?")[0]
        assert problem["detail"]

    @pytest.mark.parametrize(
        ("method", "path", "allow"),
        [
            ("DELETE", "/sweeps", "GET, POST"),
            ("GET", "/sweeps/x:pause", "POST"),
            ("QUERY", "/agents/x", "GET"),
            ("POST", "/programs/a/b.py/schema", "GET, PUT"),
        ],
    )
    def test_405_names_the_methods(
        self, api: TestClient, method: str, path: str, allow: str
    ) -> None:
        answer = api.request(method, API + path)

        assert answer.status_code == 405
        assert answer.headers["allow"] == allow

    def test_a_body_that_is_no_text_is_400(self, api: TestClient) -> None:
        answer = api.post(
            f"{API}/keys", content=b"\xff", headers={"Content-Type": "application/json"}
        )

        assert answer.status_code == 400
        assert answer.json()["code"] == "bad_request"

    def test_an_unknown_path_names_the_nearest(self, api: TestClient) -> None:
        assert f"{API}/sweeps" in api.get(f"{API}/sweep").json()["detail"]

    def test_a_body_over_the_limit_is_413(self, lab: Lab) -> None:
        with TestClient(create_app(settings_of(lab, max_body_bytes=1000))) as api:
            answer = api.post(f"{API}/sweeps", content=b" " * 1001)

        assert answer.status_code == 413
        assert "1,000 bytes" in answer.json()["detail"]

    def test_no_stack_trace_leaves(self, api: TestClient, lab: Lab) -> None:
        with sqlite3.connect(lab.settings.data_dir / "lab.db") as connection:
            connection.execute("ALTER TABLE sweeps RENAME TO lost")
        connection.close()

        answer = api.get(f"{API}/sweeps")

        assert answer.status_code == 500
        assert "request_id" in answer.json()
        assert "sqlite" not in answer.text.lower()
        assert "Traceback" not in answer.text


class TestNotOffered:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/sweeps/x:clone"),
            ("POST", "/sweeps/x:archive"),
            ("PUT", "/sweeps/by-external-id/mine"),
            ("GET", "/events"),
            ("POST", "/webhooks"),
        ],
    )
    def test_a_later_release_s_route_is_refused_by_its_name(
        self, api: TestClient, method: str, path: str
    ) -> None:
        answer = api.request(method, API + path)

        assert answer.status_code == 422
        assert answer.json()["code"] == "not_offered"
        assert answer.json()["detail"].startswith(f"{method} {API}{path} is not offered yet")


class TestKeys:
    def test_without_a_key_nothing_but_health_and_version_answers(
        self, locked_api: TestClient
    ) -> None:
        answer = locked_api.get(f"{API}/sweeps")

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert locked_api.get(f"{API}/version").status_code == 200
        assert locked_api.get("/healthz").json() == {"status": "ok"}

    @pytest.mark.parametrize("value", ["Bearer nobody", "Basic !!", "Basic YXBpOm5vYm9keQ=="])
    def test_a_key_that_nobody_has_is_refused(self, locked_api: TestClient, value: str) -> None:
        answer = locked_api.get(f"{API}/sweeps", headers={"Authorization": value})

        assert answer.status_code == 401

    def test_a_key_may_what_its_scopes_say(self, locked_api: TestClient, lab: Lab) -> None:
        reader, submitter = make_key(lab, "read"), make_key(lab, "read", "submit")

        refused = locked_api.post(f"{API}/sweeps", json=grid_config(), headers=reader)
        taken = locked_api.post(f"{API}/sweeps", json=grid_config(), headers=submitter)

        assert refused.status_code == 403
        assert "'submit'" in refused.json()["detail"]
        assert taken.json()["entity"] == "team"
        assert taken.json()["created_by"] == "test"

    def test_wandbs_way_of_sending_a_key_works_too(self, locked_api: TestClient, lab: Lab) -> None:
        secret = make_key(lab, "read")["Authorization"].partition(" ")[2]

        assert locked_api.get(f"{API}/sweeps", auth=("api", secret)).status_code == 200

    def test_an_admin_makes_lists_and_revokes_keys(self, locked_api: TestClient, lab: Lab) -> None:
        admin = make_key(lab, "admin")
        lab.clock.advance(1)

        made = locked_api.post(f"{API}/keys", json={"name": "ci"}, headers=admin)
        listed = locked_api.get(f"{API}/keys", headers=admin).json()["items"]
        new = {"Authorization": f"Bearer {made.json()['key']}"}
        before = locked_api.get(f"{API}/sweeps", headers=new).status_code
        url = f"{API}/keys/{made.json()['id']}"
        revoked = locked_api.post(f"{url}:revoke", headers=admin).json()

        assert made.status_code == 201
        assert made.json()["scopes"] == ["read", "submit", "agent"]
        assert before == 200
        assert [k["name"] for k in listed] == ["test", "ci"]
        assert "key" not in listed[1]
        assert revoked["revoked_at"] == "2026-11-23T12:00:01Z"
        assert locked_api.get(url, headers=admin).json() == revoked

    def test_a_repetition_does_not_show_the_key_again(
        self, locked_api: TestClient, lab: Lab
    ) -> None:
        headers = {**make_key(lab, "admin"), "Idempotency-Key": "k"}

        first = locked_api.post(f"{API}/keys", json={"name": "ci"}, headers=headers).json()
        second = locked_api.post(f"{API}/keys", json={"name": "ci"}, headers=headers).json()

        assert second == {**first, "key": None}

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": "x", "scopes": []},
            {"name": "x", "scopes": ["all"]},
            {"name": "x", "expires_at": "2027-01-01T00:00:00"},
            {"name": "x", "entity": "graphql"},
            {"name": "x", "scope": ["read"]},
        ],
    )
    def test_a_key_that_cannot_be_is_refused(
        self, api: TestClient, body: dict[str, object]
    ) -> None:
        assert api.post(f"{API}/keys", json=body).status_code == 422

    def test_others_may_not_look_at_keys(self, locked_api: TestClient, lab: Lab) -> None:
        answer = locked_api.get(f"{API}/keys", headers=make_key(lab, "read", "submit", "agent"))

        assert answer.status_code == 403


class TestReady:
    def test_a_service_that_can_write_is_ready(self, api: TestClient) -> None:
        assert api.get("/readyz").json() == {"status": "ready"}

    def test_files_that_cannot_be_written_are_said(self, api: TestClient, lab: Lab) -> None:
        incoming = lab.settings.data_dir / "files" / "incoming"
        incoming.rmdir()
        incoming.write_text("in the way")

        answer = api.get("/readyz")

        assert answer.status_code == 503
        assert answer.json()["code"] == "not_ready"
        assert answer.headers["retry-after"]

    def test_a_database_that_is_locked_is_said(self, lab: Lab) -> None:
        settings = settings_of(lab, busy_timeout_seconds=0.1)
        with TestClient(create_app(settings)) as api:
            other = sqlite3.connect(lab.settings.data_dir / "lab.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            answer = api.get("/readyz")
            other.close()

        assert answer.status_code == 503


class TestLibrary:
    def test_entries_name_question_and_cost(self, api: TestClient) -> None:
        entries = api.get(f"{API}/library").json()["items"]

        entry = api.get(f"{API}/library/{entries[0]['name']}").json()

        assert all(e["question"].endswith("?") and e["cost"] for e in entries)
        assert entry["text"].startswith("#")

    def test_a_misspelt_name_finds_the_nearest(self, api: TestClient) -> None:
        answer = api.get(f"{API}/library/imdb-eval-los")

        assert "'imdb-eval-loss'" in answer.json()["detail"]


class TestProgramSchemas:
    SCHEMA = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"lr": {"type": "number", "minimum": 0}, "batch": {"type": "integer"}},
    }
    URL = f"{API}/programs/train.py/schema"

    def test_a_published_schema_catches_a_misspelt_parameter(self, api: TestClient) -> None:
        new = api.put(self.URL, json=self.SCHEMA)
        again = api.put(self.URL, json=self.SCHEMA)
        config = grid_config(parameters={"lrr": {"values": [1, 2]}})

        answer = api.post(f"{API}/sweeps", json=config)

        assert (new.status_code, again.status_code) == (201, 200)
        assert api.get(self.URL).json()["schema"] == self.SCHEMA
        assert answer.status_code == 422
        assert "'lr'" in answer.text

    def test_a_shipped_one_is_read_and_not_replaced(self, api: TestClient) -> None:
        url = f"{API}/programs/paribus_agent.train/schema"

        assert "learning_rate" in api.get(url).json()["schema"]["properties"]
        assert api.put(url, json=self.SCHEMA).status_code == 409

    def test_one_that_is_none_is_refused_with_the_place(self, api: TestClient) -> None:
        answer = api.put(self.URL, json={"type": "object", "properties": {"a": {"minimum": "x"}}})

        assert answer.status_code == 422
        assert "/properties/a" in answer.json()["detail"]

    def test_an_unknown_program_is_404(self, api: TestClient) -> None:
        assert api.get(self.URL).status_code == 404


def test_an_answer_leaves_after_its_commit(api: TestClient, lab: Lab, tmp_path: Path) -> None:
    """FastAPI's default scope would answer 201 first and fail to commit afterwards."""
    with sqlite3.connect(lab.settings.data_dir / "lab.db") as connection:
        connection.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
        connection.execute(
            "CREATE TABLE children (parent INTEGER REFERENCES parents (id) "
            "DEFERRABLE INITIALLY DEFERRED)"
        )
        connection.execute(  # breaks the commit itself, and nothing before it
            "CREATE TRIGGER late AFTER INSERT ON sweeps BEGIN INSERT INTO children VALUES (1); END"
        )
    connection.close()

    answer = api.post(f"{API}/sweeps", json=grid_config())

    assert answer.status_code == 500
    assert api.get(f"{API}/sweeps").json()["items"] == []
