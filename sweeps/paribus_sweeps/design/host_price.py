"""What trials take on each kind of host, from rates that earlier runs of the program had there.

A rate holds for the setting that it was measured at: model, data, length, precision and batch
size. Another batch size is reckoned by examples a second, and that is said; for another model,
length or precision, or a kind of host that ran none, there are no hours, and that is said too.

Source: METHOD 9.2 ("Price of a cadence"); 9.6 (batch sizes are compared by examples a second).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paribus_sweeps.factors import level_label

SPEED_KEYS = ("model", "data_set", "max_length", "precision")
"""What decides, beside the batch size, how long a batch takes."""
TRAIN_SIZE = ("per_device_train_batch_size", "gradient_accumulation_steps")
EVAL_SIZE = ("per_device_eval_batch_size",)


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """How fast an earlier run of the program was, on one device."""

    run: str
    gpu_name: str
    args: Mapping[str, Any]
    """Dotted key → value, defaults filled in."""
    train_steps_per_second: float | None
    """Optimizer steps, looks left out; above 0."""
    eval_steps_per_second: float | None
    """Batches while it looked; above 0."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one trial counts."""

    number: int
    args: Mapping[str, Any]
    """As of `MeasuredRun`."""
    steps: int
    eval_batches: int


@dataclass(frozen=True, slots=True)
class HostPrice:
    """Hours of a sweep's trials on one kind of host, one after the other on one device."""

    gpu_name: str
    runs: int
    """Earlier runs whose rates were used."""
    trials_priced: int
    hours: float | None
    """Of all trials; None where one of them cannot be priced here."""
    training_hours: float | None
    looking_hours: float | None
    looking_share: float | None
    """Share of `hours` that goes into looking."""
    longest_trial_hours: float | None
    notes: tuple[str, ...]
    """What was reckoned from another batch size, and what could not be."""


def host_prices(
    trials: Sequence[Counted], measured: Iterable[MeasuredRun]
) -> tuple[HostPrice, ...]:
    """Return what the trials take on each kind of host that was measured, by its name."""
    by_gpu: dict[str, list[MeasuredRun]] = {}
    for run in sorted(measured, key=lambda run: run.run):
        by_gpu.setdefault(run.gpu_name, []).append(run)
    return tuple(_host_price(gpu, trials, by_gpu[gpu]) for gpu in sorted(by_gpu))


def _host_price(
    gpu_name: str, trials: Sequence[Counted], measured: Sequence[MeasuredRun]
) -> HostPrice:
    training = _Rates(gpu_name, measured, TRAIN_SIZE, "steps", _train_rate)
    looking = _Rates(gpu_name, measured, EVAL_SIZE, "looks", _eval_rate)
    train_hours = [_hours(training.seconds(t.args), t.steps) for t in trials]
    look_hours = [_hours(looking.seconds(t.args), t.eval_batches) for t in trials]
    both = [
        None if a is None or b is None else a + b
        for a, b in zip(train_hours, look_hours, strict=True)
    ]
    hours, looked = _sum(both), _sum(look_hours)
    return HostPrice(
        gpu_name=gpu_name,
        runs=len(training.used | looking.used),
        trials_priced=sum(one is not None for one in both),
        hours=hours,
        training_hours=_sum(train_hours),
        looking_hours=looked,
        looking_share=None if not hours or looked is None else looked / hours,
        longest_trial_hours=max((one for one in both if one is not None), default=None),
        notes=(*training.notes, *looking.notes),
    )


def _train_rate(run: MeasuredRun) -> float | None:
    return run.train_steps_per_second


def _eval_rate(run: MeasuredRun) -> float | None:
    return run.eval_steps_per_second


def _hours(seconds: float | None, count: int) -> float | None:
    return None if seconds is None else seconds * count / 3600


def _sum(hours: Sequence[float | None]) -> float | None:
    known = [one for one in hours if one is not None]
    return math.fsum(known) if known and len(known) == len(hours) else None


class _Rates:
    """What a step took on one kind of host, and which runs say so."""

    def __init__(
        self,
        gpu_name: str,
        measured: Sequence[MeasuredRun],
        size_keys: tuple[str, ...],
        what: str,
        rate: Callable[[MeasuredRun], float | None],
    ) -> None:
        self._where = f"of {what} on {gpu_name}"
        self._size_keys = size_keys
        self._seconds: dict[tuple[str, ...], dict[tuple[int, ...], dict[str, float]]] = {}
        for run in measured:
            size, speed = _size(run.args, size_keys), rate(run)
            if size is not None and speed is not None and speed > 0:
                same = self._seconds.setdefault(_alike(run.args), {}).setdefault(size, {})
                same[run.run] = 1 / speed
        self.used: set[str] = set()
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> Iterator[str]:
        """Each once, in the order of the trials."""
        return iter(self._notes)

    def seconds(self, args: Mapping[str, Any]) -> float | None:
        """What a step of this setting takes; None where nothing that was measured says so."""
        size, known = _size(args, self._size_keys), self._seconds.get(_alike(args))
        if size is None or known is None:
            self._notes[f"nothing was measured {self._where} with {_in_words(args)}"] = None
            return None
        nearest = min(known, key=lambda other: (_distance(size, other), other))
        self.used |= set(known[nearest])
        mean = math.fsum(known[nearest].values()) / len(known[nearest])
        if nearest == size:
            return mean
        self._notes[self._of_conversion(size, nearest)] = None
        return mean * math.prod(size) / math.prod(nearest)

    def _of_conversion(self, size: tuple[int, ...], nearest: tuple[int, ...]) -> str:
        keys = " x ".join(self._size_keys)
        return (
            f"hours {self._where} with {keys} {_product(size)} suppose the examples a second that "
            f"were measured with {_product(nearest)}"
        )


def _size(args: Mapping[str, Any], keys: Sequence[str]) -> tuple[int, ...] | None:
    """Return batch size and what multiplies it; None where one is no count."""
    values = [args.get(key) for key in keys]
    if not all(_is_count(value) for value in values):
        return None
    return tuple(int(value) for value in values if value is not None)


def _is_count(value: Any) -> bool:
    """Whether a value is a whole number above 0; 8.0 is 8 (METHOD 13)."""
    return isinstance(value, int | float) and value > 0 and float(value).is_integer()


def _alike(args: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(level_label(args.get(key)) for key in SPEED_KEYS)


def _distance(size: Sequence[int], other: Sequence[int]) -> float:
    return abs(math.log(math.prod(size) / math.prod(other)))


def _product(size: Sequence[int]) -> str:
    return " x ".join(map(str, size))


def _in_words(args: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {level_label(args[key])}" for key in SPEED_KEYS if key in args)
