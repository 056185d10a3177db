"""docs/reference/findings.md lists every rule, threshold and role that there is."""

from __future__ import annotations

import json
import re
from types import ModuleType

import pytest

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Rule, each_time
from paribus_sweeps.analysis.findings.rules import COMPARISONS, RULES, declared
from paribus_sweeps.analysis.findings.thresholds import Threshold
from paribus_sweeps.analysis.reference import fill
from paribus_sweeps.analysis.roles import ROLES


def part(mark: str, before: str = "") -> str:
    """What a page's part is filled with."""
    page = fill(f"{before}<!-- begin: {mark} -->\n<!-- end -->")
    found = re.search(r"<!-- begin: [^>]+ -->\n(.*)<!-- end -->", page, re.DOTALL)
    assert found is not None
    return found[1]


class TestLists:
    def test_every_rule_has_a_part_with_its_thresholds(self) -> None:
        text = part("rules")

        named = re.findall(r"^\*\*(\w+)\*\*: ", text, re.MULTILINE)
        assert named == [rule.name for rule in (*RULES, *COMPARISONS)]
        for threshold in declared([*RULES, *COMPARISONS]):
            assert f"| `{threshold.name}` | {threshold.default:g} |" in text

    def test_every_role_has_a_row(self) -> None:
        assert re.findall(r"^\| `(\w+)`", part("roles"), re.MULTILINE) == [r.name for r in ROLES]

    def test_an_example_is_answered_by_the_rules(self) -> None:
        body = {"runs": [{"id": "R1", "history": []}], "rules": ["overfitting"]}

        shown = part("curves runs", f"```json\n{json.dumps(body)}\n```\n")

        [run] = json.loads(shown.removeprefix("```json\n").removesuffix("\n```\n"))["runs"]
        assert [finding["rule"] for finding in run["findings"]] == ["overfitting"]


class TestARulesPart:
    def test_what_a_rule_lacks_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rule = Rule("plain", 3, "9", "It is plain.", each_time(lambda _: Finding.absent("p", "")))
        full = ComparisonRule(
            name="full",
            version=1,
            section="findings.md",
            meaning="It is full.",
            compare=lambda _: (),
            thresholds=(Threshold("full.most", 5, "five"),),
            labels={"one": "the first"},
            roles=("train_loss",),
            is_heuristic=True,
        )
        runs, beside = ModuleType("runs", "How it decides."), ModuleType("beside")
        vars(runs)["RULES"] = (rule,)
        vars(beside)["COMPARISONS"] = (full,)
        monkeypatch.setattr("paribus_sweeps.analysis.reference.ABOUT_RUNS", (runs,))
        monkeypatch.setattr("paribus_sweeps.analysis.reference.ABOUT_COMPARISONS", (beside,))

        text = part("rules")

        plain, other = text.split("### full\n")
        assert "Reads" not in plain
        assert "|" not in plain
        assert "How it decides." in plain
        assert "Version 1, of runs beside one another; defined here; a rule" in other
        assert "Reads `train_loss`." in other
        assert "| `one` | the first |" in other
        assert "| `full.most` | 5 | five |" in other
