"""Figures of answers: effects, importance, interaction, design matrix, parallel coordinates."""

import copy

import pytest

from paribus_sweeps.figures import (
    Look,
    design_matrix,
    effects,
    importance,
    interaction,
    parallel_coordinates,
    progress,
)
from paribus_sweeps.figures.parallel import MISSING
from tests.sweeps.figures.examples import (
    LEVELS,
    importance_answer,
    run,
    study,
    together,
    told,
)


def traces(figure, start=""):
    """Name → trace, of those whose name begins so."""
    return {t["name"]: t for t in figure["data"] if t["name"].startswith(start)}


def caption(figure):
    return " ".join(figure["layout"]["meta"]["caption"])


def labels(figure):
    return [note["text"] for note in figure["layout"]["annotations"]]


def ticks(figure):
    return figure["layout"]["xaxis"]["ticktext"]


class TestEffects:
    def test_a_row_holds_the_headline_and_both_intervals(self):
        """docs/reference/answers.md, "Factors": batch +0.0596667, 0.0334193 to 0.085914."""
        figure = effects(told(smallest_effect=0.02))

        pairs = traces(figure)["estimate from matched pairs"]
        wide = traces(figure)["interval for all comparisons"]
        assert pairs["x"] == pytest.approx([0.0596667, -0.001], abs=1e-6)
        assert pairs["y"] == [2, 1]
        assert wide["x"][:2] == pytest.approx([0.0334193, 0.085914], abs=1e-6)
        assert wide["x"][2] is None
        assert labels(figure) == [
            "batch: 64 against 8 · 6 pairs · yes",
            "ratio: 4:1 against 1:1 · 6 pairs · no",
        ]

    def test_the_model_stands_beside_pairs_and_is_not_blended_in(self):
        figure = effects(told())

        assert traces(figure)["the model beside it"]["marker"]["symbol"].endswith("-open")

    def test_where_the_model_says_nothing_nothing_stands_beside(self):
        answer = told()
        for factor in answer["factors"]:
            factor["comparisons"][0]["model_estimate"] = None

        assert "the model beside it" not in traces(effects(answer))

    def test_a_long_name_loses_its_middle(self):
        answer = told()
        answer["factors"][0]["factor"] = "a" * 200

        [first, _] = labels(effects(answer, Look(width=400)))

        assert len(first) == 49  # (400 - 80) / 6.5 pixels a character
        assert "a…" in first
        assert first.endswith("6 pairs · yes")

    def test_without_pairs_the_model_has_the_headline(self):
        """One seed of each of four settings: two pairs for each factor, and three are needed."""
        answer = told(runs=[r for r in study() if r.replicate["seed"] == 0])

        figure = effects(answer)

        basis = {c["basis"] for f in answer["factors"] for c in f["comparisons"]}
        assert basis == {"model"}
        assert list(traces(figure, "estimate")) == ["estimate from model"]
        assert "the model beside it" not in traces(figure)
        assert " df" in labels(figure)[0]

    def test_differences_that_do_not_matter_are_shaded(self):
        shaded = effects(told(smallest_effect=0.02))["layout"]["shapes"][0]

        assert (shaded["x0"], shaded["x1"]) == (-0.02, 0.02)
        assert len(effects(told())["layout"]["shapes"]) == 1  # the line of no difference alone

    def test_a_factor_that_cannot_be_told_has_a_row_without_a_number(self):
        answer = told()
        answer["factors"][1] |= {
            "status": "confounded", "comparisons": [], "confounded_with": ["gpu_name"],
        }  # fmt: skip

        figure = effects(answer)

        assert "ratio: confounded with gpu_name, no estimate" in labels(figure)
        assert traces(figure)["estimate from matched pairs"]["y"] == [2]

    def test_a_comparison_without_an_interval_has_a_point_alone(self):
        answer = told()
        compared = answer["factors"][0]["comparisons"][0]
        compared |= {"interval": None, "interval_adjusted": None, "note": "one pair: no interval"}

        figure = effects(answer)

        assert len(traces(figure)["interval for all comparisons"]["x"]) == 3  # of `ratio` alone
        assert (
            "one pair: no interval"
            in traces(figure)["estimate from matched pairs"]["hovertext"][0]
        )
        assert "interval for all comparisons: none" in figure["data"][2]["hovertext"][0]

    def test_no_interval_at_all_draws_no_interval(self):
        answer = told()
        for factor in answer["factors"]:
            factor["comparisons"][0] |= {
                "interval": None,
                "interval_adjusted": None,
                "verdict": None,
            }

        assert not traces(effects(answer), "interval")

    def test_nothing_told_says_the_reason_of_each_once(self):
        figure = effects(told(runs=together()))

        assert figure["layout"]["meta"]["is_empty"]
        assert figure["layout"]["meta"]["description"].count("always changed together") == 1

    def test_no_factor_is_asked_about(self):
        assert effects({**told(), "factors": []})["layout"]["meta"]["is_empty"]

    def test_more_comparisons_than_fit_are_counted(self):
        answer = told()
        answer["factors"] = [copy.deepcopy(answer["factors"][0]) for _ in range(50)]

        assert "40 of 50 comparisons shown." in caption(effects(answer))

    def test_the_scale_of_the_model_stands_at_the_axis(self):
        title = effects(told(transform="log"))["layout"]["xaxis"]["title"]["text"]

        assert title == "difference in loss (its own unit, on the log scale)"

    def test_without_a_goal_nothing_is_called_better(self):
        assert "better" not in caption(effects({**told(), "goal": None}))

    def test_a_name_that_holds_a_tag_is_shown_as_it_is(self):
        answer = told()
        answer["factors"][0]["factor"] = "<a href='x'>b</a>"

        assert labels(effects(answer))[0].startswith("&lt;a href='x'&gt;b&lt;/a&gt;: 64")


class TestImportance:
    def test_whiskers_reach_from_the_least_to_the_largest(self):
        """0.88, 0.56 to 0.95: 0.07 above and 0.32 below."""
        figure = importance(importance_answer())

        [bars] = figure["data"]
        assert bars["x"] == [0.88]
        assert bars["error_x"]["array"] == pytest.approx([0.07])
        assert bars["error_x"]["arrayminus"] == pytest.approx([0.32])
        assert "An association, and no effect." in caption(figure)

    def test_what_is_shared_is_said(self):
        answer = importance_answer()
        answer["importance"]["factors"][0] |= {"group": ["lr", "warmup"], "interval": None}

        figure = importance(answer)

        assert labels(figure) == ["1. lr: 88%, shared with warmup"]
        assert figure["data"][0]["error_x"]["array"] == [0.0]

    def test_a_designed_sweep_is_no_association(self):
        assert "association" not in caption(importance(importance_answer(label=None)))

    def test_the_reason_stands_where_there_is_none(self):
        nothing = importance(importance_answer(factors=[], note="Too few runs."))

        assert "Too few runs." in nothing["layout"]["annotations"][0]["text"]
        assert importance({**importance_answer(), "importance": None})["layout"]["meta"][
            "is_empty"
        ]


class TestInteraction:
    def test_means_say_their_n(self):
        """Batch 8, ratio 1:1: (0.31 + 0.33 + 0.30) / 3 = 0.3133."""
        figure = interaction(study(), "batch", "ratio", response="loss", levels=LEVELS)

        first = figure["data"][0]
        assert first["name"] == "ratio 1:1"
        assert first["y"][0] == pytest.approx(0.94 / 3)
        assert first["text"] == ["n=3", "n=3"]
        assert len(figure["data"][1]["y"]) == 6  # the runs themselves
        assert "not tested here" in caption(figure)

    def test_the_test_of_the_model_is_quoted_whichever_way_it_is_named(self):
        effect = told()["effects"]

        for pair in (("batch", "ratio"), ("ratio", "batch")):
            figure = interaction(study(), *pair, response="loss", tested=effect)
            assert "The model tests it: p = 0.9351" in caption(figure)

    def test_a_term_without_p_is_not_tested(self):
        effect = {"n": 4, "terms": [{"term": "batch x ratio", "p": None}]}

        figure = interaction(study(), "batch", "ratio", response="loss", tested=effect)

        assert "not tested here" in caption(figure)

    def test_a_combination_without_a_run_is_a_gap_with_a_name(self):
        runs = [r for r in study() if r.setting != {"batch": "64", "ratio": "4:1"}]

        figure = interaction(runs, "batch", "ratio", response="loss", levels=LEVELS)

        assert figure["data"][2]["y"][1] is None
        assert figure["data"][2]["text"] == ["n=3", ""]
        assert "No run: batch 64, ratio 4:1." in caption(figure)

    def test_a_level_without_any_run_is_spoken_of(self):
        levels = {**LEVELS, "ratio": ["1:1", "4:1", "9:1"]}

        figure = interaction(study(), "batch", "ratio", response="loss", levels=levels)

        assert "ratio 9:1: no run." in figure["layout"]["meta"]["description"]

    def test_runs_without_a_value_or_a_level_are_left_out(self):
        runs = [run("R1", None), run("R2", float("nan")), run("R3", 0.3, ratio=None)]

        assert interaction(runs, "batch", "ratio", response="loss")["layout"]["meta"]["is_empty"]

    def test_lines_and_places_beyond_the_most_are_counted(self):
        runs = [run(f"R{k}", 0.1, batch=str(k), ratio=str(k)) for k in range(20)]

        said = caption(interaction(runs, "batch", "ratio", response="loss"))

        assert "12 of 20 levels of batch shown." in said
        assert "6 of 20 levels of ratio shown." in said


class TestDesignMatrix:
    FACT = {"members": ["batch", "ratio"], "blocks": [], "sentence": "`batch` is `ratio`."}

    def test_a_setting_is_a_row_and_says_how_many_of_its_runs_finished(self):
        figure = design_matrix(together(), LEVELS)

        [cells] = figure["data"]
        assert cells["text"] == [["8", "1:1"], ["64", "4:1"], ["64", "1:1"]]
        assert cells["z"] == [[0, 0], [1, 1], [1, 0]]
        assert figure["layout"]["yaxis"]["ticktext"] == ["2/2", "2/2", "0/1"]
        assert "Nothing is known to be aliased." in caption(figure)

    def test_aliased_columns_are_outlined_and_share_a_letter(self):
        figure = design_matrix(together(), LEVELS, facts=[self.FACT])

        boxes = figure["layout"]["shapes"]
        assert [(b["x0"], b["x1"]) for b in boxes] == [(-0.46, 0.46), (0.54, 1.46)]
        assert ticks(figure) == ["<b>A</b><br>batch", "<b>A</b><br>ratio"]
        assert "A: “batch” is “ratio”." in caption(figure)

    def test_two_facts_stand_inside_one_another_with_another_dash(self):
        figure = design_matrix(together(), LEVELS, facts=[self.FACT, self.FACT])

        assert {b["line"]["dash"] for b in figure["layout"]["shapes"]} == {"solid", "dash"}
        assert ticks(figure) == ["<b>AB</b><br>batch", "<b>AB</b><br>ratio"]

    def test_a_block_that_a_fact_names_is_a_column(self):
        fact = {"members": ["batch", "gpu"], "blocks": ["gpu"], "sentence": "Both moved."}
        runs = [run("R1", blocks={"gpu": "T4"}), run("R2", batch="64", blocks={"gpu": "A100"})]

        figure = design_matrix(runs, LEVELS, facts=[fact])

        assert ticks(figure) == ["<b>A</b><br>batch", "ratio", "<b>A</b><br>gpu"]
        assert figure["data"][0]["text"][1] == ["64", "1:1", "A100"]

    def test_what_does_not_fit_is_counted(self):
        names = {f"f{k}": ["0", "1"] for k in range(20)}
        runs = [run(f"R{k}", batch=str(k)) for k in range(50)]
        facts = [{"members": ["f19"], "blocks": [], "sentence": "Far right."}] * 8

        figure = design_matrix(runs, {**LEVELS, **names}, facts=facts)

        assert "40 of 50 settings shown." in caption(figure)
        assert "12 of 22 columns shown." in caption(figure)
        assert "6 of 8 facts about aliasing shown." in caption(figure)
        assert ticks(figure)[-1].endswith("f19")  # what a fact names is never left out

    def test_a_phone_shows_as_many_columns_as_can_be_read(self):
        """(400 - 90) / 58 pixels: 5 columns, of which a fact names the last."""
        names = {f"f{k}": ["0", "1"] for k in range(9)}
        facts = [{"members": ["f8"], "blocks": [], "sentence": "Last."}]

        figure = design_matrix(study(), names, facts=facts, look=Look(width=400))

        assert ticks(figure) == ["f0", "f1", "f2", "f3", "<b>A</b><br>f8"]

    def test_nothing_to_lay_out(self):
        assert design_matrix([], LEVELS)["layout"]["meta"]["is_empty"]
        assert design_matrix(study(), {})["layout"]["meta"]["is_empty"]


class TestParallelCoordinates:
    def test_levels_have_places_and_the_response_is_an_axis(self):
        """Losses .31 to .38: .31 stands at 0 and .38 at 1."""
        figure = parallel_coordinates(together(), LEVELS, response="loss")

        lowest = traces(figure, "lowest fifth")["lowest fifth (n = 1)"]
        highest = traces(figure, "fourth fifth")["fourth fifth (n = 1)"]
        assert lowest["y"] == [0.0, 0.0, 0.0, None]
        assert highest["y"] == [1.0, 1.0, 1.0, None]
        assert figure["layout"]["xaxis"]["ticktext"] == ["batch", "ratio", "loss"]

    def test_a_run_without_a_value_goes_to_the_lane_of_missing_ones(self):
        figure = parallel_coordinates(together(), LEVELS, response="loss")

        lost = traces(figure)["no value (n = 1)"]
        assert lost["y"] == [1.0, 0.0, MISSING, None]
        assert "no value (crashed)" in lost["hovertext"][0]

    def test_a_level_that_a_run_lacks_is_missing_too(self):
        figure = parallel_coordinates([run("R1", ratio=None)], LEVELS, response="loss")

        [line] = figure["data"]
        assert line["y"][:3] == [0.0, MISSING, 0.5]
        assert "ratio not set" in line["hovertext"][0]

    def test_many_numbers_are_an_axis_of_numbers(self):
        """1 to 20, 13 of them: 1 stands at 0, 20 at 1; below two decades, so linear."""
        numbers = [*range(1, 13), 20]
        runs = [run(f"R{n}", 0.1 * n, batch=str(n)) for n in numbers]

        figure = parallel_coordinates(runs, {"batch": []}, response="loss")

        heights = {
            y for t in figure["data"] for x, y in zip(t["x"], t["y"], strict=True) if x == 0
        }
        assert {0.0, 1.0} <= heights
        assert min(abs(h - 1 / 19) for h in heights) < 1e-9
        assert labels(figure)[:2] == ["1", "20"]

    def test_numbers_over_two_decades_are_logarithmic(self):
        """1e-5 to 1e-2 in 13 steps: 10 ** -3.5 stands in the middle."""
        rates = [10 ** (-5 + k / 4) for k in range(13)]
        runs = [run(f"R{k}", 0.1, batch=repr(rate)) for k, rate in enumerate(rates)]

        figure = parallel_coordinates(runs, {"batch": []}, response="loss")

        heights = sorted(
            y
            for x, y in zip(figure["data"][0]["x"], figure["data"][0]["y"], strict=True)
            if x == 0
        )
        assert heights[6] == pytest.approx(0.5)
        assert "batch is drawn on a logarithmic axis." in caption(figure)

    def test_many_texts_have_places_and_some_of_the_names(self):
        runs = [run(f"R{k}", 0.1, batch=f"word {k:02}") for k in range(30)]

        figure = parallel_coordinates(runs, {"batch": []}, response="loss")

        assert len([text for text in labels(figure) if text.startswith("word")]) == 10

    def test_equal_responses_are_one_class_in_the_middle(self):
        figure = parallel_coordinates(study()[:1] * 3, LEVELS, response="loss")

        assert list(traces(figure)) == ["middle fifth (n = 3)"]

    def test_runs_without_any_value_are_told_so(self):
        figure = parallel_coordinates([run("R1", None)], LEVELS, response="loss")

        assert "None has loss yet." in figure["layout"]["meta"]["description"]

    def test_the_description_names_the_least_and_the_largest(self):
        said = parallel_coordinates(together(), LEVELS, response="loss")["layout"]["meta"]

        assert "from 0.31 (R1) to 0.38 (R3)" in said["description"]

    def test_what_does_not_fit_is_counted(self):
        runs = [run(f"R{k}", 0.1) for k in range(400)]
        many = {f"f{k}": ["0"] for k in range(20)}

        said = caption(parallel_coordinates(runs, many, response="loss", look=Look(width=400)))

        assert "300 of 400 runs shown." in said
        assert "4 of 20 factors shown." in said


class TestProgress:
    def test_bars_of_states_in_their_order(self):
        figure = progress({"queued": 4, "finished": 3, "odd": 1, "failed": 0})

        [bars] = figure["data"]
        assert figure["layout"]["yaxis"]["ticktext"] == ["finished", "queued", "odd"]
        assert bars["text"] == ["3", "4", "1"]
        assert "n = 8 trials: 3 finished, 4 queued, 1 odd." in caption(figure)

    def test_ends_are_counted_over_time(self):
        """Two finished at 10 and 12, one failed at 11: lines go on to the last moment."""
        ended = [("T12", "finished"), ("T10", "finished"), ("T11", "failed")]

        figure = progress({"finished": 2, "failed": 1}, ended=ended)

        finished, failed = figure["data"]
        assert (finished["x"], finished["y"]) == (["T10", "T12", "T12"], [1, 2, 2])
        assert (failed["x"], failed["y"]) == (["T11", "T12"], [1, 1])

    def test_one_moment_is_no_line(self):
        assert progress({"finished": 1}, ended=[("T1", "finished")])["data"][0]["type"] == "bar"
