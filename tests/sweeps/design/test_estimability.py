"""The gate: classes of comparable levels, partners, margins, refusals."""

import pytest

from paribus_sweeps.design.estimability import gate
from paribus_sweeps.design.model_matrix import Term
from tests.sweeps.small_tables import factor, run, table

ARMS = factor("arm", ("a", "b", "c"))
SIDES = factor("side", ("l", "r"))


def of(*cells: str, terms: tuple[Term, ...] | None = None, twice: bool = False):  # type: ignore[no-untyped-def]
    """The gate of runs at cells such as "al": arm a, side l."""
    runs = [run(at, 0.1 * at, arm=cell[0], side=cell[1]) for at, cell in enumerate(cells)]
    return gate(table(runs, [ARMS, SIDES]), terms=terms)


class TestComparable:
    def test_levels_fall_into_classes(self) -> None:
        """C ran on side r only, a and b on side l only."""
        found = of("al", "bl", "cr")

        assert found.comparable("arm") == (("a", "b"), ("c",))
        assert found.comparable("side") == (("l",), ("r",))
        assert found.is_estimable("arm", "a", "b")
        assert not found.is_estimable("arm", "a", "c")

    def test_all_levels_are_one_class_in_a_full_design(self) -> None:
        found = of("al", "ar", "bl", "cr")

        assert found.comparable("arm") == (("a", "b", "c"),)

    def test_equal_numbers_have_no_difference(self) -> None:
        """Two labels of one number: no column is left, and nothing to compare."""
        runs = [run(at, 0.1 * at, lr=lr) for at, lr in enumerate(("0.0", "0"))]

        found = gate(table(runs, [factor("lr", ("0.0", "0"))], numeric=["lr"]))

        assert found.comparable("lr") == (("0.0",), ("0",))
        assert found.status("lr").word == "not_estimable"

    def test_a_factor_outside_the_model_has_none(self) -> None:
        with pytest.raises(StopIteration):
            of("al", "bl").comparable("side")


class TestPartners:
    def test_are_named_in_the_order_of_the_model(self) -> None:
        assert of("al", "bl", "cr").confounded_with("side") == ("arm",)

    def test_an_interaction_has_some_too(self) -> None:
        terms = (Term(), Term(("arm",)), Term(("side",)), Term(("arm", "side")))

        found = of("al", "ar", "bl", "br", "cl", terms=terms)

        assert "side" in found.partners_of(terms[3])
        assert found.status("arm", "side").word == "partially_estimable"

    def test_a_full_design_has_none(self) -> None:
        assert of("al", "ar", "bl", "br", "cl", "cr").confounded_with("arm") == ()


class TestStatus:
    def test_of_what_is_not_in_the_model(self) -> None:
        with pytest.raises(KeyError, match="arm x side"):
            of("al", "br").status("arm", "side")

    def test_as_plain_json(self) -> None:
        found = of("al", "bl", "cr").as_dict()

        assert found["terms"] == [
            {"term": "arm", "df": 2, "df_estimable": 1, "status": "partially_estimable"},
            {"term": "side", "df": 1, "df_estimable": 0, "status": "not_estimable"},
        ]
        # side[l] is 1, 1, -1: 1/3 of the intercept and 2/3 of arm[a] + 2/3 of arm[b]
        assert found["aliases"] == [
            {
                "column": "side[l]",
                "equals": [
                    {"column": "intercept", "coefficient": "1/3"},
                    {"column": "arm[a]", "coefficient": "2/3"},
                    {"column": "arm[b]", "coefficient": "2/3"},
                ],
            }
        ]


class TestMargin:
    def test_averages_all_else_in_equal_parts(self) -> None:
        found = of("al", "ar", "bl", "br", "cl", "cr")

        assert found.margin({"arm": "b"}).tolist() == [1, 0, 1, 0]
        assert found.margin({"arm": "c", "side": "r"}).tolist() == [1, -1, -1, -1]
        assert found.contrast("arm", "a", "c").tolist() == [0, -2, -1, 0]


class TestInflation:
    @pytest.mark.parametrize(
        ("apart", "word"), [(1.0, None), (0.3, "is correlated"), (0.05, "is strongly")]
    )
    def test_is_told_where_it_matters(self, apart: float, word: str | None) -> None:
        """Z = x + apart * w, with w at right angles to x: GVIF = 1 + 1 / apart^2 (or so)."""
        runs = [
            run(at, 0.1 * at, x=repr(float(x)), z=repr(x + apart * w))
            for at, (x, w) in enumerate([(-1, -1), (-1, 1), (1, -1), (1, 1)])
        ]

        [one, _] = gate(table(runs, [factor("x"), factor("z")])).inflation

        assert one.gvif == pytest.approx(1 + 1 / apart**2)
        assert (one.warning is None) == (word is None)
        assert word is None or word in str(one.warning)
