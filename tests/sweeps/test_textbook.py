"""Published data and R's numbers: the gate and the model, table by table.

tests/sweeps/r/README.md says where each table comes from and which function of which package
gave each number.
"""

import json
import math
from typing import Any

import numpy as np
import pytest

from paribus_sweeps.analysis.comparisons import quantile
from paribus_sweeps.analysis.effect_rows import EffectRow, ModelContrast
from paribus_sweeps.analysis.effects import Effects, effects_of
from paribus_sweeps.analysis.models import Fitted
from paribus_sweeps.analysis.spread import spread_of
from tests.sweeps.textbook import cases, gate_of, label

EXACT = 1e-6  # relative; most agree to 1e-12
INTEGRATED = 2e-5  # Tukey's and Dunnett's adjusted values are integrals on both sides


MODELS: dict[str, Effects] = {}


def every(what: str, *names: str) -> Any:
    return pytest.mark.parametrize(("told", "case"), list(cases(what, *names)), ids=label)


def close(value: float | None, wanted: float | None, *, rel: float = EXACT) -> bool:
    if value is None or wanted is None:
        return value is wanted
    return value == pytest.approx(wanted, rel=rel, abs=1e-11)


def told_whole(found: Effects, row: EffectRow) -> bool:
    return found.fitted.gate.status(*row.term.members).word == "estimable"


def model_of(told: dict[str, Any], case: dict[str, Any], **how: Any) -> Effects:
    """The model of a case; the same model is fitted once."""
    key = json.dumps([told["file"], case["model"], how], sort_keys=True)
    if key not in MODELS:
        fitted = Fitted(gate_of(told, case), (), None)
        MODELS[key] = effects_of(fitted, error=how.pop("error", "pooled"), **how)
    return MODELS[key]


class TestGate:
    @every("model_matrix")
    def test_the_model_matrix_is_as_written_down(self, told: Any, case: Any) -> None:
        found = gate_of(told, case)
        codes = {column.name: column for column in found.columns}

        rows = [
            [column.labels[column.codes[row]] for column in codes.values()]
            for row in range(len(found.table))
        ]
        made = {tuple(row): values for row, values in zip(rows, found.full_matrix(), strict=True)}

        assert list(found.matrix.names) == case["expected"]["columns"]
        for cell, wanted in zip(case["expected"]["cells"], case["expected"]["rows"], strict=True):
            assert made[tuple(cell[name] for name in codes)] == pytest.approx(wanted, abs=1e-12)

    @every("rank")
    def test_rank_and_residual_df(self, told: Any, case: Any) -> None:
        found = gate_of(told, case)

        wanted = case["expected"]["finished"]
        assert (len(found.table), found.parameters, found.rank, found.residual_df) == (
            wanted["runs"],
            wanted["parameters"],
            wanted["rank"],
            wanted["residual_df"],
        )

    @every("terms")
    def test_what_of_each_term_can_be_estimated(self, told: Any, case: Any) -> None:
        found = gate_of(told, case)

        made = [status.as_dict() for status in found.statuses]
        assert made == case["expected"]

    @every("aliases")
    def test_which_columns_are_sums_of_earlier_ones(self, told: Any, case: Any) -> None:
        found = gate_of(told, case)

        made = {
            found.matrix.names[relation.column]: {
                found.matrix.names[place]: float(value) for place, value in relation.parts
            }
            for relation in found.relations
        }
        wanted = {entry["column"]: entry["equals"] for entry in case["expected"]}
        assert made.keys() == wanted.keys()
        for column, parts in wanted.items():
            assert made[column] == pytest.approx(parts, abs=1e-7)

    @every("contrasts")
    def test_which_levels_can_be_compared(self, told: Any, case: Any) -> None:
        found = gate_of(told, case)

        for entry in case["expected"]:
            for contrast in entry["contrasts"]:
                told_apart = found.is_estimable(entry["factor"], contrast["from"], contrast["to"])
                assert told_apart == contrast["estimable"], (entry["factor"], contrast)

    @every("gvif")
    def test_generalised_variance_inflation(self, told: Any, case: Any) -> None:
        found = {i.term.name: i for i in gate_of(told, case).inflation}

        for entry in case["expected"]:
            assert close(found[entry["term"]].gvif, entry["gvif"])
            assert close(found[entry["term"]].factor, entry["adjusted"])

    @every("functions")
    def test_sums_of_effects_that_can_be_told_although_their_parts_cannot(
        self, told: Any, case: Any
    ) -> None:
        found = gate_of(told, case)
        solution = Fitted(found, (), None).solution

        for entry in case["expected"]:
            function = np.zeros(found.parameters)
            for name, weight in entry["weights"].items():
                function[found.matrix.names.index(name)] = weight
            assert bool(found.space.estimable(function[None, :])[0]) == entry["estimable"]
            if entry["estimable"]:
                assert close(solution.estimate(function), entry["estimate"])


class TestModel:
    @every("anova")
    def test_type_ii_by_model_comparison(self, told: Any, case: Any) -> None:
        """Types I and III are only in the files where they agree, or to differ from."""
        if case["expected"]["type"] != "II":
            return
        found = model_of(told, case)

        rows = {row.term.name: row for row in found.rows}
        for entry in case["expected"]["terms"]:
            row = rows.get(entry["term"])
            if row is not None and told_whole(found, row):
                assert row.df == entry["df"]
                assert close(row.sum_of_squares or 0.0, entry["sum_sq"] or 0.0)
                assert close(row.f, entry.get("F"))
                assert close(row.p, entry.get("p"))
                if row.omega_squared is not None:
                    assert close(row.omega_squared, entry["omega_squared"])

    @every("terms")
    def test_what_the_gate_cannot_tell_has_no_row_of_numbers(self, told: Any, case: Any) -> None:
        """R's Type II has numbers there: it leaves the terms out that contain this one."""
        found = model_of(told, case)

        wanted = {entry["term"]: entry for entry in case["expected"]}
        for row in found.rows:
            entry = wanted[row.term.name]
            assert row.df == entry["df_estimable"]
            assert (row.sum_of_squares is None) == (entry["status"] == "not_estimable")
            if entry["status"] == "not_estimable":
                assert (row.f, row.p, row.p_adjusted, row.omega_squared) == (None,) * 4
            if entry["status"] != "estimable":
                assert row.note

    @every("coefficients")
    def test_coefficients(self, told: Any, case: Any) -> None:
        found = model_of(told, case)
        names = found.fitted.gate.matrix.names

        for entry in case["expected"]:
            function = np.eye(len(names))[names.index(entry["column"])]
            self.told_like(found, function, entry)

    @every("margins")
    def test_means_at_a_level_with_all_else_in_equal_parts(self, told: Any, case: Any) -> None:
        found = model_of(told, case)

        for entry in case["expected"]["margins"]:
            self.told_like(found, found.fitted.gate.margin(entry["at"]), entry)

    def told_like(self, found: Effects, function: Any, entry: Any) -> None:
        """Compare a linear function of the coefficients with what R says of it."""
        solution = found.fitted.solution
        is_estimable = bool(found.fitted.gate.space.estimable(function[None, :])[0])
        assert is_estimable == entry.get("estimable", entry["estimate"] is not None)
        if not is_estimable:
            return
        estimate = solution.estimate(function)
        assert close(estimate, entry["estimate"], rel=1e-9)
        if found.sd is None:
            assert entry["se"] is None
            return
        error = found.sd * math.sqrt(solution.variance_factor(function))
        half = quantile(0.95, solution.residual_df) * error
        assert close(error, entry["se"])
        assert solution.residual_df == entry["df"]
        assert [estimate - half, estimate + half] == pytest.approx(
            [entry["low"], entry["high"]], rel=EXACT, abs=1e-9
        )

    @every("pairwise")
    def test_pairs_of_levels_with_tukeys_adjustment(self, told: Any, case: Any) -> None:
        found = model_of(told, case, against_baseline=False)

        self.compare(found, case["expected"])

    @every("against_baseline")
    def test_levels_against_the_baseline_with_dunnetts_adjustment(
        self, told: Any, case: Any
    ) -> None:
        found = model_of(told, case, against_baseline=True)

        self.compare(found, case["expected"])

    @every("hc3_pairwise")
    def test_pairs_of_levels_with_robust_errors(self, told: Any, case: Any) -> None:
        found = model_of(told, case, against_baseline=False, error="hc3")

        assert found.error == "hc3"
        self.compare(found, case["expected"])

    def compare(self, found: Effects, wanted: Any) -> None:
        made = {(c.low, c.high): c for c in found.contrasts_of(wanted["factor"])}
        for entry in wanted["contrasts"]:
            self.same(made, entry)

    def same(self, made: dict[tuple[str, str], ModelContrast], entry: Any) -> None:
        low, high, sign = entry["from"], entry["to"], 1
        if (low, high) not in made:
            low, high, sign = high, low, -1
        contrast = made[low, high]
        assert contrast.is_estimable == entry["estimable"]
        if not entry["estimable"]:
            assert contrast.interval is None
            assert contrast.p is None
            return
        assert close(contrast.estimate, sign * entry["estimate"])
        assert close(contrast.standard_error, entry["se"])
        assert close(contrast.p, entry["p"])
        if contrast.interval is not None and contrast.interval_adjusted is not None:
            ends = sorted([sign * entry["low"], sign * entry["high"]])
            assert contrast.interval == pytest.approx(ends, rel=EXACT, abs=1e-9)
        if entry["p_adjusted"] is None and entry.get("p_in_class") is not None:
            # a family with a hole: adjusted among the levels that can be compared
            assert close(contrast.p_adjusted, entry["p_in_class"], rel=INTEGRATED)
            assert contrast.family_size == math.comb(entry["class_size"], 2)
        if entry["p_adjusted"] is not None and contrast.interval_adjusted is not None:
            assert close(contrast.p_adjusted, entry["p_adjusted"], rel=INTEGRATED)
            ends = sorted([sign * entry["low_adjusted"], sign * entry["high_adjusted"]])
            assert contrast.interval_adjusted == pytest.approx(ends, rel=INTEGRATED, abs=1e-6)

    @every("slopes")
    def test_slopes_of_factors_on_their_values(self, told: Any, case: Any) -> None:
        found = model_of(told, case)

        for entry in case["expected"]:
            contrast = found.contrasts_of(entry["factor"])[0]
            wanted = entry["scaled"]
            assert contrast.is_estimable == wanted["estimable"]
            if wanted["estimable"]:
                assert contrast.estimate is not None
                assert close(contrast.estimate / 2, wanted["estimate"])
                assert close(contrast.p, wanted["p"])

    @every("brown_forsythe")
    def test_whether_the_cells_differ_in_spread(self, told: Any, case: Any) -> None:
        found = gate_of(told, case)

        spread = spread_of(found.table, Fitted(found, (), None))

        assert close(spread.p, case["expected"]["p"])

    @every("hc3")
    def test_the_robust_covariance(self, told: Any, case: Any) -> None:
        fitted = Fitted(gate_of(told, case), (), None)

        root = fitted.solution.residual_root(fitted.matrix, fitted.table.values)
        made = fitted.solution.robust(np.eye(fitted.gate.parameters), root)

        wanted = np.array(case["expected"]["covariance"])
        # the intercept's own estimate is about the centre: its (co)variances are the same
        assert made == pytest.approx(wanted, rel=EXACT, abs=1e-10)
