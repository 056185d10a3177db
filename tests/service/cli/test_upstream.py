"""What the commands say of a sweep that a W&B server holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from paribus_service.cli import server_check, tables
from paribus_service.client import Client
from paribus_service.store.engine import make_engine, session_scope
from paribus_service.store.sweeps import get_sweep
from paribus_service.store.tables import UpstreamSweep
from tests.factories import START, grid_config
from tests.service.cli.conftest import Served, paribus

URL = "https://wandb.test"


@pytest.fixture
def there(served: Served, tmp_path: Path) -> str:
    """A sweep that is on a server which does not answer; its id."""
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(grid_config()))
    sweep_id = str(served.json("launch", path)["id"])
    engine = make_engine(f"sqlite:///{served.data_dir / 'paribus.db'}")
    with session_scope(engine) as session:
        get_sweep(session, sweep_id).upstream = UpstreamSweep(
            sweep_id=sweep_id,
            base_url=URL,
            entity="team",
            project="imdb",
            remote_id=sweep_id,
            gql_id="gql",
            url=f"{URL}/team/imdb/sweeps/{sweep_id}",
            way="enqueue",
            state_there="RUNNING",
            state_here="registered",
            agents=3,
            problem="the server is down",
            problem_since=START,
            created_at=START,
            updated_at=START,
        )
    engine.dispose()
    return sweep_id


class TestStatus:
    def test_it_says_where_the_sweep_is_and_why_it_does_not_go_on(
        self, served: Served, there: str
    ) -> None:
        done = served("status", there)

        assert f"{URL}/team/imdb/sweeps/{there} (3 agents there)" in done.stdout
        assert "does not go on since 2026-11-23T12:00: the server is down" in done.stdout
        assert f"wandb agent team/imdb/{there}" in done.stdout


class TestLaunch:
    def test_it_says_which_server_agents_are_to_ask(
        self, served: Served, there: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        sweep: dict[str, Any] = served.json("status", there)

        tables.show_launched(sweep)

        assert f"with WANDB_BASE_URL={URL} and WANDB_API_KEY set" in capsys.readouterr().out


class TestTheServer:
    def test_a_service_that_works_alone_says_what_to_set(self, served: Served) -> None:
        done = served("upstream")

        assert done.returncode == 2
        assert "set PARIBUS_WANDB_BASE_URL and PARIBUS_WANDB_API_KEY" in done.stderr

    @pytest.mark.parametrize(
        ("facts", "line"),
        [
            ({}, f"{URL} (release 0.60.0) answers, and takes the key of ada"),
            ({"version": None}, f"{URL} answers, and takes the key of ada"),
            ({}, "  sweeps that name no entity go to team"),
            ({"entity": None}, "  its user has no entity: name one in each sweep, or set "
             "PARIBUS_WANDB_ENTITY"),
            ({}, "  asked by wandb 0.31.0"),
            ({}, "  designs are handed out run by run (Sweep.enqueue_run)"),
            ({"way": "controller"}, "  designs are handed out by the schedule of a local "
             "controller, one waiting run at a time: this server, or a wandb client older than "
             "0.31, takes no runs from outside"),
        ],
    )  # fmt: skip
    def test_what_it_says_of_itself_is_told_line_by_line(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        facts: dict[str, Any],
        line: str,
    ) -> None:
        found = {
            "base_url": URL,
            "version": "0.60.0",
            "username": "ada",
            "entity": "team",
            "client_version": "0.31.0",
            "way": "enqueue",
        }

        def answer(request: httpx.Request) -> httpx.Response:
            assert (request.method, request.url.path) == ("GET", "/api/v1/upstream")
            return httpx.Response(200, json={**found, **facts})

        @contextmanager
        def service() -> Iterator[Client]:
            with Client("http://testserver", transport=httpx.MockTransport(answer)) as client:
                yield client

        monkeypatch.setattr(server_check, "service", service)
        server_check.show(as_json=False)

        assert line in capsys.readouterr().out.splitlines()


class TestServe:
    def test_a_server_without_a_key_is_refused_at_the_start(self, tmp_path: Path) -> None:
        done = paribus(
            "serve", "--dev", "--port", "0", "--data-dir", tmp_path,
            env={"PARIBUS_WANDB_BASE_URL": URL},
        )  # fmt: skip

        assert done.returncode == 2
        assert "PARIBUS_WANDB_API_KEY" in done.stderr
