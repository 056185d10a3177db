"""Several responses of the same runs: rates of false differences over all of them."""

import pytest

from paribus_sweeps.analysis.answers import answer
from paribus_sweeps.analysis.many_responses import across_responses
from paribus_sweeps.analysis.report import document_of
from tests.sweeps.tables import case_of, grid, judged


class TestAcrossResponses:
    def test_q_is_over_responses_and_factors(self) -> None:
        rows = across_responses({"loss": judged(grid(0.1)), "other": judged(grid(0.012))})

        assert [(row.response, row.factor) for row in rows] == [
            ("loss", "batch"),
            ("loss", "ratio"),
            ("other", "batch"),
            ("other", "ratio"),
        ]
        p = [row.p for row in rows]
        assert None not in p
        smallest = min(row.p or 1 for row in rows)
        assert rows[p.index(smallest)].q == pytest.approx(4 * smallest)

    def test_p_counts_the_comparisons_of_the_factor(self) -> None:
        levels = [
            {"batch": b, "seed": s, "loss": 0.3 + 0.01 * ((b * 7 + s * 5) % 11)}
            for b in (8, 64, 128)
            for s in range(4)
        ]
        found = judged(levels, ["batch"])

        [row] = across_responses({"loss": found})

        raw = min(c.p for c in found.answers[0].comparisons if c.p is not None)
        assert row.p == pytest.approx(min(1.0, 3 * raw))

    def test_what_is_confounded_has_neither(self) -> None:
        rows = [r for r in grid(0.1) if (r["batch"] == 64) == (r["ratio"] == "4:1")]

        found = across_responses({"loss": judged(rows)})

        assert [(row.p, row.q, row.status) for row in found] == [(None, None, "confounded")] * 2


class TestReports:
    def test_other_responses_stand_in_a_report(self) -> None:
        case = case_of(grid(0.1))
        other = case_of(
            [
                {**{k: v for k, v in row.items() if k != "loss"}, "f1": row["loss"]}
                for row in grid()
            ],
            response={"name": "f1"},
        )

        told = answer("report", case, also=[other])

        assert [row["response"] for row in told["responses"]] == ["loss", "loss", "f1", "f1"]
        text = document_of(told).markdown()
        assert "## Other responses of the same runs" in text
        assert "| `f1` | `batch` | inconclusive |" in text

    def test_one_response_has_no_table_of_others(self) -> None:
        text = document_of(answer("report", case_of(grid(0.1)))).markdown()

        assert "Other responses" not in text
