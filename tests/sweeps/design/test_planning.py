"""How a question is laid out: levels, places, targets, waves, names."""

import numpy as np
import pytest

from paribus_sweeps.design import planning
from paribus_sweeps.errors import TooLarge, UnknownName
from paribus_sweeps.factors import Factor
from tests.sweeps.design.follow_up_cases import (
    BATCH,
    RATIO,
    STORY,
    factor,
    plan_of,
    ran,
    table,
    three_runs,
)

TWO = (BATCH, RATIO)


class TestAsked:
    def test_without_names_it_is_the_whole_model(self) -> None:
        plan = plan_of(three_runs(gpu="T4"))

        assert plan.is_whole
        assert [term.name for term in plan.asked] == ["batch", "ratio", "cadence"]
        assert plan.targets is None

    def test_an_interaction_is_asked_in_declared_order(self) -> None:
        plan = plan_of(three_runs(), factors=["ratio x batch"])

        assert [term.name for term in plan.asked] == ["batch x ratio"]
        assert [term.name for term in plan.terms][-1] == "batch x ratio"

    def test_what_has_one_level_cannot_be_asked(self) -> None:
        plan = plan_of(table("8", factors=(factor("batch", "8"),)), factors=["batch"])

        assert plan.asked == ()
        assert plan.left(plan.before) == 0

    def test_all_columns_are_open_before_any_run(self) -> None:
        whole = plan_of(table(factors=TWO))
        part = plan_of(table(factors=TWO), factors=["batch"])

        assert (whole.before, whole.left(whole.before)) == (None, 3)
        assert part.left(part.coming) == 1
        assert part.open_factors() == ["batch"]


class TestLevels:
    def test_with_an_interaction_only_the_asked_factor_gets_new_levels(self) -> None:
        three = (factor("a", "1", "2", "3"), factor("b", "1", "2", "3"))
        runs = ("1 1", "2 2", "1 2", "2 1")

        plan = plan_of(table(*runs, factors=three), factors=["a"], interactions=[("a", "b")])

        assert [len(codes) for codes in plan.grid.levels] == [3, 2]

    def test_levels_of_named_candidates_are_in_the_model(self) -> None:
        free = Factor("batch", ("batch",), ())
        runs = table("8", "64", ran("128", (free,), state="failed"), factors=(free,))

        plan = plan_of(runs, candidates=[{"batch": "128"}])

        assert plan.shape.parameters == 3

    def test_of_a_number_the_contrast_is_between_its_ends(self) -> None:
        rate = factor("lr", "3", "1", "2", numeric=True)

        plan = plan_of(table("1", "2", factors=(rate,), numeric=["lr"]))

        assert plan.contrasts("lr") == [("1", "3")]
        assert plan.contrast_functions("lr")[0, 1] == 2  # from -1 to 1

    def test_without_a_baseline_levels_are_compared_with_the_first(self) -> None:
        plan = plan_of(table("1", factors=(factor("a", "1", "2", "3"),)))

        assert plan.contrasts("a") == [("1", "2"), ("1", "3")]


class TestRows:
    def test_no_cells_have_no_rows(self) -> None:
        plan = plan_of(three_runs())

        assert plan.rows(plan.distinct[0][:0]).shape == (0, 4)

    def test_repeats_are_counted(self) -> None:
        runs = [ran("8 1:1", TWO, seed=seed) for seed in (0, 1)]

        plan = plan_of(table(*runs, "64 1:1", factors=TWO))

        assert sorted(plan.distinct[1].tolist()) == [1, 2]


class TestSize:
    def test_too_many_columns_are_refused_before_any_is_made(self) -> None:
        wide = (factor("a", *map(str, range(10_000))),)

        with pytest.raises(TooLarge, match="the model would have 10,000 columns .`a` alone has"):
            plan_of(table(factors=wide))


class TestCandidates:
    def test_named_ones_stand_at_every_place(self) -> None:
        runs = table(ran("8 1:1", TWO, gpu="T4"), ran("64 1:1", TWO, gpu="A100"), factors=TWO)

        plan = plan_of(runs, candidates=[{"batch": "8", "ratio": "4:1"}] * 2)

        assert len(plan.candidates()) == 2

    def test_where_there_are_too_many_some_are_drawn_and_some_stand_beside_the_baseline(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(planning, "MOST_CELLS", 10)
        monkeypatch.setattr(planning, "_SAMPLED", 10)
        many = (factor("a", *map(str, range(500))), factor("b", "1", "2"))

        plan = plan_of(table(factors=many))
        found = plan.candidates()

        assert not plan.is_listed
        assert set(found[:, 0].tolist()) == set(range(500))  # no level is missed

    def test_all_combinations_of_an_asked_interaction_are_among_them(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(planning, "MOST_CELLS", 1)
        monkeypatch.setattr(planning, "_SAMPLED", 1)
        factors = tuple(factor(name, "1", "2", "3", baseline="1") for name in "abcd")
        asked = table("1 1 1 1", factors=factors)

        found = plan_of(asked, factors=["a x b"]).candidates()
        monkeypatch.setattr(planning, "_MOST_CROSSED", 8)
        fewer = plan_of(asked, factors=["a x b"]).candidates()

        # nine combinations at the baseline of c and d; five of them differ in one factor at most
        assert sum(row[2:] == [0, 0] for row in found.tolist()) == 9
        assert sum(row[2:] == [0, 0] for row in fewer.tolist()) in (5, 6)

    def test_a_baseline_that_is_no_level_gives_way_to_the_first(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(planning, "MOST_CELLS", 0)
        odd = (factor("a", "1", "2", baseline="9"),)

        assert set(plan_of(table("2", factors=odd)).candidates()[:, 0].tolist()) == {0, 1}


class TestUnknownName:
    def test_the_nearest_name_is_offered(self) -> None:
        with pytest.raises(UnknownName, match="factors: there is no 'bacth'; did you mean 'bat"):
            plan_of(three_runs(), factors=["bacth"])

    def test_without_a_near_one_those_there_are(self) -> None:
        with pytest.raises(UnknownName, match="blocks: there is no 'gpu'; there are: none"):
            plan_of(three_runs(), blocks={"gpu": "T4"})

    def test_a_label_that_no_run_has(self) -> None:
        with pytest.raises(UnknownName, match="blocks.gpu_name: there is no 'A10'; did you mea"):
            plan_of(three_runs(gpu="A100"), blocks={"gpu_name": "A10"})

    def test_a_candidate_names_every_factor(self) -> None:
        with pytest.raises(UnknownName, match="candidates.ratio: there is no '<unset>'"):
            plan_of(table("8 1:1", factors=TWO), candidates=[{"batch": "8"}])

    def test_a_forbidden_level_that_is_none_forbids_nothing_and_is_refused(self) -> None:
        with pytest.raises(
            UnknownName, match="forbidden.batch: there is no '46'; there are: 8, 64"
        ):
            plan_of(three_runs(), forbidden=[{"batch": ["8", "46"]}])


class TestWave:
    def test_new_runs_have_a_label_of_their_own(self) -> None:
        plan = plan_of(three_runs(), new_wave=True)

        assert plan.names == ("batch", "ratio", "cadence", "wave")
        assert set(plan.candidates()[:, -1].tolist()) == {1}
        assert np.unique(plan.distinct[0][:, -1]).tolist() == [0]
        assert plan.unpaired == "wave"

    def test_a_wave_that_was_a_block_stays_in_the_key_of_a_pair(self) -> None:
        runs = [ran("8 1:1 coarse", blocks={"wave": "1"})]

        plan = plan_of(table(*runs, factors=STORY, blocks=["wave"]), new_wave=True)

        assert plan.unpaired is None
