"""The numbers that all sides hold: runs of ten keys a step, and an evaluation every hundred."""

from collections.abc import Iterator

import numpy as np

LOOK_EVERY = 100
BEGAN = 1_790_000_000.0
KEYS = (
    "train/loss", "train/grad_norm", "train/learning_rate", "train/epoch", "train/global_step",
    "train/examples_seen", "train/tokens_per_second", "train/param_norm", "train/update_ratio",
    "gpu/memory_gb",
)  # fmt: skip
DRAWN, OTHER = "train/loss", "train/grad_norm"
Row = dict[str, float]


def rows_of(run: int, steps: int, *, first: int = 1) -> Iterator[Row]:
    """Rows as a Trainer logs them: training each step, an evaluation in a row of its own.

    Args:
        run: Which one; its numbers follow from it.
        steps: How many.
        first: The first step.
    """
    random = np.random.default_rng([20_261_126, run, first])
    x = np.arange(first, first + steps, dtype=float)
    columns = [
        0.3 + 0.4 * np.exp(-x / 2_000) + 0.03 * random.normal(size=steps),
        random.lognormal(sigma=0.4, size=steps),
        2e-5 * np.ones(steps),
        x / 3_125,
        x,
        8 * x,
        1_000 + 50 * random.normal(size=steps),
        30 + x / 1e4,
        1e-3 * random.lognormal(sigma=0.2, size=steps),
        11.2 + 0.1 * random.random(size=steps),
    ]
    looks = 0.35 + 0.3 * np.exp(-x / 1_500) + 0.01 * random.normal(size=steps)
    for at, values in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        yield dict(zip(KEYS, values, strict=True))
        step = float(first + at)
        if step % LOOK_EVERY == 0:
            loss = float(looks[at])
            yield {"eval/loss": loss, "eval/accuracy": 1.1 - loss, "train/global_step": step}


def name_of(run: int) -> str:
    """W&B's id of a run, and its name elsewhere."""
    return f"r{run:05d}"
