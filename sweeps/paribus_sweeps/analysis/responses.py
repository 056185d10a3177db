"""What a response string means: a summary key, or a feature of one key's curve.

    parse_response("holdout/loss")          # the summary's number
    parse_response("roughness(eval/loss)")  # one number computed from a run's history

The features are a closed list, and `FEATURE_TABLE` says of each what it is, in which
unit, which way is better, and what it refuses. Computing them is `curve_features`,
`throughput` and `comparable`; reading a response loads neither numpy nor scipy.

Source: METHOD 7 and 9; DESIGN 8.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from paribus_sweeps.analysis.best_runs import Goal
from paribus_sweeps.errors import InvalidResponse, did_you_mean
from paribus_sweeps.spec.designs import FEATURES

_CALL = re.compile(r"([A-Za-z_]\w*)\((.*)\)", re.DOTALL)
_KEYS_UNIT = "the key's unit"


@dataclass(frozen=True, slots=True)
class Response:
    """The number that a question is about.

    Response("holdout/loss", "holdout/loss")                   # a summary key
    Response("min(eval/loss)", "eval/loss", feature="min")     # a feature of a curve
    """

    text: str
    """How it is written: equal responses have equal texts."""
    key: str
    feature: str | None = None
    """One of `FEATURES`; None for a summary key."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of a curve: what it says, and when it says nothing."""

    name: str
    section: str
    """Of METHOD."""
    meaning: str
    unit: str
    goal: Goal | None
    """Which way is better; None: as for the key itself."""
    least_points: int
    """Fewer refuse; of `rate`, moments at which rows came."""
    on_common_points: bool
    """Whether runs are compared on the x range and the cadence that all of them share."""
    needs_direction: bool
    """Whether it must know which way the key is better: what is worse counts as a rise."""
    refuses: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)


def parse_response(text: str) -> Response:
    """Read a response: `feature(key)` for a known feature, else a summary key.

    A key may hold slashes, dots, blanks and parentheses: only a single word directly
    before parentheses that close at the end is taken for a feature.

    Raises:
        InvalidResponse: Nothing is named, the feature is unknown, or it is asked of
            another feature.
    """
    stripped = text.strip()
    call = _CALL.fullmatch(stripped)
    if call is None or not _closes_at_end(call[2]):
        return Response(_named(stripped, text), stripped)
    name, key = call[1], call[2].strip()
    if name not in FEATURES:
        hint = did_you_mean(name, FEATURES) or f"known: {', '.join(FEATURES)}"
        raise InvalidResponse(text, f"there is no curve feature {name!r}", hint=hint)
    _refuse_nested(text, _named(key, text))
    return Response(f"{name}({key})", key, name)


def better(response: Response, key_goal: Goal | None) -> Goal | None:
    """Return which way the response is better, or None where nothing says so.

    Args:
        response: What is asked about.
        key_goal: Which way its key is better, where that is known.
    """
    own = FEATURE_TABLE[response.feature].goal if response.feature else None
    return own or key_goal


def _named(key: str, text: str) -> str:
    if not key:
        hint = "write a summary key, or a feature of a curve such as roughness(eval/loss)"
        raise InvalidResponse(text, f"{text!r} names no key", hint=hint)
    return key


def _closes_at_end(inner: str) -> bool:
    """Whether the parenthesis before `inner` is the one that closes behind it."""
    depth = 0
    for character in inner:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0


def _refuse_nested(text: str, key: str) -> None:
    inner = _CALL.fullmatch(key)
    if inner is not None and inner[1] in FEATURES:
        problem = f"{text!r} asks for a feature of a feature"
        raise InvalidResponse(text, problem, hint="a feature is taken of one logged key")


_TABLE = (
    Feature(
        name="last",
        section="7",
        meaning="The value at the largest x.",
        unit=_KEYS_UNIT,
        goal=None,
        least_points=1,
        on_common_points=False,
        needs_direction=False,
        refuses="a curve whose last value is NaN or infinite",
    ),
    Feature(
        name="min",
        section="7",
        meaning="The smallest value; the more often a run was looked at, the smaller by luck.",
        unit=_KEYS_UNIT,
        goal=None,
        least_points=1,
        on_common_points=True,
        needs_direction=False,
        refuses="runs with unequal numbers of points that share none of them",
    ),
    Feature(
        name="max",
        section="7",
        meaning="The largest value; the more often a run was looked at, the larger by luck.",
        unit=_KEYS_UNIT,
        goal=None,
        least_points=1,
        on_common_points=True,
        needs_direction=False,
        refuses="runs with unequal numbers of points that share none of them",
    ),
    Feature(
        name="roughness",
        section="9.2",
        meaning="All rises added up, over all falls added up.",
        unit="share: 0 to 1 for a curve that ends below its start, above 1 where it ends above",
        goal="minimize",
        least_points=3,  # two differences: the fewest that can hold a rise beside a fall
        on_common_points=True,
        needs_direction=True,
        refuses="fewer than 3 common points; a curve that never falls, since nothing can be "
        "divided by no fall",
    ),
    Feature(
        name="max_drawup",
        section="9.2",
        meaning="The largest rise above the lowest value so far.",
        unit=_KEYS_UNIT,
        goal="minimize",
        least_points=2,
        on_common_points=True,
        needs_direction=True,
        refuses="fewer than 2 common points",
    ),
    Feature(
        name="noise_sd",
        section="9.2",
        meaning="Standard deviation of points around the line through their two neighbours "
        "(Gasser, Sroka and Jennen-Steinmetz 1986): scatter, and not trend.",
        unit=_KEYS_UNIT,
        goal="minimize",
        least_points=5,
        on_common_points=True,
        needs_direction=False,
        refuses="fewer than 5 common points",
    ),
    Feature(
        name="log_sd",
        section="9.4",
        meaning="Standard deviation of the natural logarithm: spread independent of level. "
        "Points of one curve are no replicates; only runs are.",
        unit="natural logarithms: 0.1 is a spread of about 10 %",
        goal="minimize",
        least_points=2,
        on_common_points=True,
        needs_direction=False,
        refuses="values that are not above 0; fewer than 2 common points; runs that were logged "
        "at unequal cadences, unless x is examples seen",
    ),
    Feature(
        name="rise_after_minimum",
        section="9.3",
        meaning="Median of the last third after the minimum, minus the median around the minimum.",
        unit=_KEYS_UNIT,
        goal="minimize",
        least_points=6,  # METHOD 9.3: fewer are too few evaluations
        on_common_points=True,
        needs_direction=True,
        refuses="fewer than 6 common points",
    ),
    Feature(
        name="rate",
        section="9.6",
        meaning="Steps over seconds, from the rows that hold the key: evaluations, the first "
        "interval and suspensions left out.",
        unit="steps per second; examples per second where runs differ in examples per step",
        goal="maximize",
        least_points=3,  # two intervals, of which the first is dropped
        on_common_points=False,
        needs_direction=False,
        refuses="rows at fewer than 3 moments; rows without a time; a step that never rises",
    ),
)

FEATURE_TABLE: Mapping[str, Feature] = {feature.name: feature for feature in _TABLE}
"""Every feature by its name, in the order of `FEATURES`."""
