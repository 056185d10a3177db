"""A question as it is asked, before it is held against any run.

Nothing here loads numpy: a service that has answered nothing yet stays small, and what it is
asked can be read and refused without it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest, NotFound, nearest
from paribus_service.orchestration.programs import find_schema
from paribus_service.store import evidence
from paribus_service.store.evidence import Scope
from paribus_service.store.tables import Project, Sweep
from paribus_sweeps.analysis.best_runs import Goal
from paribus_sweeps.analysis.responses import (
    FEATURE_TABLE,
    Response,
    better,
    parse_response,
)
from paribus_sweeps.errors import InvalidResponse

Kind = Literal[
    "best",
    "factors",
    "confounding",
    "contrasts",
    "effects",
    "power",
    "follow-ups",
    "importance",
    "report",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
WITHOUT_A_RESPONSE: frozenset[Kind] = frozenset({"factors", "confounding", "follow-ups"})
"""Kinds about settings: asked without a response, every run that finished counts."""

Form = Literal["json", "markdown", "html"]
"""How an answer is written; in words only a report is."""

ErrorModel = Literal["auto", "pooled", "hc3", "permutation"]
Compare = Literal["baseline", "pairwise"]
TransformWord = Literal["identity", "log", "logit", "rank"]


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What a request asks, in its own words.

    Inquiry()                                                # all factors, the sweep's metric
    Inquiry(response="roughness(eval/loss)", factors=("batch",))
    Inquiry(response="holdout/accuracy", goal="maximize", smallest_effect=0.005)
    """

    response: str | None = None
    """A summary key or a feature of a curve; the sweep's metric where nothing is said."""
    goal: Goal | None = None
    """Which way the response's key is better; where nothing is said, as the sweep or the program
    has it."""
    factors: tuple[str, ...] = ()
    """Those asked about; empty for all."""
    ignore: tuple[str, ...] = ()
    """Blocks that partners of a pair may differ in; of a project, config keys and classes too."""
    blocks: tuple[str, ...] | None = None
    """What stands in models and keys of pairs; None: as the design declares."""
    interactions: str = "auto"
    """`auto`, `none`, `all`, or pairs: `a*b,c*d`."""
    transform: TransformWord = "identity"
    denominator: int | None = None
    smallest_effect: float | None = None
    """In the response's unit; None: as the design declares."""
    error: ErrorModel = "auto"
    compare: Compare | None = None
    level: float = 0.95
    resolution: float = 0.0
    allow_crashed: bool = False
    bins: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What an inquiry's runs are measured by."""

    response: Response
    key_goal: Goal | None
    """Which way the response's key is better."""

    @property
    def goal(self) -> Goal | None:
        """Which way the response itself is better: less roughness, whatever of."""
        return better(self.response, self.key_goal)


@dataclass(frozen=True, slots=True)
class Subject:
    """What an inquiry is about: a sweep, or a project's runs.

    Subject.of_sweep(sweep)
    Subject.of_project(project)                              # runs that no sweep made
    Subject.of_project(project, with_sweeps=True)            # and those of its sweeps
    Subject.of_project(project, sweeps=(one, other))         # those of some of its sweeps alone
    """

    name: str
    """The sweep's id, or `entity/project`."""
    scope: Scope
    sweeps: tuple[Sweep, ...] = ()
    """Those that were named."""
    is_project: bool = False

    @classmethod
    def of_sweep(cls, sweep: Sweep) -> "Subject":
        """One sweep."""
        return cls(sweep.id, Scope(sweep_ids=(sweep.id,)), (sweep,))

    @classmethod
    def of_project(
        cls, project: Project, *, with_sweeps: bool = False, sweeps: Sequence[Sweep] = ()
    ) -> "Subject":
        """A project's runs; with `sweeps`, those alone that count in them."""
        name = f"{project.entity}/{project.name}"
        if sweeps:
            scope = Scope(sweep_ids=tuple(sweep.id for sweep in sweeps))
        else:
            scope = Scope(project_id=project.id, with_sweeps=with_sweeps)
        return cls(name, scope, tuple(sweeps), is_project=True)


def sweeps_of(session: Session, project: Project, sweep_ids: Sequence[str]) -> list[Sweep]:
    """The sweeps of a project that a request names.

    Raises:
        NotFound: There is no such sweep in the project.
    """
    found = evidence.sweeps_named(session, sweep_ids)
    here = {sweep.id for sweep in found if sweep.project_id == project.id}
    for sweep_id in sweep_ids:
        if sweep_id not in here:
            where = f"it is not in {project.entity}/{project.name}"
            raise NotFound("sweep", sweep_id, hint=where)
    return found


def measured(session: Session, subject: Subject, inquiry: Inquiry, kind: Kind) -> Measured | None:
    """What the runs are measured by; None where the kind needs nothing and nothing was named.

    Raises:
        InvalidRequest: No response is named and no sweep has a metric; a text that is none; or
            nothing says which way the response is better, where that has to be known.
    """
    told = inquiry.response or _metric(subject)
    if told is None:
        if kind in WITHOUT_A_RESPONSE:
            return None
        what = "these runs share no metric" if subject.is_project else "this sweep names no metric"
        raise InvalidRequest.one(
            "?response", f"{what}: say which summary key (or feature of a curve) to ask about"
        )
    response = _parsed(told)
    found = Measured(response, _key_goal(session, subject, response, inquiry.goal))
    if found.goal is None and kind == "best":
        raise _goal_unknown(told)
    feature = FEATURE_TABLE[response.feature] if response.feature else None
    if feature is not None and feature.needs_direction and found.key_goal is None:
        raise _goal_unknown(response.key)
    return found


def _metric(subject: Subject) -> str | None:
    """The metric that all named sweeps share."""
    names = {sweep.metric_name for sweep in subject.sweeps}
    return names.pop() if len(names) == 1 else None


def _parsed(text: str) -> Response:
    try:
        return parse_response(text)
    except InvalidResponse as error:
        raise InvalidRequest.one(
            "?response", error.problem, code="unknown_response", hint=error.hint
        ) from error


def _key_goal(
    session: Session, subject: Subject, response: Response, goal: Goal | None
) -> Goal | None:
    if goal is not None:
        return goal
    for sweep in subject.sweeps:
        if response.key == sweep.metric_name and sweep.metric_goal in get_args(Goal):
            return sweep.metric_goal  # type: ignore[return-value]
    programs = {sweep.program for sweep in subject.sweeps if sweep.program}
    goals = {_published_goal(session, program, response.key) for program in sorted(programs)}
    return goals.pop() if len(goals) == 1 else None


def _published_goal(session: Session, program: str, key: str) -> Goal | None:
    schema = find_schema(session, program)
    told = (schema.responses.get(key) or {}) if schema is not None else {}
    goal = told.get("goal")
    return goal if goal in get_args(Goal) else None


def _goal_unknown(name: str) -> InvalidRequest:
    return InvalidRequest.one(
        "?goal", f"which way is {name!r} better? say goal=minimize or goal=maximize"
    )


def refuse_unknown(
    names: Collection[str], known: Collection[str], *, pointer: str, what: str, code: str
) -> None:
    """Refuse a name that is not there, with the nearest one that is.

    Raises:
        InvalidRequest: For the first of `names` that is not in `known`.
    """
    for name in names:
        if name not in known:
            near = nearest(name, known)
            shown = ", ".join(list(known)[:20]) or "none"
            raise InvalidRequest.one(
                pointer,
                f"there is no {what} {name!r}",
                code=code,
                hint=f"did you mean {near!r}?" if near else f"there are {shown}",
            )


def pairs_of(
    text: str, factors: Collection[str]
) -> Literal["auto", "none", "all"] | tuple[tuple[str, str], ...]:
    """Which interactions a model takes: a word, or pairs of factors.

    Raises:
        InvalidRequest: Neither a word nor pairs `a*b`, or a factor that is not there.
    """
    if text in ("auto", "none", "all"):
        return text  # type: ignore[return-value]
    pairs = []
    for part in text.split(","):
        first, star, second = (word.strip() for word in part.partition("*"))
        if not star or not first or not second or first == second:
            raise InvalidRequest.one(
                "?interactions",
                f"{part.strip()!r}: auto, none, all or pairs such as a*b,c*d were expected",
            )
        refuse_unknown(
            (first, second),
            factors,
            pointer="?interactions",
            what="factor",
            code="unknown_factor",
        )
        pairs.append((first, second))
    return tuple(pairs)
