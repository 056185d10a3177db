"""Worlds of losses: overfit, still improving, standing still, at chance, not finite."""

from collections.abc import Callable
from functools import partial

import numpy as np

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

LOOK, LOG = 100.0, 10.0  # steps between two evaluations, and between two logs of training
SD, TRAIN_SD = 0.01, 0.03

Mean = Callable[[Floats], Floats]


def fall(slow: float, *, to: float = 0.3, by: float = 0.4) -> Mean:
    """A mean that falls by e^-1 every `slow` steps."""
    return lambda x: to + by * np.exp(-x / slow)


def level(at: float) -> Mean:
    return lambda x: np.full(len(x), at)


def bent(low_at: float, slope: float, *, to: float = 0.3) -> Mean:
    """A mean that falls in a straight line to a lowest value, and changes by `slope` a step."""
    return lambda x: to + np.where(x < low_at, 4e-4 * (low_at - x), slope * (x - low_at))


def trained(
    random: Random,
    evaluation: Mean,
    training: Mean | None,
    looks: int = 30,
    carried: float = 0.0,
    key: str = "eval/loss",
) -> MadeUp:
    """A run that logs training ten times between two evaluations."""
    x = every(LOOK, looks)
    blocks = [Block(x, {key: evaluation(x) + noise(random, looks, SD, carried)})]
    if training is not None:
        t = every(LOG, int(looks * LOOK / LOG))
        values = training(t) + noise(random, len(t), TRAIN_SD, carried)
        blocks.insert(0, Block(t, {"train/loss": values}))
    return run(written(*blocks))


def _told(name: str, label: str, evaluation: Mean, training: Mean | None, **more: object) -> World:
    """A world of the rule `overfitting`."""
    is_found = label in ("overfitting", "diverging", "gap_widening_eval_flat")
    sure = bool(more.pop("is_sure", True))
    note = str(more.pop("note", ""))
    drawn = partial(trained, evaluation=evaluation, training=training, **more)
    truth = "found" if is_found else "not_found"
    return World("overfitting", name, truth, drawn, label, is_sure=sure, note=note)


SCREENS = "METHOD 9.3: serial correlation makes these p-values optimistic"
ALPHA = "each Kendall test errs in .05; train alone makes a gap, eval alone a worsening"


def _overfitting() -> list[World]:
    falling = fall(1_500.0)
    still, stays = fall(120.0), fall(120.0, to=0.2)
    flat = {"is_sure": False, "note": ALPHA}
    carried = {"is_sure": False, "note": SCREENS}
    worlds = [
        _told("eval rises by 20 noise sds", "overfitting", bent(1_000, 1e-4), falling),
        _told("eval rises by 5 noise sds", "overfitting", bent(1_000, 2.5e-5), falling,
              is_sure=False),
        _told("accuracy alone falls by 20 noise sds", "overfitting",
              lambda x: 1 - bent(1_000, 1e-4)(x), falling, key="eval/accuracy"),
        _told("eval rises by 20 noise sds, train too", "diverging", bent(1_000, 1e-4),
              bent(1_000, 2e-4)),
        _told("eval stands still, train falls", "gap_widening_eval_flat", still, falling, **flat),
        _told("both still fall", "still_improving", fall(2_000), fall(2_000), is_sure=False),
        _told("both still fall, eval by 30 noise sds in its last half", "still_improving",
              lambda x: 0.9 - 2e-4 * x, falling),
    ]  # fmt: skip
    for looks in (12, 30, 100):
        for phi in (0.0, 0.5, 0.9):
            what = f"AR(1) {phi:g}" if phi else "white noise"
            worlds.append(
                _told(f"both stand still, {what}, {looks} looks", "flat", level(0.3), level(0.2),
                      looks=looks, carried=phi, **(carried if phi else flat))
            )  # fmt: skip
    worlds.append(_told("both fell, then stand still", "flat", still, stays, **flat))
    few = partial(trained, evaluation=still, training=stays, looks=5)
    alone = partial(trained, evaluation=bent(1_000, 1e-4), training=None)
    return [
        *worlds,
        World("overfitting", "5 evaluations", "cannot_tell", few),
        World("overfitting", "eval rises, no training loss", "cannot_tell", alone),
    ]


def _plateau() -> list[World]:
    def looked(mean: Mean, looks: int = 60, carried: float = 0.0) -> Callable[[Random], MadeUp]:
        return partial(trained, evaluation=mean, training=None, looks=looks, carried=carried)

    def line(by: float) -> Mean:
        """A straight line that moves by so many noise sds over the last third of 60 looks."""
        return lambda x: 0.5 + by * SD * x / 2_000

    told = {
        "wanders": "docs: a curve that wanders up and down has no trend and still moves",
        "alpha": "level .05 of Kendall's test, and two noise sds for change and spread",
    }
    found = [
        ("stands still, white noise", level(0.3), 0.0, told["alpha"]),
        ("fell, stands still for two thirds, white noise", fall(120), 0.0, told["alpha"]),
        ("stands still, AR(1) 0.5", level(0.3), 0.5, told["wanders"]),
        ("stands still, AR(1) 0.9", level(0.3), 0.9, told["wanders"]),
    ]
    worlds = [
        World("plateau", name, "found", looked(mean, carried=phi), "eval_loss", False, note)
        for name, mean, phi, note in found
    ]
    for by, sure in ((-8.0, True), (8.0, True), (-3.0, False), (-1.0, False)):
        name = f"moves by {by:+g} noise sds in its last third"
        drawn = looked(line(by))
        worlds.append(World("plateau", name, "not_found", drawn, None, sure, told["alpha"]))
    long = partial(trained, evaluation=level(0.3), training=level(0.2), looks=100)
    return [
        *worlds,
        World("plateau", "up and down by turns around one value", "found", _zigzag, "eval_loss"),
        World("plateau", "eval and 1,000 logs of training stand still", "found", long, "both",
              False, told["alpha"]),
        World("plateau", "20 evaluations", "cannot_tell", looked(level(0.3), looks=20)),
    ]  # fmt: skip


def _zigzag(random: Random) -> MadeUp:
    """A loss that goes up, down, down and up by one amount: over four looks it has no trend."""
    turns = np.resize([1.0, -1.0, -1.0, 1.0], 60)
    return run(written(Block(every(LOOK, 60), {"eval/loss": 0.3 + SD * random.random() * turns})))


def _guessing(
    random: Random,
    loss: Mean,
    accuracy: float | None = None,
    config: dict[str, object] | None = None,
    state: str = "finished",
    looks: int = 30,
) -> MadeUp:
    x = every(LOOK if state == "finished" else 2.0, looks)
    values = {"eval/loss": loss(x) + noise(random, looks, 0.003)}
    if accuracy is not None:
        values["eval/accuracy"] = accuracy + noise(random, looks, 0.02)
    return run(written(Block(x, values)), config=config or {}, state=state)


def _chance() -> list[World]:
    def world(name: str, truth: str, is_sure: bool = True, note: str = "", **how: object) -> World:
        drawn = partial(_guessing, **how)
        return World("loss_at_chance", name, truth, drawn, None, is_sure, note)

    two, ten = {"num_labels": 2}, {"num_labels": 10}
    ln2, ln10 = float(np.log(2)), float(np.log(10))
    unequal = -(0.8 * float(np.log(0.8)) + 0.2 * float(np.log(0.2)))
    return [
        world("guesses, 2 classes", "found", loss=level(ln2), accuracy=0.5, config=two),
        world("guesses, 10 classes", "found", loss=level(ln10), accuracy=0.1, config=ten),
        world("guesses, 2 classes that nobody names", "found", loss=level(ln2), accuracy=0.5),
        world("guesses, classes 4 to 1", "found", False, "docs: stays silent of unequal classes",
              loss=level(unequal), accuracy=0.8, config=two),
        world("has learned", "not_found", loss=fall(300), accuracy=0.85, config=two),
        world("has learned a little: R² .1", "not_found", loss=level(0.9 * ln2), accuracy=0.62,
              config=two),
        world("has learned very little: R² .025", "not_found", False, "the bound is .02",
              loss=level(0.975 * ln2), accuracy=0.53, config=two),
        world("had learned, and came back", "not_found", loss=bent(1_000, 2e-4, to=0.4),
              config=two),
        world("2 classes or a regression: nothing says so", "cannot_tell", loss=level(ln2)),
        world("under way, at step 60", "cannot_tell", loss=level(ln2), config=two,
              state="running"),
    ]  # fmt: skip


def _broken(random: Random, key: str = "", value: float = 0.0, share: float = 0.0) -> MadeUp:
    """A run of 300 rows in which some values of one key were replaced."""
    t = every(1.0, 300)
    values = {
        "train/loss": fall(100)(t) + noise(random, 300, SD),
        "train/grad_norm": random.lognormal(sigma=0.5, size=300),
        "throughput": random.uniform(1, 2, size=300),
    }
    if key:
        places = random.choice(300, size=max(1, round(300 * share)), replace=False)
        values[key][places] = value
    return run(written(Block(t, values)))


def _non_finite() -> list[World]:
    def world(name: str, truth: str, label: str | None, **how: object) -> World:
        return World("non_finite", name, truth, partial(_broken, **how), label)

    nan, inf = float("nan"), float("inf")
    return [
        world("one NaN loss of 300", "found", "loss", key="train/loss", value=nan),
        world("half of the losses infinite", "found", "loss", key="train/loss", value=inf,
              share=0.5),
        world("one infinite gradient norm", "found", "gradient", key="train/grad_norm", value=inf),
        world("one NaN of another key", "found", "other", key="throughput", value=nan),
        world("all finite", "not_found", None),
        world("all finite, one of them 1e300", "not_found", None, key="train/loss", value=1e300),
        World("non_finite", "nothing logged", "cannot_tell",
              lambda random: run(written(Block(every(1, 0), {})))),
    ]  # fmt: skip


WORLDS = (*_non_finite(), *_overfitting(), *_chance(), *_plateau())
