"""A plain table becomes a case; what is wrong is said all at once, what is odd in notices."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.analysis.answers import KINDS, answer
from paribus_sweeps.analysis.cases import Case
from paribus_sweeps.analysis.plain_tables import STATES, read_table
from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.errors import InvalidSpec, Problem, SweepError

BATCH_AND_SEED = [(8, 0, 0.31), (8, 1, 0.33), (64, 0, 0.36), (64, 1, 0.39)]


def rows() -> list[dict[str, Any]]:
    return [{"batch": b, "seed": s, "loss": loss} for b, s, loss in BATCH_AND_SEED]


def body(**changes: Any) -> dict[str, Any]:
    made = {"factors": ["batch"], "replicate": "seed", "response": "loss", "runs": rows()}
    return {key: value for key, value in {**made, **changes}.items() if value is not ...}


def column(name: str, cells: list[Any], **entry: Any) -> Case:
    """The case of one factor with these cells."""
    runs = [{name: cell, "loss": at} for at, cell in enumerate(cells)]
    return read_table({"factors": {name: entry}, "response": "loss", "runs": runs})


def str_of(value: Any) -> str:
    return f"{value}"[:12]


def problems(made: Any) -> dict[str, Problem]:
    """Pointer → problem."""
    with pytest.raises(InvalidSpec) as refused:
        read_table(made)
    return {problem.pointer: problem for problem in refused.value.problems}


def labels(case: Case, at: int = 0) -> list[str | None]:
    """The label of a factor in each row."""
    return [run.setting[case.factors[at].name] for run in case.runs]


class TestWhatIsRead:
    def test_each_row_is_a_run(self) -> None:
        case = read_table(body())

        assert [(r.id, r.setting, r.value, r.replicate, r.state) for r in case.runs] == [
            ("row 1", {"batch": "8"}, 0.31, {"seed": 0}, "finished"),
            ("row 2", {"batch": "8"}, 0.33, {"seed": 1}, "finished"),
            ("row 3", {"batch": "64"}, 0.36, {"seed": 0}, "finished"),
            ("row 4", {"batch": "64"}, 0.39, {"seed": 1}, "finished"),
        ]
        assert case.notices == ()

    def test_runs_without_ids_stay_in_their_order(self) -> None:
        case = column("batch", [8] * 11)

        assert [run.id for run in case.runs][::5] == ["row 01", "row 06", "row 11"]

    def test_own_ids_states_and_reasons_are_kept(self) -> None:
        runs = [
            {"id": 7, "state": "crashed", "reason": "out of memory", "batch": 8, "loss": None},
            {"id": "", "state": "", "reason": "", "batch": 8, "loss": 0.3},
        ]

        first, second = read_table(body(runs=runs, replicate=...)).runs

        assert (first.id, first.state, first.reason) == ("7", "crashed", "out of memory")
        assert (second.id, second.state, second.reason) == ("row 2", "finished", None)

    def test_a_column_with_another_role_is_no_state(self) -> None:
        # states of America: a factor
        runs = [{"state": "Ohio", "id": "x", "loss": 1}, {"state": "Iowa", "id": "y", "loss": 2}]

        case = read_table({"factors": ["state"], "blocks": "id", "response": "loss", "runs": runs})

        assert labels(case) == ["Ohio", "Iowa"]
        assert [(run.state, run.id) for run in case.runs] == [
            ("finished", "row 1"),
            ("finished", "row 2"),
        ]

    def test_blocks_and_lurking_columns_go_into_the_table(self) -> None:
        runs = [{**row, "gpu": "T4", "host": at % 2} for at, row in enumerate(rows())]

        case = read_table(body(runs=runs, blocks=["gpu"], lurking="host"))

        assert [column.name for column in case.table.blocks] == ["gpu"]
        assert [column.name for column in case.table.of_role("lurking")] == ["host"]
        assert case.runs[1].blocks == {"gpu": "T4", "host": "1"}

    def test_the_question_is_read(self) -> None:
        asked = {
            "factors": ["batch"],
            "smallest_effect": 0.01,
            "transform": "log",
            "interactions": "none",
            "error": "hc3",
            "compare": "baseline",
            "ignore": ["gpu"],
            "sampler": "random",
            "planned": False,
            "hours_per_run": 1.5,
            "level": 0.9,
            "bins": 4,
            "allow_crashed": True,
        }
        runs = [{**row, "gpu": "T4"} for row in rows()]
        response = {"name": "loss", "goal": "minimize", "denominator": 400, "resolution": 0.001}

        question = read_table(
            body(question=asked, blocks="gpu", runs=runs, response=response)
        ).question

        assert (question.response, question.goal, question.denominator) == (
            "loss",
            "minimize",
            400,
        )
        assert (question.factors, question.waived) == (("batch",), ("gpu",))
        assert (question.smallest_effect, question.hours_per_run) == (0.01, 1.5)
        assert (question.transform, question.interactions, question.error) == (
            "log",
            "none",
            "hc3",
        )
        assert (question.against_baseline, question.sampler) == (True, "random")
        assert (question.has_plan, question.allow_crashed) == (False, True)
        assert (question.level, question.bins, question.resolution) == (0.9, 4, 0.001)

    def test_without_a_question_everything_is_asked(self) -> None:
        question = read_table(body()).question

        assert (question.factors, question.level, question.has_plan) == ((), 0.95, True)
        assert (question.against_baseline, question.interactions) == (None, "auto")
        assert question.smallest_effect is None

    def test_pairs_of_factors_can_be_asked_about(self) -> None:
        runs = [{**row, "ratio": "1:1"} for row in rows()]
        asked = {"interactions": [["batch", "ratio"]], "compare": "pairwise"}

        question = read_table(body(factors=["batch", "ratio"], runs=runs, question=asked)).question

        assert question.interactions == (("batch", "ratio"),)
        assert question.against_baseline is False

    def test_what_must_not_meet_is_read_as_labels(self) -> None:
        runs = [{**row, "ratio": "1:1"} for row in rows()]
        entry = {"batch": [8.0, "64"], "ratio": "1:1"}

        case = read_table(body(factors=["batch", "ratio"], runs=runs, forbid=[entry]))

        # batch was not declared, and no run holds the text 64: it reads as what the label says
        assert case.forbid == ({"batch": frozenset({"8", "64"}), "ratio": frozenset({"1:1"})},)


class TestLevels:
    def test_equal_numbers_are_one_level(self) -> None:
        case = column("batch", [32, 32.0, 64])

        assert case.factors[0].labels == ("32", "64")
        assert case.notices == ()

    def test_a_number_and_the_same_text_are_two_and_a_notice_says_so(self) -> None:
        case = column("batch", [32, "32", 32.0])

        assert case.factors[0].labels == ("32", "number 32")
        assert labels(case) == ["number 32", "32", "number 32"]
        assert case.notices == (
            "`batch` is the number 32 in some runs and the text 32 in others: they are two "
            "levels, `number 32` and `32`.",
        )

    @pytest.mark.parametrize("entry", [{"numeric": True}, {"levels": [32, 64]}])
    def test_where_numbers_are_declared_they_are_one(self, entry: dict[str, Any]) -> None:
        case = column("batch", [32, "32", "32.0", 64], **entry)

        assert labels(case) == ["32", "32", "32", "64"]
        assert case.notices == ()

    def test_where_texts_are_declared_a_number_joins_its_text(self) -> None:
        case = column("batch", [32, "32"], levels=["32", "64"])

        assert labels(case) == ["32", "32"]

    def test_declared_as_both_they_stay_two(self) -> None:
        case = column("batch", [32, "32"], levels=[32, "32"], baseline=32)

        assert labels(case) == ["number 32", "32"]
        assert case.factors[0].baseline == "number 32"

    @pytest.mark.parametrize("empty", [None, "", ...])
    def test_an_empty_cell_is_a_level_of_its_own(self, empty: Any) -> None:
        runs = [{"lr": 1, "loss": 1}, {"lr": empty, "loss": 2}, {"lr": 2, "loss": 3}]
        runs = [{k: v for k, v in run.items() if v is not ...} for run in runs]

        case = read_table({"factors": ["lr"], "response": "loss", "runs": runs})

        assert labels(case) == ["1", UNSET, "2"]
        assert case.factors[0].labels == ("1", "2")
        assert case.notices == ("`lr` is empty in 1 run: that is a level of its own, `<unset>`.",)

    def test_nothing_can_be_a_declared_level_and_the_baseline(self) -> None:
        case = column("clip", [None, 1], levels=["", 1], baseline=UNSET)

        assert case.factors[0].labels == (UNSET, "1")
        assert case.factors[0].baseline == UNSET

    def test_lists_and_objects_are_levels(self) -> None:
        case = column("layers", [[1, 2], [1.0, 2], {"b": 1, "a": 2}])

        assert labels(case) == ["[1,2]", "[1,2]", '{"a":2,"b":1}']

    def test_true_is_not_one(self) -> None:
        assert labels(column("flag", [True, 1, 0, False])) == ["true", "1", "0", "false"]

    def test_declared_order_stays_and_found_levels_are_sorted_by_value(self) -> None:
        assert column("b", [64, 8, 16], levels=[64, 8, 16]).factors[0].labels == ("64", "8", "16")
        assert column("b", [64, "x", 8, 16]).factors[0].labels == ("8", "16", "64", "x")

    def test_a_value_that_no_level_declares_is_told(self) -> None:
        case = column("batch", [8, 64, 16, 16], levels=[8, 64])

        assert labels(case) == ["8", "64", "16", "16"]
        assert case.notices == (
            "`batch` has values that no level declares (16, in 2 runs): "
            "each is a level of its own.",
        )

    def test_a_declared_level_need_not_have_run(self) -> None:
        assert column("batch", [8], levels=[8, 64]).table.column("batch").labels == ("8", "64")

    def test_a_factor_whose_levels_are_declared_needs_no_column(self) -> None:
        case = read_table(body(factors={"batch": {}, "ratio": {"levels": ["1:1"]}}))

        assert labels(case, 1) == [UNSET] * 4

    def test_texts_beside_numbers_are_told_in_blocks_and_seeds_too(self) -> None:
        runs = [{**row, "gpu": gpu} for row, gpu in zip(rows(), [1, "1", None, 2], strict=True)]
        runs[0]["seed"], runs[3]["seed"] = "0", None

        case = read_table(body(runs=runs, blocks="gpu"))

        assert [run.blocks for run in case.runs] == [
            {"gpu": "number 1"},
            {"gpu": "1"},
            {},
            {"gpu": "2"},
        ]
        assert [run.replicate.get("seed") for run in case.runs] == ["0", "1", "number 0", None]
        assert [notice.partition(" in ")[0] for notice in case.notices] == [
            "`gpu` is the number 1",
            "`gpu` is empty",
            "`seed` is the number 0",
            "`seed` is empty",
        ]


class TestNumericFactors:
    def test_few_numbers_are_levels(self) -> None:
        case = column("lr", [1, 2, 3, 4, 5])

        assert case.factors[0].kind == "levels"
        assert not case.table.column("lr").is_numeric

    def test_many_numbers_are_taken_as_numbers_without_levels(self) -> None:
        case = column("lr", [1, 2, 3, 4, 5, 6])

        assert (case.factors[0].kind, case.factors[0].labels) == ("continuous", ())
        assert case.table.column("lr").is_numeric

    def test_many_texts_and_many_declared_numbers_are_levels(self) -> None:
        assert column("name", list("abcdef")).factors[0].kind == "levels"
        declared = column("lr", [1, 2], levels=[1, 2, 3, 4, 5, 6])
        assert not declared.table.column("lr").is_numeric

    def test_declared_levels_can_be_analysed_on_their_values(self) -> None:
        case = column("lr", [1, 10], levels=[1, 10], numeric=True, baseline=1)

        assert (case.factors[0].kind, case.factors[0].baseline) == ("levels", "1")
        assert case.table.column("lr").is_numeric

    def test_a_transform_says_that_values_are_meant(self) -> None:
        lr = column("lr", [1e-5, "1e-4"], transform="log10").table.column("lr")

        assert lr.is_numeric
        assert lr.transformed().tolist() == pytest.approx([-5, -4])

    def test_numeric_false_keeps_many_numbers_as_levels(self) -> None:
        assert column("lr", [1, 2, 3, 4, 5, 6], numeric=False).factors[0].kind == "levels"

    @pytest.mark.parametrize(
        ("cells", "entry", "where", "said"),
        [
            ([1, "fast"], {"numeric": True}, "numeric", "'fast' is none"),
            ([1, "fast"], {"transform": "log2"}, "transform", "'fast' is none"),
            ([], {"numeric": True}, "numeric", "it has no value at all"),
            (
                [0, 1],
                {"transform": "log2"},
                "transform",
                "log2 needs values above 0, and 0 is one",
            ),
            ([1, 2], {"transform": "log2", "numeric": False}, "transform", "leaves only levels"),
            ([1, 2], {"transform": "cube"}, "transform", "one of identity, log2, log10"),
            ([1, 2], {"numeric": "yes"}, "numeric", "'yes': true or false was expected"),
            ([1, 2], {"numeric": 1}, "numeric", "1: true or false was expected"),
            ([1, 2], {"levels": []}, "levels", "at least one level was expected"),
            ([1, 2], {"levels": 3}, "levels", "3: a list was expected"),
            ([1, 2], {"baseline": 3}, "baseline", "baseline 3 is none of the levels: 1, 2"),
            (list(range(6)), {"baseline": 3}, "baseline", "has no level to compare with"),
            ([1, 2], {"levls": [1]}, "levls", "there is no key of a factor 'levls'"),
        ],
    )
    def test_what_cannot_be_is_refused_at_its_key(
        self, cells: list[Any], entry: dict[str, Any], where: str, said: str
    ) -> None:
        runs = [{"lr": cell, "loss": 1} for cell in cells]
        found = problems({"factors": {"lr": entry}, "response": "loss", "runs": runs})

        assert list(found) == [f"/factors/lr/{where}"]
        assert said in found[f"/factors/lr/{where}"].message

    def test_very_many_levels_are_not_all_listed(self) -> None:
        runs = [{"lr": f"x{at:03}", "loss": 1} for at in range(30)]
        found = problems({"factors": {"lr": {"baseline": "y"}}, "response": "loss", "runs": runs})

        assert found["/factors/lr/baseline"].message.endswith("x019 and 10 more")


class TestResponses:
    @pytest.mark.parametrize(
        "given", ["NaN", "Infinity", "-Infinity", 10**400, -(10**400), 1e200], ids=str_of
    )
    def test_what_json_lacks_is_left_out_with_its_reason(self, given: Any) -> None:
        runs = [*rows(), {"batch": 8, "seed": 2, "loss": given}]

        found = answer("factors", read_table(body(runs=runs)))

        assert found["n"] == 4
        assert found["excluded"][0]["reason"].startswith("the response is ")
        assert found["notices"] == [
            "`loss` is NaN, infinite or too large in 1 of 5 finished runs: left out, and listed "
            "as excluded."
        ]

    def test_a_response_that_half_the_rows_lack_is_told_row_by_row(self) -> None:
        runs = [{**row, "loss": None if row["seed"] else row["loss"]} for row in rows()]

        found = answer("factors", read_table(body(runs=runs)))

        assert found["n"] == 2
        assert found["excluded"] == [
            {"id": "row 2", "state": "finished", "reason": "loss is empty"},
            {"id": "row 4", "state": "finished", "reason": "loss is empty"},
        ]
        assert found["notices"] == [
            "`loss` is empty in 2 of 4 finished runs: left out, and listed as excluded."
        ]

    def test_a_crashed_run_without_a_response_is_no_surprise(self) -> None:
        runs = [*rows(), {"batch": 8, "seed": 2, "state": "crashed"}]

        case = read_table(body(runs=runs))

        assert case.notices == ()
        assert case.table.reasons[-1] == "crashed"

    def test_columns_without_a_role_are_told(self) -> None:
        runs = [{**row, **{f"x{at:02}": at for at in range(22)}} for row in rows()]

        [notice] = read_table(body(runs=runs)).notices

        assert notice.startswith("Columns without a role, not looked at: `x00`, `x01`,")
        assert notice.endswith("`x19` and 2 more.")
        [short] = read_table(body(replicate=...)).notices
        assert short == "Columns without a role, not looked at: `seed`."


class TestRefusals:
    def test_everything_is_found_at_once(self) -> None:
        found = problems(
            {
                "factors": {"bach": {}, "batch": {"baseline": 9}},
                "blocks": ["gpx"],
                "replicate": "sed",
                "response": {"name": "los", "goal": "smallest"},
                "runs": [*rows(), 3],
                "question": {"factors": ["batc"], "level": 2},
                "forbid": [{"x": 1}],
                "respons": "loss",
            }
        )

        assert sorted(found) == [
            "/blocks/0",
            "/factors/bach",
            "/factors/batch/baseline",
            "/forbid/0",
            "/question/factors/0",
            "/question/level",
            "/replicate",
            "/respons",
            "/response/goal",
            "/response/name",
            "/runs/4",
        ]

    @pytest.mark.parametrize(
        ("changes", "where", "hint"),
        [
            ({"respons": 1}, "/respons", "did you mean 'response'?"),
            ({"response": "los"}, "/response/name", "did you mean 'loss'?"),
            ({"response": "zz"}, "/response/name", "columns: batch, loss, seed"),
            ({"factors": ["bach"]}, "/factors/0", "did you mean 'batch'?"),
            ({"blocks": ["sed"]}, "/blocks/0", "did you mean 'seed'?"),
            ({"question": {"smalest_effect": 1}}, "/question/smalest_effect", "smallest_effect"),
            ({"question": {"factors": ["bach"]}}, "/question/factors/0", "did you mean 'batch'?"),
            ({"question": {"factors": ["zz"]}}, "/question/factors/0", "known: batch"),
            ({"question": {"ignore": ["gpu"]}}, "/question/ignore/0", "there is no block"),
            ({"response": {"name": "loss", "gaol": 1}}, "/response/gaol", "did you mean 'goal'?"),
            ({"forbid": [{"batch": 9}]}, "/forbid/0/batch", "levels: 8, 64"),
        ],
    )
    def test_an_unknown_name_is_refused_with_the_nearest(
        self, changes: dict[str, Any], where: str, hint: str
    ) -> None:
        found = problems(body(**changes))

        assert list(found) == [where]
        assert hint in str(found[where].hint)

    @pytest.mark.parametrize(
        ("changes", "where", "said"),
        [
            ({"factors": ...}, "/factors", "a table names its factors"),
            ({"factors": "batch"}, "/factors", "a table names its factors"),
            ({"factors": {"batch": 3}}, "/factors/batch", "3: an object was expected"),
            ({"factors": ["batch", "batch"]}, "/factors", "batch is named under factors and"),
            ({"blocks": "batch"}, "/blocks", "batch is named under factors and under blocks"),
            ({"blocks": [["gpu"]]}, "/blocks/0", "no run has a column ['gpu']"),
            ({"blocks": 3}, "/blocks", "3: a list was expected"),
            ({"response": ...}, "/response", "null: a response is the name of a column"),
            ({"response": 3}, "/response", "3: a response is the name of a column"),
            ({"response": {}}, "/response/name", "a response has a name"),
            ({"response": {"name": 3}}, "/response/name", "3: a text was expected"),
            ({"runs": ...}, "/runs", "a table needs its runs"),
            ({"runs": {"batch": [8]}}, "/runs", "a list was expected"),
            ({"runs": [*rows(), None]}, "/runs/4", "null: a run is an object of columns"),
            ({"question": [1]}, "/question", "a mapping of keys was expected"),
            ({"forbid": [3]}, "/forbid/0", "3: factors with levels that must not meet"),
            ({"forbid": [{}]}, "/forbid/0", "{}: factors with levels that must not meet"),
        ],
    )
    def test_another_shape_is_refused_where_it_stands(
        self, changes: dict[str, Any], where: str, said: str
    ) -> None:
        found = problems(body(**changes))

        assert said in found[where].message

    @pytest.mark.parametrize(
        ("key", "value", "said"),
        [
            ("level", 0.4, "0.4: a confidence of 0.5 or more, below 1 was expected"),
            ("level", 1, "1: a confidence"),
            ("level", "high", "'high': a number was expected"),
            ("smallest_effect", 0, "0: a number above 0 was expected"),
            ("smallest_effect", math.nan, "nan: a number above 0 was expected"),
            ("smallest_effect", 10**400, "a number above 0 was expected"),
            ("hours_per_run", -1, "-1: a number above 0 was expected"),
            ("hours_per_run", math.inf, "inf: a number above 0 was expected"),
            ("transform", "sqrt", "'sqrt': one of"),
            ("error", "robust", "'robust': one of auto, pooled, hc3, permutation was"),
            ("compare", "all", "'all': one of baseline, pairwise was expected"),
            ("sampler", "grid", "'grid': one of random, bayes was expected"),
            ("bins", 0, "0: a whole number of at least 1 was expected"),
            ("planned", "no", "'no': true or false was expected"),
            ("allow_crashed", 1, "1: true or false was expected"),
            ("interactions", "some", "'some': auto, none, all or a list of pairs was expected"),
            ("factors", "batch", "'batch': a list was expected"),
            ("ignore", [["gpu"]], "there is no block or lurking column ['gpu']"),
        ],
    )
    def test_a_question_is_held_to_its_ranges(self, key: str, value: Any, said: str) -> None:
        found = problems(body(question={key: value}))

        [problem] = found.values()
        assert problem.pointer.startswith(f"/question/{key}")
        assert said in problem.message

    @pytest.mark.parametrize(
        "pair", [3, ["batch"], ["batch", "batch"], ["batch", "x"], [["batch"], "x"]]
    )
    def test_an_interaction_is_of_two_different_factors(self, pair: Any) -> None:
        found = problems(body(question={"interactions": [pair]}))

        assert "two different factors" in found["/question/interactions/0"].message

    @pytest.mark.parametrize("resolution", [-1, math.nan, math.inf, 10**400])
    def test_a_resolution_is_a_number_of_at_least_0(self, resolution: Any) -> None:
        found = problems(body(response={"name": "loss", "resolution": resolution}))

        assert "a number of at least 0" in found["/response/resolution"].message

    @pytest.mark.parametrize("given", ["0.3", True, [0.3]])
    def test_a_response_is_a_number(self, given: Any) -> None:
        found = problems(body(runs=[*rows(), {"batch": 8, "loss": given}]))

        assert "the response is a number" in found["/runs/4/loss"].message

    @pytest.mark.parametrize(
        ("state", "hint"), [("Finished", "did you mean 'finished'?"), ("ok", None), (3, None)]
    )
    def test_a_state_that_nobody_knows_is_not_taken_for_unfinished(
        self, state: Any, hint: str | None
    ) -> None:
        found = problems(body(runs=[*rows(), {"batch": 8, "state": state}]))

        assert found["/runs/4/state"].message.endswith("was expected")
        assert found["/runs/4/state"].hint == hint

    def test_an_id_stands_once(self) -> None:
        runs = [
            {**row, "id": name} for row, name in zip(rows(), ["a", "b", "a", "a"], strict=True)
        ]

        found = problems(body(runs=runs))

        assert [str(problem) for problem in found.values()] == [
            "/runs/2/id: the id 'a' stands in row 1 too",
            "/runs/3/id: the id 'a' stands in row 1 too",
        ]

    def test_a_column_of_wrong_cells_is_one_mistake(self) -> None:
        runs = [{"batch": 8, "loss": "x"} for _ in range(250)]

        found = problems(body(runs=runs, replicate=...))

        assert len(found) == 101
        assert found["/runs"].message == "150 more of the same kinds"

    def test_more_than_200_000_rows_belong_into_a_notebook(self) -> None:
        found = problems(body(runs=[{}] * 200_001, replicate=...))

        assert found["/runs"].message == "200,001 runs; the limit is 200,000"
        assert found["/runs"].hint == "use paribus_sweeps in a notebook"

    @pytest.mark.parametrize("given", [None, [], "loss", 3])
    def test_a_body_is_an_object(self, given: Any) -> None:
        assert "a table is an object" in problems(given)[""].message


class TestAnyTableIsAnswered:
    """Too little data is an answer with a reason, and no error."""

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "importance"])
    @pytest.mark.parametrize(
        "runs",
        [
            [],
            rows()[:1],
            [{**row, "loss": 1.0} for row in rows()],
            [{**row, "state": "crashed", "loss": None} for row in rows()],
            [{**row, "loss": "NaN"} for row in rows()],
            [{**row, "loss": row["loss"] if at else 1e308} for at, row in enumerate(rows())],
            [{**row, "loss": None} if row["seed"] else row for row in rows()],
        ],
        ids=["none", "one", "constant", "all crashed", "all NaN", "huge", "half"],
    )
    def test_each_kind_answers(self, runs: list[dict[str, Any]], kind: str) -> None:
        entry = {"levels": [8, 64], "baseline": 8}
        case = read_table(
            body(
                runs=runs,
                factors={"batch": entry},
                response={"name": "loss", "goal": "minimize"},
            )
        )

        found = answer(kind, case)

        json.dumps(found, allow_nan=False)
        assert found["n"] == sum(isinstance(r["loss"], float) and r["loss"] < 1e140 for r in runs)

    def test_a_constant_response_has_no_p(self) -> None:
        found = answer("factors", read_table(body(runs=[{**row, "loss": 1.0} for row in rows()])))

        [factor] = found["factors"]
        assert (factor["status"], factor["verdict"]) == ("inconclusive", "inconclusive")
        assert [comparison["p"] for comparison in factor["comparisons"]] == [None]

    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.sampled_from(["batch", "loss", "seed", "NaN", "crashed", ""]),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "factors",
                            "response",
                            "runs",
                            "question",
                            "name",
                            "levels",
                            "batch",
                            "loss",
                        ]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=12,
        ),
        st.sampled_from(
            ["factors", "blocks", "replicate", "response", "runs", "question", "forbid"]
        ),
    )
    @settings(max_examples=100, deadline=None)
    def test_whatever_a_body_holds_it_is_read_or_refused(self, value: Any, key: str) -> None:
        try:
            case = read_table(body(**{key: value}))
        except SweepError:
            return

        assert len(case.runs) <= 4 or key == "runs"


def test_states_are_those_of_our_own_and_of_wandb() -> None:
    assert {"finished", "crashed", "failed", "running", "interrupted", "killed"} <= set(STATES)
