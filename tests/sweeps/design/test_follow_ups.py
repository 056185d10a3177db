"""Follow-ups as a whole: the runs are enough, no smaller set is, and every sentence is true."""

import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.design import planning
from paribus_sweeps.design.estimability import gate
from paribus_sweeps.design.follow_ups import follow_ups
from paribus_sweeps.design.linear_space import LinearSpace
from paribus_sweeps.design.model_matrix import Term
from paribus_sweeps.design.proposals import FollowUps, ProposedRun
from paribus_sweeps.design.table import Table
from paribus_sweeps.errors import UnknownName
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run
from tests.sweeps.design.follow_up_cases import (
    BATCH,
    CADENCE,
    RATIO,
    STORY,
    cells_of,
    factor,
    grid,
    plan_of,
    ran,
    table,
    three_runs,
    two_levels,
)

MIXED = (factor("a", "1", "2", "3"), factor("b", "1", "2"), factor("c", "1", "2"))


def made(runs: tuple[ProposedRun, ...]) -> list[Run]:
    """The proposed runs, finished."""
    return [
        Run(f"new {at}", run.setting, 0.5, replicate=run.replicate or {}, blocks=run.blocks)
        for at, run in enumerate(runs)
    ]


def words_after(cells: list[str], factors: tuple[Factor, ...], found: FollowUps) -> set[str]:
    """What the gate says of the asked terms once the proposed runs have finished."""
    runs = [ran(cell, factors, id=f"{at}") for at, cell in enumerate(cells)]
    extended = Table.from_runs([*runs, *made(found.runs)], factors)
    pairs = [Term(tuple(name.split(" x "))) for name in found.asked if " x " in name]
    varying = [f.name for f in extended.factors if f.varies]
    terms = (Term(), *(Term((name,)) for name in varying), *pairs)
    now = gate(extended, terms=terms)
    return {now.status(*name.split(" x ")).word for name in found.asked}


@st.composite
def questions(draw: st.DrawFn) -> tuple[tuple[Factor, ...], list[str], list[str] | None]:
    """A few finished cells of a small grid, and what is asked of them."""
    factors = draw(st.sampled_from([STORY, MIXED, two_levels(2)]))
    cells = draw(st.lists(st.sampled_from(grid(factors)), max_size=6, unique=True))
    names = [f.name for f in factors]
    asked = draw(
        st.none()
        | st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)
        | st.just([f"{names[0]} x {names[1]}"])
    )
    return factors, cells, asked


class TestPromises:
    @given(questions())
    @settings(max_examples=25, deadline=None, derandomize=True)
    def test_once_they_have_finished_everything_asked_is_answerable(self, question: Any) -> None:
        factors, cells, asked = question

        found = follow_ups(table(*cells, factors=factors), factors=asked)

        assert found.k or cells
        assert not found.impossible
        assert words_after(cells, factors, found) == {"estimable"}

    @given(questions())
    @settings(max_examples=15, deadline=None, derandomize=True)
    def test_no_smaller_set_of_candidates_is_enough(self, question: Any) -> None:
        factors, cells, asked = question
        plan = plan_of(table(*cells, factors=factors), factors=asked)
        found = follow_ups(table(*cells, factors=factors), factors=asked)

        held, candidates = plan.rows(plan.distinct[0]), plan.rows(plan.candidates())
        targets = np.eye(plan.shape.parameters) if plan.targets is None else plan.targets
        smaller = itertools.combinations(range(len(candidates)), max(0, found.k - 1))
        enough = [
            one
            for one in itertools.islice(smaller, 1_000)
            if found.k
            and not LinearSpace.of(np.vstack([held, candidates[list(one)]])).open_directions(
                targets
            )
        ]

        assert found.is_smallest
        assert enough == []

    @given(questions(), st.randoms(use_true_random=False))
    @settings(max_examples=8, deadline=None, derandomize=True)
    def test_the_order_and_the_ids_of_runs_change_nothing(self, question: Any, drawn: Any) -> None:
        factors, cells, asked = question
        shuffled = list(cells)
        drawn.shuffle(shuffled)
        renamed = [ran(cell, factors, id=f"z{at}") for at, cell in enumerate(shuffled)]

        one = follow_ups(table(*cells, factors=factors), factors=asked)
        other = follow_ups(table(*renamed, factors=factors), factors=asked)

        assert one.runs == other.runs
        assert one.sentence == other.sentence
        assert one.equally_good.count == other.equally_good.count


class TestStory:
    def test_one_run_separates_all_three(self) -> None:
        found = follow_ups(three_runs(gpu="T4", seed=0), hours_per_run=0.25)

        # R's exhaustive search: 5 of 8 cells are enough, the all-changed one is best
        assert cells_of(found.runs) == ["8 4:1 fine"]
        assert found.sentence == (
            "One more run separates `batch`, `ratio` and `cadence` from each other: batch=8, "
            "ratio=4:1, cadence=fine on T4. Fewer cannot: 1 direction is open and each run "
            "closes at most one."
        )
        assert found.equally_good.sentence == "No other set of this size is as good."
        assert found.residual_df == (0, 0)
        assert found.notes == (
            "No degree of freedom would be left for an interval: seeds are next.",
        )
        assert found.cost_note == "About 0.25 hours: 1 run of 0.25 hours."

    def test_a_service_can_enqueue_what_it_says(self) -> None:
        run = follow_ups(three_runs(gpu="T4", seed=3)).as_dict()["runs"][0]

        assert run == {
            "setting": {"batch": "8", "ratio": "4:1", "cadence": "fine"},
            "blocks": {"gpu_name": "T4"},
            "replicate": {"seed": 3},
            "again": [],
            "purpose": "needed to tell `batch`, `ratio` and `cadence`",
        }

    def test_finishing_the_fourth_would_be_enough_too(self) -> None:
        cut_off = ran("8 1:1 fine", state="interrupted", id="R4", gpu="A100", seed=0)
        runs = [ran(c, gpu="T4", seed=0) for c in ("8 1:1 coarse", "64 4:1 coarse", "64 1:1 fine")]

        found = follow_ups(table(*runs, cut_off))

        assert found.finish is not None
        assert found.finish.is_enough
        assert found.finish.runs[0].again == ("R4",)
        assert found.finish.sentence == (
            "Finishing `R4` would be enough: batch=8, ratio=1:1, cadence=fine on T4. `R4` ran on "
            "A100 before. No degree of freedom would be left for an interval: seeds are next."
        )

    def test_it_is_all_plain_json(self) -> None:
        found = follow_ups(three_runs(seed=0), sd=0.1, df=5, hours_per_run=1, budget=0)

        plain = found.as_dict()

        assert json.loads(json.dumps(plain)) == plain
        assert plain["k"] == 1
        assert plain["before_after"]["residual_df"] == {"before": 0, "after": 0}
        assert plain["alternatives"]["within_budget"]["terms"] == []


class TestSentences:
    def test_one_factor_from_what_moved_with_it(self) -> None:
        found = follow_ups(three_runs(), factors=["batch"])

        assert found.sentence.startswith("One more run separates `batch` from `ratio` and `cade")

    def test_two_equally_good_sets_are_said_to_be_so(self) -> None:
        # of a 2 x 2 nothing has run: either diagonal plus a corner; R^3 of four cells
        found = follow_ups(table(factors=(BATCH, RATIO)))

        # any 3 of the 4 cells: det = 16 for each
        assert (found.k, found.equally_good.count) == (3, 4)
        assert found.sentence.startswith("3 more runs make `batch` and `ratio` answerable:")
        assert found.sentence.endswith("It is one of 4 sets that are equally good.")
        assert len(found.equally_good.others) == 3

    def test_where_more_runs_than_open_directions_are_needed_it_says_why(self) -> None:
        # OFAT with all pairs in the model: one open direction, two runs (R's case)
        cells = ("8 1:1 coarse", "64 1:1 coarse", "8 4:1 coarse", "8 1:1 fine")
        pairs = list(itertools.combinations([f.name for f in STORY], 2))

        found = follow_ups(table(*cells), factors=["batch"], interactions=pairs)

        assert (found.open_directions, found.k) == (1, 2)
        assert found.why_no_fewer == (
            "Fewer cannot: of what is asked 1 direction is open, each run closes at most one, "
            "and only one that brings in nothing else that is open: no 1 run can do that."
        )

    def test_where_it_was_searched_for_sizes_in_vain_it_counts_the_sets(self) -> None:
        # 2^(5-2), D = AB, E = AC: one main effect, one open direction, three runs (R's case)
        signs = itertools.product((1, -1), repeat=3)
        names = two_levels(5)
        cells = [" ".join("-+"[s > 0] for s in (a, b, c, a * b, a * c)) for a, b, c in signs]
        pairs = list(itertools.combinations([f.name for f in names], 2))

        found = follow_ups(table(*cells, factors=names), factors=["c"], interactions=pairs)

        assert found.k == 3
        assert "nor do any of the" in found.why_no_fewer

    def test_many_names_are_counted(self) -> None:
        found = follow_ups(table("- - - - - - -", factors=two_levels(7)))

        assert found.sentence.startswith("7 more runs make 7 terms answerable: a=-, b=")
        assert "; and 3 more." in found.sentence

    def test_a_very_large_model_is_not_searched_for_partners(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("paribus_sweeps.design.follow_ups._MOST_PARAMETERS", 2)

        found = follow_ups(three_runs())

        assert found.sentence.startswith("One more run makes `batch`, `ratio` and `cadence` ans")


class TestNothingToRun:
    def test_what_can_be_told_needs_no_run_and_seeds_say_what_they_would_buy(self) -> None:
        cells = grid((BATCH, RATIO))
        runs = [ran(cell, (BATCH, RATIO), seed=seed) for cell in cells for seed in (0, 1)]

        found = follow_ups(table(*runs, factors=(BATCH, RATIO)), sd=0.1, df=5)

        assert found.sentence == "No run is needed: everything asked can be estimated already."
        assert (found.k, found.runs, found.cost_note) == (0, (), "Nothing to run.")
        assert found.equally_good.count == 0
        assert found.equally_good.sentence == ""
        assert found.seeds is not None
        # 4 cells, seed 2 each: 12 runs - rank 3 = 9 df; c = 4/12 for 4/8
        assert [run.replicate for run in found.seeds.runs] == [{"seed": 2}] * 4
        assert found.seeds.residual_df == 9
        contrast = found.seeds.details["contrasts"][0]
        assert contrast["relative_variance"] == pytest.approx({"before": 1 / 2, "after": 1 / 3})

    def test_nothing_that_varies_leaves_nothing_to_compare(self) -> None:
        found = follow_ups(table("8", factors=(factor("batch", "8"),)))

        assert found.sentence.startswith("There is nothing to compare")
        assert follow_ups(table(factors=())).sentence == found.sentence

    def test_no_run_at_all_asks_for_a_first_design(self) -> None:
        found = follow_ups(table(factors=(BATCH,)), sd=1.0)

        assert found.k == 2
        assert found.residual_df == (0, 0)
        assert found.contrasts[0].before is None

    def test_no_candidate_at_all(self) -> None:
        found = follow_ups(three_runs(), candidates=[])

        assert found.k == 0
        assert found.sentence.startswith("`batch` (64 against 8) can never be told")
        assert found.impossible[0].reasons == ("not a candidate",)
        assert found.pairs is not None

    def test_no_run_and_no_candidate(self) -> None:
        found = follow_ups(table(factors=(BATCH,)), candidates=[])

        assert found.k == 0
        assert found.seeds is None
        assert found.terms[0].after == "not_estimable"
        assert found.as_dict()["before_after"]["terms"][0]["df"] == 1


class TestOpenTrials:
    def test_they_are_waited_for(self) -> None:
        found = follow_ups(table(*map(ran, cells()), ran("8 4:1 fine", state="running")))

        assert found.sentence == (
            "Wait for the open trials: when they finish, everything asked can be estimated."
        )
        assert found.open_trials is not None
        assert found.open_trials.is_enough
        assert found.open_trials.as_dict()["sentence"].startswith(
            "Wait for the open trial: when it fin"
        )

    def test_those_that_are_not_enough_are_counted(self) -> None:
        found = follow_ups(table("8 1:1 coarse", ran("64 4:1 coarse", state="queued")))

        assert found.open_trials is not None
        assert not found.open_trials.is_enough
        assert found.open_trials.sentence == "1 open trial is counted as if it had finished."

    def test_where_nothing_is_open_they_are_only_named(self) -> None:
        found = follow_ups(table(*grid(STORY), ran("8 1:1 coarse", state="running", id="x")))

        assert found.open_trials is not None
        assert (found.open_trials.ids, found.open_trials.sentence) == (("x",), "")


def cells() -> tuple[str, ...]:
    return ("8 1:1 coarse", "64 4:1 coarse", "64 1:1 fine")


class TestCrashed:
    def asked(self, **more: Any) -> FollowUps:
        crashed = ran("8 4:1 fine", state="failed")
        return follow_ups(table(*map(ran, cells()), crashed), **more)

    def test_a_cell_that_crashed_in_every_attempt_is_left_out_and_named(self) -> None:
        found = self.asked()

        assert cells_of(found.runs) != ["8 4:1 fine"]
        assert found.notes[1] == (
            "Left out, since every attempt crashed: batch=8, ratio=4:1, cadence=fine. "
            "`allow_crashed` takes them in."
        )

    def test_it_may_be_allowed(self) -> None:
        found = self.asked(allow_crashed=True)

        assert cells_of(found.runs) == ["8 4:1 fine"]
        assert found.runs[0].again == ("8 4:1 fine None None failed",)
        assert len(found.notes) == 1

    def test_one_that_crashed_on_an_unknown_gpu_is_named_once(self) -> None:
        runs = [ran(cell, gpu="T4") for cell in cells()]

        found = follow_ups(table(*runs, ran("8 4:1 fine", state="failed")))

        assert "crashed: batch=8, ratio=4:1, cadence=fine." in found.notes[1]


class TestWave:
    def test_new_runs_as_a_wave_of_their_own_take_one_run_more(self) -> None:
        found = follow_ups(three_runs(), new_wave=True)

        # R: two directions are open with the wave's column in the model
        assert found.k == 2
        assert "The new runs stand as a wave of their own" in found.notes[1]
        assert "`wave`" in found.notes[1]
        assert all(run.blocks == {} for run in found.runs)

    def test_a_wave_that_is_a_block_keeps_its_labels(self) -> None:
        runs = [ran(cell, blocks={"wave": "monday"}) for cell in cells()]

        found = follow_ups(table(*runs, blocks=["wave"]), new_wave=True)

        assert found.k == 2
        assert found.pairs is None  # runs of two waves are no pair there


class TestBudget:
    def test_what_fewer_runs_tell(self) -> None:
        found = follow_ups(table("8 1:1 coarse"), budget=2, hours_per_run=2)

        # three open directions; two runs tell batch and ratio
        assert found.k == 3
        assert found.within_budget is not None
        assert found.within_budget.details == {"budget": 2, "terms": ["batch", "ratio"]}
        assert len(found.within_budget.runs) == 2
        assert found.within_budget.hours == 4
        assert found.within_budget.sentence.startswith(
            "With 2 runs, `batch` and `ratio` can be told: batch="
        )
        assert not found.within_budget.is_enough

    def test_a_budget_that_suffices_is_not_mentioned(self) -> None:
        assert follow_ups(three_runs(), budget=1).within_budget is None

    def test_none_at_all(self) -> None:
        found = follow_ups(three_runs(), budget=0)

        assert found.within_budget is not None
        assert found.within_budget.sentence == (
            "With 0 runs, nothing more of what is asked can be told."
        )


class TestTooManyCells:
    @pytest.fixture(autouse=True)
    def _few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(planning, "MOST_CELLS", 4)

    def test_the_smallest_set_is_found_all_the_same(self) -> None:
        found = follow_ups(three_runs())

        assert cells_of(found.runs) == ["8 4:1 fine"]
        assert found.is_smallest
        assert not found.is_best
        assert found.notes[-1].startswith("The declared levels make 8 cells, too many to try")

    def test_a_set_of_more_runs_than_directions_is_not_claimed_to_be_the_smallest(self) -> None:
        ofat = ("8 1:1 coarse", "64 1:1 coarse", "8 4:1 coarse", "8 1:1 fine")
        pairs = list(itertools.combinations([f.name for f in STORY], 2))

        found = follow_ups(table(*ofat), factors=["batch"], interactions=pairs)

        assert found.k >= 2
        assert found.why_no_fewer == (
            "Whether fewer would do is not proven: of what is asked 1 direction is open, each run "
            "closes at most one, so at least 1 must be."
        )

    def test_what_no_run_tells_is_not_claimed_to_be_impossible(self) -> None:
        all_but = [{"cadence": "fine"}, {"ratio": "4:1"}, {"batch": "64"}]
        found = follow_ups(three_runs(), forbidden=all_but)

        assert found.sentence.startswith("No run that was looked at tells `batch` (64 against 8)")
        assert not found.impossible[0].is_proven


class TestLimits:
    def test_of_sets_too_many_to_try_those_that_change_only_what_is_asked_are_met(self) -> None:
        nine = tuple(factor(name, "1", "2", "3") for name in "abcd")

        found = follow_ups(table(factors=nine), factors=["a", "b"])

        # 2 + 2 directions, and a level for c and d that all runs share; 4 runs cannot do that
        assert (found.k, found.is_smallest, found.is_best) == (5, True, False)
        assert len({(run.setting["c"], run.setting["d"]) for run in found.runs}) == 1

    def test_a_set_that_could_not_be_compared_with_all_others_says_so(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("paribus_sweeps.design.augmentation.MOST_SETS", 1)

        found = follow_ups(table("8 1:1 coarse"))

        assert found.notes[-1] == (
            "There were too many sets to try them all: a better one of this size may exist."
        )

    def test_names_that_runs_do_not_have(self) -> None:
        for how in (
            {"factors": ["bacth"]},
            {"interactions": [("batch", "x")]},
            {"forbidden": [{"bathc": "8"}]},
            {"forbidden": [{"batch": "9"}]},
            {"candidates": [{"batch": "9", "ratio": "1:1", "cadence": "fine"}]},
            {"candidates": [{"bathc": "8"}]},
            {"blocks": {"gpu": "T4"}},
        ):
            with pytest.raises(UnknownName) as found:
                follow_ups(three_runs(), **how)  # type: ignore[arg-type]
            assert found.value.name in str(found.value)


def test_factors_of_one_name_are_one_question() -> None:
    found = follow_ups(table("8", "64", factors=(BATCH,)), factors=["batch", "batch"])

    assert found.asked == ("batch",)


def test_cadence_alone() -> None:
    assert follow_ups(table("coarse", factors=(CADENCE,))).k == 1


class TestVeryManyFactors:
    def test_the_least_number_is_told_and_no_set(self) -> None:
        """400 factors of two levels in 40 runs: 401 parameters, rank 40 at most."""
        rng = np.random.default_rng(5)
        held = rng.integers(0, 2, (40, 400))
        factors = [
            Factor(f"f{at}", (f"f{at}",), (Level("a", {}), Level("b", {}))) for at in range(400)
        ]
        runs = [
            Run(f"r{row:02d}", {f"f{at}": "ab"[held[row, at]] for at in range(400)}, 1.0 * row)
            for row in range(40)
        ]

        found = follow_ups(Table.from_runs(runs, factors))

        assert found.open_directions == 401 - 40
        assert found.sentence.startswith("At least 361 more runs would be needed. Fewer cannot:")
        assert found.as_dict()["runs"] == []
        assert not found.is_smallest
