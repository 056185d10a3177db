"""Curves as they are answered: runs read as columns, and drawn by `paribus_sweeps`.

Only `asked_curves` imports this, and only once curves are asked for: numpy and scipy come with it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest
from paribus_service.orchestration.asked_curves import MOST_LINES, Drawing
from paribus_service.orchestration.columns import AXES, STEPS, read_histories
from paribus_service.orchestration.inquiries import Subject
from paribus_service.orchestration.names import page_of_run
from paribus_service.orchestration.run_facts import facts_of, observed
from paribus_service.store import curves as curve_store
from paribus_service.store import findings as finding_store
from paribus_service.store.evidence import RunRow
from paribus_sweeps.analysis.findings.rule import Seen
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.roles import checked
from paribus_sweeps.analysis.series.downsampling import FEWEST
from paribus_sweeps.analysis.series.requests import SeriesRequest
from paribus_sweeps.analysis.series.series import series_of
from paribus_sweeps.errors import InvalidSeries, UnknownKey, UnknownRole

MOST_ROWS = 5_000_000  # logged rows of an answer's runs, held at once: x axes too, 100 bytes each
MOST_POINTS = 1_000_000  # of an answer: 40 MB of JSON


def draw(
    session: Session,
    subject: Subject,
    rows: Sequence[RunRow],
    drawing: Drawing,
    *,
    count: int,
    root: str,
    version: str,
) -> bytes:
    """The curves of runs, as JSON.

    Args:
        session: A reading session.
        subject: Whose runs.
        rows: The runs that are asked for, or as many of them as could be drawn.
        drawing: What is drawn.
        count: How many are asked for.
        root: What links to pages begin with.
        version: Of the data.

    Raises:
        InvalidRequest: A part of the request cannot be read, or names what no run has.
    """
    kept, notes = _fitting(session, rows, drawing, count)
    points = min(drawing.points, _points_each(len(kept) * len(drawing.keys)))
    if points < drawing.points:
        notes.append(f"{points:,} points a line: one answer holds {MOST_POINTS:,} of them")
    drawn = _drawn(session, subject, kept, replace(drawing, points=points))
    drawn["notes"] += notes
    whose = {"project": subject.name} if subject.is_project else {"sweep_id": subject.name}
    runs = [_run(row, root) for row in kept]
    document = {"kind": "curves", **whose, "data_version": version, "runs": runs, **drawn}
    return orjson.dumps(document)  # no number in it is NaN or infinite


def _drawn(
    session: Session, subject: Subject, rows: Sequence[RunRow], drawing: Drawing
) -> dict[str, Any]:
    request = _request(drawing)
    try:
        request.check()
        named = checked(dict(drawing.roles))
        return series_of(_seen(session, subject, rows, request, named), request)
    except InvalidSeries as error:
        raise InvalidRequest.one(f"?{error.field}", str(error), code="invalid_series") from error
    except UnknownRole as error:
        raise InvalidRequest.one("?role", str(error), code="unknown_role") from error
    except UnknownKey as error:  # what was read is what was asked for: say what else there is
        known = known_numbers(session, [row.pk for row in rows])
        raise unknown_key(UnknownKey(error.key, {*error.known, *known}), drawing.keys) from error


def unknown_key(error: UnknownKey, keys: Sequence[str]) -> InvalidRequest:
    """The refusal of a key that no run has: of those that are drawn, or of x."""
    pointer = "?keys" if error.key in keys else "?x"
    return InvalidRequest.one(pointer, str(error), code="unknown_key")


def known_numbers(session: Session, run_pks: Sequence[int]) -> set[str]:
    """The keys under which these runs have logged numbers."""
    places = curve_store.history_places(session, run_pks)
    stored = curve_store.column_keys(session, list(places.values()))
    counted = curve_store.history_keys(session, run_pks)
    tops = {
        key for keys in counted.values() for key, (kind, *_) in keys.items() if kind == "number"
    }
    return tops.union(*stored.values())


def _request(drawing: Drawing) -> SeriesRequest:
    return SeriesRequest(
        keys=drawing.keys,
        x=drawing.x,
        smoothing=drawing.smoothing,
        points=drawing.points,
        thin_to=drawing.thin_to,
        phase=drawing.phase,
        common=drawing.common,
        low=drawing.low,
        high=drawing.high,
        group_by=drawing.group_by,
        label_by=drawing.label_by,
    )


def _seen(
    session: Session,
    subject: Subject,
    rows: Sequence[RunRow],
    request: SeriesRequest,
    named: dict[str, str],
) -> list[Seen]:
    """The runs in the order of the rows, with the columns that are drawn."""
    pks = [row.pk for row in rows]
    needed = {*request.keys, *named.values(), *filter(None, [request.axis().key])}
    histories = read_histories(session, pks, needed, axes=axes_of(request))
    facts = facts_of(session, finding_store.run_texts(session, pks))
    if subject.is_project:
        facts = observed(facts)
    thresholds = Thresholds.of(())
    return [Seen(facts[pk], histories[pk], thresholds, named) for pk in pks if pk in facts]


def axes_of(request: SeriesRequest) -> frozenset[str]:
    """The keys that curves over this x stand on, beside what they show."""
    return STEPS if request.axis().word in ("step", "share", "key") else AXES


def _fitting(
    session: Session, rows: Sequence[RunRow], drawing: Drawing, count: int
) -> tuple[list[RunRow], list[str]]:
    """The runs that one answer can hold, and the sentence that says which were left out."""
    most = max(1, MOST_LINES // max(1, len(drawing.keys)))
    kept: list[RunRow] = []
    places = curve_store.history_places(session, [row.pk for row in rows[:most]])
    logged = 0
    for row in rows[:most]:
        logged += places[row.pk].lines
        if kept and logged > MOST_ROWS:
            break
        kept.append(row)
    if len(kept) == count:
        return kept, []
    return kept, [
        f"{len(kept):,} of {count:,} runs are drawn: one answer holds {MOST_LINES:,} lines "
        f"and runs of {MOST_ROWS:,} logged rows together; name others with runs="
    ]


def _points_each(lines: int) -> int:
    return max(FEWEST, MOST_POINTS // max(1, lines))


def _run(row: RunRow, root: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "wandb_id": row.wandb_id,
        "name": row.name,
        "state": row.state,
        "url": page_of_run(root, row.entity, row.project, row.wandb_id),
    }
