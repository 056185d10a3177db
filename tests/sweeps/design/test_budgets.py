"""What fewer runs than all can tell."""

from paribus_sweeps.design.budgets import affordable
from tests.sweeps.design.follow_up_cases import plan_of, table, three_runs


class TestAffordable:
    def test_terms_are_taken_in_order_while_they_fit(self) -> None:
        plan = plan_of(table("8 1:1 coarse"))

        one, two = (affordable(plan, plan.candidates(), budget) for budget in (1, 2))

        assert (one.terms, len(one.cells)) == (("batch",), 1)
        assert (two.terms, len(two.cells)) == (("batch", "ratio"), 2)

    def test_what_can_be_told_already_costs_nothing(self) -> None:
        plan = plan_of(table("8 1:1 coarse", "64 1:1 coarse"))

        assert affordable(plan, plan.candidates(), 1).terms == ("ratio",)

    def test_what_no_candidate_tells_is_not_taken(self) -> None:
        plan = plan_of(three_runs(), candidates=[])

        found = affordable(plan, plan.candidates(), 5)

        assert (found.terms, len(found.cells)) == ((), 0)

    def test_before_any_run_a_factor_needs_two(self) -> None:
        plan = plan_of(table())

        assert affordable(plan, plan.candidates(), 1).terms == ()
        assert affordable(plan, plan.candidates(), 2).terms == ("batch",)
