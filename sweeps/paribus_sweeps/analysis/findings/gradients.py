"""Gradient norms of one run: spikes, explosion, vanishing, and how often clipping acts.

All four are rules of thumb (METHOD 9.4), not tests; each threshold can be set.

- spike: a value above 10 times the median of the 50 finite values before it, of which there
  must be 10 or more.
  Where a lognormal with the run's own spread would have as many, and one as large
  (`own_spread`), they are counted and told, and are no finding: `within_spread`.
- explosion: any value that is NaN or infinite, or more than 1 % of the finite values spikes and
  more than that spread makes.
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

from typing import Any

import numpy as np

from paribus_sweeps.analysis.curves import Curve
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.norms import ROLE, Norms
from paribus_sweeps.analysis.findings.recorded_settings import (
    CLIP_NORM,
    setting,
    text_setting,
    uses_fp16,
)
from paribus_sweeps.analysis.findings.rule import Rule, Seen, each_time
from paribus_sweeps.analysis.findings.spikes import (
    SPIKE_THRESHOLDS,
    SPREAD_ALPHA,
    Spikes,
    median_of,
)
from paribus_sweeps.analysis.findings.thresholds import Threshold
from paribus_sweeps.analysis.labels import number_of
from paribus_sweeps.analysis.words import counted, number

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


def _spikes(seen: Seen) -> Finding:
    """Say how many values are spikes, where, and how the norms are spread."""
    rule, norms = "gradient_spikes", Norms.of(seen)
    if isinstance(norms, str):
        return Finding.unknown(rule, norms)
    spikes = seen.counted(Spikes)
    spikes.follow(seen, norms.key)
    about = norms.about(**spikes.numbers(), **spikes.spread.numbers(norms.curve.non_finite))
    if not spikes.judged:
        return Finding.unknown(rule, _too_few(norms, spikes), **about)
    if not spikes.count:
        sentence = f"None of {norms.counted} exceeds {spikes.bound}.{norms.caution}"
        return Finding.absent(rule, sentence, **about)
    told = Finding.found if spikes.is_beyond else Finding.absent
    return told(
        rule,
        f"{spikes.count:,} of {norms.counted} {spikes.verb} {spikes.bound}, {spikes.beside}; the "
        f"largest is {spikes.largest}.{norms.caution}",
        label="beyond_spread" if spikes.is_beyond else "within_spread",
        steps=spikes.range,
        next_step="Look at train loss and learning rate at these steps, and at the examples in "
        "their batches; a lower learning rate, a longer warm-up or clipping bounds what one "
        "batch can do."
        if spikes.is_beyond
        else None,
        **about,
    )


def _too_few(norms: Norms, spikes: Spikes) -> str:
    return f"{norms.counted}; a spike is told against {spikes.least} values before it"


def _explosion(seen: Seen) -> Finding:
    """Say whether norms are not finite, or spikes too many."""
    rule, norms = "gradient_explosion", Norms.of(seen)
    if isinstance(norms, str):
        return Finding.unknown(rule, norms)
    spikes = seen.counted(Spikes)
    spikes.follow(seen, norms.key)
    share = spikes.count / max(len(norms.curve), 1)
    most = seen.thresholds[EXPLOSION_SHARE.name]
    about = norms.about(
        spikes=spikes.count,
        share=share,
        most=most,
        non_finite=norms.curve.non_finite,
        **spikes.explained(),
    )
    if norms.curve.non_finite:
        return _not_finite(rule, seen, norms, about)
    if not spikes.judged:
        return Finding.unknown(rule, _too_few(norms, spikes), **about)
    return _by_share(rule, norms, spikes, about)


def _by_share(rule: str, norms: Norms, spikes: Spikes, about: dict[str, Any]) -> Finding:
    share, most = about["numbers"]["share"], about["numbers"]["most"]
    said = f"{spikes.count:,} of {norms.counted} ({share:.2%}) {spikes.verb} {spikes.bound}"
    if share <= most:
        sentence = f"{said}, {most:.2%} at most are allowed; all are finite.{norms.caution}"
        return Finding.absent(rule, sentence, **about)
    if not spikes.are_too_many:
        sentence = f"{said}, more than {most:.2%}, {spikes.beside}.{norms.caution}"
        return Finding.absent(rule, sentence, label="within_spread", **about)
    return Finding.found(
        rule,
        f"{said}, more than {most:.2%}, {spikes.beside}.{norms.caution}",
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


_SECTION = "9.4"

RULES: tuple[Rule, ...] = (
    Rule(
        "gradient_spikes",
        2,
        _SECTION,
        "Gradient norms far above those before them, and more so than their own spread makes.",
        each_time(_spikes),
        (*SPIKE_THRESHOLDS, SPREAD_ALPHA),
        labels={
            "beyond_spread": "More of them, or a larger one, than the run's own spread makes.",
            "within_spread": "No more, and none larger, than the run's own spread makes.",
        },
        roles=(ROLE,),
        is_heuristic=True,
    ),
    Rule(
        "gradient_explosion",
        2,
        _SECTION,
        "Gradient norms that are NaN or infinite, or spikes in more than a small share of steps, "
        "and in more than their own spread makes.",
        each_time(_explosion),
        (*SPIKE_THRESHOLDS, SPREAD_ALPHA, EXPLOSION_SHARE),
        labels={
            "non_finite": "Some norm is NaN or infinite.",
            "many_spikes": "All are finite, and too large a share are spikes, beyond what the "
            "run's own spread makes.",
            "within_spread": "As large a share, and no more than the run's own spread makes.",
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
