"""Curves of a sweep's and a project's runs over REST, with all that can be wrong with runs."""

import json
import math
from typing import Any

import pytest
from fastapi.testclient import TestClient

from paribus_service.orchestration import drawn_curves
from tests.factories import Lab
from tests.service.api.logged_runs import rows_of, sweep_of
from tests.service.api.studies import loose_run

API = "/api/v1"
SEEDED = {"replicates": {"seed": [0, 1]}}


def curves(api: TestClient, sweep_id: str, **params: Any) -> dict[str, Any]:
    answer = api.get(f"{API}/sweeps/{sweep_id}/curves", params={"keys": "loss", **params})
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(api: TestClient, sweep_id: str, **params: Any) -> dict[str, Any]:
    """The one problem of a request that is refused."""
    answer = api.get(f"{API}/sweeps/{sweep_id}/curves", params={"keys": "loss", **params})
    assert answer.status_code == 422, answer.text
    [problem] = answer.json()["errors"]
    return problem


class TestOverlay:
    def test_each_run_is_a_line_with_what_tells_it_apart(self, api: TestClient, lab: Lab) -> None:
        sweep_id, [first, second] = sweep_of(lab, [rows_of([3, 2, 1]), rows_of([6, 5])])

        answer = curves(api, sweep_id)

        assert [line["run"] for line in answer["series"]] == [first, second]
        assert [line["y"] for line in answer["series"]] == [[3, 2, 1], [6, 5]]
        assert answer["series"][0]["labels"] == {"batch": "8"}
        assert [run["id"] for run in answer["runs"]] == [first, second]
        assert answer["runs"][0]["url"].startswith("http://testserver/lab/imdb/runs/")
        assert (answer["kind"], answer["sweep_id"], answer["x_name"]) == (
            "curves", sweep_id, "W&B steps",
        )  # fmt: skip

    def test_runs_are_named_by_any_of_their_names(self, api: TestClient, lab: Lab) -> None:
        sweep_id, [first, second] = sweep_of(lab, [rows_of([1]), rows_of([2])])
        [one, other] = curves(api, sweep_id)["runs"]

        named = curves(api, sweep_id, runs=f"{other['wandb_id']},{one['name']}")

        assert [line["run"] for line in named["series"]] == [second, first]

    def test_smoothing_stands_beside_the_raw_line(self, api: TestClient, lab: Lab) -> None:
        """By hand: 0.5 and 1.25 over 0.5 and 0.75."""
        sweep_id, _ = sweep_of(lab, [rows_of([1, 2])])

        [line] = curves(api, sweep_id, smoothing="ema:0.5")["series"]

        assert line["y"] == [1, 2]
        assert line["smoothed"] == pytest.approx([1, 5 / 3])

    def test_a_dense_run_is_thinned_to_a_coarse_one(self, api: TestClient, lab: Lab) -> None:
        dense, coarse = rows_of(range(30), every=20), rows_of(range(3), every=200)
        sweep_id, [_, other] = sweep_of(lab, [dense, coarse])

        answer = curves(api, sweep_id, thin_to=other)

        assert [line["x"] for line in answer["series"]] == [[200, 400, 600], [200, 400, 600]]

    def test_seeds_are_bands(self, api: TestClient, lab: Lab) -> None:
        """Four settings with two seeds each."""
        histories = [rows_of([value, value]) for value in range(8)]
        sweep_id, runs = sweep_of(lab, histories, **SEEDED)

        answer = curves(api, sweep_id, group_by="all_but:seed")

        assert [band["n"] for band in answer["bands"]] == [2, 2, 2, 2]
        assert sorted(run for band in answer["bands"] for run in band["runs"]) == sorted(runs)
        assert all(band["interval"]["level"] == 0.95 for band in answer["bands"])

    def test_a_part_of_x_and_few_points_are_given(self, api: TestClient, lab: Lab) -> None:
        values = [0.0] * 100
        values[70] = 9.0
        sweep_id, _ = sweep_of(lab, [rows_of(values)])

        [line] = curves(api, sweep_id, **{"from": 51, "to": 90, "points": 4})["series"]

        assert 9 in line["y"]
        assert (line["points"], line["stands_for"]) == (3, 40)

    def test_a_project_draws_runs_that_no_sweep_made(self, api: TestClient, lab: Lab) -> None:
        for name, lr in (("aaa", 0.1), ("bbb", 0.2)):
            loose_run(lab, name, {"lr": lr, "seed": 1}, {"loss": 1})
            lab.log(name, json.dumps({"_step": 1, "loss": lr}))

        answer = api.get(f"{API}/projects/lab/imdb/curves?keys=loss&group_by=lr").json()

        assert [line["labels"] for line in answer["series"]] == [{"lr": "0.1"}, {"lr": "0.2"}]
        assert [band["label"] for band in answer["bands"]] == ["lr=0.1", "lr=0.2"]
        assert answer["project"] == "lab/imdb"


class TestPolling:
    def test_what_has_not_changed_is_304_and_more_rows_are_another_answer(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep_id, _ = sweep_of(lab, [rows_of([1])])
        url = f"{API}/sweeps/{sweep_id}/curves?keys=loss"
        first = api.get(url)
        seen = {"If-None-Match": first.headers["ETag"]}

        assert api.get(url, headers=seen).status_code == 304
        lab.log(first.json()["runs"][0]["wandb_id"], '{"_step": 2, "loss": 2}', offset=1)
        again = api.get(url, headers=seen)

        assert again.status_code == 200
        assert again.json()["series"][0]["y"] == [1, 2]


class TestLimits:
    def test_runs_beyond_what_one_answer_holds_are_said(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(drawn_curves, "MOST_LINES", 2)
        sweep_id, _ = sweep_of(lab, [rows_of([1])] * 3)

        answer = curves(api, sweep_id)

        assert len(answer["series"]) == 2
        assert answer["notes"][0].startswith("2 of 3 runs are drawn: one answer holds 2 lines")

    def test_so_are_runs_with_more_rows_together(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(drawn_curves, "MOST_ROWS", 5)
        sweep_id, _ = sweep_of(lab, [rows_of([1, 2, 3])] * 2)

        assert len(curves(api, sweep_id)["series"]) == 1

    def test_points_beyond_are_fewer_a_line(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(drawn_curves, "MOST_POINTS", 20)
        sweep_id, _ = sweep_of(lab, [rows_of(range(50))] * 2)

        answer = curves(api, sweep_id)

        assert all(line["points"] <= 10 for line in answer["series"])
        assert "10 points a line: one answer holds 20 of them" in answer["notes"]


class TestRefusals:
    @pytest.fixture
    def sweep_id(self, lab: Lab) -> str:
        rows = [{"_step": 1, "loss": 1.0, "lr": 0.1, "note": "x", "deep": {"norm": 2}}]
        return sweep_of(lab, [rows])[0]

    @pytest.mark.parametrize(
        ("params", "pointer", "says"),
        [
            ({"keys": "los"}, "?keys", "did you mean 'loss'"),
            ({"keys": "note"}, "?keys", "none of these runs has logged 'note' as a number"),
            ({"keys": ""}, "?keys", "name at least one logged key"),
            ({"x": "lrr"}, "?x", "did you mean 'lr'"),
            ({"x": "key:"}, "?x", "expected one of step"),
            ({"smoothing": "emma:1"}, "?smoothing", "did you mean 'ema'"),
            ({"smoothing": "ema:2"}, "?smoothing", "from 0 up to"),
            ({"thin_to": "nobody"}, "?thin_to", "none of the runs that are drawn"),
            ({"phase": 1}, "?phase", "give thin_to too"),
            ({"phase": 8, "thin_to": 8}, "?phase", "expected 0 to 7"),
            ({"from": 2, "to": 1}, "?from", "it lies beyond to"),
            ({"from": "nan"}, "?from", "finite"),
            ({"points": 3}, "?points", "greater than or equal to 4"),
            ({"group_by": "batchh"}, "?group_by", "did you mean 'batch'"),
            ({"runs": "run-nothere"}, "?runs", "there is no run 'run-nothere' here"),
            ({"role": "epoch"}, "?role", "expected ROLE:VALUE"),
            ({"role": "epok:lr"}, "?role", "did you mean 'epoch'"),
            ({"smooth": "ema:0.6"}, "?smooth", "there is no 'smooth'"),
        ],
    )
    def test_each_says_which_parameter_and_what_to_do(
        self, api: TestClient, sweep_id: str, params: dict[str, Any], pointer: str, says: str
    ) -> None:
        problem = refused(api, sweep_id, **params)

        assert problem["pointer"] == pointer
        assert says in f"{problem['message']} {problem['hint']}"

    def test_a_name_that_two_runs_have_is_no_name(self, api: TestClient, lab: Lab) -> None:
        sweep_id, runs = sweep_of(lab, [rows_of([1]), rows_of([2])])
        with lab.writing() as session:
            for run in runs:
                session.merge(
                    lab.run(api.get(f"{API}/runs/{run}").json()["wandb_id"])
                ).display_name = "twin"

        problem = refused(api, sweep_id, runs="twin")

        assert problem["message"] == "2 runs are called 'twin'"
        assert runs[0] in problem["hint"]

    def test_without_keys_it_is_refused(self, api: TestClient, sweep_id: str) -> None:
        assert api.get(f"{API}/sweeps/{sweep_id}/curves").status_code == 422

    def test_an_unknown_sweep_and_project_are_404(self, api: TestClient) -> None:
        assert api.get(f"{API}/sweeps/nothere/curves?keys=loss").status_code == 404
        assert api.get(f"{API}/projects/lab/no/curves?keys=loss").status_code == 404

    def test_without_a_key_nothing_is_shown(self, locked_api: TestClient, sweep_id: str) -> None:
        assert locked_api.get(f"{API}/sweeps/{sweep_id}/curves?keys=loss").status_code == 401


class TestBadHistories:
    def test_a_sweep_without_runs_draws_nothing(self, api: TestClient, lab: Lab) -> None:
        answer = curves(api, lab.register())

        assert (answer["series"], answer["runs"]) == ([], [])

    def test_a_run_that_has_logged_nothing_says_so(self, api: TestClient, lab: Lab) -> None:
        sweep_id, _ = sweep_of(lab, [[]])

        [line] = curves(api, sweep_id)["series"]

        assert line["missing"] == "loss was never logged as a number"

    def test_mixed_types_are_counted(self, api: TestClient, lab: Lab) -> None:
        mixed = rows_of([1, "high", None, True, [1], {"_type": "histogram"}, 2])
        sweep_id, _ = sweep_of(lab, [mixed])

        [line] = curves(api, sweep_id)["series"]

        assert (line["y"], line["others"]) == ([1, 2], 5)

    def test_steps_that_go_back_are_put_in_order(self, api: TestClient, lab: Lab) -> None:
        rows = [{"_step": step, "loss": step} for step in (5, 3, 9, 3, -1)]
        sweep_id, _ = sweep_of(lab, [rows])

        [line] = curves(api, sweep_id)["series"]

        assert line["x"] == [-1, 3, 5, 9]
        assert line["replaced"] == 1

    def test_a_clock_that_jumps_draws_no_line_backwards(self, api: TestClient, lab: Lab) -> None:
        rows = [
            {"_step": step, "_timestamp": time, "loss": 1}
            for step, time in enumerate([1e9, 1e9 + 5, 10.0, 20.0, 4e9])
        ]
        sweep_id, _ = sweep_of(lab, [rows])

        for x in ("wall_time", "relative_time"):
            [line] = curves(api, sweep_id, x=x)["series"]
            assert line["x"] == sorted(line["x"])
            assert "goes back 1 time" in line["notes"][0]

    def test_nothing_but_nan_is_counted(self, api: TestClient, lab: Lab) -> None:
        sweep_id, _ = sweep_of(lab, [rows_of([math.nan, math.inf, -math.inf])])

        [line] = curves(api, sweep_id, smoothing="mean:3", group_by="batch")["series"]

        assert line["y"] == []
        assert line["not_finite"]["values"] == ["NaN", "Infinity", "-Infinity"]

    @pytest.mark.parametrize(
        "rows",
        [
            [],
            rows_of([1]),
            rows_of([1e300, -1.7e308, 1.7e308]),
            [{"_step": math.nan, "loss": 1}, {"_step": "NaN", "loss": 2}, {"loss": 3}],
            [{"_step": 10**400, "loss": 10**400}],
            [{"_runtime": "soon", "_timestamp": None, "epoch": [], "loss": 1}],
        ],
        ids=["none", "one", "huge", "no step", "beyond floats", "no number"],
    )
    def test_no_history_over_no_x_is_a_5xx(
        self, api: TestClient, lab: Lab, rows: list[dict[str, Any]]
    ) -> None:
        sweep_id, _ = sweep_of(lab, [rows_of([2, 1]), rows])
        drawn = {"smoothing": "twema:0.6", "common": True, "group_by": "all_but:lr", "thin_to": 1}

        for x in ("step", "epoch", "examples", "relative_time", "wall_time", "share", "_step"):
            assert len(curves(api, sweep_id, x=x, **drawn)["series"]) == 2
