"""Worlds of several runs: a factor that does something or nothing, other sets, other lengths."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tests.sweeps.analysis.findings.worlds.world import (
    Block,
    MadeUp,
    Random,
    Truth,
    World,
    every,
    noise,
    run,
    written,
)


def pairs(
    random: Random, seeds: int, ratio: float = 1.0, level: float = 1.0, own: float = 0.1
) -> list[MadeUp]:
    """Runs of two batch sizes: at 64 the sd of ln g is `ratio` times that at 8.

    Args:
        random: Random numbers.
        seeds: Pairs.
        ratio: Of the sds of ln g, 64 over 8.
        level: Of the medians, 64 over 8.
        own: Sd of the logarithm of a run's own spread: runs differ by themselves.
    """
    found = []
    t = every(1.0, 300)
    for seed in range(seeds):
        for batch, spread, median in (("8", 0.5, 1.0), ("64", 0.5 * ratio, level)):
            sd = spread * float(np.exp(own * random.normal()))
            norms = median * random.lognormal(sigma=sd, size=300)
            block = Block(t, {"train/grad_norm": norms, "train/loss": np.exp(-t / 300)})
            found.append(
                run(
                    written(block),
                    name=f"b{batch}-s{seed}",
                    setting={"batch": batch},
                    replicate={"seed": seed},
                    examples_per_step=8.0,
                )
            )
    return found


def _equal(draw: Callable[[Random], list[MadeUp]], random: Random) -> list[MadeUp]:
    """Runs of which every second one logs what the first has logged."""
    drawn = draw(random)
    return [replace(one, history=drawn[at - at % 2].history) for at, one in enumerate(drawn)]


def _gradient_spread() -> list[World]:
    rule = "gradient_spread"
    alpha = "a 95 % interval over pairs leaves out 1 in .05 of factors that do nothing"
    power = "power, at a run-to-run sd of .1"
    nothing = [
        World(rule, f"no effect, {seeds} seeds", "not_found", partial(pairs, seeds=seeds), None,
              False, alpha)
        for seeds in (2, 4, 8)
    ]  # fmt: skip
    return [
        World(rule, "sd of ln g a fifth, 6 seeds", "found", partial(pairs, seeds=6, ratio=0.2)),
        World(rule, "sd of ln g halved, 4 seeds", "found", partial(pairs, seeds=4, ratio=0.5),
              None, False, power),
        *nothing,
        World(rule, "tenfold level, equal spread, 4 seeds", "not_found",
              partial(pairs, seeds=4, level=10.0), None, False, alpha),
        World(rule, "no effect, 20 seeds that do not differ", "not_found",
              partial(pairs, seeds=20, own=0.0), None, False, alpha),
        World(rule, "both levels log the same norms, 4 seeds", "not_found",
              partial(_equal, partial(pairs, seeds=4))),
        World(rule, "sd of ln g a fifth, 1 seed", "cannot_tell",
              partial(pairs, seeds=1, ratio=0.2)),
    ]  # fmt: skip


def _seeded(random: Random, seeds: int, effect: float = 0.0, sd: float = 0.02) -> list[MadeUp]:
    """Runs of two levels whose loss ends at .4 and a seed's own; `effect` in sds of a seed."""
    found = []
    x = every(100, 10)
    for seed in range(seeds):
        for level, end in (("a", 0.4), ("b", 0.4 + effect * sd)):
            values = end + sd * random.normal() + 0.3 * np.exp(-x / 200)
            block = Block(x, {"eval/loss": values})
            found.append(
                run(
                    written(block),
                    name=f"{level}{seed}",
                    setting={"lr": level},
                    replicate={"seed": seed},
                )
            )
    return found


def _seed_noise() -> list[World]:
    rule = "seed_noise"
    says = "its text: a 95 % t interval over seeds holds 0 in .95 of factors that do nothing"
    return [
        *(World(rule, f"no effect, {seeds} seeds", "found", partial(_seeded, seeds=seeds), None,
                False, says) for seeds in (2, 3, 5, 20)),
        World(rule, "an effect of 20 seed sds, 5 seeds", "not_found",
              partial(_seeded, seeds=5, effect=20.0)),
        World(rule, "an effect of 2 seed sds, 5 seeds", "not_found",
              partial(_seeded, seeds=5, effect=2.0), None, False, "power"),
        World(rule, "both levels log the same losses, 5 seeds", "found",
              partial(_equal, partial(_seeded, seeds=5))),
        World(rule, "one seed", "cannot_tell", partial(_seeded, seeds=1)),
    ]  # fmt: skip


def _ratios(random: Random, epochs: float, per_epoch: tuple[int, int]) -> list[MadeUp]:
    """Two batch sizes of so many epochs, with so many optimizer steps an epoch."""
    found = []
    for batch, steps in zip(("8", "64"), per_epoch, strict=True):
        t = every(5.0, int(epochs * steps / 5))
        block = Block(t, {"train/epoch": t / steps, "train/loss": noise(random, len(t), 0.1) + 1})
        found.append(run(written(block), name=f"b{batch}", setting={"batch": batch}))
    return found


def _stepless(random: Random) -> list[MadeUp]:
    block = Block(every(5.0, 50), {"train/loss": random.uniform(size=50)})
    return [run(written(block), name=name) for name in ("r1", "r2")]


def _unequal_steps() -> list[World]:
    rule = "unequal_steps"
    return [
        World(rule, "3 epochs of 400 and of 50 steps", "found",
              partial(_ratios, epochs=3, per_epoch=(400, 50))),
        World(rule, "3 epochs of 400 steps each", "not_found",
              partial(_ratios, epochs=3, per_epoch=(400, 400))),
        World(rule, "no epoch logged", "cannot_tell", _stepless),
    ]  # fmt: skip


def _on_sets(random: Random, *fingerprints: str | None) -> list[MadeUp]:
    found = []
    for at, fingerprint in enumerate(fingerprints):
        block = Block(every(100, 10), {"eval/loss": random.uniform(size=10)})
        config = {} if fingerprint is None else {"data.test.sha256": fingerprint}
        found.append(run(written(block), name=f"r{at}", config=config))
    return found


def _sets_differ() -> list[World]:
    rule = "evaluation_sets_differ"
    return [
        World(rule, "two test sets", "found", lambda random: _on_sets(random, "a", "a", "b")),
        World(rule, "one test set", "not_found", lambda random: _on_sets(random, "a", "a", "a")),
        World(
            rule, "nothing recorded", "cannot_tell", lambda random: _on_sets(random, None, None)
        ),
    ]


def _scored(random: Random, examples: int | None, *accuracies: float) -> list[MadeUp]:
    """Runs with these true accuracies, each scored on so many examples of its own."""
    found = []
    for at, accuracy in enumerate(accuracies):
        values = random.binomial(examples or 400, accuracy, size=5) / (examples or 400)
        block = Block(every(100, 5), {"eval/accuracy": values})
        config: dict[str, Any] = {} if examples is None else {"data.test.reviews": examples}
        found.append(run(written(block), name=f"r{at}", config=config))
    return found


def _sets_small() -> list[World]:
    rule = "accuracies_within_noise"
    says = "its text: two floors are about 95 % of what the choice of examples does"

    def world(name: str, truth: Truth, draw: Any, is_sure: bool = True, note: str = "") -> World:
        return World(rule, name, truth, draw, None, is_sure, note)

    return [
        world("2 runs alike, 400 examples each", "found",
              lambda random: _scored(random, 400, 0.8, 0.8), False, says),
        world("20 runs alike, 400 examples each", "found",
              lambda random: _scored(random, 400, *[0.8] * 20), False, says),
        world("2 runs log the same accuracies, 400 examples", "found",
              partial(_equal, lambda random: _scored(random, 400, 0.8, 0.8))),
        world(".9 against .6, 400 examples each", "not_found",
              lambda random: _scored(random, 400, 0.9, 0.6)),
        world(".82 against .8, 25,000 examples each", "not_found",
              lambda random: _scored(random, 25_000, 0.82, 0.8)),
        world("how many examples is not known", "cannot_tell",
              lambda random: _scored(random, None, 0.8, 0.7)),
    ]  # fmt: skip


WORLDS = tuple(
    replace(world, of_several=True)
    for world in (
        *_gradient_spread(),
        *_seed_noise(),
        *_unequal_steps(),
        *_sets_differ(),
        *_sets_small(),
    )
)
