"""Rates that earlier runs of a program had, by kind of host: what hours before a run rest on.

Only what prices a plan imports this: numpy comes with it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy.orm import Session

from paribus_service.orchestration.run_speeds import speeds_of
from paribus_service.store import attempts
from paribus_sweeps.analysis.training_speed import OPTIMIZER_STEPS
from paribus_sweeps.design.host_price import EVAL_SIZE, SPEED_KEYS, TRAIN_SIZE, MeasuredRun
from paribus_sweeps.factors import level_label
from paribus_sweeps.programs import ProgramSchema

NEWEST = 2_000  # runs of the program that are looked through
RUNS_OF_A_KIND = 5  # of each kind of host at each setting that decides speed: a rate varies little
MOST_READ = 200  # histories of one request: a second or two, where none was read before

_KEYS = (*SPEED_KEYS, *TRAIN_SIZE, *EVAL_SIZE)
_DEVICES = ("gpu_count", "world_size", "n_gpu")


def measured_runs(session: Session, program: str, schema: ProgramSchema) -> list[MeasuredRun]:
    """The newest runs of a program on each kind of host, with the rates that they had.

    Runs on several devices are left out: what is priced is one device. So are runs that log no
    optimizer step. A run that was cut off counts.

    Args:
        session: A reading session.
        program: As sweeps and the W&B client name it.
        schema: For what a run was given where its config is silent.
    """
    newest = attempts.newest_of_program(session, program, most=NEWEST)
    gpus = dict(newest)
    configs = attempts.config_scalars(session, list(gpus), [*_KEYS, *_DEVICES])
    chosen = dict(_chosen(gpus, configs, schema))
    speeds = speeds_of(session, list(chosen))
    return [
        MeasuredRun(
            run=known.speed.run,
            gpu_name=gpus[pk],
            args=chosen[pk],
            train_steps_per_second=known.speed.training.steps_per_second
            if known.speed.training.step_name == OPTIMIZER_STEPS
            else None,
            eval_steps_per_second=known.speed.evaluation.steps_per_second,
        )
        for pk, known in speeds.items()
    ]


def _chosen(
    gpus: Mapping[int, str],
    configs: Mapping[int, Mapping[str, Any]],
    schema: ProgramSchema,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The newest few of each kind of host and setting, with what they were given."""
    counts: Counter[tuple[str, ...]] = Counter()
    for pk, gpu in gpus.items():
        args = {key: configs[pk].get(key, schema.default(key)) for key in _KEYS}
        kind = (gpu, *(level_label(value) for value in args.values()))
        if _is_one_device(configs[pk]) and counts[kind] < RUNS_OF_A_KIND:
            counts[kind] += 1
            yield pk, args
        if counts.total() == MOST_READ:
            return


def _is_one_device(config: Mapping[str, Any]) -> bool:
    held = [config[key] for key in _DEVICES if key in config]
    return all(not isinstance(count, float | int) or count <= 1 for count in held)
