"""The smallest set of further runs that makes a question answerable, and the best of its size.

    found = smallest_set(finished, candidates)            # every column of the model
    found = smallest_set(finished, candidates, targets)   # only these functions
    found.k, found.chosen, found.equally_good

How many: for the whole model exactly rank([X; Z]) - rank(X), without a search. For a part of
it at least q = rank(L N); q is enough iff the candidates that close a direction by themselves
have rank q, which is decided exactly; else q + 1, q + 2, … are searched through.
Which: the largest objective of METHOD 6.2 among the sets of that size; equally good ones are
counted, and the caller's preference decides between them.

Promises: the set answers; `is_smallest` and `is_best` are claimed only where they are proven;
the order of the finished runs changes nothing.

Source: METHOD 6.1 to 6.3.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from paribus_sweeps.design.exchange import (
    MOST_WORK,
    basis,
    exchanged,
    largest_volume,
    starts,
    swapped,
    weightings,
)
from paribus_sweeps.design.openings import Openings
from paribus_sweeps.design.table import Codes, Floats

MOST_SETS = 200_000  # METHOD 6.2: up to here all are tried
SHOWN = 5  # equally good sets beside the chosen one
_MOST_TIED = 20_000  # equally good sets among which the preference decides
_BATCH = 20_000  # sets that are looked at in one go
_EQUAL = 1e-9  # METHOD 6.3, relative
_DIGITS = 9  # to which rows are compared
_MOST_COUNTED = 10**15  # equally good sets; a larger number fits no JSON reader's integers

Preference = Callable[[Codes], Codes]
"""(sets, k) places → (sets, keys): of equally good sets, that with the smallest keys is taken."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """The smallest set of candidates that answers, as far as candidates can."""

    chosen: tuple[int, ...]
    """Places of the candidates, ascending; empty where nothing is open or can be closed."""
    objective: float | None
    """logdet(X'X + Z'Z) of the whole model, else -logdet(L M^- L'); None without runs."""
    open: int
    """Directions of the question that the finished runs leave open."""
    closable: int
    """How many of them the candidates can close: no set of fewer runs closes them all."""
    is_smallest: bool
    """Whether it is proven that no smaller set does."""
    is_best: bool
    """Whether it is proven that no set of this size has a larger objective."""
    equally_good: int
    """Sets of this size with the same objective, this one counted."""
    counted_all: bool
    """Whether that is all of them; else there are at least so many (at most 10^15 are counted)."""
    others: tuple[tuple[int, ...], ...]
    """The next of them, at most five, in order of preference."""
    tried: int
    """Sets of fewer runs (more than `closable` - 1) that were looked through in vain."""

    @property
    def k(self) -> int:
        """How many runs."""
        return len(self.chosen)

    @property
    def never(self) -> int:
        """Directions of the question that no candidate closes."""
        return self.open - self.closable


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Sets of the best objective that was found."""

    sets: Sequence[Sequence[Codes]]
    """Of each: its members, each as all candidates that stand for it equally well."""
    value: float
    is_best: bool


def smallest_set(
    finished: Floats,
    candidates: Floats,
    targets: Floats | None = None,
    *,
    counts: Floats | None = None,
    prefer: Preference | None = None,
) -> Augmentation:
    """Find the fewest candidate rows that make functions estimable, and the best such set.

    Args:
        finished: X, (cells, p) rows of the model matrix; none is fine.
        candidates: Z, (candidates, p) rows that could be added, once each.
        targets: L, (functions, p) what must become estimable; None: the whole model.
        counts: (cells,) how many runs each row of `finished` stands for; default 1.
        prefer: Decides between equally good sets; after it, the smaller places.
    """
    weights = np.ones(len(finished)) if counts is None else counts
    openings = Openings.of(finished, candidates, targets, weights)
    if not openings.closable:
        return Augmentation((), None, openings.open, 0, True, True, 1, True, (), 0)
    found, proven, tried = _search(openings)
    tied = _listed(found.sets, prefer)
    equal = sum(math.prod(len(m) for m in members) for members in found.sets)
    return Augmentation(
        chosen=tied[0],
        objective=found.value,
        open=openings.open,
        closable=openings.closable,
        is_smallest=proven,
        is_best=found.is_best and proven,
        equally_good=min(equal, _MOST_COUNTED),
        counted_all=found.is_best and equal <= _MOST_COUNTED,
        others=tuple(tied[1:]),
        tried=tried,
    )


def improved_set(
    finished: Floats, candidates: Floats, targets: Floats | None, begun: Codes, *, counts: Floats
) -> tuple[Codes, float]:
    """Exchange members of a set that answers while its volume grows: places, and objective.

    Args:
        finished: As of `smallest_set`; so are `candidates`, `targets` and `counts`.
        candidates: Those that may enter, and those that are in the set.
        targets: The question.
        begun: Places of a set that closes one direction with each of its runs.
        counts: How many runs each row stands for.
    """
    openings = Openings.of(finished, candidates, targets, counts)
    pure = np.flatnonzero(openings.pure)
    parts = openings.parts[pure, : openings.closable]
    places = np.sort(pure[swapped(parts, np.searchsorted(pure, begun))])
    return places, float(openings.score(places[None, :])[0])


def _search(openings: Openings) -> tuple[_Found, bool, int]:
    """Return the best sets, whether they are proven to be the smallest, and the sets in vain."""
    pure = np.flatnonzero(openings.pure)
    if _rank(openings.parts[pure, : openings.closable]) == openings.closable:
        return _best_of(openings, pure), True, 0
    return _larger(openings)


def _rank(parts: Floats) -> int:
    """Rank of rows that are orthonormal coordinates, so that no column needs scaling."""
    if not len(parts):
        return 0
    singular = np.linalg.svd(parts, compute_uv=False)
    return int(np.sum(singular > 1e-7 * max(1.0, singular[0])))


# k = q: every candidate that enters closes a direction


def _best_of(openings: Openings, pool: Codes) -> _Found:
    classes = _alike(openings, pool)
    heads = np.array([members[0] for members in classes])
    size = openings.closable
    if math.comb(len(heads), size) <= MOST_SETS:
        value, places = _best_sets(openings, heads, size)
    elif openings.is_whole:
        places = largest_volume(openings.parts[heads])
        value = float(openings.score(heads[places]).max())
    else:
        value, places = _best_exchanged(openings, heads)
    is_best = math.comb(len(heads), size) <= MOST_SETS
    return _Found([[classes[at] for at in places_of] for places_of in places], value, is_best)


def _alike(openings: Openings, pool: Codes) -> list[Codes]:
    """Group candidates that no objective tells apart; only the whole model has such."""
    if not openings.is_whole:
        return [pool[at : at + 1] for at in range(len(pool))]
    return _grouped(openings.parts[pool], pool)


def _grouped(rows: Floats, pool: Codes) -> list[Codes]:
    """Group `pool` by rows that are equal up to sign, in order of their first members."""
    rounded = np.round(rows, _DIGITS) + 0.0  # no -0.0
    first = np.argmax(rounded != 0, axis=1)
    sign = np.sign(rounded[np.arange(len(rounded)), first])
    _, group = np.unique(rounded * sign[:, None] + 0.0, axis=0, return_inverse=True)
    group = group.reshape(-1)
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group))[:-1]
    return sorted(np.split(pool[order], ends), key=lambda members: int(members[0]))


def _best_sets(openings: Openings, heads: Codes, size: int) -> tuple[float, Codes]:
    """Try all sets; return the best objective and every set (places in `heads`) that has it."""
    best, kept = -math.inf, []
    for sets in _batches(len(heads), size):
        values = openings.score(heads[sets])
        best = max(best, float(values.max()))
        near = values >= best - _slack(best)
        kept.append((values[near], sets[near]))
    values = np.concatenate([values for values, _ in kept])
    sets = np.concatenate([sets for _, sets in kept])
    return best, sets[values >= best - _slack(best)]


def _slack(value: float) -> float:
    return _EQUAL * max(1.0, abs(value)) if math.isfinite(value) else 0.0


def _batches(count: int, size: int) -> Iterator[Codes]:
    """All sets of `size` among `count`, in lexicographic order, in batches."""
    sets = itertools.combinations(range(count), size)
    while batch := list(itertools.islice(sets, _BATCH)):
        yield np.array(batch, np.int64)


def _best_exchanged(openings: Openings, heads: Codes) -> tuple[float, Codes]:
    """Exchange from the sets of largest volume, and from others where there is time.

    With one run for each direction T = A w1^-1 (see `Openings`), so that a large volume of w1
    makes det(T T') small, which is all of the objective but what finished runs add.
    """
    parts = openings.parts[heads, : openings.closable]
    begun = [*largest_volume(parts)]
    work = 60 * len(heads) * openings.closable**4
    if work > MOST_WORK:
        value = float(openings.score(heads[begun[0]][None, :])[0])
        return value, np.array(begun[:1])
    begun += [basis(parts, weights) for weights in weightings(len(heads), starts(work))]
    return _best_from(openings, [heads[places] for places in begun], heads)


def _best_from(openings: Openings, begun: Sequence[Codes], options: Codes) -> tuple[float, Codes]:
    """Exchange from several sets; the best objective, and the sets as places in `options`."""
    ended = [exchanged(openings.score, start, options) for start in begun]
    best = max(value for value, _ in ended)
    sets = np.unique([chosen for value, chosen in ended if value >= best - _slack(best)], axis=0)
    return best, np.searchsorted(options, sets)


# k > q: some candidate that enters closes nothing by itself


def _larger(openings: Openings) -> tuple[_Found, bool, int]:
    """Look through q + 1, q + 2, … while there is time; else take the smallest set met."""
    useful = np.flatnonzero(openings.useful)
    lengths = np.sqrt(np.einsum("ij,ij->i", openings.parts[useful], openings.parts[useful]))
    classes = _grouped(openings.parts[useful] / lengths[:, None], useful)
    heads = np.array([members[0] for members in classes])
    upper = _sufficient(openings, useful)
    size, tried = openings.closable + 1, 0
    while size <= len(upper) and math.comb(len(heads), size) <= MOST_SETS:
        answering = _answering(openings, heads, size)
        if len(answering):
            return _best_among(openings, classes, answering), True, tried
        tried += math.comb(len(heads), size)
        size += 1
    return _met(openings, upper, useful), size >= len(upper), tried


def _sufficient(openings: Openings, useful: Codes) -> Codes:
    """Return the smallest set that answers of those met: what some bases of the whole need."""
    parts = openings.parts[useful]
    work = 3 * parts.size * parts.shape[1]
    found = []
    tried = itertools.chain(
        _alike_beside(parts[:, openings.closable :], starts(work)),
        weightings(len(useful), 10 * starts(10 * work)),
    )
    for weights in tried:
        chosen = basis(parts, weights)
        share = np.abs(openings.shares(parts[None, chosen])[0]).max(axis=0)
        found.append(useful[np.sort(chosen[share > 1e-7 * share.max()])])
    return min(found, key=lambda places: (len(places), places.tolist()))


def _alike_beside(beside: Floats, count: int) -> Iterator[Floats]:
    """Weights that favour candidates alike in what the question does not need.

    Runs that differ only in what is asked bring in nothing else: beside finished runs, where
    those parts are zero, or beside one of the candidates.
    """
    places = np.unique(np.linspace(0, len(beside) - 1, count).astype(np.int64))
    for anchor in (np.zeros(beside.shape[1]), *beside[places]):
        away = beside - anchor
        distance = np.einsum("ij,ij->i", away, away)
        yield (1e-3 + distance / max(1e-300, float(distance.max()))) ** -4


def _answering(openings: Openings, heads: Codes, size: int) -> Codes:
    """Return all sets of `size` (places in `heads`) that answer."""
    kept = [sets[np.isfinite(openings.score(heads[sets]))] for sets in _batches(len(heads), size)]
    return np.concatenate(kept)


def _best_among(openings: Openings, classes: list[Codes], answering: Codes) -> _Found:
    """Return the best of the sets whose classes answer; any member of a class will do."""
    total = sum(math.prod(len(classes[at]) for at in places) for places in answering)
    if total > MOST_SETS:
        pool = np.sort(np.concatenate([classes[at] for at in np.unique(answering)]))
        heads = [np.array([classes[at][0] for at in places]) for places in answering]
        work = 100 * len(pool) * answering.shape[1] * openings.parts.shape[1]
        value, places = _best_from(openings, heads[: starts(work)], pool)
        return _Found([[pool[at : at + 1] for at in of] for of in places], value, False)
    sets = np.sort(
        [one for of in answering for one in itertools.product(*(classes[at] for at in of))],
        axis=1,
    )
    values = np.concatenate(
        [openings.score(sets[at : at + _BATCH]) for at in range(0, len(sets), _BATCH)]
    )
    best = float(values.max())
    kept = sets[values >= best - _slack(best)]
    return _Found([[np.array([at]) for at in of] for of in kept], best, True)


def _met(openings: Openings, upper: Codes, useful: Codes) -> _Found:
    work = 250 * len(useful) * len(upper) * openings.parts.shape[1]
    options = useful if starts(work) > 1 else upper
    value, places = _best_from(openings, [upper], options)
    return _Found([[options[at : at + 1] for at in of] for of in places], value, False)


# equally good sets


def _listed(found: Sequence[Sequence[Codes]], prefer: Preference | None) -> list[tuple[int, ...]]:
    """Return the first few equally good sets in order of preference."""
    quota = max(1, _MOST_TIED // len(found))
    listed: list[tuple[int, ...]] = []
    for members in found:
        short = _shortened(members, prefer, quota)
        listed += [tuple(sorted(map(int, one))) for one in itertools.product(*short)]
    sets = np.array(listed, np.int64)
    keys = prefer(sets) if prefer else np.zeros((len(sets), 0), np.int64)
    order = np.lexsort(np.hstack([keys, sets]).T[::-1])
    return [tuple(int(at) for at in sets[place]) for place in order[: SHOWN + 1]]


def _shortened(members: Sequence[Codes], prefer: Preference | None, quota: int) -> Sequence[Codes]:
    """Keep of each member's candidates the preferred ones, where there are too many sets."""
    if math.prod(len(alike) for alike in members) <= quota:
        return members
    kept = max(1, int(quota ** (1 / len(members))))
    if prefer is None:
        return [alike[:kept] for alike in members]
    orders = [np.lexsort(np.hstack([prefer(a[:, None]), a[:, None]]).T[::-1]) for a in members]
    return [alike[order[:kept]] for alike, order in zip(members, orders, strict=True)]
