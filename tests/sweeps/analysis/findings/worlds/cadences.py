"""Worlds of runs that looked seldom: a pattern that is hidden by it, made by it, or neither."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from tests.sweeps.analysis.findings.worlds.losses import Mean, fall
from tests.sweeps.analysis.findings.worlds.world import (
    Block,
    Floats,
    MadeUp,
    Random,
    World,
    every,
    noise,
    run,
    written,
)

DENSE, COARSE, UNTIL = 20.0, 200.0, 2_000.0


def _looked(name: str, x: Floats, values: Floats, cadence: float) -> MadeUp:
    told = {"setting": {"eval_steps": f"{cadence:g}"}, "config": {"eval_steps": cadence}}
    return run(written(Block(x, {"eval/loss": values})), name=name, **told)


def pair(random: Random, mean: Mean, sd: float = 0.002) -> list[MadeUp]:
    """One training, looked at every 20 and every 200 steps: equal where both looked."""
    x = every(DENSE, int(UNTIL / DENSE))
    values = mean(x) + noise(random, len(x), sd)
    seldom = np.arange(len(x)) % int(COARSE / DENSE) == int(COARSE / DENSE) - 1
    return [
        _looked("coarse", x[seldom], values[seldom], COARSE),
        _looked("dense", x, values, DENSE),
    ]


def with_rises(at: tuple[float, ...], height: float = 0.1, width: float = 30.0) -> Mean:
    """A slow fall with short rises: hidden where they lie between two coarse looks."""
    slow = fall(1_000)
    return lambda x: slow(x) + sum(height * np.exp(-(((x - a) / width) ** 2)) for a in at)


def _zigzag(x: Floats) -> Floats:
    """A slow fall with rises that every tenth look shows."""
    return fall(1_000)(x) + 0.06 * np.sin(2 * np.pi * x / 800)


def _too_coarsely() -> list[World]:
    rule = "looked_too_coarsely"

    def world(label: str, name: str, truth: str, mean: Mean, **more: object) -> World:
        sd = more.pop("sd", 0.002)
        drawn = partial(pair, mean=mean, sd=sd)
        return World(rule, name, truth, drawn, label, **more)

    fast, slow = fall(60), fall(1_000)
    between = with_rises((500, 900, 1_300))
    return [
        world("fall_over", "the fall is over by step 200", "found", fast),
        world("fall_over", "the fall takes the whole run", "not_found", slow),
        world("fall_over", "no fall, noise alone", "not_found", lambda x: 0.3 + 0 * x, sd=0.01,
              is_sure=False, note="METHOD 9.2: the fall must exceed 2 noise sds; the largest of "
              "100 normal values does"),
        world("hidden", "short rises between two looks", "found", between),
        world("hidden", "rises of 400 steps, that every look shows", "not_found", _zigzag),
        world("hidden", "no rise beyond noise", "not_found", slow),
        world("made", "the fall is over by step 200, then noise", "found", fast, sd=0.005,
              is_sure=False, note="ten points of noise have a roughness of their own each time"),
        world("made", "a smooth fall over the whole run", "not_found", slow),
        world("made", "rises between two looks, none at them", "not_found", between),
        World(rule, "no run that looked more often", "cannot_tell",
              lambda random: pair(random, slow)[:1], None),
        World(rule, "no run that looked more often", "cannot_tell",
              lambda random: pair(random, slow)[:1], "hidden"),
    ]  # fmt: skip


def _dense(random: Random, mean: Mean, sd: float = 0.0, n: int = 100) -> MadeUp:
    x = every(DENSE, n)
    return _looked("dense", x, mean(x) + noise(random, n, sd), DENSE)


def _uneven(random: Random) -> MadeUp:
    x = np.cumsum(random.uniform(5, 50, size=100))
    return _looked("uneven", x, fall(1_000)(x), DENSE)


def _every_look_a_rise(x: Floats) -> Floats:
    """A fall on which every fifth look is a rise of its own: half as many looks lose some."""
    return fall(1_000)(x) + 0.1 * ((x / DENSE) % 5 == 0)


def _coarsest() -> list[World]:
    rule = "coarsest_cadence"

    def world(name: str, truth: str, draw: Callable[[Random], MadeUp], **more: object) -> World:
        return World(rule, name, truth, draw, **more)

    return [
        world("a smooth fall over the whole run", "found", partial(_dense, mean=fall(1_000))),
        world("the same with a little noise", "found",
              partial(_dense, mean=fall(1_000), sd=0.001), is_sure=False),
        world("rises of one look", "not_found", partial(_dense, mean=_every_look_a_rise)),
        world("8 looks", "cannot_tell", partial(_dense, mean=fall(1_000), n=8)),
        world("looks at uneven distances", "cannot_tell", _uneven),
        world("never falls", "cannot_tell", partial(_dense, mean=lambda x: 0.1 + x / 1e4)),
    ]  # fmt: skip


WORLDS = (*(replace(world, of_several=True) for world in _too_coarsely()), *_coarsest())
