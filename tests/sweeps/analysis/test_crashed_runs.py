"""Crashed runs: which levels lost them, and what the answer is with them counted in."""

import json
import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from paribus_sweeps.analysis.crashed_runs import (
    BINS,
    MEANS_OF_SURVIVORS,
    CrashReport,
    FactorCrashes,
    crash_report,
)
from paribus_sweeps.analysis.effects import effects
from paribus_sweeps.design.table import Table
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run


def factor(name: str, *labels: str) -> Factor:
    levels = tuple(Level(label, {name: label}) for label in labels)
    return Factor(name, (name,), levels, baseline=labels[0])


BATCH, RATIO = factor("batch", "8", "64"), factor("ratio", "1:1", "4:1")


def run(id: str, value: float | None, batch: str = "8", ratio: str = "1:1", **more: Any) -> Run:
    return Run(id=id, value=value, setting={"batch": batch, "ratio": ratio}, **more)


def crashed(id: str, batch: str = "8", ratio: str = "1:1", state: str = "crashed") -> Run:
    return run(id, None, batch, ratio, state=state, reason="exit code 1")


def report(runs: Sequence[Run], *factors: Factor, **more: Any) -> CrashReport:
    return crash_report(Table.from_runs(runs, factors or (BATCH,)), **more)


def only(found: CrashReport) -> FactorCrashes:
    (made,) = found.factors
    return made


# Five of six crashed at 64, none at 8.
LOST_AT_64 = [
    *(run(f"a{at}", 0.30 + at / 100) for at in range(6)),
    *(crashed(f"b{at}", "64") for at in range(5)),
    run("b5", 0.20, "64"),
]


class TestWhatCrashed:
    @pytest.mark.parametrize("state", ["failed", "crashed", "interrupted"])
    def test_a_run_that_ended_by_itself_without_coming_to_its_end(self, state: str) -> None:
        found = report([run("a", 0.3), crashed("b", state=state)])

        assert (found.crashed, found.ended) == (1, 2)

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_a_finished_run_with_a_response_that_is_no_number(self, value: float) -> None:
        assert report([run("a", 0.3), run("b", value)]).crashed == 1

    def test_a_response_that_another_scale_made_infinite(self) -> None:
        made = Table.from_runs([run("a", 0.3), run("b", 0.4)], [BATCH])
        found = crash_report(made.with_values(made.values * [1, math.inf]))

        assert found.crashed == 1

    def test_runs_that_are_open_were_stopped_or_never_logged_are_only_listed(self) -> None:
        found = report(
            [
                run("a", 0.3),
                run("b", None, state="running"),
                run("c", None, state="stopped", reason="a person asked for it"),
                run("d", None, state="cancelled"),
                run("e", None, value_note="holdout/loss was never logged"),
            ]
        )

        assert (found.crashed, found.ended) == (0, 1)
        assert [(lost.run, lost.why) for lost in found.not_counted] == [
            ("b", "open"),
            ("c", "stopped"),
            ("d", "stopped"),
            ("e", "no_value"),
        ]
        assert found.not_counted[1].reason == "stopped: a person asked for it"


class TestByLevel:
    def test_fisher_by_factor(self) -> None:
        found = only(report(LOST_AT_64))

        assert [(c.level, c.crashed, c.total) for c in found.crashes.levels] == [
            ("8", 0, 6),
            ("64", 5, 6),
        ]
        # C(6, 0) C(6, 5) / C(12, 5) = 6 / 792, and the other end.
        assert found.crashes.p == pytest.approx(12 / 792)
        assert found.sentence == (
            "`batch`: crashed at 8: 0 of 6, 64: 5 of 6 (Fisher p = 0.0152 over all factors); "
            "more than half at 64: missing not at random. "
            "Means of surviving runs are conditional on survival."
        )

    def test_factors_are_adjusted_for_each_other(self) -> None:
        found = report(LOST_AT_64 + [run("c", 0.3, "8", "4:1")], BATCH, RATIO)
        p = [one.crashes.p for one in found.factors]

        # Holm: the smaller of two is doubled.
        assert found.factors[0].p_adjusted == pytest.approx(2 * (p[0] or 0))
        assert found.factors[1].p_adjusted == pytest.approx(p[1])

    def test_a_level_that_lost_more_than_half_is_told_without_a_small_p(self) -> None:
        found = only(report([run("a", 0.3), run("b", 0.4), run("c", 0.5, "64"),
                             crashed("d", "64"), crashed("e", "64")]))  # fmt: skip

        assert found.crashes.p is not None
        assert found.crashes.p > 0.05
        assert found.not_at_random

    def test_a_few_crashes_anywhere_are_no_sign(self) -> None:
        runs = [run(f"r{at}", at / 10, "64" if at % 2 else "8") for at in range(12)]
        found = report([*runs, crashed("x"), crashed("y", "64")])

        assert not found.not_at_random
        assert found.sentence == ("2 of 14 runs crashed; no factor shows that it made them crash.")
        assert only(found).sentence == (
            "`batch`: crashed at 8: 1 of 7, 64: 1 of 7 (Fisher p = 1 over all factors)."
        )

    def test_no_crash(self) -> None:
        found = report([run("a", 0.3), run("b", 0.4, "64")])

        assert found.sentence == "None of 2 runs crashed."
        assert only(found).sentence == (
            "`batch`: crashed at 8: 0 of 1, 64: 0 of 1 (no test: no run crashed)."
        )
        assert (found.sensitivity, found.notes) == ((), ())

    def test_all_crashed(self) -> None:
        found = report([crashed("a"), crashed("b", "64")], goal="minimize")

        assert only(found).crashes.note == "every run crashed"
        assert only(found).not_at_random
        assert found.sensitivity[0].f_on_ranks is None

    def test_nothing_ended(self) -> None:
        found = report([run("a", None, state="queued")])

        assert found.sentence == "No run has ended."
        assert only(found).crashes.levels == ()

    def test_only_the_factors_asked_about(self) -> None:
        found = report(LOST_AT_64, BATCH, RATIO, factors=["ratio"])

        assert [one.factor for one in found.factors] == ["ratio"]

    def test_many_numbers_are_cut_into_groups(self) -> None:
        lr = Factor("lr", ("lr",), (), kind="continuous")
        runs = [
            Run(
                id=f"r{at:02d}",
                setting={"lr": f"{at / 100:g}"},
                value=None if at > 30 else 1.0 + at,
                state="crashed" if at > 30 else "finished",
            )
            for at in range(1, 41)
        ]
        found = only(report(runs, lr))

        assert len(found.crashes.levels) == BINS
        assert [(c.level, c.crashed, c.total) for c in found.crashes.levels] == [
            ("0.01 to 0.1", 0, 10),
            ("0.11 to 0.2", 0, 10),
            ("0.21 to 0.3", 0, 10),
            ("0.31 to 0.4", 10, 10),
        ]
        assert found.not_at_random

    def test_a_number_that_most_runs_share_leaves_groups_empty(self) -> None:
        lr = Factor("lr", ("lr",), (), kind="continuous")
        values = [0.001] * 30 + [at / 100 for at in range(1, 14)]
        runs = [
            Run(id=f"r{at:02d}", setting={"lr": f"{value:g}"}, value=float(at))
            for at, value in enumerate(values)
        ]
        found = only(report(runs, lr))

        assert [(c.level, c.total) for c in found.crashes.levels] == [
            ("0.001 to 0.001", 30),
            ("0.01 to 0.03", 3),
            ("0.04 to 0.13", 10),
        ]

    @settings(max_examples=20, deadline=None)
    @given(st.randoms())
    def test_the_order_of_runs_does_not_matter(self, order: random.Random) -> None:
        shuffled = LOST_AT_64[:]
        order.shuffle(shuffled)

        assert report(shuffled, goal="minimize") == report(LOST_AT_64, goal="minimize")


class TestSensitivity:
    def test_ranks_put_the_crashed_runs_last(self) -> None:
        runs = [
            *(run(f"a{at}", value) for at, value in enumerate([0.31, 0.33, 0.36, 0.38])),
            *(run(f"b{at}", value, "64") for at, value in enumerate([0.30, 0.35])),
            crashed("b2", "64"),
            crashed("b3", "64"),
        ]
        found = report(runs, goal="minimize")
        (made,) = found.sensitivity

        # From the best: 64 has 0.30 and 0.35, ranks 1 and 4; the crashed share 7 and 8.
        expected = stats.f_oneway([2, 3, 5, 6], [1, 4, 7.5, 7.5])
        alone = stats.f_oneway([0.31, 0.33, 0.36, 0.38], [0.30, 0.35])
        assert made.f_on_ranks == pytest.approx(expected.statistic)
        assert made.p_on_ranks == pytest.approx(expected.pvalue)
        assert (made.f, made.p) == (pytest.approx(alone.statistic), pytest.approx(alone.pvalue))
        assert made.sentence == (
            f"`batch`: F(1, 4) = {alone.statistic:.4g}, p = {alone.pvalue:.3g} on surviving runs; "
            f"F(1, 6) = {expected.statistic:.4g}, p = {expected.pvalue:.3g} on ranks with "
            "crashed worst."
        )
        assert found.notes == (
            "Ranks: 1 is the best run, all crashed runs are tied for the worst.",
        )

    def test_the_surviving_runs_are_tested_as_in_the_effects(self) -> None:
        runs = [
            run(f"{b}{r}{at}", 0.1 * at + (b == "8") * (r == "4:1"), b, r)
            for b in ("8", "64")
            for r in ("1:1", "4:1")
            for at in range(3)
        ]
        runs[4] = crashed(runs[4].id, "8", "4:1")
        row = effects(Table.from_runs(runs, [BATCH, RATIO])).row("batch")
        found = report(runs, BATCH, RATIO, goal="maximize")

        assert row is not None
        assert (found.sensitivity[0].f, found.sensitivity[0].p) == (row.f, row.p)
        # 11 runs and then 12, four parameters each: the interaction stands in both.
        assert "F(1, 7)" in found.sensitivity[0].sentence
        assert "F(1, 8)" in found.sensitivity[0].sentence

    def test_an_answer_that_turns_round_is_said_to(self) -> None:
        runs = [
            *(run(f"a{at}", 0.30 + at / 1000) for at in range(5)),
            *(run(f"b{at}", 0.20 + at / 1000, "64") for at in range(2)),
            *(crashed(f"c{at}", "64") for at in range(2)),
        ]
        (found,) = report(runs, goal="minimize").sensitivity

        assert found.p is not None
        assert found.p < 0.001
        assert found.p_on_ranks is not None
        assert found.p_on_ranks > 0.05
        assert found.sentence.endswith("turns on what the crashed runs are taken for.")

    def test_a_level_without_survivors_is_tested_on_ranks_alone(self) -> None:
        runs = [
            run("a", 0.3),
            run("b", 0.4),
            run("c", 0.5),
            crashed("d", "64"),
            crashed("e", "64"),
        ]
        (found,) = report(runs, goal="minimize").sensitivity

        assert (found.f, found.p) == (None, None)
        assert found.p_on_ranks is not None
        assert found.sentence.startswith("`batch`: only one level is left on surviving runs; F(1,")

    def test_without_an_error_there_is_no_test(self) -> None:
        (found,) = report([run("a", 0.3), crashed("b", "64")], goal="minimize").sensitivity

        assert found.p_on_ranks is None
        assert "no test (no residual degree of freedom" in found.sentence

    def test_the_goal_has_to_be_known(self) -> None:
        found = report(LOST_AT_64)

        assert found.sensitivity == ()
        assert found.notes == (
            "Which way is better was not said: crashed runs cannot be ranked as worst.",
        )

    def test_a_factor_that_never_varied_has_no_ranks(self) -> None:
        found = report([run("a", 0.3), crashed("b")], goal="minimize")

        assert found.sensitivity == ()
        assert found.notes == ("No factor varies among the runs that ended.",)


class TestAsDict:
    def test_it_is_plain_json_without_nan(self) -> None:
        runs = [*LOST_AT_64, run("z", None, state="running")]
        made = json.loads(json.dumps(report(runs, goal="minimize").as_dict(), allow_nan=False))

        assert made["crashed"] == 5
        assert made["not_at_random"] is True
        assert made["sentence"] == (
            f"5 of 12 runs crashed, not at random over the levels of `batch`. {MEANS_OF_SURVIVORS}"
        )
        assert made["factors"][0]["levels"][1] == {
            "level": "64",
            "crashed": 5,
            "total": 6,
            "rate": pytest.approx(5 / 6),
        }
        assert made["sensitivity"][0]["factor"] == "batch"
        assert made["not_counted"] == [
            {"run": "z", "state": "running", "reason": "running", "why": "open"}
        ]
