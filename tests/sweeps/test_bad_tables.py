"""Tables that nothing good can come of: an answer with its reason, or an error with a sentence."""

import itertools
import json
import math
import random
from typing import Any

import numpy as np
import pytest

from paribus_sweeps.analysis.verdicts import Judged
from paribus_sweeps.design.estimability import gate
from paribus_sweeps.design.follow_ups import follow_ups
from paribus_sweeps.design.matching import matched_pairs
from paribus_sweeps.design.table import Column, Table
from paribus_sweeps.errors import CannotTransform, NotOnScale, SweepError, TooLarge
from paribus_sweeps.runs import Run
from tests.sweeps.small_tables import asked, factor, run, table

BATCH = factor("batch", (8, 64))
RATIO = factor("ratio", ("1:1", "4:1"))
CELLS = list(itertools.product((8, 64), ("1:1", "4:1"), (0, 1, 2)))


def square(values: Any, **more: Any) -> list[Run]:
    """A 2 x 2 in three seeds."""
    return [
        run(at, value, batch=batch, ratio=ratio, seed=seed, **more)
        for at, ((batch, ratio, seed), value) in enumerate(zip(CELLS, values, strict=True))
    ]


def sentences(judged: Judged) -> str:
    return " ".join(answer.sentence for answer in judged.answers)


def plain(judged: Judged) -> str:
    """The answers as JSON, which has neither NaN nor infinity."""
    told = [answer.as_dict() for answer in judged.answers]
    more = [contrast.as_dict() for contrast in judged.contrasts]
    model = judged.effects.as_dict() if judged.effects else None
    return json.dumps([told, more, model], allow_nan=False)


class TestResponses:
    def test_a_constant_response_has_no_p(self) -> None:
        judged = asked(table(square([0.5] * 12), [BATCH, RATIO]))

        assert {answer.status for answer in judged.answers} == {"inconclusive"}
        assert all(c.p is None for answer in judged.answers for c in answer.comparisons)
        assert judged.effects is not None
        assert all(row.p is None for row in judged.effects.rows)
        assert all("no variation" in str(row.note) for row in judged.effects.rows)

    def test_settings_that_repeat_exactly_leave_no_error(self) -> None:
        judged = asked(table(square([1.0 * b + len(r) for b, r, _ in CELLS]), [BATCH, RATIO]))

        assert {answer.verdict for answer in judged.answers} == {"inconclusive"}
        assert judged.effects is not None
        assert all("no error" in (row.note or "") for row in judged.effects.rows)

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200, None])
    def test_a_run_without_a_usable_value_is_no_run(self, bad: float | None) -> None:
        values = [0.1, 0.3, 0.2, 0.4, 0.35, 0.5, 0.7, 0.6, 0.9, 0.8, 0.95, 0.65]
        without = asked(table(square(values)[:-1], [BATCH, RATIO]))

        judged = asked(table(square([*values[:-1], bad]), [BATCH, RATIO]))

        for made, wanted in zip(judged.answers, without.answers, strict=True):
            assert [c.estimate for c in made.comparisons] == [
                c.estimate for c in wanted.comparisons
            ]
        lost = [pair.reason for contrast in judged.contrasts for pair in contrast.lost]
        assert len(lost) == 2  # its partner in batch and its partner in ratio
        assert all("response" in reason for reason in lost)

    def test_numbers_too_small_to_be_squared_are_zero(self) -> None:
        judged = asked(table(square([1e-200 * at for at in range(12)]), [BATCH, RATIO]))

        assert judged.effects is not None
        assert all("no variation" in str(row.note) for row in judged.effects.rows)

    def test_a_logarithm_of_nothing_names_the_value(self) -> None:
        with pytest.raises(CannotTransform, match="the response 0 is not above 0"):
            asked(table(square(range(12)), [BATCH, RATIO]), transform="log")

    def test_robust_errors_of_levels_that_do_not_vary(self) -> None:
        """At 8 and 16 every run is the same: a robust error of their difference would be 0."""
        rows = [(8, 1.0), (16, 2.0), (64, 3.0), (64, 5.0), (64, 9.0)] + [(8, 1.0), (16, 2.0)] * 3
        runs = [run(at, value, batch=batch) for at, (batch, value) in enumerate(rows)]

        judged = asked(table(runs, [factor("batch", (8, 16, 64))]), error="hc3")

        assert judged.effects is not None
        still = judged.effects.contrasts_of("batch")[0]
        assert (still.estimate, still.standard_error, still.p) == (
            pytest.approx(1.0),
            None,
            None,
        )
        assert "do not vary" in str(still.note)
        assert "do not vary" in str(judged.effects.rows[0].note)
        plain(judged)


class TestRuns:
    def test_no_runs_at_all(self) -> None:
        judged = asked(table([], [BATCH, RATIO]))

        assert {answer.status for answer in judged.answers} == {"not_ready"}
        assert "No run has finished with a value" in sentences(judged)

    def test_one_run(self) -> None:
        judged = asked(table(square([0.5] * 12)[:1], [BATCH, RATIO]))

        assert {answer.status for answer in judged.answers} == {"not_varied"}
        assert "`batch` never varied (always 8)." in sentences(judged)

    @pytest.mark.parametrize("state", ["crashed", "failed"])
    def test_none_that_finished(self, state: str) -> None:
        judged = asked(table(square([None] * 12, state=state, reason="exit 1"), [BATCH, RATIO]))

        assert {answer.status for answer in judged.answers} == {"not_ready"}
        assert "No run has finished with a value" in sentences(judged)
        assert judged.effects is None

    def test_all_still_open(self) -> None:
        judged = asked(table(square([None] * 12, state="running"), [BATCH, RATIO]))

        assert {answer.status for answer in judged.answers} == {"not_ready"}
        assert "still open" in sentences(judged)

    def test_a_level_that_crashed_everywhere(self) -> None:
        runs = [
            run(at, None if batch == 64 else 0.1 * at, batch=batch, ratio=ratio, seed=seed,
                state="crashed" if batch == 64 else "finished")
            for at, (batch, ratio, seed) in enumerate(CELLS)
        ]  # fmt: skip

        judged = asked(table(runs, [BATCH, RATIO]))

        assert judged.answers[0].status == "not_ready"
        assert "those at 64 ended without one" in judged.answers[0].sentence
        assert judged.answers[1].status == "inconclusive"

    def test_a_key_that_some_runs_do_not_hold_is_a_level_of_its_own(self) -> None:
        runs = [run(at, 0.1 * at, batch=(8, 64, None)[at % 3]) for at in range(9)]

        judged = asked(table(runs, [BATCH]))

        pairs = {(c.low, c.high) for c in judged.answers[0].comparisons}
        assert ("8", "<unset>") in pairs


class TestSizes:
    def test_five_hundred_factors_of_six_runs(self) -> None:
        names = [f"f{at}" for at in range(500)]
        draw = random.Random(0)
        runs = [
            run(at, draw.random(), **{name: draw.randint(0, 1) for name in names})
            for at in range(6)
        ]

        judged = asked(
            table(runs, [factor(name, (0, 1)) for name in names]), factors=("f0", "f499")
        )

        assert [answer.factor for answer in judged.answers] == ["f0", "f499"]
        assert not any(answer.verdict == "yes" for answer in judged.answers)

    def test_a_factor_with_ten_thousand_levels_is_refused_by_name(self) -> None:
        runs = [run(at, float(at), commit=f"c{at}", batch=at % 2) for at in range(10_000)]

        with pytest.raises(TooLarge, match="`commit` alone has 10,000 levels") as raised:
            asked(table(runs, [factor("commit", [f"c{at}" for at in range(10_000)]), BATCH]))

        assert (raised.value.column, raised.value.levels) == ("commit", 10_000)

    def test_it_is_refused_before_its_matrix_is_built(self) -> None:
        """The columns of 300,000 levels would take 720 GB."""
        codes = np.arange(300_000)
        names = tuple(map(str, codes))
        laid_out = Table(
            names, (Column("commit", names, codes),), None, codes * 1.0, names, ("",) * len(codes)
        )

        with pytest.raises(TooLarge, match="300,000 levels"):
            gate(laid_out)

    def test_many_levels_against_the_first(self) -> None:
        """60 levels in 2 runs each: 59 comparisons with the first, adjusted by Bonferroni."""
        draw = random.Random(0)
        runs = [run(at, draw.gauss(0, 1), prompt=f"p{at % 60:02}") for at in range(120)]

        judged = asked(table(runs, [factor("prompt", [f"p{at:02}" for at in range(60)])]))

        assert judged.effects is not None
        found = judged.effects.contrasts_of("prompt")
        assert len(found) == 59
        assert {contrast.family for contrast in found} == {"bonferroni"}
        assert all(
            c.p_adjusted == pytest.approx(min(1.0, 59 * c.p)) for c in found if c.p is not None
        )


class TestNearTheTolerance:
    @pytest.mark.parametrize("off", [1e-4, 1e-6, 1e-7, 3e-8, 1e-8, 3e-9, 1e-9, 1e-11, 0.0])
    def test_numbers_that_are_almost_proportional(self, off: float) -> None:
        """Either they are told apart, with errors that say how badly, or they are not."""
        draw = random.Random(1)
        runs = []
        for at in range(30):
            x = draw.uniform(0, 1)
            y = 2 * x * (1 + off * draw.gauss(0, 1))
            runs.append(run(at, draw.gauss(0, 1), x=repr(x), y=repr(y)))

        judged = asked(table(runs, [factor("x"), factor("y")]))

        statuses = {answer.status for answer in judged.answers}
        if off < 1e-9:
            assert statuses == {"confounded"}
        if off > 1e-7:
            assert statuses == {"inconclusive"}
        for answer in judged.answers:
            found = answer.comparisons[0]
            assert (found.estimate is None) == (answer.status == "confounded")
            if found.estimate is not None and found.standard_error is not None:
                # noise of sd 1: nothing as large as 5 standard errors
                assert abs(found.estimate) < 5 * found.standard_error
        plain(judged)

    def test_a_factor_at_zero_on_a_logarithmic_scale(self) -> None:
        runs = [run(at, 0.1 * at, lr=lr) for at, lr in enumerate((0, 1e-5, 1e-4))]

        with pytest.raises(NotOnScale, match="factor lr: 0 has no log10"):
            asked(
                table(
                    runs,
                    [factor("lr", (0, 1e-5, 1e-4))],
                    numeric=["lr"],
                    transforms={"lr": "log10"},
                )
            )

    def test_numbers_at_the_ends_of_what_a_float_holds(self) -> None:
        runs = [run(at, 0.1 * at**2, lr=lr) for at, lr in enumerate((-1.7e308, 1.7e308, 0, 1))]

        judged = asked(table(runs, [factor("lr", (-1.7e308, 1.7e308, 0, 1))], numeric=["lr"]))

        assert judged.answers[0].status == "inconclusive"
        plain(judged)


class TestAnything:
    def test_no_table_ends_in_another_error_than_ours(self) -> None:
        """A hundred random tables of few runs, strange numbers and holes."""
        refused = []
        for seed in range(100):
            try:
                plain(strange(random.Random(seed)))
            except SweepError as error:
                refused.append(str(error))

        assert 0 < len(refused) < 60
        assert all(len(sentence.split()) > 5 for sentence in refused)


STRANGE_LEVELS = (0, 1, 2, 4, 8, 1e-5, 1e300, -3, 1e-300)
STRANGE_VALUES = (0.0, 1.0, 1.0, 2.0, 0.3, 0.5, 1e12, -1e15, 1e-300, 1.7e308, math.nan, None)
STATES = ("finished",) * 6 + ("crashed", "running")


def strange(draw: random.Random) -> Judged:
    """The answer to a table that nobody would make on purpose."""
    factors = []
    for at in range(draw.randint(1, 3)):
        levels = draw.sample(STRANGE_LEVELS, draw.randint(1, 4))
        base = draw.choice([None, level_of(levels)])
        factors.append(factor(f"f{at}", levels, baseline=base))
    values = draw.sample(STRANGE_VALUES, draw.randint(1, 4))
    runs = [
        run(
            at,
            draw.choice(values),
            seed=draw.randint(0, 2),
            state=draw.choice(STATES),
            blocks={"gpu_name": draw.choice("ab")},
            **{f.name: draw.choice(f.labels) for f in factors if draw.random() > 0.03},
        )
        for at in range(draw.choice([0, 1, 2, 3, 5, 8, 13, 20]))
    ]
    names = [f.name for f in factors]
    laid_out = table(
        runs,
        factors,
        numeric=names[: draw.randint(0, 2)],
        transforms={names[0]: draw.choice(["identity", "log2"])},
    )
    return asked(
        laid_out,
        goal=draw.choice([None, "minimize"]),
        smallest_effect=draw.choice([None, 0.1, 1e300]),
        interactions=draw.choice(["auto", "none", "all"]),
        error=draw.choice(["auto", "pooled", "hc3"]),
        against_baseline=draw.choice([None, True, False]),
        transform=draw.choice(["identity", "identity", "log", "logit"]),
        has_plan=draw.random() < 0.7,
    )


def level_of(levels: list[Any]) -> str:
    return factor("any", levels[:1]).labels[0]


class TestNames:
    @pytest.mark.parametrize("name", ["", "intercept"])
    def test_a_factor_called_like_the_intercept_is_one_of_its_own(self, name: str) -> None:
        """It moved together with `ratio`: neither can be told, and each names the other."""
        runs = [
            run(at, 0.1 * at, **{name: batch, "ratio": ratio, "seed": seed})
            for at, (batch, ratio, seed) in enumerate(CELLS)
            if (batch == 8) == (ratio == "1:1")
        ]

        judged = asked(table(runs, [factor(name, (8, 64)), RATIO]))

        assert [answer.status for answer in judged.answers] == ["confounded", "confounded"]
        assert [answer.confounded_with for answer in judged.answers] == [("ratio",), (name,)]
        assert follow_ups(judged.gate.table).runs

    def test_five_hundred_factors_are_paired(self) -> None:
        """Numbers of 500 bits tell the cells apart; 64 would not."""
        names = [f"f{at}" for at in range(500)]
        base = dict.fromkeys(names, 0)
        runs = [run(0, 0.1, **base), run(1, 0.2, **{**base, "f0": 1}),
                run(2, 0.3, **{**base, "f499": 1})]  # fmt: skip

        found = matched_pairs([factor(name, (0, 1)) for name in names], runs)

        assert [pairs.factor for pairs in found if pairs.pairs] == ["f0", "f499"]


class TestInteractions:
    def test_what_the_model_asked_for_cannot_tell_is_said_without_a_number(self) -> None:
        """Three of four cells: with the interaction in the model, no main effect is told."""
        runs = [
            run(at, 0.1 * at, batch=b, ratio=r)
            for at, (b, r) in enumerate([(8, "1:1"), (8, "4:1"), (64, "1:1")] * 2)
        ]

        [batch, _] = asked(table(runs, [BATCH, RATIO]), interactions="all").answers

        assert batch.verdict == "inconclusive"
        assert "64 against 8: " in batch.sentence
        assert "changed" not in batch.sentence
        assert "A model with fewer interactions, or more runs, would tell." in batch.sentence
