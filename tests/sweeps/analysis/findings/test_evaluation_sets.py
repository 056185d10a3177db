"""Whether runs were scored on the same examples."""

import math

import pytest

from paribus_sweeps.analysis.findings.evaluation_sets import COMPARISONS, evaluation_set
from paribus_sweeps.analysis.findings.watching import comparisons_of
from tests.sweeps.analysis.findings.runs_beside import bad_histories, seen


def run(id, config=None, rows=({"eval/loss": 0.5},), **facts):
    return seen(id, rows, COMPARISONS, config=config or {}, **facts)


def timed(*looks):
    return [{"eval/loss": 0.5, "eval/runtime": t, "eval/samples_per_second": r} for t, r in looks]


def told(*runs):
    return list(comparisons_of(runs, rules=COMPARISONS))


def size_of(seen):
    known = evaluation_set(seen)
    return known.size, known.size_key


class TestSize:
    def test_it_is_what_our_program_recorded(self):
        config = {"data.test.reviews": 400, "eval_samples": 7, "data.test.sha256": "ab"}

        assert size_of(run("a", config)) == (400, "data.test.reviews")
        assert evaluation_set(run("a", config)).identity == "ab"

    def test_a_summary_may_say_it(self):
        assert size_of(run("a", summary={"eval_samples": 1_000})) == (1_000, "eval_samples")

    @pytest.mark.parametrize("value", [0.2, 0, -5, "many", True, None, math.nan, 10**400])
    def test_a_share_is_no_number_of_examples(self, value):
        assert size_of(run("a", {"test_size": value})) == (None, None)

    def test_a_trainer_logs_it_as_time_and_rate(self):
        """25,000 reviews at 36.4 a second, with a Trainer's decimals: 686.8132 s, 36.4."""
        found = size_of(run("a", rows=timed((686.8132, 36.4), (690.6077, 36.2))))

        assert found == (25_000, "eval/runtime x eval/samples_per_second")

    def test_a_look_too_short_for_its_decimals_does_not_tell(self):
        """.0123 s may be .01225: 400 examples may be 398."""
        assert size_of(run("a", rows=timed((0.0123, 32_520.325)))) == (None, None)

    def test_looks_that_disagree_do_not_tell(self):
        assert size_of(run("a", rows=timed((10.0, 40.0), (10.0, 44.0)))) == (None, None)

    @pytest.mark.parametrize(
        "look", [(math.nan, 1.0), (0.0, 4.0), (1e300, 1e300), (10.0, 1e-9)], ids=str
    )
    def test_odd_times_do_not_tell(self, look):
        assert size_of(run("a", rows=timed(look))) == (None, None)

    @pytest.mark.parametrize("rates", [(1.7e308, 1.7e308), (1.7e308, -1.7e308)], ids=str)
    def test_two_looks_whose_sum_no_number_holds_do_not_tell(self, rates):
        """In 10 s each, they are beyond the largest float; warnings are errors here."""
        looks = [(10.0, rate) for rate in rates]

        assert size_of(run("a", rows=timed(*looks))) == (None, None)

    def test_a_middle_that_no_number_holds_does_not_tell(self):
        assert size_of(run("a", rows=timed((1.0, 1.7e308), (1.0, 1.7e308)))) == (None, None)


class TestTheRatio:
    """4:1 of 2,000 reviews leaves 400 to score, 1:1 leaves 1,000 (TRAINING 4)."""

    def runs(self, **facts):
        return [
            run(id, {"data.test.reviews": n}, setting={"batch": b, "ratio": r}, **facts)
            for id, b, r, n in [
                ("r1", "8", "1:1", 1_000), ("r2", "64", "4:1", 400), ("r3", "64", "1:1", 1_000),
            ]
        ]  # fmt: skip

    def test_it_also_changes_the_test_set(self):
        (found,) = told(*self.runs())

        assert (found.status, found.factor) == ("found", "ratio")
        assert found.sentence == (
            "`ratio` also changes what runs are scored on: 1,000 examples at 1:1 and 400 examples "
            "at 4:1. What differs in their eval losses may be the examples."
        )
        assert found.next_step == "Score all runs on one common hold-out and compare that."
        assert found.numbers["examples"] == {"r1": 1_000, "r2": 400, "r3": 1_000}

    def test_a_common_hold_out_is_named_where_there_is_one(self):
        (found,) = told(*self.runs(summary={"holdout/loss": 0.4}))

        assert found.next_step is not None
        assert found.next_step.startswith("Compare holdout/loss")

    def test_two_factors_that_moved_together_are_not_told_apart(self):
        (found,) = told(*self.runs()[:2])

        assert (found.status, found.factor) == ("found", None)
        assert "not all scored on the same examples (400 and 1,000 of them)" in found.sentence

    def test_a_split_that_follows_the_seed_still_shows_the_sizes(self):
        """Every run has a set of its own, and only the ratio has sizes of its own."""
        runs = [
            run(f"{r}{s}", {"data.test.reviews": n, "data.test.sha256": f"{r}{s}"},
                setting={"ratio": r})
            for r, n in (("1:1", 1_000), ("4:1", 400)) for s in (0, 1)
        ]  # fmt: skip

        assert told(*runs)[0].factor == "ratio"


class TestSameOrUnknown:
    def test_equal_fingerprints_are_the_same_examples(self):
        config = {"data.test.sha256": "ab", "data.test.reviews": 400}

        (found,) = told(run("a", config), run("b", config))

        assert found.status == "not_found"
        assert found.sentence == "All 2 runs were scored on the same set, 400 examples."

    def test_other_fingerprints_of_one_size_are_other_examples(self):
        """And a level is said to move them."""
        runs = [
            run(x, {"data.test.sha256": x, "data.test.reviews": 400}, setting={"split": x})
            for x in "ab"
        ]

        (found,) = told(*runs)

        assert (found.status, found.factor) == ("found", "split")

    def test_other_fingerprints_without_a_size_are_told(self):
        (found,) = told(*(run(x, {"data.test.sha256": x}) for x in "ab"))

        assert found.sentence.startswith("The 2 runs were not all scored on the same examples.")

    def test_equal_sizes_alone_do_not_tell(self):
        (found,) = told(*(run(x, {"data.test.reviews": 400}) for x in "ab"))

        assert found.status == "cannot_tell"

    def test_a_fingerprint_without_a_size_is_enough(self):
        (found,) = told(*(run(x, {"data.test.sha256": "s"}) for x in "ab"))

        assert found.sentence == "All 2 runs were scored on the same set, of unknown size."

    def test_one_run_or_runs_that_are_not_scored_say_nothing(self):
        assert told(run("a")) == []
        assert told(run("a", rows=[{"x": 1}]), run("b", rows=[])) == []

    def test_an_accuracy_alone_is_a_score(self):
        assert len(told(*(run(x, rows=[{"eval/accuracy": 0.5}]) for x in "ab"))) == 1

    @pytest.mark.parametrize("name", bad_histories())
    def test_bad_input_raises_nothing(self, name):
        rows = bad_histories()[name]
        odd = [{**row, "eval/runtime": row.get("eval/loss")} for row in rows]

        for found in told(run("a", rows=odd), run("b", rows=rows), run("c")):
            assert found.as_dict()["status"] in ("found", "not_found", "cannot_tell")
