"""What keeps a factor from an answer; the cases themselves are in test_verdicts."""

from dataclasses import replace

from paribus_sweeps.analysis.statuses import FactorStatuses
from paribus_sweeps.design.confounding_report import confounding_report
from paribus_sweeps.design.estimability import gate
from tests.sweeps.tables import case_of, grid


class TestConfounded:
    def statuses(self, *, with_facts: bool) -> FactorStatuses:
        rows = [r for r in grid(0.1) if (r["batch"] == 64) == (r["ratio"] == "4:1")]
        table = case_of(rows).table
        report = confounding_report(table)
        if not with_facts:
            report = replace(report, facts=())  # as where there are too many to list
        return FactorStatuses(table, gate(table), report, has_plan=True)

    def test_the_fact_is_the_sentence(self) -> None:
        statuses = self.statuses(with_facts=True)

        told = statuses.of(statuses.table.column("batch"))

        assert told is not None
        assert told[0] == "confounded"
        assert "always changed together" in told[1]

    def test_without_one_the_partners_are(self) -> None:
        statuses = self.statuses(with_facts=False)

        assert statuses.of(statuses.table.column("batch")) == (
            "confounded",
            "What `batch` did cannot be told apart from `ratio`: no number is given.",
        )
