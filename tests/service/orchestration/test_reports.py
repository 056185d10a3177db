"""Best run per factor, from rows: what is ranked, what is not, and why."""

from pathlib import Path
from typing import Any

import pytest

from paribus_service.errors import InvalidRequest
from paribus_service.orchestration import answers
from paribus_service.orchestration.inquiries import Inquiry, Subject
from paribus_service.store import sweeps as sweep_store
from tests.factories import Lab, grid_config


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def best(lab: Lab, sweep: str, **question: Any) -> dict[str, Any]:
    with lab.reading() as session:
        subject = Subject.of_sweep(sweep_store.get_sweep(session, sweep))
        return answers.worked_out(session, subject, "best", Inquiry(**question), root="")


def level(answer: dict[str, Any], factor: str, label: str) -> dict[str, Any]:
    found = next(f for f in answer["factors"] if f["factor"] == factor)
    return next(entry for entry in found["levels"] if entry["level"] == label)


class TestBest:
    def test_each_level_has_its_best_run(self, lab: Lab) -> None:
        sweep = lab.register()
        agent = lab.agent(sweep)
        runs = [lab.run_trial(agent, loss=loss) for loss in (0.4, 0.3, 0.2, 0.5)]
        # trials in order: (lr .1, batch 8) .4, (.1, 64) .3, (.2, 8) .2, (.2, 64) .5

        answer = best(lab, sweep)

        assert level(answer, "batch", "8")["value"] == 0.2
        assert level(answer, "batch", "8")["best"][0]["wandb_id"] == runs[2]
        assert level(answer, "batch", "64")["value"] == 0.3
        assert level(answer, "lr", "0.1")["mean"] == pytest.approx(0.35)
        assert (answer["response"], answer["goal"], answer["n"]) == ("loss", "minimize", 4)

    def test_goal_turns_the_ranking_round(self, lab: Lab) -> None:
        sweep = lab.register()
        agent = lab.agent(sweep)
        for loss in (0.4, 0.3, 0.2, 0.5):
            lab.run_trial(agent, loss=loss)

        assert level(best(lab, sweep, goal="maximize"), "batch", "8")["value"] == 0.4

    def test_what_is_not_ranked_says_why(self, lab: Lab) -> None:
        sweep = lab.register(retry={"failed": 0})
        agent = lab.agent(sweep)
        lab.run_trial(agent, loss=float("nan"))
        crashed = lab.claim(agent)
        lab.start(crashed)
        lab.finish(crashed, exit_code=7)
        lab.run_trial(agent, loss=0.2)

        reasons = [entry["reason"] for entry in best(lab, sweep)["not_ranked"]]

        assert len(reasons) == 3
        assert any("NaN" in reason for reason in reasons)
        assert any("exit code 7" in reason for reason in reasons)
        assert any("queued" in reason for reason in reasons)

    def test_an_older_attempt_never_counts(self, lab: Lab) -> None:
        sweep = lab.register(grid_config(parameters={"lr": {"values": [0.1]}}))
        agent = lab.agent(sweep)
        first = lab.claim(agent)
        lab.start(first)
        lab.wait(lab.settings.run_timeout_seconds)
        other = lab.agent(sweep, host="host-b")
        second = lab.claim(other)
        lab.start(second)

        lab.finish(first, loss=0.001)
        lab.finish(second, loss=0.7)

        answer = best(lab, sweep)
        assert answer["n"] == 1
        assert answer["best"][0]["value"] == 0.7

    def test_a_response_that_no_run_has_names_the_nearest(self, lab: Lab) -> None:
        sweep = lab.register()
        lab.run_trial(lab.agent(sweep), **{"eval/loss": 0.4})

        with pytest.raises(InvalidRequest) as caught:
            best(lab, sweep, response="eval/los", goal="minimize")

        assert caught.value.problems[0].hint == "did you mean 'eval/loss'?"

    def test_a_factor_that_is_none_names_the_nearest(self, lab: Lab) -> None:
        with pytest.raises(InvalidRequest) as caught:
            best(lab, lab.register(), factors=("batsh",))

        assert caught.value.problems[0].hint == "did you mean 'batch'?"

    def test_a_goal_must_be_known(self, lab: Lab) -> None:
        sweep = lab.register()
        lab.run_trial(lab.agent(sweep), loss=0.4, speed=3.0)

        with pytest.raises(InvalidRequest, match="goal=minimize or goal=maximize"):
            best(lab, sweep, response="speed")

    def test_factors_that_moved_together_are_named_beside(self, lab: Lab) -> None:
        design = {
            "type": "settings",
            "factors": {
                "batch": {"baseline": 8, "levels": [8, 64]},
                "ratio": {"baseline": "1:1", "levels": ["1:1", "4:1"]},
            },
            "settings": [{"batch": 8, "ratio": "1:1"}, {"batch": 64, "ratio": "4:1"}],
        }
        config = {"project": "imdb", "program": "train.py", "design": design}
        sweep = lab.register({**config, "metric": {"name": "loss", "goal": "minimize"}})
        agent = lab.agent(sweep)
        lab.run_trial(agent, loss=0.4)
        lab.run_trial(agent, loss=0.2)

        answer = best(lab, sweep)

        together = answer["factors"][0]["together"]
        assert together[0]["members"] == ["batch", "ratio"]
        assert "always changed together" in together[0]["sentence"]

    def test_the_data_version_changes_with_the_data_only(self, lab: Lab) -> None:
        sweep = lab.register()
        agent = lab.agent(sweep)
        lab.run_trial(agent, loss=0.4)
        before = best(lab, sweep)["data_version"]

        assert best(lab, sweep)["data_version"] == before
        lab.run_trial(agent, loss=0.3)
        assert best(lab, sweep)["data_version"] != before
