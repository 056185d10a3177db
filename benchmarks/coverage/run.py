"""How often stated 95 % intervals cover, and how often "yes" is said of nothing.

    .venv/bin/python benchmarks/coverage/run.py                   # under five minutes on one core
    .venv/bin/python benchmarks/coverage/run.py --runs 100        # half a minute, and coarse
    .venv/bin/python benchmarks/coverage/run.py --only a b --out found.json

Experiments are made up whose truth is known, drawn again and again, and given to the same
functions that answer for real runs. Each row states what METHOD says of it:

    is         the share lies within 1 % of the claim
    at most    the share is not above the claim
    at least   the share is not below the claim
    never      not once
    told       METHOD claims nothing: the figure is only shown

The simulation has an error of its own; `+-` is twice the standard error of a share (binomial),
and a row fails only beyond that. Random numbers come from the name of a row, fixed before
anything was seen; no seed was ever changed to pass.

METHOD 4 calls the headline interval "the right one for contexts like these". Where contexts
differ and hold several pairs it is not (rows of part a): `across` is there for that.

What it does not show: responses are normal here, but for rows that say otherwise, and runs are
independent. The effect of curves, of a sampler and of people who stop runs is not simulated.
"""

import argparse
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from worlds import World, factor, words

from paribus_sweeps.analysis.effects import effects
from paribus_sweeps.analysis.paired import Estimate, PairedSummary, paired_summary
from paribus_sweeps.analysis.power import power_of_pairs, upper_sd
from paribus_sweeps.analysis.questions import Question
from paribus_sweeps.analysis.verdicts import FactorAnswer, Judged, judge

RUNS = 700
CHEAP = 5  # times as many draws where one costs a millisecond
TOLERANCE = 0.01  # DESIGN: within one percent

Kind = Literal["is", "at most", "at least", "never", "told"]
Draws = Iterator[bool]


@dataclass(frozen=True)
class Row:
    """One claim, and how often it held."""

    part: str
    what: str
    kind: Kind
    claim: float | None
    hits: int
    draws: int

    @property
    def share(self) -> float:
        return self.hits / self.draws

    @property
    def error(self) -> float:
        """Twice the standard error, of the claim where there is one."""
        p = self.share if self.claim is None else self.claim
        return 2 * math.sqrt(p * (1 - p) / self.draws)

    @property
    def passes(self) -> bool:
        if self.kind == "told" or self.claim is None:
            return True
        off = self.share - self.claim
        return {
            "is": abs(off) <= TOLERANCE + self.error,
            "at most": off <= self.error,
            "at least": off >= -self.error,
            "never": self.hits == 0,
        }[self.kind]


@dataclass(frozen=True)
class Claim:
    """What is to be simulated: `draws` yields whether it held, as often as it is asked."""

    part: str
    what: str
    kind: Kind
    claim: float | None
    draws: Callable[[np.random.Generator], Draws]
    times: int = 1

    def simulated(self, runs: int) -> Row:
        outcomes = self.draws(words(f"{self.part}|{self.what}"))
        count = runs * self.times
        hits = sum(bool(next(outcomes)) for _ in range(count))
        return Row(self.part, self.what, self.kind, self.claim, hits, count)


def main() -> int:
    asked = _arguments()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    rows, started = [], time.monotonic()
    for claim in CLAIMS:
        if asked.only and claim.part not in asked.only:
            continue
        rows.append(claim.simulated(asked.runs))
        print(line(rows[-1]), flush=True)
    failed = [row for row in rows if not row.passes]
    print(f"{len(rows)} rows, {len(failed)} failed, {time.monotonic() - started:.0f} s")
    if asked.out:
        found = [
            {**asdict(r), "share": r.share, "error": r.error, "passes": r.passes} for r in rows
        ]
        asked.out.write_text(json.dumps(found, indent=1) + "\n")
    return 1 if failed else 0


def line(row: Row) -> str:
    claim = "" if row.claim is None else f"{row.kind} {row.claim:.3f}"
    verdict = "told" if row.kind == "told" else "pass" if row.passes else "FAIL"
    what = f"({row.part}) {row.what}"
    found = f"{row.share:6.4f} +- {row.error:.4f}  of {row.draws:>6,}"
    return f"{what:<76} {found}  {claim:<14} {verdict}"


# (a), (b): matched pairs, 4 contexts


SEEDS = (3, 3, 3, 3)
UNEVEN = (5, 3, 2, 2)
STRONG = (-3.0, -1.0, 1.0, 3.0)  # effects in the contexts, in sd of a difference


def pairs(
    random: np.random.Generator, effects_: Sequence[float], sizes: Sequence[int]
) -> PairedSummary:
    contexts = np.repeat(np.arange(len(sizes)), sizes)
    differences = np.asarray(effects_)[contexts] + random.normal(size=len(contexts))
    return paired_summary(differences, contexts, seed="", resample=False)


def covers(found: Estimate, truth: float) -> bool:
    return found.low is not None and found.high is not None and found.low <= truth <= found.high


def headline(effects_: Sequence[float]) -> Callable[[np.random.Generator], Draws]:
    def draws(random: np.random.Generator) -> Draws:
        while True:
            yield covers(pairs(random, effects_, SEEDS).headline, float(np.mean(effects_)))

    return draws


def contexts_like_these(name: str, spread: float) -> Callable[[np.random.Generator], Draws]:
    """Contexts drawn anew each time; the truth is their mean, 0."""

    def draws(random: np.random.Generator) -> Draws:
        while True:
            drawn = random.normal(scale=spread, size=len(SEEDS))
            yield covers(getattr(pairs(random, drawn, SEEDS), name), 0.0)

    return draws


def one_seed_each(random: np.random.Generator) -> Draws:
    """Twelve contexts with one pair each, drawn anew."""
    while True:
        drawn = random.normal(scale=2.0, size=12)
        yield covers(pairs(random, drawn, (1,) * 12).headline, 0.0)


def skewed(random: np.random.Generator) -> Draws:
    """Differences of log-normal responses: as skewed as losses with a few bad runs."""
    while True:
        ends = random.lognormal(sigma=0.75, size=(2, 12))
        differences = ends[1] - ends[0]
        found = paired_summary(differences, np.repeat(range(4), 3), seed="", resample=False)
        yield covers(found.headline, 0.0)


def fixed(sizes: Sequence[int]) -> Callable[[np.random.Generator], Draws]:
    def draws(random: np.random.Generator) -> Draws:
        while True:
            yield covers(pairs(random, STRONG, sizes).fixed, float(np.mean(STRONG)))

    return draws


# (c): all contrasts of a factor at once


FOUR = ("1", "2", "3", "4")
MEANS = {"1": 0.0, "2": 0.5, "3": 0.5, "4": 2.0}


def simultaneous(*, baseline: bool, lost: int = 0) -> Callable[[np.random.Generator], Draws]:
    """Whether the intervals of all contrasts of four levels cover at once."""
    world = World.crossed([factor("lr", FOUR), factor("wd", "ab")], 3)
    means = sum(MEANS[label] * world.at(lr=label) for label in FOUR)
    gone = (world.at(lr="1") == 1) & (np.arange(len(world)) >= len(FOUR) + 2 - lost)

    def draws(random: np.random.Generator) -> Draws:
        while True:
            values = means + world.shared(random.normal(size=3)) + random.normal(size=len(world))
            table = world.drawn(values, gone if lost else None)
            found = effects(table, asked=["lr"], interactions="none", error="pooled",
                            against_baseline=baseline)  # fmt: skip
            yield all(
                c.interval_adjusted is not None
                and c.interval_adjusted[0]
                <= MEANS[c.high] - MEANS[c.low]
                <= c.interval_adjusted[1]
                for c in found.contrasts
            )

    return draws


# (d): crashes at random


def crashing(basis: str) -> Callable[[np.random.Generator], Draws]:
    world = World.crossed([factor(name, "ab") for name in ("lr", "wd")], 4)
    means = 1.0 * world.at(lr="b") + 0.5 * world.at(wd="b")

    def draws(random: np.random.Generator) -> Draws:
        while True:
            values = means + world.shared(random.normal(size=4)) + random.normal(size=len(world))
            table = world.drawn(values, random.random(len(world)) < 0.15)
            comparison = answer_of(judge(table, Question("loss")), "lr").comparisons[0]
            if comparison.pairs is None or comparison.model is None:
                continue
            if basis == "pairs" and comparison.pairs.summary.headline.low is not None:
                yield covers(comparison.pairs.summary.headline, 1.0)
            if basis == "model" and comparison.model.interval is not None:
                low, high = comparison.model.interval
                yield low <= 1.0 <= high

    return draws


def answer_of(found: Judged, name: str) -> FactorAnswer:
    return next(one for one in found.answers if one.factor == name)


# (e): unequal variances


def unequal(error: str, low: str, high: str, seeds: int) -> Callable[[np.random.Generator], Draws]:
    """Three levels with sd 1, 1 and 4; the middle one has half of the runs."""
    settings = [
        {"lr": label, "seed": f"{label}{seed}"}
        for label, count in (("1", seeds), ("2", 2 * seeds), ("3", seeds))
        for seed in range(count)
    ]
    world = World.of(settings, [factor("lr", "123")])
    sd = world.at(lr="1") + world.at(lr="2") + 4 * world.at(lr="3")

    def draws(random: np.random.Generator) -> Draws:
        while True:
            table = world.drawn(sd * random.normal(size=len(world)))
            found = effects(table, interactions="none", error=error)  # type: ignore[arg-type]
            one = next(c for c in found.contrasts if (c.low, c.high) == (low, high))
            yield one.interval is not None and one.interval[0] <= 0 <= one.interval[1]

    return draws


# (f): "yes", and "isolated", of nothing


def false_yes(world: World, means: object = 0.0, *, null: Sequence[str] = ()) -> Callable[
    [np.random.Generator], Draws
]:  # fmt: skip
    """Whether any factor without an effect gets "yes"."""

    def draws(random: np.random.Generator) -> Draws:
        while True:
            values = means + random.normal(size=len(world))
            found = judge(world.drawn(np.asarray(values)), Question("loss"))
            yield any(a.verdict == "yes" for a in found.answers if not null or a.factor in null)

    return draws


def false_comparison(random: np.random.Generator) -> Draws:
    """Whether equal levels get "yes" beside a level that differs, or the factor beside them does.

    5 % are promised for each of the two, and not for both together (docs/decisions/0013).
    """
    world = World.crossed([factor("lr", "123"), factor("wd", "ab")], 4)
    means = 20.0 * world.at(lr="3")
    while True:
        found = judge(world.drawn(means + random.normal(size=len(world))), Question("loss"))
        told = [c for a in found.answers for c in a.comparisons]
        yield any(c.verdict == "yes" for c in told if "3" not in (c.low, c.high))


def by_host(random: np.random.Generator) -> Draws:
    """Whether a factor that changed only between hosts gets "yes" for what hosts do."""
    settings = [
        {"batch": "ab"[host % 2], "wd": wd, "host": f"h{host}", "seed": seed}
        for host in range(6) for wd in "ab" for seed in "01"
    ]  # fmt: skip
    factors = [factor("batch", "ab"), factor("wd", "ab")]
    world = World.of(settings, factors, lurking=("host",))
    while True:
        values = world.shared(random.normal(size=6), "host") + 0.3 * random.normal(size=len(world))
        yield answer_of(judge(world.drawn(values), Question("loss")), "batch").verdict == "yes"


def _confounded() -> Sequence[tuple[World, str, Sequence[int]]]:
    """Layouts in which the named factors cannot be told apart, and the rows that are lost."""
    two = [factor("batch", "ab"), factor("ratio", "ab")]
    together = [{"batch": b, "ratio": b, "seed": s} for b in "ab" for s in "0123"]
    by_gpu = [
        {"batch": b, "ratio": r, "gpu_name": f"gpu-{b}", "seed": s}
        for b in "ab" for r in "ab" for s in "01"
    ]  # fmt: skip
    three = [*two, factor("wd", "ab")]
    half = [
        {"batch": b, "ratio": r, "wd": "ab"[(b == "b") ^ (r == "b")], "seed": s}
        for b in "ab" for r in "ab" for s in "012"
    ]  # fmt: skip
    left = [at for at, s in enumerate(half) if s["batch"] == s["ratio"]]
    return [
        (World.of(together, two), "batch ratio", ()),
        (World.of(by_gpu, two, blocks=("gpu_name",)), "batch", ()),
        (World.of(half, three), "batch ratio", left),
    ]


def isolated_though_confounded(random: np.random.Generator) -> Draws:
    layouts = _confounded()
    while True:
        world, names, kept = layouts[int(random.integers(len(layouts)))]
        values = random.normal(scale=3) * world.at(batch="b") + random.normal(size=len(world))
        lost = ~np.isin(np.arange(len(world)), kept) if kept else None
        question = Question("loss", smallest_effect=float(random.uniform(0.1, 5)))
        found = judge(world.drawn(values, lost), question)
        bad = [a for a in found.answers if a.factor in names.split()]
        numbers = [c for a in bad for c in a.comparisons if c.estimate is not None]
        yield bool(numbers) or any(a.status == "isolated" for a in bad)


# (g): the number of pairs that the power sentence names


DIFFERENCE = 1.0  # what matters, in true sd of a difference


def seeds_only(seeds: int) -> World:
    return World.crossed([factor("lr", "ab")], seeds)


def named(world: World, spread: float, random: np.random.Generator) -> int | None:
    """Pairs that the sentence names after a pilot whose differences have this sd."""
    low = random.normal(size=len(world) // 2)
    differences = random.normal(size=len(low))
    differences = spread * (differences - differences.mean()) / differences.std(ddof=1)
    values = np.concatenate([low, low + differences])
    found = judge(world.drawn(values), Question("loss", smallest_effect=DIFFERENCE))
    outlook = found.answers[0].outlook
    return outlook.needed if outlook else None


def settles(effect: float, verdict: str) -> Callable[[np.random.Generator], Draws]:
    """Whether so many pairs as the sentence names say "yes", or "no", to a known sd."""
    spread = 1.0 / upper_sd(1.0, 5)  # its upper limit is then the true sd, 1

    def draws(random: np.random.Generator) -> Draws:
        pairs_ = named(seeds_only(6), spread, random) or 0
        world = seeds_only(pairs_)
        question = Question("loss", smallest_effect=DIFFERENCE)
        while True:
            low = random.normal(size=pairs_)
            values = np.concatenate([low, low + effect + random.normal(size=pairs_)])
            yield judge(world.drawn(values), question).answers[0].verdict == verdict

    return draws


def planned_well(random: np.random.Generator) -> Draws:
    """Whether the number named after a real pilot of 6 pairs has a true power of .8."""
    world = seeds_only(6)
    while True:
        pilot = math.sqrt(random.chisquare(5) / 5)
        pairs_ = named(world, pilot, random)
        yield pairs_ is None or power_of_pairs(max(2, pairs_), DIFFERENCE, 1.0) >= 0.8


CROSSED = World.crossed([factor(name, "ab") for name in ("lr", "wd", "batch")], 2)
WIDE = World.crossed([factor("lr", "123"), factor("wd", "ab")], 3)

CLAIMS = (
    Claim("a", "headline, contexts alike", "is", 0.95, headline((0.5,) * 4), CHEAP),
    Claim("a", "headline, contexts differ, for exactly these", "at least", 0.95,
          headline(STRONG), CHEAP),
    Claim("a", "headline, contexts differ a little (sd .5), for contexts like these", "told", None,
          contexts_like_these("headline", 0.5), CHEAP),
    Claim("a", "headline, contexts differ (sd 2), for contexts like these", "told", None,
          contexts_like_these("headline", 2.0), CHEAP),
    Claim("a", "across, contexts differ a little (sd .5), for contexts like these", "is", 0.95,
          contexts_like_these("across", 0.5), CHEAP),
    Claim("a", "across, contexts differ (sd 2), for contexts like these", "is", 0.95,
          contexts_like_these("across", 2.0), CHEAP),
    Claim("a", "headline, 12 contexts of one pair (sd 2), for contexts like these", "is", 0.95,
          one_seed_each, CHEAP),
    Claim("a", "headline, log-normal responses", "told", None, skewed, CHEAP),
    Claim("b", "fixed contexts, which differ", "is", 0.95, fixed(SEEDS), CHEAP),
    Claim("b", "fixed contexts, which differ, uneven seeds", "is", 0.95, fixed(UNEVEN), CHEAP),
    Claim("c", "Tukey, 6 contrasts at once", "is", 0.95, simultaneous(baseline=False)),
    Claim("c", "Tukey-Kramer, uneven levels, 6 at once", "at least", 0.95,
          simultaneous(baseline=False, lost=3)),
    Claim("c", "Dunnett, 3 contrasts at once", "is", 0.95, simultaneous(baseline=True)),
    Claim("d", "15 % crashed at random: pairs", "is", 0.95, crashing("pairs")),
    Claim("d", "15 % crashed at random: model", "is", 0.95, crashing("model")),
    Claim("e", "sd 1 against 1, HC3, 6 and 12 runs", "told", None, unequal("hc3", "1", "2", 6)),
    Claim("e", "sd 1 against 4, HC3, 6 and 6 runs", "told", None, unequal("hc3", "1", "3", 6)),
    Claim("e", "sd 1 against 4, HC3, 20 and 20 runs", "told", None, unequal("hc3", "1", "3", 20)),
    Claim("e", "sd 1 against 4, pooled error, 6 and 6 runs", "told", None,
          unequal("pooled", "1", "3", 6)),
    Claim("f", "yes to any of 3 factors, none has an effect", "at most", 0.05,
          false_yes(CROSSED)),
    Claim("f", "yes to any of 2 factors, one of 3 levels, none has an effect", "at most", 0.05,
          false_yes(WIDE)),
    Claim("f", "yes to any of 2 factors without an effect beside a large one", "at most", 0.05,
          false_yes(CROSSED, 20 * CROSSED.at(lr="b"), null=("wd", "batch"))),
    Claim("f", "yes to equal levels beside a level that differs, or to the other factor",
          "told", None, false_comparison),
    Claim("f", "yes to a factor that changed only between hosts", "at most", 0.05, by_host),
    Claim("f", "isolated, or a number, though confounded", "never", 0.0,
          isolated_though_confounded),
    Claim("g", "yes with the pairs named, where the difference is real", "at least", 0.8,
          settles(DIFFERENCE, "yes")),
    Claim("g", "no with the pairs named, where there is none", "at least", 0.8,
          settles(0.0, "no")),
    Claim("g", "pairs named after a pilot of 6 have a power of .8", "at least", 0.8,
          planned_well),
)  # fmt: skip


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--runs", type=int, default=RUNS, help="draws of a row (default %(default)s)"
    )
    parser.add_argument("--only", nargs="*", choices=list("abcdefg"), help="parts to simulate")
    parser.add_argument("--out", type=Path, help="write the rows there as JSON")
    asked = parser.parse_args()
    if asked.runs < 1:
        parser.error(f"--runs {asked.runs}: at least 1")
    return asked


if __name__ == "__main__":
    sys.exit(main())
