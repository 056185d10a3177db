"""Which adjustment a family of contrasts takes."""

import numpy as np
import pytest
from scipy import stats

from paribus_sweeps.analysis.families import Family, FamilyName, family_name


def family(name: FamilyName, size: int = 3) -> Family:
    half = np.full((size, size), 0.5) + 0.5 * np.eye(size)
    return Family(name, ("a", "b", "c", "d")[: size + 1], size, 20, half)


class TestFamily:
    def test_names(self) -> None:
        assert family_name("tukey", 3) == "tukey"
        assert family_name("dunnett", 1) == "one"
        assert family_name("dunnett", 51) == "bonferroni"

    @pytest.mark.parametrize("name", ["one", "tukey", "dunnett", "bonferroni"])
    def test_the_critical_value_is_where_the_adjusted_p_is_five_percent(
        self, name: FamilyName
    ) -> None:
        made = family(name)
        t = made.critical(0.95)

        [p, *_] = made.adjusted([t] * 3, [2 * float(stats.t.sf(t, 20))] * 3)

        assert p == pytest.approx(0.05, rel=1e-6)
        assert made.critical(0.95) == t

    def test_the_smaller_the_family_the_shorter_the_interval(self) -> None:
        one, dunnett, bonferroni, tukey = (
            family(name).critical(0.95) for name in ("one", "dunnett", "bonferroni", "tukey")
        )

        # t; q / sqrt 2 for four levels and 20 df: 3.958 / 1.4142
        assert one == pytest.approx(2.086, abs=1e-3)
        assert tukey == pytest.approx(3.958 / 1.41421, abs=1e-3)
        assert one < dunnett < bonferroni < tukey
