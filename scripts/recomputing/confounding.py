"""The gate: what the finished runs can tell apart, by exact rank.

Source: METHOD 2.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .experiment import Experiment, Factor
from .model import Model

Told = dict[str, Any]
MOST_SHARES = 4  # interactions named for one estimate; more are counted


def main_effects(asked: Experiment) -> Model:
    """Blocks and factors that vary among the usable runs, without interactions."""
    columns = [*asked.blocks, *(factor.name for factor in asked.factors)]
    return Model(asked, ["intercept", *(c for c in columns if len(asked.observed(c)) > 1)])


def confounding(asked: Experiment, main: Model) -> Told:
    """The numbers of the report's `confounding`."""
    factors = [f.name for f in asked.factors if f.name in main.terms]
    terms = [_term(main, name) for name in main.terms if name in factors]
    return {
        "runs": len(main.y),
        "cells": len({tuple(row) for row in main.columns}),
        "parameters": len(main.columns[0]),
        "rank": main.rank,
        "residual_df": main.df,
        "terms": terms,
        "factors": [_factor(asked, main, factor) for factor in asked.factors],
        "gvif": main.gvif(),
        **({} if main.null else {"alias_matrix": _alias_matrix(main, factors)}),
    }


def _factor(asked: Experiment, main: Model, factor: Factor) -> Told:
    """A factor's degrees of freedom, of all levels that were tried."""
    tried = {run.setting[factor.name] for run in asked.runs}
    told = main.df_estimable(factor.name) if factor.name in main.terms else 0
    levels = [label for label in factor.labels if label in tried]
    df = max(0, len(levels) - 1)
    found: Told = {"factor": factor.name, "levels": levels, "df": df, "df_estimable": told}
    return found | ({"status": "estimable"} if told == df > 0 else {})


def _alias_matrix(main: Model, factors: Sequence[str]) -> list[Told]:
    """What main effects also contain: A = (X1'X1)^-1 X1'X2, X2 all products of two factors.

    A two-level factor counts -1 at its first level here, where the model has 1.
    """
    products = [f"{a} x {b}" for a, b in itertools.combinations(factors, 2)]
    wide = Model(main.asked, [*main.terms, *products])
    x2 = wide.x[:, len(main.columns[0]) :]
    shares = np.linalg.lstsq(main.x, x2, rcond=None)[0]
    names = [named for product in products for named in _named(main, product.split(" x "))]
    rows = []
    for factor in factors:
        at = main.parts[factor].start
        for place, (sign, column) in enumerate(_named(main, [factor])):
            row = [
                (name, s * sign * float(a))
                for (s, name), a in zip(names, shares[at + place], strict=True)
            ]
            rows.append({"term": factor, "column": column, **_listed(row)})
    return rows


def _named(main: Model, members: Sequence[str]) -> Iterator[tuple[int, str]]:
    """(sign, name) of each column of a product."""
    parts = []
    for name in members:
        labels = main.labels(name)
        two = len(labels) == 2
        parts.append([(-1, name)] if two else [(1, f"{name}[{label}]") for label in labels[:-1]])
    for chosen in itertools.product(*parts):
        sign = -1 if sum(one == -1 for one, _ in chosen) % 2 else 1
        yield sign, " x ".join(name for _, name in chosen)


def _listed(row: Sequence[tuple[str, float]]) -> Told:
    held = sorted(
        (one for one in row if abs(one[1]) > 1e-8), key=lambda one: -round(abs(one[1]), 9)
    )
    shown = [{"column": name, "coefficient": share} for name, share in held[:MOST_SHARES]]
    return {"contains": shown, "more": len(held) - len(shown)}


def before_after(asked: Experiment, main: Model, model: Model | None) -> Told:
    """Where nothing needs to run: what the runs can tell, the same before and after.

    Half-widths are t s sqrt(c), c of the main-effects model and s of the one with interactions
    (METHOD 6.4).
    """
    factors = [factor for factor in asked.factors if factor.name in main.terms]
    gvif = {row["term"]: row["factor"] for row in main.gvif()}
    terms = [
        {
            "term": factor.name,
            "df": main.df_estimable(factor.name),
            "df_estimable": _both(main.df_estimable(factor.name)),
            "gvif_factor": _both(gvif[factor.name]),
        }
        for factor in factors
    ]
    contrasts = [
        {
            "factor": factor.name,
            "low": labels[0],
            "high": high,
            **_widths(main, model, factor, labels[0], high),
        }
        for factor in factors
        for labels in [main.labels(factor.name)]
        for high in labels[1:]
    ]
    return {"residual_df": _both(main.df), "terms": terms, "contrasts": contrasts}


def _widths(main: Model, model: Model | None, factor: Factor, low: str, high: str) -> Told:
    told = {"relative_variance": _both(main.variance_factor(factor, low, high))}
    if model is not None and model.sd is not None:
        width = main.half_width(factor, low, high, model.sd, model.df)
        told["half_width"] = _both(width)
    return told


def _both(value: float) -> Told:
    return {"before": value, "after": value}


def _term(main: Model, name: str) -> Told:
    part = main.parts[name]
    df, told = part.stop - part.start, main.df_estimable(name)
    word = "estimable" if told == df else "partially_estimable" if told else "not_estimable"
    return {"term": name, "df": df, "df_estimable": told, "status": word}
