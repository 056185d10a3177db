"""A run's history in other forms than pages of rows: CSV, JSON lines, Parquet, joined on an x."""

import csv
import io
import json
import math
from importlib import import_module
from typing import Any

import pyarrow.parquet
import pytest
from fastapi.testclient import TestClient

from paribus_service.orchestration import history_rows, history_tables, table_files
from tests.factories import Lab
from tests.service.api.logged_runs import logged_run, rows_of

RUNS = "/api/v1/runs"
ROWS = [
    {"_step": 0, "loss": 0.5, "note": "first"},
    {"_step": 1, "lr": 1e-05, "deep": {"norm": 2}},
    {"_step": 2, "loss": math.nan, "lr": math.inf},
]
RESUMED = [
    {"_step": 0, "train/global_step": 10, "train/epoch": 0.5, "train/loss": 3},
    {"_step": 1, "train/global_step": 20, "train/epoch": 1, "train/loss": 2},
    {"_step": 2, "train/global_step": 20, "train/epoch": 1, "train/loss": 1},
    {"_step": 3, "train/global_step": 20, "train/epoch": 1, "eval/loss": 4},
]
"""Step 20 was trained again; a look at the evaluation set is a row of its own."""


@pytest.fixture
def run_id(lab: Lab) -> str:
    return logged_run(lab, ROWS)


@pytest.fixture
def resumed(lab: Lab) -> str:
    return logged_run(lab, RESUMED)


def table(api: TestClient, run_id: str, **params: Any) -> list[list[str]]:
    """The lines of a history as CSV."""
    answer = api.get(f"{RUNS}/{run_id}/history", params={"format": "csv", **params})
    assert answer.status_code == 200, answer.text
    return list(csv.reader(io.StringIO(answer.text)))


def refused(api: TestClient, run_id: str, **params: Any) -> dict[str, Any]:
    answer = api.get(f"{RUNS}/{run_id}/history", params=params)
    assert answer.status_code == 422, answer.text
    [problem] = answer.json()["errors"]
    return problem


class TestCsv:
    def test_it_holds_numbers_in_a_fixed_order_with_holes(
        self, api: TestClient, run_id: str
    ) -> None:
        assert table(api, run_id) == [
            ["_step", "deep.norm", "loss", "lr"],
            ["0", "", "0.5", ""],
            ["1", "2", "", "1e-05"],
            ["2", "", "NaN", "Infinity"],
        ]

    def test_what_has_no_number_is_named(self, api: TestClient, run_id: str) -> None:
        answer = api.get(f"{RUNS}/{run_id}/history?format=csv")

        assert answer.headers["X-Paribus-Left-Out"] == "note"
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert f'filename="{run_id}.csv"' in answer.headers["Content-Disposition"]

    def test_keys_choose_rows_and_columns(self, api: TestClient, run_id: str) -> None:
        assert table(api, run_id, keys="lr,loss", min_step=1) == [
            ["_step", "lr", "loss"],
            ["1", "1e-05", ""],
            ["2", "Infinity", "NaN"],
        ]
        assert table(api, run_id, keys="loss", max_step=1) == [["_step", "loss"], ["0", "0.5"]]

    def test_long_ones_come_in_stretches_that_join(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(history_tables, "ROWS_AT_ONCE", 3)
        run_id = logged_run(lab, rows_of(range(10)))

        assert [row[1] for row in table(api, run_id)] == ["loss", *map(str, range(10))]

    def test_a_run_that_has_logged_nothing_is_a_line_of_names(
        self, api: TestClient, lab: Lab
    ) -> None:
        assert table(api, logged_run(lab, [])) == [["_step"]]


class TestJoinedOnAnX:
    def test_steps_that_were_trained_again_stand_once(self, api: TestClient, resumed: str) -> None:
        assert table(api, resumed, x="step", keys="train/loss,eval/loss") == [
            ["step", "train/loss", "eval/loss"],
            ["10", "3", ""],
            ["20", "1", "4"],
        ]

    def test_points_at_one_x_are_rows_and_their_last_ones_share_one(
        self, api: TestClient, lab: Lab
    ) -> None:
        rows = [{"_step": i, "epoch": 1, "loss": i} for i in range(3)]
        run_id = logged_run(lab, [*rows, {"_step": 3, "epoch": 1, "eval/loss": 9}])

        assert table(api, run_id, x="epoch", keys="loss,eval/loss")[1:] == [
            ["1", "0", ""],
            ["1", "1", ""],
            ["1", "2", "9"],
        ]

    def test_a_part_of_the_steps_is_taken(self, api: TestClient, resumed: str) -> None:
        lines = table(api, resumed, x="epoch", keys="train/loss", min_step=2)

        assert lines == [["epoch", "train/loss"], ["1", "1"]]

    def test_json_comes_in_pages(self, api: TestClient, lab: Lab) -> None:
        run_id = logged_run(lab, rows_of([1, 2, math.nan]))
        url = f"{RUNS}/{run_id}/history?x=step&keys=loss&page_size=2"

        first = api.get(url).json()
        rest = api.get(f"{url}&page_token={first['next_page_token']}").json()

        assert first["items"] == [{"step": 1, "loss": 1}, {"step": 2, "loss": 2}]
        assert rest == {"items": [{"step": 3, "loss": "NaN"}], "next_page_token": None}

    def test_json_lines_are_of_the_joined_rows(self, api: TestClient, resumed: str) -> None:
        text = api.get(f"{RUNS}/{resumed}/history?x=epoch&format=jsonl&keys=train/loss").text

        assert [json.loads(line) for line in text.splitlines()] == [
            {"epoch": 0.5, "train/loss": 3},
            {"epoch": 1, "train/loss": 1},
        ]

    def test_all_keys_are_joined_where_none_is_named(self, api: TestClient, resumed: str) -> None:
        names = table(api, resumed, x="train/global_step")[0]

        assert names == ["train/global_step", "_step", "eval/loss", "train/epoch", "train/loss"]

    def test_a_role_names_the_key_of_an_x(self, api: TestClient, lab: Lab) -> None:
        run_id = logged_run(lab, [{"_step": 1, "my/epoch": 7, "loss": 1}])

        lines = table(api, run_id, x="epoch", keys="loss", role="epoch:my/epoch")

        assert lines[1:] == [["7", "1"]]


class TestJsonLines:
    def test_they_are_rows_as_they_came(self, api: TestClient, run_id: str) -> None:
        answer = api.get(f"{RUNS}/{run_id}/history?format=jsonl")

        assert [json.loads(line) for line in answer.text.splitlines()] == [
            ROWS[0], ROWS[1], {"_step": 2, "loss": "NaN", "lr": "Infinity"},
        ]  # fmt: skip
        assert answer.headers["Content-Type"] == "application/jsonl"

    def test_nested_keys_are_named_with_dots(self, api: TestClient, run_id: str) -> None:
        text = api.get(f"{RUNS}/{run_id}/history?format=jsonl&keys=deep.norm,note").text

        assert [json.loads(line) for line in text.splitlines()] == [
            {"_step": 0, "note": "first"}, {"_step": 1, "deep.norm": 2},
        ]  # fmt: skip

    def test_long_ones_are_read_in_stretches_that_join(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(history_rows, "_LINES_AT_ONCE", 3)
        run_id = logged_run(lab, rows_of(range(9)))

        lines = api.get(f"{RUNS}/{run_id}/history?format=jsonl&min_step=2").text.splitlines()

        assert [json.loads(line)["_step"] for line in lines] == list(range(2, 10))


class TestParquet:
    def test_columns_are_doubles_with_nulls_for_holes(self, api: TestClient, run_id: str) -> None:
        answer = api.get(f"{RUNS}/{run_id}/history?format=parquet&keys=loss,lr")

        found = pyarrow.parquet.read_table(io.BytesIO(answer.content))
        assert found.column_names == ["_step", "loss", "lr"]
        assert {str(field.type) for field in found.schema} == {"double"}
        assert found["lr"].to_pylist() == [None, 1e-05, math.inf]
        assert math.isnan(found["loss"].to_pylist()[2])
        assert found["loss"].null_count == 1

    def test_without_pyarrow_it_says_what_to_install(
        self, api: TestClient, run_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def missing(name: str) -> Any:
            if name.startswith("pyarrow"):
                raise ImportError(name)
            return import_module(name)

        monkeypatch.setattr(table_files, "import_module", missing)

        problem = refused(api, run_id, format="parquet")

        assert problem["pointer"] == "?format"
        assert 'pip install "paribus[parquet]"' in problem["hint"]


class TestForms:
    @pytest.mark.parametrize(
        ("accept", "kind"),
        [
            ("text/csv", "text/csv; charset=utf-8"),
            ("application/x-ndjson, */*;q=0.1", "application/jsonl"),
            ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
            ("image/png", "application/json"),
            ("*/*", "application/json"),
        ],
    )
    def test_accept_chooses(self, api: TestClient, run_id: str, accept: str, kind: str) -> None:
        answer = api.get(f"{RUNS}/{run_id}/history", headers={"Accept": accept})

        assert answer.headers["Content-Type"] == kind
        assert answer.headers["Vary"] == "Accept"

    def test_format_wins(self, api: TestClient, run_id: str) -> None:
        answer = api.get(f"{RUNS}/{run_id}/history?format=csv", headers={"Accept": "image/png"})

        assert answer.headers["Content-Type"].startswith("text/csv")

    @pytest.mark.parametrize("form", ["json", "jsonl", "csv", "parquet"])
    def test_what_has_not_changed_is_304(self, api: TestClient, run_id: str, form: str) -> None:
        url = f"{RUNS}/{run_id}/history?format={form}"
        seen = {"If-None-Match": api.get(url).headers["ETag"]}

        assert api.get(url, headers=seen).status_code == 304
        assert api.get(f"{url}&keys=loss", headers=seen).status_code == 200


class TestRefusals:
    @pytest.mark.parametrize("form", ["json", "jsonl", "csv", "parquet"])
    def test_a_key_that_was_never_logged_is_refused_with_the_nearest(
        self, api: TestClient, run_id: str, form: str
    ) -> None:
        problem = refused(api, run_id, keys="los", format=form)

        assert problem["pointer"] == "?keys"
        assert problem["hint"] == "did you mean 'loss'?"

    def test_far_from_all_they_are_listed(self, api: TestClient, run_id: str) -> None:
        hint = refused(api, run_id, keys="zzz")["hint"]

        assert hint == "there are _step, deep, loss, lr, note"

    @pytest.mark.parametrize(
        ("params", "pointer", "says"),
        [
            ({"keys": "note", "format": "csv"}, "?keys", "has logged 'note' as a number"),
            ({"x": "epoch"}, "?x", "no logged key is known as epoch"),
            ({"x": "lrr"}, "?x", "did you mean 'lr'"),
            ({"x": ""}, "?x", "expected one of step"),
            ({"x": "step", "role": "epok:lr"}, "?role", "did you mean 'epoch'"),
            ({"format": "csv", "page_token": "x"}, "?page_token", "has no pages"),
            ({"format": "xlsx"}, "?format", "json"),
            ({"page_token": "x"}, "?page_token", "no page token"),
            ({"page_token": "x", "x": "step"}, "?page_token", "no page token"),
        ],
    )
    def test_each_says_which_parameter_and_what_to_do(
        self, api: TestClient, run_id: str, params: dict[str, Any], pointer: str, says: str
    ) -> None:
        problem = refused(api, run_id, **params)

        assert problem["pointer"] == pointer
        assert says in f"{problem['message']} {problem['hint']}"

    @pytest.mark.parametrize("x", [None, "step"])
    def test_a_table_that_is_too_large_says_how_to_ask_for_less(
        self, api: TestClient, run_id: str, monkeypatch: pytest.MonkeyPatch, x: str | None
    ) -> None:
        monkeypatch.setattr(history_tables, "MOST_VALUES", 2)

        problem = refused(api, run_id, format="csv", keys="loss", **({"x": x} if x else {}))

        assert problem["message"].startswith("2 rows of 2 columns are more than the 2 values")

    def test_an_unknown_run_is_404(self, api: TestClient) -> None:
        assert api.get(f"{RUNS}/run-nothere/history?format=csv").status_code == 404


class TestBadHistories:
    @pytest.mark.parametrize(
        "rows",
        [
            [],
            rows_of([1]),
            rows_of([math.nan] * 3),
            rows_of([1, "high", None, [1], {"_type": "image"}]),
            [{"_step": step, "_timestamp": 9 - step, "loss": 1} for step in (5, 3, 9, 3)],
            [{"_step": 10**400, "loss": -(10**400)}, {"loss": 1e300}],
            [{'a "quoted", key\n': 1}],
        ],
        ids=["none", "one", "nan", "mixed", "back", "beyond floats", "odd key"],
    )
    def test_nothing_is_a_5xx_in_any_form(
        self, api: TestClient, lab: Lab, rows: list[dict[str, Any]]
    ) -> None:
        url = f"{RUNS}/{logged_run(lab, rows)}/history"

        for form in ("json", "jsonl", "csv", "parquet"):
            assert api.get(url, params={"format": form}).status_code == 200
            for x in ("step", "wall_time"):
                answer = api.get(url, params={"format": form, "x": x})
                said = answer.status_code == 200 or answer.json()["errors"][0]["pointer"] == "?x"
                assert said, (form, x, answer.text)
