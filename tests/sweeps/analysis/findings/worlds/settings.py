"""Worlds of settings: schedules right and wrong, settings in effect or not, small test sets."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

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

RATE = "train/learning_rate"
Config = dict[str, Any]


def rate(name: str, done: Floats, peak: float, warm_up: float, total: float) -> Floats:
    """The rate after so many moves of a schedule, written down from transformers' docs."""
    behind = np.maximum(done - warm_up, 0.0)
    share = behind / max(total - warm_up, 1.0)
    after = {
        "linear": 1.0 - share,
        "cosine": (1.0 + np.cos(np.pi * share)) / 2,
        "constant": np.ones_like(done),
        "constant_with_warmup": np.ones_like(done),
        "inverse_sqrt": np.sqrt(warm_up / np.maximum(done, warm_up)) if warm_up else None,
    }[name]
    assert after is not None
    rising = done / max(warm_up, 1.0)
    found: Floats = peak * np.where(done < warm_up, rising, after)
    return found


def _plan(random: Random, name: str) -> Config:
    total = int(random.integers(500, 5_000))
    warm_up = 0 if name == "constant" else int(random.uniform(0.05, 0.2) * total)
    peak = float(10 ** random.uniform(-5, -3))
    return {
        "lr_scheduler_type": name,
        "learning_rate": peak,
        "warmup_steps": warm_up,
        "max_steps": total,
    }


def _logged_rates(plan: Mapping[str, Any], is_after: bool = False, pace: float = 1.0) -> MadeUp:
    """A run that follows a plan; `pace` is moves of the schedule for each optimizer step."""
    total = float(plan["max_steps"])
    steps = every(10.0, int(total / 10))
    done = pace * (steps if is_after else steps - 1.0)
    values = rate(
        plan["lr_scheduler_type"], done, plan["learning_rate"], plan["warmup_steps"], total
    )
    return run(written(Block(steps, {RATE: values})), config=dict(plan))


def _as_planned(random: Random, name: str, is_after: bool = False) -> MadeUp:
    return _logged_rates(_plan(random, name), is_after)


def _otherwise(random: Random, name: str, **other: Any) -> MadeUp:
    """A run whose config says one thing and whose schedule does another.

    Args:
        random: Random numbers.
        name: The schedule that the config names.
        other: What is in effect in its place; `learning_rate` and `max_steps` are factors.
    """
    plan = _plan(random, name)
    pace = other.pop("pace", 1.0)
    if "learning_rate" in other:
        other["learning_rate"] *= plan["learning_rate"]
    done = _logged_rates({**plan, **other}, pace=pace)
    return run(done.history, config=plan)


def _without(random: Random, **other: Any) -> MadeUp:
    """A run whose config lacks what tells its schedule."""
    plan = _plan(random, "linear")
    done = _logged_rates(plan)
    config = {key: value for key, value in {**plan, **other}.items() if value is not None}
    return run(done.history, config=config)


def _schedules() -> list[World]:
    rule = "learning_rate_schedule"
    names = ("linear", "cosine", "constant", "constant_with_warmup", "inverse_sqrt")
    right = [
        World(rule, f"{name} as planned{', logged after the step' * after}", "not_found",
              partial(_as_planned, name=name, is_after=after))
        for name in names for after in (False, True)
    ]  # fmt: skip
    wrong: list[tuple[str, str, dict[str, Any]]] = [
        ("half the peak", "other_peak", {"learning_rate": 0.5}),
        ("no warm-up", "other_warm_up", {"warmup_steps": 0}),
        ("constant in place of linear", "other_schedule", {"lr_scheduler_type": "constant",
         "warmup_steps": 0}),
        ("cosine in place of linear", "other_schedule", {"lr_scheduler_type": "cosine"}),
        ("moves twice for each optimizer step", "other", {"pace": 2.0}),
    ]  # fmt: skip
    return [
        *right,
        *(World(rule, name, "found", partial(_otherwise, name="linear", **other), label)
          for name, label, other in wrong),
        World(rule, "a peak 1 % lower", "not_found",
              partial(_otherwise, name="linear", learning_rate=0.99), None, False,
              "the tolerance is 2 % of the peak"),
        World(rule, "no schedule named", "cannot_tell", partial(_without, lr_scheduler_type=None)),
        World(rule, "a schedule that follows the loss", "cannot_tell",
              partial(_without, lr_scheduler_type="reduce_lr_on_plateau")),
        World(rule, "steps not known", "cannot_tell", partial(_without, max_steps=None)),
    ]  # fmt: skip


TAKEN: Config = {
    "max_steps": 1_000, "logging_steps": 10, "eval_steps": 50, "learning_rate": 3e-4,
    "per_device_train_batch_size": 16, "lr_scheduler_type": "linear", "warmup_steps": 0,
}  # fmt: skip
"""What the program is started with; a world says what its config claims in its place."""


def _program(random: Random, **claimed: Any) -> MadeUp:
    taken = TAKEN
    t, x = every(taken["logging_steps"], 100), every(taken["eval_steps"], 20)
    training = {
        "train/loss": random.uniform(0.3, 0.7, size=len(t)),
        RATE: rate("linear", t - 1, taken["learning_rate"], 0, taken["max_steps"]),
        "train/examples_seen": 16.0 * t,
    }
    looks = {"eval/loss": random.uniform(0.3, 0.7, size=len(x))}
    return run(written(Block(t, training), Block(x, looks)), config={**taken, **claimed})


def _bare(random: Random) -> MadeUp:
    return run(_program(random).history, config={"model": "bert"})


def _effects() -> list[World]:
    rule = "setting_not_in_effect"
    wrong = {
        "max_steps": 2_000, "logging_steps": 20, "eval_steps": 20, "learning_rate": 1e-4,
        "per_device_train_batch_size": 64,
    }  # fmt: skip
    return [
        *(World(rule, f"another {key} than the config's", "found",
                partial(_program, **{key: value})) for key, value in wrong.items()),
        World(rule, "all as the config has it", "not_found", _program),
        World(rule, "a config that names none of them", "cannot_tell", _bare),
    ]  # fmt: skip


def _scored(
    random: Random, examples: int | None, first: float, last: float, effect: float | None = None
) -> MadeUp:
    """Accuracies of so many examples, whose mean goes from `first` to `last`."""
    means = np.linspace(first, last, 20)
    n = examples or 400
    config = {"eval_examples": examples, "smallest_effect": effect}
    values = random.binomial(n, means) / n
    history = written(Block(every(100, 20), {"eval/accuracy": values}))
    return run(history, config={k: v for k, v in config.items() if v is not None})


def _sizes() -> list[World]:
    rule = "evaluation_set_too_small"

    def world(name: str, truth: Truth, label: str | None = None, **how: Any) -> World:
        return World(rule, name, truth, partial(_scored, **how), label)

    return [
        world("declared .01 on 400 examples", "found", "below_any_test", examples=400, first=0.5,
              last=0.8, effect=0.01),
        world("declared .03 on 400 examples", "found", "needs_each_answer", examples=400,
              first=0.5, last=0.8, effect=0.03),
        world("declared .03 on 25,000 examples", "not_found", examples=25_000, first=0.5,
              last=0.8, effect=0.03),
        world("gains .3 on 400 examples, none declared", "not_found", examples=400, first=0.5,
              last=0.8),
        World(rule, "gains nothing on 400 examples, none declared", "found",
              partial(_scored, examples=400, first=0.5, last=0.5), None, False,
              "the run's own change counts: last less lowest of 20 noisy looks"),
        world("how many examples is not known", "cannot_tell", examples=None, first=0.5, last=0.8),
    ]  # fmt: skip


WORLDS = (*_schedules(), *_effects(), *_sizes())
