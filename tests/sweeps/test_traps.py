"""METHOD 14: nine traps that other packages fall into, and what is said here instead."""

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy import stats

from paribus_sweeps.analysis import paired
from paribus_sweeps.analysis.effects import Effects, effects_of
from paribus_sweeps.analysis.models import Fitted
from paribus_sweeps.design.estimability import gate
from paribus_sweeps.design.foldover import fold_overs
from paribus_sweeps.design.follow_ups import follow_ups
from paribus_sweeps.design.model_matrix import Term
from paribus_sweeps.design.plackett_burman import partial_aliases
from paribus_sweeps.design.table import Table
from paribus_sweeps.spec import SweepSpec
from tests.sweeps.small_tables import asked, factor, run, table
from tests.sweeps.textbook import cases, gate_of, label, table_of

BATCH, RATIO = factor("batch", (8, 64), baseline="8"), factor("ratio", ("1:1", "4:1"))
CADENCE = factor("cadence", ("coarse", "fine"), baseline="coarse")


def every(what: str, *names: str) -> Any:
    return pytest.mark.parametrize(("told", "case"), list(cases(what, *names)), ids=label)


def model_of(told: Any, case: Any, **how: Any) -> Effects:
    return effects_of(Fitted(gate_of(told, case), (), None), **how)


class TestAliasedFactors:
    """1: other packages split a joint effect evenly and print a significant p for both parts."""

    def aliased(self) -> Table:
        """Batch and ratio always changed together; the joint effect is 1, the noise small."""
        runs = [
            run(at, at % 2 + 0.01 * (at * at % 5), batch=(8, 64)[at % 2],
                ratio=("1:1", "4:1")[at % 2])
            for at in range(12)
        ]  # fmt: skip
        return table(runs, [BATCH, RATIO])

    def test_neither_has_a_number(self) -> None:
        judged = asked(self.aliased())

        assert [answer.status for answer in judged.answers] == ["confounded", "confounded"]
        assert judged.answers[0].confounded_with == ("ratio",)
        assert judged.effects is not None
        for row in judged.effects.rows:
            assert (row.sum_of_squares, row.f, row.p) == (None, None, None)
        for contrast in judged.effects.contrasts:
            assert (contrast.estimate, contrast.p, contrast.interval) == (None, None, None)

    def test_the_sentence_says_that_only_the_joint_change_can_be_told(self) -> None:
        sentence = asked(self.aliased()).answers[0].sentence

        assert "always changed together" in sentence
        assert "8 with 1:1, 64 with 4:1" in sentence


class TestEmptyCells:
    """2: sums of squares wrong by factors in the hundreds, interaction df overstated."""

    @every("anova", "empty_cells")
    def test_sums_of_squares_are_those_of_model_comparison(self, told: Any, case: Any) -> None:
        if case["expected"]["type"] != "II":
            return
        found = model_of(told, case, error="pooled")

        wanted = {entry["term"]: entry for entry in case["expected"]["terms"]}
        for row in found.rows:
            status = found.fitted.gate.status(*row.term.members)
            assert row.df == status.df_estimable
            if status.word == "estimable" or (len(row.term.members) == 2 and row.df):
                assert row.df == wanted[row.term.name]["df"]
                assert row.sum_of_squares == pytest.approx(wanted[row.term.name]["sum_sq"])

    def test_a_margin_over_an_empty_cell_has_no_number(self) -> None:
        told, case = next(
            (told, case)
            for told, case in cases("anova", "empty_cells")
            if case["data"] == "nutrition" and len(case["model"]["terms"]) == 6
        )

        row = model_of(told, case).row("age")

        # three degrees of freedom, none of which the model with interactions can tell
        assert row is not None
        assert (row.df, row.sum_of_squares, row.p) == (0, None, None)
        assert "cannot be told apart from" in str(row.note)


class TestTreatmentCoding:
    """3: Type III with treatment coding gives other numbers, and no warning."""

    @every("wrong_anova")
    def test_is_not_what_we_give(self, told: Any, case: Any) -> None:
        found = model_of(told, case)

        wrong = {entry["term"]: entry["p"] for entry in case["expected"]["terms"]}
        main = [row for row in found.rows if len(row.term.members) == 1]
        assert main
        assert not any(row.p == pytest.approx(wrong[row.term.name], rel=1e-3) for row in main)


class TestLeverageOne:
    """4: a finite, meaningless robust standard error for a run that stands alone."""

    @every("hc3_undefined")
    def test_leaves_the_pooled_error_and_says_so(self, told: Any, case: Any) -> None:
        found = model_of(told, case, error="hc3")

        assert found.error == "pooled"
        assert "leverage 1" in " ".join(found.notes)


class TestTiesInTheSignedRankTest:
    """5: scipy's method "exact" takes tied differences for distinct ones."""

    def test_p_is_counted_over_the_ties(self) -> None:
        differences = np.array([1, 1, 1, 1, 1, -2, 3, 3.0])
        # mid-ranks: 3 five times, 6, 7.5 twice; W- = 6. Enumerate the 256 signs.
        ranks = [3.0] * 5 + [6.0, 7.5, 7.5]
        sums = [
            sum(r for r, s in zip(ranks, signs, strict=True) if s)
            for signs in itertools.product((0, 1), repeat=8)
        ]
        wanted = sum(min(at, 36 - at) <= 6 for at in sums) / 256

        found = paired.paired_summary(differences, np.zeros(8, int), seed="traps")

        assert found.signed_rank.p == pytest.approx(wanted)
        assert wanted != pytest.approx(stats.wilcoxon(differences, method="exact").pvalue)


class TestPartialAliases:
    """6: only full aliases of two-level designs are seen; Plackett and Burman's are thirds."""

    def test_every_main_effect_contains_thirds_of_the_others_interactions(self) -> None:
        factors = {name: {"levels": [0, 1]} for name in "ABCDEFGHIJK"}
        spec = SweepSpec.from_config({"design": {"type": "plackett_burman", "factors": factors}})
        assert spec.design is not None

        found = list(partial_aliases(spec.design))

        # 11 effects, each with the C(10, 2) = 45 interactions of the others
        assert len(found) == 11 * 45
        assert {abs(alias.coefficient) for alias in found} == {Fraction(1, 3)}


class TestSplitPlot:
    """7: tested against the runs, a true p of .27 became .04 (Yates' oats)."""

    def test_the_whole_plot_factor_is_never_tested_against_the_run_residual(self) -> None:
        told, case = next(cases("strata"))
        names = ("plot", "variety", "nitrogen")
        terms = (Term(), *(Term((name,)) for name in names))

        found = gate(table_of(told, case), terms=terms)

        assert found.status("variety").word == "not_estimable"
        assert "plot" in found.confounded_with("variety")
        rows = effects_of(Fitted(found, (), None)).rows
        assert [row.p is None for row in rows if row.term == Term(("variety",))] == [True]


class TestFoldOver:
    """8: a fold-over is not enough in general."""

    def test_of_a_quarter_of_five_factors_reaches_13_of_16(self) -> None:
        """D = ab, e = ac: 16 runs with the fold-over, 5 factors and 10 interactions to tell."""
        cells = np.array(
            [(a, b, c, a ^ b, a ^ c) for a, b, c in itertools.product((0, 1), repeat=3)]
        )

        full = next(f for f in fold_overs(cells, list("abcde")) if f.factor is None)

        assert len(full.cells) == 8
        assert (full.interactions.after, full.interactions.needed) == (13, 16)
        assert "13 of the 16" in full.sentence


class TestCrashedBaseline:
    """9: the D-optimal run for an OFAT sweep without its baseline gives no pair."""

    def asked(self) -> Any:
        factors = [BATCH, factor("ratio", ("1:1", "4:1"), baseline="1:1"), CADENCE]
        base = {"batch": 8, "ratio": "1:1", "cadence": "coarse"}
        changes = [{"batch": 64}, {"ratio": "4:1"}, {"cadence": "fine"}]
        runs = [run(0, None, state="failed", **base)]
        runs += [run(at, 0.1 * at, **{**base, **moved}) for at, moved in enumerate(changes, 1)]
        return follow_ups(table(runs, factors), allow_crashed=True)

    def test_the_all_changed_run_is_proposed(self) -> None:
        found = self.asked()

        assert [dict(one.setting) for one in found.runs] == [
            {"batch": "64", "ratio": "4:1", "cadence": "fine"}
        ]

    def test_the_baseline_again_stands_beside_it(self) -> None:
        pairs = self.asked().pairs

        assert [dict(one.setting) for one in pairs.runs] == [
            {"batch": "8", "ratio": "1:1", "cadence": "coarse"}
        ]
        assert pairs.runs[0].again == ("r00000",)
