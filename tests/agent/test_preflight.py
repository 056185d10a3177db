"""Preflight: each thing a host lacks is named, with what to do."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from paribus_agent.preflight import (
    check_disk,
    check_key,
    check_memory,
    check_python,
    check_server,
    main,
)


class TestPython:
    def test_the_interpreter_that_agents_start_is_the_one_on_path(self) -> None:
        found = check_python({"PATH": str(Path(sys.executable).parent)})

        assert found.level == "ok"

    def test_none_on_path_says_what_to_put_first(self, tmp_path: Path) -> None:
        found = check_python({"PATH": str(tmp_path)})

        assert found.level == "fails"
        assert f'export PATH="{Path(sys.executable).parent}:$PATH"' in found.sentence

    def test_one_without_the_program_is_named(self, tmp_path: Path) -> None:
        python = tmp_path / "python"
        python.write_text("#!/bin/sh\nexit 1\n")
        python.chmod(0o755)

        found = check_python({"PATH": str(tmp_path)})

        assert found.level == "fails"
        assert f"{python} has no paribus_agent" in found.sentence


class TestServer:
    @pytest.fixture
    def url(self) -> Iterator[str]:
        class NotFound(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_error(404)

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), NotFound)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
        server.server_close()

    def test_any_answer_will_do(self, url: str) -> None:
        assert check_server(url).level == "ok"

    def test_silence_fails_with_the_address(self) -> None:
        found = check_server("http://127.0.0.1:1")

        assert found.level == "fails"
        assert "http://127.0.0.1:1 does not answer" in found.sentence

    def test_what_is_no_address_fails(self) -> None:
        assert check_server("paribus").level == "fails"


class TestRoom:
    def test_a_folder_that_is_not_there_yet_is_measured_where_it_would_be(
        self, tmp_path: Path
    ) -> None:
        found = check_disk(tmp_path / "not" / "yet")

        assert found.level in {"ok", "note"}
        assert "GiB free" in found.sentence

    def test_memory_is_a_number(self) -> None:
        assert "GiB free" in check_memory().sentence

    def test_a_missing_key_is_worth_a_note(self) -> None:
        assert check_key({}).level == "note"
        assert check_key({"WANDB_API_KEY": "k"}).level == "ok"


class TestExitCode:
    def test_what_stands_in_the_way_decides_it(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
        assert main() == 0

        monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:1")
        assert main() == 2
        assert "fails  server" in capsys.readouterr().out
