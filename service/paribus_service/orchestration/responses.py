"""From rows to responses: one number for each run, or why it has none.

A summary key is looked up in its index; a feature of a curve is computed from the history, at
points that all runs in question share.

Source: METHOD 9; what a response is: `paribus_sweeps.analysis.responses`.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest
from paribus_service.orchestration.columns import CACHE, ColumnCache
from paribus_service.orchestration.logged_curves import GLOBAL_STEP, Logged, read_logged
from paribus_service.store import curves as curve_store
from paribus_service.store import runs as run_store
from paribus_service.store.curves import HistoryPlace
from paribus_sweeps.analysis.best_runs import Goal
from paribus_sweeps.analysis.comparable import (
    EXAMPLES_SEEN,
    STEPS,
    Comparison,
    comparable_features,
    comparable_rates,
)
from paribus_sweeps.analysis.curves import Curve, FloatArray
from paribus_sweeps.analysis.responses import Response
from paribus_sweeps.analysis.throughput import Row

W_AND_B_STEPS = "W&B steps"
"""What `_step` counts: calls of `wandb.log`, unless a program says otherwise."""

MOST_ROWS = 10_000_000  # of an answer's histories: as columns, 32 bytes each are held at once

_BATCH, _ACCUMULATION = "per_device_train_batch_size", "gradient_accumulation_steps"
_DEVICES = ("world_size", "gpu_count")  # the second is what our own program records

Value = tuple[float | None, str | None]
"""(number, None), or (None, why there is none)."""


@dataclass(frozen=True, slots=True)
class ResponseValues:
    """The response of every run that was asked for."""

    values: Mapping[int, Value]
    """By the run's `pk`."""
    unit: str | None = None
    """Of a feature, in words; None for a summary key, whose unit is its own."""
    cautions: tuple[str, ...] = ()
    comparison: Comparison | None = None
    """Of a feature: what was done to make the runs comparable, by their own ids."""


def values_of(
    session: Session,
    run_pks: Collection[int],
    response: Response,
    *,
    goal: Goal | None,
    cache: ColumnCache = CACHE,
) -> ResponseValues:
    """The response of each of these runs, finished or not: who counts is the caller's to say.

    Features of curves are taken at points that all of the runs share: ask for the runs that are
    to be compared, and for no others. x is examples seen where every history holds
    `train/global_step` and every config says how many examples a step takes; else optimizer
    steps; else W&B's.

    Args:
        session: A reading session.
        run_pks: Runs by `pk`.
        response: What is asked about.
        goal: Which way the *key* is better (of `roughness(eval/loss)`, that of eval/loss); None
            where nothing says so.
        cache: Where curves that were read are kept.

    Raises:
        InvalidRequest: The histories of these runs are more than one answer reads.
    """
    if response.feature is None:
        return ResponseValues(_of_summaries(session, run_pks, response.key))
    places = curve_store.history_places(session, run_pks)
    _refuse_too_many_rows(places, response)
    for_rate = response.feature == "rate"
    logged = read_logged(session, places, response.key, for_rate=for_rate, cache=cache)
    compared = _compared(session, places, logged, response, goal)
    never: Value = (None, f"{response.key} was never logged as a number")
    values = dict.fromkeys(run_pks, never)
    for pk in logged:
        found = compared.values[places[pk].run_id]
        values[pk] = found.value, found.note
    cautions = (*compared.cautions, *_of_axis(compared))
    return ResponseValues(values, compared.unit, cautions, compared)


def _refuse_too_many_rows(places: Mapping[int, HistoryPlace], response: Response) -> None:
    rows = sum(place.lines for place in places.values())
    if rows > MOST_ROWS:
        raise InvalidRequest.one(
            "?response",
            f"{response.text} is read from histories: those of the {len(places):,} finished runs "
            f"have {rows:,} rows together, and one answer reads {MOST_ROWS:,}",
            code="too_large",
            hint="ask about a summary key, name sweeps, or bring some of the runs into a project "
            "of their own (`paribus import ENTITY/PROJECT --filter … --project …`)",
        )


def known_keys(session: Session, run_pks: Collection[int]) -> list[str]:
    """Every key that a response about these runs could name: summary and history, by name."""
    keys = set(run_store.summary_keys(session, run_pks))
    for counts in curve_store.history_keys(session, run_pks).values():
        keys.update(key for key, (kind, *_) in counts.items() if kind not in ("map", "list"))
    return sorted(keys)


def examples_per_step(session: Session, run_pks: Collection[int]) -> dict[int, float | None]:
    """Examples that one optimizer step takes: batch x accumulation x devices (METHOD 9.1).

    None where the config names no batch size. One device is supposed where it names none.
    """
    keys = (_BATCH, _ACCUMULATION, *_DEVICES)
    configs = curve_store.config_numbers(session, run_pks, keys)
    return {pk: _examples(configs.get(pk, {})) for pk in run_pks}


def _examples(config: Mapping[str, float]) -> float | None:
    devices = next((config[key] for key in _DEVICES if key in config), 1)
    examples = config.get(_BATCH, 0) * config.get(_ACCUMULATION, 1) * max(devices, 1)  # CPU: 0
    return examples if examples > 0 else None


def _of_summaries(session: Session, run_pks: Collection[int], key: str) -> dict[int, Value]:
    scalars = run_store.summary_scalars(session, run_pks, key)
    return {pk: _summary_value(scalars.get(pk), key) for pk in run_pks}


def _summary_value(scalar: tuple[float | None, str | None] | None, key: str) -> Value:
    if scalar is None:
        return None, f"{key} is not in its summary"
    number, text = scalar
    return (number, None) if number is not None else (None, f"{key} is {text}")


def _compared(
    session: Session,
    places: Mapping[int, HistoryPlace],
    logged: Mapping[int, Logged],
    response: Response,
    goal: Goal | None,
) -> Comparison:
    per_step = examples_per_step(session, logged)
    x_name = _axis(logged, per_step)
    ids = {pk: places[pk].run_id for pk in logged}
    if response.feature == "rate":
        by_optimizer = x_name != W_AND_B_STEPS
        return comparable_rates(
            response,
            {ids[pk]: _rows(found, x_name) for pk, found in logged.items()},
            examples_per_step={ids[pk]: n for pk, n in per_step.items()} if by_optimizer else {},
            x_name=STEPS if by_optimizer else x_name,
        )
    curves = {ids[pk]: _curve(found, x_name, per_step[pk]) for pk, found in logged.items()}
    return comparable_features(response, curves, goal=goal, x_name=x_name)


def _axis(logged: Mapping[int, Logged], per_step: Mapping[int, float | None]) -> str:
    """What x is: the same for all runs, or they could not be compared."""
    if any(found.global_steps is None for found in logged.values()):
        return W_AND_B_STEPS
    return EXAMPLES_SEEN if all(per_step.values()) else STEPS


def _of_axis(compared: Comparison) -> Iterator[str]:
    """Say why x is not examples seen, where several runs were compared at common points."""
    if compared.common_range is None or len(compared.values) < 2:
        return
    if compared.x_name == STEPS:
        yield f"x is optimizer steps, not examples seen: not every config holds {_BATCH}"
    elif compared.x_name == W_AND_B_STEPS:
        yield f"x is W&B's _step, which counts log calls: not every row holds {GLOBAL_STEP}"


def _curve(logged: Logged, x_name: str, per_step: float | None) -> Curve:
    curve = Curve.of_columns(_steps(logged, x_name), logged.values)
    return curve.stretched(per_step) if per_step and x_name == EXAMPLES_SEEN else curve


def _rows(logged: Logged, x_name: str) -> Iterator[Row]:
    """(step, seconds, seconds of an evaluation); NaN where a row reports none."""
    columns = (_steps(logged, x_name), logged.values, logged.evaluations)
    return zip(*(column.tolist() for column in columns), strict=True)


def _steps(logged: Logged, x_name: str) -> FloatArray:
    shared = None if x_name == W_AND_B_STEPS else logged.global_steps
    return logged.own_steps if shared is None else shared
