"""Figures over REST: plain Plotly JSON of a sweep, a project, or runs."""

import json
from typing import Any

import plotly.graph_objects as go
import pytest
from fastapi.testclient import TestClient

from paribus_service.orchestration import recorder
from paribus_service.orchestration.figures import FIGURES
from paribus_service.orchestration.recorder import RunUpsert
from tests.factories import Lab
from tests.service.api.studies import by_batch, confounded, loose_run, study

API = "/api/v1"
OF_RUNS = tuple(name for name, kind in FIGURES.items() if "run" in kind.of)
OF_ANSWERS = ("effects", "design-matrix", "parallel-coordinates", "importance", "progress")


def get(api: TestClient, name: str, **query: Any) -> dict[str, Any]:
    answer = api.get(f"{API}/figures/{name}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    go.Figure(found)  # refuses what plotly.js would not understand
    return found


def problem(api: TestClient, path: str, status: int = 422, **query: Any) -> str:
    answer = api.get(f"{API}/figures{path}", params=query)
    assert answer.status_code == status, answer.text
    return " ".join([answer.json()["detail"], json.dumps(answer.json()["errors"])])


def meta(figure: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = figure["layout"]["meta"]
    return found


def begin(lab: Lab, name: str, *, gpu: str | None = None) -> None:
    """A run that no sweep made, which looks every second step."""
    config: dict[str, Any] = {"eval_steps": {"value": 2}}
    if gpu is not None:
        config["_wandb"] = {"value": {"t": {}, "e": {"a1": {"gpu": gpu}}}}
    told = RunUpsert(entity="lab", project="imdb", wandb_id=name, config_text=json.dumps(config))
    with lab.writing() as session:
        recorder.upsert_run(session, told, now=lab.clock.now())


def training(lab: Lab, name: str, *, gpu: str | None = None, steps: int = 30) -> str:
    """A run that logs as a Trainer does: train rows, and eval rows every second step; our id."""
    begin(lab, name, gpu=gpu)
    lines = []
    for k in range(1, steps + 1):
        row = {"train/global_step": k, "_runtime": 2.0 * k, "_step": 2 * k}
        lines.append({**row, "train/loss": 1 - k / 100, "train/grad_norm": 1 + k % 3})
        if k % 2 == 0:
            looked = {"_step": 2 * k + 1, "_runtime": 2.0 * k + 0.6, "eval/runtime": 0.5}
            lines.append({**row, **looked, "eval/loss": 1 - k / 200 + 0.2 * (k % 4 == 0)})
    lab.log(name, *map(json.dumps, lines))
    lab.finish(name, loss=0.3)
    return lab.run(name).id


@pytest.fixture
def factorial(lab: Lab) -> str:
    return study(lab, values=by_batch, replicates={"seed": [0, 1, 2]}, smallest_effect=0.1)


class TestList:
    def test_every_figure_is_listed_with_what_it_takes(self, api: TestClient) -> None:
        items = api.get(f"{API}/figures").json()["items"]

        assert [item["name"] for item in items] == list(FIGURES)
        [overlay] = [item for item in items if item["name"] == "overlay"]
        assert overlay["of"] == ["sweep", "project", "run"]
        assert "smoothing" in overlay["takes"]
        assert overlay["links"]["self"].endswith("/api/v1/figures/overlay")

    def test_every_name_can_be_asked_for(self, api: TestClient, lab: Lab, factorial: str) -> None:
        """A new entry of the list must be drawn by somebody."""
        run = training(lab, "r1")

        for name, kind in FIGURES.items():
            whose = {"sweep": factorial} if "sweep" in kind.of else {"run": run}
            more = {"factors": "lr,batch"} if name == "interaction" else {}
            assert meta(get(api, name, **whose, **more))["figure"] == name


class TestOfASweep:
    def test_effects_are_those_of_the_answer(
        self, api: TestClient, lab: Lab, factorial: str
    ) -> None:
        figure = get(api, "effects", sweep=factorial)
        answer = api.get(f"{API}/sweeps/{factorial}/factors").json()

        [pairs] = [t for t in figure["data"] if t["name"] == "estimate from matched pairs"]
        told = [f["comparisons"][0]["estimate"] for f in answer["factors"]]
        assert pairs["x"] == pytest.approx(told)

    def test_before_any_run_has_finished_it_is_a_figure(self, api: TestClient, lab: Lab) -> None:
        sweep = study(lab)

        told = {name: meta(get(api, name, sweep=sweep))["description"] for name in OF_ANSWERS}

        assert [name for name, text in told.items() if len(text) < 20] == []

    def test_the_design_matrix_outlines_what_cannot_be_told_apart(
        self, api: TestClient, lab: Lab
    ) -> None:
        figure = get(api, "design-matrix", sweep=confounded(lab))

        assert len(figure["layout"]["shapes"]) == 2
        assert "always changed together" in meta(figure)["description"]

    def test_an_interaction_is_of_two_factors(
        self, api: TestClient, lab: Lab, factorial: str
    ) -> None:
        figure = get(api, "interaction", sweep=factorial, factors="batch,lr")

        assert figure["layout"]["xaxis"]["title"]["text"] == "batch"
        assert "n=3" in figure["data"][0]["text"]

    def test_one_factor_is_refused_for_an_interaction(
        self, api: TestClient, lab: Lab, factorial: str
    ) -> None:
        told = problem(api, "/interaction", sweep=factorial, factors="batch")

        assert "say factors=A,B (there are lr, batch)" in told

    def test_an_unknown_factor_names_the_nearest(
        self, api: TestClient, lab: Lab, factorial: str
    ) -> None:
        assert "did you mean 'batch'?" in problem(api, "/effects", sweep=factorial, factors="bach")

    def test_progress_counts_trials(self, api: TestClient, lab: Lab, factorial: str) -> None:
        assert "12 finished" in meta(get(api, "progress", sweep=factorial))["caption"][0]

    def test_theme_and_width_are_taken(self, api: TestClient, lab: Lab, factorial: str) -> None:
        light = get(api, "effects", sweep=factorial)
        dark = get(api, "effects", sweep=factorial, theme="dark", width=400)

        assert light["layout"]["paper_bgcolor"] != dark["layout"]["paper_bgcolor"]
        assert dark["layout"]["height"] > light["layout"]["height"]  # wrapped text is taller


class TestOfAProject:
    def test_runs_that_no_sweep_made_are_drawn(self, api: TestClient, lab: Lab) -> None:
        for k, batch in enumerate((8, 8, 64, 64)):
            loose_run(lab, f"r{k}", {"batch": batch, "seed": k % 2}, {"loss": 0.3 + batch / 1e3})

        figure = get(api, "parallel-coordinates", project="lab/imdb", response="loss")

        assert "n = 4 runs" in meta(figure)["caption"][0]


class TestOfRuns:
    def test_an_overlay_draws_the_loss_by_itself(self, api: TestClient, lab: Lab) -> None:
        figure = get(api, "overlay", run=[training(lab, "r1"), training(lab, "r2")])

        assert figure["layout"]["title"]["text"] == "<b>eval/loss over steps</b>"
        assert len([t for t in figure["data"] if t["showlegend"]]) >= 2

    def test_a_smoothed_line_stands_beside_the_raw_one(self, api: TestClient, lab: Lab) -> None:
        figure = get(
            api, "overlay", run=training(lab, "r1"), keys="train/loss", smoothing="ema:0.6"
        )

        raw, smooth = figure["data"][:2]
        assert raw["y"][0] == 0.99
        assert smooth["name"].endswith("(smoothed)")

    def test_seeds_are_a_band_with_their_n(self, api: TestClient, lab: Lab) -> None:
        runs = [training(lab, "r1"), training(lab, "r2")]

        figure = get(api, "overlay", run=runs, keys="train/loss", group_by="eval_steps")

        names = [trace["name"] for trace in figure["data"]]
        assert names == ["least", "largest", "eval_steps=2 (n = 2)"], figure

    def test_several_keys_are_drawn_over_one_x(self, api: TestClient, lab: Lab) -> None:
        runs = [training(lab, f"r{n}") for n in range(7)]

        figure = get(api, "overlay", run=runs, keys="train/loss,eval/loss")

        names = [t["name"] for t in figure["data"] if t["name"].startswith("r")]
        assert len(names) == 12  # of two keys six runs: no chart holds more lines
        assert {name.partition(" · ")[2] for name in names} == {"train/loss", "eval/loss"}
        assert "6 of 7 runs shown." in meta(figure)["caption"]

    def test_a_part_of_x_is_drawn_thinned_and_with_few_points(
        self, api: TestClient, lab: Lab
    ) -> None:
        """Steps 1 to 30: of every two the last, 2, 4 … 30; from 11 on 12, 14 … 30."""
        run = training(lab, "r1")
        asked = {"run": run, "keys": "train/loss", "from": 11}

        thinned = get(api, "overlay", thin_to=2, to=20, **asked)["data"][0]["x"]
        first = get(api, "overlay", thin_to=2, phase=0, to=20, **asked)["data"][0]["x"]
        few = get(api, "overlay", points=4, **asked)["data"][0]["x"]

        assert thinned == [12, 14, 16, 18, 20]
        assert first == [11, 13, 15, 17, 19]
        assert (len(few) <= 4, few[0], few[-1]) == (True, 11, 30)

    def test_only_what_all_runs_have_is_drawn(self, api: TestClient, lab: Lab) -> None:
        runs = [training(lab, "r1", steps=30), training(lab, "r2", steps=10)]

        figure = get(api, "overlay", run=runs, keys="train/loss", common=True)

        assert [t["x"][-1] for t in figure["data"] if t["mode"] == "lines"] == [10, 10]

    def test_a_finding_is_marked_where_it_is_drawn_and_counted_elsewhere(
        self, api: TestClient, lab: Lab
    ) -> None:
        """NaN from step 6 to the end, behind the last point that can be drawn."""
        begin(lab, "r1")
        losses = [0.9, 0.8, 0.7, 0.6, 0.5, "NaN", "NaN"]
        rows = [
            {"train/global_step": k, "_runtime": k, "train/loss": loss}
            for k, loss in enumerate(losses, start=1)
        ]
        lab.log("r1", *map(json.dumps, rows))
        lab.finish("r1")
        asked = {"run": lab.run("r1").id, "keys": "train/loss"}

        whole = get(api, "overlay", **asked)
        part = get(api, "overlay", to=3, **asked)
        timed = get(api, "overlay", x="relative_time", **asked)

        [marks] = [t for t in whole["data"] if t["name"].startswith("findings")]
        assert 5 in marks["x"]
        assert [t for t in part["data"] if t["name"].startswith("findings")] == []
        assert "outside what is drawn" in " ".join(meta(part)["caption"])
        assert "finding" not in json.dumps(timed)  # steps have no place on seconds

    def test_train_and_eval_of_one_run(self, api: TestClient, lab: Lab) -> None:
        figure = get(api, "train-eval", run=training(lab, "r1"))

        assert [t["name"] for t in figure["data"][:2]] == ["train/loss", "eval/loss"]

    def test_gradient_norms_are_boxes(self, api: TestClient, lab: Lab) -> None:
        """1, 2 and 3 in turn, thirty of them: the median is 2."""
        figure = get(api, "grad-norm-spread", run=training(lab, "r1"))

        assert figure["data"][0]["median"] == [2]

    def test_throughput_is_by_gpu(self, api: TestClient, lab: Lab) -> None:
        """A step every 2 s."""
        figure = get(api, "throughput", run=training(lab, "r1", gpu="T4", steps=60))

        assert [note["text"] for note in figure["layout"]["annotations"]][0].startswith("T4: 0.")

    def test_phases_of_a_coarser_cadence(self, api: TestClient, lab: Lab) -> None:
        """15 looks; every third: three phases."""
        figure = get(api, "cadence-phases", run=training(lab, "r1"), every=3)

        assert len([t for t in figure["data"] if t["name"] == "every 3"]) == 3

    def test_the_price_of_a_cadence(self, api: TestClient, lab: Lab) -> None:
        """30 steps, a look every 2: 15 looks; every 4: 7, and one at the last step."""
        figure = get(api, "cadence-price", run=training(lab, "r1"))

        assert figure["data"][0]["x"][:2] == [2, 4]
        assert "Every 4 steps: 8 evaluations" in meta(figure)["description"]

    def test_the_coarsest_cadence_that_shows_as_much_is_ringed(
        self, api: TestClient, lab: Lab
    ) -> None:
        """A straight fall over 80 looks, one every 2 steps: delta, .05 of it, is 3.95 looks.

        Of every m looks the worst phase misses the last m - 1: beyond delta from m = 5 on. So
        m = 4, every 8 steps, which no usual multiple of the run's own cadence is.
        """
        begin(lab, "r1")
        rows = [
            {"train/global_step": 2 * k, "_runtime": k, "train/loss": 1, "eval/loss": 1 - k / 100}
            for k in range(1, 81)
        ]
        lab.log("r1", *map(json.dumps, rows))
        lab.finish("r1")

        figure = get(api, "cadence-price", run=lab.run("r1").id)

        [ring] = [t for t in figure["data"] if t["name"] == "the coarsest that shows as much"]
        assert ring["x"] == [8]
        assert 8 in figure["data"][0]["x"]
        assert "Looking every 8 steps would still have shown" in " ".join(meta(figure)["caption"])

    def test_without_looks_enough_none_is_ringed_and_the_reason_is_told(
        self, api: TestClient, lab: Lab
    ) -> None:
        figure = get(api, "cadence-price", run=training(lab, "r1", steps=8))

        assert [t["name"] for t in figure["data"]] == ["price", "the cadence used"]
        assert "a coarser cadence needs at least" in " ".join(meta(figure)["caption"])

    def test_a_run_that_logged_nothing_is_a_figure_that_says_so(
        self, api: TestClient, lab: Lab
    ) -> None:
        lab.start("r1")

        drawn = [
            name for name in OF_RUNS if not meta(get(api, name, run=lab.run("r1").id))["is_empty"]
        ]

        assert drawn == []

    def test_a_run_of_nothing_but_nan_is_no_error(self, api: TestClient, lab: Lab) -> None:
        begin(lab, "r1")
        row = {"train/loss": "NaN", "eval/loss": "NaN", "train/grad_norm": "Infinity"}
        lab.log("r1", *[json.dumps({**row, "train/global_step": k}) for k in range(9)])

        drawn = [meta(get(api, name, run=lab.run("r1").id)) for name in OF_RUNS]

        # 9 steps at a look every 2 have a price, whatever was seen
        assert [m["figure"] for m in drawn if not m["is_empty"]] == ["cadence-price"]

    def test_an_unknown_key_names_those_that_there_are(self, api: TestClient, lab: Lab) -> None:
        told = problem(api, "/overlay", run=training(lab, "r1"), keys="eval/los")

        assert "eval/loss" in told

    def test_smoothing_that_is_none_is_refused(self, api: TestClient, lab: Lab) -> None:
        told = problem(api, "/overlay", run=training(lab, "r1"), smoothing="ewma:0.6")

        assert "ewma" in told

    def test_a_run_of_the_sweep_is_found_by_its_name(
        self, api: TestClient, lab: Lab, factorial: str
    ) -> None:
        told = problem(api, "/overlay", sweep=factorial, run="nobody")

        assert "there is no run 'nobody'" in told


CANNOT: list[tuple[str, dict[str, Any], str]] = [
    ("effects", {"run": "run-1"}, "effects is not of runs"),
    ("progress", {"project": "lab/imdb"}, "progress is of a sweep"),
    ("effects", {"project": "imdb"}, "ENTITY/PROJECT was expected"),
    ("effects", {"sweep": "S", "project": "lab/imdb"}, "say one of the two"),
    ("effects", {"sweep": "S", "run": "run-1"}, "leave run out"),
    ("effects", {"sweep": "S", "every": 3}, "effects does not take every"),
    ("effects", {"sweep": "S", "width": 3}, "280"),
    ("grad-norm-spread", {"sweep": "S", "keys": "a,b"}, "grad-norm-spread is of one key"),
    ("overlay", {"sweep": "S", "keys": "a", "from": 2, "to": 1}, "it lies beyond to"),
    ("overlay", {"sweep": "S", "keys": "a", "points": 20_001}, "20000"),
    ("throughput", {"sweep": "S", "from": 2}, "throughput does not take from"),
    ("grad-norm-spread", {"sweep": "S", "factors": "lr,batch"}, "grouped by one"),
    ("grad-norm-spread", {"sweep": "S", "factors": "bach"}, "there are batch, lr"),
    ("train-eval", {"sweep": "S"}, "train-eval is of one run"),
]
"""(figure, query, what is said); S stands for the sweep."""


class TestRefused:
    def test_an_unknown_figure_names_the_nearest(self, api: TestClient) -> None:
        assert "did you mean 'effects'?" in problem(api, "/efects", 404, sweep="x")

    def test_nobody_s_figure(self, api: TestClient) -> None:
        told = problem(api, "/effects")

        assert "whose? say sweep=ID or project=ENTITY/PROJECT" in told

    def test_what_cannot_be_asked_says_what_to_say(
        self, api: TestClient, lab: Lab, factorial: str
    ) -> None:
        for name, query, said in CANNOT:
            given = {key: factorial if value == "S" else value for key, value in query.items()}

            assert said in problem(api, f"/{name}", **given)

    def test_an_unknown_sweep_or_project_is_404(self, api: TestClient) -> None:
        assert "sweep" in problem(api, "/effects", 404, sweep="nobody")
        assert "project" in problem(api, "/effects", 404, project="no/body")
        assert "run" in problem(api, "/overlay", 404, run="run-nobody")

    def test_an_unknown_parameter_names_the_nearest(self, api: TestClient) -> None:
        assert "theme" in problem(api, "/effects", sweep="x", them="dark")

    def test_a_figure_needs_a_key_where_the_service_asks_for_one(
        self, locked_api: TestClient
    ) -> None:
        assert locked_api.get(f"{API}/figures/effects?sweep=x").status_code == 401


class TestUnchanged:
    def test_the_same_figure_is_304(self, api: TestClient, lab: Lab, factorial: str) -> None:
        path = f"{API}/figures/effects?sweep={factorial}"
        first = api.get(path)

        again = api.get(path, headers={"If-None-Match": first.headers["etag"]})

        assert again.status_code == 304
        assert again.content == b""

    def test_another_theme_is_another_figure(
        self, api: TestClient, lab: Lab, factorial: str
    ) -> None:
        path = f"{API}/figures/effects?sweep={factorial}"

        assert api.get(path).headers["etag"] != api.get(f"{path}&theme=dark").headers["etag"]

    def test_a_run_that_logs_more_is_another_figure(self, api: TestClient, lab: Lab) -> None:
        run = training(lab, "r1", steps=4)
        path = f"{API}/figures/overlay?run={run}&keys=train/loss"
        before = api.get(path)

        lab.log("r1", json.dumps({"train/global_step": 5, "train/loss": 0.1}), offset=6)
        after = api.get(path, headers={"If-None-Match": before.headers["etag"]})

        assert after.status_code == 200
        assert len(after.json()["data"][0]["x"]) == 5

    def test_data_that_changed_since_is_409(
        self, api: TestClient, lab: Lab, factorial: str
    ) -> None:
        answer = api.get(
            f"{API}/figures/effects", params={"sweep": factorial, "data_version": "old"}
        )

        assert answer.status_code == 409
