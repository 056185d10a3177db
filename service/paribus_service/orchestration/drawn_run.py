"""Figures of one run's curves, drawn by `paribus_sweeps.figures`.

Only `figures` imports this, and only once a figure is asked for: numpy and scipy come with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from paribus_service.orchestration import finding_answers
from paribus_service.orchestration.asked_findings import Asked
from paribus_service.orchestration.drawn_series import (
    POINTS,
    book_of,
    marks_in,
    one_key,
    seen_of,
    series_in,
)
from paribus_service.orchestration.figures import Scene, refused
from paribus_service.store.evidence import RunRow
from paribus_sweeps.analysis.curves import Curve
from paribus_sweeps.analysis.findings import coarsest_cadence
from paribus_sweeps.analysis.findings.excursions import Thinning, thinning, usual_delta
from paribus_sweeps.analysis.findings.rule import STEPS, Seen
from paribus_sweeps.analysis.looking import price_of_looking
from paribus_sweeps.analysis.run_speed import RunSpeed, is_speed_key, run_speed
from paribus_sweeps.analysis.series.requests import SeriesRequest
from paribus_sweeps.figures import (
    CadencePrice,
    CurveLine,
    Figure,
    cadence_phases,
    cadence_price,
    train_eval,
)

COARSER = (1, 2, 5, 10, 20, 50)  # times a run's own cadence
MOST_DENSE = 20_000  # points, drawn faint in each of a dozen panels: 5 MB of JSON
USUAL_EVERY = 5  # of every so many looks one stays, where nothing is said


def draw(scene: Scene) -> Figure:
    """The figure that a scene asks for."""
    return _DRAWN[scene.request.name](scene)


def _train_eval(scene: Scene) -> Figure:
    request = scene.request
    row, one = _single(scene)
    keys = {role: one.key(role) for role in ("train_loss", "eval_loss")}
    held = [key for key in keys.values() if key is not None]
    if not held:
        why = " ".join(one.missing(role) for role in keys)
        return train_eval(None, None, run=row.name, why_empty=why, look=request.look)
    found = series_in(
        scene, [one], SeriesRequest(tuple(held), request.x, request.smoothing, POINTS)
    )
    lines = {
        line["key"]: CurveLine.of_series(line, name=line["key"], smoothing=found["smoothing"])
        for line in found["series"]
    }
    return train_eval(
        lines.get(keys["train_loss"] or ""),
        lines.get(keys["eval_loss"] or ""),
        run=row.name,
        x_name=found["x_name"] or request.x,
        marks=[mark for _, mark in marks_in(scene, [row], held, found["x_name"])[row.id]],
        look=request.look,
    )


def _cadence_phases(scene: Scene) -> Figure:
    request = scene.request
    row, one = _single(scene)
    key = one_key(scene) or one.key("eval_loss")
    every = USUAL_EVERY if request.every is None else request.every
    if key is None or key not in one.history:
        dense = CurveLine(row.name, [], [])
        why = f"{key} was never logged." if key else one.missing("eval_loss")
        return cadence_phases(dense, every=every, why_empty=why, look=request.look)
    curve = one.curve(key)
    if len(curve) > MOST_DENSE:
        dense = CurveLine(row.name, [], [])
        why = f"{len(curve):,} points of {key}: phases are drawn of {MOST_DENSE:,} or fewer."
        return cadence_phases(dense, every=every, why_empty=why, look=request.look)
    told = _thinned(one, key, curve, every)
    return cadence_phases(
        CurveLine(f"{key} of {row.name}", curve.x.tolist(), curve.values.tolist()),
        every=every,
        told={} if told is None else _of_phases(told),
        x_name=one.x_name(key),
        notes=[] if told is None else _shares(told),
        look=request.look,
    )


def _thinned(one: Seen, key: str, curve: Curve, every: int) -> Thinning | None:
    """What phases hide and make; None of a key that nobody knows to be better when lower."""
    delta = usual_delta(curve)
    is_loss = key in (one.key("eval_loss"), one.key("train_loss"))
    if not is_loss or delta is None or every > len(curve):
        return None
    return thinning(curve, every, delta)


def _of_phases(told: Thinning) -> dict[int, str]:
    """Phase → what it does to the curve."""
    words = [("hidden", told.hidden), ("made", {*told.created, *told.rescaled})]
    return {
        phase: " and ".join(word for word, phases in words if phase in phases)
        for phase in range(told.every)
        if any(phase in phases for _, phases in words)
    }


def _shares(told: Thinning) -> list[str]:
    if not told.is_enough:
        return ["Some phase keeps fewer than 5 points: too little for a share."]
    rises = "rise" if told.excursions == 1 else "rises"
    return [
        f"The run shows {told.excursions} {rises} of {told.delta:.4g} or more; hidden in "
        f"{len(told.hidden)} of {told.every} phases, a rougher look made in "
        f"{len({*told.created, *told.rescaled})}."
    ]


def _cadence_price(scene: Scene) -> Figure:
    row, one = _single(scene)
    speed = _speed(one, scene)
    last, own = speed.training.last_step, one.facts.number("eval_steps")
    steps = int(last or 0)
    if not steps or own is None or own < 1:
        why = (
            "The run's optimizer steps, or eval_steps in its config, are not known: without them "
            "no cadence has a price."
        )
        return cadence_price([], why_empty=why, look=scene.request.look)
    coarsest, sentence = _coarsest(scene, row)
    cadences = {int(own) * times for times in COARSER if times == 1 or int(own) * times <= steps}
    prices = [
        replace(
            _priced(steps, every, speed),
            is_chosen=every == int(own),
            is_coarsest=every == coarsest,
        )
        for every in sorted(cadences | ({coarsest} if coarsest is not None else set()))
    ]
    return cadence_price(
        prices,
        notes=[f"Over {steps:,} optimizer steps, at the run's own rates.", *sentence],
        look=scene.request.look,
    )


def _coarsest(scene: Scene, row: RunRow) -> tuple[int | None, list[str]]:
    """The coarsest cadence that shows as much, in optimizer steps, and what is said of it."""
    asked = Asked(rules=(coarsest_cadence.NAME,))
    found = finding_answers.of_runs(scene.session, [row], asked, book_of(scene), root=scene.root)
    for finding in found.document["runs"][0]["findings"]:
        every = finding["numbers"].get("coarsest_cadence")
        is_known = every is not None and finding["x_name"] == STEPS and every >= 1
        return round(every) if is_known else None, [finding["sentence"]]
    return None, []


def _priced(steps: int, every: int, speed: RunSpeed) -> CadencePrice:
    found = price_of_looking(
        steps=steps,
        eval_steps=every,
        seconds_per_look=speed.evaluation.seconds_per_look,
        train_steps_per_second=speed.training.steps_per_second,
    )
    return CadencePrice(every, found.evaluations, found.hours, found.share)


def _single(scene: Scene) -> tuple[RunRow, Seen]:
    if len(scene.rows) != 1:
        name = scene.request.name
        raise refused("?run", f"{name} is of one run, and {len(scene.rows)} are named: say run=ID")
    [seen] = seen_of(scene, scene.rows, lambda key: key in scene.request.keys or is_speed_key(key))
    return scene.rows[0], seen


def _speed(one: Seen, scene: Scene) -> RunSpeed:
    return run_speed(one.history, one.facts, named=book_of(scene).named)


_DRAWN: Mapping[str, Callable[[Scene], Figure]] = {
    "train-eval": _train_eval,
    "cadence-phases": _cadence_phases,
    "cadence-price": _cadence_price,
}
