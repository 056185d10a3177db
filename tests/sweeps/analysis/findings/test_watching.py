"""All rules over one run: in order, with thresholds and names, and never an exception."""

import math
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Facts, Seen
from paribus_sweeps.analysis.findings.rules import COMPARISONS, RULES, declared
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.findings.watching import RunWatch, comparisons_of, findings_of
from paribus_sweeps.analysis.histories import History
from paribus_sweeps.errors import InvalidThreshold, UnknownRole, UnknownThreshold
from tests.sweeps.analysis.findings.training_runs import is_plain, rows_of, seen

NAN, INF = math.nan, math.inf
FACTS = Facts("r1")
RISES, FALLS = (0.9, 0.7, 0.5, 0.6, 0.7, 0.8, 0.9), (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2)
KEYS = ("_step", "_runtime", "_timestamp", "train/global_step", "train/epoch", "train/loss",
        "train_step/loss", "eval/loss", "eval/accuracy", "eval/runtime",
        "eval/samples_per_second", "train/examples_seen", "train/grad_norm",
        "train/learning_rate")  # fmt: skip
NO_NUMBER = re.compile(r"\b(nan|inf)\b")
VALUES = st.sampled_from(
    [0.0, 0.5, 1.0, 2, -3.0, 1e-300, 1.7e308, -1.7e308, NAN, INF, "NaN", "x", None, [1]]
)


def label_of(findings: Iterable[Finding], rule: str) -> str | None:
    return next(finding.label for finding in findings if finding.rule == rule)


class TestFindingsOf:
    def test_each_rule_says_one_thing_in_the_order_of_the_rules(self):
        found = findings_of(History.of_rows(rows_of(RISES, FALLS)), FACTS)

        assert [finding.rule for finding in found] == [rule.name for rule in RULES]
        assert label_of(found, "overfitting") == "overfitting"

    def test_rules_can_be_chosen(self):
        assert findings_of(History.of_rows([]), FACTS, rules=[]) == []

    def test_a_threshold_can_be_set(self):
        history = History.of_rows(rows_of(RISES, FALLS))

        found = findings_of(history, FACTS, thresholds={"overfitting.alpha": 0.01})

        assert label_of(found, "overfitting") == "flat"

    def test_a_role_can_be_named(self):
        history = History.of_rows(rows_of(RISES, FALLS, eval_key="dev/nll", train_key="nll"))

        found = findings_of(history, FACTS, named={"eval_loss": "dev/nll", "train_loss": "nll"})

        assert label_of(found, "overfitting") == "overfitting"

    @pytest.mark.parametrize(
        ("given_", "error"),
        [
            ({"thresholds": {"overfitting.alfa": 0.1}}, UnknownThreshold),
            ({"thresholds": {"overfitting.alpha": 2}}, InvalidThreshold),
            ({"named": {"evaluation": "x"}}, UnknownRole),
        ],
    )
    def test_what_there_is_not_is_refused(self, given_, error):
        with pytest.raises(error):
            findings_of(History.of_rows([]), FACTS, **given_)


class TestRunWatch:
    def test_it_can_be_asked_again_as_the_run_goes_on(self):
        rows, watch = rows_of(RISES, FALLS), RunWatch()

        early = watch.tell(seen(rows[:8], state="running"))
        late = watch.tell(seen(rows))

        assert label_of(early, "overfitting") is None
        assert late == RunWatch().tell(seen(rows))

    def test_two_runs_have_nothing_in_common(self):
        first, second = RunWatch(), RunWatch()
        first.tell(seen([{"loss": NAN}]))

        found = second.tell(seen([{"loss": 0.5}]))

        assert next(f.status for f in found if f.rule == "non_finite") == "not_found"


class TestComparisonsOf:
    def test_runs_are_compared_in_the_order_of_their_ids(self):
        def compare(runs: Sequence[Seen]) -> list[Finding]:
            return [Finding.found("pairs", "", runs=tuple(run.facts.run for run in runs))]

        rule = ComparisonRule("pairs", 1, "9.4", "What it means.", compare)
        runs = [Seen(Facts(name), History.of_rows([]), seen([]).thresholds) for name in "ba"]

        assert [finding.runs for finding in comparisons_of(runs, rules=[rule])] == [("a", "b")]

    def test_what_leaves_the_floats_is_no_warning(self):
        """As of one run: infinity is above no limit, and warnings are for programs."""

        def compare(runs: Sequence[Seen]) -> Iterator[Finding]:
            largest = runs[0].history["x"].values * 10
            yield Finding.absent("product", "", numbers={"x": float(largest[0])})

        rule = ComparisonRule("product", 1, "9.4", "What it means.", compare)

        (found,) = comparisons_of([seen([{"x": 1.7e308}])], rules=[rule])

        assert found.as_dict()["numbers"] == {"x": None}

    def test_without_rules_nothing_is_said(self):
        assert comparisons_of([seen([])], rules=[]) == []


class TestWhateverARunLogged:
    @settings(deadline=None, max_examples=100)
    @given(
        st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES), max_size=40),
        st.sampled_from(["running", "finished", "crashed"]),
    )
    def test_every_rule_answers_in_plain_json(self, rows, state):
        config: dict[str, Any] = {
            "num_labels": 2, "learning_rate": 2e-5, "max_grad_norm": 1.0, "max_steps": 30,
            "lr_scheduler_type": "linear", "per_device_train_batch_size": 8, "logging_steps": 2,
        }  # fmt: skip

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = RunWatch().tell(seen(rows, state=state, config=config))

        for finding in found:
            assert is_plain(finding.as_dict())
            assert finding.sentence
            assert NO_NUMBER.search(finding.sentence) is None

    @settings(deadline=None, max_examples=100)
    @given(
        st.lists(
            st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES), max_size=20),
            min_size=2,
            max_size=4,
        ),
        st.sampled_from([None, 8.0, 1e300]),
    )
    def test_every_comparison_answers_in_plain_json(self, runs, per_step):
        asked = Thresholds.of(declared(COMPARISONS))
        known = [
            Facts(f"r{at}", setting={"b": str(at % 2)}, examples_per_step=per_step)
            for at in range(len(runs))
        ]

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = comparisons_of(
                Seen(facts, History.of_rows(rows), asked)
                for facts, rows in zip(known, runs, strict=True)
            )

        for finding in found:
            assert is_plain(finding.as_dict())
            assert NO_NUMBER.search(finding.sentence) is None
