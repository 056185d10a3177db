"""Projects of very many runs: what one answer holds is bounded, and asking again costs little.

Sizes are small, and limits smaller: what is counted is statements and entries, never seconds.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event

from paribus_service.api import figures
from paribus_service.app import create_app
from paribus_service.dependencies import Services
from paribus_service.orchestration import (
    asked_curves,
    drawn_curves,
    drawn_runs,
    responses,
    speed_answers,
)
from paribus_service.store import curves as curve_store
from paribus_service.store import findings as finding_store
from paribus_sweeps.analysis import best_runs
from tests.factories import Lab
from tests.service.api.conftest import settings_of
from tests.service.api.studies import loose_run
from tests.service.api.test_findings import OWN, look
from tests.service.api.test_throughput import T4, cut_off, steps
from tests.service.orchestration.test_responses import start

OF = "/api/v1/projects/lab/imdb"


@pytest.fixture
def api(lab: Lab) -> Iterator[TestClient]:
    app = create_app(settings_of(lab, finding_rules=OWN), clock=lab.clock)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def ended(lab: Lab, *names: str) -> None:
    """Runs of no sweep that logged three values each and have ended."""
    for name in names:
        start(lab, name)
        lab.log(name, *(json.dumps({"_step": i, "k": i}) for i in range(3)))
        lab.finish(name)


def get(api: TestClient, path: str, **query: Any) -> dict[str, Any]:
    answer = api.get(path, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@contextmanager
def counted(api: TestClient) -> Iterator[list[str]]:
    """The statements that the service sends meanwhile."""
    services: Services = api.app.state.services  # type: ignore[attr-defined]
    engine: Engine = services.engine
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


class TestAskingAgain:
    @pytest.mark.parametrize(
        "path",
        [
            f"{OF}/findings?page_size=1",
            f"{OF}/throughput?page_size=1",
            f"{OF}/curves?keys=k",
            "/api/v1/figures/overlay?project=lab/imdb&keys=k",
            "/api/v1/figures/throughput?project=lab/imdb",
            f"{OF}/confounding",
        ],
    )
    def test_it_takes_no_more_statements_for_more_runs(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch, path: str
    ) -> None:
        """Asked for run by run, as one statement for 500 runs would be at any size."""
        for module in (curve_store, finding_store):
            monkeypatch.setattr(module, "_PKS_AT_ONCE", 1)
        for module in (drawn_runs, figures):
            monkeypatch.setattr(module, "MOST_READ", 1)
        ended(lab, "a", "b")
        sent = []
        for more in ("cd", "efgh"):
            ended(lab, *more)
            first = api.get(path)
            with counted(api) as statements:
                again = api.get(path, headers={"If-None-Match": first.headers["ETag"]})
            assert (first.status_code, again.status_code) == (200, 304)
            sent.append(len(statements))

        assert sent[0] == sent[1]

    @pytest.mark.parametrize("kind", ["findings", "throughput", "curves?keys=k"])
    def test_a_run_that_logs_more_is_another_answer(
        self, api: TestClient, lab: Lab, kind: str
    ) -> None:
        ended(lab, "a")
        start(lab, "b")
        lab.log("b", json.dumps({"_step": 0, "k": 1}))
        first = api.get(f"{OF}/{kind}")

        lab.log("b", json.dumps({"_step": 1, "k": 2}), offset=1)
        second = api.get(f"{OF}/{kind}", headers={"If-None-Match": first.headers["ETag"]})

        assert second.status_code == 200
        assert second.json()["data_version"] != first.json()["data_version"]

    def test_so_are_findings_that_were_stored_since(self, api: TestClient, lab: Lab) -> None:
        ended(lab, "a")
        first = get(api, f"{OF}/findings")

        look(api, lab)
        second = get(api, f"{OF}/findings")

        told = [found["runs"][0]["findings"][0]["since"] for found in (first, second)]
        assert told[0] is None
        assert told[1] is not None

    def test_pages_of_other_sizes_that_end_alike_are_apart(
        self, api: TestClient, lab: Lab
    ) -> None:
        ended(lab, "a", "b", "c", "d")
        one = get(api, f"{OF}/findings", page_size=1)

        behind = get(api, f"{OF}/findings", page_size=2, page_token=one["next_page_token"])
        whole = get(api, f"{OF}/findings", page_size=3)

        assert behind["next_page_token"] == whole["next_page_token"]
        assert [run["wandb_id"] for run in behind["runs"]] == ["b", "c"]
        assert [run["wandb_id"] for run in whole["runs"]] == ["a", "b", "c"]


class TestBestRuns:
    def test_runs_without_a_place_and_ties_are_counted_beyond_a_number(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(best_runs, "MOST_LISTED", 2)
        monkeypatch.setattr(best_runs, "_MOST_OF_LEVELS", 2)
        for n in range(3):
            loose_run(lab, f"tied{n}", {"batch": 8}, {"loss": 0.5})
            loose_run(lab, f"lost{n}", {"batch": 64}, None)

        found = get(api, f"{OF}/best", response="loss", goal="minimize")

        [batch] = found["factors"]
        of_8, of_64 = batch["levels"]
        assert (len(found["best"]), found["best_count"]) == (2, 3)
        assert (len(found["not_ranked"]), found["not_ranked_count"]) == (2, 3)
        assert (len(of_8["best"]), of_8["best_count"], of_8["not_ranked_count"]) == (1, 3, 0)
        assert (len(of_64["not_ranked"]), of_64["not_ranked_count"]) == (1, 3)

    def test_the_page_counts_all_of_them(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(best_runs, "MOST_LISTED", 2)
        monkeypatch.setattr(best_runs, "_MOST_OF_LEVELS", 2)
        for n in range(3):
            loose_run(lab, f"tied{n}", {"batch": 8}, {"loss": 0.5})
            loose_run(lab, f"lost{n}", {"batch": 64}, None)

        page = api.get("/lab/imdb?response=loss&goal=minimize").text

        assert "tied with 2 other runs" in page
        assert "3 not ranked: why" in page
        assert "<li>and 2 more</li>" in page


class TestFeaturesOfCurves:
    def test_histories_that_are_too_long_together_are_refused_with_a_way_out(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(responses, "MOST_ROWS", 5)
        ended(lab, "a", "b")

        answer = api.get(f"{OF}/best", params={"response": "min(k)", "goal": "minimize"})

        [problem] = answer.json()["errors"]
        assert (answer.status_code, problem["pointer"], problem["code"]) == (
            422, "?response", "too_large",
        )  # fmt: skip
        assert (
            "the 2 finished runs have 6 rows together, and one answer reads 5"
            in (problem["message"])
        )
        assert "paribus import ENTITY/PROJECT --filter" in problem["hint"]

    def test_as_many_as_one_answer_reads_are_read(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(responses, "MOST_ROWS", 6)
        ended(lab, "a", "b")

        found = get(api, f"{OF}/best", response="min(k)", goal="minimize")

        assert found["n"] == 2


class TestThroughput:
    def test_the_newest_are_compared_and_any_is_listed(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(speed_answers, "MOST_READ", 2)
        for n in range(3):
            cut_off(lab, f"r{n}", T4, *steps(10.0 + n))

        found = get(api, f"{OF}/throughput", page_size=1)

        assert found["n"] == 2
        assert [run["wandb_id"] for run in found["runs"]] == ["r0"]
        assert found["runs"][0]["training"]["steps_per_second"] == pytest.approx(1.0)
        assert found["notices"][0].startswith("The newest 2 of 3 runs are compared: one answer")

    def test_the_figure_says_so_too(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(speed_answers, "MOST_READ", 2)
        for n in range(3):
            cut_off(lab, f"r{n}", T4, *steps(10.0))

        found = get(api, "/api/v1/figures/throughput", project="lab/imdb")

        assert "The newest 2 of 3 runs are compared" in json.dumps(found)

    def test_few_runs_are_compared_without_a_word(self, api: TestClient, lab: Lab) -> None:
        cut_off(lab, "r0", T4, *steps(10.0))

        found = get(api, f"{OF}/throughput")

        assert not [said for said in found["notices"] if "compared" in said]


class TestCurves:
    def test_the_runs_that_are_drawn_are_all_that_is_read(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in (asked_curves, drawn_curves):
            monkeypatch.setattr(module, "MOST_LINES", 2)
        ended(lab, "a", "b", "c")

        found = get(api, f"{OF}/curves", keys="k")

        assert [run["wandb_id"] for run in found["runs"]] == ["a", "b"]
        assert found["notes"][0].startswith("2 of 3 runs are drawn")

    def test_any_run_can_be_named(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(asked_curves, "MOST_LINES", 1)
        ended(lab, "a", "b", "c")

        found = get(api, f"{OF}/curves", keys="k", runs="c,a")

        assert [run["wandb_id"] for run in found["runs"]] == ["c", "a"]
        assert found["notes"] == []

    def test_a_misspelt_one_is_held_against_the_newest(
        self, api: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(asked_curves, "RUNS_SEARCHED", 1)
        ended(lab, "brave-fox", "quiet-owl")

        said = [
            api.get(f"{OF}/curves", params={"keys": "k", "runs": name}).json()["errors"][0]
            for name in ("quiet-owk", "brave-fax")
        ]

        assert said[0]["hint"] == "did you mean 'quiet-owl'?"
        assert said[1]["hint"] == "2 runs count here"

    def test_the_page_pages_through_them(self, api: TestClient, lab: Lab) -> None:
        ended(lab, *(f"r{n:02}" for n in range(15)))

        first = api.get("/lab/imdb/curves").text
        behind = api.get("/lab/imdb/curves?skip=12").text

        assert "12 of 15 runs" in first
        assert "3 of 15 runs" in behind

    def test_a_figure_is_of_the_newest_and_says_of_how_many(
        self, api: TestClient, lab: Lab
    ) -> None:
        ended(lab, *(f"r{n:02}" for n in range(15)))

        found = json.dumps(get(api, "/api/v1/figures/overlay", project="lab/imdb", keys="k"))

        assert "r14" in found
        assert "r00" not in found
        assert "of 15 runs" in found
