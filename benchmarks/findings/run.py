"""How often each rule says what is true, over made-up runs whose truth is known.

    .venv/bin/python -m benchmarks.findings.run                          # some minutes on one core
    .venv/bin/python -m benchmarks.findings.run --runs 20                # seconds, and coarse
    .venv/bin/python -m benchmarks.findings.run --only overfitting plateau

From the repository root. The worlds are those of `tests/sweeps/analysis/findings/worlds`; a test
draws each a few times, this draws each `--runs` times. Random numbers come from a world's name:
none was chosen, and no world was changed for what came out.

A line for each world: what is true (by the formula that drew it), then how often the rule said
`found`, `not_found` and `cannot_tell`, and the share of draws in which it said what is true (the
label too, where a world has one in brackets), with twice its standard error (binomial; where a
share is 0 or 1, 3 / n, the 95 % bound). A world is
`sure` where its margin is so wide that any other answer is a fault; one wrong draw there is a
failure, and the command ends with 1. Every other world is `told`: its share is what it is, and the
note says what METHOD or the rule's own text claims. False alarms are not tuned away.

Under them, for each rule: its confusion table over all its worlds, in which worlds count alike,
and for rules with labels which label was given to which true one.

What it does not show: how often these worlds occur. A share over worlds is no rate over real runs.
"""

import argparse
import json
import math
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paribus_sweeps.analysis.findings.rule import ComparisonRule, Rule
from paribus_sweeps.analysis.findings.rules import COMPARISONS, RULES
from tests.sweeps.analysis.findings.worlds.every_world import WORLDS, worlds_of
from tests.sweeps.analysis.findings.worlds.world import World

RUNS = 400
STATUSES = ("found", "not_found", "cannot_tell")


@dataclass(frozen=True)
class Told:
    """What a rule said of the draws of one world."""

    world: World
    statuses: Counter[str]
    labels: Counter[str]
    seconds: float
    right: int
    """Draws in which the rule said what is true, by the word for it where it has several."""
    failures: dict[str, int] = field(default_factory=dict)
    """Exception → how often: a rule must raise none."""

    @property
    def draws(self) -> int:
        return self.statuses.total()

    @property
    def share(self) -> float:
        """Of the draws, in how many the rule said what is true."""
        return self.right / self.draws

    @property
    def error(self) -> float:
        return half_width(self.share, self.draws)

    @property
    def passes(self) -> bool:
        return not self.failures and (not self.world.is_sure or self.share == 1.0)

    def as_dict(self) -> dict[str, Any]:
        return {
            "rule": self.world.rule,
            "label": self.world.label,
            "world": self.world.name,
            "truth": self.world.truth,
            "is_sure": self.world.is_sure,
            "note": self.world.note,
            "draws": self.draws,
            "said": {status: self.statuses[status] for status in STATUSES},
            "labels": dict(self.labels),
            "share": self.share,
            "half_width": self.error,
            "ms_each": 1000 * self.seconds / self.draws,
            "failures": self.failures,
            "passes": self.passes,
        }


def half_width(share: float, draws: int) -> float:
    """Twice the standard error of a share; of 0 and 1, the 95 % bound 3 / n."""
    inside = 2 * math.sqrt(share * (1 - share) / draws)
    return inside or min(1.0, 3 / draws)


def main() -> int:
    asked = _arguments()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    started = time.monotonic()
    told: list[Told] = []
    for rule in (*RULES, *COMPARISONS):
        if not asked.only or rule.name in asked.only:
            told += report(rule, [tell(world, rule, asked.runs) for world in worlds_of(rule)])
    _missing()
    failed = [one for one in told if not one.passes]
    took = time.monotonic() - started
    print(f"\n{len(told)} worlds of {asked.runs} draws, {len(failed)} failed, {took:.0f} s")
    for one in failed:
        print(f"  FAIL {one.world.rule}: {one.world.name}: {one.share:.4f} {one.failures or ''}")
    _write(asked, told)
    return 1 if failed else 0


def tell(world: World, rule: Rule | ComparisonRule, runs: int) -> Told:
    """Ask a rule about so many draws of a world."""
    random = world.random()
    statuses: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    right = 0
    started = time.perf_counter()
    for _ in range(runs):
        try:
            found = world.asked(rule, random)
        except Exception as error:  # counted and shown: one draw must not hide the others
            failures[f"{type(error).__name__}: {error}"] += 1
            statuses["raised"] += 1
            continue
        statuses[found.status] += 1
        labels[found.label or "–"] += 1
        right += world.is_right(found)
    took = time.perf_counter() - started
    return Told(world, statuses, labels, took, right, dict(failures))


def report(rule: Rule | ComparisonRule, told: list[Told]) -> list[Told]:
    """Print a rule's worlds and tables; give them back."""
    kind = "heuristic" if rule.is_heuristic else "METHOD " + rule.section
    print(f"\n{rule.name} ({kind})")
    if not told:
        print("  no world: nothing is known of this rule's errors")
        return told
    for one in told:
        print(line(one))
    for note in dict.fromkeys(one.world.note for one in told if one.world.note):
        print(f"    told: {note}")
    print(*_confusion(told), sep="\n")
    if rule.labels and isinstance(rule, Rule):
        print(*_labels(told), sep="\n")
    sys.stdout.flush()
    return told


def line(one: Told) -> str:
    label = f" [{one.world.label}]" if one.world.label else ""
    said = " ".join(f"{one.statuses[status]:>5}" for status in STATUSES)
    verdict = "told" if not one.world.is_sure else "ok" if one.passes else "FAIL"
    what = f"{one.world.name}{label}"
    shown = f"{one.share:6.3f} +- {one.error:.3f}  {verdict}"
    return f"  {what:<62} {one.world.truth:<11} {said}  {shown}"


def _confusion(told: Sequence[Told]) -> Iterable[str]:
    """Yield the table: true status by said status, worlds counting alike."""
    yield f"    {'true':<12} {'worlds':>6} {'draws':>7}" + "".join(f"{s:>13}" for s in STATUSES)
    for truth in STATUSES:
        worlds = [one for one in told if one.world.truth == truth]
        if not worlds:
            continue
        draws = sum(one.draws for one in worlds)
        shares = [
            sum(one.statuses[said] / one.draws for one in worlds) / len(worlds)
            for said in STATUSES
        ]
        shown = "".join(f"{share:>13.3f}" for share in shares)
        yield f"    {truth:<12} {len(worlds):>6} {draws:>7,}{shown}"


def _labels(told: Sequence[Told]) -> Iterable[str]:
    """Yield the table: true label by given label, in shares of the draws."""
    given = sorted({label for one in told for label in one.labels} - {"–"}) + ["–"]
    yield f"    {'true label':<24} {'draws':>6} " + " ".join(f"{label:>22}" for label in given)
    for label in dict.fromkeys(one.world.label for one in told if one.world.label):
        counts: Counter[str] = Counter()
        for one in told:
            if one.world.label == label:
                counts += one.labels
        shares = " ".join(f"{counts[other] / counts.total():>22.3f}" for other in given)
        yield f"    {label:<24} {counts.total():>6,} {shares}"


def _missing() -> None:
    used = {world for rule in (*RULES, *COMPARISONS) for world in worlds_of(rule)}
    without = sorted({world.rule for world in set(WORLDS) - used})
    if without:
        print(f"\nworlds of rules that are not registered, left out: {', '.join(without)}")


def _write(asked: argparse.Namespace, told: Sequence[Told]) -> None:
    found = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "runs": asked.runs,
        "worlds": [one.as_dict() for one in told],
    }
    asked.out.write_text(json.dumps(found, indent=1) + "\n")
    print(f"written to {asked.out}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=RUNS, help="draws of a world")
    parser.add_argument("--only", nargs="*", help="rules to ask, by name")
    parser.add_argument("--out", type=Path, default=Path("benchmark-findings.json"))
    asked = parser.parse_args()
    if asked.runs < 1:
        parser.error(f"--runs {asked.runs}: at least 1")
    known = {rule.name for rule in (*RULES, *COMPARISONS)}
    unknown = sorted(set(asked.only or ()) - known)
    if unknown:
        parser.error(f"--only {unknown[0]}: expected some of {', '.join(sorted(known))}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
