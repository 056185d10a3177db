"""Fed in any pieces, every rule says what it says of all rows at once."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rule import Facts, Seen
from paribus_sweeps.analysis.findings.rules import RULES, declared
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.findings.watching import RunWatch
from paribus_sweeps.analysis.histories import Column, History
from tests.sweeps.analysis.findings.training_runs import seen
from tests.sweeps.analysis.findings.worlds.every_world import WORLDS
from tests.sweeps.analysis.findings.worlds.world import MadeUp, World

LIMITS = Thresholds.of(declared(RULES))
CUTS = 2
ABOUT_ONE = [world for world in WORLDS if not world.of_several]
CONFIG: dict[str, Any] = {
    "num_labels": 2, "learning_rate": 2e-5, "max_grad_norm": 1.0, "max_steps": 30,
    "lr_scheduler_type": "linear", "logging_steps": 2, "num_train_epochs": 2,
}  # fmt: skip
LONG = st.integers(-2, 3)
"""What a step moves by: a run that goes back now and then."""
SMALL = st.sampled_from([0.1, 0.2, 0.5, 0.7, 1.0, 20.0])
ODD = st.sampled_from([math.nan, math.inf, -1.0, "NaN", "x", None, 1.7e308])


def until(history: History, rows: int) -> History:
    """Return the history as it was when it had so many rows."""
    columns = {}
    for key, column in history.columns.items():
        n = int(np.searchsorted(column.rows, rows))
        columns[key] = Column(column.rows[:n], column.values[:n], column.others)
    return History(columns, rows)


def at_once(one: Seen) -> list[Finding]:
    return RunWatch().tell(afresh(one))


def afresh(one: Seen) -> Seen:
    """Return the same run, of which nothing is known from earlier looks."""
    return Seen(one.facts, one.history, one.thresholds, one.named)


@st.composite
def pieces(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """Rows of a run that trains, looks, resumes, and now and then logs what is no number."""
    value = st.one_of(SMALL, SMALL, SMALL, ODD) if draw(st.booleans()) else SMALL
    moves = LONG if draw(st.booleans()) else st.just(1)
    step, rows = 0, []
    for at in range(draw(st.integers(0, 60))):
        step += draw(moves)
        row = {"_step": at, "_runtime": 2.0 * at, "train/global_step": step}
        if draw(st.integers(0, 3)):
            row |= {"train/loss": draw(value), "train/grad_norm": draw(value),
                    "train/learning_rate": draw(value), "train/epoch": step / 15}  # fmt: skip
        else:
            row |= {"eval/loss": draw(value), "eval/accuracy": draw(value)}
        rows.append(row)
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    return [rows[:cut] for cut in (*cuts, len(rows))]


class TestEveryWorld:
    @pytest.mark.parametrize("world", ABOUT_ONE, ids=lambda w: f"{w.rule}-{w.name}")
    def test_every_rule_says_what_it_says_at_once(self, world: World) -> None:
        random = world.random()
        drawn = world.draw(random)
        assert isinstance(drawn, MadeUp)
        history, running = drawn.history, replace(drawn.facts, state="running", reason=None)
        cuts = np.sort(random.integers(history.rows + 1, size=CUTS)).tolist()
        looks = [Seen(running, until(history, cut), LIMITS) for cut in cuts]
        looks.append(Seen(drawn.facts, history, LIMITS))
        watch = RunWatch()

        told = [watch.tell(look) for look in looks]

        assert told[-1] == at_once(looks[-1])
        assert told[0] == at_once(looks[0])


class TestAnyRows:
    @settings(deadline=None, max_examples=60)
    @given(pieces(), st.sampled_from(["finished", "crashed"]))
    def test_every_rule_says_what_it_says_at_once(self, parts, state):
        looks = [seen(rows, state="running", config=CONFIG) for rows in parts]
        looks.append(seen(parts[-1], state=state, config=CONFIG))
        watch = RunWatch()

        for look in looks:
            assert watch.tell(look) == at_once(look)

    def test_a_row_at_a_time_as_well(self):
        rows: list[dict[str, Any]] = []
        watch = RunWatch()
        for at in range(1, 200):
            rows.append({"train/global_step": at, "train/loss": 1 / at, "grad_norm": 1.0 + at % 7})
            if at % 10 == 0:
                rows.append({"train/global_step": at, "eval/loss": 1 / at + at / 300})
            if at % 20 == 0 or at > 190:
                look = seen(rows, state="running", config=CONFIG)

                assert watch.tell(look) == at_once(look)

    def test_a_step_that_is_trained_anew_changes_what_was_counted(self):
        rows = [{"global_step": at, "loss": 0.5 + at % 2, "grad_norm": 1.0} for at in range(1, 61)]
        again = [{"global_step": 50, "loss": 90.0, "grad_norm": 40.0}]
        watch = RunWatch()

        for look in (seen(rows), seen(rows + again), seen(rows + again + again)):
            assert watch.tell(look) == at_once(look)


class TestWhatElseChanges:
    def test_a_state_a_config_a_threshold_and_a_name_are_seen(self):
        rows = [{"global_step": at, "nll": 1.0 - at / 100, "loss": 0.5} for at in range(1, 40)]
        watch = RunWatch()
        first = seen(rows, state="running")
        watch.tell(first)

        for changed in (
            seen(rows),
            seen(rows, state="failed"),
            seen(rows, config=CONFIG),
            seen(rows, thresholds={"plateau.least_window": 5}),
            seen(rows, named={"eval_loss": "nll"}),
            Seen(Facts("r1", reason="preempted", state="crashed"), first.history, LIMITS),
        ):
            assert watch.tell(changed) == at_once(changed)
