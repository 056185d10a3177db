"""What may be done to a table without changing what it says, and what is never claimed of it."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.analysis.verdicts import Judged
from paribus_sweeps.design.estimability import gate
from paribus_sweeps.design.model_matrix import main_effects, two_factor_interactions
from paribus_sweeps.design.table import Column, Table
from tests.sweeps.small_tables import asked, factor, numbers, run, table

few = settings(max_examples=10, deadline=None, derandomize=True)

Row = tuple[int, int, int, str, float, bool]
"""Levels of two factors, seed, GPU, response, whether it finished."""

BATCHES, RATIOS = ("a", "b", "c"), ("p", "q")

responses = st.integers(-40, 40).map(lambda value: value / 8)
rows = st.tuples(
    st.integers(0, 2), st.integers(0, 1), st.integers(0, 2), st.sampled_from(["A", "B"]),
    responses, st.integers(0, 5).map(bool),
)  # fmt: skip


@st.composite
def experiments(draw: st.DrawFn) -> list[Row]:
    """Up to 18 runs, one for each (setting, seed) that is kept; often nearly complete."""
    gpu = draw(st.sampled_from(["one", "two", "follows"]))
    made = []
    for batch, ratio, seed in itertools.product(range(3), range(2), range(3)):
        if draw(st.integers(0, 7)):
            where = {"one": "A", "two": "AB"[seed % 2], "follows": "AAB"[batch]}[gpu]
            value, finished = draw(responses), bool(draw(st.integers(0, 9)))
            made.append((batch, ratio, seed, where, value, finished))
    return made


def laid_out(
    rows: Sequence[Row],
    *,
    ids: Sequence[int] | None = None,
    batches: Sequence[str] = BATCHES,
    order: Sequence[int] = (0, 1, 2),
    change: Callable[[float], float] = float,
) -> Table:
    """The rows as a table, in the way that a property asks for."""
    runs = [
        run(
            ids[at] if ids else at,
            change(value) if finished else None,
            seed=seed,
            state="finished" if finished else "crashed",
            blocks={"gpu_name": where},
            batch=batches[batch],
            ratio=RATIOS[ratio],
        )
        for at, (batch, ratio, seed, where, value, finished) in enumerate(rows)
    ]
    return table(runs, [factor("batch", [batches[at] for at in order]), factor("ratio", RATIOS)])


def same(made: Judged, wanted: Judged, **changed: Any) -> None:
    """The answers agree, number by number."""
    assert_close(numbers(made), changed.pop("numbers", numbers(wanted)))
    for one, other in zip(made.answers, wanted.answers, strict=True):
        assert (one.factor, one.status, one.verdict) == (other.factor, other.status, other.verdict)


def assert_close(made: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> None:
    assert made.keys() == wanted.keys()
    for key, found in wanted.items():
        for name, value in found.items():
            assert made[key][name] == near(value), (key, name)


def near(value: Any) -> Any:
    """What equals this value but for rounding."""
    if value is None or isinstance(value, str):
        return value
    return pytest.approx(value, rel=1e-6, abs=1e-9)


class TestWhatChangesNothing:
    @few
    @given(experiments(), st.randoms(use_true_random=False))
    def test_the_order_of_runs(self, rows: list[Row], draw: Any) -> None:
        ids = list(range(len(rows)))
        draw.shuffle(ids)

        same(asked(laid_out(rows, ids=ids)), asked(laid_out(rows)))

    @few
    @given(experiments(), st.permutations((0, 1, 2)))
    def test_the_order_of_declared_levels(self, rows: list[Row], order: list[int]) -> None:
        same(asked(laid_out(rows, order=order)), asked(laid_out(rows)))

    @few
    @given(experiments(), st.data())
    def test_running_a_setting_and_seed_twice_with_the_same_result(
        self, rows: list[Row], data: st.DataObject
    ) -> None:
        finished = [row for row in rows if row[-1]]
        again = data.draw(st.lists(st.sampled_from(finished), max_size=4)) if finished else []

        made, wanted = asked(laid_out([*rows, *again])), asked(laid_out(rows))

        same(made, wanted)
        if again and made.effects is not None:
            notice = next(note for note in made.effects.notes if "averaged" in note)
            assert notice.startswith(f"{len(again)} further run")


class TestWhatChangesWithIt:
    @few
    @given(experiments(), st.permutations(("zeta", "b", "10")))
    def test_other_names_for_the_levels(self, rows: list[Row], names: list[str]) -> None:
        renamed = dict(zip(BATCHES, names, strict=True))
        made, wanted = asked(laid_out(rows, batches=names)), asked(laid_out(rows))

        for one, other in zip(made.answers, wanted.answers, strict=True):
            assert one.status == other.status
            for found, before in zip(one.comparisons, other.comparisons, strict=True):
                pair = (before.low, before.high)
                assert (found.low, found.high) == tuple(renamed.get(at, at) for at in pair)
                assert found.estimate == near(before.estimate)
                assert found.p_adjusted == near(before.p_adjusted)
                assert found.verdict == before.verdict

    @few
    @given(
        experiments(),
        st.sampled_from([-100.0, 0.0, 3.0, 1e6]),
        st.sampled_from([-2.0, 0.25, 1.0, 1000.0]),
    )
    def test_another_unit_of_the_response(self, rows: list[Row], a: float, b: float) -> None:
        made = asked(laid_out(rows, change=lambda y: a + b * y), smallest_effect=abs(b))
        wanted = asked(laid_out(rows), smallest_effect=1.0)

        scaled = {
            key: {
                **found,
                "estimate": times(b, found["estimate"]),
                "error": times(abs(b), found["error"]),
                "interval": ends(b, found["interval"]),
            }
            for key, found in numbers(wanted).items()
        }
        same(made, wanted, numbers=scaled)


def times(b: float, value: float | None) -> float | None:
    return None if value is None else b * value


def ends(b: float, interval: tuple[float, float] | None) -> tuple[float, ...] | None:
    return None if interval is None else tuple(sorted(b * end for end in interval))


@st.composite
def layouts(draw: st.DrawFn) -> Table:
    """Few runs of two factors with levels, one on its values, and a block."""
    count = draw(st.integers(2, 12))
    runs = [
        run(
            at,
            float(at * at % 7),
            a=draw(st.integers(0, 2)),
            b=draw(st.integers(0, 2)),
            x=draw(st.integers(0, 3)),
            blocks={"gpu_name": draw(st.sampled_from("AB"))},
        )
        for at in range(count)
    ]
    factors = [factor("a", range(3)), factor("b", range(3)), factor("x", range(4))]
    return table(runs, factors, numeric=["x"])


class TestTheGateAgainstExactArithmetic:
    """A contrast is estimable if it is a sum of rows: elimination with fractions decides."""

    @settings(few, max_examples=40)
    @given(layouts())
    def test_main_effects_and_blocks(self, found: Table) -> None:
        told = gate(found)
        exact = Exact(found, interactions=False)

        for column in told.columns:
            for low, high in itertools.combinations(column.observed, 2):
                wanted = exact.is_estimable(column, low, high)
                assert told.is_estimable(column.name, low, high) == wanted

    @settings(few, max_examples=40)
    @given(layouts())
    def test_a_model_with_interactions(self, found: Table) -> None:
        factors = [found.column("a"), found.column("b")]
        terms = (*main_effects([*found.blocks, *factors]), *two_factor_interactions(factors))
        narrow = found.without(["x"])
        told, exact = gate(narrow, terms=terms), Exact(narrow, interactions=True)

        for column in told.columns:
            for low, high in itertools.combinations(column.observed, 2):
                wanted = exact.is_estimable(column, low, high)
                assert told.is_estimable(column.name, low, high) == wanted

    @few
    @given(layouts())
    def test_no_number_stands_where_there_is_none(self, found: Table) -> None:
        judged = asked(found)
        exact = Exact(found, interactions=False)

        for answer in judged.answers:
            column = found.column(answer.factor)
            for comparison in answer.comparisons:
                if exact.is_estimable(column, comparison.low, comparison.high):
                    assert comparison.estimate is not None
                else:
                    assert comparison.estimate is None
                    assert comparison.p is None
                    assert comparison.interval_adjusted is None
                    assert answer.status in ("confounded", "not_ready")

    def test_elimination_itself(self) -> None:
        """(1, 1, 0) and (1, 0, 1) span (0, 1, -1), and not (0, 1, 1)."""
        basis = eliminated([[1, 1, 0], [1, 0, 1]])

        assert spans(basis, [0, 1, -1])
        assert not spans(basis, [0, 1, 1])


class Exact:
    """The model with a column for every level and pair of levels, in fractions.

    It has more columns than the model of the gate and the same estimable contrasts.
    """

    def __init__(self, found: Table, *, interactions: bool) -> None:
        self.columns = [c for c in (*found.blocks, *found.factors) if c.varies]
        factors = [c for c in found.factors if c.varies]
        self.pairs = list(itertools.combinations(factors, 2)) if interactions else []
        cells = [
            {c.name: c.labels[c.codes[row]] for c in self.columns} for row in range(len(found))
        ]
        self.basis = eliminated([self.row(cell) for cell in cells])

    def row(self, cell: Mapping[str, str]) -> list[Fraction]:
        made = [Fraction(1)]
        for column in self.columns:
            made += self.part(column, cell[column.name])
        for one, other in self.pairs:
            lefts, rights = (self.part(c, cell[c.name]) for c in (one, other))
            made += [left * right for left in lefts for right in rights]
        return made

    def part(self, column: Column, label: str) -> list[Fraction]:
        if column.is_numeric:
            return [Fraction(label)]
        return [Fraction(label == other) for other in column.observed]

    def is_estimable(self, column: Column, low: str, high: str) -> bool:
        """Equal weight for every combination of the other factors' observed levels."""
        others = [c for c in self.columns if c.name != column.name]
        grid = [
            dict(zip([c.name for c in others], labels, strict=True))
            for labels in itertools.product(*(c.observed for c in others))
        ]
        sums = [
            [Fraction(sum(at), len(grid)) for at in zip(*rows, strict=True)]
            for rows in (
                [self.row({**cell, column.name: label}) for cell in grid] for label in (low, high)
            )
        ]
        return spans(self.basis, [b - a for a, b in zip(*sums, strict=True)])


def eliminated(rows: Sequence[Sequence[int | Fraction]]) -> list[tuple[int, list[Fraction]]]:
    """Rows in echelon form, each with the place of its leading 1."""
    basis: list[tuple[int, list[Fraction]]] = []
    for row in rows:
        left = reduced(basis, row)
        place = next((at for at, value in enumerate(left) if value), None)
        if place is not None:
            basis.append((place, [value / left[place] for value in left]))
    return basis


def reduced(
    basis: Sequence[tuple[int, Sequence[Fraction]]], row: Sequence[int | Fraction]
) -> list[Fraction]:
    left = [Fraction(value) for value in row]
    for place, known in basis:
        factor = left[place]
        left = [a - factor * b for a, b in zip(left, known, strict=True)]
    return left


def spans(
    basis: Sequence[tuple[int, Sequence[Fraction]]], function: Sequence[int | Fraction]
) -> bool:
    return not any(reduced(basis, function))
