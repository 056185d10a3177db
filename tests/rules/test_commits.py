"""One commit for each request, in one place, and before the answer leaves."""

import ast
import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from sqlalchemy import Engine, event

from paribus_service.app import create_app
from paribus_service.settings import Settings
from tests.rules.sources import modules

HOME = "service/paribus_service/store/engine.py"
SWEEP = {
    "project": "p",
    "program": "t.py",
    "method": "grid",
}
KEY = ("api", "local-" + "0" * 40)
UPSERT_BUCKET = """
mutation UpsertBucket($entity: String, $project: String, $name: String, $config: JSONString) {
  upsertBucket(input: {entityName: $entity, modelName: $project, name: $name, config: $config}) {
    bucket { id name }
  }
}
"""


def calls(tree: ast.AST, method: str) -> Iterator[int]:
    """Line of each call of a method of that name."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == method
        ):
            yield node.lineno


class TestTheOnePlace:
    @pytest.mark.parametrize("method", ["commit", "rollback"])
    def test_only_the_engine_commits(self, method):
        """A commit in the middle of a request makes half of it true when the rest fails.

        A claim, its run and its event belong together: one transaction, ended in one place.
        """
        found = [
            f"{module.where}:{line}"
            for module in modules("paribus_service")
            for line in calls(module.tree, method)
            if module.where != HOME
        ]

        assert found == []

    def test_the_sessions_scope_is_the_function(self):
        """FastAPI's default ends a dependency after the answer has left.

        A commit that fails there was already reported as done, so every `Depends` on something
        that yields a session says `scope="function"`.
        """
        wrong = []
        for module in modules("paribus_service"):
            for node in ast.walk(module.tree):
                if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Depends"):
                    continue
                names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
                scopes = {
                    k.value.value
                    for k in node.keywords
                    if k.arg == "scope" and isinstance(k.value, ast.Constant)
                }
                if names & _yielding(module.tree) and scopes != {"function"}:
                    wrong.append(f"{module.where}:{node.lineno}")

        assert wrong == []


def _yielding(tree: ast.AST) -> set[str]:
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(isinstance(inner, ast.Yield) for inner in ast.walk(node))
    }


@dataclass
class Live:
    """A service on a real socket, and every connection that it has to its database."""

    url: str
    connections: list[sqlite3.Connection]

    def make_commits_fail(self) -> None:
        """From here on SQLite itself refuses COMMIT, and COMMIT alone."""
        for connection in self.connections:
            connection.set_authorizer(_no_commit)  # also on those statements that are prepared

    def fill_the_disk(self) -> None:
        """From here on SQLite finds no page more."""
        for connection in self.connections:
            connection.execute("PRAGMA max_page_count = 1")  # it takes the present size instead

    def register(self, name: str, *, level: str = "low") -> httpx.Response:
        config = SWEEP | {"name": name, "parameters": {"x": {"values": [level]}}}
        return httpx.post(f"{self.url}/api/v1/sweeps", json=config)

    def upsert(self, name: str) -> httpx.Response:
        variables = {"entity": "e", "project": "p", "name": name, "config": "{}"}
        body = {"query": UPSERT_BUCKET, "variables": variables}
        return httpx.post(f"{self.url}/graphql", json=body, auth=KEY)

    def stream(self, run: str, *, step: int, note: str = "") -> httpx.Response:
        line = json.dumps({"_step": step, "note": note})
        history = {"offset": step, "content": [line]}
        body = {"files": {"wandb-history.jsonl": history}}
        return httpx.post(f"{self.url}/files/e/p/{run}/file_stream", json=body, auth=KEY)


def _no_commit(action: int, argument: str | None, *_: object) -> int:
    refused = action == sqlite3.SQLITE_TRANSACTION and argument == "COMMIT"
    return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    opened: list[sqlite3.Connection] = []

    def remember(connection: sqlite3.Connection, _record: object) -> None:
        opened.append(connection)

    event.listen(Engine, "connect", remember)
    app = create_app(
        Settings(
            data_dir=tmp_path,
            dev=True,
            watchdog_interval_seconds=3600,
            observer_interval_seconds=0,
        )
    )
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        # The socket listens already: this waits for the service, for 30 seconds at most.
        assert httpx.get(f"{url}/readyz", timeout=30).status_code == 200
        yield Live(url, opened)
    finally:
        event.remove(Engine, "connect", remember)
        server.should_exit = True
        thread.join(30)


class TestAFailedCommitIsNeverA200:
    """Over a real socket: only there does "before the answer leaves" mean anything."""

    def test_not_over_rest(self, live):
        before = live.register("one")
        live.make_commits_fail()

        answer = live.register("two")

        assert before.status_code == 201
        assert answer.status_code >= 500
        listed = httpx.get(f"{live.url}/api/v1/sweeps").json()["items"]
        assert [sweep["name"] for sweep in listed] == ["one"]

    def test_not_over_graphql(self, live):
        before = live.upsert("one")
        live.make_commits_fail()

        answer = live.upsert("two")

        assert before.json()["data"]["upsertBucket"]["bucket"]["name"] == "one"
        assert answer.status_code >= 500

    def test_not_over_file_stream(self, live):
        """The hot path has a transaction of its own, below the session."""
        live.upsert("one")
        before = live.stream("one", step=0)
        live.make_commits_fail()

        answer = live.stream("one", step=1)

        assert before.status_code == 200
        assert answer.status_code >= 500


class TestAFullDiskIsSaidAsSuch:
    """The words of the driver differ with the way that leads to it; the answer must not."""

    NOTE = "x" * 900_000  # no free page of a small database takes it

    def test_over_rest(self, live):
        live.register("one")
        live.fill_the_disk()

        answer = live.register("two", level=self.NOTE)

        assert answer.status_code == 507, answer.text[:500]
        assert "disk" in answer.json()["detail"]

    def test_over_file_stream(self, live):
        """Never a 4xx, which would end the client's stream for good."""
        live.upsert("one")
        live.stream("one", step=0)
        live.fill_the_disk()

        answer = live.stream("one", step=1, note=self.NOTE)

        assert answer.status_code == 503
        assert "disk" in answer.text
