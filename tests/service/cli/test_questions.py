"""The commands that ask, against a service on a real socket and runs that were recorded there."""

import json
from pathlib import Path

import pytest

from paribus_service.store.tables import Trial
from tests.factories import Lab
from tests.service.api.studies import by_batch, confounded, loose_run, study
from tests.service.cli.conftest import Served

KINDS = ("factors", "best", "effects", "contrasts", "confounding", "power", "importance")


def words(text: str) -> str:
    """What was printed, wherever its lines are broken."""
    return " ".join(text.split())


def after_hours(lab: Lab, trial: Trial) -> float:
    """What a run of three hours finds."""
    lab.clock.advance(3 * 3600)
    return by_batch(trial)


@pytest.fixture
def factorial(lab: Lab) -> str:
    """2 x 2 settings under three seeds, all finished: batch matters and lr does not."""
    return study(lab, values=by_batch, replicates={"seed": [0, 1, 2]}, smallest_effect=0.1)


class TestEveryKind:
    @pytest.mark.parametrize("kind", [*KINDS, "follow-ups"])
    def test_is_printed_in_words_and_as_json(
        self, served: Served, factorial: str, kind: str
    ) -> None:
        done = served(kind, factorial)
        answer = served.json(kind, factorial)

        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("loss, lower is better; 12 runs count\n")
        assert (answer["kind"], answer["sweep_id"]) == (kind, factorial)

    @pytest.mark.parametrize("kind", [*KINDS, "follow-ups"])
    def test_of_no_finished_run_is_1_and_no_error(
        self, served: Served, lab: Lab, kind: str
    ) -> None:
        done = served(kind, study(lab))

        assert done.returncode == 1
        assert "loss, lower is better; 0 runs count, 4 left out (4 queued)" in done.stdout
        assert done.stderr == ""


class TestFactors:
    def test_the_sentence_of_each_factor_comes_first(self, served: Served, factorial: str) -> None:
        answer = served.json("factors", factorial)
        sentences = [factor["sentence"] for factor in answer["factors"]]

        printed = words(served("factors", factorial).stdout)

        assert f"12 runs count - {sentences[0]} - {sentences[1]} factor compared" in printed
        difference = answer["factors"][1]["comparisons"][0]["estimate"]
        assert -0.31 < difference < -0.29  # by_batch: 0.3 less with the large batch
        assert f"batch 64 against 8 −{-difference:.4g}" in printed

    def test_what_cannot_be_told_apart_stands_in_the_place_of_numbers(
        self, served: Served, lab: Lab
    ) -> None:
        printed = served("factors", confounded(lab)).stdout

        assert "cannot be told" in printed
        assert "against" not in printed

    def test_parameters_of_the_question_reach_the_service(
        self, served: Served, factorial: str
    ) -> None:
        options = (
            *("--factors", "batch", "--smallest-effect", "0.5", "--level", "0.9"),
            *("--compare", "pairwise", "--error", "hc3", "--transform", "log"),
            *("--interactions", "batch*lr", "--resolution", "0.01", "--allow-crashed"),
            *("--ignore", "gpu_name,host", "--blocks", "gpu_name"),
        )

        asked = served.json("factors", factorial, *options)["question"]

        assert asked["factors"] == ["batch"]
        assert (asked["smallest_effect"], asked["level"]) == (0.5, 0.9)
        assert (asked["against_baseline"], asked["error"]) == (False, "hc3")
        assert (asked["transform"], asked["resolution"]) == ("log", 0.01)
        assert asked["interactions"] == [["batch", "lr"]]
        assert asked["allow_crashed"] is True
        assert asked["waived"] == ["gpu_name", "host"]

    @pytest.mark.parametrize(
        ("option", "value", "sentence"),
        [
            ("--factors", "bach", "did you mean 'batch'?"),
            ("--response", "lss", "loss"),
            ("--goal", "lower", "minimize"),
            ("--smallest-effect", "0", "greater than 0"),
            ("--interactions", "batch*lt", "there is no factor 'lt' (there are lr, batch)"),
        ],
    )
    def test_what_is_not_there_is_refused_with_what_is(
        self, served: Served, factorial: str, option: str, value: str, sentence: str
    ) -> None:
        done = served("factors", factorial, option, value)

        assert (done.returncode, done.stdout) == (2, "")
        assert option.strip("-").replace("-", "_") in done.stderr
        assert sentence in done.stderr

    def test_runs_that_changed_since_are_refused(self, served: Served, factorial: str) -> None:
        seen = served.json("factors", factorial)["data_version"]

        same = served("factors", factorial, "--data-version", seen)
        other = served("factors", factorial, "--data-version", "another")

        assert (same.returncode, other.returncode) == (0, 2)
        assert "another" in other.stderr


class TestBest:
    def test_without_a_finished_run_there_is_no_answer_yet(self, served: Served, lab: Lab) -> None:
        done = served("best", study(lab))

        assert done.returncode == 1
        assert "no finished run" in done.stdout
        assert "To come: 4 queued" in done.stdout

    def test_each_level_stands_with_its_best_run_and_link(self, served: Served, lab: Lab) -> None:
        values = iter((0.5, 0.25, 0.75, 0.125))
        sweep = study(lab, values=lambda _: next(values))
        best = served.json("best", sweep)["best"][0]

        done = served("best", sweep, "--factors", "lr")
        answer = served.json("best", sweep)

        # One run in four has 0.125; the other level's best is 0.25 or 0.5, as they were dealt.
        assert done.returncode == 0
        assert best["value"] == 0.125
        assert f"{served.url}/lab/imdb/runs/{best['wandb_id']}" in done.stdout
        assert "\nlr" in done.stdout
        assert "\nbatch" not in done.stdout
        assert [factor["factor"] for factor in answer["factors"]] == ["lr", "batch"]

    def test_a_level_is_called_best_only_where_the_runs_show_it(
        self, served: Served, factorial: str
    ) -> None:
        lr, batch = served("best", factorial).stdout.split("\nbatch")

        assert "64 (best)" in batch
        assert "(best)" not in lr

    def test_continuous_factors_take_bins(self, served: Served, factorial: str) -> None:
        assert served.json("best", factorial, "--bins", "2")["question"]["bins"] == 2


class TestProject:
    def test_runs_that_no_sweep_made_are_asked_about_by_entity_and_project(
        self, served: Served, lab: Lab
    ) -> None:
        for name, batch, loss in (("p1", 8, 0.5), ("p2", 64, 0.2)):
            loose_run(lab, name, {"batch": batch}, {"loss": loss})

        done = served("best", "lab/imdb", "--response", "loss", "--goal", "minimize")
        answer = served.json("confounding", "lab/imdb")

        assert done.returncode == 0, done.stderr
        assert "loss, lower is better; 2 runs count" in done.stdout
        assert (answer["project"], answer["n"]) == ("lab/imdb", 2)

    def test_its_sweeps_are_named_or_all_taken(
        self, served: Served, lab: Lab, factorial: str
    ) -> None:
        other = confounded(lab)

        named = served.json("factors", "lab/imdb", "--sweeps", f"{factorial},{other}")
        every = served.json("factors", "lab/imdb", "--with-sweeps", "--response", "loss")

        assert named["n"] == 14  # 12 and 2
        assert every["n"] > named["n"]

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("a/b/c",), "'a/b/c': a sweep's id or ENTITY/PROJECT was expected"),
            (("/imdb",), "'/imdb': a sweep's id or ENTITY/PROJECT was expected"),
            (("abc", "--with-sweeps"), "--with-sweeps is for ENTITY/PROJECT"),
            (("abc", "--sweeps", "x"), "--sweeps is for ENTITY/PROJECT"),
            (("lab/nowhere",), "there is no project 'lab/nowhere'"),
            (("nothere",), "there is no sweep 'nothere'"),
        ],
    )
    def test_a_target_that_cannot_be_is_refused(
        self, served: Served, arguments: tuple[str, ...], sentence: str
    ) -> None:
        done = served("effects", *arguments)

        assert done.returncode == 2
        assert sentence in done.stderr


class TestReport:
    def test_is_markdown_to_read_and_a_file_to_forward(
        self, served: Served, factorial: str, tmp_path: Path
    ) -> None:
        printed = served("report", factorial)
        page, text = tmp_path / "report.html", tmp_path / "report.md"
        done = [served("report", factorial, "--out", out) for out in (page, text)]

        assert printed.stdout.startswith("# Which factor made the difference to loss?\n")
        assert [each.returncode for each in done] == [0, 0]
        assert (done[0].stdout, done[0].stderr) == ("", f"{page} is written\n")
        assert page.read_text().startswith("<!doctype html>")
        assert text.read_text() == printed.stdout

    def test_as_json_it_is_the_whole_value(
        self, served: Served, factorial: str, tmp_path: Path
    ) -> None:
        out = tmp_path / "report.txt"

        served("report", factorial, "--format", "json", "--out", out)

        assert json.loads(out.read_text()) == served.json("report", factorial)
        assert "contrasts" in json.loads(out.read_text())

    def test_of_a_project_as_well(self, served: Served, factorial: str) -> None:
        done = served("report", "lab/imdb", "--sweeps", factorial, "--format", "html")

        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("<!doctype html>")

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (("--format", "htm"), "--format 'htm': one of markdown, html, json was expected"),
            (("--json", "--format", "html"), "--json and --format html differ"),
            (("--out", "nowhere/at/all.md"), "--out nowhere/at/all.md cannot be written"),
        ],
    )
    def test_what_cannot_be_written_is_refused(
        self, served: Served, factorial: str, options: tuple[str, ...], sentence: str
    ) -> None:
        done = served("report", factorial, *options)

        assert done.returncode == 2
        assert sentence in done.stderr


class TestFollowUps:
    def test_the_runs_are_shown_with_why_no_fewer_and_how_to_queue_them(
        self, served: Served, lab: Lab
    ) -> None:
        sweep = confounded(lab)
        found = served.json("follow-ups", sweep)["follow_ups"]

        printed = words(served("follow-ups", sweep).stdout)

        setting = " ".join(found["runs"][0]["setting"].values())
        assert found["sentence"] in printed
        assert found["why_no_fewer"] in printed
        assert f"run lr batch where seed 1 {setting}" in printed
        assert f"paribus follow-ups {sweep} --enqueue" in printed

    def test_nothing_is_queued_by_looking(self, served: Served, lab: Lab) -> None:
        sweep = confounded(lab)

        served("follow-ups", sweep)

        assert served.json("status", sweep)["expected_trials"] == 2


class TestEnqueue:
    def test_the_price_is_shown_and_a_yes_queues_the_trials(
        self, served: Served, lab: Lab
    ) -> None:
        sweep = study(
            lab,
            values=lambda trial: after_hours(lab, trial),
            type="settings",
            settings=[{"lr": 0.1, "batch": 8}, {"lr": 0.2, "batch": 64}],
        )

        done = served("follow-ups", sweep, "--enqueue", text_in="y\n")

        assert done.returncode == 0, done.stderr
        assert "Queue 1 trial? About 3 GPU-hours: 1 run of 3 hours." in done.stderr
        assert "About 3 GPU-hours" in done.stdout
        assert f"sweep {sweep} is running, revision 2: 1 trial queued" in done.stdout
        assert served.json("status", sweep)["expected_trials"] == 3

    @pytest.mark.parametrize(("said", "code"), [("n\n", 0), ("", 2)])
    def test_a_no_and_no_answer_queue_nothing(
        self, served: Served, lab: Lab, said: str, code: int
    ) -> None:
        sweep = confounded(lab)

        done = served("follow-ups", sweep, "--enqueue", text_in=said)

        assert done.returncode == code
        assert "nothing was queued" in done.stderr
        assert served.json("status", sweep)["expected_trials"] == 2

    def test_yes_asks_nobody_and_json_is_the_revision(self, served: Served, lab: Lab) -> None:
        sweep = confounded(lab)

        revision = served.json(
            *("follow-ups", sweep, "--enqueue", "--yes", "--seeds", "2", "--factors", "lr,batch")
        )

        assert (revision["revision"], revision["is_written"]) == (2, True)
        assert len(revision["trials"]) == 2

    def test_another_set_is_named(self, served: Served, lab: Lab) -> None:
        sweep = confounded(lab)
        pairs = served.json("follow-ups", sweep)["follow_ups"]["alternatives"]["pairs"]

        revision = served.json("follow-ups", sweep, "--enqueue", "-y", "--set", "pairs")

        assert revision["set"] == "pairs"
        assert len(revision["trials"]) == len(pairs["runs"])

    def test_what_waits_already_is_not_queued_twice(self, served: Served, lab: Lab) -> None:
        sweep = confounded(lab)
        served("follow-ups", sweep, "--enqueue", "--yes")

        again = served("follow-ups", sweep, "--enqueue", "--yes")

        assert again.returncode == 1
        assert "nothing was queued" in again.stderr
        assert served.json("status", sweep)["expected_trials"] == 3

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("lab/imdb", "--enqueue"), "lab/imdb is a project"),
            (("SWEEP", "--set", "pairs"), "--set says what to queue: add --enqueue"),
            (("SWEEP", "--seeds", "2"), "--seeds says what to queue: add --enqueue"),
            (("SWEEP", "--enqueue", "--set", "pears"), "did you mean 'pairs'?"),
        ],
    )
    def test_what_cannot_be_queued_is_refused(
        self, served: Served, lab: Lab, arguments: tuple[str, ...], sentence: str
    ) -> None:
        sweep = confounded(lab)
        done = served("follow-ups", *(sweep if a == "SWEEP" else a for a in arguments))

        assert done.returncode == 2
        assert sentence in done.stderr
        assert served.json("status", sweep)["expected_trials"] == 2
