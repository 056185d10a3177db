"""Whether the learning rate that was logged is what the config says.

The Trainer's schedules are computed from the config (`lr_scheduler_type`, `learning_rate`,
`warmup_steps` or `warmup_ratio`, `lr_scheduler_kwargs`, and all steps: `planned.steps`,
`max_steps`, or `num_train_epochs` times the steps that a pass took), and compared with each
logged value. A program logs the rate that a step used (ours, and transformers from 4.53 on at
the latest), or the one that the schedule moved to after it (transformers up to 4.50): the better
of the two is taken.

deviation = max |logged - computed| / peak. Above the tolerance the rule says what would
explain it, the first that does: the same curve times a factor (`other_peak`), another warm-up
(`other_warm_up`), another schedule (`other_schedule`); else `other`.

Source: `schedule_formulas`; transformers 5.23.0 and 4.57.6, trainer.py (`learning_rate` is read
before `lr_scheduler.step()`); 4.46.3, trainer.py (`_maybe_log_save_evaluate` read it after).
METHOD has no such rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from paribus_sweeps.analysis.curves import Curve, FloatArray
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.recorded_settings import (
    LEARNING_RATE,
    number_setting,
    planned_steps,
    setting,
    text_setting,
    uses_fp16,
)
from paribus_sweeps.analysis.findings.rule import STEPS, Rule, Seen, each_time
from paribus_sweeps.analysis.findings.schedule_formulas import (
    EXTRAS,
    NEEDS_TOTAL,
    SHAPES,
    Schedule,
    warm_up_of,
)
from paribus_sweeps.analysis.findings.thresholds import Threshold
from paribus_sweeps.analysis.labels import number_of
from paribus_sweeps.analysis.words import counted, number

ROLE = "learning_rate"
_MANY = 10.0  # times the peak: beyond, a percentage says less than the number
LEAST_POINTS = 3  # a line and one point to contradict it

TOLERANCE = Threshold(
    "learning_rate_schedule.tolerance",
    0.02,
    "Ours: share of the peak. All steps worked out from epochs, which transformers up to 4.39 "
    "rounds to two decimals, are within 2 % from a quarter of an epoch on.",
    0.0,
    1.0,
)


@dataclass(frozen=True, slots=True)
class Compared:
    """A logged learning rate beside a computed one."""

    schedule: Schedule
    expected: FloatArray
    deviations: FloatArray
    """Share of the peak, for each logged value."""
    is_after: bool
    """Whether the logged rate is the one that the schedule moved to after the step."""

    @property
    def deviation(self) -> float:
        """The largest deviation."""
        return float(self.deviations.max())


def compared(curve: Curve, schedule: Schedule) -> Compared:
    """Return the better of the two ways to read a logged learning rate (see above)."""
    return min(
        (_read(curve, schedule, is_after) for is_after in (False, True)),
        key=lambda found: found.deviation,
    )


def compared_in(seen: Seen, key: str, schedule: Schedule) -> Compared:
    """Return a run's learning rate beside a schedule; the same for every rule that asks."""
    told = (ROLE, key, seen.x_key(key), repr(schedule))
    return seen.once(told, lambda: compared(seen.curve(key), schedule))


def _read(curve: Curve, schedule: Schedule, is_after: bool) -> Compared:
    done = np.maximum(curve.x - (0.0 if is_after else 1.0), 0.0)
    expected = schedule.at(done)
    deviations = np.abs(curve.values / schedule.peak - expected / schedule.peak)
    return Compared(schedule, expected, deviations, is_after)


def told_schedule(seen: Seen) -> Schedule | str:
    """Return the schedule that a run's config names, or why it is not known."""
    config = seen.facts.config
    name = text_setting(config, "lr_scheduler_type")
    if name is None:
        return "the config names no lr_scheduler_type"
    if name not in SHAPES:
        return f"lr_scheduler_type {name!r} is none of {', '.join(SHAPES)}"
    peak = number_setting(config, *LEARNING_RATE)
    if peak is None or peak <= 0:
        return "the config names no learning_rate above 0"
    extra = _extra(config, name)
    if isinstance(extra, str):
        return extra
    return _with_steps(seen, Schedule(name, peak, 0.0, 0.0, extra))


def _with_steps(seen: Seen, schedule: Schedule) -> Schedule | str:
    config, planned = seen.facts.config, planned_steps(seen)
    steps = number_setting(config, "warmup_steps") or 0.0
    share = number_setting(config, "warmup_ratio") or 0.0
    by_share = 0 < steps < 1 or (steps == 0 and share > 0)
    if planned is None and (schedule.name in NEEDS_TOTAL or by_share):
        return (
            "how many optimizer steps the run was to take is not known: the config names no "
            "planned.steps or max_steps, and num_train_epochs beside logged train/epoch tells none"
        )
    total = 0.0 if planned is None else planned.steps
    warm_up = 0.0 if schedule.name == "constant" else warm_up_of(steps, share, total)
    return replace(schedule, warm_up=max(warm_up, 0.0), steps=total)


def _extra(config: Mapping[str, object], name: str) -> Mapping[str, float] | str:
    """Return `lr_scheduler_kwargs`, or why they cannot be read."""
    prefix = "lr_scheduler_kwargs"
    whole = setting(config, (prefix,))
    held = {} if whole is None or whole.value is None else whole.value
    if not isinstance(held, Mapping):
        return f"{prefix} {held!r} cannot be read; keys with numbers were expected"
    dotted = {
        key.rpartition(".")[2]: value for key, value in config.items() if f"{prefix}." in key
    }
    found: dict[str, float] = {}
    for key, value in {**held, **dotted}.items():
        amount = number_of(value)
        if key not in EXTRAS.get(name, ()) or amount is None or amount <= 0:
            return f"{prefix}.{key} {value!r} is not known to this rule for {name}"
        found[key] = amount
    return found


def _look(seen: Seen) -> Finding:
    rule, key = "learning_rate_schedule", seen.key(ROLE)
    if key is None:
        return Finding.unknown(rule, seen.missing(ROLE))
    curve = seen.curve(key)
    if seen.x_name(key) != STEPS:
        return Finding.unknown(rule, f"the rows of {key} hold no optimizer step", keys=(key,))
    if len(curve) < LEAST_POINTS:
        why = f"{counted(len(curve), 'value')} of {key}; at least {LEAST_POINTS} are needed"
        return Finding.unknown(rule, why, keys=(key,))
    schedule = told_schedule(seen)
    if isinstance(schedule, str):
        return Finding.unknown(rule, schedule, keys=(key,))
    with np.errstate(over="ignore", invalid="ignore"):
        return _said(rule, seen, key, curve, compared_in(seen, key, schedule))


def _said(rule: str, seen: Seen, key: str, curve: Curve, found: Compared) -> Finding:
    tolerance = seen.thresholds[TOLERANCE.name]
    worst = int(np.argmax(found.deviations))
    numbers = _numbers(curve, found) | {"tolerance": tolerance}
    about = {"keys": (key,), "numbers": numbers}
    if found.deviation <= tolerance:
        return Finding.absent(
            rule,
            f"{counted(len(curve), 'value')} of {key} {'is' if len(curve) == 1 else 'are'} "
            f"{_words(found.schedule)}{_within(found.deviation)}.",
            **about,
        )
    label, explained = _explained(curve, found, tolerance)
    off = curve.x[found.deviations > tolerance]
    caution = " With fp16, skipped steps do not move the schedule." if _fp16(seen) else ""
    return Finding.found(
        rule,
        f"{key} at step {number(float(curve.x[worst]))} is {number(float(curve.values[worst]))}, "
        f"and {_words(found.schedule)} gives {number(float(found.expected[worst]))}: "
        f"{_apart(found.deviation)}.{explained}{caution}",
        label=label,
        steps=(float(off[0]), float(off[-1])),
        next_step="Look at what the program hands to its optimizer and schedule: a setting of "
        "the config is not in effect, or the schedule counts other steps than optimizer steps.",
        **about,
    )


def _within(deviation: float) -> str:
    """Return "within 0.0012 of the peak", of a deviation up to the tolerance."""
    if deviation == 0:
        return ", without any deviation"
    return f" within {deviation:.2g} of the peak"


def _apart(deviation: float) -> str:
    """Return "12.5% of the peak apart", "40 times the peak apart"."""
    if not math.isfinite(deviation):
        return "more times the peak apart than a float can hold"
    if deviation >= _MANY:
        return f"{number(deviation)} times the peak apart"
    return f"{deviation:.1%} of the peak apart"


def _fp16(seen: Seen) -> bool:
    return uses_fp16(seen.facts.config)


def _words(schedule: Schedule) -> str:
    warm_up = f", warm-up {number(schedule.warm_up)}" if schedule.warm_up else ""
    steps = f" over {schedule.steps:,.0f} steps" if schedule.name in NEEDS_TOTAL else ""
    return f"`{schedule.name}` (peak {number(schedule.peak)}{warm_up}){steps}"


def _numbers(curve: Curve, found: Compared) -> dict[str, float | str | bool]:
    return {
        "schedule": found.schedule.name,
        "deviation": found.deviation,
        "peak_config": found.schedule.peak,
        "peak_logged": float(curve.values.max()),
        "peak_expected": float(found.expected.max()),
        "peak_step": float(curve.x[int(np.argmax(curve.values))]),
        "warm_up_config": found.schedule.warm_up,
        "final_logged": float(curve.values[-1]),
        "final_expected": float(found.expected[-1]),
        "steps_planned": found.schedule.steps,
        "logged_after_the_step": found.is_after,
    }


def _explained(curve: Curve, found: Compared, tolerance: float) -> tuple[str, str]:
    """Return the label of what would explain the logged rates, and the sentence of it."""
    highest, expected = float(curve.values.max()), float(found.expected.max())
    factor = highest / expected if expected > 0 else 0.0
    if factor > 0 and _fits(curve, _replace_peak(found.schedule, factor), tolerance):
        return "other_peak", f" The whole curve is {number(factor)} times what is expected."
    for label, other, words in _others(curve, found.schedule):
        if _fits(curve, other, tolerance):
            return label, f" It is as with {words}."
    return "other", ""


def _replace_peak(schedule: Schedule, factor: float) -> Schedule:
    """Return the schedule with its peak times a factor; a polynomial's end stays where it is."""
    return replace(schedule, peak=schedule.peak * factor)


def _fits(curve: Curve, schedule: Schedule, tolerance: float) -> bool:
    return compared(curve, schedule).deviation <= tolerance


def _others(curve: Curve, schedule: Schedule) -> Iterator[tuple[str, Schedule, str]]:
    """Yield (label, schedule, words) of what else may have been in effect."""
    top = float(curve.x[int(np.argmax(curve.values))])
    for steps in dict.fromkeys((0.0, top, top - 1.0)):
        if steps != schedule.warm_up and schedule.name != "constant":
            other = replace(schedule, warm_up=max(steps, 0.0))
            yield "other_warm_up", other, f"a warm-up of {steps:,.0f} steps"
    for name in SHAPES:
        if name != schedule.name and (schedule.steps > 0 or name not in NEEDS_TOTAL):
            other = replace(schedule, name=name, extra={})
            if name == "constant":
                other = replace(other, warm_up=0.0)
            yield "other_schedule", other, f"`{name}`"


RULES: tuple[Rule, ...] = (
    Rule(
        "learning_rate_schedule",
        1,
        "findings.md",
        "The logged learning rate is not what the config's schedule gives.",
        each_time(_look),
        (TOLERANCE,),
        labels={
            "other_peak": "The whole curve is another one's multiple.",
            "other_warm_up": "As with another warm-up.",
            "other_schedule": "As with another lr_scheduler_type.",
            "other": "As with none of these.",
        },
        roles=(ROLE, "global_step", "epoch"),
        keys=("lr_scheduler_type", *LEARNING_RATE, "warmup_steps", "warmup_ratio", "max_steps"),
        source="transformers 5.23.0, optimization.py and training_args.py.",
    ),
)
