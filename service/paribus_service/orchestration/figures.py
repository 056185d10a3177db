"""Figures as a request asks for them: which there are, and each as the bytes that are sent.

Promises:
- A figure is kept as answers are, under everything that it follows from.
- What cannot be drawn yet is a figure that says why, and no error; an error is a request that
  names what is not there.
- Nothing here loads numpy: that comes with the first figure.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest, NotFound, nearest
from paribus_service.orchestration.answers import AnswerCache, Answered
from paribus_service.orchestration.inquiries import Inquiry, Subject, refuse_unknown
from paribus_service.orchestration.observer import Observer
from paribus_service.store import curves as curve_store
from paribus_service.store import evidence, pulses
from paribus_service.store.evidence import RunRow
from paribus_service.store.json_text import write_json
from paribus_sweeps.figures.look import Look

Whose = Literal["sweep", "project", "run"]
_ANSWERS, _RUNS, _RUN = "drawn_answers", "drawn_runs", "drawn_run"
QUESTION = ("response", "goal", "factors", "ignore", "blocks", "interactions", "transform",
            "smallest_effect", "error", "compare", "level")  # fmt: skip
SETTINGS = ("response", "goal", "factors", "ignore", "blocks")
MOST_READ = 200  # runs of one figure
CURVES = ("keys", "x", "smoothing", "points", "thin_to", "phase", "common", "from", "to")


@dataclass(frozen=True, slots=True)
class FigureKind:
    """A figure that can be asked for."""

    meaning: str
    of: tuple[Whose, ...]
    """What it can be about."""
    takes: tuple[str, ...]
    """Parameters beside whose it is, `theme` and `width`."""
    drawn_by: str
    """The module that draws it, imported when one is asked for."""
    of_every_attempt: bool = False
    """Runs that do not count are drawn too: how fast they went is told all the same."""


_MANY: tuple[Whose, ...] = ("sweep", "project")
_ALL: tuple[Whose, ...] = ("sweep", "project", "run")
FIGURES: Mapping[str, FigureKind] = {
    "effects": FigureKind(
        "What each factor did: estimates with intervals around a line of no difference.",
        _MANY,
        QUESTION,
        _ANSWERS,
    ),
    "interaction": FigureKind(
        "Does what one factor did depend on another? Means of the runs; factors=A,B.",
        _MANY,
        QUESTION,
        _ANSWERS,
    ),
    "design-matrix": FigureKind(
        "Settings by factors, with the columns outlined that cannot be told apart.",
        _MANY,
        SETTINGS,
        _ANSWERS,
    ),
    "parallel-coordinates": FigureKind(
        "Every run as a line through its levels to its response.", _MANY, SETTINGS, _ANSWERS
    ),
    "importance": FigureKind(
        "How much of the variation goes along with each factor: an association.",
        _MANY,
        QUESTION,
        _ANSWERS,
    ),
    "progress": FigureKind(
        "Trials by state, and the runs that ended over time.", ("sweep",), (), _ANSWERS
    ),
    "overlay": FigureKind(
        "Logged keys of several runs over one x, findings marked; seeds as bands.",
        _ALL,
        (*CURVES, "group_by"),
        _RUNS,
    ),
    "train-eval": FigureKind(
        "Train and eval loss of one run, the lowest eval marked, findings shaded.",
        ("run",),
        ("x", "smoothing"),
        _RUN,
    ),
    "grad-norm-spread": FigureKind(
        "Gradient norms of each run as a box, by the level of a factor.",
        _ALL,
        ("keys", "factors"),
        _RUNS,
    ),
    "throughput": FigureKind(
        "How fast runs went, by GPU; those that were cut off too.",
        _ALL,
        (),
        _RUNS,
        of_every_attempt=True,
    ),
    "cadence-phases": FigureKind(
        "What every phase of a coarser cadence would have shown of a run.",
        ("run",),
        ("keys", "every"),
        _RUN,
    ),
    "cadence-price": FigureKind(
        "What looking costs a run at its own cadence and at coarser ones.", ("run",), (), _RUN
    ),
}
"""Name → what it is, in the order of the list."""


@dataclass(frozen=True, slots=True)
class FigureRequest:
    """Which figure, in a request's own words.

    FigureRequest("effects", inquiry=Inquiry(response="loss"))
    FigureRequest("overlay", keys=("eval/loss",), smoothing="ema:0.6", look=Look("dark", 400))
    """

    name: str
    look: Look = field(default_factory=Look)
    inquiry: Inquiry = field(default_factory=Inquiry)
    keys: tuple[str, ...] = ()
    """Logged keys; the one with the figure's role by default."""
    x: str = "step"
    smoothing: str = "none"
    points: int | None = None
    thin_to: str | None = None
    phase: int | None = None
    common: bool = False
    low: float | None = None
    high: float | None = None
    every: int | None = None
    group_by: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    """Only these, by our own ids, W&B's, or names."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a figure is drawn from."""

    session: Session
    subject: Subject | None
    """None where runs were named and nothing that they belong to."""
    rows: tuple[RunRow, ...]
    """Of figures of curves: the runs; the newest of them where there are more than `MOST_READ`."""
    request: FigureRequest
    root: str
    """What links to pages begin with."""
    observer: Observer
    count: int
    """How many runs are asked for; 0 for figures of answers."""

    @property
    def whose(self) -> Subject:
        """The sweep or the project."""
        assert self.subject is not None, "only figures of runs have none"
        return self.subject


def kind_of(name: str) -> FigureKind:
    """The figure of this name.

    Raises:
        NotFound: There is none, with the nearest name.
    """
    if name not in FIGURES:
        near = nearest(name, FIGURES)
        hint = f"did you mean {near!r}?" if near else "GET /api/v1/figures lists them"
        raise NotFound("figure", name, hint=hint)
    return FIGURES[name]


def draw(scene: Scene, cache: AnswerCache) -> Answered:
    """A figure as the bytes that are sent: plain Plotly JSON.

    Raises:
        InvalidRequest: Something in the request is not there, or cannot be asked of these runs.
    """
    kind = kind_of(scene.request.name)
    version = _version(scene)
    subject = scene.subject
    whose = () if subject is None else (subject.name, subject.scope)
    key = ("figure", scene.request, whose, scene.root, version)

    def make() -> Answered:
        module: Any = import_module(f"paribus_service.orchestration.{kind.drawn_by}")
        figure = module.draw(scene)
        figure["layout"]["meta"]["data_version"] = version
        return Answered(write_json(figure), version)

    return cache.answer(key, make)


def _version(scene: Scene) -> str:
    """A text that differs where a figure could: runs, what they logged, the rules."""
    subject = scene.subject
    of_subject = "" if subject is None else evidence.versions(scene.session, subject.scope)
    metrics = [] if subject is None else [(s.id, s.version) for s in subject.sweeps]
    told = repr((_logged(scene), of_subject, metrics))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _logged(scene: Scene) -> Any:
    """What differs where a run that is drawn logged more or changed its state."""
    if scene.subject is not None and not scene.request.runs:
        return pulses.of_attempts(scene.session, scene.subject.scope) if scene.rows else None
    places = curve_store.history_places(scene.session, [row.pk for row in scene.rows])
    return [(row.id, row.state, places[row.pk].version) for row in scene.rows if row.pk in places]


def chosen(rows: Sequence[RunRow], names: Sequence[str]) -> tuple[RunRow, ...]:
    """The runs that are named, in that order; all of them where none is.

    Raises:
        InvalidRequest: There is no such run here.
    """
    if not names:
        return tuple(rows)
    by_word = {word: row for row in reversed(rows) for word in (row.name, row.wandb_id, row.id)}
    refuse_unknown(names, list(by_word), pointer="?run", what="run", code="unknown_run")
    return tuple(dict.fromkeys(by_word[name] for name in names))


def refused(pointer: str, message: str, *, code: str = "invalid") -> InvalidRequest:
    """The refusal of a figure's parameter."""
    return InvalidRequest.one(pointer, message, code=code)
