"""What rules said of runs, as rows; queries never commit."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from paribus_service.store.states import RUN_LIVE, RunState
from paribus_service.store.tables import FindingMark, FindingRow, Run, Trial

_PKS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class RunText:
    """What rules need of a run beside its history."""

    pk: int
    id: str
    wandb_id: str
    name: str | None
    state: str
    reason: str | None
    config_text: str
    summary_text: str
    gpu_name: str | None
    host: str | None
    sweep_id: str | None
    trial_id: str | None
    setting: dict[str, Any] | None
    replicate: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Mark:
    """From what, and by which rules, a run's findings were made."""

    data_version: str
    rules_version: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What one rule said of one run."""

    rule: str
    rule_version: int
    status: str
    label: str | None
    document: dict[str, Any]
    since: datetime


def run_texts(session: Session, run_pks: Collection[int]) -> dict[int, RunText]:
    """Key → what rules need of the run beside its history; deleted runs are left out."""
    found = {}
    for chunk in _chunks(run_pks):
        query = (
            select(
                Run.pk, Run.id, Run.wandb_id, Run.display_name, Run.state, Run.reason,
                Run.config_text, Run.summary_text, Run.gpu_name, Run.host, Run.sweep_id,
                Run.trial_id, Trial.setting, Trial.replicate,
            )
            .outerjoin(Trial, Trial.id == Run.trial_id)
            .where(Run.pk.in_(chunk), Run.deleted_at.is_(None))
        )  # fmt: skip
        rows: Iterable[Any] = session.execute(query)
        found.update({row[0]: RunText(*row) for row in rows})
    return found


def heard_since(session: Session, moment: datetime) -> list[int]:
    """Runs that are under way, and those that were heard from since, by `pk`."""
    ended = [str(state) for state in RunState if state != RunState.RUNNING]
    recent = Run.state.in_(ended) & (Run.heartbeat_at >= moment)
    query = select(Run.pk).where(
        or_(Run.state == RunState.RUNNING, recent), Run.deleted_at.is_(None)
    )
    return sorted(session.scalars(query))


def live_among(session: Session, run_pks: Collection[int]) -> set[int]:
    """Those of the runs that have not ended."""
    found: set[int] = set()
    for chunk in _chunks(run_pks):
        query = select(Run.pk).where(Run.pk.in_(chunk), Run.state.in_(sorted(RUN_LIVE)))
        found.update(session.scalars(query))
    return found


def marks(session: Session, run_pks: Collection[int]) -> dict[int, Mark]:
    """Key → how far the run's findings have come; none where no rule has read it."""
    found = {}
    for chunk in _chunks(run_pks):
        query = select(
            FindingMark.run_pk, FindingMark.data_version, FindingMark.rules_version
        ).where(FindingMark.run_pk.in_(chunk))
        found.update({pk: Mark(*rest) for pk, *rest in session.execute(query)})
    return found


def stored_findings(session: Session, run_pks: Collection[int]) -> dict[int, list[Stored]]:
    """Key → what the rules said of the run when they last read it."""
    found: dict[int, list[Stored]] = {}
    for chunk in _chunks(run_pks):
        query = (
            select(
                FindingRow.run_pk, FindingRow.rule, FindingRow.rule_version, FindingRow.status,
                FindingRow.label, FindingRow.document, FindingRow.since,
            )
            .where(FindingRow.run_pk.in_(chunk))
            .order_by(FindingRow.run_pk, FindingRow.id)
        )  # fmt: skip
        for pk, *rest in session.execute(query):
            found.setdefault(pk, []).append(Stored(*rest))
    return found


def replace_findings(
    session: Session, run_pk: int, findings: Sequence[Stored], mark: Mark, *, now: datetime
) -> None:
    """Put these in the place of all that was said of the run before."""
    session.execute(delete(FindingRow).where(FindingRow.run_pk == run_pk))
    session.add_all(
        FindingRow(
            run_pk=run_pk,
            rule=found.rule,
            rule_version=found.rule_version,
            status=found.status,
            label=found.label,
            document=found.document,
            data_version=mark.data_version,
            since=found.since,
        )
        for found in findings
    )
    session.merge(
        FindingMark(
            run_pk=run_pk,
            data_version=mark.data_version,
            rules_version=mark.rules_version,
            evaluated_at=now,
        )
    )


def _chunks(run_pks: Collection[int]) -> Iterator[list[int]]:
    wanted = sorted(run_pks)
    for start in range(0, len(wanted), _PKS_AT_ONCE):
        yield wanted[start : start + _PKS_AT_ONCE]
