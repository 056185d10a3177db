"""What trials cost before anything runs: steps, looks, examples, and hours where rates are known.

Counted as the Hugging Face Trainer counts, on one device: a last, smaller batch
is a step; the test set is scored every `eval_steps` and, under Trainer 5, at the
last step too. Only a program that says what its data sets hold can be priced.

Source: METHOD 9.2, "Price of a cadence"; transformers 5.23, trainer.py
(`set_initial_training_values`: batches, accumulation, epochs).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Protocol

from paribus_sweeps.design.grids import Trial
from paribus_sweeps.design.host_price import Counted, HostPrice, MeasuredRun, host_prices
from paribus_sweeps.spec import SweepSpec

# Sums are given for these; the rest of a price is words.
_SUMMED = (
    "steps",
    "evaluations",
    "eval_batches",
    "examples_trained",
    "examples_scored",
    "hours",
)

# What an hour goes into, under the names that the Trainer has for it.
_NEEDED = (
    "train_test_ratio",
    "per_device_train_batch_size",
    "per_device_eval_batch_size",
    "gradient_accumulation_steps",
    "num_train_epochs",
    "max_steps",
    "eval_steps",
)


class PricedProgram(Protocol):
    """What pricing asks of a program's schema: its defaults, and what its data sets hold."""

    @property
    def extensions(self) -> Mapping[str, Any]:
        """What stands at "x-paribus" in the schema."""

    def complete(self, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return dotted key → value with defaults filled in."""


@dataclass(frozen=True, slots=True)
class TrialPrice:
    """The price of one trial; what cannot be known is None, and `note` says why."""

    number: int
    steps: int | None = None
    """Optimizer steps."""
    evaluations: int | None = None
    """Looks at the test set."""
    eval_batches: int | None = None
    """Batches scored in all looks."""
    examples_trained: int | None = None
    """Examples that pass forward and backward, epochs counted."""
    examples_scored: int | None = None
    """Examples scored in all looks; the hold-out at the end is not a look."""
    hours: float | None = None
    """Of steps and looks together, on one device; None without rates."""
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a sweep: sums over its trials, None where any of them is unknown."""

    trials: int
    steps: int | None
    evaluations: int | None
    eval_batches: int | None
    examples_trained: int | None
    examples_scored: int | None
    hours: float | None
    """By `rates` that somebody gave; by kind of host, see `hosts`."""
    notes: tuple[str, ...]
    """Why something is None, each reason once."""
    per_trial: tuple[TrialPrice, ...]
    hosts: tuple[HostPrice, ...] = ()
    """On each kind of host where an earlier run was measured."""

    def as_dict(self) -> dict[str, Any]:
        """Return the price as plain JSON."""
        return {
            **asdict(self),
            "notes": list(self.notes),
            "per_trial": [asdict(trial) for trial in self.per_trial],
            "hosts": [{**asdict(host), "notes": list(host.notes)} for host in self.hosts],
        }


def price(
    spec: SweepSpec,
    trials: Iterable[Trial],
    schema: PricedProgram | None,
    *,
    rates: Mapping[str, float] | None = None,
    measured: Iterable[MeasuredRun] = (),
) -> Price:
    """Price every trial and the sum of them.

    Args:
        spec: The sweep, for the program's name in notes.
        trials: Expanded from it.
        schema: The program's schema; None where it published none.
        rates: "train_steps_per_second" and "eval_steps_per_second" (batches) as measured
            on the hosts, at the batch sizes that are asked about.
        measured: Earlier runs of the program, for hours by kind of host.
    """
    planned, runs = list(trials), list(measured)
    note = None if runs else _NO_RATES
    priced = tuple(_trial_price(spec, trial, schema, rates, note) for trial in planned)
    sums = {name: _sum(priced, name) for name in _SUMMED}
    notes = dict.fromkeys(trial.note for trial in priced if trial.note)
    counted = list(_counted(planned, priced, schema))
    hosts = host_prices(counted, runs) if counted and len(counted) == len(priced) else ()
    return Price(trials=len(priced), notes=tuple(notes), per_trial=priced, hosts=hosts, **sums)


_NO_RATES = "hours need rates that were measured on your hosts"


def _counted(
    planned: Iterable[Trial], priced: Iterable[TrialPrice], schema: PricedProgram | None
) -> Iterator[Counted]:
    for trial, cost in zip(planned, priced, strict=True):
        if schema is not None and cost.steps is not None and cost.eval_batches is not None:
            args = schema.complete(trial.args)
            yield Counted(trial.number, args, cost.steps, cost.eval_batches)


def _sum(priced: tuple[TrialPrice, ...], name: str) -> Any:
    values = [getattr(trial, name) for trial in priced]
    if None in values or not values:
        return None
    return math.fsum(values) if name == "hours" else sum(values)


def _trial_price(
    spec: SweepSpec,
    trial: Trial,
    schema: PricedProgram | None,
    rates: Mapping[str, float] | None,
    without_rates: str | None,
) -> TrialPrice:
    if schema is None or "data_sets" not in schema.extensions:
        note = f"{spec.program or 'the program'} does not publish what its data sets hold"
        return TrialPrice(trial.number, note=note)
    args = schema.complete(trial.args)
    pool = _pool(args, schema.extensions["data_sets"])
    if pool is None:
        note = f"how many reviews {args.get('data_set')} holds is not known before it is loaded"
        return TrialPrice(trial.number, note=note)
    missing = [key for key in _NEEDED if args.get(key) is None]
    if missing:
        return TrialPrice(trial.number, note=f"{' and '.join(missing)} is not known")
    return _known_price(trial.number, args, pool, rates, without_rates)


def _pool(args: Mapping[str, Any], data_sets: Mapping[str, Any]) -> int | None:
    """Return how many reviews train and test part share; `pool_size` cannot exceed the set."""
    facts = data_sets.get(str(args.get("data_set")), {})
    held = facts.get("reviews")
    wanted = args.get("pool_size")
    if held is None:
        return None
    return int(held if wanted is None else min(held, wanted))


def _known_price(
    number: int,
    args: Mapping[str, Any],
    pool: int,
    rates: Mapping[str, float] | None,
    without_rates: str | None,
) -> TrialPrice:
    train = math.floor(pool * _train_share(args["train_test_ratio"]))
    steps, per_epoch = _steps(args, train)
    evaluations = looks(steps, args["eval_steps"])
    batches = evaluations * math.ceil((pool - train) / args["per_device_eval_batch_size"])
    hours, note = _hours(steps, batches, rates) if rates else (None, without_rates)
    return TrialPrice(
        number=number,
        steps=steps,
        evaluations=evaluations,
        eval_batches=batches,
        examples_trained=round(train * Fraction(steps, per_epoch)),
        examples_scored=evaluations * (pool - train),
        hours=hours,
        note=note,
    )


def _train_share(ratio: str) -> Fraction:
    train, test = (int(part) for part in ratio.split(":"))
    return Fraction(train, train + test)


def _steps(args: Mapping[str, Any], train: int) -> tuple[int, int]:
    """Return optimizer steps in all, and in an epoch."""
    batches = math.ceil(train / args["per_device_train_batch_size"])
    per_epoch = max(1, math.ceil(batches / args["gradient_accumulation_steps"]))
    if args["max_steps"] > 0:
        return args["max_steps"], per_epoch
    asked = args["num_train_epochs"] * per_epoch  # in floats, as the Trainer: .07 x 100 are 8
    return math.ceil(min(asked, sys.float_info.max)), per_epoch


def looks(steps: int, eval_steps: int) -> int:
    """Return how often the test set is scored: every `eval_steps`, and at the last step.

    Source: METHOD 9.2; 9,375 steps with eval_steps 20 are 468 looks and a last one.
    """
    return steps // eval_steps + (1 if steps % eval_steps else 0)


def _hours(
    steps: int, batches: int, rates: Mapping[str, float]
) -> tuple[float | None, str | None]:
    missing = [
        name
        for name in ("train_steps_per_second", "eval_steps_per_second")
        if not rates.get(name, 0) > 0
    ]
    if missing:
        return None, f"hours need {' and '.join(missing)}"
    seconds = steps / rates["train_steps_per_second"] + batches / rates["eval_steps_per_second"]
    return seconds / 3600, None
