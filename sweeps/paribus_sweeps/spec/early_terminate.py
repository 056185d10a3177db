"""`early_terminate`: which runs are stopped before their end, as W&B's engine means it.

    EarlyTerminate(min_iter=3)              # bands at 3, 9, 27 … logged values of the metric
    EarlyTerminate(max_iter=27, s=2)        # bands at 9 and 3, counted down from 27
    EarlyTerminate(min_iter=4, eta=2, strict=False)

Source: wandb/sweeps 0.3.0, sweeps/config/schema.json ("hyperband_stopping": keys, `eta` 3 and
`strict` true by default, which `fill_validate_early_terminate` in schema.py fills in) and
sweeps/hyperband_stopping.py (which bands they give, `max_iter` before `min_iter`, and what it
cannot run: those configs are refused here when they are registered).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paribus_sweeps.spec.intake import Intake, at
from paribus_sweeps.spec.reading import Keys, is_number, shown

WHERE = "/early_terminate"
_KEYS = ("type", "min_iter", "max_iter", "s", "eta", "strict")
ETA, STRICT = 3.0, True  # W&B's defaults
_MOST_BANDS = 100  # W&B's own limit with min_iter
_FARTHEST = 2**53  # values that a run can log and a float count; W&B's engine overflows later


@dataclass(frozen=True, slots=True)
class EarlyTerminate:
    """Bands at which a run must be among the best 1/eta of those that came so far."""

    min_iter: int | None = None
    """The first band, in logged values of the metric; the next is eta times as far."""
    max_iter: int | None = None
    """Where the last band would be without division by eta; with it, `min_iter` is not used."""
    s: int | None = None
    """How many bands there are below `max_iter`."""
    eta: float = ETA
    strict: bool = STRICT
    """Judge the value at the band, and not the best one that the run has ever logged."""

    @property
    def bands(self) -> tuple[int, ...]:
        """Numbers of logged values at which runs are compared, rising, each once."""
        if self.max_iter is not None:
            return _down_from(self.max_iter, self.s or 0, self.eta)
        return () if self.min_iter is None else _up_from(self.min_iter, self.eta)


def _down_from(max_iter: int, s: int, eta: float) -> tuple[int, ...]:
    bands: set[int] = set()
    band = float(max_iter)
    for _ in range(s):
        band /= eta
        if band < 1:
            break
        bands.add(int(band))
    return tuple(sorted(bands))


def _up_from(min_iter: int, eta: float) -> tuple[int, ...]:
    bands: set[int] = set()
    band = float(min_iter)
    for _ in range(_MOST_BANDS):
        if band > _FARTHEST:
            break
        bands.add(int(band))
        band *= eta
    return tuple(sorted(bands))


def read_early_terminate(
    keys: Keys,
    metric: Mapping[str, Any] | None,
    intake: Intake,
    *,
    client_decides: bool = False,
) -> EarlyTerminate | None:
    """Return what the config asks for, None where nothing; problems and warnings are noted.

    Args:
        keys: The whole config.
        metric: Its `metric`, which says what is compared and which way is better.
        intake: Where warnings go.
        client_decides: A client stops runs by a rule of its own, which may be `type: custom`.
    """
    given = keys.mapping_at("early_terminate")
    if given is None or (client_decides and given.get("type") == "custom"):
        return None
    if metric is None:
        message = "early_terminate compares runs by the sweep's metric, and there is none"
        keys.refuse("missing", message, "metric", hint="name one, with its goal")
    inner = Keys(given, WHERE, keys.problems)
    inner.refuse_others(_KEYS, "key of early_terminate")
    if given.get("type") is None:
        inner.refuse("missing", "early_terminate needs a type: hyperband", "type")
    inner.choice("type", ("hyperband",))
    before = len(keys.problems)
    made = _made(inner)
    if len(keys.problems) == before:
        _check_bands(inner, made)
        _warn(keys, inner, metric, intake)
    return made


def early_terminate_of(config: Mapping[str, Any]) -> EarlyTerminate:
    """Return what a config that was checked asks for, without checking the rest of it again."""
    return _made(Keys(config["early_terminate"], WHERE, []))


def _made(keys: Keys) -> EarlyTerminate:
    return EarlyTerminate(
        min_iter=_whole(keys, "min_iter"),
        max_iter=_whole(keys, "max_iter"),
        s=keys.integer("s", at_least=1),
        eta=_eta(keys),
        strict=_strict(keys),
    )


def _whole(keys: Keys, key: str) -> int | None:
    """Return a whole number of at least 1; 27.0 is one, as it is to W&B's schema."""
    value = keys.mapping.get(key)
    if isinstance(value, float) and value.is_integer() and value >= 1:
        return int(value)
    return keys.integer(key, at_least=1)


def _eta(keys: Keys) -> float:
    value = keys.mapping.get("eta")
    if value is None:
        return ETA
    if not is_number(value) or value <= 1:
        keys.refuse("value", f"{shown(value)}: a number above 1 was expected", "eta")
        return ETA
    return float(value)


def _strict(keys: Keys) -> bool:
    value = keys.mapping.get("strict")
    if value is None or isinstance(value, bool):
        return STRICT if value is None else value
    keys.refuse("type", f"{shown(value)}: true or false was expected", "strict")
    return STRICT


def _check_bands(keys: Keys, made: EarlyTerminate) -> None:
    """Refuse what gives no band: W&B's engine takes some of it, and fails at the first run."""
    if made.min_iter is None and made.max_iter is None:
        message = "hyperband needs min_iter, or max_iter with s: where runs are compared"
        keys.refuse("missing", message, "min_iter")
    elif made.max_iter is not None and made.s is None:
        message = "max_iter needs s, the number of bands below it"
        keys.refuse("missing", message, "s", hint="or give min_iter alone")
    elif not made.bands:
        message = f"{made.max_iter} divided by eta {made.eta:g} is below 1: there is no band"
        keys.refuse("value", message, "max_iter", hint="a larger max_iter or a smaller eta")


def _warn(keys: Keys, inner: Keys, metric: Mapping[str, Any] | None, intake: Intake) -> None:
    given = inner.mapping
    if given.get("max_iter") is not None and given.get("min_iter") is not None:
        intake.warn(at(WHERE, "min_iter"), "max_iter and s say where the bands are; not used")
    if given.get("max_iter") is None and given.get("s") is not None:
        intake.warn(at(WHERE, "s"), "it counts bands below max_iter, and there is none; not used")
    if given.get("strict") is None:
        intake.warn(at(WHERE, "strict"), _STRICT)
    if metric is not None and metric.get("goal") is None:
        intake.warn("/metric/goal", _GOAL)
    if keys.mapping.get("design") is not None:
        intake.warn(WHERE, _NOT_AT_RANDOM)


_STRICT = (
    "left out, so true, as in W&B's engine 0.3.0 (before 0.3.0 there was only what false does): "
    "the value at the band is judged, and not the best one so far"
)
_GOAL = (
    "left out, so minimize: early_terminate stops the runs with the larger values. "
    "Write maximize if more is better"
)
_NOT_AT_RANDOM = (
    "runs of a design that are stopped early have no result, and which those are depends on "
    "what they logged: they are missing not at random, so effects are told of the runs that "
    "were let through alone. Leave early_terminate out where the design is to tell effects"
)
