"""Every kind of answer: what it carries, and that it can be sent."""

import json
from typing import Any

import pytest

from paribus_sweeps.analysis import answers
from paribus_sweeps.analysis.answers import KINDS, UnknownKind, answer
from paribus_sweeps.analysis.best import GoalUnknown
from paribus_sweeps.analysis.cases import Case
from tests.sweeps.tables import NOISE, SATURATED, case_of, grid

CONFOUNDED = [row for row in grid(0.1) if (row["batch"] == 64) == (row["ratio"] == "4:1")]


class TestEveryKind:
    @pytest.mark.parametrize("kind", KINDS)
    def test_is_plain_json(self, kind: str) -> None:
        told = answer(kind, case_of(grid(batch=0.1)))

        assert json.loads(json.dumps(told, allow_nan=False))["kind"] == kind

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("state", ["failed", "running"])
    def test_is_given_without_a_finished_run(self, kind: str, state: str) -> None:
        rows = [{**row, "loss": None, "state": state} for row in grid()]

        told = answer(kind, case_of(rows))

        assert told["n"] == 0
        assert told["excluded_count"] == 12

    @pytest.mark.parametrize("kind", KINDS)
    def test_carries_what_is_needed_to_recompute_it(self, kind: str) -> None:
        rows = grid(batch=0.1)
        rows[0] |= {"loss": None, "state": "failed", "reason": "out of memory"}

        told = answer(kind, case_of(rows, question={"factors": ["batch"]}))

        assert told["response"] == "loss"
        assert told["goal"] == "minimize"
        assert told["n"] == len(told["runs"]) == 11
        [left_out] = told["excluded"]
        assert left_out["state"] == "failed"
        assert "out of memory" in left_out["reason"]
        assert told["question"]["factors"] == ["batch"]

    @pytest.mark.parametrize("kind", KINDS)
    def test_has_no_number_of_what_is_confounded(self, kind: str) -> None:
        told = answer(kind, case_of(CONFOUNDED))

        for factor in told.get("factors", []):
            assert factor["status"] == "confounded"
            for comparison in factor.get("comparisons", []):
                numbers = ("estimate", "interval", "p", "p_adjusted", "standard_error")
                assert [comparison[key] for key in numbers] == [None] * 5

    def test_an_unknown_kind_is_refused_with_those_there_are(self) -> None:
        with pytest.raises(UnknownKind, match="there is no answer 'worst'; there are best"):
            answer("worst", case_of(grid()))

    def test_many_runs_are_counted_and_not_listed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(answers, "MOST_LISTED", 5)

        told = answer("factors", case_of(grid()))

        assert (told["n"], len(told["runs"])) == (12, 5)

    def test_interactions_asked_for_stand_in_the_question(self) -> None:
        case = case_of(grid(), question={"interactions": [["batch", "ratio"]]})

        told = answer("follow-ups", case)

        assert told["question"]["interactions"] == [["batch", "ratio"]]


class TestEffects:
    def test_crashes_and_strata_stand_beside(self) -> None:
        told = answer("effects", case_of(grid()))

        assert told["crashes"]["crashed"] == 0
        assert told["strata"] == []
        assert told["lenth"] is None
        assert told["permutation"] is None

    def test_permutation_is_an_option(self) -> None:
        told = answer("effects", case_of(grid(batch=0.1), question={"error": "permutation"}))

        assert [test["term"] for test in told["permutation"]][:2] == ["batch", "ratio"]

    def test_powers_are_looked_at_on_the_own_scale_only(self) -> None:
        told = answer("effects", case_of(grid(), question={"transform": "log"}))

        assert told["transform"] == "log"
        assert told["box_cox"]["powers"] is None

    def test_powers_of_ranks_mean_nothing(self) -> None:
        """At the bound the question's scale is not the one that the model works on."""
        rows = [{**row, "loss": 1.0} for row in grid()]
        for row, wobble in zip(rows[:6], NOISE, strict=False):
            row["loss"] -= abs(wobble) * 5

        told = answer("effects", case_of(rows, response={"denominator": 100}))

        assert told["transform"] == "rank"
        assert told["box_cox"] == {"powers": None, "sentence": None}

    def test_saturated_designs_have_lenth(self) -> None:
        told = answer("effects", case_of(SATURATED, question={"interactions": "all"}))

        found = [effect["effect"] for effect in told["lenth"]["effects"]]
        assert found == pytest.approx([3.0, 5.0, 2.0])

    def test_nothing_to_fit_is_said(self) -> None:
        told = answer("effects", case_of([{"batch": 8, "ratio": "1:1", "loss": 0.3}]))

        assert told["effects"] is None
        assert told["note"] == "no two finished runs differ in a factor: there is nothing to fit"


class TestBest:
    def test_needs_a_goal(self) -> None:
        with pytest.raises(GoalUnknown, match="minimize or maximize"):
            answer("best", case_of(grid(), goal=None))

    def test_of_very_many_levels_is_a_fact_without_a_verdict(self) -> None:
        rows = [{"batch": f"level {at}", "loss": 0.3 + at} for at in range(3000)]

        [factor] = answer("best", case_of(rows, ["batch"]))["factors"]

        assert (factor["status"], factor["verdict"]) == ("inconclusive", None)
        assert factor["sentence"].startswith("No verdict: the model would have 3,000 columns")
        assert factor["levels"][0]["best"][0]["value"] == 0.3


class TestConfounding:
    def test_does_not_wait_for_a_scale(self) -> None:
        case = case_of(grid(start=-1), question={"transform": "log"})  # no logarithm of these

        assert answer("confounding", case)["confounding"]["facts"] == []


class TestPower:
    def test_has_the_reason_where_there_is_nothing_to_judge(self) -> None:
        told = answer("power", case_of(CONFOUNDED))

        assert told["power"][0]["outlook"] is None
        assert "always changed together" in told["power"][0]["sentence"]

    def test_has_the_number_of_runs(self) -> None:
        case = case_of(grid(batch=0.012), question={"smallest_effect": 0.01})

        told = answer("power", case)

        assert told["power"][0]["outlook"]["more_runs"] > 0


def facts(case: Case) -> dict[str, Any]:
    return answer("report", case)


class TestReport:
    def test_is_all_of_them(self) -> None:
        told = facts(case_of(grid(batch=0.1)))

        parts = ("factors", "contrasts", "effects", "confounding", "follow_ups", "power", "best")
        assert all(told[part] is not None for part in parts)

    def test_without_a_goal_there_is_no_best_run(self) -> None:
        assert facts(case_of(grid(), goal=None))["best"] is None

    def test_says_what_was_decided_for_the_whole_table(self) -> None:
        rows = [{**row, "loss": 1.0} for row in grid()]
        for row, wobble in zip(rows[:6], NOISE, strict=False):
            row["loss"] -= abs(wobble) * 5

        told = facts(case_of(rows, response={"denominator": 100}))

        assert "compared on ranks" in told["notes"][0]
