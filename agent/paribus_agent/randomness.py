"""The state of every random generator, taken and put back.

Evaluating draws from the global generators, so that training after a look differs
from training without it: in dropout, within a few steps in every loss. With the state
put back, runs that look at different cadences train bit for bit alike.

Source: measured with transformers 5.23.0: eval_steps 5 against 40, same seed, differed
from step 6 on; with the torch state put back they were equal.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch.utils.data import Sampler


@contextmanager
def generators_left_alone() -> Iterator[None]:
    """Run the block, then put Python's, numpy's and torch's generators back (CPU, all GPUs)."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


class EpochOrder(Sampler[int]):
    """The order of the training reviews: a function of seed and epoch, and of nothing else.

    Resuming in the middle of an epoch, and looking or saving more often, leave it as
    it is.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count = count
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration gives; counts from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        generator = np.random.RandomState(np.array([self.seed, self.epoch], dtype=np.uint32))
        return iter(generator.permutation(self.count).tolist())
