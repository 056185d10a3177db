"""What is to be known of the runs before anything is read off them.

Source: METHOD 13 (repeats, `<unset>`, 32 and "32").
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.design.table import Column, Table


def data_notes(rows: Table) -> Iterator[str]:
    """Yield notes on usable runs, repeats averaged."""
    if not len(rows):
        yield "no run has finished yet"
        return
    if len(rows) + rows.repeats == 1:
        yield "one run has finished: nothing varied"
    if rows.repeats:
        yield f"{counted(rows.repeats, 'run')} repeated a setting and its replicate: averaged"
    for column in rows.factors:
        yield from _unset(column)
        yield from _numbers_and_texts(column)


def _unset(column: Column) -> Iterator[str]:
    if UNSET in column.observed:
        unset = int(np.sum(column.codes == column.labels.index(UNSET)))
        yield (
            f"`{column.name}` is {UNSET} in {unset} of {len(column.codes)} finished runs: a "
            "level of its own"
        )


def _numbers_and_texts(column: Column) -> Iterator[str]:
    alike: dict[str, list[str]] = {}
    for label in column.observed:
        alike.setdefault(label.removeprefix("number ").strip('"'), []).append(label)
    for labels in alike.values():
        if len(labels) > 1:
            yield (
                f"`{column.name}`: {' and '.join(labels)} are different levels, a number and "
                "a text; if they are the same, correct the runs' config"
            )


def counted(count: int, noun: str) -> str:
    """Write a count with its noun: `1 run`, `1,200 runs`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
