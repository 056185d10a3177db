"""Curves in other forms than JSON: one long table as CSV, JSON lines and Parquet."""

import csv
import io
import json
import math
from typing import Any
from urllib.parse import unquote

import pyarrow.parquet
import pytest
from fastapi.testclient import TestClient

from paribus_service.api import table_forms
from paribus_service.app import create_app
from paribus_service.orchestration import curve_tables
from tests.factories import Lab
from tests.service.api.conftest import settings_of
from tests.service.api.logged_runs import rows_of, sweep_of
from tests.service.api.studies import loose_run

API = "/api/v1"
FORMS = ("csv", "jsonl", "parquet")


def asked(api: TestClient, sweep_id: str, **params: Any) -> Any:
    answer = api.get(f"{API}/sweeps/{sweep_id}/curves", params={"keys": "loss", **params})
    assert answer.status_code == 200, answer.text
    return answer


def table(api: TestClient, sweep_id: str, **params: Any) -> list[list[str]]:
    """The lines of curves as CSV."""
    return list(csv.reader(io.StringIO(asked(api, sweep_id, format="csv", **params).text)))


def notes(answer: Any) -> list[str]:
    return [unquote(text) for text in answer.headers["X-Paribus-Notes"].split(",")]


def written(api: TestClient, sweep_id: str, form: str, **params: Any) -> list[dict[str, Any]]:
    """The rows of any form, without what is empty, as texts."""
    answer = asked(api, sweep_id, format=form, **params)
    if form == "csv":
        rows: Any = csv.DictReader(io.StringIO(answer.text))
    elif form == "jsonl":
        rows = map(json.loads, answer.text.splitlines())
    else:
        rows = pyarrow.parquet.read_table(io.BytesIO(answer.content)).to_pylist()
    return [{k: _same(v) for k, v in row.items() if v not in (None, "")} for row in rows]


def _same(value: Any) -> Any:
    try:
        return float(value)
    except ValueError:
        return value


@pytest.fixture
def two(lab: Lab) -> tuple[str, list[str]]:
    return sweep_of(lab, [rows_of([3, 2.5], every=10), rows_of([6])])


class TestLines:
    def test_each_point_is_a_row_behind_what_it_is_of(
        self, api: TestClient, two: tuple[str, list[str]]
    ) -> None:
        sweep_id, _ = two
        [one, other] = asked(api, sweep_id).json()["runs"]

        [names, *rows] = table(api, sweep_id)

        assert names == ["run", "wandb_id", "name", "batch", "key", "x", "y"]
        first, second = ([run["id"], run["wandb_id"], run["name"]] for run in (one, other))
        assert [row[:3] + row[4:] for row in rows] == [
            [*first, "loss", "10", "3.0"],
            [*first, "loss", "20", "2.5"],
            [*second, "loss", "1", "6.0"],
        ]
        assert rows[0][3] != rows[2][3]

    def test_smoothed_values_stand_beside(self, api: TestClient, lab: Lab) -> None:
        """By hand: 1.25 over 0.75."""
        sweep_id, _ = sweep_of(lab, [rows_of([1, 2])])

        [names, *rows] = table(api, sweep_id, smoothing="ema:0.5")

        assert names[-3:] == ["x", "y", "smoothed"]
        assert [float(cell) for cell in rows[1][-3:]] == pytest.approx([2, 2, 5 / 3])

    def test_keys_are_one_below_the_other(self, api: TestClient, lab: Lab) -> None:
        rows = [{"_step": 1, "loss": 1.5, "lr": 0.5}]
        sweep_id, _ = sweep_of(lab, [rows])

        lines = table(api, sweep_id, keys="lr,loss")[1:]

        assert [line[-3:] for line in lines] == [["lr", "1", "0.5"], ["loss", "1", "1.5"]]

    def test_a_label_that_is_called_as_a_column_has_another_one(self) -> None:
        columns = curve_tables._label_columns(["batch", "x", "label.x"])

        assert columns == {"batch": "batch", "x": "label.x", "label.x": "label.label.x"}

    def test_long_ones_come_in_stretches_that_join(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(curve_tables, "ROWS_AT_ONCE", 3)
        sweep_id, _ = sweep_of(lab, [rows_of(range(10))] * 2)

        lines = table(api, sweep_id)[1:]

        assert [line[-1] for line in lines] == [*map(str, range(10))] * 2

    def test_a_project_s_runs_are_a_file_too(self, api: TestClient, lab: Lab) -> None:
        loose_run(lab, "aaa", {"lr": 0.1}, {"loss": 1})
        lab.log("aaa", json.dumps({"_step": 1, "loss": 0.5}))

        answer = api.get(f"{API}/projects/lab/imdb/curves?keys=loss&format=csv")

        assert answer.text.splitlines()[1].endswith("loss,1,0.5")
        assert 'filename="curves-lab-imdb.csv"' in answer.headers["Content-Disposition"]


class TestBands:
    def test_they_follow_the_lines_with_their_n(self, api: TestClient, lab: Lab) -> None:
        """Runs with 1 and 3: mean 2, sd sqrt(2), t(0.975, 1) = 12.7062 over sqrt(2): 2 ± 12.7."""
        sweep_id, runs = sweep_of(lab, [rows_of([1]), rows_of([3])])

        rows = written(api, sweep_id, "csv", group_by="lr")

        assert [row.get("run") for row in rows] == [*runs, None]
        assert rows[0]["y"] == 1
        assert not {"n", "mean"} & set(rows[0])
        band = rows[2]
        assert [band[k] for k in ("n", "x", "mean", "min", "max")] == [2, 1, 2, 1, 3]
        assert band["sd"] == pytest.approx(math.sqrt(2))
        assert (band["low"], band["high"]) == pytest.approx((-10.7062, 14.7062), abs=1e-4)
        assert len({row["lr"] for row in rows}) == 1  # lines carry what their band agrees in
        assert [row.get("batch") is None for row in rows] == [False, False, True]

    def test_columns_stand_in_a_fixed_order(self, api: TestClient, lab: Lab) -> None:
        sweep_id, _ = sweep_of(lab, [rows_of([1])])

        names = table(api, sweep_id, group_by="batch", smoothing="mean:3")[0]

        assert names == [
            "run", "wandb_id", "name", "batch", "key", "x", "y", "smoothed",
            "n", "mean", "min", "max", "sd", "low", "high",
        ]  # fmt: skip

    def test_one_run_has_no_interval(self, api: TestClient, lab: Lab) -> None:
        sweep_id, _ = sweep_of(lab, [rows_of([1])])

        band = written(api, sweep_id, "jsonl", group_by="batch")[-1]

        assert band["n"] == 1
        assert not {"sd", "low", "high", "y"} & set(band)


class TestForms:
    def test_all_say_the_same(self, api: TestClient, lab: Lab) -> None:
        sweep_id, _ = sweep_of(lab, [rows_of([0.1, 1e300, 7]), rows_of([2, 1])])
        drawn = {"group_by": "batch", "smoothing": "ema:0.6"}

        first, *others = (written(api, sweep_id, form, **drawn) for form in FORMS)

        assert len(first) > 5
        assert all(rows == first for rows in others)

    def test_parquet_has_texts_numbers_and_its_notes(
        self, api: TestClient, two: tuple[str, list[str]]
    ) -> None:
        content = asked(api, two[0], format="parquet", group_by="batch").content

        found = pyarrow.parquet.read_table(io.BytesIO(content))
        kinds = {field.name: str(field.type) for field in found.schema}
        assert (kinds["run"], kinds["batch"], kinds["y"]) == ("string", "string", "double")
        assert kinds["n"] == "int64"
        about = json.loads(found.schema.metadata[b"paribus"])
        assert about["x_name"] == "W&B steps"
        assert about["notes"][0] == "x is W&B steps"

    @pytest.mark.parametrize(
        ("accept", "kind"),
        [
            ("text/csv", "text/csv; charset=utf-8"),
            ("application/x-ndjson", "application/jsonl"),
            ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
            ("image/png", "application/json"),
        ],
    )
    def test_accept_chooses(
        self, api: TestClient, two: tuple[str, list[str]], accept: str, kind: str
    ) -> None:
        url = f"{API}/sweeps/{two[0]}/curves?keys=loss"

        answer = api.get(url, headers={"Accept": accept})

        assert answer.headers["Content-Type"] == kind
        assert answer.headers["Vary"] == "Accept"

    def test_what_has_not_changed_is_304_in_its_own_form_alone(
        self, api: TestClient, two: tuple[str, list[str]]
    ) -> None:
        url = f"{API}/sweeps/{two[0]}/curves?keys=loss"
        tags = {form: api.get(f"{url}&format={form}").headers["ETag"] for form in (*FORMS, "json")}

        assert len(set(tags.values())) == 4
        for form, tag in tags.items():
            seen = {"If-None-Match": tag}
            assert api.get(f"{url}&format={form}", headers=seen).status_code == 304
        assert (
            api.get(f"{url}&format=csv", headers={"If-None-Match": tags["json"]}).status_code
            == 200
        )


class TestNotes:
    def test_they_say_what_x_is_and_what_was_left_out(self, api: TestClient, lab: Lab) -> None:
        histories = [rows_of([1, math.nan]), []]
        sweep_id, _ = sweep_of(lab, histories)

        told = notes(asked(api, sweep_id, format="csv"))

        assert told[0] == "x is W&B steps"
        assert any("1 value of 2 NaN or infinite: not drawn" in note for note in told)
        assert any("loss was never logged as a number" in note for note in told)

    def test_more_than_a_header_holds_are_counted(self) -> None:
        """20 notes of 150 bytes: 13 with commas between are 1,962 bytes, 14 are beyond 2,000."""
        told = table_forms.notes_in_header([f"{n:03}" + "a" * 147 for n in range(20)]).split(",")

        assert len(told) == 14
        assert unquote(told[-1]) == "7 more: format=json has them all"


class TestRefusals:
    @pytest.mark.parametrize(
        ("params", "pointer"),
        [({"keys": "los"}, "?keys"), ({"format": "xlsx"}, "?format"), ({"x": "lrr"}, "?x")],
    )
    def test_they_are_the_same_as_of_json(
        self, api: TestClient, two: tuple[str, list[str]], params: dict[str, Any], pointer: str
    ) -> None:
        query = {"keys": "loss", "format": "csv", **params}

        answer = api.get(f"{API}/sweeps/{two[0]}/curves", params=query)

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer


class TestBadHistories:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize(
        "rows",
        [
            [],
            rows_of([math.nan, math.inf]),
            rows_of([1e300, -1.7e308, 1.7e308]),
            [{"_step": 10**400, "loss": 10**400}],
            rows_of([1, "high", None, [1]]),
        ],
        ids=["none", "nan", "huge", "beyond floats", "mixed"],
    )
    def test_nothing_is_a_5xx(
        self, api: TestClient, lab: Lab, rows: list[dict[str, Any]], form: str
    ) -> None:
        sweep_id, _ = sweep_of(lab, [rows])

        answer = asked(api, sweep_id, format=form, group_by="batch", smoothing="twema:0.6")

        assert "NaN" not in answer.text if form != "parquet" else answer.content

    def test_a_sweep_without_runs_is_a_line_of_names(self, api: TestClient, lab: Lab) -> None:
        assert table(api, lab.register()) == [["run", "wandb_id", "name", "key", "x", "y"]]


class TestRoles:
    def test_the_service_s_own_names_of_keys_count(self, lab: Lab) -> None:
        sweep_id, _ = sweep_of(lab, [[{"_step": 1, "passes": 7, "loss": 1}]])
        app = create_app(settings_of(lab, finding_roles={"epoch": "passes"}), clock=lab.clock)

        with TestClient(app) as api:
            assert table(api, sweep_id, x="epoch")[1][-2] == "7"
