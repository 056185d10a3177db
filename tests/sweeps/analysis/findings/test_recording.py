"""How a run's rows were written: what is told, and the healthy runs of which nothing is."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.analysis.findings import clocks, recorded_steps, recording
from paribus_sweeps.analysis.findings.finding import Finding
from tests.sweeps.analysis.findings.one_run import HEALTHY, STEP, column, seen, told

LOSS, LOOK = "train/loss", "eval/loss"

RULES = (*recording.RULES, *recorded_steps.RULES, *clocks.RULES)


def tell(name: str, rows: list[dict[str, Any]], *args: Any, **more: Any) -> Finding:
    return told(RULES, name, rows, *args, **more)


def trainers(steps: int = 100, *, looks: int = 20) -> list[dict[str, Any]]:
    """Return rows as the Trainer writes them: train and eval values of a step in two rows."""
    rows: list[dict[str, Any]] = []
    for step in range(10, steps + 1, 10):
        rows.append({STEP: step, LOSS: 1 / step})
        if step % looks == 0:
            rows.append({STEP: step, LOOK: 1 / step})
    return rows


class TestHealthyRuns:
    @pytest.mark.parametrize("rule", [rule.name for rule in RULES])
    def test_of_our_own_run_nothing_is_told(self, rule):
        assert tell(rule, HEALTHY["rows"], HEALTHY["config"]).status == "not_found"

    @pytest.mark.parametrize("rule", ["truncated", "resumed", "doubled_steps", "missing_steps"])
    def test_of_the_trainers_two_rows_a_step_nothing_is_told(self, rule):
        assert tell(rule, trainers(), {"max_steps": 100}).status == "not_found"


class TestTruncated:
    @pytest.mark.parametrize("state", ["failed", "interrupted", "stopped"])
    def test_a_run_that_was_cut_off_says_how_far_it_came(self, state):
        found = tell("truncated", trainers(60), {"max_steps": 100}, state=state)

        assert (found.status, found.label) == ("found", state)
        assert found.steps == (60, 100)
        assert found.numbers["share"] == 0.6
        assert "it came to step 60 of 100 steps (max_steps)" in found.sentence
        assert "3 evaluations of eval/loss, the last at 60" in found.sentence

    def test_other_words_for_an_end_are_interruptions(self):
        assert tell("truncated", trainers(60), state="crashed").label == "interrupted"

    def test_the_reason_is_told(self):
        found = tell("truncated", trainers(60), state="failed", reason="exit code 1")

        assert "The run is failed (exit code 1), and it came to step 60." in found.sentence
        assert found.steps == (60, 60)

    def test_a_run_that_failed_behind_its_last_step_is_whole(self):
        found = tell("truncated", trainers(100), {"max_steps": 100}, state="failed")

        assert found.status == "not_found"
        assert "All planned steps were done: the run is failed" in found.sentence

    def test_a_run_that_finished_early_is_found(self):
        found = tell("truncated", trainers(60), {"max_steps": 100})

        assert (found.status, found.label) == ("found", "ended_early")

    def test_the_last_log_may_lie_one_interval_before_the_end(self):
        assert tell("truncated", trainers(90), {"max_steps": 98}).status == "not_found"

    def test_a_run_that_was_never_evaluated_says_so(self):
        found = tell("truncated", column(LOSS, [1.0]), state="stopped")

        assert "it was never evaluated" in found.sentence

    def test_looks_that_are_not_finite_count_as_none(self):
        found = tell("truncated", column(LOOK, [math.nan]), state="stopped")

        assert "0 evaluations of eval/loss;" in found.sentence

    def test_a_run_without_steps_is_cut_off_all_the_same(self):
        found = tell("truncated", [], state="interrupted")

        assert (found.status, found.steps) == ("found", None)
        assert "logged no optimizer step" in found.sentence

    def test_a_finished_run_whose_plan_is_unknown_is_not(self):
        assert tell("truncated", trainers(60)).status == "not_found"

    def test_a_finished_run_that_logged_no_steps_cannot_be_held_against_its_plan(self):
        assert tell("truncated", [], {"max_steps": 10}).status == "cannot_tell"

    def test_a_run_that_goes_on_cannot_tell(self):
        assert tell("truncated", trainers(), state="running").status == "cannot_tell"


class TestResumed:
    def test_steps_that_repeat_are_counted(self):
        # 1 to 10, again from 7 to 12, again from 11: 7 to 10 and 11, 12 repeat.
        rows = column(LOSS, [1.0] * 10) + column(LOSS, [1.0] * 6, first=7)
        rows += column(LOSS, [1.0] * 5, first=11)

        found = tell("resumed", rows)

        assert (found.status, found.label) == ("found", "with_overlap")
        assert found.numbers["segments"] == 3
        assert found.numbers["overlaps"] == 6
        assert found.numbers["breaks"] == [[10, 7], [12, 11]]
        assert found.steps == (7, 12)

    def test_rows_of_one_step_are_no_resume(self):
        assert tell("resumed", [{STEP: 5}, {STEP: 5}, {STEP: 6}]).status == "not_found"

    def test_a_second_attempt_without_overlap_is_told_by_the_config(self):
        found = tell("resumed", trainers(), {"attempts": 2})

        assert (found.status, found.label) == ("found", "without_overlap")

    def test_attempts_are_told_without_any_step(self):
        assert tell("resumed", [], {"attempts": 3}).label == "without_overlap"

    def test_without_optimizer_steps_those_of_wandb_count(self):
        found = tell("resumed", [{"_step": at} for at in (0, 1, 2, 1)])

        assert (found.keys, found.x_name) == (("_step",), "W&B steps")
        assert found.status == "found"

    def test_a_run_without_steps_cannot_tell(self):
        assert tell("resumed", [{"loss": 1.0}]).status == "cannot_tell"

    def test_steps_that_are_not_finite_are_left_out(self):
        rows = [{STEP: step} for step in (1.0, math.nan, 2.0, math.inf, 3.0)]

        assert tell("resumed", rows).status == "not_found"

    @settings(deadline=None)
    @given(st.lists(st.lists(st.integers(0, 9), max_size=8), max_size=5))
    def test_pieces_give_what_all_rows_give_at_once(self, pieces):
        rule = next(rule for rule in RULES if rule.name == "resumed")
        watch, rows = rule.watch(), []

        for piece in pieces:
            rows += [{STEP: step} for step in piece]
            asked = seen(RULES, rows)

            assert watch.tell(asked) == rule.watch().tell(asked)

    def test_another_key_is_read_from_its_start(self):
        rule = next(rule for rule in RULES if rule.name == "resumed")
        watch = rule.watch()
        rows = [{"_step": at} for at in (1, 0)]

        before = watch.tell(seen(RULES, rows))
        found = watch.tell(seen(RULES, [*rows, {STEP: 1}, {STEP: 2}]))

        assert (before.status, found.status, found.keys) == ("found", "not_found", (STEP,))


class TestDoubledSteps:
    def test_other_values_at_a_step_are_found(self):
        # Trainer.evaluate() behind load_best_model_at_end: the best checkpoint's loss at the end.
        rows = [*trainers(), {STEP: 100, LOOK: 0.5}]

        found = tell("doubled_steps", rows)

        assert (found.status, found.label) == ("found", "different_values")
        assert found.steps == (100, 100)
        assert found.numbers[LOOK] == 1
        assert (
            "1 further value at steps that it has already, 1 of them different" in found.sentence
        )

    def test_one_equal_repeat_is_let_pass(self):
        found = tell("doubled_steps", [*trainers(), {STEP: 100, LOOK: 1 / 100}])

        assert found.status == "not_found"
        assert "1 equal repeat let pass" in found.sentence

    def test_every_step_twice_is_found_though_equal(self):
        rows = [row for row in trainers() for _ in range(2)]

        found = tell("doubled_steps", rows)

        assert (found.status, found.label) == ("found", "equal_values")
        assert found.steps == (10, 100)

    def test_nan_repeats_nan(self):
        rows = [{STEP: 1, LOSS: math.nan}, {STEP: 1, LOSS: math.nan}]

        assert tell("doubled_steps", rows).status == "not_found"

    def test_a_resumed_run_is_not_double(self):
        rows = column(LOSS, [1.0, 2.0, 3.0]) + column(LOSS, [2.5, 3.5], first=2)

        assert tell("doubled_steps", rows).status == "not_found"

    def test_without_an_optimizer_step_it_cannot_tell(self):
        found = tell("doubled_steps", [{"_step": 0, "loss": 1.0}])

        assert found.status == "cannot_tell"
        assert "global_step=KEY" in found.sentence

    def test_a_step_in_rows_of_its_own_cannot_tell(self):
        found = tell("doubled_steps", [{STEP: 1}, {"loss": 1.0}])

        assert "their rows hold no train/global_step" in found.sentence


class TestMissingSteps:
    def test_holes_in_a_cadence_are_counted(self):
        rows = [row for row in column(LOSS, [1.0] * 30) if row[STEP] not in (10, 20, 21)]

        found = tell("missing_steps", rows)

        assert found.status == "found"
        assert found.numbers[LOSS] == 3
        assert found.steps == (9, 22)
        assert "every step and lacks 3 points, first between 9 and 11" in found.sentence

    def test_a_coarse_cadence_has_holes_too(self):
        rows = [row for row in column(LOOK, [1.0] * 12, first=20, every=20) if row[STEP] != 100]

        assert "every 20 steps and lacks 1 point" in tell("missing_steps", rows).sentence

    def test_a_look_at_the_last_step_is_no_hole(self):
        rows = [*column(LOOK, [1.0] * 8, first=20, every=20), {STEP: 173, LOOK: 1.0}]

        assert tell("missing_steps", rows).status == "not_found"

    def test_a_first_log_at_step_one_is_no_hole(self):
        rows = [{STEP: 1, LOSS: 1.0}, *column(LOSS, [1.0] * 9, first=10, every=10)]

        assert tell("missing_steps", rows).status == "not_found"

    def test_a_value_that_is_nan_is_no_hole(self):
        rows = column(LOSS, [1.0] * 5 + [math.nan] * 3 + [1.0] * 5)

        assert tell("missing_steps", rows).status == "not_found"

    def test_steps_trained_anew_fill_what_was_missing(self):
        rows = [row for row in column(LOSS, [1.0] * 30) if row[STEP] != 12]
        rows += column(LOSS, [1.0] * 25, first=10)

        assert tell("missing_steps", rows).status == "not_found"

    def test_an_irregular_cadence_cannot_tell(self):
        rows = [{STEP: 2**at, LOSS: 1.0} for at in range(12)]

        found = tell("missing_steps", rows)

        assert found.status == "cannot_tell"
        assert "no regular cadence" in found.sentence

    def test_few_points_cannot_tell(self):
        assert "has 3 points" in tell("missing_steps", column(LOSS, [1.0] * 3)).sentence

    def test_a_key_that_cannot_be_judged_is_named_beside(self):
        rows = column(LOSS, [1.0] * 9) + column(LOOK, [1.0], first=9)

        found = tell("missing_steps", rows)

        assert found.status == "not_found"
        assert "Not judged: eval/loss has 1 point." in found.sentence

    def test_calls_of_log_are_no_steps(self):
        assert tell("missing_steps", [{"_step": 1, "loss": 1.0}]).status == "cannot_tell"


def clocked(
    times: list[float], *, start: float = 1e9, every: int = 1, **more: Any
) -> list[dict[str, Any]]:
    return [
        {STEP: 1 + every * at, "_runtime": time, "_timestamp": start + time, **more}
        for at, time in enumerate(times)
    ]


class TestClockJumped:
    def test_a_clock_that_goes_back_is_found(self):
        rows = clocked([1.0, 2.0, 3.0])
        rows[2]["_timestamp"] -= 100

        found = tell("clock_jumped", rows)

        assert (found.status, found.label) == ("found", "back")
        assert found.numbers == {"jumps": 1, "seconds": 99.0}
        assert (found.steps, found.x_name) == ((2, 2), "rows")

    @pytest.mark.parametrize("key", ["_timestamp", "_runtime"])
    def test_a_jump_beyond_the_largest_float_is_told_in_words(self, key):
        rows = clocked([1.0, 2.0, 3.0])
        rows[1][key], rows[2][key] = 1.7e308, -1.7e308

        found = tell("clock_jumped", rows)

        assert found.label == "back"
        assert f"{key} goes back 1 time, by more seconds than a float can hold," in found.sentence

    def test_rows_that_come_a_little_out_of_order_are_none(self):
        assert tell("clock_jumped", clocked([1.0, 2.0, 1.5, 3.0])).status == "not_found"

    def test_clocks_that_move_apart_are_found(self):
        rows = clocked([1.0, 2.0, 3.0])
        rows[2]["_timestamp"] += 7_200

        found = tell("clock_jumped", rows)

        assert (found.label, found.numbers["seconds"]) == ("apart", 7_200)

    def test_a_pause_before_a_second_attempt_is_none(self):
        rows = clocked([1.0, 2.0, 3.0])
        rows[2]["_timestamp"] += 7_200

        assert tell("clock_jumped", rows, {"attempts": 2}).status == "not_found"

    def test_a_host_that_slept_is_found(self):
        rows = clocked([float(at) for at in range(10)] + [3_600.0, 3_601.0])

        found = tell("clock_jumped", rows)

        assert (found.label, found.steps) == ("forward", (10, 10))
        assert found.numbers["seconds"] == 3_591

    def test_steps_that_are_slow_throughout_are_none(self):
        assert (
            tell("clock_jumped", clocked([900.0 * at for at in range(12)])).status == "not_found"
        )

    def test_a_long_evaluation_that_says_so_is_none(self):
        rows = clocked([float(at) for at in range(10)] + [3_600.0, 3_601.0])
        rows[10]["eval/runtime"] = 3_590.0

        assert tell("clock_jumped", rows).status == "not_found"

    def test_an_evaluation_whose_time_is_nan_is_not_subtracted(self):
        rows = clocked([float(at) for at in range(10)] + [3_600.0, 3_601.0])
        rows[10]["eval/runtime"] = math.nan

        assert tell("clock_jumped", rows).label == "forward"

    def test_rows_sent_in_batches_are_none(self):
        # 40 steps in eight batches of five, each stamped when it was sent.
        rows = clocked([5.0 * (at // 5) + 0.01 * (at % 5) for at in range(40)])

        assert tell("clock_jumped", rows).status == "not_found"

    def test_a_checkpoint_of_minutes_is_none(self):
        rows = clocked([float(at) for at in range(10)] + [300.0, 301.0])

        assert tell("clock_jumped", rows).status == "not_found"

    def test_few_intervals_are_not_judged(self):
        assert tell("clock_jumped", clocked([0.0, 1.0, 9_000.0])).status == "not_found"

    def test_one_clock_is_enough(self):
        rows = [{"_runtime": float(at)} for at in (5, 6, 1)]

        found = tell("clock_jumped", rows)

        assert (found.label, found.keys) == ("back", ("_runtime",))

    def test_without_steps_only_what_goes_back_is_told(self):
        rows = [{"_runtime": at} for at in (1.0, 2.0, 9_000.0)]

        assert tell("clock_jumped", rows).status == "not_found"

    def test_a_run_without_clocks_cannot_tell(self):
        assert tell("clock_jumped", [{STEP: 1}]).status == "cannot_tell"

    @pytest.mark.parametrize("value", [math.nan, math.inf, 1e300])
    def test_values_without_measure_raise_nothing(self, value):
        rows = clocked([1.0, value, 3.0, value, *(float(at) for at in range(4, 20))])
        rows[7][STEP] = value

        assert tell("clock_jumped", rows).sentence


class TestMixedTypes:
    def test_a_key_of_numbers_and_texts_is_found(self):
        found = tell("mixed_types", [{"a": 1.0}, {"a": "one"}, {"a": None, "b": 2.0}])

        assert found.status == "found"
        assert found.numbers == {"a": 2}
        assert "a: 1 number, 2 others" in found.sentence

    def test_numbers_that_wandb_writes_as_text_are_numbers(self):
        assert tell("mixed_types", [{"a": 1.0}, {"a": "NaN"}]).status == "not_found"

    def test_a_key_of_texts_alone_is_not(self):
        assert tell("mixed_types", [{"a": 1.0, "note": "x"}]).status == "not_found"

    def test_at_most_ten_keys_are_named(self):
        rows = [{f"k{at:02}": 1.0 for at in range(12)}, {f"k{at:02}": "x" for at in range(12)}]

        found = tell("mixed_types", rows)

        assert len(found.keys) == 10
        assert "and 2 more keys" in found.sentence

    def test_a_run_without_numbers_cannot_tell(self):
        assert tell("mixed_types", [{"note": "x"}]).status == "cannot_tell"


class TestBadInput:
    @pytest.mark.parametrize(
        "rows",
        [
            [{STEP: math.nan, LOSS: math.nan, "_runtime": math.nan}] * 9,
            [{STEP: math.inf, LOSS: math.inf, "_timestamp": -math.inf}] * 9,
            [{STEP: 1e300, LOSS: 1e300, "_runtime": 1e300}] * 9,
            [{STEP: 9 - at, LOSS: 1.0, "_runtime": 9.0 - at} for at in range(20)],
            [{STEP: "x", LOSS: "y"}, {STEP: 1, LOSS: 1}],
        ],
    )
    @pytest.mark.parametrize("state", ["running", "finished", "failed"])
    def test_each_rule_answers(self, rows, state):
        for rule in RULES:
            assert tell(rule.name, rows, {"max_steps": 40}, state=state).sentence
