"""What another seed does to the eval loss, beside what a factor's level does.

The difference has the standard error s sqrt(1/n_low + 1/n_high), with s² pooled over the seeds
of each setting. Seeds that are shared by both levels would allow more (METHOD 4: pairs), and so
it is a caution beside curves: whether a factor made a difference is for the answers to say.

Source: METHOD 4; Box, Hunter & Hunter, Statistics for Experimenters, 2nd ed., chapter 3.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import special

from paribus_sweeps.analysis.comparable import EXAMPLES_SEEN
from paribus_sweeps.analysis.curves import Curve
from paribus_sweeps.analysis.findings.comparable_curves import knows_examples, on_common_x, over
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.partners import (
    blocks_of,
    factors_of,
    level_of,
    level_pairs,
    replicate_of,
    setting_of,
)
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Seen
from paribus_sweeps.analysis.findings.thresholds import Threshold
from paribus_sweeps.analysis.words import counted, number

ALPHA = Threshold(
    "seed_noise.alpha",
    0.05,
    "A difference is noise where its 1 - alpha t interval, from the spread over seeds of one "
    "setting, holds 0. Two-sided 5 % by convention; no correction for the levels compared.",
    low=1e-9,
    high=1.0,
)

_Context = Mapping[str, Sequence[Seen]]


def _seed_noise(runs: Sequence[Seen]) -> Iterator[Finding]:
    keys = {s.facts.run: key for s in runs if (key := s.key("eval_loss")) is not None}
    having = [seen for seen in runs if seen.facts.run in keys]
    by_examples = knows_examples((seen, keys[seen.facts.run]) for seen in having)
    curves = {s.facts.run: over(s, keys[s.facts.run], by_examples) for s in having}
    names = {s.facts.run: _x_name(s, keys[s.facts.run], by_examples) for s in having}
    for factor in factors_of(having):
        contexts = _contexts(factor, having, names)
        for low, high in level_pairs(having, factor):
            found = _beside_noise(factor, low, high, contexts, curves)
            yield found.with_(x_name=names[found.runs[0]]) if found.runs else found


def _x_name(seen: Seen, key: str, by_examples: bool) -> str:
    return EXAMPLES_SEEN if by_examples else seen.x_name(key)


def _contexts(factor: str, runs: Sequence[Seen], x_names: Mapping[str, str]) -> list[_Context]:
    """Return level → runs, of runs equal in everything but seed; of a seed's repeats the first.

    Runs over optimizer steps and runs over W&B's have no x in common, and are never in one.
    """
    contexts: defaultdict[Any, dict[Any, Seen]] = defaultdict(dict)
    for seen in runs:
        over_what = seen.key("eval_loss"), x_names[seen.facts.run]
        where = setting_of(seen.facts, {factor}), blocks_of(seen.facts), over_what
        which = level_of(seen, factor), replicate_of(seen.facts) or seen.facts.run
        contexts[where].setdefault(which, seen)
    found: list[_Context] = []
    for held in contexts.values():
        levels: defaultdict[str, list[Seen]] = defaultdict(list)
        for (level, _), seen in held.items():
            levels[level].append(seen)
        found.append(levels)
    return found


def _beside_noise(
    factor: str, low: str, high: str, contexts: Sequence[_Context], curves: Mapping[str, Curve]
) -> Finding:
    both = [(held[low], held[high]) for held in contexts if low in held and high in held]
    cells = [cell for pair in both if (cell := _cell(*pair, curves)) is not None]
    of_seeds = [cell for cell in cells if cell.df]
    told = {"factor": factor, "numbers": {"low": low, "high": high, "contexts": len(cells)}}
    if not of_seeds:
        return Finding.unknown(
            "seed_noise",
            f"`{factor}`, {low} against {high}: what another seed does is not known, since no "
            "setting was run at both levels, with two seeds at one of them, over x that they "
            "share.",
            next_step="Run a setting at both levels, and with another seed.",
            **told,
        )
    return _judged(factor, low, high, of_seeds, told, both[0][0][0].thresholds[ALPHA.name])


@dataclass(frozen=True, slots=True)
class _Cell:
    """Two levels in one context, at the last x that all their runs share."""

    runs: tuple[str, ...]
    x: float
    difference: float
    """Mean at high minus mean at low."""
    squares: float
    """Sum of squares within the levels, over seeds."""
    df: int
    weight: float
    """1/n_low + 1/n_high: the variance of the difference is that many times a seed's."""


def _cell(low: Sequence[Seen], high: Sequence[Seen], curves: Mapping[str, Curve]) -> _Cell | None:
    shared = on_common_x({seen.facts.run: curves[seen.facts.run] for seen in [*low, *high]})
    ends = [[v[-1] for s in side if (v := shared.values.get(s.facts.run))] for side in (low, high)]
    if not all(ends):
        return None
    means = [sum(end) / len(end) for end in ends]
    squares = sum(
        (v - mean) * (v - mean) for end, mean in zip(ends, means, strict=True) for v in end
    )
    return _Cell(
        runs=tuple(shared.values),
        x=shared.x[-1],
        difference=means[1] - means[0],
        squares=squares,
        df=sum(len(end) - 1 for end in ends),
        weight=sum(1 / len(end) for end in ends),
    )


def _judged(
    factor: str, low: str, high: str, cells: Sequence[_Cell], told: dict[str, Any], alpha: float
) -> Finding:
    df = sum(cell.df for cell in cells)
    sd = math.sqrt(sum(cell.squares for cell in cells) / df)
    difference = sum(cell.difference for cell in cells) / len(cells)
    error = sd * math.sqrt(sum(cell.weight for cell in cells)) / len(cells)
    told = {
        **told,
        "runs": tuple(run for cell in cells for run in cell.runs),
        "numbers": {
            **told["numbers"],
            "difference": difference,
            "sd_over_seeds": sd,
            "df": df,
            "standard_error": error,
            "x": [cell.x for cell in cells],
        },
    }
    sentence = (
        f"`{factor}` {high} against {low}: at the last point that all share, eval losses differ "
        f"by {number(difference)}, in {counted(len(cells), 'setting')} of everything else; seeds "
        f"of one setting differ by an sd of {number(sd)} ({df} df)."
    )
    if not math.isfinite(difference) or not math.isfinite(error):
        return Finding.unknown("seed_noise", "The losses are too large to compute with.", **told)
    if abs(difference) > -float(special.stdtrit(df, alpha / 2)) * error:
        return Finding.absent("seed_noise", f"{sentence} That is more than seeds do.", **told)
    return Finding.found(
        "seed_noise",
        f"{sentence} Another seed may do as much.",
        next_step="Add seeds to both levels, or leave the question open.",
        **told,
    )


SEED_NOISE = ComparisonRule(
    name="seed_noise",
    version=3,
    section="findings.md",
    meaning="Whether another seed moves the eval loss as much as a factor's level does.",
    compare=_seed_noise,
    thresholds=(ALPHA,),
    roles=("eval_loss",),
    source="Box, Hunter & Hunter, 2nd ed., chapter 3: t of two means, pooled variance.",
)

COMPARISONS = (SEED_NOISE,)
