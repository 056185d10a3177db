"""The case of a project's runs: the factors are the config keys that vary.

Source: DESIGN 6, "Existing projects count too"; which key is what: `analysis.observed`.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from paribus_service.orchestration.inquiries import Inquiry, Measured, Subject, refuse_unknown
from paribus_service.orchestration.measurements import GIT_COMMIT, Measurements
from paribus_service.orchestration.names import page_of_run
from paribus_service.orchestration.questions import (
    KNOWN_BLOCKS,
    blocks_of,
    borne_by_none,
    named_twice,
    question_of,
)
from paribus_service.orchestration.recorder import parse_object
from paribus_service.orchestration.sweep_cases import MOST_LURKING, too_many
from paribus_service.store import evidence
from paribus_service.store.evidence import RunRow
from paribus_sweeps.analysis.cases import Case
from paribus_sweeps.analysis.execution_keys import EXECUTION_KEYS
from paribus_sweeps.analysis.observed import Observed, flat, observe
from paribus_sweeps.runs import Run
from paribus_sweeps.spec.designs import DEFAULT_BLOCKS


def case_of_project(
    session: Session,
    subject: Subject,
    inquiry: Inquiry,
    found: Measured | None,
    runs: Measurements,
    *,
    root: str,
) -> tuple[Case, Mapping[str, Any]]:
    """The case, and what an answer says of whose it is."""
    configs = {
        run_id: flat(_unwrapped(text))
        for run_id, text in evidence.config_texts(session, subject.scope)
    }
    known = sorted({key for config in configs.values() for key in config})
    refuse_unknown(
        inquiry.ignore,
        [*KNOWN_BLOCKS, *EXECUTION_KEYS, *known],
        pointer="?ignore",
        what="block, class or config key",
        code="unknown_key",
    )
    seen = observe(configs, asked=inquiry.factors, ignore=inquiry.ignore)
    blocks = blocks_of(inquiry, DEFAULT_BLOCKS)
    own = [name for name in ("host", GIT_COMMIT) if runs.differs(name)]
    case = Case.of(
        [_run(row, seen, runs, root) for row in runs.rows.values()],
        seen.factors,
        question_of(
            inquiry,
            found,
            [factor.name for factor in seen.factors],
            smallest_effect=inquiry.smallest_effect,
            has_plan=False,
            hours_per_run=runs.hours_per_run,
            experiment=subject.name,
            waived=tuple(name for name in inquiry.ignore if name in KNOWN_BLOCKS),
        ),
        blocks=borne_by_none(blocks, seen.factors),
        lurking=borne_by_none((*own, *seen.lurking[:MOST_LURKING]), seen.factors),
        numeric=seen.numeric,
        held=seen.held,
        notices=(
            *runs.notices,
            *seen.notices,
            *too_many(seen.lurking),
            *named_twice(blocks, seen.factors),
        ),
    )
    return case, {
        "project": subject.name,
        "sweeps": [sweep.id for sweep in subject.sweeps],
        "classes": {name: list(keys) for name, keys in seen.classes.items()},
    }


def _unwrapped(text: str) -> dict[str, Any]:
    """W&B's config without its wrapping: `{"lr": {"value": 0.1}}` → `{"lr": 0.1}`."""
    return {
        key: entry["value"]
        for key, entry in parse_object(text).items()
        if key != "_wandb" and isinstance(entry, dict) and "value" in entry
    }


def _run(row: RunRow, seen: Observed, runs: Measurements, root: str) -> Run:
    value, note = runs.value_of(row)
    return Run(
        id=row.id,
        setting=dict(seen.settings[row.id]),
        value=value,
        value_note=note,
        state=row.state,
        reason=row.reason,
        wandb_id=row.wandb_id,
        name=row.name,
        url=page_of_run(root, row.entity, row.project, row.wandb_id),
        replicate=seen.replicates[row.id],
        started_at=row.started_at,
        finished_at=row.ended_at,
        blocks={**seen.seen[row.id], **runs.place_of(row)},
        along={**seen.along[row.id], **runs.along(row)},
    )
