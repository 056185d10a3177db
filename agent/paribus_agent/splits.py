"""Who trains, who tests, who is held out: one shuffle, and boundaries in it.

Train is the first part of the shuffled order, test the rest, so the splits of
different ratios are nested: the 4:1 test part lies inside the 1:1 test part. The
common hold-out is the last share of the same order; a setting that would train on it
is refused.

Equal texts stand next to one another in the order, and a boundary that falls between
two of them moves to the nearer end of their group. None is dropped.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np
from numpy.typing import NDArray

from paribus_agent.errors import InvalidSetting

Digests = NDArray[np.uint8]
"""SHA-256 of each review's text, (reviews, 32)."""


@dataclass(frozen=True, slots=True)
class Split:
    """Boundaries in the shuffled order of a pool; every part is a range of it."""

    pool: int
    """Reviews in the pool."""
    train_end: int
    """Train is [0, train_end), test [train_end, pool)."""
    holdout_start: int
    """The common hold-out is [holdout_start, pool); it lies inside test."""
    train_moved: int
    """Reviews by which equal texts moved `train_end`."""
    holdout_moved: int
    """Reviews by which equal texts moved `holdout_start`."""

    @property
    def parts(self) -> dict[str, slice]:
        """Each part's name and range; the hold-out is left out where it is empty."""
        parts = {"train": slice(0, self.train_end), "test": slice(self.train_end, self.pool)}
        if self.holdout_start < self.pool:
            parts["holdout"] = slice(self.holdout_start, self.pool)
        return parts


def text_digests(texts: Sequence[str]) -> Digests:
    """Return the SHA-256 of each text in UTF-8, (texts, 32)."""
    joined = b"".join(hashlib.sha256(text.encode()).digest() for text in texts)
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(texts), 32)


def shuffled_order(digests: Digests, split_seed: int) -> NDArray[np.int64]:
    """Return the indices of all reviews in shuffled order, equal texts side by side.

    The generator is numpy's `RandomState`, whose stream is frozen, so that a
    `split_seed` means the same split under every version of numpy.
    Source: NEP 19.
    """
    _, group = np.unique(digests, axis=0, return_inverse=True)
    group = group.reshape(-1)
    # Groups are numbered by their first review, not by their digest, so that a seed's
    # order follows the data set's own.
    first = np.full(group.max() + 1, len(group), dtype=np.int64)
    np.minimum.at(first, group, np.arange(len(group)))
    rank = np.empty_like(first)
    rank[np.argsort(first)] = np.random.RandomState(split_seed).permutation(len(first))
    return np.lexsort((np.arange(len(group)), rank[group]))


def split(ordered: Digests, *, train_share: Fraction, holdout_share: float) -> Split:
    """Return the boundaries of a pool in shuffled order.

    Args:
        ordered: Digests of the pool's texts, in shuffled order.
        train_share: Share of the pool that is trained on, between 0 and 1.
        holdout_share: Share of the pool that is held out, 0 to below 1.

    Raises:
        InvalidSetting: A part would be empty, or training would reach the hold-out.
    """
    count = len(ordered)
    wanted_train = floor(count * train_share)
    wanted_holdout = count - floor(count * Fraction(str(holdout_share)))
    train_end = _move_off_equal_texts(ordered, wanted_train)
    holdout_start = _move_off_equal_texts(ordered, wanted_holdout)
    if not 0 < train_end < count:
        raise InvalidSetting(
            "pool_size", f"{count} reviews leave a part empty at train_share {train_share}"
        )
    if train_end > holdout_start:
        raise InvalidSetting(
            "holdout_share",
            f"training on {train_end} of {count} reviews would reach the hold-out, which "
            f"starts at review {holdout_start}; lower holdout_share or train_test_ratio",
        )
    if holdout_share > 0 and holdout_start == count:
        raise InvalidSetting(
            "holdout_share", f"{holdout_share} of {count} reviews is none; set it to 0 or raise it"
        )
    return Split(
        pool=count,
        train_end=train_end,
        holdout_start=holdout_start,
        train_moved=train_end - wanted_train,
        holdout_moved=holdout_start - wanted_holdout,
    )


def fingerprint(digests: Digests, labels: NDArray[np.int64]) -> str:
    """Return the SHA-256 over ordered texts and labels, as hexadecimal text.

    Each review enters as the SHA-256 of its text followed by its label as eight bytes,
    little-endian.
    """
    label_bytes = labels.astype("<i8").reshape(-1, 1).view(np.uint8)
    return hashlib.sha256(np.hstack([digests, label_bytes]).tobytes()).hexdigest()


def _move_off_equal_texts(ordered: Digests, boundary: int) -> int:
    """Return the nearest boundary that parts no equal texts; of two as near, the earlier."""
    if not 0 < boundary < len(ordered):
        return boundary
    back = forward = boundary
    while back > 0 and np.array_equal(ordered[back - 1], ordered[boundary]):
        back -= 1
    if back == boundary:
        return boundary
    while forward < len(ordered) and np.array_equal(ordered[forward], ordered[boundary]):
        forward += 1
    return back if boundary - back <= forward - boundary else forward
