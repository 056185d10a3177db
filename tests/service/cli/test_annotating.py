"""`paribus annotate` and `paribus import --annotate`, against a service in this process."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from paribus_service.cli import annotating, remote
from paribus_service.client import ApiError
from paribus_service.errors import UpstreamBusy, UpstreamRefusedKey, UpstreamUnreachable
from paribus_service.store import sweeps as sweep_store
from tests.factories import grid_config
from tests.service.cli.conftest import paribus
from tests.service.cli.desk import LOSS, Desk, open_desk

URL = "https://wandb.test"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        for number, lr in enumerate((0.1, 0.2, 0.4)):
            desk.there.add_run(f"r{number}", config={"lr": lr}, summary={"loss": lr})
        yield desk


class TestAnnotating:
    def test_it_says_what_was_written_and_how_it_is_taken_back(
        self, desk: Desk, capsys: pytest.CaptureFixture[str]
    ) -> None:
        desk.take_in()
        capsys.readouterr()

        code = desk.annotate()

        told = capsys.readouterr()
        assert (code, told.out.splitlines()) == (
            0,
            [
                "lab/imdb on https://wandb.test: 3 runs of 3 annotated, 3 changes sent",
                "Take it back:  paribus annotate lab/imdb --remove",
            ],
        )
        assert "annotating lab/imdb: 3 of 3 runs seen" in told.err

    def test_taking_back_says_so(self, desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
        desk.take_in()
        desk.annotate()
        capsys.readouterr()

        code = desk.annotate(question={}, remove=True)

        assert (code, capsys.readouterr().out.splitlines()) == (
            0,
            ["lab/imdb on https://wandb.test: 0 runs of 3 annotated, 3 changes sent"],
        )

    def test_a_dry_run_prints_and_writes_nothing(
        self, desk: Desk, capsys: pytest.CaptureFixture[str]
    ) -> None:
        desk.take_in()
        capsys.readouterr()

        code = desk.annotate(dry_run=True)

        out = capsys.readouterr().out
        assert (code, desk.there.written) == (0, [])
        assert out.startswith(
            "Nothing is written. 3 runs of 3 looked at (3 in all) would be annotated."
        )
        assert "r0: paribus:best\n  The best run of all.\n" in out
        assert "r1: no tags\n" in out

    @pytest.mark.parametrize(("chosen", "key"), [({}, "annotated"), ({"dry_run": True}, "runs")])
    def test_json_is_what_the_service_says(
        self, desk: Desk, capsys: pytest.CaptureFixture[str], chosen: dict[str, Any], key: str
    ) -> None:
        desk.take_in()
        capsys.readouterr()

        desk.annotate(as_json=True, **chosen)

        assert key in json.loads(capsys.readouterr().out)

    def test_what_was_left_is_named_and_counts_as_not_well(
        self, desk: Desk, capsys: pytest.CaptureFixture[str]
    ) -> None:
        summary = {"loss": 1.0, "paribus/best_for": "mine"}
        for number in range(25):
            desk.there.add_run(f"own{number}", config={"opt": f"o{number}"}, summary=summary)
        desk.take_in()
        capsys.readouterr()

        code = desk.annotate(question={**LOSS, "factors": ["opt"]})

        lines = capsys.readouterr().out.splitlines()
        assert code == 1
        assert lines[1] == (
            "  - own0: its summary had a key 'paribus/best_for' before, which was left as it is"
        )
        assert lines[-2] == "  - and 5 more: --json has them"

    def test_a_server_that_is_down_or_busy_is_waited_for(self, desk: Desk) -> None:
        desk.take_in()
        down = UpstreamUnreachable(URL, "answer", "refused")
        desk.there.fail(down, on="server", times=3)
        desk.there.fail(UpstreamBusy(URL, "answer", 9), on="annotate_run")

        code = desk.annotate()

        assert (code, desk.paused) == (0, [2, 4, 8, 9])
        assert len(desk.there.written) == 3

    @pytest.mark.parametrize("on", ["server", "annotate_run"])
    def test_patience_ends(self, desk: Desk, capsys: pytest.CaptureFixture[str], on: str) -> None:
        desk.take_in()
        desk.there.fail(UpstreamUnreachable(URL, "answer", "refused"), on=on, times=99)

        code = desk.annotate(patience_minutes=1.0)

        assert code == 3
        assert "what is written stays, and the same command goes on" in capsys.readouterr().err

    def test_a_key_without_rights_is_one_sentence(self, desk: Desk) -> None:
        desk.take_in()
        desk.there.fail(UpstreamRefusedKey(URL, "annotate", "no rights"), on="annotate_run")

        with pytest.raises(ApiError, match="refused the key: no rights; set PARIBUS_WANDB_API"):
            desk.annotate()

    def test_ctrl_c_leaves_it_where_it_is(
        self, desk: Desk, capsys: pytest.CaptureFixture[str]
    ) -> None:
        desk.take_in()
        desk.there.fail(UpstreamUnreachable(URL, "answer", "refused"), on="runs", times=2)

        def stop(_seconds: float) -> None:
            raise KeyboardInterrupt

        with pytest.raises(typer.Exit) as left:
            annotating.run(
                "lab/imdb", LOSS, remove=False, dry_run=False, patience_minutes=1, as_json=False,
                pause=stop,
            )  # fmt: skip

        assert left.value.exit_code == 0
        assert "the same command goes on where it was" in capsys.readouterr().err


class TestImporting:
    def test_nothing_is_written_unasked(self, desk: Desk) -> None:
        desk.take_in()

        assert desk.there.written == []

    def test_with_the_flag_findings_are_written_afterwards(
        self, desk: Desk, capsys: pytest.CaptureFixture[str]
    ) -> None:
        rows = [{"loss": 1 / (1 + i), "eval/loss": 0.5 + 0.01 * (i - 5) ** 2} for i in range(25)]
        run = desk.there.add_run("rising", rows=rows)

        code = desk.take_in(annotate=True)

        assert code == 0
        assert run.seen.tags == ["paribus:overfitting"]
        assert "1 run of 4 annotated" in capsys.readouterr().err

    def test_what_was_asked_before_is_asked_again(self, desk: Desk) -> None:
        desk.take_in()
        desk.annotate()
        desk.there.written.clear()

        desk.take_in(annotate=True)

        assert desk.there.written == []  # and the best run is still called so

    def test_a_folder_is_no_server(
        self, desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert desk.take_in(target=str(tmp_path), annotate=True) == 2
        assert "and not to a folder" in capsys.readouterr().err


class TestLaunching:
    def test_a_sweep_that_is_tracked_here_is_refused_before_it_is_made(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(remote, "service", annotating.service)
        config = tmp_path / "sweep.yaml"
        config.write_text(json.dumps(grid_config()))
        chosen = {"entity": None, "project": None, "dry_run": False, "follow": False}

        with pytest.raises(ApiError, match="the sweep is tracked here"):
            remote.launch(str(config), **chosen, annotate=True, as_json=True)
        remote.launch(str(config), **chosen, as_json=True)

        with desk.lab.reading() as session:
            assert len(sweep_store.list_sweeps(session, limit=5)) == 1


class TestTheCommandLine:
    def test_removing_goes_with_no_question(self) -> None:
        done = paribus("annotate", "lab/imdb", "--remove", "--response", "loss")

        assert done.returncode == 2
        assert "--remove takes back all of it" in done.stderr

    def test_its_help_says_what_stays(self) -> None:
        done = paribus("annotate", "--help")

        assert "What was there stays" in done.stdout
