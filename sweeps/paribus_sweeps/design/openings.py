"""What finished runs leave open of a question, and what each candidate run does about it.

Everything about a candidate row z that matters is w = z N, its part in the null space N of the
finished runs, restricted to what some candidate can close. Turn w so that its first q columns
hold what the question needs, the rest what it does not: [w1 | w2]. Then a set S answers iff
rank(w_S) - rank(w2_S) = q, and a single run closes a direction iff w2 = 0 and w1 is not.

A smallest set has independent rows w_S. Each of its runs is then fitted exactly, and
    whole model   det(X'X + Z'Z) = pdet(X'X) det(w_S)^2
    subset        L M^- L' = (L - T Z_S) (X'X)^+ (L - T Z_S)' + T T',  where  L N = T w_S.

Source: METHOD 6.1 and 6.2; Searle, Linear Models (1971), chapter 5. The two identities are
the block inverse of M in the coordinates (row space of X, N); tests compare them with M itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paribus_sweeps.design.linear_space import ESTIMABLE_TOLERANCE, LinearSpace, triangular
from paribus_sweeps.design.table import Codes, Flags, Floats

_SMALLEST_VOLUME = 1e-7  # of unit rows; smaller ones are dependent


@dataclass(frozen=True, slots=True, eq=False)
class _Spread:
    """What the finished runs say of the functions, where candidates would complete them."""

    needed: Floats
    """(q, d): the open functions in the null space."""
    told: Floats
    """(q, m): the open functions in the row space, on the scale of `own`."""
    own: Floats
    """(candidates, m): z (X'X)^(-1/2) there, without what tells the closed functions."""
    constant: float
    """Part of the objective that is the same for every set."""

    @classmethod
    def of(cls, needed: Floats, told: Floats, own: Floats, root: Floats, closable: int) -> _Spread:
        """Take the functions apart: the first `closable` are open, the rest is told already."""
        if not len(needed):
            volume = float(2 * np.sum(np.log(np.abs(np.diag(root)))))
            return cls(needed, told, own[:, :0], volume)
        closed = triangular(told[closable:].T)
        free = complement(np.linalg.qr(told[closable:].T)[0])
        constant = float(-2 * np.sum(np.log(np.abs(np.diag(closed)))))
        return cls(needed[:closable], told[:closable] @ free, own @ free, constant)


@dataclass(frozen=True, slots=True, eq=False)
class Openings:
    """What a question leaves open, and what each candidate does about it."""

    is_whole: bool
    """Whether every direction is asked: then any independent rows will do."""
    open: int
    """rank(L N): directions of the question that the finished runs leave open."""
    closable: int
    """q: how many of them the candidates can close, all together."""
    parts: Floats
    """(candidates, d): w, turned; the first `closable` columns are what the question needs."""
    lengths: Floats
    """(candidates,): of z, at least 1e-300."""
    spread: _Spread
    """Of the question's functions over the finished runs."""

    @classmethod
    def of(
        cls, finished: Floats, candidates: Floats, targets: Floats | None, counts: Floats
    ) -> Openings:
        """Take a question apart; arguments as of `smallest_set`."""
        before = LinearSpace.of(finished)
        never = LinearSpace.of(np.vstack([finished, candidates])).null
        null = before.null @ complement(before.null.T @ never)
        reach = None if targets is None else reachable(targets, never)
        functions, null, closable = _turned(reach, null)
        row_space = complement(before.null)
        root = triangular(np.sqrt(counts)[:, None] * (finished @ row_space))
        parts, lengths = candidates @ null, np.maximum(_lengths(candidates), 1e-300)
        parts[~_long(parts, lengths)] = 0.0  # what is left by rounding
        return cls(
            is_whole=targets is None,
            open=before.deficiency if targets is None else before.open_directions(targets),
            closable=closable,
            parts=parts,
            lengths=lengths,
            spread=_Spread.of(
                functions @ null,
                _over(functions @ row_space, root),
                _over(candidates @ row_space, root),
                root,
                closable,
            ),
        )

    @property
    def useful(self) -> Flags:
        """(candidates,): which of them tell anything that the finished runs do not."""
        return _long(self.parts, self.lengths)

    @property
    def pure(self) -> Flags:
        """(candidates,): which of them close a direction by themselves."""
        beside = _long(self.parts[:, self.closable :], self.lengths)
        return _long(self.parts[:, : self.closable], self.lengths) & ~beside

    def score(self, sets: Codes) -> Floats:
        """Return the objective of each set of candidates, -inf where it does not answer.

        Of the whole model logdet(X'X + Z'Z), on the span of finished runs and candidates; else
        -logdet(L M^- L') over an orthonormal basis of the question's functions.

        Args:
            sets: (sets, k) places; of the whole model k is `closable`.
        """
        return self._volumes(sets) if self.is_whole else self._covariances(sets)

    def _volumes(self, sets: Codes) -> Floats:
        signs, logs = np.linalg.slogdet(self.parts[sets])
        unit = logs - np.log(self._part_lengths(sets)).sum(axis=1)
        values = np.full(len(sets), -np.inf)
        full = (signs != 0) & (unit > np.log(_SMALLEST_VOLUME))
        values[full] = self.spread.constant + 2 * logs[full]
        return values

    def _part_lengths(self, sets: Codes) -> Floats:
        parts = self.parts[sets]
        squares = np.einsum("skd,skd->sk", parts, parts)
        return np.asarray(np.maximum(np.sqrt(squares), 1e-300))

    def _covariances(self, sets: Codes) -> Floats:
        values = np.full(len(sets), -np.inf)
        parts = self.parts[sets]
        unit = parts / self._part_lengths(sets)[:, :, None]
        gram = unit @ unit.transpose(0, 2, 1)
        free = np.flatnonzero(np.linalg.det(gram) > _SMALLEST_VOLUME**2)
        shares = self.shares(parts[free])
        missed = np.abs(self.spread.needed - shares @ parts[free]).max(axis=(1, 2), initial=0.0)
        answers = missed <= ESTIMABLE_TOLERANCE
        shares, free = shares[answers], free[answers]
        rest = self.spread.told - shares @ self.spread.own[sets[free]]
        covariance = rest @ rest.transpose(0, 2, 1) + shares @ shares.transpose(0, 2, 1)
        values[free] = self.spread.constant - np.linalg.slogdet(covariance)[1]
        return values

    def shares(self, parts: Floats) -> Floats:
        """Return T of L N = T w_S, by least squares: (sets, q, k) for (sets, k, d)."""
        across = parts.transpose(0, 2, 1)
        solved = np.linalg.solve(parts @ across, parts @ self.spread.needed.T)
        return np.asarray(solved.transpose(0, 2, 1))


def _lengths(rows: Floats) -> Floats:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", rows, rows)))


def _long(parts: Floats, lengths: Floats) -> Flags:
    """(candidates,): whose parts are more than rounding leaves of rows of these lengths."""
    largest = np.abs(parts).max(axis=1, initial=0.0)
    return np.asarray(largest > ESTIMABLE_TOLERANCE * lengths)


def complement(columns: Floats) -> Floats:
    """Return an orthonormal basis of what orthonormal columns leave: (rows, rows - columns)."""
    rows, held = columns.shape
    if not held:
        return np.eye(rows)
    return np.asarray(np.linalg.qr(columns, mode="complete")[0][:, held:])


def reachable(targets: Floats, never: Floats) -> Floats:
    """Return an orthonormal basis of the functions of `targets` that are orthogonal to `never`."""
    lengths = _lengths(targets)
    unit = targets[lengths > 0] / lengths[lengths > 0, None]
    left, singular, _ = np.linalg.svd(unit @ never, full_matrices=True)
    kept = left[:, int(np.sum(singular > ESTIMABLE_TOLERANCE)) :].T @ unit
    _, singular, right = np.linalg.svd(kept, full_matrices=False)
    return np.asarray(right[singular > ESTIMABLE_TOLERANCE])


def _turned(reach: Floats | None, null: Floats) -> tuple[Floats, Floats, int]:
    """Turn functions and null space so that function i needs direction i, up to q, and no other.

    Returns:
        The functions, the null space, and q.
    """
    if reach is None:
        return np.zeros((0, len(null))), null, null.shape[1]
    left, singular, right = np.linalg.svd(reach @ null, full_matrices=True)
    return left.T @ reach, null @ right.T, int(np.sum(singular > ESTIMABLE_TOLERANCE))


def _over(rows: Floats, root: Floats) -> Floats:
    """Rows times the inverse of `root`."""
    return np.asarray(np.linalg.solve(root.T, rows.T).T)
