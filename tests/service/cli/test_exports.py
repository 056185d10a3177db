"""`paribus curves | history` and the client's files, against a service on a real socket."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet
import pytest

from paribus_service.client import ApiError, Client, NotReachable
from tests.factories import Lab
from tests.service.api.logged_runs import rows_of, sweep_of
from tests.service.cli.conftest import Served


def words(text: str) -> str:
    """What was printed, wherever its lines are broken."""
    return " ".join(text.split())


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


@pytest.fixture
def client(served: Served) -> Any:
    with Client(served.url, served.api_key) as client:
        yield client


@pytest.fixture
def logged(lab: Lab) -> tuple[str, list[str]]:
    """Two runs of a sweep with three and two losses."""
    return sweep_of(lab, [rows_of([3, 2.5, 2]), rows_of([6, 5])])


class TestCurves:
    def test_people_see_where_lines_end(
        self, served: Served, logged: tuple[str, list[str]]
    ) -> None:
        done = served("curves", logged[0], "--keys", "loss", "--smoothing", "mean:3")

        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("2 lines over W&B steps, smoothed: ")
        assert "batch=8" in done.stdout
        assert "loss 3 3 2 3" in words(done.stdout)

    def test_a_file_is_written_as_its_name_ends(
        self, served: Served, logged: tuple[str, list[str]], tmp_path: Path
    ) -> None:
        sweep_id, runs = logged
        asked = ("curves", sweep_id, "--keys", "loss", "--group-by", "lr", "--from", "2", "--out")
        files = {form: tmp_path / f"curves.{form}" for form in ("csv", "jsonl", "parquet", "json")}

        done = [served(*asked, path) for path in files.values()]

        assert [one.returncode for one in done] == [0] * 4, done[0].stderr
        assert f"{files['csv']} is written" in done[0].stderr
        assert "Note: x is W&B steps" in done[0].stderr
        found = table(files["csv"].read_text())
        assert [row[0] for row in found] == ["run", runs[0], runs[0], runs[1], ""]
        assert len(files["jsonl"].read_text().splitlines()) == 4
        assert pyarrow.parquet.read_table(files["parquet"]).num_rows == 4
        assert json.loads(files["json"].read_text())["kind"] == "curves"
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
            path.name for path in files.values()
        )

    def test_every_option_reaches_the_service(
        self, served: Served, logged: tuple[str, list[str]]
    ) -> None:
        """Thinned to every second point, the first: 3 at 1 and 2 at 3, of which 3 is in range."""
        sweep_id, [one, _] = logged

        done = served(
            "curves", sweep_id, "--key", "loss", "--run", one, "--x", "_step", "--points", "9",
            "--thin-to", "2", "--phase", "0", "--common", "--to", "2", "--label-by", "lr",
            "--role", "epoch:loss", "--format", "csv",
        )  # fmt: skip

        assert done.returncode == 0, done.stderr
        [names, row] = table(done.stdout)
        assert names == ["run", "wandb_id", "name", "lr", "key", "x", "y"]
        assert (row[0], row[-2:]) == (one, ["1", "3"])

    def test_a_project_is_asked_with_its_sweeps(
        self, served: Served, logged: tuple[str, list[str]]
    ) -> None:
        found = served.json("curves", "lab/imdb", "--keys", "loss", "--sweeps", logged[0])

        assert [run["id"] for run in found["runs"]] == logged[1]

    def test_without_a_point_it_is_1(self, served: Served, lab: Lab) -> None:
        done = served("curves", sweep_of(lab, [[]])[0], "--keys", "loss")

        assert done.returncode == 1
        assert "loss was never logged as a number" in words(done.stdout)

    def test_a_sweep_without_runs_is_1(self, served: Served, lab: Lab) -> None:
        done = served("curves", lab.register(), "--keys", "loss")

        assert (done.returncode, done.stdout) == (1, "0 lines over step\n")

    def test_bands_are_shown_with_their_n(
        self, served: Served, logged: tuple[str, list[str]]
    ) -> None:
        done = served("curves", logged[0], "--keys", "loss", "--group-by", "lr")

        assert "loss 2 2 3.75 2" in words(done.stdout)  # (2.5 + 5) / 2 at step 2

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["run-1", "--keys", "loss"], "paribus history run-1"),
            (["SWEEP", "--keys", "los"], "did you mean 'loss'?"),
            (["SWEEP"], "keys"),
            (["SWEEP", "--keys", "loss", "--format", "csvv"], "did you mean 'csv'?"),
            (["SWEEP", "--keys", "loss", "--format", "parquet"], "--out FILE.parquet"),
            (["SWEEP", "--keys", "loss", "--format", "csv", "--json"], "leave one of the two out"),
            (["SWEEP", "--keys", "loss", "--out", "x.xlsx"], "a name that ends in .csv"),
            (["SWEEP", "--keys", "loss", "--role", "x"], "ROLE:KEY was expected"),
            (["SWEEP", "--keys", "loss", "--out", "no/such/x.csv"], "cannot be written"),
        ],
    )
    def test_what_cannot_be_written_is_2(
        self,
        served: Served,
        logged: tuple[str, list[str]],
        arguments: list[str],
        said: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)

        done = served("curves", *(logged[0] if a == "SWEEP" else a for a in arguments))

        assert done.returncode == 2
        assert said in words(done.stderr)
        assert list(tmp_path.iterdir()) == []


class TestHistory:
    ROWS = ({"_step": 0, "loss": 0.5, "note": "a"}, {"_step": 1, "loss": 0.25})

    @pytest.fixture
    def run_id(self, lab: Lab) -> str:
        return sweep_of(lab, [self.ROWS])[1][0]

    def test_numbers_are_printed_as_csv(self, served: Served, run_id: str) -> None:
        done = served("history", run_id)

        assert table(done.stdout) == [["_step", "loss"], ["0", "0.5"], ["1", "0.25"]]
        assert "without a number, and left out: note" in done.stderr

    def test_a_file_is_written_as_its_name_ends(
        self, served: Served, run_id: str, tmp_path: Path
    ) -> None:
        files = {form: tmp_path / f"run.{form}" for form in ("csv", "jsonl", "parquet", "json")}

        done = [served("history", run_id, "--out", path) for path in files.values()]

        assert [one.returncode for one in done] == [0] * 4
        assert json.loads(files["json"].read_text()) == list(self.ROWS)
        lines = files["jsonl"].read_text().splitlines()
        assert [json.loads(line) for line in lines] == list(self.ROWS)
        assert pyarrow.parquet.read_table(files["parquet"])["loss"].to_pylist() == [0.5, 0.25]
        assert files["csv"].read_text() == "_step,loss\n0,0.5\n1,0.25\n"

    def test_every_option_reaches_the_service(self, served: Served, run_id: str) -> None:
        asked = ("--keys", "loss", "--min-step", "0", "--max-step", "1", "--x", "epoch")

        done = served("history", run_id, *asked, "--role", "epoch:_step")

        assert table(done.stdout) == [["epoch", "loss"], ["0", "0.5"]]

    def test_a_run_without_rows_is_an_empty_list(self, served: Served, lab: Lab) -> None:
        assert served.json("history", sweep_of(lab, [[]])[1][0]) == []

    def test_a_refusal_leaves_the_file_as_it_was(
        self, served: Served, run_id: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "run.csv"
        path.write_text("kept")

        done = served("history", run_id, "--keys", "los", "--out", path)

        assert done.returncode == 2
        assert "did you mean 'loss'?" in done.stderr
        assert path.read_text() == "kept"


class TestClient:
    def test_curves_are_plain_json_or_a_file(
        self, client: Client, logged: tuple[str, list[str]]
    ) -> None:
        sweep_id, runs = logged

        found = client.curves(sweep_id, ["loss"], x="_step", from_=2, common=True)
        text = client.curves_file(sweep_id, ["loss"], x="_step", from_=2, common=True).decode()

        assert [line["y"] for line in found["series"]] == [[2.5], [5]]
        assert [row[-1] for row in table(text)[1:]] == ["2.5", "5.0"]

    def test_a_project_s_are_too(self, client: Client, logged: tuple[str, list[str]]) -> None:
        asked = {"sweeps": [logged[0]], "roles": {"epoch": "loss"}}

        found = client.project_curves("lab", "imdb", ["loss"], **asked)
        content = client.project_curves_file("lab", "imdb", ["loss"], format="jsonl", **asked)

        assert [run["id"] for run in found["runs"]] == logged[1]
        assert len(content.splitlines()) == 5

    def test_a_history_is_a_file_or_rows_on_an_x(
        self, client: Client, logged: tuple[str, list[str]]
    ) -> None:
        run_id = logged[1][0]

        content = client.history_file(run_id, format="parquet", keys=["loss"])

        assert pyarrow.parquet.read_table(io.BytesIO(content)).num_rows == 3
        assert list(client.history(run_id, keys=["loss"], x="share", min_step=3)) == [
            {"share": 1, "loss": 2}
        ]

    def test_a_refusal_keeps_its_facts(
        self, client: Client, logged: tuple[str, list[str]]
    ) -> None:
        with pytest.raises(ApiError) as caught:
            client.curves_file(logged[0], ["los"])

        assert caught.value.problems[0]["pointer"] == "?keys"

    @pytest.mark.parametrize(
        ("kind", "text"), [("application/json", "{}"), ("text/html", "<html>")]
    )
    def test_another_program_at_the_address_is_told_apart(self, kind: str, text: str) -> None:
        answer = httpx.Response(200, text=text, headers={"content-type": kind})

        client = Client(transport=httpx.MockTransport(lambda _: answer))

        with client, pytest.raises(NotReachable):
            client.history_file("run-1")

    def test_a_table_that_breaks_off_is_no_table(self) -> None:
        def breaks() -> Any:
            yield b"run,x\n"
            raise httpx.ReadError("gone")

        answer = httpx.Response(200, content=breaks(), headers={"content-type": "text/csv"})

        client = Client(transport=httpx.MockTransport(lambda _: answer))

        with client, pytest.raises(NotReachable, match="gone"):
            client.history_file("run-1")
