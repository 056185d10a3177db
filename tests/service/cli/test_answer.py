"""`paribus answer`: a table of one's own, asked of the service and worked out here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from paribus_service.client import KINDS
from tests.service.cli.conftest import Done, Served, paribus

# 2 x 2 settings under two seeds; the large batch loses 0.1, the last run crashed.
CSV = """\
batch,ratio,seed,gpu,loss,state,reason
8,1:1,0,T4,0.31,finished,
64,1:1,0,T4,0.41,,
8.0,1:1,1,T4,0.32,,
64,1:1,1,T4,0.43,,
8,1:8,0,T4,0.30,,
8,1:8,1,T4,0.35,,
64,1:8,0,T4,0.42,,
64,1:8,1,T4,,crashed,out of memory
"""
ROLES = (
    *("--factors", "batch,ratio", "--response", "loss", "--goal", "minimize"),
    *("--replicate", "seed", "--blocks", "gpu", "--baseline", "batch=8"),
)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    path = tmp_path / "runs.csv"
    path.write_text(CSV)
    return path


def answered(*arguments: str | Path, text_in: str | None = None) -> dict[str, Any]:
    """What is worked out here, as JSON."""
    done = paribus("answer", *arguments, "--local", "--json", text_in=text_in)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refused(*arguments: str | Path, text_in: str | None = None) -> str:
    """The sentence that a mistake ends with, before anything is sent."""
    done = paribus(
        "answer", *arguments, text_in=text_in, env={"PARIBUS_URL": "http://127.0.0.1:9"}
    )
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith("paribus: ")
    return done.stderr.removeprefix("paribus: ").strip()


class TestAsked:
    @pytest.mark.parametrize("kind", KINDS)
    def test_the_service_and_this_process_give_the_same_answer(
        self, served: Served, runs: Path, kind: str
    ) -> None:
        here = answered(runs, kind, *ROLES)

        there = served.json("answer", runs, kind, *ROLES)

        assert there == here
        assert (here["kind"], here["n"], here["excluded_count"]) == (kind, 7, 1)

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "report"])
    def test_each_kind_is_printed_in_words(self, runs: Path, kind: str) -> None:
        done = paribus("answer", runs, kind, *ROLES, "--local")

        assert done.returncode == 0, done.stderr
        assert "loss, lower is better; 7 runs count, 1 left out (1 crashed)" in done.stdout

    def test_without_a_kind_it_says_which_factor_made_the_difference(self, runs: Path) -> None:
        assert "`batch`: yes" in paribus("answer", runs, *ROLES, "--local").stdout

    def test_a_report_is_a_document_from_either(
        self, served: Served, runs: Path, tmp_path: Path
    ) -> None:
        here = paribus("answer", runs, "report", *ROLES, "--local")
        there = served("answer", runs, "report", *ROLES)
        page = tmp_path / "page.html"
        written = paribus("answer", runs, "report", *ROLES, "--local", "--out", page)

        assert here.stdout == there.stdout
        assert here.stdout.startswith("# Which factor made the difference to loss?")
        assert written.returncode == 0
        assert page.read_text().startswith("<!doctype html>")

    def test_no_finished_run_is_1(self) -> None:
        text = "batch,loss,state\n8,,crashed\n64,,running\n"

        done = paribus(
            *("answer", "-", "--factors", "batch", "--response", "loss", "--local"), text_in=text
        )

        assert done.returncode == 1
        assert "0 runs count, 2 left out (1 crashed, 1 running)" in done.stdout

    def test_no_service_is_3(self, runs: Path) -> None:
        done = paribus("answer", runs, *ROLES, env={"PARIBUS_URL": "http://127.0.0.1:9"})

        assert done.returncode == 3


class TestColumns:
    def test_8_and_8_0_are_one_level(self, runs: Path) -> None:
        batch = answered(runs, *ROLES)["factors"][0]

        assert [level["label"] for level in batch["levels"]] == ["8", "64"]

    def test_a_crash_keeps_its_reason(self, runs: Path) -> None:
        [left_out] = answered(runs, *ROLES)["excluded"]

        assert left_out == {
            "id": "row 8",
            "state": "crashed",
            "reason": "crashed: out of memory",
        }

    def test_factors_are_declared_by_options(self, runs: Path) -> None:
        options = ("--levels", "batch=128,64,8", "--levels", "ratio=1:8,1:1")

        batch, ratio = answered(runs, *ROLES, *options)["factors"]

        assert [level["label"] for level in batch["levels"]] == ["128", "64", "8"]
        assert [level["values"]["batch"] for level in batch["levels"]] == [128, 64, 8]
        assert [level["label"] for level in ratio["levels"]] == ["1:8", "1:1"]
        assert batch["baseline"] == "8"

    def test_a_numeric_factor_has_a_scale(self, runs: Path) -> None:
        terms = answered(
            runs, "effects", *ROLES[:10], "--numeric", "batch", "--scale", "batch=log2"
        )

        assert "batch" in [term["term"] for term in terms["effects"]["terms"]]

    def test_lurking_columns_are_told(self, tmp_path: Path) -> None:
        path = tmp_path / "runs.csv"
        path.write_text("batch,gpu,loss\n8,T4,1\n8,T4,2\n64,A10,3\n64,A10,4\n")
        roles = ("--factors", "batch", "--response", "loss", "--lurking", "gpu")

        answer = answered(path, "confounding", *roles)

        assert "`batch` is confounded with gpu" in answer["confounding"]["lurking"][0]["sentence"]

    def test_forbidden_settings_are_never_proposed(self, tmp_path: Path) -> None:
        path = tmp_path / "runs.csv"
        path.write_text("a,b,loss\n0,0,1\n1,1,2\n")  # (0, 1) or (1, 0) would tell them apart
        roles = ("--factors", "a,b", "--response", "loss")

        [free] = answered(path, "follow-ups", *roles)["follow_ups"]["runs"]
        forbidden = ",".join(f"{name}={label}" for name, label in free["setting"].items())
        [other] = answered(path, "follow-ups", *roles, "--forbid", forbidden)["follow_ups"]["runs"]

        assert other["setting"] == {
            name: str(1 - int(label)) for name, label in free["setting"].items()
        }


class TestQuestion:
    def test_every_option_reaches_the_question(self, runs: Path) -> None:
        options = (
            *("--about", "batch", "--smallest-effect", "0.05", "--transform", "log"),
            *("--interactions", "batch*ratio", "--error", "hc3", "--compare", "pairwise"),
            *("--ignore", "gpu", "--observed", "--sampler", "random", "--hours-per-run", "2"),
            *("--level", "0.9", "--resolution", "0.01", "--bins", "2", "--allow-crashed"),
        )

        asked = answered(runs, *ROLES, *options)["question"]

        assert asked == {
            "factors": ["batch"],
            "smallest_effect": 0.05,
            "transform": "log",
            "denominator": None,
            "interactions": [["batch", "ratio"]],
            "error": "hc3",
            "against_baseline": False,
            "waived": ["gpu"],
            "sampler": "random",
            "has_plan": False,
            "hours_per_run": 2,
            "level": 0.9,
            "resolution": 0.01,
            "bins": 2,
            "allow_crashed": True,
            "stopped_early": 0,
        }

    def test_interactions_may_be_a_word(self, runs: Path) -> None:
        answer = answered(runs, *ROLES, "--interactions", "none")

        assert answer["question"]["interactions"] == "none"


class TestJsonBody:
    BODY: dict[str, Any] = {
        "factors": {"batch": {"baseline": 8}},
        "response": "loss",
        "runs": [{"batch": 8, "loss": 0.3}, {"batch": 64, "loss": 0.4}, {"batch": 8, "loss": 0.5}],
    }

    def test_it_says_everything_itself(self) -> None:
        answer = answered("-", text_in=json.dumps(self.BODY))

        assert (answer["response"], answer["n"]) == ("loss", 3)
        assert answer["factors"][0]["baseline"] == "8"

    def test_options_win_and_the_rest_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "body.JSON"
        body = {**self.BODY, "question": {"level": 0.9, "smallest_effect": 1}}
        path.write_text(json.dumps(body))

        answer = answered(path, "--smallest-effect", "0.5", "--goal", "maximize")

        assert answer["question"]["smallest_effect"] == 0.5
        assert answer["question"]["level"] == 0.9
        assert (answer["response"], answer["goal"]) == ("loss", "maximize")
        assert answer["factors"][0]["baseline"] == "8"

    def test_a_list_of_runs_takes_the_roles_of_options(self) -> None:
        text = json.dumps(self.BODY["runs"])

        answer = answered("-", "--factors", "batch", "--response", "loss", text_in=text)

        assert answer["n"] == 3

    @pytest.mark.parametrize(
        ("body", "sentence"),
        [
            ({"runs": 3}, "/runs: 3: a list was expected"),
            ({**BODY, "reponse": 1}, "did you mean 'response'?"),
            ({**BODY, "runs": [3]}, "/runs/0: 3: a run is an object of columns"),
        ],
    )
    def test_what_is_wrong_with_it_is_said_with_its_place(
        self, body: dict[str, Any], sentence: str
    ) -> None:
        done = paribus("answer", "-", "--local", text_in=json.dumps(body))

        assert done.returncode == 2
        assert sentence in done.stderr

    def test_an_option_for_what_is_no_object_is_refused(self) -> None:
        text = json.dumps({**self.BODY, "question": 3})

        assert "question is 3" in refused("-", "--level", "0.9", text_in=text)


class TestMistakes:
    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (
                ("--factors", "bach", "--response", "loss"),
                "--factors bach: runs.csv has no column 'bach' (did you mean 'batch'?)",
            ),
            (
                ("--factors", "batch", "--response", "accuracy"),
                "--response accuracy: runs.csv has no column 'accuracy' "
                "(columns: batch, ratio, seed, gpu, loss, state, reason)",
            ),
            ((*ROLES, "--lurking", "gpus"), "--lurking gpus: runs.csv has no column 'gpus'"),
            (("--response", "loss"), "--factors is missing: which columns were changed"),
            (("--factors", "batch"), "--response is missing: which column"),
            (
                ("--factors", "batch", "--response", "ratio"),
                "runs.csv line 2: ratio is '1:1', and a number was expected",
            ),
            ((*ROLES, "--baseline", "bach=8"), "--baseline bach: there is no factor 'bach'"),
            ((*ROLES, "--baseline", "8"), "--baseline 8: FACTOR=LEVEL was expected"),
            ((*ROLES, "--levels", "ratio"), "--levels ratio: FACTOR=LEVEL was expected"),
            ((*ROLES, "--numeric", "gpu"), "--numeric gpu: there is no factor 'gpu'"),
            ((*ROLES, "--forbid", "batch=8,x=1"), "--forbid x: there is no factor 'x'"),
            ((*ROLES, "--interactions", "batch*"), "pairs such as a*b,c*d were expected"),
            (("efects", *ROLES), "(did you mean 'effects'?)"),
            (("effects", *ROLES, "--out", "x.md"), "--out is for the kind report"),
            (("effects", *ROLES, "--format", "html"), "--format is for the kind report"),
            (("report", *ROLES, "--format", "pdf"), "one of markdown, html, json was expected"),
        ],
    )
    def test_each_is_said_before_anything_is_sent(
        self, runs: Path, arguments: tuple[str, ...], sentence: str
    ) -> None:
        assert sentence in refused(runs, *arguments)

    def test_all_wrong_columns_are_named_at_once(self, runs: Path) -> None:
        said = refused(runs, "--factors", "bach,ratios", "--response", "los")

        assert len(said.splitlines()) == 3

    def test_a_file_that_cannot_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "latin.csv").write_bytes("größe,loss\n1,2\n".encode("latin-1"))

        assert "cannot be read" in refused(tmp_path / "nothere.csv", *ROLES)
        assert "latin.csv is not UTF-8: byte 2" in refused(tmp_path / "latin.csv", *ROLES)

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (("--baseline", "batch=9"), "baseline 9 is none of the levels: 8, 64"),
            (("--goal", "lower"), "one of minimize, maximize was expected"),
            (("--blocks", "gpu", "--lurking", "gpu"), "gpu is named under blocks and under"),
        ],
    )
    def test_what_analysis_refuses_is_said_the_same_by_service_and_here(
        self, served: Served, runs: Path, options: tuple[str, ...], sentence: str
    ) -> None:
        def both() -> tuple[Done, Done]:
            told = ("answer", runs, *ROLES, *options)
            return served(*told), paribus(*told, "--local")

        there, here = both()

        assert (there.returncode, here.returncode) == (2, 2)
        assert sentence in here.stderr
        assert there.stderr == here.stderr


def test_a_mistake_costs_no_numpy(runs: Path) -> None:
    """The answer to a typing error must come at once."""
    program = (
        "import sys; from paribus_service.cli.program import app\n"
        f"sys.argv = ['paribus', 'answer', {str(runs)!r}, '--factors', 'bach', '--local']\n"
        "try:\n    app()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'numpy', 'sqlalchemy', 'fastapi'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
    assert "did you mean 'batch'?" in done.stderr
