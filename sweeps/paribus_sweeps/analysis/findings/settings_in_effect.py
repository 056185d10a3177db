"""Settings of the config that did not take effect: what was logged says otherwise.

W&B does not hand a sweep's config to a program; a program that forgets to pass it on trains
with its defaults, while every page shows the sweep's values (TRAINING 3). Each check below
compares one setting with what the history holds, where both are there:

- `max_steps`, `num_train_epochs`: how far a *finished* run came. Less, or more, by over one
  interval between logs (epochs: of the Trainer's `train/epoch`, and not where `max_steps` is
  above 0, which overrides them).
- `logging_steps`: median interval of `train/loss`. `eval_steps`: median interval of eval loss.
  Neither where the config's strategy is another than "steps".
- batch size x accumulation x devices: the largest rise of examples seen for each step (the
  last batch of a pass is smaller).
- `learning_rate`: the largest logged rate against what the schedule reaches at these steps;
  where the schedule is not known, only a rate that is larger, or constant.
- `warmup_steps` beside `lr_scheduler_type: constant`, which has no warm-up.

Source: transformers 5.23.0, training_args.py (what each setting means; `max_steps` overrides
`num_train_epochs`; `logging_steps` and `eval_steps` below 1 are shares of all steps) and
trainer.py, trainer_callback.py (`DefaultFlowCallback`: the last step is looked at too).
METHOD has no such rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.recorded_settings import (
    LEARNING_RATE,
    number_setting,
    planned_steps,
    steps_an_epoch,
    steps_done,
    text_setting,
    usual_interval,
)
from paribus_sweeps.analysis.findings.rule import STEPS, Rule, Seen, each_time
from paribus_sweeps.analysis.findings.schedules import TOLERANCE, compared_in, told_schedule
from paribus_sweeps.analysis.words import number

LEAST_GAPS = 3  # intervals, whose median one odd interval does not move
LEAST_STEPS_AN_EPOCH = 4  # one smaller batch in four moves the mean by less than a quarter
SHORT_BATCH = 0.75  # share of the batch that a mean over few steps can fall to by small batches
FLOAT_NEARNESS = 1e-6  # relative: rounding of a rate in float32


@dataclass(frozen=True, slots=True)
class Effect:
    """One setting, and what was seen in its place."""

    setting: str
    asked: float
    seen: float
    words: str
    """What was seen, in words: `train/loss came every 500 steps`."""
    is_in_effect: bool


def effects(seen: Seen) -> Iterator[Effect]:
    """Yield every setting that can be checked."""
    for check in CHECKS:
        found = check(seen)
        if found is not None:
            yield found


def _look(seen: Seen) -> Finding:
    rule = "setting_not_in_effect"
    checked = list(effects(seen))
    wrong = [effect for effect in checked if not effect.is_in_effect]
    names = ", ".join(effect.setting for effect in checked)
    numbers = {
        "checked": [effect.setting for effect in checked],
        "asked": {effect.setting: effect.asked for effect in wrong},
        "seen": {effect.setting: effect.seen for effect in wrong},
    }
    if not checked:
        why = "no setting of the config has a logged number that it could be compared with"
        return Finding.unknown(rule, why)
    if not wrong:
        return Finding.absent(rule, f"In effect as far as checked: {names}.", numbers=numbers)
    said = "; ".join(f"{e.setting} is {number(e.asked)}, but {e.words}" for e in wrong)
    return Finding.found(
        rule,
        f"{said}. Checked: {names}.",
        numbers=numbers,
        next_step="Hand wandb.config on to the program's own settings and compare the two before "
        "training; until then the run is no run of the setting that its config names.",
    )


def _max_steps(seen: Seen) -> Effect | None:
    asked = number_setting(seen.facts.config, "max_steps")
    done = steps_done(seen) if _is_finished(seen) else None
    if asked is None or asked <= 0 or done is None:
        return None
    slack = usual_interval(seen)
    words = f"the run finished at step {number(done)}{_early(done, asked)}"
    return Effect("max_steps", asked, done, words, asked - slack <= done <= asked)


def _epochs(seen: Seen) -> Effect | None:
    config, key = seen.facts.config, seen.key("epoch")
    asked, steps = number_setting(config, "num_train_epochs"), number_setting(config, "max_steps")
    overridden = steps is not None and steps > 0
    is_asked = _is_finished(seen) and asked is not None and not overridden
    per_epoch = steps_an_epoch(seen) if is_asked else None
    if asked is None or per_epoch is None or key is None:
        return None
    epochs = seen.history[key].values
    done = float(epochs[np.isfinite(epochs)].max())
    slack = (usual_interval(seen) + 1) / per_epoch  # the last step may end a little behind a pass
    words = f"the run finished after {number(done)} passes{_early(done, asked)}"
    return Effect("num_train_epochs", asked, done, words, abs(done - asked) <= slack)


def _logging_steps(seen: Seen) -> Effect | None:
    return _cadence(seen, "logging_steps", "train/loss", ("logging_strategy",))


def _eval_steps(seen: Seen) -> Effect | None:
    strategies = ("eval_strategy", "evaluation_strategy")
    key = seen.key("eval_loss")
    return None if key is None else _cadence(seen, "eval_steps", key, strategies)


def _cadence(seen: Seen, name: str, key: str, strategies: tuple[str, ...]) -> Effect | None:
    asked = number_setting(seen.facts.config, name)
    strategy = text_setting(seen.facts.config, *strategies)
    if asked is None or strategy not in (None, "steps") or key not in seen.history:
        return None
    planned = planned_steps(seen)
    if 0 < asked < 1 and planned is not None and not planned.is_estimate:
        asked = float(np.ceil(planned.steps * asked))
    gaps = np.diff(seen.curve(key).x)
    if asked < 1 or seen.x_name(key) != STEPS or len(gaps) < LEAST_GAPS:
        return None
    found = float(np.median(gaps))
    if math.isinf(found):
        return None
    words = f"{key} came every {number(found)} steps"
    return Effect(name, asked, found, words, found == asked)


def _batch(seen: Seen) -> Effect | None:
    key = seen.key("examples_seen")
    asked = seen.facts.examples_per_step or _examples_per_step(seen)
    if key is None or asked is None or math.isinf(asked) or seen.x_name(key) != STEPS:
        return None
    per_epoch = steps_an_epoch(seen)
    if per_epoch is not None and per_epoch < LEAST_STEPS_AN_EPOCH:
        return None
    curve = seen.curve(key)
    rises = np.diff(curve.values) / np.diff(curve.x)
    if len(rises) < LEAST_GAPS:
        return None
    found = float(rises.max())
    fits = SHORT_BATCH * asked <= found <= asked * (1 + FLOAT_NEARNESS)
    words = f"a step took {number(found)} examples"
    if not math.isfinite(found):
        words = "a step took more examples than a float can hold"
    return Effect("examples per step", asked, found, words, fits)


def _examples_per_step(seen: Seen) -> float | None:
    config = seen.facts.config
    batch = number_setting(config, "per_device_train_batch_size")
    if batch is None or batch <= 0:
        return None
    accumulation = number_setting(config, "gradient_accumulation_steps") or 1.0
    devices = number_setting(config, "world_size", "gpu_count", "n_gpu") or 1.0
    return batch * accumulation * devices


def _learning_rate(seen: Seen) -> Effect | None:
    asked, key = number_setting(seen.facts.config, *LEARNING_RATE), seen.key("learning_rate")
    curve = None if key is None else seen.curve(key)
    if asked is None or asked <= 0 or curve is None or len(curve) < LEAST_GAPS:
        return None
    highest, expected = float(curve.values.max()), _reachable(seen)
    words = f"the largest logged rate is {number(highest)}"
    if expected is None:
        is_constant = highest == float(curve.values.min())
        fits = highest <= asked * (1 + FLOAT_NEARNESS)
        fits = fits and (not is_constant or highest >= asked * (1 - FLOAT_NEARNESS))
        return Effect("learning_rate", asked, highest, words, fits)
    fits = abs(highest - expected) <= seen.thresholds[TOLERANCE.name] * asked
    if expected < asked:
        words += f", where the schedule reaches {number(expected)}"
    return Effect("learning_rate", asked, highest, words, fits)


def _reachable(seen: Seen) -> float | None:
    """Return the largest rate that the schedule gives at the logged steps; None if unknown."""
    schedule = told_schedule(seen)
    key = seen.key("learning_rate")
    if isinstance(schedule, str) or key is None or seen.x_name(key) != STEPS:
        return None
    return float(compared_in(seen, key, schedule).expected.max())


def _warm_up(seen: Seen) -> Effect | None:
    config, key = seen.facts.config, seen.key("learning_rate")
    steps = number_setting(config, "warmup_steps") or number_setting(config, "warmup_ratio")
    if text_setting(config, "lr_scheduler_type") != "constant" or not steps or key is None:
        return None
    words = "the schedule is `constant`, which has no warm-up"
    return Effect("warm-up", steps, 0.0, words, is_in_effect=False)


def _early(done: float, asked: float) -> str:
    return " (or was it stopped early on purpose?)" if done < asked else ""


def _is_finished(seen: Seen) -> bool:
    return seen.facts.state == "finished"


CHECKS: tuple[Callable[[Seen], Effect | None], ...] = (
    _max_steps,
    _epochs,
    _logging_steps,
    _eval_steps,
    _batch,
    _learning_rate,
    _warm_up,
)

RULES: tuple[Rule, ...] = (
    Rule(
        "setting_not_in_effect",
        1,
        "findings.md",
        "A setting of the config that the history contradicts.",
        each_time(_look),
        (TOLERANCE,),
        roles=("global_step", "epoch", "eval_loss", "examples_seen", "learning_rate"),
        keys=(
            "max_steps",
            "num_train_epochs",
            "logging_steps",
            "eval_steps",
            "per_device_train_batch_size",
            "gradient_accumulation_steps",
            *LEARNING_RATE,
            "warmup_steps",
        ),
        source="transformers 5.23.0, training_args.py and trainer_callback.py.",
    ),
)
