"""Speeds as they are answered: of a run, and of a sweep's or a project's runs by kind of GPU.

Of a sweep every attempt counts: a run that was cut off, and whose trial another one finished,
says how fast its GPU was all the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest
from paribus_service.orchestration.asked_speeds import Asked
from paribus_service.orchestration.inquiries import refuse_unknown
from paribus_service.orchestration.names import page_of_run
from paribus_service.orchestration.run_speeds import Known, speeds_of
from paribus_service.store import attempts
from paribus_service.store import findings as finding_store
from paribus_service.store.evidence import RunRow, Scope
from paribus_sweeps.analysis.execution_keys import EXECUTION_KEYS
from paribus_sweeps.analysis.findings import coarsest_cadence
from paribus_sweeps.analysis.findings.rule import STEPS
from paribus_sweeps.analysis.gpu_speeds import Compared, GpuSpeeds, Part, gpu_speeds, setting_of
from paribus_sweeps.analysis.looking import looks_of
from paribus_sweeps.errors import UnknownRole

_EVAL_STEPS = "eval_steps"
MOST_READ = 2_000  # runs whose speeds one answer compares: their rows are read, 2 ms a run


@dataclass(frozen=True, slots=True)
class Everyone:
    """The runs that an answer compares."""

    run_pks: Sequence[int]
    """The newest of them, by `pk`."""
    count: int
    """How many there are."""

    @classmethod
    def of(cls, session: Session, scope: Scope) -> "Everyone":
        """Every attempt of a scope, or the newest ones."""
        newest = attempts.newest_first(session, scope, most=MOST_READ)
        return cls(sorted(newest), attempts.count_attempts(session, scope)[0])

    def notices(self) -> Iterator[str]:
        """What is to be known of it."""
        if self.count > len(self.run_pks):
            yield (
                f"The newest {len(self.run_pks):,} of {self.count:,} runs are compared: one "
                f"answer reads {MOST_READ:,}. The speed of any other is in the list of runs, and "
                "in an answer of its own."
            )


def of_run(session: Session, row: RunRow, asked: Asked, *, root: str) -> dict[str, Any]:
    """How fast a run was.

    Raises:
        InvalidRequest: There is no such role.
    """
    known = _known(session, [row.pk], asked)
    [entry] = _entries(session, [row], known, root)
    return {"run": entry}


def of_subject(
    session: Session,
    rows: Sequence[RunRow],
    everyone: Everyone,
    asked: Asked,
    *,
    root: str,
    seed: str,
) -> dict[str, Any]:
    """How fast the runs were, by kind of GPU, and each of one page of them.

    Args:
        session: A reading session.
        rows: The page.
        everyone: The runs that are compared.
        asked: How they are compared.
        root: What links to pages begin with.
        seed: What random draws follow from.

    Raises:
        InvalidRequest: There is no such role, or no such key to be ignored.
    """
    known = _known(session, everyone.run_pks, asked)
    keys = {key for one in known.values() for key in one.facts.config}
    refuse_unknown(
        asked.ignore,
        [*EXECUTION_KEYS, *sorted(keys)],
        pointer="?ignore",
        what="class or config key",
        code="unknown_key",
    )
    compared = [_compared(one, asked.ignore) for one in known.values()]
    listed = known | _known(session, [row.pk for row in rows if row.pk not in known], asked)
    parts = gpu_speeds(compared, seed=seed, level=asked.level)
    return {
        "n": sum(_has_a_rate(one) for one in known.values()),
        **{part: told.as_dict() for part, told in parts.items()},
        "runs": _entries(session, rows, listed, root),
        "notices": [*everyone.notices(), *_notices(parts)],
    }


def _known(session: Session, run_pks: Sequence[int], asked: Asked) -> dict[int, Known]:
    try:
        return speeds_of(session, run_pks, asked.roles)
    except UnknownRole as error:
        raise InvalidRequest.one("?role", str(error), code="unknown_role") from error


def _compared(one: Known, ignore: Sequence[str]) -> Compared:
    """A run with what it must share: its config, and its trial's labels where that is silent."""
    held, seeds = {**one.facts.setting, **one.facts.config}, one.facts.replicate
    setting, replicate = setting_of(
        {key: value for key, value in held.items() if key not in seeds}, ignore
    )
    replicate |= {key: value for key, value in seeds.items() if key not in ignore}
    return Compared(one.speed, setting, replicate)


def _has_a_rate(one: Known) -> bool:
    speed = one.speed
    rates = (
        speed.training.steps_per_second,
        speed.evaluation.steps_per_second,
        speed.evaluation.examples_per_second,
    )
    return any(rate is not None for rate in rates)


def _notices(parts: Mapping[Part, GpuSpeeds]) -> Iterator[str]:
    unpaired = [one for told in parts.values() for one in told.ratios if not one.ratio.n]
    if unpaired:
        yield (
            "Runs are paired where every setting, cadence and version of software is the same: "
            "`ignore` names what may differ (`versions`, `cadence`, or a config key)."
        )


def _entries(
    session: Session, rows: Sequence[RunRow], known: Mapping[int, Known], root: str
) -> list[dict[str, Any]]:
    cadences = _cadences(session, [row.pk for row in rows])
    return [_entry(row, known[row.pk], cadences.get(row.pk), root) for row in rows]


def _entry(
    row: RunRow, known: Known, cadence: tuple[int, int] | None, root: str
) -> dict[str, Any]:
    told = known.speed.as_dict()
    return {
        "id": row.id,
        "wandb_id": row.wandb_id,
        "name": row.name,
        "url": page_of_run(root, row.entity, row.project, row.wandb_id),
        **{name: value for name, value in told.items() if name != "run"},
        "looks": _looks(known, cadence),
    }


def _looks(known: Known, cadence: tuple[int, int] | None) -> dict[str, Any]:
    """What looking cost, and what the coarsest cadence that shows the same would have saved."""
    last, declared = known.speed.training.last_step, known.facts.number(_EVAL_STEPS)
    is_count = declared is not None and declared >= 1 and declared.is_integer()
    own, coarsest = cadence or (int(declared or 0) if is_count else None, None)
    return looks_of(
        known.speed,
        steps=None if last is None else int(last),
        eval_steps=own,
        coarsest=coarsest,
    ).as_dict()


def _cadences(session: Session, run_pks: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Run → (its own cadence, the coarsest one that shows the same), as the rules last said."""
    found = {}
    for pk, stored in finding_store.stored_findings(session, run_pks).items():
        for one in stored:
            numbers = one.document["numbers"]
            if one.rule == coarsest_cadence.NAME and one.document["x_name"] == STEPS and numbers:
                own, coarsest = numbers["own_cadence"], numbers["coarsest_cadence"]
                if own >= 1:
                    found[pk] = round(own), round(coarsest)
    return found
