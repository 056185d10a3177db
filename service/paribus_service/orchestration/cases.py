"""From rows to cases: the runs of a sweep or of a project, laid out for a question.

Only `answers` imports this, and only once something is asked: numpy and scipy come with it.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from paribus_service.orchestration.inquiries import Inquiry, Kind, Measured, Subject, measured
from paribus_service.orchestration.measurements import measure
from paribus_service.orchestration.project_cases import case_of_project
from paribus_service.orchestration.sweep_cases import case_of_sweep
from paribus_sweeps.analysis.cases import Case


def case_of(
    session: Session, subject: Subject, inquiry: Inquiry, kind: Kind, *, root: str
) -> tuple[Case, Mapping[str, Any]]:
    """The case that a question states, and what an answer adds to say whose it is.

    Args:
        session: A reading session.
        subject: Whose runs.
        inquiry: What is asked.
        kind: Which kind of answer it is for.
        root: What links to pages begin with.

    Raises:
        InvalidRequest: A response, factor, block or key that is not there, with the nearest name.
    """
    return _laid_out(session, subject, inquiry, measured(session, subject, inquiry, kind), root)


def settings_of(session: Session, subject: Subject, *, root: str) -> Case:
    """The case of what was set alone, whatever the runs gave: every run that finished counts."""
    return _laid_out(session, subject, Inquiry(), None, root)[0]


def _laid_out(
    session: Session, subject: Subject, inquiry: Inquiry, found: Measured | None, root: str
) -> tuple[Case, Mapping[str, Any]]:
    runs = measure(session, subject, found)
    make = case_of_project if subject.is_project else case_of_sweep
    return make(session, subject, inquiry, found, runs, root=root)
