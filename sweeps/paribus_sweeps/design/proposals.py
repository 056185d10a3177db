"""What an answer about follow-ups is made of: runs, alternatives, before and after, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from paribus_sweeps.design.estimability import StatusWord

_MOST_NAMED = 4  # runs or cells in a sentence; more are counted
_MOST_NAMES = 6  # factors or terms in a sentence; more are counted


@dataclass(frozen=True, slots=True)
class ProposedRun:
    """A run to make: a level of each factor, and where."""

    setting: Mapping[str, str]
    """Factor → label."""
    blocks: Mapping[str, str]
    """Block → label on which it is to run; empty where no run says where it ran."""
    replicate: Mapping[str, Any] | None = field(default_factory=dict)
    """Replicate key → value, one that the sweep has where there is one: {"seed": 0}. Empty where
    no run has such a key; None: one that was not used yet, whose value cannot be guessed."""
    again: tuple[str, ...] = ()
    """Ids of runs of the same setting and replicate that ended without a usable value."""
    purpose: str = ""
    """What it is there for: "needed to tell `batch`", "matched pairs for `batch`"."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "setting": dict(self.setting),
            "blocks": dict(self.blocks),
            "replicate": None if self.replicate is None else dict(self.replicate),
            "again": list(self.again),
            "purpose": self.purpose,
        }

    def __str__(self) -> str:
        setting = ", ".join(f"{name}={label}" for name, label in self.setting.items())
        if set(self.blocks) == {"gpu_name"}:
            return f"{setting} on {self.blocks['gpu_name']}"
        where = ", ".join(f"{name}={label}" for name, label in self.blocks.items())
        return f"{setting} on {where}" if where else setting


@dataclass(frozen=True, slots=True)
class Alternative:
    """Other runs than the smallest set: what they would do, and whether they are enough."""

    runs: tuple[ProposedRun, ...]
    is_enough: bool
    """Whether they make everything answerable that any runs can."""
    residual_df: int
    """Runs minus rank afterwards; 0 leaves no interval."""
    pairs: Mapping[str, int]
    """Factor → matched pairs gained."""
    hours: float | None
    sentence: str
    details: Mapping[str, Any] = field(default_factory=dict)
    """What only this kind of alternative has, as plain JSON."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            **self.details,
            "runs": [run.as_dict() for run in self.runs],
            "is_enough": self.is_enough,
            "residual_df": self.residual_df,
            "pairs_gained": dict(self.pairs),
            "hours": self.hours,
            "sentence": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class TermChange:
    """A term of the model before and after the follow-ups."""

    term: str
    df: int
    df_before: int
    """Columns that can be estimated now."""
    df_after: int
    before: StatusWord
    after: StatusWord
    gvif_before: float | None
    """GVIF^(1/(2 df)), the factor on the standard error; None where the rank is not full."""
    gvif_after: float | None
    pairs_before: int | None
    """Matched pairs of finished runs; None for an interaction or a block."""
    pairs_gained: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "term": self.term,
            "df": self.df,
            "df_estimable": {"before": self.df_before, "after": self.df_after},
            "status": {"before": self.before, "after": self.after},
            "gvif_factor": {"before": self.gvif_before, "after": self.gvif_after},
            "pairs": {"before": self.pairs_before, "gained": self.pairs_gained},
        }


@dataclass(frozen=True, slots=True)
class ContrastChange:
    """A contrast of two levels before and after the follow-ups."""

    factor: str
    low: str
    high: str
    before: float | None
    """Relative variance c = L (X'X)^- L' now; None where it is not estimable."""
    after: float | None
    half_width_before: float | None
    """Of the 95 % interval now, in the response's unit: t s sqrt(c); None where there is none."""
    half_width: float | None
    """Expected afterwards, with the degrees of freedom that there would be."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "factor": self.factor,
            "low": self.low,
            "high": self.high,
            "relative_variance": {"before": self.before, "after": self.after},
            "half_width": {"before": self.half_width_before, "after": self.half_width},
        }


@dataclass(frozen=True, slots=True)
class Impossible:
    """A term that no candidate makes estimable, and the cells that would."""

    term: str
    df: int
    """Directions of the term that stay open whatever is run."""
    contrasts: tuple[tuple[str, str], ...]
    """Of a main effect: (reference, level) that can never be told apart."""
    cells: tuple[ProposedRun, ...]
    """Left-out cells that would tell, at most six."""
    cell_count: int
    reasons: tuple[str, ...]
    """Why they were left out: "forbidden", "crashed", "not a candidate"."""
    forbidden_by: tuple[Mapping[str, tuple[str, ...]], ...]
    """Entries of the forbidden combinations that leave them out: factor → labels."""
    is_proven: bool
    """False where there were too many cells to look at them all."""
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "term": self.term,
            "df": self.df,
            "contrasts": [list(pair) for pair in self.contrasts],
            "cells": [cell.as_dict() for cell in self.cells],
            "cell_count": self.cell_count,
            "reasons": list(self.reasons),
            "forbidden_by": [
                {name: list(labels) for name, labels in entry.items()}
                for entry in self.forbidden_by
            ],
            "is_proven": self.is_proven,
            "sentence": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class OpenTrials:
    """Trials that are still to end by themselves, counted as if they had finished."""

    ids: tuple[str, ...]
    is_enough: bool
    """Whether they alone make the question answerable."""
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"ids": list(self.ids), "is_enough": self.is_enough, "sentence": self.sentence}


@dataclass(frozen=True, slots=True)
class EquallyGood:
    """How many sets of the same size are as good, and the next few of them."""

    count: int
    """The proposed set counted; 0 where no run is proposed."""
    counted_all: bool
    """False: at least so many."""
    others: tuple[tuple[ProposedRun, ...], ...]

    @property
    def sentence(self) -> str:
        """What to say of it."""
        least = "" if self.counted_all else "at least "
        if self.count > 1:
            return f"It is one of {least}{self.count} sets that are equally good."
        only = self.count == 1 and self.counted_all
        return "No other set of this size is as good." if only else ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "count": self.count,
            "counted_all": self.counted_all,
            "others": [[run.as_dict() for run in runs] for runs in self.others],
            "sentence": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class FollowUps:
    """The fewest runs that make a question answerable, with what they change."""

    asked: tuple[str, ...]
    """Terms; all of the model's where none was named."""
    is_whole_model: bool
    sentence: str
    runs: tuple[ProposedRun, ...]
    why_no_fewer: str
    open_directions: int
    """rank(L N) over the finished runs (and the open trials)."""
    is_smallest: bool
    is_best: bool
    objective: float | None
    """logdet(X'X + Z'Z) for the whole model, else -logdet(L M^- L')."""
    equally_good: EquallyGood
    residual_df: tuple[int, int]
    """Before and after."""
    terms: tuple[TermChange, ...]
    contrasts: tuple[ContrastChange, ...]
    spread_note: str
    """On which spread half-widths stand, or why there are none."""
    impossible: tuple[Impossible, ...]
    open_trials: OpenTrials | None
    pairs: Alternative | None
    """Cells that differ from finished ones in an asked factor alone."""
    finish: Alternative | None
    """The fewest runs that ended without a usable value whose completion is enough."""
    fold_overs: tuple[Alternative, ...]
    seeds: Alternative | None
    """The proposed runs under several replicates each; where nothing is open, further
    replicates of the finished cells."""
    within_budget: Alternative | None
    """What fewer runs tell, where a budget was given that the smallest set exceeds."""
    hours: float | None
    cost_note: str
    notes: tuple[str, ...]

    @property
    def k(self) -> int:
        """How many runs."""
        return len(self.runs)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON.

        What a service enqueues is each entry of `runs` (or of an alternative's `runs`):

            setting     {factor: label}, every factor named; labels as the design declares them
            replicate   {key: value} as {"seed": 0}; {} where no run has such a key; null where it
                        must be one that was not used yet and is not a whole number
            blocks      {block: label}, where it is wanted to run: {"gpu_name": "T4"}; {} anywhere
            again       ids of ended runs of that setting and replicate: a retry of them is the run
            purpose     why, for people

        `k`, `sentence`, `why_no_fewer`; `open_directions`, `is_smallest` and `is_best` (claimed
        only where proven), `objective` (METHOD 6.2; null without runs), `equally_good`
        {count, counted_all, others: up to five lists of runs, sentence}.
        `before_after`: `residual_df` {before, after}; `terms` [{term, df, df_estimable, status,
        gvif_factor, pairs}]; `contrasts` [{factor, low, high, relative_variance, half_width}];
        `spread`, on what half-widths stand.
        `impossible` [{term, df, contrasts, cells, cell_count, reasons, forbidden_by, is_proven,
        sentence}]; `open_trials` {ids, is_enough, sentence} or null.
        `alternatives`: `pairs`, `finish`, `seeds`, `within_budget` (each null or an alternative)
        and `fold_overs` (a list): {runs, is_enough, residual_df, pairs_gained, hours, sentence},
        beside it what only that kind has: `contrasts` of `seeds`; `budget` and `terms` of
        `within_budget`; `factor`, `left_out`, `rank`, `frees` of a fold-over.
        `hours` of `runs` one after the other, or null; `cost` says so; `notes`.
        """
        return {
            "asked": list(self.asked),
            "is_whole_model": self.is_whole_model,
            "sentence": self.sentence,
            "k": self.k,
            "runs": [run.as_dict() for run in self.runs],
            "why_no_fewer": self.why_no_fewer,
            "open_directions": self.open_directions,
            "is_smallest": self.is_smallest,
            "is_best": self.is_best,
            "objective": self.objective,
            "equally_good": self.equally_good.as_dict(),
            "before_after": {
                "residual_df": dict(zip(("before", "after"), self.residual_df, strict=True)),
                "terms": [term.as_dict() for term in self.terms],
                "contrasts": [contrast.as_dict() for contrast in self.contrasts],
                "spread": self.spread_note,
            },
            "impossible": [found.as_dict() for found in self.impossible],
            "open_trials": self.open_trials.as_dict() if self.open_trials else None,
            "alternatives": {
                "pairs": self.pairs.as_dict() if self.pairs else None,
                "finish": self.finish.as_dict() if self.finish else None,
                "fold_overs": [fold.as_dict() for fold in self.fold_overs],
                "seeds": self.seeds.as_dict() if self.seeds else None,
                "within_budget": self.within_budget.as_dict() if self.within_budget else None,
            },
            "hours": self.hours,
            "cost": self.cost_note,
            "notes": list(self.notes),
        }


def quoted(names: Sequence[str]) -> str:
    """`a`, `b` and `c`."""
    held = [f"`{name}`" for name in names]
    return held[0] if len(held) == 1 else f"{', '.join(held[:-1])} and {held[-1]}"


def named_terms(names: Sequence[str]) -> str:
    """Return a few names quoted, more of them counted: `a` and `b`, 12 terms."""
    return quoted(names) if 0 < len(names) <= _MOST_NAMES else f"{len(names)} terms"


def counted(count: int, noun: str) -> str:
    """1 run, 2 runs."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def named_runs(runs: Sequence[ProposedRun], *, most: int = _MOST_NAMED) -> str:
    """Settings and places, the first few of many."""
    shown = "; ".join(str(run) for run in runs[:most])
    more = len(runs) - most
    return f"{shown}; and {more} more" if more > 0 else shown


def more_runs(count: int) -> str:
    """One more run, 2 more runs."""
    return "One more run" if count == 1 else f"{count} more runs"


def df_left(df: int) -> str:
    """What the residual degrees of freedom mean for an interval."""
    if df > 0:
        return f"{counted(df, 'degree')} of freedom would be left for an interval."
    return "No degree of freedom would be left for an interval: seeds are next."
