"""The version of the data: the same for the same runs, another for anything that changed."""

from paribus_sweeps.analysis.questions import Question, data_version
from tests.sweeps.small_tables import factor, run, table

RUNS = [run(at, 0.1 * at, batch=(8, 64)[at % 2], seed=at) for at in range(4)]


class TestDataVersion:
    def test_does_not_depend_on_the_order_of_runs_or_levels(self) -> None:
        one = table(RUNS, [factor("batch", (8, 64))])
        other = table(RUNS[::-1], [factor("batch", (64, 8))])

        assert data_version(one) == data_version(other)

    def test_changes_with_a_value_a_state_or_a_setting(self) -> None:
        levels = [factor("batch", (8, 64))]
        changed = [
            run(3, 0.4, batch=64, seed=3),
            run(3, 0.3, batch=8, seed=3),
            run(3, 0.3, batch=64, seed=4),
            run(3, None, batch=64, seed=3, state="crashed"),
        ]

        versions = {data_version(table([*RUNS[:3], one], levels)) for one in (RUNS[3], *changed)}

        assert len(versions) == 5

    def test_is_what_random_draws_are_made_from(self) -> None:
        found = table([run(at, 0.1 * at, batch=8) for at in range(2)], [factor("batch", (8,))])

        seed = Question("loss", experiment="e1").seed(found)

        assert seed == f"e1|loss|{data_version(found)}"
