"""What a page of curves shows: which runs, what is drawn of them, and the same as a figure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from paribus_service.dashboard.curve_form import (
    AXES,
    MOST_LINES,
    MOST_OF_BANDS,
    SMOOTHERS,
    CurveForm,
)
from paribus_service.dependencies import Services, SessionDep
from paribus_service.errors import InvalidRequest
from paribus_service.orchestration import asked_curves
from paribus_service.orchestration.inquiries import Subject
from paribus_service.store import evidence
from paribus_service.store import findings as finding_store
from paribus_service.store.evidence import RunRow
from paribus_sweeps.analysis.roles import Roles
from paribus_sweeps.figures import Figure, Mark, Marked, bands_of, lines_of, overlay
from paribus_sweeps.figures.look import Look

RUNS_ASKED_FOR_KEYS = (
    50  # the newest; a key that only older ones have can be typed into the address
)
KEYS_OFFERED = 300
_FIRST_ROLES = ("eval_loss", "train_loss")


@dataclass(frozen=True, slots=True)
class Scene:
    """Whose curves, and how they are asked for."""

    session: SessionDep
    subject: Subject
    form: CurveForm
    root: str
    """What links begin with."""
    services: Services


@dataclass(frozen=True, slots=True)
class Chosen:
    """The runs of which lines or bands are drawn."""

    rows: Sequence[RunRow]
    """The newest first."""
    count: int
    """How many runs there are to choose from."""
    keys: Sequence[str]
    """What is drawn of them."""
    known: Sequence[str]
    """What they have logged as numbers."""

    def names(self, limit: int = 50) -> list[str]:
        """Runs as the form offers them."""
        return [row.name for row in self.rows[:limit]]


def chosen(scene: Scene) -> Chosen:
    """Which runs and keys are drawn.

    Raises:
        InvalidRequest: A field of the form cannot be read.
    """
    session, scope = scene.session, scene.subject.scope
    count = evidence.count_runs(session, scope)
    asked_of = [r.pk for r in evidence.newest_rows(session, scope, limit=RUNS_ASKED_FOR_KEYS)]
    numbers = import_module("paribus_service.orchestration.drawn_curves").known_numbers
    known = sorted(numbers(scene.session, asked_of), key=lambda key: (key.startswith("_"), key))
    keys = scene.form.keys or _usual_key(scene, known)
    most = MOST_OF_BANDS if scene.form.group else max(1, MOST_LINES // max(1, len(keys)))
    skipped = 0 if scene.form.run_names else scene.form.skipped
    rows = evidence.newest_rows(session, scope, skip=skipped, limit=most)
    return Chosen(rows, count, keys, known[:KEYS_OFFERED])


def _usual_key(scene: Scene, known: Sequence[str]) -> list[str]:
    """The sweep's metric where it is logged as a curve, else the first loss."""
    roles = Roles.of(known, scene.services.settings.finding_roles)
    metrics = [sweep.metric_name for sweep in scene.subject.sweeps]
    wanted = [*metrics, *(roles[role] for role in _FIRST_ROLES), *known]
    return [key for key in wanted if key is not None and key in known][:1]


def group_by(form: CurveForm, factors: Sequence[str], replicates: Sequence[str]) -> list[str]:
    """What runs of a band agree in: everything that was set but what differs between seeds."""
    if form.group != "all_but_seed":
        return [form.group] if form.group else []
    seeds = [*replicates, *(["seed"] if "seed" in factors else [])]
    return [f"all_but:{key}" for key in seeds] or list(factors)


def answer(scene: Scene, found: Chosen, by: Sequence[str]) -> dict[str, Any]:
    """The curves as REST has them.

    Raises:
        InvalidRequest: A field of the form cannot be read, or names what no run has.
    """
    named = scene.form.run_names
    most = max(1, MOST_LINES // max(1, len(found.keys)))
    runs = named[: MOST_OF_BANDS if by else most] or [row.id for row in found.rows]
    roles = tuple(scene.services.settings.finding_roles.items())
    drawing = scene.form.drawing(found.keys, runs, group_by=by, roles=roles)
    told = asked_curves.answer(
        scene.session,
        scene.subject,
        drawing,
        root=scene.root,
        cache=scene.services.answers,
    )
    document: dict[str, Any] = json.loads(told.body)
    return document


def figure(scene: Scene, look: Look, *, by: Sequence[str]) -> Figure:
    """The chart as plain Plotly JSON.

    Raises:
        InvalidRequest: A field of the form cannot be read, or names what no run has.
    """
    found = chosen(scene)
    if not found.rows or not found.keys:
        why = "No run here has logged a number yet."
        return overlay([], key="curves", why_empty=why, look=look)
    told = answer(scene, found, by)
    drawn = overlay(
        [] if by else lines_of(told, _marks(scene, told)),
        key=", ".join(found.keys),
        x_name=_x_name(told, scene.form),
        bands=bands_of(told),
        notes=_notes(told, scene.form),
        runs=None if by else found.count,
        drawn_runs=len(told["runs"]),
        looked_at=scene.form.span,
        why_empty="; ".join(dict.fromkeys(s["missing"] for s in told["series"] if s["missing"]))
        or None,
        look=look,
    )
    return _as_asked(drawn, scene.form)


def _marks(scene: Scene, told: Mapping[str, Any]) -> dict[str, list[Marked]]:
    """Run → what rules have found in which keys, where they found it on this x."""
    ids = [run["id"] for run in told["runs"]]
    rows = evidence.rows_named(scene.session, scene.subject.scope, ids)
    drawn = {row.pk: row.id for row in rows}
    stored = finding_store.stored_findings(scene.session, list(drawn))
    found: dict[str, list[Marked]] = {}
    for pk, findings in stored.items():
        for one in findings:
            mark = Mark.of_finding(one.document)
            is_here = mark is not None and one.document["x_name"] == told["x_name"]
            if mark is not None and is_here:
                found.setdefault(drawn[pk], []).append((one.document["keys"], mark))
    return found


def _x_name(told: Mapping[str, Any], form: CurveForm) -> str:
    if form.x == "wall_time":
        return AXES[form.x]
    return told["x_name"] or AXES.get(form.x, form.x)


def _notes(told: Mapping[str, Any], form: CurveForm) -> list[str]:
    missing = [f"{one['name']}: {one['missing']}." for one in told["series"] if one["missing"]]
    return [*told["notes"], *missing[:5], *_without_logarithm(told, form)]


def _without_logarithm(told: Mapping[str, Any], form: CurveForm) -> list[str]:
    axes = [axis for axis, is_log in (("x", form.log_x), ("y", form.log_y)) if is_log]
    values = [value for one in told["series"] for axis in axes for value in one[axis]]
    count = sum(value is not None and value <= 0 for value in values)
    if not count:
        return []
    return [f"{count:,} points at 0 or below have no place on a logarithmic axis."]


def _as_asked(drawn: Figure, form: CurveForm) -> Figure:
    """The figure with the form's axes: logarithmic, as times, and from where to where."""
    layout = drawn["layout"]
    if layout["meta"]["is_empty"]:
        return drawn
    if form.log_x:
        layout["xaxis"]["type"] = "log"
    if form.log_y:
        layout["yaxis"]["type"] = "log"
    if form.x == "wall_time":
        layout["xaxis"]["type"] = "date"
        for trace in drawn["data"]:
            trace["x"] = [None if x is None else 1_000 * x for x in trace["x"]]
            if trace.get("hoverinfo") == "text":
                trace["hoverinfo"] = "x+y+name"  # the text would give seconds since 1970
    return drawn


def shown_curves(
    scene: Scene, *, factors: Sequence[str], replicates: Sequence[str]
) -> dict[str, Any]:
    """What the page shows; what cannot be drawn is a sentence above the form."""
    by = group_by(scene.form, factors, replicates)
    problems: list[str] = []
    found, told = Chosen((), 0, scene.form.keys, ()), None
    try:
        found = chosen(scene)
        if found.rows and found.keys:
            told = answer(scene, found, by)
    except InvalidRequest as error:
        problems = [_sentence(problem) for problem in error.problems]
    return {
        "form": scene.form,
        "axes": AXES,
        "smoothers": SMOOTHERS,
        "chosen": found,
        "told": told,
        "problems": problems,
        "factors": factors,
        "replicates": replicates,
        "is_grouped": bool(by),
        "newer": _newer(scene.form, found) if not problems else None,
        "older": _older(scene.form, found) if not problems else None,
        "rest": [] if problems else _rest(scene, found, by),
    }


def _sentence(problem: Any) -> str:
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"{problem.pointer.lstrip('?')}: {problem.message}{hint}"


def _older(form: CurveForm, found: Chosen) -> str | None:
    beyond = form.skipped + len(found.rows)
    if form.run_names or beyond >= found.count:
        return None
    return form.query(skip=str(beyond))


def _newer(form: CurveForm, found: Chosen) -> str | None:
    if form.run_names or not form.skipped:
        return None
    most = MOST_OF_BANDS if form.group else max(1, MOST_LINES // max(1, len(found.keys)))
    before = max(0, form.skipped - most)
    return form.query(skip=str(before) if before else "")


def _rest(scene: Scene, found: Chosen, by: Sequence[str]) -> list[tuple[str, str]]:
    """The parameters of the same curves in REST."""
    form = scene.form
    told = [("keys", key) for key in found.keys]
    told += [("runs", name) for name in form.run_names or [row.id for row in found.rows[:50]]]
    told += [("group_by", key) for key in by]
    smoothing = "" if form.smoothing == "none" else form.smoothing
    more = {
        "x": form.x,
        "smoothing": smoothing,
        "points": form.points,
        "thin_to": form.thin_to,
        "from": form.low,
        "to": form.high,
    }
    told += [(name, value) for name, value in more.items() if value]
    return told + ([("common", "true")] if form.common else [])
