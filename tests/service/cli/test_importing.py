"""`paribus import`, against a service in this process and a small W&B in memory."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from paribus_service.cli import folders, importing
from paribus_service.client import ApiError
from paribus_service.errors import ServiceError, UpstreamBusy, UpstreamUnreachable
from tests.service.cli.desk import Desk, open_desk

URL = "https://wandb.test"
ROWS = [{"loss": 1.0}, {"loss": 0.5}]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        yield desk


class TestAProject:
    def test_what_came_is_told_with_what_to_ask_next(
        self, desk: Desk, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for i in range(3):
            desk.there.add_run(f"r{i}", rows=ROWS)

        code = desk.take_in()

        told = capsys.readouterr()
        assert (code, told.out.splitlines()) == (
            0,
            [
                "lab/imdb of https://wandb.test is here as lab/imdb: 3 runs",
                "What can they tell?  paribus confounding lab/imdb",
            ],
        )
        assert told.err == "import of lab/imdb: 3 of 3 histories read\n"

    def test_progress_goes_by_turns(
        self,
        desk: Desk,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(importing, "SECONDS_A_TURN", 0.0)
        for i in range(2):
            desk.there.add_run(f"r{i}", rows=ROWS)

        desk.take_in()

        assert capsys.readouterr().err.splitlines() == [
            "import of lab/imdb: 0 of 2 histories read",
            "import of lab/imdb: 1 of 2 histories read",
            "import of lab/imdb: 2 of 2 histories read",
        ]

    def test_runs_that_are_here_already_are_named(
        self, desk: Desk, capsys: pytest.CaptureFixture[str]
    ) -> None:
        desk.lab.start("r1")
        desk.there.add_run("r1")

        code = desk.take_in()

        assert code == 1
        assert "0 runs, 1 left out or not whole\n  - r1: run lab/imdb/r1 is here already" in (
            capsys.readouterr().out
        )

    def test_a_rate_limit_is_waited_out(self, desk: Desk) -> None:
        desk.there.add_run("r1", rows=ROWS)
        desk.there.fail(UpstreamBusy(URL, "read", 45.0), on="history")

        code = desk.take_in()

        # 30 s and 15 s: it looks in between
        assert (code, desk.paused) == (0, [30.0, 15.0])
        assert desk.lab.run("r1").history_lines == 2

    def test_a_server_that_is_down_for_an_hour_costs_nothing_but_the_hour(
        self, desk: Desk
    ) -> None:
        desk.there.add_run("r1", rows=ROWS)
        began = desk.lab.clock.now()
        hour = 3600.0

        def down(name: str) -> None:
            passed = (desk.lab.clock.now() - began).total_seconds()
            if name == "history" and passed < hour:
                raise UpstreamUnreachable(URL, "read a history", "connection refused")

        desk.there.before_each = down

        code = desk.take_in(patience_minutes=120.0)

        # 2 + 4 + … + 256 s, then every 300 s: 8 tries and 11 more
        assert (code, desk.there.count("history")) == (0, 20)
        assert desk.lab.run("r1").history_lines == 2

    @pytest.mark.parametrize(
        "trouble", [UpstreamUnreachable(URL, "answer", "refused"), UpstreamBusy(URL, "answer", 9)]
    )
    def test_a_server_that_is_down_at_the_start_is_waited_for_as_well(
        self, desk: Desk, trouble: ServiceError, capsys: pytest.CaptureFixture[str]
    ) -> None:
        desk.there.add_run("r1", rows=ROWS)
        desk.there.fail(trouble, on="server", times=7)

        code = desk.take_in()

        assert (code, desk.paused) == (0, [2, 4, 8, 16, 30, 30, 30])
        assert capsys.readouterr().err.count("waiting for it") == 1
        assert desk.lab.run("r1").history_lines == 2

    def test_patience_with_the_start_ends(
        self, desk: Desk, capsys: pytest.CaptureFixture[str]
    ) -> None:
        desk.there.fail(UpstreamUnreachable(URL, "answer", "refused"), on="server", times=100)

        code = desk.take_in(patience_minutes=1.0)

        # 2 + 4 + 8 + 16 + 30 s; 30 more were more than a minute.
        assert (code, sum(desk.paused)) == (3, 60)
        assert "refused; try again later" in capsys.readouterr().err

    def test_what_does_not_pass_is_not_waited_for(self, desk: Desk) -> None:
        with pytest.raises(ApiError, match="has no project 'lab/nowhere'"):
            desk.take_in("lab/nowhere")

        assert desk.paused == []

    def test_patience_ends(self, desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
        desk.there.add_run("r1", rows=ROWS)
        desk.there.fail(UpstreamUnreachable(URL, "read", "down"), on="history", times=100)

        code = desk.take_in(patience_minutes=1.0)

        assert code == 3
        assert "what is here stays, and the same command goes on" in capsys.readouterr().err
        assert desk.lab.run("r1").history_lines == 0

    def test_json_is_the_answer_as_it_came(
        self, desk: Desk, capsys: pytest.CaptureFixture[str]
    ) -> None:
        desk.there.add_run("r1")

        desk.take_in(as_json=True, project="old")

        assert json.loads(capsys.readouterr().out)["into_project"] == "old"

    def test_a_filter_is_for_servers(
        self, desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert desk.take_in(str(tmp_path), filters="{}") == 2
        assert "--filter chooses runs of a server" in capsys.readouterr().err


class TestFolders:
    @pytest.mark.parametrize("inside", ["", "wandb", "wandb/offline-run-20260101_000000-ab"])
    def test_runs_are_found_from_each_of_the_folders(self, tmp_path: Path, inside: str) -> None:
        home = tmp_path / "wandb" / "offline-run-20260101_000000-ab"
        home.mkdir(parents=True)
        (home / "run-ab.wandb").touch()
        (tmp_path / "wandb" / "run-20260101_000000-cd").mkdir()  # without a file: no run

        found = folders.run_folders(tmp_path / inside)

        assert [(folder.path, folder.run_id) for folder in found] == [(home, "ab")]

    def test_a_run_that_was_logged_online_is_sent_only_by_its_own_name(
        self, tmp_path: Path
    ) -> None:
        home = tmp_path / "run-20260101_000000-ab"
        home.mkdir()
        (home / "run-ab.wandb").touch()

        assert folders.run_folders(tmp_path) == []
        assert [folder.run_id for folder in folders.run_folders(home)] == ["ab"]

    def test_an_empty_folder_holds_none(self, tmp_path: Path) -> None:
        assert folders.run_folders(tmp_path) == []
