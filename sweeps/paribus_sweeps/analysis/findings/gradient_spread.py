"""What a factor did to the spread of the gradient norm, over runs equal in everything else.

Runs are the units: points of one curve are not independent, so a pair of runs is one value,
and an interval needs two pairs or more. Whether the interval leaves out 1 is said of the sd
of ln g, the spread whatever the level is; `gradient_ratios` says at which points. An interval
that holds 1 and a factor of 2 as well, up or down, cannot tell: two pairs seldom do better.

Source: METHOD 9.1, 9.4; TRAINING 4 (why whole-run ratios mislead).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.gradient_ratios import (
    BASES,
    MEASURES,
    Compared,
    Gradients,
    Overall,
    Ratios,
    compared,
    dispersion_test,
    overall,
)
from paribus_sweeps.analysis.findings.partners import (
    blocks_of,
    cadence_factors,
    contexts_of,
    factors_of,
    level_of,
    level_pairs,
    looking_of,
    replicate_of,
    setting_of,
)
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Seen
from paribus_sweeps.analysis.findings.spikes import median_of
from paribus_sweeps.analysis.findings.thresholds import Threshold, Thresholds
from paribus_sweeps.analysis.words import counted, number

NAME = "gradient_spread"
UNEQUAL_STEPS = Threshold(
    f"{NAME}.step_ratio",
    1.2,
    "Optimizer steps of one run to the other's at equally many examples, from which the answer "
    "warns that one is further trained. Heuristic.",
    low=1.0,
)
FACTOR = Threshold(
    f"{NAME}.factor",
    2.0,
    "Ours, a rule of thumb: an interval that holds 1 and this ratio as well, or its inverse, is "
    "too wide to say that a factor does nothing.",
    low=1.0,
)
_MOST_PAIRS = 100  # of two levels, the first by id: a pair of long runs takes 30 ms
_MOST_REASONS = 3
_ALSO_CADENCE = "The runs also differ in how often they looked or logged"
_LEAST_SEEDS = 3  # METHOD 9.4: of a cell whose spread over seeds is tested
_LEAST_SPREAD, _MOST_SPREAD = 1e-150, 1e150  # whose squares are still floats above 0

Totals = Mapping[tuple[str, str], Overall | None]


def _compare(runs: Sequence[Seen]) -> Iterator[Finding]:
    norms = {seen.facts.run: found for seen in runs if (found := Gradients.of(seen)) is not None}
    having = [one.seen for one in norms.values()]
    cadences = cadence_factors(having)
    for factor in factors_of(having):
        if factor not in cadences:
            yield from _of_factor(factor, norms, cadences)


def _of_factor(
    factor: str, norms: Mapping[str, Gradients], cadences: Collection[str]
) -> Iterator[Finding]:
    having = [one.seen for one in norms.values()]
    contexts = contexts_of(factor, having, any_cadence=cadences)
    medians = _medians(factor, norms, cadences)
    for low, high in level_pairs(having, factor):
        pairs = [(held[low], held[high]) for held in contexts if low in held and high in held]
        found = _of_levels(factor, low, high, pairs, norms)
        unlike = [one for one, other in pairs if _looks_unlike(one, other, cadences)]
        if unlike and found.runs:
            many = "" if len(unlike) == len(pairs) else f" in {counted(len(unlike), 'pair')}"
            found = found.with_(sentence=f"{found.sentence} {_ALSO_CADENCE}{many}.")
        test = _over_seeds(low, high, medians)
        yield found if test is None else found.with_(numbers={**found.numbers, "over_seeds": test})


def _looks_unlike(one: Seen, other: Seen, cadences: Collection[str]) -> bool:
    return looking_of(one.facts, cadences) != looking_of(other.facts, cadences)


def _medians(
    factor: str, norms: Mapping[str, Gradients], cadences: Collection[str]
) -> list[Mapping[str, list[float]]]:
    """Return, of each setting of everything else, level → the median norm of each training."""
    both: defaultdict[Any, dict[Any, float]] = defaultdict(dict)
    for one in norms.values():
        facts = one.seen.facts
        if len(one.norms):
            where = setting_of(facts, {factor, *cadences}), blocks_of(facts)
            which = level_of(one.seen, factor), replicate_of(facts) or facts.run
            both[where].setdefault(which, median_of(one.norms.values))
    found: list[Mapping[str, list[float]]] = []
    for held in both.values():
        levels: defaultdict[str, list[float]] = defaultdict(list)
        for (level, _), median in held.items():
            levels[level].append(median)
        found.append(levels)
    return found


def _over_seeds(
    low: str, high: str, medians: Iterable[Mapping[str, Sequence[float]]]
) -> dict[str, Any] | None:
    """Test whether the runs' median norms spread more over seeds at one level."""
    cells = [(held.get(low, ()), held.get(high, ())) for held in medians]
    usable = [cell for cell in cells if all(map(_varies, cell))]
    if not usable:
        return None
    test = dispersion_test(usable)
    return {"z": test.z, "p": test.p, "contexts": test.contexts}


def _varies(values: Sequence[float]) -> bool:
    return len(values) >= _LEAST_SEEDS and bool(_LEAST_SPREAD < np.ptp(values) < _MOST_SPREAD)


def _of_levels(
    factor: str,
    low: str,
    high: str,
    pairs: Sequence[tuple[Seen, Seen]],
    norms: Mapping[str, Gradients],
) -> Finding:
    if not pairs:
        return Finding.unknown(
            NAME,
            f"No two runs that logged gradient norms differ in `{factor}` alone ({low} against "
            f"{high}): nothing tells what it did to their spread.",
            factor=factor,
            next_step=f"Run a setting at `{factor}` {low} and {high}, equal in everything else.",
        )
    done = [compared(*(norms[one.facts.run] for one in pair)) for pair in pairs[:_MOST_PAIRS]]
    found = [one for one in done if isinstance(one, Compared)]
    if not found:
        why = "; ".join(sorted({one for one in done if isinstance(one, str)})[:_MOST_REASONS])
        return Finding.unknown(NAME, f"`{factor}`, {low} against {high}: {why}.", factor=factor)
    limits = pairs[0][0].thresholds
    keys = (norms[found[0].runs[0]].key,)
    return _told(factor, low, high, found, limits).with_(keys=keys)


def _told(
    factor: str, low: str, high: str, found: Sequence[Compared], limits: Thresholds
) -> Finding:
    totals = {
        (basis, what): overall([v for one in found if (v := one.value(basis, what)) is not None])
        for basis in BASES
        for what in MEASURES
    }
    basis = _headline(totals)
    told: dict[str, Any] = {
        "factor": factor,
        "runs": tuple(run for one in found for run in one.runs),
        "numbers": _numbers(low, high, found, totals),
    }
    headline = None if basis is None else totals[basis, "sd_log"]
    if basis is None or headline is None:
        reasons = sorted({_why_none(one.by_basis[b]) for one in found for b in BASES})
        why = "; ".join(reasons[:_MOST_REASONS])
        return Finding.unknown(NAME, f"`{factor}`, {low} against {high}: {why}.", **told)
    sentence = _sentence(factor, low, high, basis, totals)
    sentence += _cautions((low, high), found, totals, limits[UNEQUAL_STEPS.name])
    if headline.is_one:
        return Finding.absent(NAME, f"{sentence} Both levels spread equally.", **told)
    if headline.low is None:
        return Finding.unknown(NAME, f"{sentence} {_NO_INTERVAL[headline.n > 1]}", **told).with_(
            next_step="Run both levels with another seed: two pairs that vary give an interval."
        )
    if headline.is_clear:
        return Finding.found(NAME, sentence, **told)
    if headline.holds(limits[FACTOR.name]):
        return Finding.unknown(
            NAME,
            f"{sentence} That holds 1, and {limits[FACTOR.name]:g} times as much or as little as "
            "well: too wide to tell.",
            next_step="Run both levels with more seeds: the interval narrows.",
            **told,
        )
    return Finding.absent(NAME, sentence, **told)


_NO_INTERVAL = {
    False: "One pair of runs: no interval, so noise alone may do that.",
    True: "Every pair has the same ratio: no variation to make an interval from.",
}


def _headline(totals: Totals) -> str | None:
    """Return the points at which most pairs have a ratio; of equally many, the first."""
    known = {b: total.n for b in BASES if (total := totals[b, "sd_log"]) is not None}
    return max(known, key=lambda b: known[b], default=None)


def _why_none(found: Ratios | str) -> str:
    """Return why a pair has no ratio of the sds of ln g at one set of points."""
    if isinstance(found, str):
        return found
    return (
        f"at {counted(found.points, 'point')} of each the sd of ln gradient norm has no ratio (a "
        "norm of 0 has no logarithm, and equal norms have no spread)"
    )


def _numbers(
    low: str,
    high: str,
    found: Sequence[Compared],
    totals: Totals,
) -> dict[str, Any]:
    numbers: dict[str, Any] = {"low": low, "high": high, "pairs": len(found)}
    for basis in BASES:
        points = [r.points for one in found if isinstance(r := one.by_basis[basis], Ratios)]
        part: dict[str, Any] = {"points": min(points, default=0)}
        for what in MEASURES:
            total = totals[basis, what]
            part[what] = total and {
                "n": total.n,
                "ratio": total.ratio,
                "low": total.low,
                "high": total.high,
            }
        reasons = {r for one in found if isinstance(r := one.by_basis[basis], str)}
        numbers[basis] = {**part, "why_not": "; ".join(sorted(reasons)) or None}
    numbers["last_steps"] = [list(one.steps) for one in found]
    return numbers


_WORDS = {
    "examples": "at equally many examples seen",
    "steps": "over equally many optimizer steps",
    "loss": "at equal train loss",
}


def _sentence(
    factor: str,
    low: str,
    high: str,
    basis: str,
    totals: Totals,
) -> str:
    parts = [
        f"{_ratio_words(total)} {_WORDS[other]}"
        for other in BASES
        if (total := totals[other, "sd_log"]) is not None
    ]
    variance, maximum = totals[basis, "variance"], totals[basis, "maximum"]
    beside = ", ".join(
        f"{word} {_ratio_words(total)}"
        for word, total in (("variance", variance), ("largest", maximum))
        if total is not None
    )
    return (
        f"`{factor}` {high} against {low}: the sd of ln gradient norm is {', '.join(parts)}; "
        f"{_WORDS[basis]}, {beside}."
    )


def _ratio_words(total: Overall) -> str:
    n = counted(total.n, "pair")
    if total.low is None or total.high is None:
        return f"{number(total.ratio)} times as large ({n})"
    return (
        f"{number(total.ratio)} times as large ({number(total.low)} to {number(total.high)}, {n})"
    )


def _cautions(
    levels: tuple[str, str], found: Sequence[Compared], totals: Totals, limit: float
) -> str:
    told = []
    unequal = [r for one in found if (r := one.at_equal_examples) and max(r, 1 / r) > limit]
    if unequal:
        most = max(unequal, key=lambda r: max(r, 1 / r))
        told.append(
            f"At equally many examples {levels[most < 1]} has made {max(most, 1 / most):.3g} "
            "times the optimizer steps, and the norm changes as a model fits: the ratio of whole "
            "runs is not the factor's own."
        )
    ways = {t.ratio > 1 for b in BASES if (t := totals[b, "sd_log"]) is not None}
    if len(ways) > 1:
        told.append("The ways of comparing disagree on which level spreads more.")
    return "".join(f" {sentence}" for sentence in told)


GRADIENT_SPREAD = ComparisonRule(
    name=NAME,
    version=3,
    section="9.1, 9.4",
    meaning="What a factor did to the spread of the gradient norm, over runs equal in everything "
    "else: at equal examples seen, equal steps and equal train loss.",
    compare=_compare,
    thresholds=(UNEQUAL_STEPS, FACTOR),
    roles=("grad_norm", "train_loss"),
)

COMPARISONS = (GRADIENT_SPREAD,)
