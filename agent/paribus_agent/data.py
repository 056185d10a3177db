"""Reviews as the model reads them: a pool in shuffled order, cut into tokens once.

Tokens are kept on disk, keyed by what they were made from, and mapped into memory by
every process that trains on the same pool: cutting 25,000 reviews takes longer than
many a demo run trains. A folder is written under another name and renamed when it is
whole, so that processes that start together neither wait for nor disturb one another.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from paribus_agent.config import TrainConfig
from paribus_agent.model import Weights, load_tokenizer, tokenizer_sha256
from paribus_agent.sources import Reviews, load_reviews
from paribus_agent.splits import (
    Digests,
    Split,
    fingerprint,
    shuffled_order,
    split,
    text_digests,
)

CACHE_FORMAT = 1  # part of the key: raise it when the files' meaning changes
TOKENISED_AT_A_TIME = 1000  # reviews; bounds the memory that the tokenizer's lists take


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids of a pool, one after the other."""

    ids: NDArray[np.int32]
    """(tokens of all reviews,), possibly mapped from disk."""
    starts: NDArray[np.int64]
    """(reviews + 1,); review i is ids[starts[i]:starts[i + 1]]."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each review, (reviews,)."""
        return np.diff(self.starts)


class Part(Dataset[dict[str, Any]]):
    """Reviews of one part of the split, as the Trainer's data loader takes them."""

    def __init__(
        self, tokens: Tokens, labels: NDArray[np.int64], chosen: NDArray[np.int64]
    ) -> None:
        self.tokens = tokens
        self.labels = labels
        self.chosen = chosen
        """Positions in the pool, in the order in which they are read."""

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, index: int) -> dict[str, Any]:
        review = self.chosen[index]
        start, end = self.tokens.starts[review], self.tokens.starts[review + 1]
        return {"input_ids": self.tokens.ids[start:end], "labels": int(self.labels[review])}


@dataclass(frozen=True, slots=True)
class Corpus:
    """Everything about the reviews that a training needs and a run records."""

    parts: dict[str, Part]
    """"train", "test" and, where there is one, "holdout"."""
    split: Split
    facts: dict[str, Any]
    """Counts, labels and SHA-256 of each part: `recorded.RECORDED["data"]`."""
    preprocessing: dict[str, Any]
    labels: int
    """Number of classes."""


class PadToLongest:
    """Makes a batch of reviews as long as its longest: (reviews, tokens)."""

    def __init__(self, pad_id: int) -> None:
        self.pad_id = pad_id

    def __call__(self, reviews: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Return input_ids and attention_mask, (reviews, tokens), and labels, (reviews,)."""
        longest = max(len(review["input_ids"]) for review in reviews)
        ids = np.full((len(reviews), longest), self.pad_id, dtype=np.int64)
        mask = np.zeros((len(reviews), longest), dtype=np.int64)
        for row, review in enumerate(reviews):
            count = len(review["input_ids"])
            ids[row, :count] = review["input_ids"]
            mask[row, :count] = 1
        return {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(mask),
            "labels": torch.tensor([review["labels"] for review in reviews]),
        }


def load_corpus(config: TrainConfig, weights: Weights, cache: Path) -> Corpus:
    """Return the reviews of a setting, split and cut into tokens.

    Raises:
        DataUnavailable: The reviews cannot be had on this host.
        InvalidSetting: The pool or the shares leave a part empty.
    """
    reviews = load_reviews(config.data_set, config.data_revision)
    digests = text_digests(reviews.texts)
    pool = shuffled_order(digests, config.split_seed)[: config.pool_size]
    ordered = digests[pool]
    labels = np.array(reviews.labels, dtype=np.int64)[pool]
    parts = split(ordered, train_share=config.train_share, holdout_share=config.holdout_share)
    pool_sha256 = fingerprint(ordered, labels)
    tokenizer = tokenizer_sha256(weights)
    texts = (reviews.texts[index] for index in pool)
    tokens = load_tokens(
        cache / _cache_key(pool_sha256, tokenizer, config.max_length),
        texts,
        count=len(pool),
        weights=weights,
        max_length=config.max_length,
    )
    return Corpus(
        parts=_parts(tokens, labels, parts),
        split=parts,
        facts=_facts(reviews, ordered, labels, parts, pool_sha256),
        preprocessing={
            "tokenizer_sha256": tokenizer,
            "max_length": config.max_length,
            "cut": "after max_length tokens",
            "padding": "to the longest of the batch",
            "evaluation_order": "longest first",
        },
        labels=int(max(reviews.labels)) + 1,
    )


def load_tokens(
    folder: Path, texts: Iterable[str], *, count: int, weights: Weights, max_length: int
) -> Tokens:
    """Return the tokens kept in `folder`; makes them from `texts` where it has none.

    Where the folder cannot be written, the tokens stay in this process's memory.
    """
    kept = _read_tokens(folder, count)
    if kept is not None:
        return kept
    tokens = _tokenise(texts, weights, max_length)
    try:
        _write_tokens(folder, tokens)
    except OSError:
        return tokens
    return _read_tokens(folder, count) or tokens


def cache_folder() -> Path:
    """Return where tokens are kept: PARIBUS_CACHE, else the user's cache folder."""
    if named := os.environ.get("PARIBUS_CACHE"):
        return Path(named) / "tokens"
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "paribus" / "tokens"


def _parts(tokens: Tokens, labels: NDArray[np.int64], parts: Split) -> dict[str, Part]:
    made = {}
    for name, where in parts.parts.items():
        chosen = np.arange(where.start, where.stop)
        if name != "train":
            # Reviews of like length share a batch: less padding, the same scores. Longest
            # first, so that a GPU that is too small says so at once.
            chosen = chosen[np.argsort(-tokens.lengths[chosen], kind="stable")]
        made[name] = Part(tokens, labels, chosen)
    return made


def _facts(
    reviews: Reviews, ordered: Digests, labels: NDArray[np.int64], parts: Split, pool: str
) -> dict[str, Any]:
    facts: dict[str, Any] = {"origin": reviews.origin, "revision": reviews.revision}
    facts["pool"] = {"reviews": parts.pool, "labels": _counts(labels), "sha256": pool}
    for name, where in parts.parts.items():
        facts[name] = {
            "reviews": where.stop - where.start,
            "labels": _counts(labels[where]),
            "sha256": fingerprint(ordered[where], labels[where]),
        }
    facts["boundary_moved_by_equal_texts"] = {
        "train": parts.train_moved,
        "holdout": parts.holdout_moved,
    }
    return facts


def _counts(labels: NDArray[np.int64]) -> dict[str, int]:
    values, counts = np.unique(labels, return_counts=True)
    return {
        str(value): int(count)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True)
    }


def _cache_key(pool_sha256: str, tokenizer: str, max_length: int) -> str:
    identity = json.dumps([CACHE_FORMAT, pool_sha256, tokenizer, max_length])
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def _tokenise(texts: Iterable[str], weights: Weights, max_length: int) -> Tokens:
    tokenizer = load_tokenizer(weights)
    every = list(texts)
    pieces: list[NDArray[np.int32]] = []
    for start in range(0, len(every), TOKENISED_AT_A_TIME):
        encoded = tokenizer(
            every[start : start + TOKENISED_AT_A_TIME],
            truncation=True,
            max_length=max_length,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        pieces += [np.array(ids, dtype=np.int32) for ids in encoded["input_ids"]]
    starts = np.zeros(len(pieces) + 1, dtype=np.int64)
    np.cumsum([len(piece) for piece in pieces], out=starts[1:])
    return Tokens(ids=np.concatenate(pieces), starts=starts)


def _read_tokens(folder: Path, count: int) -> Tokens | None:
    """Return the folder's tokens; None where it has none, or they are not whole."""
    try:
        ids = np.load(folder / "ids.npy", mmap_mode="r", allow_pickle=False)
        starts = np.load(folder / "starts.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if len(starts) != count + 1 or starts[-1] != len(ids):
        return None
    return Tokens(ids=ids, starts=starts)


def _write_tokens(folder: Path, tokens: Tokens) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        np.save(fresh / "ids.npy", tokens.ids)
        np.save(fresh / "starts.npy", tokens.starts)
        if _read_tokens(folder, len(tokens.starts) - 1) is None:
            shutil.rmtree(folder, ignore_errors=True)  # torn by a full disk or a crash
            fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
