"""What moved together, as sentences about the runs that finished."""

import json
import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from paribus_sweeps.design.confounding import (
    MovedTogether,
    moved_together,
    moved_together_by_design,
)
from paribus_sweeps.design.grids import expand
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run
from paribus_sweeps.spec import SweepSpec


def factor(name: str, *labels: str, kind: str = "levels") -> Factor:
    levels = tuple(Level(label, {name: label}) for label in labels)
    return Factor(name, (name,), levels, kind=kind)  # type: ignore[arg-type]


def run(number: int, gpu: str | None = None, **setting: str | None) -> Run:
    blocks = {"gpu_name": gpu} if gpu else {}
    return Run(id=f"r{number:02}", setting=setting, value=1.0, blocks=blocks)


BATCH, RATIO = factor("batch", "8", "64"), factor("ratio", "1:1", "4:1")
R1, R2 = run(1, batch="8", ratio="1:1"), run(2, batch="64", ratio="4:1")
R3 = run(3, batch="64", ratio="1:1")


def kinds(facts: Sequence[MovedTogether]) -> list[tuple[str, tuple[str, ...]]]:
    return [(fact.kind, fact.members) for fact in facts]


class TestAlwaysTogether:
    def test_r2_changed_two_things_at_once(self) -> None:
        (fact,) = moved_together([BATCH, RATIO], [R1, R2])

        assert fact.sentence == (
            "`batch` and `ratio` always changed together (8 with 1:1, 64 with 4:1) in all 2 "
            "finished runs. Their separate effects cannot be told apart; only the joint change "
            "can be estimated."
        )
        assert (fact.kind, fact.count, fact.blocks) == ("always_together", 2, ())

    def test_one_run_that_separates_them_ends_it(self) -> None:
        assert moved_together([BATCH, RATIO], [R1, R2, R3]) == ()

    def test_three_that_go_together_are_one_group(self) -> None:
        third = factor("cadence", "a", "b")
        runs = [
            run(1, batch="8", ratio="1:1", cadence="a"),
            run(2, batch="64", ratio="4:1", cadence="b"),
        ]

        (fact,) = moved_together([BATCH, RATIO, third], runs)

        assert fact.members == ("batch", "ratio", "cadence")
        assert fact.sentence.startswith("`batch`, `ratio` and `cadence` always changed together")

    def test_a_factor_and_the_kind_of_gpu(self) -> None:
        runs = [run(1, "T4", batch="8"), run(2, "A100", batch="64")]

        (fact,) = moved_together([BATCH], runs)

        assert fact.sentence == (
            "`batch` is confounded with gpu_name: they always changed together (8 with T4, 64 "
            "with A100) in all 2 finished runs. What `batch` did cannot be told from what "
            "gpu_name did."
        )
        assert (fact.factors, fact.blocks) == (("batch",), ("gpu_name",))

    def test_two_blocks_that_go_together_are_no_news(self) -> None:
        runs = [
            Run(id=str(i), setting={"batch": b}, value=1.0, blocks={"gpu_name": g, "host": h})
            for i, (b, g, h) in enumerate(
                [("8", "T4", "a"), ("64", "T4", "a"), ("8", "A100", "b"), ("64", "A100", "b")]
            )
        ]

        assert moved_together([BATCH], runs, blocks=["gpu_name", "host"]) == ()

    def test_a_run_that_does_not_say_its_gpu_is_a_kind_of_its_own(self) -> None:
        (fact,) = moved_together([BATCH], [run(1, "T4", batch="8"), run(2, batch="64")])

        assert "64 with <unset>" in fact.sentence

    def test_many_combinations_are_counted_and_not_listed(self) -> None:
        names = [str(i) for i in range(9)]
        runs = [run(i, a=n, b=n) for i, n in enumerate(names)]

        (fact,) = moved_together([factor("a", *names), factor("b", *names)], runs)

        assert "5 with 5 and 3 more)" in fact.sentence


class TestConstant:
    def test_a_factor_that_never_varied(self) -> None:
        facts = moved_together([BATCH, RATIO], [R1, run(2, batch="64", ratio="1:1")])

        assert [f.sentence for f in facts] == [
            "`ratio` never varied (always 1:1) in all 2 finished runs."
        ]

    def test_one_run_varies_nothing(self) -> None:
        facts = moved_together([BATCH], [R1])

        assert facts[0].sentence == "`batch` never varied (always 8) in the one finished run."

    def test_a_factor_that_no_run_holds(self) -> None:
        facts = moved_together([factor("lr", "1", "2")], [R1, R2])

        assert "always <unset>" in facts[0].sentence

    def test_a_continuous_factor_is_asked_for_this_only(self) -> None:
        lr, decay = (factor(name, kind="continuous") for name in ("lr", "decay"))
        runs = [run(1, lr="0.1", decay="0"), run(2, lr="0.2", decay="0")]

        assert kinds(moved_together([lr, decay], runs)) == [("constant", ("decay",))]


class TestDecidedBy:
    def test_one_factor_may_decide_another_and_not_the_other_way(self) -> None:
        optimizer = factor("optimizer", "adam", "sgd", "lion")
        runs = [
            run(1, "T4", optimizer="adam"),
            run(2, "T4", optimizer="sgd"),
            run(3, "A100", optimizer="lion"),
        ]

        (fact,) = moved_together([optimizer], runs)

        assert fact.sentence == (
            "`optimizer` decides `gpu_name` (adam with T4, sgd with T4, lion with A100) in all 3 "
            "finished runs. What `gpu_name` did cannot be told from what `optimizer` did."
        )
        assert (fact.kind, fact.members) == ("decided_by", ("optimizer", "gpu_name"))

    def test_a_block_that_decides_another_is_no_news(self) -> None:
        hosts = [("a", "T4"), ("b", "T4"), ("c", "A100")]
        runs = [
            Run(
                id=f"{host}{b}",
                setting={"batch": b},
                value=1.0,
                blocks={"host": host, "gpu_name": gpu},
            )
            for host, gpu in hosts
            for b in ("8", "64")
        ]

        assert moved_together([BATCH], runs, blocks=["host", "gpu_name"]) == ()


class TestWhichRunsCount:
    def test_only_finished_runs_with_a_response(self) -> None:
        crashed = Run(id="x", setting=R3.setting, value=None, state="failed")
        silent = Run(id="y", setting=R3.setting, value=None)

        assert len(moved_together([BATCH, RATIO], [R1, R2, crashed, silent])) == 1

    def test_without_any_there_is_nothing_to_say(self) -> None:
        assert moved_together([BATCH], []) == ()

    @given(st.randoms())
    def test_the_order_of_runs_does_not_matter(self, order: random.Random) -> None:
        runs = [R1, R2, run(3, "T4", batch="8", ratio="1:1")]
        shuffled = runs[:]
        order.shuffle(shuffled)

        assert moved_together([BATCH, RATIO], shuffled) == moved_together([BATCH, RATIO], runs)

    def test_it_is_plain_json(self) -> None:
        made = moved_together([BATCH, RATIO], [R1, R2])[0].as_dict()

        assert json.loads(json.dumps(made)) == made
        assert made["members"] == ["batch", "ratio"]


class TestByDesign:
    def test_a_full_factorial_separates_its_factors(self) -> None:
        spec = designed("full_factorial")

        assert planned(spec) == ()

    def test_a_list_of_settings_may_not(self) -> None:
        (fact,) = planned(designed("settings", settings=[{}, {"a": 2, "b": 2}]))

        assert "in all 2 planned trials" in fact.sentence

    def test_lost_runs_are_caused_and_not_designed(self) -> None:
        # one factor at a time: (1,1), (2,1), (1,2); without the baseline, a and b are one
        spec = designed("one_factor_at_a_time")
        finished = [Run(id=str(t.number), setting=t.setting, value=1.0) for t in expand(spec)[1:]]

        assert planned(spec) == ()
        assert len(moved_together(spec.design.factors, finished)) == 1  # type: ignore[union-attr]


def designed(type: str, **more: object) -> SweepSpec:
    factors = {name: {"baseline": 1, "levels": [1, 2]} for name in "ab"}
    return SweepSpec.from_config({"design": {"type": type, "factors": factors, **more}})


def planned(spec: SweepSpec) -> tuple[MovedTogether, ...]:
    assert spec.design is not None
    return moved_together_by_design(spec.design.factors, expand(spec))
