"""Matched pairs of a table: who is paired with whom, and what was lost."""

import itertools
from typing import Any

import pytest

from paribus_sweeps.analysis.contrasts import Dependence, MatchedContrast, matched_contrasts
from paribus_sweeps.design.table import Table
from paribus_sweeps.runs import Run
from tests.sweeps.small_tables import factor, run, table

FACTORS = [factor("batch", (8, 64)), factor("ratio", ("1:1", "4:1"))]
CELLS = list(itertools.product((8, 64), ("1:1", "4:1"), (0, 1)))


def of(found: Table, name: str = "batch") -> MatchedContrast:
    """The one contrast of a factor with two levels."""
    [contrast] = matched_contrasts(found, name, seed="tests")
    return contrast


def square(values: Any, **states: str) -> list[Run]:
    """A 2 x 2 in two seeds; `states` by run id."""
    return [
        run(at, None if f"r{at:05}" in states else value, batch=batch, ratio=ratio, seed=seed,
            state=states.get(f"r{at:05}", "finished"))
        for at, ((batch, ratio, seed), value) in enumerate(zip(CELLS, values, strict=True))
    ]  # fmt: skip


class TestPairs:
    def test_differ_in_the_factor_alone(self) -> None:
        found = of(table(square([1, 2, 3, 4, 11, 13, 15, 17]), FACTORS))

        pairs = [(pair.low_run, pair.high_run, pair.difference) for pair in found.pairs]
        assert pairs == [
            ("r00000", "r00004", 10),
            ("r00001", "r00005", 11),
            ("r00002", "r00006", 12),
            ("r00003", "r00007", 13),
        ]
        assert found.summary.estimate == pytest.approx(11.5)
        assert found.contexts == ({"ratio": "1:1"}, {"ratio": "4:1"})
        assert found.pairs[0].as_dict()["replicate"] == "0"

    def test_of_different_gpus_are_none(self) -> None:
        runs = [
            run(at, 0.1, batch=batch, seed=0, blocks={"gpu_name": gpu})
            for at, (batch, gpu) in enumerate([(8, "A100"), (64, "T4")])
        ]

        assert of(table(runs, FACTORS[:1])).n == 0

    def test_of_a_factor_on_its_values_are_not_looked_for(self) -> None:
        runs = [run(at, 0.1 * at, lr=at) for at in range(3)]

        assert matched_contrasts(table(runs, [factor("lr")]), "lr", seed="tests") == ()

    def test_several_runs_of_one_setting_without_a_seed_cannot_be_paired(self) -> None:
        runs = [run(at, 0.1 * at, batch=(8, 64)[at % 2]) for at in range(4)]

        found = of(table(runs, FACTORS[:1]))

        assert found.n == 0
        assert found.notes[0].startswith("Several runs of one setting and no replicate key")
        # unpaired: 0.2 against 0.1, not seed-matched
        assert found.unpaired is not None
        assert found.as_dict()["unpaired"]["estimate"] == pytest.approx(0.1)

    def test_without_a_common_seed_are_compared_unpaired(self) -> None:
        runs = [run(at, 0.1 * at, batch=(8, 64)[at // 3], seed=at) for at in range(6)]

        found = of(table(runs, FACTORS[:1])).as_dict()

        assert found["n"] == 0
        assert found["unpaired"]["label"] == "not seed-matched"
        assert found["unpaired"]["estimate"] == pytest.approx(0.3)

    def test_without_a_common_context_there_is_nothing(self) -> None:
        runs = [run(0, 0.1, batch=8, ratio="1:1"), run(1, 0.2, batch=64, ratio="4:1")]

        assert of(table(runs, FACTORS)).as_dict()["unpaired"] is None


class TestContexts:
    def test_that_disagree_are_explained_by_a_column(self) -> None:
        """+10 at ratio 1:1 and -10 at 4:1."""
        values = [0, 0.1, 0, 0.1, 10, 10.2, -10, -10.1]

        found = of(table(square(values), FACTORS))

        assert found.depends_on is not None
        assert found.depends_on.column == "ratio"
        assert found.depends_on.is_clear
        assert found.depends_on.sentence.startswith(
            "It depends on `ratio`: +10.05 at 1:1, −10.1 at 4:1 (p = "
        )
        told = found.as_dict()["depends_on"]
        assert told["by_level"] == pytest.approx({"1:1": 10.05, "4:1": -10.1})

    def test_that_differ_somewhat_may_depend_on_a_column(self) -> None:
        found = Dependence("ratio", {"1:1": 0.5, "4:1": 0.1}, 0.07)

        assert found.is_clear
        assert found.sentence == "It may depend on `ratio`: +0.5 at 1:1, +0.1 at 4:1 (p = 0.07)."

    def test_that_differ_in_sign_alone_may_be_noise(self) -> None:
        """+1 and -1 at ratio 1:1, mean 0.1; -0.9 and 0.7 at 4:1, mean -0.1."""
        values = [0, 0, 0, 0, 1.1, -0.9, -0.9, 0.7]

        found = of(table(square(values), FACTORS))

        assert found.depends_on is not None
        assert not found.depends_on.is_clear
        assert found.depends_on.sentence == (
            "It is +0.1 at 1:1, −0.1 at 4:1 of `ratio`; noise alone may do that."
        )

    def test_that_agree_need_no_explanation(self) -> None:
        found = of(table(square([0, 0.1, 0, 0.3, 10, 10.2, 10.1, 10]), FACTORS))

        assert found.depends_on is None


class TestLost:
    def test_pairs_are_counted_with_their_reason(self) -> None:
        found = of(table(square([1.0] * 8, r00004="crashed", r00006="running"), FACTORS))

        assert [(pair.run, pair.partner, pair.is_open) for pair in found.lost] == [
            ("r00004", "r00000", False),
            ("r00006", "r00002", True),
        ]
        assert (found.n, found.lost_count, found.open_count) == (2, 2, 1)
        assert found.notes == ("1 of 3 pairs lost to runs without a value (1 crashed).",)
        assert found.as_dict()["lost"][0]["reason"] == "crashed"

    def test_a_setting_that_was_run_again_is_not_lost(self) -> None:
        again = run(9, 2.0, batch=64, ratio="1:1", seed=0)

        found = of(table([*square([1.0] * 8, r00004="crashed"), again], FACTORS))

        assert (found.n, found.lost_count) == (4, 0)


class TestLurking:
    def test_partners_that_differ_in_a_key_nobody_set_are_told(self) -> None:
        runs = [
            run(at, 0.1 * at, batch=batch, seed=seed, blocks={"host": host, "os": "linux"})
            for at, (batch, seed, host) in enumerate(
                [(8, 0, "a"), (8, 1, "a"), (64, 0, "a"), (64, 1, "b")]
            )
        ]

        found = of(Table.from_runs(runs, FACTORS[:1], blocks=(), lurking=("host", "os")))

        assert found.n == 2
        assert found.notes == ("In 1 of 2 pairs the partners differ in `host`.",)
