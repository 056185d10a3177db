"""Comparisons of levels, adjusted over the factors asked about; statuses and verdicts from them.

Pairs from three on, else the model (decision 0014). Within a factor, pairs by Bonferroni and the
model by its family; over the factors, Holm on the smallest p of each, and an interval as wide as
the factor's place in that order asks (decision 0013).

Source: METHOD 3, 5.5, 8 and 8.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from scipy import stats

from . import exact
from .experiment import Experiment, Factor
from .families import Family, benjamini_hochberg, t_quantile
from .model import Model
from .outlook import outlook, without_pilot
from .pairs import Matched, spread

LEAST_PAIRS = 3
Told = dict[str, Any]


class Verdicts:
    """The answers about all factors of an experiment."""

    def __init__(
        self, asked: Experiment, matched: Sequence[Matched], model: Model | None, main: Model
    ) -> None:
        """Put pairs and model side by side.

        Args:
            asked: The experiment.
            matched: The matched contrasts of every factor.
            model: What stands behind the effects; None where nothing varies.
            main: Blocks and main effects: the gate.
        """
        self.asked, self.model, self.main = asked, model, main
        self.pairs = {(one.factor.name, one.low, one.high): one for one in matched}
        self.families: dict[str, Family | None] = {}
        self.told_in_part: set[str] = set()
        self.modelled: dict[tuple[str, str, str], Told] = {}
        for factor in self._in_model():
            rows, family = model.contrast_rows(factor, asked.level) if model else ([], None)
            self.families[factor.name] = family
            known = [row for row in rows if row.get("estimate") is not None]
            self.told_in_part |= {factor.name for row in rows if "estimate" not in row}
            self.modelled |= {(factor.name, row["low"], row["high"]): row for row in known}
        self.in_family: dict[tuple[str, str, str], float] = {}
        self.comparisons = {f.name: self._of_factor(f) for f in asked.factors}
        self.within = {name: self._within(name) for name in self.comparisons}
        self._over_factors()

    def _in_model(self) -> list[Factor]:
        terms = self.model.terms if self.model else []
        return [factor for factor in self.asked.factors if factor.name in terms]

    def _of_factor(self, factor: Factor) -> list[Told]:
        usable = self.asked.usable
        return [self._compare(factor, *pair) for pair in self.asked.compared(factor, usable)]

    def _compare(self, factor: Factor, low: str, high: str) -> Told:
        """One comparison: pairs from three on, else the model."""
        key = (factor.name, low, high)
        by_pairs, model = self.pairs[key].headline, self.modelled.get(key)
        n = len(self.pairs[key].differences)
        told: Told = {
            "low": low,
            "high": high,
            "basis": None,
            "matched_pairs": n,
            "pairs_estimate": by_pairs["value"],
            "model_estimate": model["estimate"] if model else None,
            "estimate": None,
            "exactly_equal": False,
            **dict.fromkeys(
                ("standard_error", "interval", "p", "p_adjusted", "interval_adjusted")
            ),
        }
        if factor.name in self.told_in_part:
            del told["model_estimate"]  # which is not worked out here
        if self._is_estimable(factor, low, high):
            told |= self._chosen(key, n, by_pairs, model)
        return told

    def _chosen(
        self, key: tuple[str, str, str], n: int, by_pairs: Told, model: Told | None
    ) -> Told:
        """What speaks, with its numbers."""
        if n >= LEAST_PAIRS and not any(self.pairs[key].differences):
            return {"basis": "pairs", "estimate": 0.0, "exactly_equal": True}
        has_model = model is not None and model["standard_error"] is not None
        if by_pairs["standard_error"] is not None and (n >= LEAST_PAIRS or not has_model):
            return self._numbers("pairs", by_pairs["value"], by_pairs)
        if model is not None and has_model:
            self.in_family[key] = model["p_adjusted"]
            return self._numbers("model", model["estimate"], model)
        if by_pairs["value"] is None and model is not None:
            return {"estimate": model["estimate"]}
        return {"estimate": by_pairs["value"]}

    def _is_estimable(self, factor: Factor, low: str, high: str) -> bool:
        if factor.name not in self.main.terms:
            return False
        return exact.is_estimable(self.main.function(factor, low, high), self.main.null)

    def _numbers(self, basis: str, value: float, found: Told) -> Told:
        error, df = found["standard_error"], found["df"]
        return {
            "basis": basis,
            "estimate": value,
            "standard_error": error,
            "df": df,
            "p": 2 * float(stats.t.sf(abs(value / error), df)),
            "interval": _around(value, error, t_quantile(self.asked.level, df)),
            "interval_90": _around(value, error, t_quantile(0.90, df)),
        }

    def _within(self, name: str) -> dict[int, float]:
        """Place → p, adjusted for the other comparisons of its factor."""
        found = self.comparisons[name]
        size = sum(row["basis"] == "pairs" and row["p"] is not None for row in found)
        return {
            at: self.in_family.get((name, row["low"], row["high"]), min(1.0, row["p"] * size))
            for at, row in enumerate(found)
            if row["p"] is not None
        }

    def _over_factors(self) -> None:
        """Holm over the smallest p of each factor, and intervals to match."""
        least = {name: min(ps.values()) for name, ps in self.within.items() if ps}
        order, floor = sorted(least, key=lambda name: least[name]), 0.0
        for rank, name in enumerate(order):
            times = len(order) - rank
            level = 1 - (1 - self.asked.level) / times
            for at, p in self.within[name].items():
                row = self.comparisons[name][at]
                row["p_adjusted"] = min(1.0, max(floor, p * times))
                reach = self._reach(name, row, level)
                row["interval_adjusted"] = _around(row["estimate"], row["standard_error"], reach)
            floor = max(floor, min(1.0, least[name] * times))

    def _reach(self, name: str, row: Told, level: float) -> float:
        family = self.families.get(name)
        if row["basis"] == "model" and family is not None:
            return family.critical(level)
        size = sum(
            one["basis"] == "pairs" and one["p"] is not None for one in self.comparisons[name]
        )
        return t_quantile(1 - (1 - level) / size, row["df"])

    # what follows

    def told(self) -> list[Told]:
        """The report's `factors`."""
        return [self._answer(factor) for factor in self.asked.factors]

    def _answer(self, factor: Factor) -> Told:
        rows = self.comparisons[factor.name]
        size = sum(any(row["p"] is not None for row in r) for r in self.comparisons.values())
        told: Told = {"factor": factor.name, "comparisons": rows, "family_size": size}
        status = self._why_no_verdict(factor)
        if status:
            return told | {"status": status, "verdict": None, "outlook": None}
        for row in rows:
            row["verdict"] = self._verdict(factor, row)
        words = {row["verdict"] for row in rows}
        verdict = "yes" if "yes" in words else "no" if words == {"no"} else "inconclusive"
        status = "inconclusive" if verdict == "inconclusive" else "isolated"
        return told | {
            "status": status,
            "verdict": verdict,
            "outlook": self._outlook(factor, rows),
        }

    def _why_no_verdict(self, factor: Factor) -> str | None:
        tried = {run.setting[factor.name] for run in self.asked.runs}
        observed = self.asked.observed(factor.name)
        if len(tried) == 1:
            return "not_varied"
        if len(observed) < 2:
            return "not_ready"
        pairs = ((a, b) for a in observed for b in observed if a != b)
        whole = all(self._is_estimable(factor, *pair) for pair in pairs)
        return None if whole else "confounded"

    def _verdict(self, factor: Factor, row: Told) -> str:
        if self._disagree(factor, row):
            return "inconclusive"
        if row["p_adjusted"] is not None and row["p_adjusted"] < 1 - self.asked.level:
            return "yes"
        smallest = self.asked.smallest_effect
        if smallest is None:
            return "inconclusive"
        low, high = row.get("interval_90") or (-math.inf, math.inf)
        if row["exactly_equal"]:
            low = high = 0.0
        return "no" if -smallest < low and high < smallest else "inconclusive"

    def _disagree(self, factor: Factor, row: Told) -> bool:
        """Pairs and model differ by more than twice the larger error (METHOD 3)."""
        key = (factor.name, row["low"], row["high"])
        if None in (row["pairs_estimate"], row.get("model_estimate")) or row["exactly_equal"]:
            return False
        by_pairs = self.pairs[key].headline["standard_error"]
        errors = [e for e in (by_pairs, self.modelled[key]["standard_error"]) if e is not None]
        apart = abs(row["pairs_estimate"] - row["model_estimate"])
        return bool(errors) and apart > 2 * max(errors)

    def _outlook(self, factor: Factor, rows: Sequence[Told]) -> Told:
        alpha = (1 - self.asked.level) / max(1, len(rows) * len(self.asked.factors))
        shared: Told = {
            "alpha": alpha,
            "smallest": self.asked.smallest_effect,
            "hours_per_run": self.asked.hours_per_run,
        }
        told = [row for row in rows if row["standard_error"] is not None]
        if not told:
            return self._without_spread(rows, alpha)
        widest = max(told, key=lambda row: row["standard_error"])
        levels = (widest["low"], widest["high"])
        if widest["basis"] == "pairs":
            found = self.pairs[(factor.name, *levels)]
            n, sd = len(found.differences), spread(found.differences)
            return outlook(
                unit="pairs", n=n, spread=sd or 0.0, df=n - 1, step=len(found.contexts),
                variance_factor=1 / n, **shared,
            )  # fmt: skip
        assert self.model is not None
        times = self.model.variance_factor(factor, *levels)
        cells = {tuple(row) for row in self.main.columns}
        return outlook(
            unit="runs", n=len(self.model.y), spread=widest["standard_error"] / math.sqrt(times),
            df=self.model.df, step=len(cells), variance_factor=times, **shared,
        )  # fmt: skip

    def _without_spread(self, rows: Sequence[Told], alpha: float) -> Told:
        """No spread is known: one more seed at every setting would show it."""
        settings = len({tuple(run.setting.values()) for run in self.asked.runs})
        hours = self.asked.hours_per_run
        return {
            "unit": "pairs",
            "n": max((row["matched_pairs"] for row in rows), default=0),
            "alpha": alpha,
            "spread": None,
            "detectable": None,
            "needed": None,
            "replicates": None,
            "more_runs": settings,
            "gpu_hours": None if hours is None else hours * settings,
            "without_pilot": without_pilot(alpha),
        }

    def responses(self) -> list[Told]:
        """The report's `responses`, where the metric is the only one."""
        found: list[Told] = [
            {"factor": name, "p": _clearest(rows)} for name, rows in self.comparisons.items()
        ]
        tested = [row for row in found if row["p"] is not None]
        adjusted = benjamini_hochberg([row["p"] for row in tested])
        for row, q in zip(tested, adjusted, strict=True):
            row["q"] = q
        return found


def _clearest(rows: Sequence[Told]) -> float | None:
    """The smallest p of a factor, times its comparisons (Bonferroni)."""
    found = [row["p"] for row in rows if row["p"] is not None]
    return min(1.0, min(found) * len(found)) if found else None


def _around(value: float, error: float, reach: float) -> list[float]:
    return [value - reach * error, value + reach * error]
