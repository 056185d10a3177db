"""Which runs can be put beside one another."""

from paribus_sweeps.analysis.findings.partners import (
    blocks_of,
    cadence_factors,
    contexts_of,
    differences_in_words,
    in_order,
    level_pairs,
    listed,
    looking_of,
    name_of,
    setting_of,
)
from paribus_sweeps.analysis.findings.rule import Facts
from tests.sweeps.analysis.findings.runs_beside import seen


def run(id, setting, **facts):
    return seen(id, [], (), setting=setting, **facts)


def ids(contexts):
    return [{level: one.facts.run for level, one in held.items()} for held in contexts]


class TestSetting:
    def test_it_is_the_levels_of_the_factors(self):
        facts = Facts("r", setting={"b": "8", "a": "x"}, config={"lr": 1})

        assert setting_of(facts) == (("a", "x"), ("b", "8"))
        assert setting_of(facts, {"b"}) == (("a", "x"),)

    def test_without_factors_it_is_what_the_config_sets(self):
        """Seeds, cadences, GPUs, folders and what a run wrote by itself are no settings."""
        config = {"lr": 1.0, "seed": 3, "eval_steps": 20, "gpu_name": "T4", "output_dir": "x"}

        assert setting_of(Facts("r", config=config)) == (("lr", "1"),)


class TestCadenceFactors:
    def test_a_key_of_that_class_is_one(self):
        runs = [
            run("a", {"eval_steps": "20", "lr": "1"}, config={"eval_steps": 20, "lr": 1}),
            run("b", {"eval_steps": "200", "lr": "2"}, config={"eval_steps": 200, "lr": 2}),
        ]

        assert cadence_factors(runs) == {"eval_steps"}

    def test_a_bundle_of_cadences_is_one_whatever_it_is_called(self):
        runs = [
            run("a", {"how_often": "fine"}, config={"eval_steps": 20, "logging_steps": 10}),
            run("b", {"how_often": "coarse"}, config={"eval_steps": 200, "logging_steps": 200}),
        ]

        assert cadence_factors(runs) == {"how_often"}

    def test_a_bundle_that_also_moves_a_setting_is_none(self):
        runs = [
            run("a", {"cadence": "fine"}, config={"eval_steps": 20, "lr": 1}),
            run("b", {"cadence": "coarse"}, config={"eval_steps": 200, "lr": 2}),
        ]

        assert cadence_factors(runs) == frozenset()

    def test_without_configs_the_name_decides(self):
        runs = [run("a", {"cadence": "fine", "x": "1"}), run("b", {"cadence": "no", "x": "2"})]

        assert cadence_factors(runs) == {"cadence"}

    def test_a_key_that_varies_within_a_level_is_not_moved_by_it(self):
        runs = [
            run("a", {"x": "1"}, config={"eval_steps": 20}),
            run("b", {"x": "1"}, config={"eval_steps": 30}),
            run("c", {"x": "2"}, config={"eval_steps": 40}),
        ]

        assert cadence_factors(runs) == frozenset()


class TestContexts:
    def test_runs_that_differ_in_one_factor_are_one_context(self):
        runs = [
            run("a", {"b": "8", "r": "1"}),
            run("b", {"b": "64", "r": "1"}),
            run("c", {"b": "64", "r": "4"}),
        ]

        assert ids(contexts_of("b", runs)) == [{"8": "a", "64": "b"}]

    def test_seeds_and_blocks_must_be_equal(self):
        runs = [
            run("a", {"b": "8"}, replicate={"seed": 0}),
            run("b", {"b": "64"}, replicate={"seed": 1}),
            run("c", {"b": "64"}, replicate={"seed": 0}, blocks={"gpu_name": "T4"}),
        ]

        assert ids(contexts_of("b", runs)) == []

    def test_a_cadence_may_differ_where_that_is_allowed(self):
        runs = [run("a", {"b": "8", "eval_steps": "20"}), run("b", {"b": "64", "eval_steps": "9"})]

        assert ids(contexts_of("b", runs)) == []
        assert ids(contexts_of("b", runs, any_cadence={"eval_steps"})) == [{"8": "a", "64": "b"}]

    def test_a_cadence_among_the_blocks_makes_no_other_context(self):
        """As runs of a project have it: one training, looked at every 20 and every 200 steps."""
        runs = [
            run("a", {"b": "8"}, blocks={"eval_steps": "20", "gpu_name": "T4"}),
            run("b", {"b": "8"}, blocks={"eval_steps": "200", "gpu_name": "T4"}),
            run("c", {"b": "64"}, blocks={"eval_steps": "200", "gpu_name": "T4"}),
            run("d", {"b": "64"}, blocks={"eval_steps": "20", "gpu_name": "T4"}),
        ]

        assert ids(contexts_of("b", runs)) == [{"8": "a", "64": "d"}]
        assert blocks_of(runs[0].facts) == (("gpu_name", "T4"),)
        assert looking_of(runs[0].facts) == (("eval_steps", "20"),)

    def test_runs_that_looked_alike_are_put_beside_one_another(self):
        runs = [
            run("a", {"b": "8", "eval_steps": "20"}),
            run("b", {"b": "8", "eval_steps": "200"}),
            run("c", {"b": "64", "eval_steps": "200"}),
        ]

        assert ids(contexts_of("b", runs, any_cadence={"eval_steps"})) == [{"8": "b", "64": "c"}]
        assert looking_of(runs[0].facts, {"eval_steps"}) == (("eval_steps", "20"),)

    def test_of_repeats_the_first_counts(self):
        runs = [run("a", {"b": "8"}), run("b", {"b": "8"}), run("c", {"b": "64"})]

        assert ids(contexts_of("b", runs)) == [{"8": "a", "64": "c"}]


class TestLevels:
    def test_numbers_are_ordered_as_numbers(self):
        assert in_order(["64", "8", "16", "8"]) == ["8", "16", "64"]
        assert in_order(["1e-4", "2e-05", "4:1", "1:1"]) == ["2e-05", "1e-4", "1:1", "4:1"]

    def test_every_two_levels_are_compared(self):
        runs = [run(str(b), {"b": str(b)}) for b in (8, 64, 16)]

        assert level_pairs(runs, "b") == [("8", "16"), ("8", "64"), ("16", "64")]

    def test_of_many_levels_each_is_compared_with_the_lowest(self):
        runs = [run(str(b), {"b": str(b)}) for b in range(9)]

        assert level_pairs(runs, "b") == [("0", str(b)) for b in range(1, 9)]


class TestWords:
    def test_a_run_goes_by_its_name_and_else_by_its_id(self):
        assert (name_of(run("a", {}, name="R1")), name_of(run("a", {}))) == ("R1", "a")

    def test_names_are_listed_and_the_many_counted(self):
        assert listed([]) == ""
        assert listed(["R1"]) == "R1"
        assert listed(["R1", "R2", "R3"]) == "R1, R2 and R3"
        assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"

    def test_differences_are_named_one_by_one(self):
        assert differences_in_words({"seed": "0", "x": "1"}, {"seed": "1", "x": "1"}) == [
            "seed 0 against 1"
        ]
        assert differences_in_words({}, {"gpu": "T4"}) == ["gpu <unset> against T4"]
