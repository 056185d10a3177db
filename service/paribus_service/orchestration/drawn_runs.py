"""Figures of several runs' curves, drawn by `paribus_sweeps.figures`.

Only `figures` imports this, and only once a figure is asked for: numpy and scipy come with it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from paribus_service.orchestration import asked_speeds, speed_answers
from paribus_service.orchestration.asked_speeds import Asked as Speeds
from paribus_service.orchestration.drawn_series import (
    POINTS,
    book_of,
    marks_in,
    one_key,
    seen_of,
    series_in,
)
from paribus_service.orchestration.figures import MOST_READ, FigureRequest, Scene, refused
from paribus_service.orchestration.rule_book import RuleBook, compare
from paribus_service.orchestration.speed_answers import Everyone
from paribus_sweeps.analysis.findings import gradient_spread
from paribus_sweeps.analysis.findings.rule import Seen
from paribus_sweeps.analysis.gpu_speeds import EXAMPLES
from paribus_sweeps.analysis.series.requests import SeriesRequest
from paribus_sweeps.analysis.words import counted
from paribus_sweeps.figures import (
    Figure,
    Rate,
    Spread,
    bands_of,
    grad_norm_spread,
    lines_of,
    overlay,
    throughput,
)
from paribus_sweeps.figures.drawing import of_so_many
from paribus_sweeps.figures.overlay import MOST_LINES


def draw(scene: Scene) -> Figure:
    """The figure that a scene asks for."""
    return _DRAWN[scene.request.name](scene)


def _overlay(scene: Scene) -> Figure:
    request = scene.request
    rows = scene.rows[-_most_runs(request) :]
    seen = seen_of(scene, rows, {*request.keys, request.x.removeprefix("key:").strip()})
    usual = _first_of(seen, ("eval_loss", "train_loss"))
    keys = request.keys or tuple(filter(None, [usual]))
    title = ", ".join(keys) or "loss"
    if not seen or not keys:
        why = "No run has logged a key that is known as a loss: say keys=KEY."
        return overlay([], key=title, why_empty=why, look=request.look)
    found = series_in(scene, seen, _series_request(request, keys))
    marks = marks_in(scene, rows, keys, found["x_name"])
    lines = [] if request.group_by else lines_of(found, marks)
    drawn = [one for one in found["series"] if one["missing"] is None]
    missing = dict.fromkeys(one["missing"] for one in found["series"] if one["missing"])
    return overlay(
        lines,
        key=title,
        x_name=found["x_name"] or request.x,
        bands=bands_of(found),
        notes=[*found["notes"], *_notes_of(found)],
        runs=None if request.group_by else scene.count,
        drawn_runs=len({one["run"] for one in drawn}),
        looked_at=(
            -math.inf if request.low is None else request.low,
            math.inf if request.high is None else request.high,
        ),
        why_empty="; ".join(missing) or None,
        look=request.look,
    )


def _most_runs(request: FigureRequest) -> int:
    """Runs that are read: as many as there are lines to draw, or the runs of bands."""
    return MOST_READ if request.group_by else max(1, MOST_LINES // max(1, len(request.keys)))


def _series_request(request: FigureRequest, keys: tuple[str, ...]) -> SeriesRequest:
    return SeriesRequest(
        keys,
        request.x,
        request.smoothing,
        POINTS if request.points is None else request.points,
        thin_to=request.thin_to,
        phase=request.phase,
        common=request.common,
        low=request.low,
        high=request.high,
        group_by=request.group_by,
    )


def _notes_of(found: Mapping[str, Any]) -> list[str]:
    """What is to be known of single lines, but for how many points stand for how many."""
    told = [
        f"{one['name']}: {one['missing']}."
        for one in found["series"]
        if one["missing"] is not None
    ]
    bad = sum(one["not_finite"]["count"] for one in found["series"])
    if bad:
        told.append(f"{bad:,} values are NaN or infinite and not drawn.")
    return told[:5]


def _grad_norm_spread(scene: Scene) -> Figure:
    seen = seen_of(scene, scene.rows[-MOST_READ:], scene.request.keys)
    key = one_key(scene) or _first_of(seen, ("grad_norm",))
    factor = _one_factor(scene, seen)
    if key is None:
        why = "No run has logged a key that is known as a gradient norm: say keys=KEY."
        return grad_norm_spread([], why_empty=why, look=scene.request.look)
    spreads = [
        Spread(
            one.facts.name,
            one.facts.setting.get(factor, "not set") if factor else "",
            one.history[key].values.tolist(),
        )
        for one in seen
        if key in one.history
    ]
    return grad_norm_spread(
        spreads,
        factor=factor,
        key=key,
        notes=[*_spread_words(seen, factor, book_of(scene)), *_without(seen, key)],
        look=scene.request.look,
    )


def _one_factor(scene: Scene, seen: Sequence[Seen]) -> str | None:
    names = scene.request.inquiry.factors
    if len(names) > 1:
        raise refused("?factors", f"{len(names)} factors: runs are grouped by one of them")
    known = sorted({name for one in seen for name in one.facts.setting})
    if names and names[0] not in known:
        raise refused(
            "?factors",
            f"no run has a factor {names[0]!r}: there are {', '.join(known) or 'none'}",
            code="unknown_factor",
        )
    return names[0] if names else None


def _spread_words(seen: Sequence[Seen], factor: str | None, book: RuleBook) -> Iterator[str]:
    """What the rule says of the factor: at common points, with its cautions."""
    rules = [rule for rule in book.comparisons if rule.name == gradient_spread.NAME]
    for rule in rules if factor is not None else ():
        ordered = sorted(seen, key=lambda one: one.facts.order)
        yield from (f.sentence for f in compare(rule, ordered) if f.factor == factor)


def _throughput(scene: Scene) -> Figure:
    asked = Speeds(roles=tuple(book_of(scene).named.items()))
    found = speed_answers.of_subject(
        scene.session,
        scene.rows[-MOST_READ:],
        _everyone(scene),
        asked,
        root=scene.root,
        seed=_seed(scene),
    )
    told = found["training"]
    field = "examples_per_second" if told["unit"] == EXAMPLES else "steps_per_second"
    rates = [
        Rate(
            run["name"],
            run["gpu_name"] or "no GPU named",
            run["training"][field],
            counted(run["training"]["intervals"], "interval"),
        )
        for run in found["runs"]
        if run["training"][field] is not None
    ]
    without = len(found["runs"]) - len(rates)
    return throughput(
        rates,
        unit=told["unit"],
        notes=[
            *(ratio["sentence"] for ratio in told["ratios"]),
            *told["cautions"],
            *_everyone(scene).notices(),
            *([f"{without:,} of {len(found['runs']):,} runs have no rate."] if without else []),
            *of_so_many(len(found["runs"]), scene.count, "runs"),
        ],
        look=scene.request.look,
    )


def _everyone(scene: Scene) -> Everyone:
    """The runs that are named, else those that the answer compares."""
    if scene.subject is None or scene.request.runs:
        return Everyone([row.pk for row in scene.rows], len(scene.rows))
    return Everyone.of(scene.session, scene.subject.scope)


def _seed(scene: Scene) -> str:
    """As the answer has it, so that both say the same."""
    if scene.subject is None or scene.request.runs:
        whose = "runs" if scene.subject is None else scene.subject.name
        return f"{whose} throughput {asked_speeds.version_of(scene.session, scene.rows)}"
    version = asked_speeds.version_of_scope(scene.session, scene.subject.scope)
    return f"{scene.subject.name} throughput {version}"


def _first_of(seen: Sequence[Seen], roles: Sequence[str]) -> str | None:
    """The first key that has one of the roles in some run."""
    found = (one.key(role) for role in roles for one in seen)
    return next((key for key in found if key is not None), None)


def _without(seen: Sequence[Seen], key: str) -> list[str]:
    lacking = sum(key not in one.history for one in seen)
    return [f"{lacking:,} of {len(seen):,} runs have not logged {key}."] if lacking else []


_DRAWN: Mapping[str, Callable[[Scene], Figure]] = {
    "overlay": _overlay,
    "grad-norm-spread": _grad_norm_spread,
    "throughput": _throughput,
}
