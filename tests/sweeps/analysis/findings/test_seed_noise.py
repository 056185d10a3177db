"""What another seed does to a curve, beside what a level does."""

import math

import pytest

from paribus_sweeps.analysis.findings.seed_noise import COMPARISONS
from paribus_sweeps.analysis.findings.watching import comparisons_of
from tests.sweeps.analysis.findings.runs_beside import bad_histories, rows_of, seen


def run(id, batch, last, seed=0, **facts):
    setting = {"batch": batch, **facts.pop("setting", {})}
    replicate = {"seed": seed}
    points = [(10, 0.7), (20, last)]
    return seen(id, rows_of(points), COMPARISONS, setting=setting, replicate=replicate, **facts)


def told(*runs):
    return list(comparisons_of(runs, rules=COMPARISONS))


class TestNoise:
    def test_a_difference_within_what_seeds_do_is_found(self):
        """Batch 8: .50, .60; 64: .52, .62. Pooled s² (.005 + .005) / 2; error .0707."""
        (found,) = told(
            run("a", "8", 0.50),
            run("b", "8", 0.60, 1),
            run("c", "64", 0.52),
            run("d", "64", 0.62, 1),
        )

        assert (found.status, found.factor) == ("found", "batch")
        assert found.numbers["difference"] == pytest.approx(0.02)
        assert found.numbers["sd_over_seeds"] == pytest.approx(math.sqrt(0.005))
        assert found.numbers["standard_error"] == pytest.approx(math.sqrt(0.005))
        assert found.numbers["df"] == 2
        assert found.sentence == (
            "`batch` 64 against 8: at the last point that all share, eval losses differ by 0.02, "
            "in 1 setting of everything else; seeds of one setting differ by an sd of 0.07071 "
            "(2 df). Another seed may do as much."
        )

    def test_a_seed_that_was_looked_at_twice_is_one_seed(self):
        """Cadences among blocks: .50, .60 and .52, .62 again, with 2 df and not 4."""
        often = {"blocks": {"eval_steps": "20"}}
        (found,) = told(
            run("a", "8", 0.50), run("b", "8", 0.60, 1),
            run("c", "64", 0.52), run("d", "64", 0.62, 1),
            run("e", "8", 0.50, **often), run("f", "8", 0.60, 1, **often),
            run("g", "64", 0.52, **often), run("h", "64", 0.62, 1, **often),
        )  # fmt: skip

        assert (found.numbers["df"], found.numbers["contexts"]) == (2, 1)

    def test_a_difference_beyond_it_is_not(self):
        (found,) = told(
            run("a", "8", 0.50),
            run("b", "8", 0.51, 1),
            run("c", "64", 0.80),
            run("d", "64", 0.81, 1),
        )

        assert found.status == "not_found"

    def test_seeds_on_one_side_are_enough(self):
        """.50, .60 against .56: s² = .005 with 1 df, error sqrt(.005 (1/2 + 1))."""
        (found,) = told(run("a", "8", 0.5), run("b", "8", 0.6, 1), run("c", "64", 0.56))

        assert found.numbers["df"] == 1
        assert found.numbers["standard_error"] == pytest.approx(math.sqrt(0.0075))

    def test_contexts_are_averaged(self):
        """Differences .1 and .3: mean .2; weights 1 + 1, halved: error s sqrt(2) / 2."""
        runs = [
            run(f"{ratio}{batch}{seed}", batch, base + step + 0.02 * seed, seed,
                setting={"ratio": ratio})
            for ratio, step_at_64 in (("1:1", 0.1), ("4:1", 0.3))
            for batch, step in (("8", 0.0), ("64", step_at_64))
            for seed, base in ((0, 0.3), (1, 0.3))
        ]  # fmt: skip

        found = next(f for f in told(*runs) if f.factor == "batch")

        assert found.numbers["difference"] == pytest.approx(0.2)
        assert found.numbers["sd_over_seeds"] == pytest.approx(math.sqrt(0.0002))
        assert found.numbers["standard_error"] == pytest.approx(math.sqrt(0.0002 * 2) / 2)

    def test_they_are_compared_over_examples_seen_where_that_is_known(self):
        """Batch 8 at step 20 has seen 160, batch 64 at step 10 already 640: nothing is shared."""
        few = [run("a", "8", 0.5), run("b", "8", 0.6, 1), run("c", "64", 0.6)]
        many = [
            run("a", "8", 0.5, examples_per_step=8.0),
            run("b", "8", 0.6, 1, examples_per_step=8.0),
            run("c", "64", 0.6, examples_per_step=16.0),
        ]

        assert told(*few)[0].x_name == "steps"
        assert told(*many)[0].x_name == "examples seen"
        assert told(*many)[0].numbers["x"] == [160]

    def test_calls_of_log_are_not_taken_for_optimizer_steps(self):
        """8 examples a step are known, and W&B's _step counts no steps: x stays what it is."""
        runs = [
            seen(
                id, [{"_step": x, "eval/loss": v} for x, v in ((1, 0.7), (2, last))], COMPARISONS,
                setting={"batch": batch}, replicate={"seed": seed}, examples_per_step=8.0,
            )
            for id, batch, last, seed in (
                ("a", "8", 0.5, 0), ("b", "8", 0.6, 1), ("c", "64", 0.5, 0)
            )
        ]  # fmt: skip

        (found,) = told(*runs)

        assert (found.numbers["x"], found.x_name) == ([2], "W&B steps")

    def test_runs_over_other_steps_are_not_set_beside_one_another(self):
        """One logs optimizer steps 10 and 20; W&B's steps 10 and 20 of the other are later."""
        rows = [{"_step": x, "eval/loss": v} for x, v in ((10, 0.7), (20, 0.5))]
        other = seen("c", rows, COMPARISONS, setting={"batch": "64"}, replicate={"seed": 0})

        (found,) = told(run("a", "8", 0.5), run("b", "8", 0.6, 1), other)

        assert found.status == "cannot_tell"

    def test_few_seeds_need_a_large_difference(self):
        """One df: t(.975) = 12.71. Sd .0707, error .0866: .9 is within 1.10, 1.2 is not."""
        for last, status in ((0.55 + 0.9, "found"), (0.55 + 1.2, "not_found")):
            (found,) = told(run("a", "8", 0.5), run("b", "8", 0.6, 1), run("c", "64", last))

            assert found.status == status

    def test_a_repeat_of_a_seed_is_no_other_seed(self):
        (found,) = told(run("a", "8", 0.5), run("b", "8", 0.5), run("c", "64", 0.6))

        assert found.status == "cannot_tell"

    def test_runs_whose_seed_is_not_known_are_repetitions(self):
        runs = [
            seen(x, rows_of([(10, v)]), COMPARISONS, setting={"batch": b})
            for x, b, v in (("a", "8", 0.5), ("b", "8", 0.6), ("c", "64", 0.56))
        ]

        assert told(*runs)[0].numbers["df"] == 1


class TestSilence:
    def test_one_seed_each_does_not_tell(self):
        (found,) = told(run("a", "8", 0.5), run("b", "64", 0.6))

        assert found.status == "cannot_tell"
        assert "what another seed does is not known" in found.sentence

    def test_levels_that_never_meet_in_one_setting_do_not_tell(self):
        (found, _) = told(
            run("a", "8", 0.5, setting={"x": "1"}), run("b", "64", 0.6, setting={"x": "2"})
        )

        assert found.status == "cannot_tell"

    def test_runs_that_share_no_x_do_not_tell(self):
        late = seen("b", rows_of([(50, 0.5)]), COMPARISONS, setting={"batch": "64"})

        (found,) = told(run("a", "8", 0.5), run("c", "8", 0.5, 1), late)

        assert found.status == "cannot_tell"

    def test_losses_too_large_to_compute_with_do_not_tell(self):
        (found,) = told(run("a", "8", 1e300), run("b", "8", -1e300, 1), run("c", "64", 0.5))

        assert found.sentence == "The losses are too large to compute with."

    def test_the_limit_is_a_setting(self):
        """T = .02 / .0707 = .283 with 2 df has p = .80."""
        limits = {"seed_noise.alpha": 0.9}
        runs = [
            run("a", "8", 0.50, thresholds=limits), run("b", "8", 0.60, 1),
            run("c", "64", 0.52), run("d", "64", 0.62, 1),
        ]  # fmt: skip

        assert told(*runs)[0].status == "not_found"

    def test_without_a_factor_there_is_nothing_to_compare(self):
        assert told(run("a", "8", 0.5), run("b", "8", 0.6, 1)) == []

    @pytest.mark.parametrize("name", bad_histories())
    def test_bad_input_raises_nothing(self, name):
        odd = seen("z", bad_histories()[name], COMPARISONS, setting={"batch": "64"})

        for found in told(run("a", "8", 0.5), run("b", "8", 1.7e308, 1), odd):
            assert found.as_dict()["status"] in ("found", "not_found", "cannot_tell")
