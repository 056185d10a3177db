"""Bodies of curves: lines of runs, bands of groups, and what is to be known of either."""

from typing import Literal

from paribus_service.api.bodies.base import Answer

Numbers = list[float | None]


class NotFiniteOut(Answer):
    """Values of a line that cannot be drawn."""

    count: int
    x: Numbers
    """Where the first hundred of them stand."""
    values: list[Literal["NaN", "Infinity", "-Infinity"]]


class LineOut(Answer):
    """One key of one run over x."""

    run: str
    """Our own id."""
    name: str
    key: str
    labels: dict[str, str]
    """What tells the runs apart, or what `label_by` names: key → label."""
    x_name: str
    """What x counts."""
    x_key: str | None
    """The key that x was read from."""
    x: Numbers
    y: Numbers
    """As it was logged, whatever is smoothed."""
    smoothed: Numbers | None
    """Beside `y`, for looking at: nothing is computed from it."""
    points: int
    stands_for: int
    """Finite points that were logged there; `points` of them are given."""
    not_finite: NotFiniteOut
    replaced: int
    """Rows that a later row of the same step replaced: a resumed run logs steps again."""
    unplaced: int
    """Points for which nothing says where they stand on x."""
    others: int
    """Rows in which the key holds no number."""
    notes: list[str]
    missing: str | None
    """Why there is no point."""


class IntervalOut(Answer):
    """The t interval for the mean over runs, at each x alone."""

    level: float
    low: Numbers
    high: Numbers


class BandOut(Answer):
    """What the runs of a group come to at each x."""

    key: str
    label: str
    values: dict[str, str]
    """What the runs agree in: key → label."""
    runs: list[str]
    n: int
    """Runs in it, the same at each x."""
    x: Numbers | None = None
    mean: Numbers | None = None
    min: Numbers | None = None
    max: Numbers | None = None
    sd: Numbers | None = None
    """Null for one run."""
    interval: IntervalOut | None = None
    """Null for one run."""
    smoothed: Numbers | None = None
    """Of the mean."""
    points: int
    stands_for: int
    interpolated: int = 0
    """Runs that were read between their points, along straight lines."""
    notes: list[str]
    missing: str | None
    """Why there is no point."""


class DrawnRunOut(Answer):
    """A run that is drawn."""

    id: str
    wandb_id: str
    name: str
    state: str
    url: str


class OverlayOut(Answer):
    """Curves of several runs over one x."""

    kind: Literal["curves"]
    sweep_id: str | None = None
    project: str | None = None
    data_version: str
    """The same for the same lines and runs."""
    runs: list[DrawnRunOut]
    x: str
    """As it was asked for."""
    x_name: str | None
    """What x counts; null where lines count different things."""
    smoothing: str | None
    series: list[LineOut]
    bands: list[BandOut]
    notes: list[str]
