"""Follow-ups: the fewest runs that make a question answerable, which ones, and why no fewer.

    answer = follow_ups(table, factors=["batch"])
    answer.sentence  # One more run separates `batch` from `ratio` and `cadence`: batch=8, …
    answer.runs      # what to run, where, under which seed

Beside the smallest set stand what it leaves to be wished for: the runs that restore matched
pairs, the ended runs whose completion would be enough, fold-overs, and seeds.

Promises: the runs answer all of the question that any candidates can; what no candidate can
answer is named, with the cells that would; open trials are waited for, and not run twice; the
order of the runs changes nothing.

Source: METHOD 6; DESIGN 1 (the four runs of the story).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from paribus_sweeps.design.alternatives import (
    alternative,
    finishing,
    folds,
    pair_restoring,
    saying,
)
from paribus_sweeps.design.augmentation import Augmentation
from paribus_sweeps.design.budgets import affordable
from paribus_sweeps.design.cell_grid import Forbidden, Setting
from paribus_sweeps.design.changes import Spread, contrast_changes, term_changes
from paribus_sweeps.design.coordinates import coordinate_exchange
from paribus_sweeps.design.estimability import Gate
from paribus_sweeps.design.extended_table import open_rows
from paribus_sweeps.design.impossible import impossible_terms
from paribus_sweeps.design.planning import Plan, Request
from paribus_sweeps.design.preference import TieBreak
from paribus_sweeps.design.proposals import (
    Alternative,
    EquallyGood,
    FollowUps,
    Impossible,
    OpenTrials,
    ProposedRun,
    counted,
    df_left,
    more_runs,
    named_runs,
    named_terms,
)
from paribus_sweeps.design.prospect import Prospect
from paribus_sweeps.design.purposes import purposes
from paribus_sweeps.design.seeds import seeded
from paribus_sweeps.design.table import Codes, Table

_MOST_PARAMETERS = 300  # of a model whose relations are looked up for a sentence: a second
MOST_OPEN = 150  # directions; beyond it a set is found in minutes, and nobody runs it as it is
_NOTHING = Augmentation((), None, 0, 0, True, True, 1, True, (), 0)


def follow_ups(
    table: Table,
    *,
    factors: Sequence[str] | None = None,
    interactions: Sequence[tuple[str, str]] = (),
    candidates: Iterable[Setting] | None = None,
    forbidden: Forbidden = (),
    allow_crashed: bool = False,
    blocks: Mapping[str, str] | None = None,
    new_wave: bool = False,
    sd: float | None = None,
    df: float | None = None,
    hours_per_run: float | None = None,
    seeds: int | None = None,
    budget: int | None = None,
) -> FollowUps:
    """Say which runs would make a question answerable.

    Args:
        table: All runs, unusable and open ones too: their states say what may be run again.
        factors: What is asked: names of factors, or of interactions ("batch x ratio"), all
            contrasts of their declared levels; None: the whole model.
        interactions: Pairs of factors whose interaction the model has, asked or not.
        candidates: Settings that could be run; default: all declared levels, crossed. Either
            way at every combination of blocks that finished runs have.
        forbidden: A predicate of a setting (True: must not be run), or combinations.
        allow_crashed: Whether cells may be run again that crashed in every attempt.
        blocks: Block → label that new runs are to have; default: any that finished runs have,
            the most frequent one preferred.
        new_wave: Whether the new runs stand as a wave of their own in the model, as they should
            when they are made on another day or with other code (METHOD 6.1).
        sd: Standard deviation of one run around its expectation, in the response's unit.
        df: Degrees of freedom that `sd` has; None: it is taken as known.
        hours_per_run: What a run takes, on one GPU.
        seeds: How many replicates of each run the alternative `seeds` has (METHOD 8 says).
        budget: How many runs may be made; where that is too few, what so many would tell.

    Raises:
        UnknownName: A name or a label that the table does not have.
        TooLarge: The model would have too many columns.
    """
    plan = Plan.of(
        table,
        Request(factors, interactions, candidates, forbidden, allow_crashed, blocks, new_wave),
    )
    if plan.asked and plan.left(plan.coming) > MOST_OPEN:
        return _too_many(plan, plan.left(plan.coming))
    found, cells = _searched(plan)
    prospect = Prospect(plan, found.never, hours_per_run)
    answer = _answer(prospect, found, cells, Spread(sd, df), seeds)
    if budget is None or found.k <= budget:
        return answer
    return replace(answer, within_budget=_within(prospect, cells, budget))


def _too_many(plan: Plan, left: int) -> FollowUps:
    """Say how many runs it takes at least, and leave open which."""
    why = f"Fewer cannot: {left} directions are open and each run closes at most one."
    return FollowUps(
        asked=tuple(term.name for term in plan.asked),
        is_whole_model=plan.is_whole,
        sentence=(
            f"At least {left} more runs would be needed. {why} Which ones is looked for up to "
            f"{MOST_OPEN}: ask about fewer factors (factors=)."
        ),
        runs=(),
        why_no_fewer=why,
        open_directions=left,
        is_smallest=False,
        is_best=False,
        objective=None,
        equally_good=EquallyGood(0, False, ()),
        residual_df=(_df(plan.before), _df(plan.before)),
        terms=(),
        contrasts=(),
        spread_note="No set of runs was looked for.",
        impossible=(),
        open_trials=None,
        pairs=None,
        finish=None,
        fold_overs=(),
        seeds=None,
        within_budget=None,
        hours=None,
        cost_note="No set of runs was looked for.",
        notes=(),
    )


def _searched(plan: Plan) -> tuple[Augmentation, Codes]:
    """Return the smallest set, and the cells that its places mean."""
    if not plan.asked or not plan.left(plan.coming):
        return _NOTHING, np.zeros((0, len(plan.names)), np.int64)
    cells = plan.candidates()
    if not plan.is_listed:
        return coordinate_exchange(plan, cells, plan.open_factors())
    return plan.smallest(cells, TieBreak.of(plan, cells, plan.open_factors())), cells


def _answer(
    prospect: Prospect, found: Augmentation, cells: Codes, spread: Spread, seeds: int | None
) -> FollowUps:
    plan, chosen = prospect.plan, cells[list(found.chosen)]
    runs = prospect.proposed(chosen, prospect.usual(chosen), purposes(plan, chosen))
    table = prospect.table(chosen, prospect.usual(chosen))
    after = plan.gate(table) if len(table) else None
    impossible = impossible_terms(plan, cells) if found.never else ()
    why, equal = _why_no_fewer(found), _equally_good(prospect, found, cells)
    said = [_head(plan, found, runs, impossible), why, equal.sentence if equal.count > 1 else ""]
    return FollowUps(
        asked=tuple(term.name for term in plan.asked),
        is_whole_model=plan.is_whole,
        sentence=" ".join(filter(None, said)),
        runs=runs,
        why_no_fewer=why,
        open_directions=found.open,
        is_smallest=found.is_smallest,
        is_best=found.is_best,
        objective=found.objective,
        equally_good=equal,
        residual_df=(_df(plan.before), _df(after)),
        terms=term_changes(prospect, after, table),
        contrasts=contrast_changes(prospect, after, spread),
        spread_note=spread.note,
        impossible=impossible,
        open_trials=_open_trials(prospect),
        pairs=pair_restoring(prospect, plan.open_factors()) if found.open else None,
        finish=finishing(prospect) if found.closable else None,
        fold_overs=folds(prospect) if found.open else (),
        seeds=seeded(prospect, chosen, seeds, spread) if len(table) else None,
        within_budget=None,
        hours=prospect.hours(len(runs)),
        cost_note=_cost(prospect, len(runs)),
        notes=tuple(_notes(plan, found, _df(after))),
    )


def _df(gate: Gate | None) -> int:
    return gate.residual_df if gate else 0


def _within(prospect: Prospect, cells: Codes, budget: int) -> Alternative:
    """Return the runs that a budget allows, and what they tell."""
    found = affordable(prospect.plan, cells, budget)
    details = {"budget": budget, "terms": list(found.terms)}
    allowed = f"With {counted(budget, 'run')}"
    if not len(found.cells):
        sentence = f"{allowed}, nothing more of what is asked can be told."
        return Alternative((), False, _df(prospect.plan.coming), {}, 0.0, sentence, details)
    usual = prospect.usual(found.cells)
    made = alternative(prospect, found.cells, usual, purposes(prospect.plan, found.cells))
    sentence = f"{allowed}, {named_terms(found.terms)} can be told: {named_runs(made.runs)}."
    return replace(saying(made, sentence), details=details)


def _equally_good(prospect: Prospect, found: Augmentation, cells: Codes) -> EquallyGood:
    others = [cells[list(places)] for places in found.others]
    proposed = tuple(
        prospect.proposed(other, prospect.usual(other), purposes(prospect.plan, other))
        for other in others
    )
    return EquallyGood(found.equally_good if found.k else 0, found.counted_all, proposed)


def _open_trials(prospect: Prospect) -> OpenTrials | None:
    plan = prospect.plan
    rows = np.flatnonzero(open_rows(plan.everything))
    if not len(rows):
        return None
    enough, done = not plan.left(plan.coming), not plan.left(plan.before)
    one = len(rows) == 1
    if done:
        sentence = ""
    elif enough:
        when = "open trial: when it finishes" if one else "open trials: when they finish"
        sentence = f"Wait for the {when}, everything asked can be estimated."
    else:
        they = "is counted as if it" if one else "are counted as if they"
        sentence = f"{counted(len(rows), 'open trial')} {they} had finished."
    return OpenTrials(tuple(plan.everything.ids[at] for at in rows), enough, sentence)


# sentences


def _head(
    plan: Plan,
    found: Augmentation,
    runs: Sequence[ProposedRun],
    impossible: Sequence[Impossible],
) -> str:
    never = " ".join(item.sentence for item in impossible)
    if runs:
        verb = _purpose(plan, one=len(runs) == 1)
        return f"{more_runs(len(runs))} {verb}: {named_runs(runs)}.{never and f' {never}'}"
    if not plan.asked:
        return "There is nothing to compare: nothing that was asked has two levels."
    if not plan.left(plan.before):
        return "No run is needed: everything asked can be estimated already."
    if not found.open:
        return "Wait for the open trials: when they finish, everything asked can be estimated."
    return never


def _purpose(plan: Plan, *, one: bool) -> str:
    """Say what the runs do: separate factors from what moved with them, or answer them."""
    asked = plan.open_factors() or [term.name for term in plan.asked]
    partners = {name: _partners(plan, name) for name in asked}
    others = [n for n in dict.fromkeys(sum(partners.values(), ())) if n not in asked]
    s = "s" if one else ""
    if others:
        return f"separate{s} {named_terms(asked)} from {named_terms(others)}"
    if len(asked) > 1 and all(partners.values()):
        return f"separate{s} {named_terms(asked)} from each other"
    return f"make{s} {named_terms(asked)} answerable"


def _partners(plan: Plan, name: str) -> tuple[str, ...]:
    """Return what a factor cannot be told from; of a very large model it is not looked up."""
    gate = plan.coming
    if gate is None or gate.parameters > _MOST_PARAMETERS:
        return ()
    return gate.confounded_with(name)


def _why_no_fewer(found: Augmentation) -> str:
    if not found.k:
        return ""
    directions = counted(found.closable, "direction")
    is_are = "is" if found.closable == 1 else "are"
    if found.k == found.closable:
        return f"Fewer cannot: {directions} {is_are} open and each run closes at most one."
    told = f"of what is asked {directions} {is_are} open, each run closes at most one"
    if found.is_smallest:
        sets = f", nor do any of the {found.tried} smaller sets" if found.tried else ""
        return (
            f"Fewer cannot: {told}, and only one that brings in nothing else that is open: "
            f"no {counted(found.closable, 'run')} can do that{sets}."
        )
    return f"Whether fewer would do is not proven: {told}, so at least {found.closable} must be."


def _cost(prospect: Prospect, runs: int) -> str:
    if not runs:
        return "Nothing to run."
    hours = prospect.hours(runs)
    if hours is None:
        return "No run has told yet how long one takes."
    return (
        f"About {hours:.3g} hours: {counted(runs, 'run')} of {prospect.hours_per_run:.3g} hours."
    )


def _crashed(plan: Plan) -> list[ProposedRun]:
    grid, width = plan.grid, len(plan.grid.factors)
    whole = [ProposedRun(grid.setting(c), grid.place(c)) for c in sorted(grid.crashes.cells)]
    alone = sorted(grid.crashes.settings - {cell[:width] for cell in grid.crashes.cells})
    return whole + [ProposedRun(grid.setting(codes), {}) for codes in alone]


def _notes(plan: Plan, found: Augmentation, residual_df: int) -> Iterable[str]:
    if found.k:
        yield df_left(residual_df)
    left_out = _crashed(plan) if found.open else []
    if left_out:
        yield (
            f"Left out, since every attempt crashed: {named_runs(left_out)}. `allow_crashed` "
            "takes them in."
        )
    if plan.wave is not None:
        yield (
            f"The new runs stand as a wave of their own in the model (`{plan.wave.name}`): what "
            "another day or other code does is not taken for an effect."
        )
    if not plan.is_listed:
        yield (
            f"The declared levels make {plan.grid.size} cells, too many to try: runs were "
            "improved one factor at a time, and a better set of this size may exist."
        )
    if not found.is_best and found.k and plan.is_listed:
        yield "There were too many sets to try them all: a better one of this size may exist."
