"""The story that Paribus must be able to tell (DESIGN 1): three finished runs and one cut off."""

from paribus_sweeps.design.confounding_report import ConfoundingReport, confounding_report
from paribus_sweeps.design.estimability import gate
from paribus_sweeps.design.table import Table
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run

A100, T4 = "NVIDIA A100-SXM4-40GB", "Tesla T4"


def factor(name: str, *labels: str) -> Factor:
    return Factor(name, (name,), tuple(Level(label, {name: label}) for label in labels))


FACTORS = [
    factor("batch_size", "8", "64"),
    factor("train_test_ratio", "1:1", "4:1"),
    factor("cadence", "coarse", "fine"),
]


def run(id: str, batch: str, ratio: str, cadence: str, gpu: str = A100, **how: str) -> Run:
    return Run(
        id=id,
        setting={"batch_size": batch, "train_test_ratio": ratio, "cadence": cadence},
        value=None if how else 0.3,
        blocks={"gpu_name": gpu},
        **how,  # type: ignore[arg-type]
    )


R1 = run("R1", "8", "1:1", "coarse")
R2 = run("R2", "64", "4:1", "coarse")
R3 = run("R3", "64", "1:1", "fine")
R4 = run("R4", "8", "1:1", "fine", T4, state="interrupted", reason="cut off at 12 hours")


def asked(*runs: Run) -> ConfoundingReport:
    """What a project says, in which no sweep made the runs."""
    return confounding_report(Table.from_runs(runs, FACTORS), has_plan=False)


class TestTheFourRuns:
    def test_r1_and_r2_changed_all_there_is_at_once(self) -> None:
        (constant, together) = asked(R1, R2).facts

        assert constant.members == ("cadence",)
        assert together.sentence.startswith(
            "`batch_size` and `train_test_ratio` always changed together (8 with 1:1, 64 with 4:1)"
        )

    def test_the_finished_three_cannot_tell_the_three_factors_apart(self) -> None:
        found = asked(R1, R2, R3, R4)

        (fact,) = found.facts
        assert fact.sentence == (
            "In every finished run, [batch_size = 64] = [train_test_ratio = 4:1] + [cadence = "
            "fine], counting 1 where it holds and 0 where not: the separate effects of "
            "`batch_size`, `train_test_ratio` and `cadence` cannot be told apart."
        )
        assert [(f.status, f.df_estimable) for f in found.factors] == [("confounded", 0)] * 3
        assert found.alias_matrix.rows == ()

    def test_finishing_r4_on_the_gpu_of_r1_would_separate_all_three(self) -> None:
        found = asked(R1, R2, R3, R4).restoring

        assert found is not None
        assert found.sentence == (
            "Finishing R4 (interrupted: cut off at 12 hours) on gpu_name NVIDIA A100-SXM4-40GB "
            "would let `batch_size`, `train_test_ratio` and `cadence` be told, with no degree of "
            "freedom left for an interval."
        )
        assert (found.is_smallest, found.residual_df) == (True, 0)

    def test_and_so_it_does(self) -> None:
        finished = run("R4", "8", "1:1", "fine")

        found = asked(R1, R2, R3, finished)

        # four runs, four parameters: all told, nothing left for an interval
        assert [f.status for f in found.factors] == ["estimable"] * 3
        assert (found.rank, found.residual_df) == (4, 0)

    def test_on_the_t4_it_would_separate_nothing(self) -> None:
        finished = run("R4", "8", "1:1", "fine", T4)

        table = Table.from_runs([R1, R2, R3, finished], FACTORS)

        # the GPU is a fifth parameter: R4 alone is on a T4
        assert gate(table).space.deficiency == 1
        assert [f.status for f in asked(R1, R2, R3, finished).factors] == ["confounded"] * 3

    def test_as_a_sweep_it_is_what_the_interrupted_run_caused(self) -> None:
        table = Table.from_runs([R1, R2, R3, R4], FACTORS)

        found = confounding_report(table)

        assert [run.id for run in found.caused_by] == ["R4"]
        assert found.facts[0].sentence.endswith(
            "The plan has it otherwise: finishing R4 (interrupted: cut off at 12 hours) on "
            "gpu_name NVIDIA A100-SXM4-40GB would end it."
        )
