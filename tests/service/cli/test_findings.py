"""`paribus findings`: over a real service, as people and scripts read it."""

import json

import pytest

from tests.factories import Lab
from tests.service.cli.conftest import Served
from tests.service.orchestration.test_responses import start


def words(text: str) -> str:
    """What was printed, wherever its lines are broken."""
    return " ".join(text.split())


@pytest.fixture
def diverged(lab: Lab) -> str:
    """A run whose loss became NaN; its own id."""
    name = start(lab, "diverged")
    losses = [0.7, 0.6, "NaN", "NaN"]
    lines = [json.dumps({"_step": i, "train/loss": v}) for i, v in enumerate(losses)]
    lab.log(name, *lines)
    lab.finish(name)
    return lab.run(name).id


class TestFindings:
    def test_what_was_found_is_told_with_the_run(self, served: Served, diverged: str) -> None:
        done = served("findings", diverged)

        assert done.returncode == 0, done.stderr
        assert "run-diverged: non_finite (loss), found" in words(done.stdout)
        assert "overfitting: 1 cannot tell" in words(done.stdout)
        assert "run-diverged: overfitting" not in words(done.stdout)

    def test_all_shows_what_cannot_be_told(self, served: Served, diverged: str) -> None:
        done = served("findings", diverged, "--all")

        assert "run-diverged: overfitting, cannot tell" in words(done.stdout)

    def test_a_project_is_asked_as_a_whole(self, served: Served, diverged: str) -> None:
        found = served.json("findings", "lab/imdb", "--status", "found", "--rule", "non_finite")

        shown = {run["id"]: run["findings"] for run in found["runs"]}
        assert [finding["rule"] for finding in shown[diverged]] == ["non_finite"]

    def test_a_sweep_without_runs_has_nothing(self, served: Served, lab: Lab) -> None:
        done = served("findings", lab.register())

        assert "Nothing of what was asked for" in done.stdout

    def test_a_key_can_be_named(self, served: Served, diverged: str) -> None:
        found = served.json("findings", diverged, "--all", "--role", "eval_loss:dev/nll")

        told = [f["sentence"] for run in found["runs"] for f in run["findings"]]
        assert any("dev/nll" in sentence for sentence in told)

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["--rule", "overfiting"], "overfitting"),
            (["--threshold", "x"], "NAME:VALUE was expected"),
            (["--role", "eval_los:k"], "eval_loss"),
        ],
    )
    def test_what_is_not_there_is_refused_by_its_name(
        self, served: Served, diverged: str, options: list[str], told: str
    ) -> None:
        done = served("findings", diverged, *options)

        assert done.returncode == 2
        assert told in words(done.stderr)
