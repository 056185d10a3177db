"""Gradient norms of one run: spikes, explosion, vanishing, and how often clipping acts.

All four are rules of thumb (METHOD 9.4), not tests; each threshold can be set.

- spike: a value above 10 times the median of the 50 finite values before it, of which there
  must be 10 or more.
- explosion: any value that is NaN or infinite, or more than 1 % of the finite values spikes.
- vanishing: the median of the last tenth is below a thousandth of that of the first tenth.
- clipping active: the share of values above the norm that gradients are clipped to. It is
  `found` where that is the larger part, so that the typical step is a clipped one.

A step that was logged twice counts once, by its last value (METHOD 9.1). The Trainer's
`train/grad_norm` is the norm of the last step of each logging window: what lay between is not
seen, and every sentence says so. Norms are read as norms before clipping, which the Trainer,
Lightning's `grad_norm` and our own program log; values that gather just below the norm that
they are clipped to, and never exceed it, are taken for norms after clipping, and refused.

Source: METHOD 9.4; Pascanu, Mikolov & Bengio, ICML 2013 (clipping, section 3.2: thresholds
between half and ten times the mean norm); Mosbach et al., ICLR 2021 (vanishing in
fine-tuning); torch 2.13, nn/utils/clip_grad.py (clipped norm = norm x max / (norm + 1e-6));
transformers 5.23.0, trainer.py (`grad_norm` is taken before the optimizer's step, as clipping
returns it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from paribus_sweeps.analysis.curves import Curve, FloatArray
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.recorded_settings import (
    CLIP_NORM,
    setting,
    text_setting,
    uses_fp16,
)
from paribus_sweeps.analysis.findings.rule import STEPS, Rule, Seen, each_time
from paribus_sweeps.analysis.findings.spikes import SPIKE_THRESHOLDS, Spikes, median_of
from paribus_sweeps.analysis.findings.thresholds import Threshold
from paribus_sweeps.analysis.labels import number_of
from paribus_sweeps.analysis.words import counted, number

ROLE = "grad_norm"
CLIPPED_NEARNESS = 1e-3  # relative; torch's clipped norm lies closer from a norm of 1e-3 on
CLIPPED_LEAST = 3  # values at the norm itself that no chance explains
PASCANU_LOW = 0.5  # clipping norm over mean norm, section 3.2: from here to 10

EXPLOSION_SHARE = Threshold(
    "gradients.explosion_share",
    0.01,
    "METHOD 9.4, a rule of thumb: more spikes explode.",
    0.0,
    1.0,
)
VANISHING_RATIO = Threshold(
    "gradients.vanishing_ratio",
    1e-3,
    "METHOD 9.4, a rule of thumb: median of the last tenth over that of the first.",
    0.0,
    1.0,
)
VANISHING_LEAST = Threshold(
    "gradients.vanishing_least",
    30.0,
    "Ours, a rule of thumb: a tenth holds three values, so that one alone never decides.",
    10.0,
)
CLIPPING_SHARE = Threshold(
    "gradients.clipping_share",
    0.5,
    "Ours, a rule of thumb: beyond it the median norm is clipped, so the typical step is.",
    0.0,
    1.0,
)


@dataclass(frozen=True, slots=True)
class Norms:
    """The gradient norms of one run, and what is to be said of them."""

    key: str
    curve: Curve
    x_name: str
    gap: float | None
    """Median of the optimizer steps between two values; None where it is not known."""

    @classmethod
    def of(cls, seen: Seen) -> Norms | str:
        """Return a run's gradient norms, or the sentence that says why there are none."""
        key = seen.key(ROLE)
        if key is None:
            return seen.missing(ROLE)
        curve, x_name = seen.curve(key), seen.x_name(key)
        if len(curve) and float(curve.values.min()) < 0:
            lowest = number(float(curve.values.min()))
            return f"{key} holds {lowest}; a norm is never below 0 (name one: {ROLE}=KEY)"
        known = x_name == STEPS and len(curve) > 1
        gap = float(np.median(np.diff(curve.x))) if known else None
        return cls(key, curve, x_name, gap)

    @property
    def values(self) -> FloatArray:
        """Finite norms, by step."""
        return self.curve.values

    @property
    def counted(self) -> str:
        """Return `375 values of train_step/grad_norm`."""
        return f"{counted(len(self.curve), 'value')} of {self.key}"

    @property
    def caution(self) -> str:
        """Say what was not seen, where the key does not hold every step."""
        if self.gap is None or self.gap <= 1:
            return ""
        return (
            f" It holds one step in {number(self.gap)} (the last of each logging window); "
            "the steps between are not seen."
        )

    def about(self, **numbers: Any) -> dict[str, Any]:
        """Return what every finding over these norms has."""
        shown = {"values": len(self.curve), "steps_between": self.gap, **numbers}
        return {"keys": (self.key,), "x_name": self.x_name, "numbers": shown}


class SpikesWatch:
    """Remembers the spikes of one run."""

    def __init__(self) -> None:
        self._spikes = Spikes()

    def tell(self, seen: Seen) -> Finding:
        """Say how many values are spikes, where, and how the norms are spread."""
        rule, norms, spikes = "gradient_spikes", Norms.of(seen), self._spikes
        if isinstance(norms, str):
            return Finding.unknown(rule, norms)
        spikes.follow(seen, norms.key)
        about = norms.about(**spikes.numbers(), **spread(norms.values, norms.curve.non_finite))
        if not spikes.judged:
            why = f"{norms.counted}; a spike is told against {spikes.least} values before it"
            return Finding.unknown(rule, why, **about)
        if not spikes.count:
            sentence = f"None of {norms.counted} exceeds {spikes.bound}.{norms.caution}"
            return Finding.absent(rule, sentence, **about)
        return Finding.found(
            rule,
            f"{spikes.count:,} of {norms.counted} {spikes.verb} {spikes.bound}; the largest is "
            f"{spikes.largest}.{norms.caution}",
            steps=spikes.range,
            next_step="Look at train loss and learning rate at these steps, and at the examples "
            "in their batches; a lower learning rate, a longer warm-up or clipping bounds what "
            "one batch can do.",
            **about,
        )


class ExplosionWatch:
    """Remembers the spikes of one run, for their share."""

    def __init__(self) -> None:
        self._spikes = Spikes()

    def tell(self, seen: Seen) -> Finding:
        """Say whether norms are not finite, or spikes too many."""
        rule, norms, spikes = "gradient_explosion", Norms.of(seen), self._spikes
        if isinstance(norms, str):
            return Finding.unknown(rule, norms)
        spikes.follow(seen, norms.key)
        share = spikes.count / max(len(norms.curve), 1)
        most = seen.thresholds[EXPLOSION_SHARE.name]
        broken = norms.curve.non_finite
        about = norms.about(spikes=spikes.count, share=share, most=most, non_finite=broken)
        if broken:
            return _not_finite(rule, seen, norms, about)
        if not spikes.judged:
            why = f"{norms.counted}; a spike is told against {spikes.least} values before it"
            return Finding.unknown(rule, why, **about)
        said = f"{spikes.count:,} of {norms.counted} ({share:.2%}) {spikes.verb} {spikes.bound}"
        if share <= most:
            sentence = f"{said}, {most:.2%} at most are allowed; all are finite.{norms.caution}"
            return Finding.absent(rule, sentence, **about)
        return Finding.found(
            rule,
            f"{said}, more than {most:.2%}.{norms.caution}",
            label="many_spikes",
            steps=spikes.range,
            next_step="Lower the learning rate or lengthen the warm-up, and clip gradients.",
            **about,
        )


def _not_finite(rule: str, seen: Seen, norms: Norms, about: dict[str, Any]) -> Finding:
    """Return the finding of norms that are NaN or infinite, with the steps that hold them."""
    x_key, key = seen.x_key(norms.key), norms.key
    rows = seen.history[key].rows.astype(float)
    x = rows if x_key is None else seen.history.along(key, x_key)
    is_finite = np.isfinite(seen.history[key].values).astype(float)
    flags = Curve.of_columns(x, is_finite)  # by step, the last row wins
    where = flags.x[flags.values == 0]
    of_all = counted(len(flags), "value")
    sentence = (
        f"{len(where):,} of {of_all} of {key} {'is' if len(where) == 1 else 'are'} NaN or "
        f"infinite, the first at {number(float(where[0]))}.{norms.caution}"
    )
    if uses_fp16(seen.facts.config):
        sentence += (
            " In fp16 the loss scale is raised until a gradient overflows, and such a step is "
            "skipped: a few are expected."
        )
    return Finding.found(
        rule,
        sentence,
        label="non_finite",
        steps=(float(where[0]), float(where[-1])),
        next_step="Look at the loss just before; lower the learning rate, clip gradients, or use "
        "bf16 or fp32 where fp16 overflows.",
        **about,
    )


def _vanishing(seen: Seen) -> Finding:
    rule, norms = "vanishing_gradients", Norms.of(seen)
    if isinstance(norms, str):
        return Finding.unknown(rule, norms)
    least, ratio = (seen.thresholds[known.name] for known in (VANISHING_LEAST, VANISHING_RATIO))
    tenth = len(norms.curve) // 10
    if len(norms.curve) < least:
        why = f"{norms.counted}; a tenth is read from {number(least)} on"
        return Finding.unknown(rule, why, **norms.about())
    first, last = median_of(norms.values[:tenth]), median_of(norms.values[-tenth:])
    about = norms.about(first_median=first, last_median=last, tenth=tenth, ratio=ratio)
    said = (
        f"The median of the last tenth ({tenth:,} values) of {norms.key} is {number(last)}, of "
        f"the first {number(first)}"
    )
    if first == 0:
        return Finding.unknown(rule, f"{said}: there is nothing to fall from", **about)
    if not last < ratio * first:
        return Finding.absent(rule, f"{said}.{norms.caution}", **about)
    return Finding.found(
        rule,
        f"{said}: below {number(ratio)} times it.{norms.caution}",
        steps=(float(norms.curve.x[-tenth]), float(norms.curve.x[-1])),
        next_step="Compare with the loss: at a loss of chance the run failed to train (another "
        "seed, a longer warm-up, a lower learning rate); at a loss near 0 it has fitted all.",
        **about,
    )


def _clipping(seen: Seen) -> Finding:
    rule, norms = "clipping_active", Norms.of(seen)
    if isinstance(norms, str):
        return Finding.unknown(rule, norms)
    bound = _clip_norm(seen)
    if isinstance(bound, str):
        return Finding.unknown(rule, bound, **norms.about())
    if bound == 0:
        return Finding.absent(rule, "The config says that nothing is clipped.", **norms.about())
    if not len(norms.curve):
        return Finding.unknown(rule, f"no value of {norms.key} is finite", **norms.about())
    return _clipped_share(rule, seen, norms, bound)


def _clip_norm(seen: Seen) -> float | str:
    """Return the norm that gradients are clipped to, 0 for none, or why it is not known."""
    config = seen.facts.config
    named = setting(config, CLIP_NORM)
    if named is None:
        return f"the config names none of {', '.join(CLIP_NORM)} (or names several that differ)"
    by = text_setting(config, "gradient_clip_algorithm")
    if by not in (None, "norm"):
        return f"gradients are clipped by {by}, and not by their norm"
    bound = 0.0 if named.value is None else number_of(named.value)
    if bound is None or bound < 0:
        return f"{named.key} is {named.value!r} in the config; a number from 0 on was expected"
    return bound


def _clipped_share(rule: str, seen: Seen, norms: Norms, bound: float) -> Finding:
    values = norms.values
    above = int(np.count_nonzero(values > bound))
    share, most = above / len(values), seen.thresholds[CLIPPING_SHARE.name]
    mean = float((values / len(values)).sum())
    about = norms.about(clipped=above, share=share, clip_norm=bound, mean=mean, most=most)
    at_bound = int(np.count_nonzero(np.abs(values - bound) <= CLIPPED_NEARNESS * bound))
    if float(values.max()) <= bound * (1 + CLIPPED_NEARNESS) and at_bound >= CLIPPED_LEAST:
        return Finding.unknown(
            rule,
            f"{at_bound:,} of {norms.counted} are {number(bound)} and none is larger: they seem "
            "to be norms after clipping, and those before it are needed",
            **about,
        )
    said = f"{above:,} of {norms.counted} ({share:.1%}) exceed the clipping norm {number(bound)}"
    if share <= most:
        return Finding.absent(rule, f"{said}.{norms.caution}", **about)
    return Finding.found(
        rule,
        f"{said}: the typical step is scaled down. Their mean is {number(mean)}"
        f"{_beside_pascanu(bound, mean)}.{norms.caution}",
        steps=(float(norms.curve.x[0]), float(norms.curve.x[-1])),
        next_step="Where this is not wanted, raise the clipping norm above the typical norm. "
        "Between batch sizes the norms differ, so one clipping norm acts on them differently.",
        **about,
    )


def _beside_pascanu(bound: float, mean: float) -> str:
    """Say where the clipping norm is below what Pascanu et al. tried."""
    if bound >= PASCANU_LOW * mean:
        return ""
    return ", and the clipping norm is below half of it (half to ten times is usual)"


def spread(values: FloatArray, non_finite: int) -> dict[str, float | int | None]:
    """Return how norms are spread, by the names of METHOD 9.4; None where there is no number.

    Args:
        values: Finite, at least 0.
        non_finite: How many others there were.
    """
    found: dict[str, float | int | None] = {"non_finite": non_finite}
    if not len(values):
        return found
    q1, median, q3 = (float(q) for q in np.quantile(values, (0.25, 0.5, 0.75)))  # type 7
    found |= {"median": median, "q1": q1, "q3": q3, "iqr": q3 - q1, "max": float(values.max())}
    found["quartile_coefficient"] = (q3 - q1) / (q3 + q1) if q3 + q1 > 0 else None
    found["variance"] = found["log_sd"] = found["lognormal_cv"] = None
    if len(values) > 1:
        with np.errstate(over="ignore", invalid="ignore"):
            found["variance"] = _finite(np.var(values, ddof=1))
            if float(values.min()) > 0:
                log_sd = np.std(np.log(values), ddof=1)
                found["log_sd"] = _finite(log_sd)
                found["lognormal_cv"] = _finite(np.sqrt(np.expm1(log_sd**2)))
    return found


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


_SECTION = "9.4"

RULES: tuple[Rule, ...] = (
    Rule(
        "gradient_spikes",
        1,
        _SECTION,
        "Gradient norms far above those before them.",
        SpikesWatch,
        SPIKE_THRESHOLDS,
        roles=(ROLE,),
        is_heuristic=True,
    ),
    Rule(
        "gradient_explosion",
        1,
        _SECTION,
        "Gradient norms that are NaN or infinite, or spikes in more than a small share of steps.",
        ExplosionWatch,
        (*SPIKE_THRESHOLDS, EXPLOSION_SHARE),
        labels={
            "non_finite": "Some norm is NaN or infinite.",
            "many_spikes": "All are finite, and too large a share are spikes.",
        },
        roles=(ROLE,),
        is_heuristic=True,
    ),
    Rule(
        "vanishing_gradients",
        1,
        _SECTION,
        "Gradient norms that fell to next to nothing.",
        each_time(_vanishing),
        (VANISHING_RATIO, VANISHING_LEAST),
        roles=(ROLE,),
        source="Mosbach et al., ICLR 2021 (failed fine-tuning runs).",
        is_heuristic=True,
    ),
    Rule(
        "clipping_active",
        1,
        _SECTION,
        "Gradients are clipped in most steps.",
        each_time(_clipping),
        (CLIPPING_SHARE,),
        roles=(ROLE,),
        keys=CLIP_NORM,
        source="Pascanu, Mikolov & Bengio, ICML 2013, section 3.2.",
        is_heuristic=True,
    ),
)
