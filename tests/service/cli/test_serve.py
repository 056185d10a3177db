"""`paribus serve`, `keys` and `db upgrade`: processes on a real socket."""

import json
import os
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import typer

from paribus_service.cli.serve import serve
from tests.service.cli.conftest import Served, paribus, start


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


class TestStart:
    def test_the_first_start_prints_a_key_once_and_it_works(self, tmp_path: Path) -> None:
        service = start(tmp_path / "data")
        answer = httpx.get(
            f"{service.url}/api/v1/keys", headers={"Authorization": f"Bearer {service.api_key}"}
        )
        code, printed = service.stop()
        again = start(tmp_path / "data")
        _, printed_again = again.stop()

        assert answer.status_code == 200
        assert [key["name"] for key in answer.json()["items"]] == ["first"]
        assert code == 0
        assert f"export PARIBUS_API_KEY={service.api_key}" in printed
        assert f"export WANDB_API_KEY={service.api_key}" in printed
        assert f"export WANDB_BASE_URL={service.url}" in printed
        assert again.api_key is None
        assert "local-" not in printed_again
        assert (tmp_path / "data.ready").stat().st_mode & 0o777 == 0o600, "it holds a key"
        for path in (tmp_path / "data").rglob("*"):
            assert path.is_dir() or str(service.api_key).encode() not in path.read_bytes()

    def test_development_mode_prints_a_well_formed_key_and_asks_for_none(
        self, tmp_path: Path
    ) -> None:
        service = start(tmp_path / "data", "--dev")
        answer = httpx.get(f"{service.url}/api/v1/sweeps")
        _, printed = service.stop()

        assert answer.status_code == 200
        assert service.api_key is not None
        assert len(service.api_key) == len("local-") + 40
        assert "nobody is asked for a key" in printed


class TestThreads:
    @pytest.mark.parametrize(("given", "used"), [(None, "1"), ("4", "4")])
    def test_answers_are_worked_out_in_one_thread_unless_somebody_says_otherwise(
        self, monkeypatch: pytest.MonkeyPatch, given: str | None, used: str
    ) -> None:
        """Numpy reads it once, when it comes; a refused start has set it too."""
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", given or "")
        if given is None:
            monkeypatch.delenv("OPENBLAS_NUM_THREADS")

        with pytest.raises(typer.Exit):
            serve({"port": "no port"}, ready_file=None)

        assert os.environ["OPENBLAS_NUM_THREADS"] == used


class TestRefusedStart:
    def check(self, *options: str | Path, env: dict[str, str] | None = None) -> str:
        """Start; the one sentence that it ends with."""
        done = paribus("serve", *options, env=env)

        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith("paribus: ")
        assert "Traceback" not in done.stderr
        return done.stderr

    def test_a_port_in_use(self, tmp_path: Path, taken_port: int) -> None:
        sentence = self.check("--data-dir", tmp_path, "--port", str(taken_port))

        assert f"port {taken_port}" in sentence
        assert "--port" in sentence

    def test_a_data_directory_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")

        sentence = self.check("--data-dir", tmp_path / "file" / "data", "--port", "0")

        assert "--data-dir" in sentence

    def test_a_database_from_a_newer_release(self, tmp_path: Path) -> None:
        paribus("db", "upgrade", "--data-dir", tmp_path)
        with sqlite3.connect(tmp_path / "paribus.db") as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.close()

        sentence = self.check("--data-dir", tmp_path, "--port", "0")

        assert "9999" in sentence
        assert "newer" in sentence

    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        (tmp_path / "paribus.db").write_text("this is no database, whatever its name says\n" * 99)

        assert "not a database" in self.check("--data-dir", tmp_path, "--port", "0")

    def test_the_database_of_another_program_is_refused_and_not_touched(
        self, tmp_path: Path
    ) -> None:
        with sqlite3.connect(tmp_path / "paribus.db") as connection:
            connection.execute("CREATE TABLE bookmarks (address TEXT)")
        connection.close()

        sentence = self.check("--data-dir", tmp_path, "--port", "0")

        assert "another program's" in sentence
        assert "bookmarks" in sentence
        with sqlite3.connect(tmp_path / "paribus.db") as connection:
            tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        connection.close()
        assert tables == [("bookmarks",)]

    def test_a_file_where_run_files_belong(self, tmp_path: Path) -> None:
        (tmp_path / "files").write_text("")

        assert f"{tmp_path}/files cannot be used" in self.check(
            "--data-dir", tmp_path, "--port", "0"
        )

    def test_a_ready_file_that_cannot_be_written(self, tmp_path: Path) -> None:
        ready = tmp_path / "nowhere" / "ready.json"

        sentence = self.check("--data-dir", tmp_path, "--port", "0", "--ready-file", ready)

        assert f"{ready} cannot be written" in sentence

    def test_a_public_address_that_is_none(self, tmp_path: Path) -> None:
        for address in ("paribus.example.org", "http://", "http://a b", "ftp://a"):
            sentence = self.check("--data-dir", tmp_path, "--port", "0", "--public-url", address)

            assert repr(address) in sentence
            assert "https://paribus.example.org" in sentence

    def test_development_mode_on_an_address_that_others_reach(self, tmp_path: Path) -> None:
        sentence = self.check("--dev", "--host", "0.0.0.0", "--data-dir", tmp_path)

        assert "loopback" in sentence

    def test_a_variable_that_cannot_be_read(self, tmp_path: Path) -> None:
        sentence = self.check("--data-dir", tmp_path, env={"PARIBUS_PORT": "http"})

        assert "PARIBUS_PORT" in sentence

    def test_an_address_of_another_machine(self, tmp_path: Path) -> None:
        sentence = self.check("--host", "192.0.2.1", "--port", "0", "--data-dir", tmp_path)

        assert "192.0.2.1" in sentence


class TestKeys:
    def test_a_key_is_made_listed_by_its_prefix_and_revoked(self, served: Served) -> None:
        where = ("--data-dir", served.data_dir)

        made = json.loads(
            paribus("keys", "create", "--name", "ci", "--scope", "read", *where, "--json").stdout
        )
        url = f"{served.url}/api/v1/sweeps"
        answer = httpx.get(url, headers={"Authorization": f"Bearer {made['api_key']}"})
        listed = paribus("keys", "list", *where).stdout
        revoked = paribus("keys", "revoke", made["id"], *where)
        rows = json.loads(paribus("keys", "list", *where, "--json").stdout)

        assert answer.status_code == 200
        assert made["api_key"][:12] in listed
        assert made["api_key"] not in listed
        assert revoked.returncode == 0
        assert next(r for r in rows if r["id"] == made["id"])["revoked_at"] is not None

    def test_an_unknown_scope_and_an_unknown_key_are_refused(self, served: Served) -> None:
        where = ("--data-dir", served.data_dir)

        scope = paribus("keys", "create", "--name", "x", "--scope", "all", *where)
        key = paribus("keys", "revoke", "nothere", *where)

        assert (scope.returncode, key.returncode) == (2, 2)
        assert "read, submit, agent, admin" in scope.stderr
        assert "nothere" in key.stderr

    def test_an_end_that_no_key_can_have_is_refused(self, served: Served) -> None:
        for days in ("0", "-1", "1e12", "nan"):
            key = paribus(
                *("keys", "create", "--name", "x", "--expires-days", days),
                *("--data-dir", served.data_dir),
            )

            assert key.returncode == 2
            assert f"--expires-days {days}".replace("1e12", "1e+12") in key.stderr
            assert "Traceback" not in key.stderr


def test_upgrading_twice_changes_nothing(tmp_path: Path) -> None:
    first = paribus("db", "upgrade", "--data-dir", tmp_path)
    second = paribus("db", "upgrade", "--data-dir", tmp_path)

    assert first.returncode == second.returncode == 0
    assert first.stdout == second.stdout
