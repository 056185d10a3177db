"""Worlds of how a run was recorded: cut short, resumed, doubled, holed, by clocks that jump."""

from dataclasses import replace
from functools import partial

import numpy as np

from paribus_sweeps.analysis.histories import Column, History
from tests.sweeps.analysis.findings.worlds.world import (
    Block,
    Floats,
    MadeUp,
    Random,
    Truth,
    World,
    every,
    run,
    written,
)

STEPS, LOG, LOOK = 1_000, 10.0, 100.0


def _losses(random: Random, steps: Floats, key: str) -> Block:
    return Block(steps, {key: random.uniform(0.3, 0.7, size=len(steps))})


def _until(random: Random, last: float, *, first: float = 0.0) -> list[Block]:
    """Training every 10 and evaluation every 100 steps, behind `first` and up to `last`."""
    return [
        _losses(random, steps[(steps > first) & (steps <= last)], key)
        for steps, key in ((every(LOG, 500), "train/loss"), (every(LOOK, 50), "eval/loss"))
    ]


def _ended(
    random: Random, share: float, state: str = "finished", planned: str | None = "max_steps"
) -> MadeUp:
    config = {} if planned is None else {planned: STEPS}
    return run(written(*_until(random, share * STEPS)), state=state, config=config)


def _truncated() -> list[World]:
    def world(name: str, truth: Truth, label: str | None = None, **how: object) -> World:
        return World("truncated", name, truth, partial(_ended, **how), label)

    return [
        world("failed at 60 %", "found", "failed", share=0.6, state="failed"),
        world("interrupted at 60 %, no plan known", "found", "interrupted", share=0.6,
              state="interrupted", planned=None),
        world("says finished at 50 %", "found", "ended_early", share=0.5),
        world("finished all planned steps", "not_found", share=1.0),
        world("failed behind the last step", "not_found", share=1.0, state="failed"),
        world("finished, no plan known", "not_found", share=0.7, planned=None),
        world("under way", "cannot_tell", share=0.6, state="running"),
    ]  # fmt: skip


def _clean(random: Random) -> MadeUp:
    return run(written(*_until(random, STEPS)))


def _stepless(random: Random) -> MadeUp:
    history = written(_losses(random, every(LOG, 100), "train/loss"))
    kept = {"train/loss": history["train/loss"]}
    return run(History(kept, history.rows))


def _resumed(random: Random, back: float) -> MadeUp:
    """A run that was cut off at a random step and went on `back` steps before it."""
    cut = LOG * float(random.integers(20, 80))
    once, again = _until(random, cut), _until(random, STEPS, first=cut - back)
    first, second = written(*once), written(*again)
    return run(_behind(first, second), config={"attempts": 2})


def _behind(one: History, other: History) -> History:
    """Return the rows of one history behind those of another."""
    columns = {
        key: one[key].joined(Column(other[key].rows + one.rows, other[key].values))
        for key in {*one.columns, *other.columns}
    }
    return History(columns, one.rows + other.rows)


def _resumes() -> list[World]:
    rule = "resumed"
    return [
        World(rule, "goes back 100 steps", "found", partial(_resumed, back=100), "with_overlap"),
        World(rule, "goes on where it stopped", "found", partial(_resumed, back=0),
              "without_overlap"),
        World(rule, "never stopped", "not_found", _clean),
        World(rule, "logs no step", "cannot_tell", _stepless),
    ]  # fmt: skip


def _doubled(random: Random, different: bool, only_last: bool) -> MadeUp:
    """A run that writes its evaluations twice, or the last one of them."""
    train, looks = _until(random, STEPS)
    places = slice(-1, None) if only_last else slice(None)
    again = looks.values["eval/loss"][places] + 0.01 * different
    return run(written(train, looks, Block(looks.steps[places], {"eval/loss": again})))


def _doubles() -> list[World]:
    rule = "doubled_steps"
    return [
        World(rule, "two processes log, values differ", "found",
              partial(_doubled, different=True, only_last=False), "different_values"),
        World(rule, "every look stands there twice", "found",
              partial(_doubled, different=False, only_last=False), "equal_values"),
        World(rule, "the last look, of the best checkpoint", "found",
              partial(_doubled, different=True, only_last=True), "different_values"),
        World(rule, "the last look, the same once more", "not_found",
              partial(_doubled, different=False, only_last=True)),
        World(rule, "each step once", "not_found", _clean),
        World(rule, "resumed: a repeat is no double", "not_found", partial(_resumed, back=100)),
        World(rule, "logs no step", "cannot_tell", _stepless),
    ]  # fmt: skip


def _holed(random: Random, lacking: int = 0, last: float = STEPS) -> MadeUp:
    """A run that lacks so many logs of training in a row, somewhere inside."""
    train, looks = _until(random, last)
    at = int(random.integers(5, 80))
    kept = np.ones(len(train.steps), dtype=bool)
    kept[at : at + lacking] = False
    values = {"train/loss": train.values["train/loss"][kept]}
    end = Block(np.array([last + 7.0]), {"train/loss": np.array([0.5])})
    return run(written(Block(train.steps[kept], values), end, looks))


def _irregular(random: Random) -> MadeUp:
    return run(written(_losses(random, np.cumsum(random.integers(1, 40, size=60)) * 1.0, "loss")))


def _holes() -> list[World]:
    rule = "missing_steps"
    return [
        World(rule, "one log is missing", "found", partial(_holed, lacking=1)),
        World(rule, "ten logs are missing", "found", partial(_holed, lacking=10)),
        World(rule, "none missing, a look at the last step", "not_found", _holed),
        World(rule, "none missing", "not_found", _clean),
        World(rule, "logs at no cadence", "cannot_tell", _irregular),
        World(rule, "logs no step", "cannot_tell", _stepless),
    ]  # fmt: skip


def _timed(random: Random, jump: float = 0.0, apart: float = 0.0, spread: float = 0.2) -> MadeUp:
    """A run whose steps take half a second each; at one place its clocks jump, or move apart."""
    steps = every(LOG, 100)
    seconds = np.cumsum(5.0 * random.lognormal(sigma=spread, size=100))
    behind = np.arange(100) >= int(random.integers(10, 90))
    runtime = seconds + jump * behind
    stamps = 1.79e9 + runtime + apart * behind
    block = _losses(random, steps, "train/loss")
    return run(written(block, _runtime=runtime, _timestamp=stamps))


def _evaluating(random: Random) -> MadeUp:
    """A run whose evaluations take a quarter of an hour each, and say so."""
    train, looks = _until(random, STEPS)
    took = {"eval/runtime": np.full(len(looks.steps), 900.0)}
    looks = replace(looks, values={**looks.values, **took})
    order = np.sort(np.concatenate([train.steps, looks.steps]))
    is_look = np.append(np.diff(order) == 0, False)
    is_look = np.insert(is_look[:-1], 0, False)
    seconds = np.cumsum(
        np.where(is_look, 900.0, 5.0 * random.lognormal(sigma=0.2, size=len(order)))
    )
    return run(written(train, looks, _runtime=seconds, _timestamp=1.79e9 + seconds))


def _clockless(random: Random) -> MadeUp:
    return run(written(_losses(random, every(LOG, 100), "train/loss")))


def _clocks() -> list[World]:
    rule = "clock_jumped"
    return [
        World(rule, "both go back by 100 s", "found", partial(_timed, jump=-100.0), "back"),
        World(rule, "an hour between two steps", "found", partial(_timed, jump=3_600.0),
              "forward"),
        World(rule, "the wall clock is set on by an hour", "found",
              partial(_timed, apart=3_600.0), "apart"),
        World(rule, "steps take alike long", "not_found", _timed),
        World(rule, "steps take very differently long (lognormal 1)", "not_found",
              partial(_timed, spread=1.0)),
        World(rule, "evaluations of 15 minutes that say so", "not_found", _evaluating),
        World(rule, "no clock", "cannot_tell", _clockless),
    ]  # fmt: skip


def _mixed(random: Random, others: int) -> MadeUp:
    history = written(*_until(random, STEPS))
    told = replace(history["train/loss"], others=others)
    return run(History({**history.columns, "train/loss": told}, history.rows))


def _types() -> list[World]:
    rule = "mixed_types"
    return [
        World(rule, "three texts among the losses", "found", partial(_mixed, others=3)),
        World(rule, "numbers alone", "not_found", partial(_mixed, others=0)),
        World(rule, "nothing logged", "cannot_tell", lambda random: run(History({}, 0))),
    ]


WORLDS = (*_truncated(), *_resumes(), *_doubles(), *_holes(), *_clocks(), *_types())
