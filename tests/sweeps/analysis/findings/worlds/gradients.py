"""Worlds of gradient norms: planted spikes, heavy tails without any, vanishing, clipping."""

from functools import partial

import numpy as np

from tests.sweeps.analysis.findings.worlds.world import (
    Block,
    Floats,
    MadeUp,
    Random,
    World,
    every,
    run,
    written,
)

N = 1_000
KEY = "train/grad_norm"
PLANTED = (
    (0.001, 30, 0.3), (0.02, 30, 0.3), (0.02, 30, 0.8),
    (0.001, 30, 0.8), (0.001, 100, 0.8), (0.001, 1_000, 0.8),
)  # fmt: skip
"""Share of the norms, size in medians, sd of ln g of all others."""
OWN_SPREAD = "spikes beyond what the run's own spread makes, at level .01 (own_spread)"
HEAVIER = "norms that are heavier in the tail than a lognormal are beyond their spread: found"
TOO_SMALL = (
    "no more than the spread makes now and then: of a spike like this METHOD 9.4 cannot tell"
)
BY_DEFINITION = "METHOD 9.4: above 10 x the median is a spike, whatever made it"


def _logged(norms: Floats, **config: object) -> MadeUp:
    return run(written(Block(every(1.0, len(norms)), {KEY: norms})), config=config)


def drawn(
    random: Random,
    spread: float = 0.5,
    planted: float = 0.0,
    to: float = 1.0,
    n: int = N,
    size: float = 30.0,
) -> MadeUp:
    """Lognormal norms around a median from 1 to `to`; planted ones are `size` times the first."""
    norms = np.geomspace(1.0, to, n) * random.lognormal(sigma=spread, size=n)
    places = random.choice(np.arange(50, n), size=round(planted * n), replace=False)
    norms[places] = size * random.lognormal(sigma=0.05, size=len(places))
    return _logged(norms)


def _student(random: Random, spread: float) -> MadeUp:
    """Norms whose logarithm has Student's t, 4 df: heavier in the tail than a lognormal."""
    return _logged(np.exp(spread * random.standard_t(4, size=N)))


def _stepped(random: Random) -> MadeUp:
    """Norms whose level rises twentyfold at once, and stays."""
    norms = random.lognormal(sigma=0.3, size=N)
    norms[N // 2 :] *= 20.0
    return _logged(norms)


def _with(value: float) -> partial[MadeUp]:
    def broken(random: Random) -> MadeUp:
        norms = random.lognormal(sigma=0.5, size=N)
        norms[int(random.integers(N))] = value
        return _logged(norms)

    return partial(broken)


def _spikes() -> list[World]:
    rule = "gradient_spikes"
    worlds = [
        World(rule, f"none planted, lognormal {spread:g}", "not_found",
              partial(drawn, spread=spread), None, spread <= 0.3, OWN_SPREAD)
        for spread in (0.3, 0.5, 0.8, 1.0)
    ]  # fmt: skip
    for share, size, spread in PLANTED:
        name = f"{share:.1%} planted at {size:,} x the median, lognormal {spread:g}"
        draw = partial(drawn, spread=spread, planted=share, size=float(size))
        is_sure = share > 0.01 or spread < 0.5 or size > 100
        worlds.append(World(rule, name, "found", draw, "beyond_spread", is_sure, TOO_SMALL))
    return [
        *worlds,
        World(rule, "the level rises twentyfold and stays", "not_found", _stepped, None, False,
              BY_DEFINITION),
        World(rule, "none planted, ln t with 4 df, sd .42", "not_found",
              partial(_student, spread=0.3), None, False, HEAVIER),
        World(rule, "rises a hundredfold, none planted, lognormal 0.8", "not_found",
              partial(drawn, spread=0.8, to=100.0), None, False, OWN_SPREAD),
        World(rule, "falls to a hundredth, none planted", "not_found", partial(drawn, spread=0.3,
              to=0.01)),
        World(rule, "8 values", "cannot_tell", partial(drawn, n=8)),
        World(rule, "no gradient norm", "cannot_tell", _without),
    ]  # fmt: skip


def _without(random: Random) -> MadeUp:
    return run(written(Block(every(1.0, 100), {"train/loss": random.uniform(size=100)})))


def _explosion() -> list[World]:
    rule, most = "gradient_explosion", f"more than 1 % of {OWN_SPREAD}"
    worlds = [
        World(rule, f"none planted, lognormal {spread:g}", "not_found",
              partial(drawn, spread=spread), None, spread <= 0.5, most)
        for spread in (0.5, 0.8, 1.0)
    ]  # fmt: skip
    return [
        *worlds,
        World(rule, "0.1 % planted", "not_found", partial(drawn, planted=0.001)),
        World(rule, "2 % planted", "found", partial(drawn, planted=0.02), "many_spikes"),
        World(rule, "one NaN of 1,000", "found", _with(float("nan")), "non_finite"),
        World(rule, "one infinite of 1,000", "found", _with(float("inf")), "non_finite"),
        World(rule, "8 values", "cannot_tell", partial(drawn, n=8)),
    ]


def _vanishing() -> list[World]:
    rule = "vanishing_gradients"
    return [
        World(rule, "falls to a 10,000th", "found", partial(drawn, to=1e-4)),
        World(rule, "falls to a hundredth", "not_found", partial(drawn, to=1e-2)),
        World(rule, "stays, lognormal 1", "not_found", partial(drawn, spread=1.0)),
        World(rule, "20 values", "cannot_tell", partial(drawn, to=1e-4, n=20)),
        World(rule, "begins at 0", "cannot_tell", lambda random: _logged(np.zeros(N))),
    ]


def _clipped(random: Random, above: float, bound: float | None = 1.0, cut: bool = False) -> MadeUp:
    """Norms of which a share is above the clipping norm."""
    norms = random.uniform(0.2, 0.9, size=N)
    norms[random.random(N) < above] = 3.0
    norms = np.minimum(norms, 1.0) if cut else norms
    return _logged(norms, **({} if bound is None else {"max_grad_norm": bound}))


def _clipping() -> list[World]:
    rule = "clipping_active"
    return [
        World(rule, "acts in 90 % of steps", "found", partial(_clipped, above=0.9)),
        World(rule, "acts in 53 % of steps", "found", partial(_clipped, above=0.53), None, False),
        World(rule, "acts in 47 % of steps", "not_found", partial(_clipped, above=0.47), None,
              False),
        World(rule, "acts in 10 % of steps", "not_found", partial(_clipped, above=0.1)),
        World(rule, "switched off", "not_found", partial(_clipped, above=0.9, bound=0.0)),
        World(rule, "the config names no norm", "cannot_tell",
              partial(_clipped, above=0.9, bound=None)),
        World(rule, "norms after clipping", "cannot_tell", partial(_clipped, above=0.9, cut=True)),
    ]  # fmt: skip


WORLDS = (*_spikes(), *_explosion(), *_vanishing(), *_clipping())
