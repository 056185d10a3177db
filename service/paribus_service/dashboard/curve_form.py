"""What is drawn on a page of curves, as its address says it; what one sees is in the address.

CurveForm()                                                    # the loss of the newest runs
CurveForm(keys=("eval/loss",), x="examples", smooth="ema", strength="0.6")
CurveForm(keys=("train/loss", "eval/loss"), group="all_but:seed", low="0", high="500")
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query

from paribus_service.errors import InvalidRequest
from paribus_service.orchestration.asked_curves import Drawing

MOST_LINES = 12  # of a chart (figures.overlay): more cannot be told apart
MOST_OF_BANDS = 200  # runs that enter bands
USUAL_POINTS = 1_000

AXES = {
    "step": "steps",
    "epoch": "epochs",
    "examples": "examples seen",
    "relative_time": "seconds since the run began",
    "wall_time": "wall time (UTC)",
    "share": "share of the run",
}
"""Word → how the form calls it."""


@dataclass(frozen=True, slots=True)
class Smoother:
    """A way to smooth, as the form offers it."""

    word: str
    label: str
    usual: str
    """Its strength where none is given."""
    hint: str


SMOOTHERS = (
    Smoother("none", "none", "", ""),
    Smoother("ema", "EMA (as TensorBoard)", "0.6", "0 to below 1"),
    Smoother("twema", "time-weighted EMA (after W&B)", "0.6", "0 to below 1"),
    Smoother("gaussian", "Gaussian", "3", "standard deviation in points"),
    Smoother("mean", "running mean", "5", "points"),
)


@dataclass(frozen=True, slots=True)
class CurveForm:
    """The fields of the form, as they were sent; an empty one says nothing."""

    keys: tuple[str, ...] = ()
    x: str = "step"
    smooth: str = "none"
    strength: str = ""
    points: str = ""
    thin_to: str = ""
    common: bool = False
    group: str = ""
    runs: str = ""
    skip: str = ""
    """How many of the newest runs are passed over."""
    low: str = ""
    high: str = ""
    log_x: bool = False
    log_y: bool = False

    @property
    def smoother(self) -> Smoother:
        """How lines are smoothed.

        Raises:
            InvalidRequest: There is no such way.
        """
        for one in SMOOTHERS:
            if one.word == self.smooth:
                return one
        known = ", ".join(one.word for one in SMOOTHERS)
        raise InvalidRequest.one("?smooth", f"{self.smooth!r}: expected one of {known}")

    @property
    def smoothing(self) -> str:
        """As REST has it: `ema:0.6`."""
        kind = self.smoother
        return kind.word if kind.word == "none" else f"{kind.word}:{self.strength or kind.usual}"

    @property
    def span(self) -> tuple[float, float]:
        """The part of x that is looked at.

        Raises:
            InvalidRequest: An end of it is no number.
        """
        low, high = _number("from", self.low), _number("to", self.high)
        return -math.inf if low is None else low, math.inf if high is None else high

    @property
    def run_names(self) -> tuple[str, ...]:
        """Runs that are named, with commas between."""
        names = (name.strip() for name in self.runs.split(","))
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def skipped(self) -> int:
        """How many of the newest runs are passed over.

        Raises:
            InvalidRequest: It is no whole number.
        """
        return _whole("skip", self.skip, 0)

    def drawing(
        self,
        keys: Sequence[str],
        runs: Sequence[str],
        *,
        group_by: Sequence[str],
        roles: Sequence[tuple[str, str]],
    ) -> Drawing:
        """What is asked of `asked_curves`.

        Args:
            keys: What is drawn, at least one.
            runs: Our own ids.
            group_by: What runs of a band agree in.
            roles: Role → key, as the service's settings name them.

        Raises:
            InvalidRequest: A field cannot be read.
        """
        return Drawing(
            keys=tuple(keys),
            runs=tuple(runs),
            x=self.x or "step",
            smoothing=self.smoothing,
            points=_whole("points", self.points, USUAL_POINTS),
            thin_to=self.thin_to.strip() or None,
            common=self.common,
            low=_number("from", self.low),
            high=_number("to", self.high),
            group_by=tuple(group_by),
            roles=tuple(roles),
        )

    def query(self, **changes: str) -> str:
        """The form as the query part of an address, with some fields changed."""
        told: list[tuple[str, str]] = [("keys", key) for key in self.keys]
        fields = {
            "x": "" if self.x == "step" else self.x,
            "smooth": "" if self.smooth == "none" else self.smooth,
            "strength": self.strength,
            "points": self.points,
            "thin_to": self.thin_to,
            "common": "1" if self.common else "",
            "group": self.group,
            "runs": self.runs,
            "skip": self.skip,
            "from": self.low,
            "to": self.high,
            "log_x": "1" if self.log_x else "",
            "log_y": "1" if self.log_y else "",
            **changes,
        }
        told += [(name, value) for name, value in fields.items() if value]
        return f"?{urlencode(told)}" if told else "?"


def _whole(name: str, text: str, usual: int) -> int:
    if not text.strip():
        return usual
    try:
        found = int(text)
    except ValueError as error:
        raise InvalidRequest.one(f"?{name}", f"{text!r}: a whole number was expected") from error
    if found < 0:
        raise InvalidRequest.one(f"?{name}", f"{text!r}: 0 or more was expected")
    return found


def _number(name: str, text: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError as error:
        raise InvalidRequest.one(f"?{name}", f"{text!r}: a number was expected") from error


def _form(
    keys: Annotated[list[str] | None, Query()] = None,
    x: str = "step",
    smooth: str = "none",
    strength: str = "",
    points: str = "",
    thin_to: str = "",
    common: str = "",
    group: str = "",
    runs: str = "",
    skip: str = "",
    low: Annotated[str, Query(alias="from")] = "",
    high: Annotated[str, Query(alias="to")] = "",
    log_x: str = "",
    log_y: str = "",
) -> CurveForm:
    return CurveForm(
        keys=tuple(dict.fromkeys(key for key in keys or () if key)),
        x=x,
        smooth=smooth,
        strength=strength.strip(),
        points=points,
        thin_to=thin_to,
        common=bool(common),
        group=group,
        runs=runs,
        skip=skip,
        low=low,
        high=high,
        log_x=bool(log_x),
        log_y=bool(log_y),
    )


CurveFormDep = Annotated[CurveForm, Depends(_form)]
