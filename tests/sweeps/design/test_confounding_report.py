"""The whole answer: what can be told, what cannot, and which runs would change it."""

import json
from typing import Any

import numpy as np
import pytest

from paribus_sweeps.design import confounding_report as module
from paribus_sweeps.design import lurking_keys as lurking_module
from paribus_sweeps.design import restoring as restoring_module
from paribus_sweeps.design.confounding_report import ConfoundingReport, confounding_report
from tests.sweeps.design.small_tables import small

FULL = "a b\n1 1\n2 1\n1 2\n2 2"


def report(
    text: str, *, has_plan: bool = True, factors: Any = None, **how: Any
) -> ConfoundingReport:
    return confounding_report(small(text, **how), has_plan=has_plan, factors=factors)


class TestEverythingCanBeTold:
    def test_a_full_factorial_has_no_fact(self) -> None:
        found = report(FULL)

        assert (found.facts, found.notes, found.restoring, found.caused_by) == ((), (), None, ())
        assert [f.status for f in found.factors] == ["estimable", "estimable"]
        assert found.factor("a").sentence == "What `a` did can be told from the 4 finished runs."
        assert (found.rank, found.parameters, found.residual_df) == (3, 3, 1)

    def test_a_lost_run_that_nothing_hangs_on_restores_nothing(self) -> None:
        found = report("a b state\n1 1 -\n2 1 -\n1 2 -\n2 2 failed".replace("-", "finished"))

        assert (found.facts, found.restoring) == ((), None)

    def test_one_factor_is_asked_about(self) -> None:
        found = report(FULL, factors=["b"])

        assert [f.factor for f in found.factors] == ["b"]
        assert [row.term for row in found.alias_matrix.rows] == ["b"]
        assert found.parameters == 3

    def test_a_factor_that_is_not_there(self) -> None:
        with pytest.raises(KeyError, match="lr"):
            report(FULL, factors=["lr"])
        with pytest.raises(KeyError, match="lr"):
            report(FULL).factor("lr")

    def test_facts_about_others_are_left_out(self) -> None:
        found = report("a b c\n1 1 1\n2 2 1\n1 1 2\n2 2 2", factors=["c"])

        assert found.facts == ()


class TestDesignedOrCaused:
    def test_designed(self) -> None:
        found = report("a b\n1 p\n2 q")

        (fact,) = found.facts
        assert fact.origin == "designed"
        assert fact.sentence.endswith("The plan has it so.")
        assert found.factor("a").sentence == (
            "What `a` did cannot be told from what `b` did. The plan itself would not tell it."
        )
        assert found.caused_by == ()

    def test_caused_by_a_crashed_baseline(self) -> None:
        found = report("a b state\n1 p failed\n2 p finished\n1 q finished")

        (fact,) = found.facts
        assert (fact.kind, fact.origin, fact.missing) == (
            "always_together",
            "missing_runs",
            ("r1",),
        )
        assert fact.sentence.endswith(
            "The plan has it otherwise: finishing r1 (failed) would end it."
        )
        assert found.factor("a").origins == ("missing_runs",)
        assert [run.id for run in found.caused_by] == ["r1"]
        assert found.restoring is not None
        assert found.restoring.sentence == (
            "Finishing r1 (failed) would let `a` and `b` be told, with no degree of freedom left "
            "for an interval."
        )
        assert found.restoring.is_smallest

    def test_every_shape_knows_the_plan(self) -> None:
        # k: constant; a, b: together; d decides a; all of it undone by the runs that failed
        text = (
            "k a b d state\n0 p p 1 finished\n0 p p 2 finished\n0 q q 3 finished\n"
            "1 q p 1 failed\n0 p q 1 failed\n0 q q 1 failed"
        )

        facts = report(text).facts

        assert [(fact.kind, fact.origin) for fact in facts] == [
            ("constant", "missing_runs"),
            ("always_together", "missing_runs"),
            ("decided_by", "missing_runs"),
        ]

    def test_a_fact_that_no_missing_run_ends_by_itself(self) -> None:
        # r3 and r4 together would separate a from b; no level of `a` is asked about without them
        found = report("a b state\np 1 finished\nq 2 finished\nr 1 failed\nr 2 failed")

        (fact,) = found.facts
        assert fact.origin == "missing_runs"
        assert fact.sentence.endswith("would end it.")
        assert found.restoring is not None
        assert [run.id for run in found.restoring.runs] == ["r3", "r4"]

    def test_a_missing_run_of_which_nothing_is_asked_ends_nothing(self) -> None:
        # asked about c alone, which is told already; a and b stay as they are
        text = "a b state\np 1 finished\nq 2 finished\nq 1 failed"

        found = report(text, factors=["b"])

        assert [run.id for run in found.caused_by] == ["r3"]

    def test_without_a_plan_nothing_is_said_of_it(self) -> None:
        found = report("a b state\n1 p failed\n2 p finished\n1 q finished", has_plan=False)

        (fact,) = found.facts
        assert (fact.origin, found.factor("a").origins, found.caused_by) == (None, (), ())
        assert found.restoring is not None

    def test_without_a_plan_a_block_is_still_named(self) -> None:
        found = report("a gpu_name\n1 T4\n2 A100", has_plan=False)

        assert [fact.origin for fact in found.facts] == ["blocks"]
        assert found.factor("a").sentence == (
            "What `a` did cannot be told from what gpu_name did. It comes from which runs ran "
            "where."
        )

    def test_the_missing_level_is_named(self) -> None:
        found = report("lr state\n1 finished\n1 finished\n2 failed")

        status = found.factor("lr")
        assert status.missing_levels == ("2",)
        assert status.sentence == (
            "No finished run has `lr` at 2. It comes from runs that are missing: the plan would "
            "tell."
        )

    def test_a_factor_that_never_varied(self) -> None:
        found = report("lr a\n1 p\n1 q")

        assert found.factor("lr").status == "not_varied"
        assert found.factor("lr").sentence == "`lr` never varied (always 1)."


class TestWhichRunsRestore:
    def test_a_run_has_to_finish_on_a_kind_of_gpu(self) -> None:
        text = (
            "a b gpu_name state\n1 p T4 finished\n2 p T4 finished\n1 p A100 finished\n"
            "2 q A100 failed"
        )

        found = report(text)

        # T4 and A100 are compared at a = 1, b = p: on either of them r4 adds b alone
        assert found.restoring is not None
        assert found.restoring.sentence == (
            "Finishing r4 (failed) would let `b` be told, with no degree of freedom left for an "
            "interval."
        )

    def test_the_kind_of_gpu_is_named_where_it_matters(self) -> None:
        text = "a gpu_name state\n1 T4 finished\n2 A100 finished\n2 A100 failed"

        found = report(text)

        # 2 on T4 beside 1 on T4; on A100 it would be one more of the same
        assert found.restoring is not None
        assert found.restoring.runs[0].text == "r3 (failed) on gpu_name T4"
        assert found.restoring.as_dict()["runs"][0]["where"] == [{"gpu_name": "T4"}]

    def test_a_run_is_proposed_once_although_two_places_would_help(self) -> None:
        # 3 on T4 and on A100 would tell a and the GPU; there is one such run
        text = "a gpu_name state\n1 T4 finished\n2 A100 finished\n3 T4 failed"

        found = report(text)

        assert found.restoring is not None
        assert [run.id for run in found.restoring.runs] == ["r3"]
        assert found.restoring.restores == ()
        assert found.restoring.improves == ("a",)
        assert "would let more levels of `a` be compared" in found.restoring.sentence

    def test_a_run_goes_where_it_tells_something(self) -> None:
        # on A100 it would tell the sum of a and b, on T4 it tells b, beside r2
        text = "a b gpu_name state\nq p A100 finished\nr p T4 finished\nr r A100 failed"

        found = report(text)

        assert found.restoring is not None
        assert found.restoring.sentence.startswith(
            "Finishing r3 (failed) on gpu_name T4 would let `b` be told"
        )

    def test_runs_that_turn_out_not_to_be_needed_are_not_asked_for(self) -> None:
        # r4 on T4 differs from r1 in c alone; r2 is the only run with r and p of a and b, so that
        # whatever is tried with it tells nothing of them
        text = (
            "a b c gpu_name state\nq q r T4 finished\nr p p A100 failed\nq r r A100 finished\n"
            "q q q A100 failed"
        )

        found = report(text)

        assert found.restoring is not None
        assert [run.text for run in found.restoring.runs] == ["r4 (failed) on gpu_name T4"]
        assert (found.restoring.improves, found.restoring.is_smallest) == (("c",), True)

    def test_one_run_that_would_have_to_finish_in_two_places_restores_nothing(self) -> None:
        # p of a only with r of b: on T4 and on A100 it would tell the GPU, and q of b by that
        text = "a b gpu_name state\np r T4 failed\nq p T4 finished\nq q A100 finished"

        assert report(text).restoring is None

    def test_two_replicates_may_finish_in_two_places(self) -> None:
        done = "a gpu_name seed state\n1 T4 0 finished\n2 A100 0 finished"
        text = f"{done}\n3 T4 0 failed\n3 T4 1 failed"

        found = report(text)

        assert found.restoring is not None
        assert [run.id for run in found.restoring.runs] == ["r3", "r4"]
        assert found.restoring.restores == ("a",)

    def test_what_may_still_finish_by_itself_comes_first(self) -> None:
        text = "a b state\n1 p finished\n2 q finished\n1 q failed\n2 p running"

        found = report(text)

        # either would do
        assert found.restoring is not None
        assert [run.text for run in found.restoring.runs] == ["r4 (running)"]

    def test_part_of_a_factor(self) -> None:
        # the plan has 3 with p only and q with 3 never: 1 and 2 can be compared, 3 cannot
        text = "a b state\n1 p finished\n3 q finished\n2 p failed"

        found = report(text)

        assert found.restoring is not None
        assert (found.restoring.restores, found.restoring.improves) == ((), ("a",))
        assert found.restoring.sentence == (
            "Finishing r3 (failed) would let more levels of `a` be compared, with no degree of "
            "freedom left for an interval."
        )

    def test_a_block_that_is_unset_is_no_place(self) -> None:
        found = report("a b gpu_name state\n1 p - finished\n2 q - finished\n1 q T4 failed")

        assert found.restoring is not None
        assert found.restoring.runs[0].where == ()

    def test_nothing_finished_is_nothing_to_restore(self) -> None:
        found = report("a state\n1 failed\n2 running")

        assert (found.restoring, found.runs) == (None, 0)
        assert found.factor("a").sentence == "No run has finished yet: nothing can be told of `a`."
        assert found.factor("a").origins == ("missing_runs",)
        assert found.notes == ("no run has finished yet",)

    def test_without_a_plan_nothing_finished_comes_from_nowhere(self) -> None:
        assert report("a state\n1 failed\n2 failed", has_plan=False).factor("a").origins == ()

    def test_more_settings_than_can_be_looked_at(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(restoring_module, "_MOST_CANDIDATES", 1)
        text = "a b state\n1 p finished\n2 q finished\n1 q failed\n2 p failed"

        found = report(text)

        assert found.notes[0] == (
            "the missing runs are 2: only the first settings were looked at for those that would "
            "tell effects apart"
        )

    def test_more_runs_than_can_be_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(restoring_module, "_MOST_RUNS", 0)

        found = report("a b state\n1 p finished\n2 q finished\n1 q failed")

        assert found.restoring is None
        assert found.notes[0] == (
            "at least 1 of the 1 missing runs would be needed to tell what they could: they are "
            "not listed"
        )
        assert found.facts[0].sentence.endswith("it comes from runs that are missing.")


class TestLurkingKeys:
    def test_a_key_that_follows_a_factor(self) -> None:
        found = report("a b host\n1 p x\n2 p y\n1 q x\n2 q y")

        assert [(f.key, f.role, f.factor) for f in found.lurking] == [("host", "lurking", "a")]
        assert found.lurking[0].sentence.startswith("`a` is confounded with host: ")
        assert found.factor("a").sentence == (
            "What `a` did can be told from the 4 finished runs, if host made no difference."
        )
        assert found.factor("b").lurking == ()

    def test_a_key_that_takes_a_factor_along_by_a_sum(self) -> None:
        # host z is where a and b are both high: each pair of hosts tells one effect only
        found = report("a b host\n1 p x\n2 p y\n1 q y\n2 q z")

        assert [f.sentence for f in found.lurking] == [
            "`a` is aliased with host once it is taken as a block.",
            "`b` is aliased with host once it is taken as a block.",
        ]

    def test_a_key_that_is_crossed_with_all_is_no_news(self) -> None:
        found = report("a host\n1 x\n2 x\n1 y\n2 y")

        assert (found.lurking, found.skipped_lurking) == ((), ())

    def test_a_key_beside_a_factor_that_never_varied(self) -> None:
        found = report("k a host\n0 1 x\n0 2 x\n0 1 y\n0 2 y")

        assert found.lurking == ()

    def test_a_key_of_its_own_in_every_run_is_skipped(self) -> None:
        found = report("a commit\n1 c1\n2 c2\n1 c3\n2 c4")

        assert [(s.key, s.reason) for s in found.skipped_lurking] == [
            ("commit", "it has another value in every finished run")
        ]

    def test_keys_beyond_the_work_that_can_be_done_are_skipped(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lurking_module, "_MOST_WORK", 1.0)

        found = report("a host\n1 x\n2 x\n1 y\n2 y")

        assert [s.reason for s in found.skipped_lurking] == [
            "not looked at: too many keys for a model of this size"
        ]

    def test_a_key_beside_factors_that_are_lost_already(self) -> None:
        found = report("a b host\n1 p x\n2 q y\n1 p x\n2 q x")

        assert found.lurking == ()

    def test_the_gpu_is_a_block_and_compared_with_the_model_without_it(self) -> None:
        found = report("a gpu_name\n1 T4\n2 A100")

        assert [(f.key, f.role, f.factor) for f in found.lurking] == [("gpu_name", "block", "a")]


class TestLevels:
    def test_a_factor_of_three_levels_is_told_in_part(self) -> None:
        # c of a only with 3 of b
        found = report("a b\na 1\nb 1\na 2\nb 2\nc 3").factor("a")

        assert (found.status, found.df, found.df_estimable) == ("confounded", 2, 1)
        assert found.comparable == (("a", "b"),)
        assert found.contrasts == (("a", "b"),)
        assert found.partners == ("b",)
        assert found.sentence == (
            "a and b of `a` can be compared. The other differences between its levels cannot be "
            "told from what `b` did. The plan itself would not tell it."
        )

    def test_a_slope_has_no_levels_to_compare(self) -> None:
        found = report("x a\n1 p\n2 p\n3 q\n4 q", numeric=["x"])

        assert (found.factor("x").df, found.factor("x").comparable) == (1, ())

    def test_a_model_that_is_too_large_leaves_the_widest_column_out(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "MOST_PARAMETERS", 4)
        text = "id a b\nu p 1\nu q 1\nv p 2\nv q 2\nw p 1\nw q 1\ny p 2\ny q 2"

        found = report(text)

        assert found.factor("id").status == "not_looked_at"
        assert found.factor("id").sentence == (
            "`id` has 4 levels, and the model would be too large."
        )
        # `a` is crossed with `id`; `b` is a function of it
        assert found.factor("a").status == "estimable"
        assert (found.factor("b").status, found.factor("b").partners) == ("confounded", ("id",))
        assert found.notes == (
            "left out of the model, which would be too large: `id` (4 values); only what moved "
            "with them, value by value, was taken into account",
        )

    def test_generalised_variance_inflation_is_passed_on(self) -> None:
        found = report("a b\n1 1\n1 1\n2 2\n2 2\n1 2")

        assert [round(i.gvif, 9) for i in found.gvif] == pytest.approx(
            # correlation of the two: r = 2/3 over five runs; 1 / (1 - r^2) = 9/5
            [1.8, 1.8]
        )


class TestNotes:
    def test_one_run(self) -> None:
        assert report("a\n1").notes[0] == "one run has finished: nothing varied"

    def test_repeats_are_averaged(self) -> None:
        found = report("a seed\n1 0\n1 0\n2 0")

        assert found.notes == ("1 run repeated a setting and its replicate: averaged",)
        assert found.runs == 3

    def test_a_config_that_lacks_the_key(self) -> None:
        assert report("a\n1\n-\n2").notes == (
            "`a` is <unset> in 1 of 3 finished runs: a level of its own",
        )

    def test_a_number_and_a_text_that_look_alike(self) -> None:
        found = report('a\n32\n"32"\n8')

        assert found.notes == (
            '`a`: 32 and "32" are different levels, a number and a text; if they are the same, '
            "correct the runs' config",
        )

    def test_fewer_settings_than_parameters(self) -> None:
        assert report("a b\n1 p\n2 q").notes == (
            "2 distinct settings for 3 parameters: at most 1 difference can be told",
        )

    def test_more_facts_than_are_listed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_MOST_FACTS", 1)

        found = report("k m a\n0 0 1\n0 0 2")

        assert len(found.facts) == 1
        assert found.notes == ("1 more fact, not listed",)

    def test_interactions_that_were_too_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            module, "alias_matrix", lambda base: module_alias_matrix(base, most_entries=0)
        )

        assert report(FULL).notes == (
            "1 interaction not looked at for what estimates contain beside",
        )


module_alias_matrix = module.alias_matrix


class TestAsDict:
    def test_it_is_plain_json(self) -> None:
        made = report(
            "a b host gpu_name state\n1 p x T4 failed\n2 p y T4 finished\n1 q x T4 finished\n"
            "2 q z A100 failed"
        ).as_dict()

        assert json.loads(json.dumps(made)) == made
        assert made["caused_by"] == made["restoring"]["runs"]
        assert set(made) == {
            "alias_matrix",
            "caused_by",
            "cells",
            "facts",
            "factors",
            "gvif",
            "lurking",
            "notes",
            "parameters",
            "rank",
            "residual_df",
            "restoring",
            "runs",
            "skipped_lurking",
            "terms",
        }

    def test_so_it_is_with_everything_estimable(self) -> None:
        made = report("a commit host\n1 c1 x\n2 c2 x\n1 c3 x\n2 c4 y").as_dict()

        assert json.loads(json.dumps(made)) == made
        assert made["restoring"] is None
        assert made["skipped_lurking"][0]["key"] == "commit"
        assert made["lurking"] == []
        assert made["gvif"][0]["warning"] is None

    def test_and_with_a_key_that_follows(self) -> None:
        made = report("a host\n1 x\n2 y\n1 x").as_dict()

        assert made["lurking"][0]["factor"] == "a"


class TestSize:
    def test_fifty_factors_in_few_runs_are_answered_and_counted(self) -> None:
        generator = np.random.default_rng(0)
        levels = generator.integers(1, 3, (12, 50))
        lines = "\n".join(" ".join(map(str, row)) for row in levels)
        names = " ".join(f"f{at}" for at in range(50))

        found = report(f"{names}\n{lines}")

        named = {name for fact in found.facts for name in fact.members}
        lost = {f.factor for f in found.factors if f.status != "estimable"}
        assert lost <= named
        assert found.rank == 12
