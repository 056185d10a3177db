"""Curves as JSON: what a body may hold, and everything that is wrong with one, at once."""

from __future__ import annotations

from typing import Any

import pytest

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.plain_runs import answer_curves
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Rule, Seen, each_time
from paribus_sweeps.analysis.findings.thresholds import Threshold
from paribus_sweeps.errors import InvalidSpec


def _sums(seen: Seen) -> Finding:
    key = seen.key("eval_loss")
    if key is None:
        return Finding.unknown("sums", seen.missing("eval_loss"))
    total = float(seen.history[key].values.sum())
    numbers = {"sum": total, "seed": seen.facts.replicate.get("seed")}
    if total > seen.thresholds["sums.most"]:
        return Finding.found("sums", "too much", numbers=numbers)
    return Finding.absent("sums", "little", numbers=numbers)


def _lists(runs: Any) -> list[Finding]:
    told = "; ".join(f"{one.facts.run}: {dict(one.facts.setting)}" for one in runs)
    return [Finding.found("lists", told)]


RULES = [Rule("sums", 1, "t", "Sums.", each_time(_sums), (Threshold("sums.most", 5, "five"),))]
COMPARISONS = [ComparisonRule("lists", 1, "t", "Lists.", _lists)]


def ask(body: Any) -> dict[str, Any]:
    return answer_curves(body, rules=RULES, comparisons=COMPARISONS)


def sums_of(body: Any) -> dict[str, Any]:
    """The finding of the only run."""
    [run] = ask(body)["runs"]
    [finding] = run["findings"]
    return dict(finding)


def problems_of(body: Any) -> dict[str, str]:
    with pytest.raises(InvalidSpec) as caught:
        ask(body)
    return {problem.pointer: str(problem) for problem in caught.value.problems}


class TestBodies:
    def test_rows_and_columns_say_the_same(self) -> None:
        rows = [{"eval/loss": 1.0}, {"train/loss": 3.0}, {"eval/loss": 2.0}]
        columns = {"eval/loss": [1.0, None, 2.0], "train/loss": [None, 3.0, None]}

        by_rows = sums_of({"runs": [{"history": rows}]})
        by_columns = sums_of({"runs": [{"history": columns}]})

        assert by_rows == by_columns
        assert by_rows["numbers"]["sum"] == 3.0

    def test_a_key_can_be_named_and_a_threshold_set(self) -> None:
        run = {"history": [{"dev/nll": 3.0}], "replicate": {"seed": 7}}
        body = {"runs": [run], "roles": {"eval_loss": "dev/nll"}, "thresholds": {"sums.most": 2}}

        found = sums_of(body)

        assert (found["status"], found["numbers"]["seed"]) == ("found", 7)
        assert ask(body)["rules"][0]["thresholds"][0]["value"] == 2

    def test_runs_are_compared_by_their_settings(self) -> None:
        runs = [
            {"id": "b", "history": [], "setting": {"batch": 64.0}},
            {"id": "a", "history": [], "setting": {"batch": 8}},
        ]

        [finding] = ask({"runs": runs})["comparisons"]

        assert finding["sentence"] == "a: {'batch': '8'}; b: {'batch': '64'}"

    def test_only_the_rules_that_are_named_are_asked(self) -> None:
        found = ask({"runs": [{"history": []}], "rules": ["lists"]})

        assert [rule["name"] for rule in found["rules"]] == ["lists"]
        assert found["runs"][0]["findings"] == []

    def test_the_same_body_has_the_same_version(self) -> None:
        body = {"runs": [{"history": [{"eval/loss": float("nan")}]}]}

        assert ask(body)["data_version"] == ask(body)["data_version"]
        assert ask(body)["data_version"] != ask({"runs": [{"history": []}]})["data_version"]

    def test_runs_are_counted_by_what_was_said(self) -> None:
        runs = [{"history": [{"eval/loss": v}]} for v in (1, 9)] + [{"history": []}]

        found = ask({"runs": runs})

        assert found["counts"]["sums"] == {"found": 1, "not_found": 1, "cannot_tell": 1}
        assert [run["name"] for run in found["runs"]] == ["run 1", "run 2", "run 3"]


class TestWrongBodies:
    def test_everything_is_found_at_once(self) -> None:
        body = {
            "runs": [
                {"id": "a", "history": [3], "state": "finishd"},
                {"id": "a", "history": "x", "confg": {}},
                "b",
                {},
                {"history": {"eval/loss": [1, 2], "k": [1]}},
                {"history": {"eval/loss": 5}},
            ],
            "roles": {"eval_los": "x"},
            "thresholds": {"sums.mst": 1, "sums.most": "much"},
            "rules": ["sum"],
            "run": [],
        }

        found = problems_of(body)

        assert set(found) == {
            "/runs/0/history/0", "/runs/0/state", "/runs/1/history", "/runs/1/confg",
            "/runs/1/id", "/runs/2", "/runs/3/history", "/runs/4/history",
            "/runs/5/history/eval~1loss", "/roles/eval_los", "/thresholds/sums.mst",
            "/thresholds/sums.most", "/rules/0", "/run",
        }  # fmt: skip
        assert "did you mean 'eval_loss'" in found["/roles/eval_los"]
        assert "eval/loss 2, k 1" in found["/runs/4/history"]

    def test_a_threshold_out_of_its_bounds_is_refused(self) -> None:
        body = {"runs": [{"history": []}], "thresholds": {"sums.most": -1}}

        assert "from 0 to inf" in problems_of(body)["/thresholds/sums.most"]

    @pytest.mark.parametrize("body", [3, {}, {"runs": []}])
    def test_a_body_without_runs_is_refused(self, body: Any) -> None:
        assert problems_of(body)
