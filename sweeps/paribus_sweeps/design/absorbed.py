"""What a model still tells once some keys count as blocks, whatever values they have.

Taking a key as a block without a column for each of its values is the within transformation
(Frisch & Waugh, Econometrica 1, 1933): its row space is that of the larger model.

Source: METHOD 0 (lurking keys as blocks), 2 (2).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paribus_sweeps.design.estimability import Gate
from paribus_sweeps.design.linear_space import LinearSpace
from paribus_sweeps.design.model_matrix import ModelMatrix
from paribus_sweeps.design.table import Column, cell_keys

_NOISE = 1e-10  # of within-group means of numbers in [-1, 1]


def absorbed(found: Gate, keys: Sequence[Column]) -> LinearSpace:
    """Return what a gate's model still tells once the combinations of some keys are blocks.

    Args:
        found: The gate.
        keys: Columns over the rows of its table, at least one.
    """
    _, first = np.unique(
        cell_keys([*found.columns, *keys], rows=len(found.table)), return_index=True
    )
    codes = {column.name: column.codes[first] for column in found.columns}
    made = ModelMatrix.of(found.terms, found.codings, codes, rows=len(first)).values
    _, group, counts = np.unique(cell_keys(keys)[first], return_inverse=True, return_counts=True)
    order = np.argsort(group, kind="stable")
    starts = np.cumsum(counts) - counts
    means = np.add.reduceat(made[order], starts, axis=0) / counts[:, None]
    within = made - means[group]
    return LinearSpace.of(np.where(np.abs(within) > _NOISE, within, 0.0))


def estimable_df(found: Gate, space: LinearSpace) -> dict[str, int]:
    """Return for each main effect how many independent contrasts of it can be estimated."""
    made = {}
    for term, part in zip(found.terms, found.matrix.slices, strict=True):
        if term.members:
            functions = np.zeros((part.stop - part.start, found.parameters))
            functions[:, part] = np.eye(part.stop - part.start)
            made[term.name] = len(functions) - space.open_directions(functions)
    return made
