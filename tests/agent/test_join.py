import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from paribus_agent import join
from paribus_agent.errors import CannotJoin

SWEEP = {"entity": "lab", "project": "imdb", "id": "abc123xy"}
Answer = tuple[int, Any]


@dataclass
class FakeService:
    """Answers by path and query, in turn; the last answer is repeated."""

    answers: dict[str, list[Answer]]
    url: str = ""
    asked: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def answer(self, path: str) -> Answer:
        self.asked.append(path)
        known = self.answers.get(path, [(404, {"detail": f"there is no {path}"})])
        return known.pop(0) if len(known) > 1 else known[0]


@pytest.fixture
def serve() -> Iterator[Callable[[dict[str, list[Answer]]], FakeService]]:
    servers: list[ThreadingHTTPServer] = []

    def start(answers: dict[str, list[Answer]]) -> FakeService:
        fake = FakeService(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fake.keys.append(self.headers["Authorization"])
                status, value = fake.answer(self.path)
                body = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Keep the tests' output clean."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        fake.url = f"http://127.0.0.1:{server.server_port}"
        return fake

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def chosen(fake: FakeService, asked: str = "", *, waits: list[float] | None = None) -> str:
    pauses: list[float] = [] if waits is None else waits
    service = join.Service(fake.url, "local-key")
    return join.choose_sweep(service, asked, poll_seconds=5.0, sleep=pauses.append)


def listed(*sweeps: dict[str, str]) -> Answer:
    return 200, {"items": list(sweeps), "next_page_token": None}


RUNNING = "/api/v1/sweeps?state=running&page_size=1"
REGISTERED = "/api/v1/sweeps?state=registered&page_size=1"


class TestWhichSweep:
    def test_the_newest_running_one(self, serve):
        fake = serve({RUNNING: [listed(SWEEP)]})

        assert chosen(fake) == "lab/imdb/abc123xy"
        assert fake.keys == ["Bearer local-key"]

    def test_else_the_newest_that_waits_for_its_first_agent(self, serve):
        fake = serve({RUNNING: [listed()], REGISTERED: [listed(SWEEP)]})

        assert chosen(fake) == "lab/imdb/abc123xy"

    def test_it_waits_until_there_is_one(self, serve, caplog):
        fake = serve({RUNNING: [listed(), listed(), listed(SWEEP)], REGISTERED: [listed()]})
        waits: list[float] = []

        with caplog.at_level("INFO"):
            path = chosen(fake, waits=waits)

        assert path == "lab/imdb/abc123xy"
        assert waits == [5.0, 5.0]
        assert "waiting for a sweep to be registered" in caplog.text

    def test_it_waits_while_the_service_is_busy(self, serve, caplog):
        fake = serve({RUNNING: [(503, {"detail": "locked"}), listed(SWEEP)]})
        waits: list[float] = []

        with caplog.at_level("INFO"):
            path = chosen(fake, waits=waits)

        assert (path, waits) == ("lab/imdb/abc123xy", [5.0])
        assert "busy (503)" in caplog.text

    def test_an_id_is_completed_by_the_service(self, serve):
        fake = serve({"/api/v1/sweeps/abc123xy": [(200, SWEEP)]})

        assert chosen(fake, "abc123xy") == "lab/imdb/abc123xy"

    def test_a_whole_path_asks_nobody(self, serve):
        fake = serve({})

        assert chosen(fake, "lab/imdb/zzz") == "lab/imdb/zzz"
        assert fake.asked == []

    def test_an_unknown_id_is_refused_with_the_services_words(self, serve):
        fake = serve({"/api/v1/sweeps/nope": [(404, {"detail": "there is no sweep 'nope'"})]})

        with pytest.raises(CannotJoin, match="404: there is no sweep 'nope'"):
            chosen(fake, "nope")

    def test_a_bad_key_is_refused_at_once(self, serve):
        fake = serve({RUNNING: [(401, {"detail": "this key is not known here"})]})

        with pytest.raises(CannotJoin, match="this key is not known here"):
            chosen(fake)

    def test_another_kind_of_server_is_named_as_such(self, serve):
        fake = serve({RUNNING: [(200, b"<html>hello</html>")]})

        with pytest.raises(CannotJoin, match="is WANDB_BASE_URL a Paribus service"):
            chosen(fake)


class TestTheEnvironment:
    def test_address_and_key_are_read(self):
        found = join.service_of({"WANDB_BASE_URL": "http://gpu-lab:8080/", "WANDB_API_KEY": "k"})

        assert found == join.Service("http://gpu-lab:8080", "k")

    def test_a_secret_file_holds_the_key(self, tmp_path):
        secret = tmp_path / "agent_key"
        secret.write_text("local-secret\n")

        found = join.service_of(
            {
                "WANDB_BASE_URL": "http://a",
                "WANDB_API_KEY": "",
                "WANDB_API_KEY_FILE": str(secret),
            }
        )

        assert found.key == "local-secret"

    @pytest.mark.parametrize("url", ["", "gpu-lab:8080"])
    def test_a_missing_address_is_named(self, url):
        with pytest.raises(CannotJoin, match="WANDB_BASE_URL"):
            join.service_of({"WANDB_BASE_URL": url, "WANDB_API_KEY": "k"})

    @pytest.mark.parametrize("file", ["", "/there/is/no/such/file"])
    def test_a_missing_key_is_named(self, file):
        environment = {"WANDB_BASE_URL": "http://a", "WANDB_API_KEY_FILE": file}

        with pytest.raises(CannotJoin, match="WANDB_API_KEY_FILE"):
            join.service_of(environment)

    def test_an_interval_that_is_no_number_is_named(self, monkeypatch, serve):
        monkeypatch.setenv("PARIBUS_POLL_SECONDS", "often")

        with pytest.raises(CannotJoin, match="PARIBUS_POLL_SECONDS is 'often'"):
            join.join(join.Service(serve({}).url, "k"), [])


class TestTheAgentThatItBecomes:
    def test_signals_reach_the_training(self):
        command = join.agent_command("lab/imdb/abc", ["--count", "1"])

        assert command[:2] == ["wandb", "agent"]
        assert "--forward-signals" in command
        assert command[-3:] == ["--count", "1", "lab/imdb/abc"]

    def test_the_process_is_replaced_and_knows_the_key(self, serve, monkeypatch):
        fake = serve({RUNNING: [listed(SWEEP)]})
        became: list[tuple[str, list[str], dict[str, str]]] = []
        monkeypatch.setenv("PARIBUS_SWEEP", "")
        monkeypatch.setenv("WANDB_API_KEY", "another")
        monkeypatch.setattr(join.os, "execvpe", lambda *a: became.append(a))

        join.join(join.Service(fake.url, "from-a-file"), [])

        program, command, environment = became[0]
        assert (program, command[-1]) == ("wandb", "lab/imdb/abc123xy")
        assert environment["WANDB_API_KEY"] == "from-a-file"


class TestTheHealthCheck:
    def test_a_ready_service_is_exit_code_0(self, serve, monkeypatch):
        fake = serve({"/readyz": [(200, {"status": "ready"})]})
        monkeypatch.setenv("WANDB_BASE_URL", fake.url)
        monkeypatch.setenv("WANDB_API_KEY", "k")

        assert join.main(["--check"]) == 0

    def test_a_service_that_cannot_store_is_exit_code_1(self, serve, monkeypatch):
        fake = serve({"/readyz": [(507, {"detail": "the disk is full"})]})
        monkeypatch.setenv("WANDB_BASE_URL", fake.url)
        monkeypatch.setenv("WANDB_API_KEY", "k")

        assert join.main(["--check"]) == 1

    def test_what_a_person_can_mend_is_one_sentence_and_exit_code_2(self, monkeypatch, caplog):
        monkeypatch.delenv("WANDB_BASE_URL", raising=False)

        assert join.main([]) == 2
        assert "WANDB_BASE_URL is ''" in caplog.text
