"""Small tables of runs for tests, and what an answer holds, laid out for comparison."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from paribus_sweeps.analysis.questions import Question
from paribus_sweeps.analysis.verdicts import Judged, judge
from paribus_sweeps.design.table import Table
from paribus_sweeps.factors import Factor, Level, level_label
from paribus_sweeps.runs import Run


def factor(name: str, levels: Iterable[Any] = (), *, baseline: str | None = None) -> Factor:
    """A factor with these levels; without any, a continuous one."""
    made = tuple(Level(level_label(value), {name: value}) for value in levels)
    return Factor(name, (name,), made, baseline, "levels" if made else "continuous")


def run(at: int, value: float | None, *, seed: int | None = None, **more: Any) -> Run:
    """A run; what is no field of `Run` is its setting."""
    fields = {name: more.pop(name) for name in ("state", "reason", "blocks") if name in more}
    return Run(
        id=f"r{at:05}",
        setting={name: None if held is None else level_label(held) for name, held in more.items()},
        value=value,
        replicate={} if seed is None else {"seed": seed},
        **fields,
    )


def table(runs: Iterable[Run], factors: Sequence[Factor], **more: Any) -> Table:
    """The runs laid out, with the GPU as block."""
    return Table.from_runs(runs, factors, **{"blocks": ("gpu_name",), **more})


def asked(found: Table, **more: Any) -> Judged:
    """What Paribus answers, for the loss."""
    return judge(found, Question("loss", **more))


def numbers(judged: Judged) -> Mapping[tuple[str, frozenset[str]], Mapping[str, Any]]:
    """Each comparison's numbers, by factor and levels, as from the level that sorts first."""
    return {
        (comparison.factor, frozenset((comparison.low, comparison.high))): {
            "estimate": _turned(comparison.estimate, comparison.low > comparison.high),
            "interval": _turned_interval(
                comparison.interval_adjusted, comparison.low > comparison.high
            ),
            "error": comparison.standard_error,
            "p": comparison.p,
            "p_adjusted": comparison.p_adjusted,
            "verdict": comparison.verdict,
        }
        for answer in judged.answers
        for comparison in answer.comparisons
    }


def _turned(value: float | None, other_way: bool) -> float | None:
    return -value if value is not None and other_way else value


def _turned_interval(
    interval: tuple[float, float] | None, other_way: bool
) -> tuple[float, float] | None:
    if interval is None or not other_way:
        return interval
    return -interval[1], -interval[0]
