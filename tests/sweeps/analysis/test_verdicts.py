"""The verdict on each factor: METHOD 8.1, with what may not be said."""

import pytest

from paribus_sweeps.analysis.verdicts import FactorAnswer, Judged
from paribus_sweeps.errors import CannotTransform, NoSuchInteraction
from tests.sweeps.tables import NOISE, case_of, grid, judged


def of(found: Judged, factor: str = "batch") -> FactorAnswer:
    return next(answer for answer in found.answers if answer.factor == factor)


class TestYes:
    def test_a_large_difference_is_one(self) -> None:
        found = of(judged(grid(batch=0.1)))

        assert (found.status, found.verdict) == ("isolated", "yes")

    def test_the_sentence_has_size_interval_and_evidence(self) -> None:
        found = of(judged(grid(batch=0.1)))

        assert found.sentence.startswith(
            "`batch`: yes, it made a difference. 64 against 8 changed loss by +0.0985 (95 % "
        )
        assert "6 matched pairs in 2 settings). Lower is better, so 8 is." in found.sentence

    def test_without_a_goal_no_level_is_called_better(self) -> None:
        found = of(judged(grid(batch=0.1), goal=None))

        assert "better" not in found.sentence

    def test_higher_is_better_where_the_goal_says_so(self) -> None:
        found = of(judged(grid(batch=0.1), goal="maximize"))

        assert found.sentence.endswith("Higher is better, so 64 is.")

    def test_pairs_and_model_stand_side_by_side(self) -> None:
        [comparison] = of(judged(grid(batch=0.1))).comparisons

        assert comparison.basis == "pairs"
        assert comparison.pairs is not None
        assert comparison.model is not None
        # balanced: both are the difference of the means
        assert comparison.pairs.summary.estimate == pytest.approx(comparison.model.estimate)


class TestNo:
    def test_needs_a_smallest_effect(self) -> None:
        found = of(judged(grid(ratio=0.1)))

        assert found.verdict == "inconclusive"
        assert "name the difference that matters (smallest_effect)" in found.sentence

    def test_is_said_where_the_interval_lies_inside_it(self) -> None:
        found = of(judged(grid(ratio=0.1), question={"smallest_effect": 0.05}))

        assert (found.status, found.verdict) == ("isolated", "no")
        assert "Any difference is smaller than the 0.05 that matters." in found.sentence

    def test_is_not_said_where_the_interval_reaches_beyond(self) -> None:
        found = of(judged(grid(ratio=0.1), question={"smallest_effect": 0.005}))

        assert found.verdict == "inconclusive"

    def test_needs_every_comparison_of_the_factor(self) -> None:
        rows = [
            {
                "batch": b,
                "seed": s,
                "loss": 0.3 + (b == 64) * NOISE[s] + (b == 128) * 0.1 * (-1) ** s,
            }
            for b in (8, 64, 128)
            for s in range(6)
        ]

        found = of(judged(rows, ["batch"], question={"smallest_effect": 0.05}))

        verdicts = {(c.low, c.high): c.verdict for c in found.comparisons}
        assert verdicts["8", "64"] == "no"
        assert found.verdict == "inconclusive"


class TestExactlyEqual:
    """Looking must not disturb: two cadences give the same losses, bit for bit."""

    def rows(self) -> list[dict[str, object]]:
        return [
            {"cadence": c, "seed": s, "loss": 0.3 + NOISE[s]}
            for c in ("coarse", "fine")
            for s in range(4)
        ]

    def test_is_said_so(self) -> None:
        found = of(judged(self.rows(), ["cadence"]), "cadence")

        assert found.sentence == (
            "`cadence`: inconclusive. fine against coarse: all 4 matched pairs are equal to the "
            "last digit. Name the difference that matters (smallest_effect), and the answer is no."
        )

    def test_is_smaller_than_whatever_matters(self) -> None:
        question = {"smallest_effect": 1e-9}

        found = of(judged(self.rows(), ["cadence"], question=question), "cadence")

        assert (found.status, found.verdict) == ("isolated", "no")
        assert found.comparisons[0].exactly_equal

    def test_two_pairs_are_too_few_to_say_so(self) -> None:
        rows = [row for row in self.rows() if row["seed"] in (0, 1)]

        found = of(judged(rows, ["cadence"], question={"smallest_effect": 1e-9}), "cadence")

        assert found.verdict == "inconclusive"


class TestInconclusive:
    def test_one_pair_has_no_interval(self) -> None:
        found = of(judged(grid(batch=0.1, seeds=1)[::2], ["batch"]))

        assert (found.status, found.verdict) == ("inconclusive", "inconclusive")
        assert "there is no interval" in found.sentence

    def test_it_says_how_many_runs_would_settle_it_and_what_they_cost(self) -> None:
        question = {"smallest_effect": 0.01, "hours_per_run": 0.5}
        found = of(judged(grid(batch=0.012), question=question))

        assert found.outlook is not None
        assert found.outlook.more_runs is not None
        assert found.outlook.gpu_hours == pytest.approx(found.outlook.more_runs * 0.5)
        assert "would settle a difference of 0.01" in found.sentence

    def test_pairs_and_model_that_disagree_are_not_believed(self) -> None:
        # three pairs at ratio 1:1 say +0.1; nine unpaired runs at 4:1 say -0.3
        rows = [
            {"batch": b, "ratio": "1:1", "seed": s, "loss": 0.3 + 0.1 * (b == 64) + NOISE[s] / 50}
            for b in (8, 64)
            for s in range(3)
        ]
        rows += [
            {"batch": 8, "ratio": "4:1", "seed": s, "loss": 0.8 + NOISE[s] / 50}
            for s in range(3, 9)
        ]
        rows += [
            {"batch": 64, "ratio": "4:1", "seed": s, "loss": 0.5 + NOISE[s] / 50}
            for s in range(9, 12)
        ]

        found = of(judged(rows, question={"interactions": "none"}))

        assert found.verdict == "inconclusive"
        assert "Matched pairs say +0.1" in found.sentence

    def test_pairs_that_all_differ_by_the_same_have_no_interval(self) -> None:
        rows = [
            {"batch": b, "seed": s, "loss": 0.25 + 0.5 * (b == 64) + s}
            for b in (8, 64)
            for s in range(4)
        ]

        found = of(judged(rows, ["batch"]))

        assert found.sentence == (
            "`batch`: inconclusive. 64 against 8 changed loss by +0.5 in each of 4 matched "
            "pairs: without any spread there is no interval. One more seed would show whether "
            "it stays so."
        )

    def test_nothing_varies(self) -> None:
        rows = [{**row, "loss": 0.3} for row in grid()]

        found = of(judged(rows))

        assert found.verdict == "inconclusive"


class TestStatusWithoutNumbers:
    def test_one_level_never_varied(self) -> None:
        rows = [row for row in grid() if row["batch"] == 8]

        found = of(judged(rows))

        assert found.status == "not_varied"
        assert found.sentence == "`batch` never varied (always 8)."

    def test_factors_that_moved_together_are_confounded(self) -> None:
        rows = [r for r in grid(batch=0.1) if (r["batch"] == 64) == (r["ratio"] == "4:1")]

        found = judged(rows)

        assert [answer.status for answer in found.answers] == ["confounded", "confounded"]
        assert of(found).confounded_with == ("ratio",)
        assert "always changed together" in of(found).sentence

    def test_a_confounded_factor_has_no_number(self) -> None:
        rows = [r for r in grid(batch=0.1) if (r["batch"] == 64) == (r["ratio"] == "4:1")]

        [comparison] = of(judged(rows)).comparisons

        assert comparison.estimate is comparison.p is comparison.interval is None
        assert comparison.note == "cannot be told from these runs: no number is given"

    def test_open_runs_that_would_tell_are_waited_for(self) -> None:
        rows = [
            row if row["batch"] == 8 else {**row, "loss": None, "state": "running"}
            for row in grid()
        ]

        found = of(judged(rows))

        assert found.status == "not_ready"
        assert found.sentence == (
            "`batch` cannot be told yet: 6 of 12 runs are still open, and it can once they finish."
        )

    def test_a_level_lost_to_crashes_leaves_nothing_to_compare(self) -> None:
        rows = [
            row if row["batch"] == 8 else {**row, "loss": None, "state": "failed"}
            for row in grid()
        ]

        found = of(judged(rows))

        assert found.status == "not_ready"
        assert "only runs at 8 have a value; those at 64 ended without one" in found.sentence

    def test_no_finished_run(self) -> None:
        rows = [{**row, "loss": None, "state": "failed"} for row in grid()]

        found = judged(rows)

        assert {answer.status for answer in found.answers} == {"not_ready"}
        assert "No run has finished with a value" in of(found).sentence
        assert found.effects is None

    def test_an_open_run_that_would_not_help_leaves_confounded(self) -> None:
        rows = [r for r in grid(batch=0.1) if (r["batch"] == 64) == (r["ratio"] == "4:1")]
        rows.append({"batch": 8, "ratio": "1:1", "seed": 9, "loss": None, "state": "running"})

        assert of(judged(rows)).status == "confounded"

    def test_in_a_project_one_finished_level_never_varied(self) -> None:
        rows = [
            row if row["batch"] == 8 else {**row, "loss": None, "state": "failed"}
            for row in grid()
        ]

        found = of(judged(rows, question={"planned": False}))

        assert found.status == "not_varied"

    def test_many_lost_levels_are_counted(self) -> None:
        rows = [{"batch": 8, "loss": 0.3}, {"batch": 8, "loss": 0.4}]
        rows += [{"batch": b, "loss": None, "state": "failed"} for b in range(10, 20)]  # type: ignore[dict-item]

        found = of(judged(rows, {"batch": {"numeric": False}}))

        assert "10, 11, 12, 13, 14, 15, 16, 17 and 2 more ended without one" in found.sentence


class TestNumbers:
    """A factor with many numbers is analysed on its values."""

    def rows(self, slope: float) -> list[dict[str, object]]:
        return [{"lr": (at + 1) / 100, "loss": 0.3 + slope * at + w} for at, w in enumerate(NOISE)]

    def test_a_straight_line_is_told(self) -> None:
        found = of(judged(self.rows(0.01), ["lr"]), "lr")

        assert found.verdict == "yes"
        assert found.sentence.startswith(
            "`lr`: yes, it made a difference. From 0.01 to 0.12, loss changed by +0.1"
        )
        assert "along a straight line (95 % interval" in found.sentence
        assert found.sentence.endswith("Lower is better, so small values are.")

    def test_large_values_are_better_where_the_line_falls(self) -> None:
        found = of(judged(self.rows(-0.01), ["lr"]), "lr")

        assert found.sentence.endswith("so large values are.")

    def test_a_line_over_a_logarithm_says_so(self) -> None:
        factors = {"lr": {"numeric": True, "transform": "log10"}}

        found = of(judged(self.rows(0.01), factors), "lr")

        assert "along a straight line over log10" in found.sentence


class TestNoiseThatIsNotKnown:
    def test_says_what_would_show_it_and_what_it_costs(self) -> None:
        found = of(judged(grid(0.1, seeds=1), ["batch"], question={"hours_per_run": 0.25}))
        pair = of(judged(grid(0.1, seeds=1)[::2], ["batch"], question={"hours_per_run": 0.25}))

        assert found.outlook is not None
        assert pair.sentence.endswith(
            "The noise between seeds is not known from these runs: one more seed at every "
            "setting (2 runs, about 0.5 GPU-hours) would show it."
        )

    def test_the_reason_stands_before_it_in_the_outlook(self) -> None:
        found = of(judged(grid(0.1, seeds=1)[::2], ["batch"]))

        assert found.outlook is not None
        assert found.outlook.explained.startswith(
            "One pair: the seed-to-seed spread is unknown. The noise between seeds"
        )


class TestPartners:
    def test_all_that_moved_together_are_named(self) -> None:
        rows = [
            {"a": level, "b": level, "c": level, "seed": seed, "loss": 0.3 + NOISE[seed]}
            for level in (1, 2)
            for seed in range(3)
        ]

        found = judged(rows, ["a", "b", "c"])

        assert {x.factor: x.confounded_with for x in found.answers} == {
            "a": ("b", "c"),
            "b": ("a", "c"),
            "c": ("a", "b"),
        }

    def test_what_can_be_compared_of_a_confounded_factor_has_its_own_verdict(self) -> None:
        """Level 64 ran on one GPU only; 8 against 16 can be told."""
        rows = [
            {"batch": b, "gpu": gpu, "seed": s, "loss": 0.3 + 0.2 * (b == 16) + NOISE[(s + b) % 9]}
            for b, gpu in ((8, "T4"), (16, "T4"), (64, "A100"))
            for s in range(4)
        ]

        found = of(judged(rows, ["batch"], blocks=["gpu"]))

        assert (found.status, found.verdict) == ("confounded", None)
        told = {(c.low, c.high): (c.estimate is None, c.verdict) for c in found.comparisons}
        assert told == {
            ("8", "16"): (False, "yes"),
            ("8", "64"): (True, "inconclusive"),
            ("16", "64"): (True, "inconclusive"),
        }


class TestFactorsAskedAbout:
    def test_the_others_stay_in_the_model_and_out_of_the_family(self) -> None:
        found = judged(grid(batch=0.1), question={"factors": ["batch"]})

        assert [answer.factor for answer in found.answers] == ["batch"]
        assert of(found).family_size == 1
        assert found.effects is not None
        assert "ratio" in [term.name for term in found.effects.fitted.gate.terms]

    def test_two_factors_are_one_family(self) -> None:
        one = of(judged(grid(batch=0.1), question={"factors": ["batch"]})).comparisons[0]
        two = of(judged(grid(batch=0.1))).comparisons[0]

        assert one.p_adjusted is not None
        assert two.p_adjusted == pytest.approx(2 * one.p_adjusted)

    def test_an_interaction_with_what_never_varied_is_refused(self) -> None:
        rows = [row for row in grid() if row["batch"] == 8]

        with pytest.raises(NoSuchInteraction, match="batch does not vary"):
            judged(rows, question={"interactions": [["batch", "ratio"]]})


class TestScales:
    def test_a_logarithm_is_translated_back(self) -> None:
        rows = [{**row, "loss": 0.3 * (2 if row["batch"] == 64 else 1)} for row in grid()]
        for row, wobble in zip(rows, NOISE, strict=True):
            row["loss"] *= 1 + wobble

        [comparison] = of(judged(rows, question={"transform": "log"})).comparisons

        assert comparison.original is not None
        # doubled from about 0.3
        assert comparison.original["estimate"] == pytest.approx(0.3, abs=0.02)
        assert comparison.original["note"].endswith("the log mean at 8")
        low, high = comparison.original["interval"]
        assert low < 0.3 < high

    def test_the_scale_stands_in_the_sentence(self) -> None:
        found = of(judged(grid(batch=0.1), question={"transform": "log"}))

        assert "(log)" in found.sentence

    def test_the_smallest_effect_is_taken_to_the_scale(self) -> None:
        asked = {"transform": "log", "smallest_effect": 0.05}

        # noise of 0.013 around 0.3: the log moves by some 0.04, and 0.05 is 0.17 there
        assert of(judged(grid(ratio=0.1), question=asked)).verdict == "no"
        asked["smallest_effect"] = 0.003
        assert of(judged(grid(ratio=0.1), question=asked)).verdict == "inconclusive"

    def test_no_estimate_has_no_way_back(self) -> None:
        rows = [r for r in grid(batch=0.1) if (r["batch"] == 64) == (r["ratio"] == "4:1")]

        [comparison] = of(judged(rows, question={"transform": "log"})).comparisons

        assert comparison.original is None

    def test_one_pair_on_a_scale_has_no_interval_to_translate(self) -> None:
        rows = grid(batch=0.1, seeds=1)[::2]

        [comparison] = of(judged(rows, ["batch"], question={"transform": "log"})).comparisons

        assert comparison.estimate is not None
        assert comparison.original is None

    def test_a_value_outside_the_scale_is_refused(self) -> None:
        with pytest.raises(CannotTransform, match="above 0"):
            judged(grid(start=-1.0), question={"transform": "log"})

    def test_shares_at_their_bound_are_compared_on_ranks(self) -> None:
        rows = [{**row, "loss": 1.0 if row["batch"] == 64 else 0.9} for row in grid()]
        for at, row in enumerate(rows[:6]):
            row["loss"] -= at / 100

        found = judged(rows, response={"denominator": 100}, goal="maximize")

        assert found.scale.name == "rank"
        assert "compared on ranks" in found.notes[0]
        # 1 to 6 against six times 9.5
        assert of(found).comparisons[0].estimate == pytest.approx(9.5 - 3.5)

    def test_shares_away_from_it_are_not(self) -> None:
        found = judged(grid(), response={"denominator": 100})

        assert found.scale.name == "identity"
        assert found.notes == ()

    def test_no_is_never_said_on_ranks(self) -> None:
        asked = {"transform": "rank", "smallest_effect": 1000.0}

        found = of(judged(grid(), question=asked))

        assert found.verdict == "inconclusive"
        assert found.comparisons[0].original is None


class TestCautions:
    def test_a_search_gives_associations(self) -> None:
        found = of(judged(grid(batch=0.1), question={"sampler": "random"}))

        assert found.label == "association"
        assert found.sentence.endswith(
            "An association: the sampler chose the values, and no design did."
        )

    def test_a_lost_level_of_several_is_named(self) -> None:
        rows = [
            {"batch": b, "seed": s, "loss": 0.3 + 0.1 * (b == 64) + NOISE[s + 3 * (b == 64)]}
            for b in (8, 64)
            for s in range(6)
        ]
        rows.append({"batch": 128, "seed": 0, "loss": None, "state": "failed"})  # type: ignore[dict-item]

        found = of(judged(rows, ["batch"]))

        assert found.verdict == "yes"
        assert "No run at 128 has a value." in found.sentence

    def test_crashes_that_follow_a_level_are_told(self) -> None:
        rows = grid(batch=0.1, seeds=6)
        for row in rows[12:20]:  # eight of the twelve at batch 64
            row |= {"loss": None, "state": "failed"}

        found = of(judged(rows))

        assert found.status in ("isolated", "inconclusive")
        assert "survi" in found.sentence

    def test_a_key_that_nobody_set_and_that_moved_along_is_told(self) -> None:
        rows = [{**row, "commit": "old" if row["batch"] == 8 else "new"} for row in grid(0.1)]

        found = of(judged(rows, lurking=["commit"]))

        assert found.verdict == "yes"
        assert "It cannot be told apart from `commit`, which nobody set on purpose." in (
            found.sentence
        )

    def test_an_effect_that_depends_on_another_factor_says_on_which(self) -> None:
        rows = grid(noise=0.2)
        for row in rows:
            if row["batch"] == 64:
                row["loss"] += 0.1 if row["ratio"] == "1:1" else -0.1

        found = of(judged(rows))

        assert "It depends on `ratio`: +0." in found.sentence
        assert "at 1:1, −0." in found.sentence


class TestSplitPlots:
    """A factor that changed between hosts only is compared with what hosts differ by."""

    def rows(self, hosts: int, effect: float) -> list[dict[str, object]]:
        made: list[dict[str, object]] = []
        for host in range(hosts):
            batch = 64 if host % 2 else 8
            own = 0.05 * NOISE[host] / 0.013  # hosts differ much more than their runs do
            made += [
                {
                    "batch": batch,
                    "ratio": ratio,
                    "seed": seed,
                    "host": f"h{host}",
                    "loss": 0.3 + own + effect * (batch == 64) + NOISE[3 * host + seed] / 10,
                }
                for ratio in ("1:1", "4:1")
                for seed in range(3)
            ]
        return made

    def test_a_yes_from_runs_alone_is_not_believed(self) -> None:
        rows = self.rows(4, effect=0.05)

        alone = of(judged(rows))
        found = of(judged(rows, lurking=["host"]))

        assert alone.verdict == "yes"  # the trap: run residuals as the error
        assert found.verdict == "inconclusive"
        assert "changed only between levels of `host`" in found.sentence
        assert "nobody set on purpose" not in found.sentence

    def test_a_difference_that_hosts_show_too_stays(self) -> None:
        found = of(judged(self.rows(4, effect=9.0), lurking=["host"]))

        assert found.verdict == "yes"


class TestThePlan:
    def test_waived_blocks_are_left_out(self) -> None:
        rows = [{**row, "gpu": "T4" if row["batch"] == 8 else "A100"} for row in grid(0.1)]

        kept = of(judged(rows, blocks=["gpu"]))
        waived = of(judged(rows, blocks=["gpu"], question={"ignore": ["gpu"]}))

        assert kept.status == "confounded"
        assert waived.status == "isolated"

    def test_the_case_knows_which_factors_were_asked_about(self) -> None:
        case = case_of(grid(), question={"factors": ["ratio"]})

        assert [factor.name for factor in case.asked] == ["ratio"]
