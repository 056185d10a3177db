"""The price of looking: how often, how long, what share of a run, what a coarser cadence saves.

    price = price_of_looking(steps=9_375, eval_steps=20, batches_per_look=3_125,
                             eval_steps_per_second=4.553)
    price.evaluations     # 469
    price.hours           # 89.4
    saved_by(price, 200)  # what looking every 200 steps would save

Before a run, from the rates of its kind of host; after it, from its own looks. What a coarser
cadence would still have shown is for the rules that read curves to say: here it is a number.

Source: METHOD 9.2, "Price of a cadence"; transformers 5.23.0, trainer_callback.py
(`DefaultFlowCallback` looks at the last step too; that of 4.57.6 did not).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from paribus_sweeps.analysis.run_speed import RunSpeed
from paribus_sweeps.analysis.words import counted
from paribus_sweeps.design.price import looks


@dataclass(frozen=True, slots=True)
class LookingPrice:
    """What one cadence costs over a whole run."""

    steps: int
    eval_steps: int
    evaluations: int
    seconds_per_look: float | None
    """None where no rate is known; then there are no hours."""
    training_hours: float | None
    hours: float | None
    """Of all looks."""
    share: float | None
    """Of the hours of training and looks together."""
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Saving:
    """What looking less often would save."""

    price: LookingPrice
    """At the coarser cadence."""
    evaluations: int
    """Fewer."""
    hours: float | None
    """Fewer."""
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RunLooks:
    """What looking has cost a run, and what less of it would have."""

    evaluations: int
    seconds: float | None
    """Of all looks."""
    share: float | None
    """Of the run's time."""
    eval_steps: int | None
    """Steps between two looks."""
    coarser: Saving | None
    """At the coarsest cadence that would still have shown what the run shows, where one is known
    and coarser than the run's own."""
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)


def evaluations(steps: int, eval_steps: int, *, at_the_last_step: bool = True) -> int:
    """Return how often a run looks.

    Args:
        steps: Optimizer steps of the run.
        eval_steps: Steps between two looks.
        at_the_last_step: As Trainer 5 does; False as Trainer 4, which looked at multiples alone.
    """
    return looks(steps, eval_steps) if at_the_last_step else steps // eval_steps


def price_of_looking(
    *,
    steps: int,
    eval_steps: int,
    batches_per_look: int | None = None,
    seconds_per_look: float | None = None,
    eval_steps_per_second: float | None = None,
    train_steps_per_second: float | None = None,
    at_the_last_step: bool = True,
) -> LookingPrice:
    """Return the price of one cadence.

    Args:
        steps: Optimizer steps of the run, 1 or more.
        eval_steps: Steps between two looks, 1 or more.
        batches_per_look: ceil(test examples / evaluation batch).
        seconds_per_look: As a run's own looks took; wins over batches and their rate.
        eval_steps_per_second: Batches a second of the kind of host.
        train_steps_per_second: Of the kind of host; without it no share is known.
        at_the_last_step: See `evaluations`.

    Raises:
        ValueError: `steps` or `eval_steps` is below 1.
    """
    if steps < 1 or eval_steps < 1:
        raise ValueError(f"steps {steps}, eval_steps {eval_steps}: 1 or more was expected")
    count = evaluations(steps, eval_steps, at_the_last_step=at_the_last_step)
    seconds = _seconds_per_look(seconds_per_look, batches_per_look, eval_steps_per_second)
    hours = None if seconds is None else count * seconds / 3600
    training = _hours(steps, train_steps_per_second)
    share = None if hours is None or training is None else hours / (hours + training)
    return LookingPrice(
        steps=steps,
        eval_steps=eval_steps,
        evaluations=count,
        seconds_per_look=seconds,
        training_hours=training,
        hours=hours,
        share=share,
        sentence=_sentence(eval_steps, count, hours, share),
    )


def saved_by(price: LookingPrice, eval_steps: int, *, at_the_last_step: bool = True) -> Saving:
    """Return what a coarser cadence saves, all else as it was.

    Args:
        price: Of the cadence that is asked about.
        eval_steps: A coarser one.
        at_the_last_step: See `evaluations`.

    Raises:
        ValueError: It is no coarser.
    """
    if eval_steps < price.eval_steps:
        raise ValueError(f"{eval_steps} is finer than {price.eval_steps}: a coarser one saves")
    training = price.training_hours
    coarser = price_of_looking(
        steps=price.steps,
        eval_steps=eval_steps,
        seconds_per_look=price.seconds_per_look,
        train_steps_per_second=price.steps / training / 3600 if training else None,
        at_the_last_step=at_the_last_step,
    )
    fewer = price.evaluations - coarser.evaluations
    saved = price.hours - coarser.hours if price.hours and coarser.hours is not None else None
    told = "" if saved is None else f" and {saved:.3g} h"
    return Saving(
        coarser,
        fewer,
        saved,
        f"Looking every {eval_steps:,} steps instead of every {price.eval_steps:,} would save "
        f"{counted(fewer, 'look')}{told}.",
    )


def looks_of(
    speed: RunSpeed,
    *,
    steps: int | None = None,
    eval_steps: int | None = None,
    coarsest: int | None = None,
) -> RunLooks:
    """Return what looking has cost a run by now.

    Args:
        speed: The run's.
        steps: Optimizer steps that it has done.
        eval_steps: Steps between two of its looks.
        coarsest: The coarsest cadence that would still have shown what it shows, in steps.
    """
    told, times = speed.evaluation, speed.times
    count = told.looks + told.long_dropped
    saving = None
    if steps and eval_steps and coarsest and steps > 0 and 0 < eval_steps < coarsest:
        price = price_of_looking(
            steps=steps,
            eval_steps=eval_steps,
            seconds_per_look=told.seconds_per_look,
            train_steps_per_second=speed.training.steps_per_second,
        )
        saving = saved_by(price, coarsest)
    return RunLooks(
        evaluations=count,
        seconds=times.looking,
        share=times.looking_share,
        eval_steps=eval_steps,
        coarser=saving,
        sentence=_of_run(count, times.looking, times.looking_share),
    )


def _of_run(count: int, seconds: float | None, share: float | None) -> str:
    if not count:
        return "No look is known."
    if seconds is None:
        return f"{counted(count, 'look')}; none says how long it took."
    of_all = "" if share is None else f", {share:.0%} of the run's time"
    return f"{counted(count, 'look')} took {seconds / 3600:.3g} h{of_all}."


def _hours(count: int, rate: float | None) -> float | None:
    return count / rate / 3600 if rate is not None and 0 < rate < math.inf else None


def _seconds_per_look(
    seconds: float | None, batches: int | None, rate: float | None
) -> float | None:
    if seconds is not None and 0 < seconds < math.inf:
        return seconds
    if batches is None or rate is None or not 0 < rate < math.inf:
        return None
    return batches / rate


def _sentence(eval_steps: int, count: int, hours: float | None, share: float | None) -> str:
    told = f"Looking every {eval_steps:,} steps is {counted(count, 'look')}"
    if hours is None:
        return f"{told}; nothing was measured that says how long one takes."
    of_all = "" if share is None else f", {share:.0%} of the time of training and looks"
    return f"{told}: {hours:.3g} h{of_all}."
