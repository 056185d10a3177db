"""Which factor made the difference, on a sweep's page: verdicts, evidence, and a button."""

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from paribus_service.dashboard import sweep_views
from tests.factories import Lab
from tests.service.dashboard.site import factorial_config, form_token, text_of

NOISE = (0.004, -0.006, 0.001, 0.005, -0.002, 0.003, -0.005, 0.002)


def finished(lab: Lab, *, batch: float = 0.0, **config: Any) -> str:
    """A sweep whose eight trials have finished; its id."""
    sweep_id = lab.register(factorial_config(**config))
    agent = lab.agent(sweep_id)
    for wobble in NOISE:
        run_id = lab.claim(agent)
        lab.start(run_id)
        moved = batch * (lab.trial_of(run_id).setting["batch"] == "64")
        lab.finish(run_id, **{"holdout/loss": 0.5 + moved + wobble})
    return sweep_id


def story(lab: Lab) -> str:
    """Batch size and ratio that always changed together, and their sweep's id."""
    settings = [{"batch": "8", "ratio": "1:1"}, {"batch": "64", "ratio": "4:1"}]
    config = factorial_config()
    config["design"] |= {"type": "settings", "settings": settings}
    sweep_id = lab.register(config)
    agent = lab.agent(sweep_id)
    for wobble in NOISE[:4]:
        lab.run_trial(agent, **{"holdout/loss": 0.5 + wobble})
    return sweep_id


def page_of(browser: TestClient, sweep_id: str) -> str:
    answer = browser.get(f"/lab/imdb/sweeps/{sweep_id}")
    assert answer.status_code == 200, answer.text
    return answer.text


def queue(browser: TestClient, sweep_id: str, **told: str) -> Any:
    page = page_of(browser, sweep_id)
    fields = {"form_token": form_token(page), **told}
    return browser.post(f"/lab/imdb/sweeps/{sweep_id}/follow-ups", data=fields)


class TestVerdicts:
    def test_stand_in_words_with_their_status(self, lab: Lab, browser: TestClient) -> None:
        page = text_of(page_of(browser, finished(lab, batch=0.1)))

        assert "batch ✓ isolated batch : yes, it made a difference. 64 against 8 changed" in page
        assert "ratio ? inconclusive" in page
        assert "Best level: 8 , by the comparison above" in page

    def test_show_the_pairs_as_links(self, lab: Lab, browser: TestClient) -> None:
        page = page_of(browser, finished(lab, batch=0.1))

        # batch and ratio have four pairs each, of two runs
        assert page.count('href="/lab/imdb/runs/') >= 16
        assert "4 matched pairs: 64 against 8" in page

    def test_what_is_confounded_has_a_sentence_and_no_number(
        self, lab: Lab, browser: TestClient
    ) -> None:
        page = text_of(page_of(browser, story(lab)))

        assert "batch ⇄ confounded batch and ratio always changed together" in page
        assert "What moving batch did" not in page

    def test_before_any_run_has_finished_it_says_so(self, lab: Lab, browser: TestClient) -> None:
        page = text_of(page_of(browser, lab.register(factorial_config())))

        assert "not ready" in page
        assert "8 of 8 runs are still open" in page

    def test_without_a_metric_it_is_too_early(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = lab.register(factorial_config(metric=None))
        lab.run_trial(lab.agent(sweep_id), loss=0.5)

        page = page_of(browser, sweep_id)

        assert "No answer yet" in page
        assert '<option value="loss">' in page  # a key that its run has

    def test_a_sweep_without_a_metric_answers_about_the_response_that_is_named(
        self, lab: Lab, browser: TestClient
    ) -> None:
        sweep_id = finished(lab, batch=0.1, metric=None)

        page = text_of(page_of(browser, f"{sweep_id}?response=holdout/loss&goal=minimize"))

        assert "Asked about holdout/loss , lowest first; 8 runs with a value" in page
        assert "yes; 8 is better" in page

    def test_a_goal_that_is_none_is_refused(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = lab.register(factorial_config())

        answer = browser.get(f"/lab/imdb/sweeps/{sweep_id}?goal=smaller")

        assert answer.status_code == 422
        assert "minimize or maximize was expected" in answer.text

    def test_another_question_is_another_version_of_the_page(
        self, lab: Lab, browser: TestClient
    ) -> None:
        address = f"/lab/imdb/sweeps/{finished(lab)}"
        tag = browser.get(address).headers["ETag"]

        same = browser.get(address, headers={"If-None-Match": tag})
        other = browser.get(f"{address}?goal=maximize", headers={"If-None-Match": tag})

        assert (same.status_code, other.status_code) == (304, 200)


class TestAtAGlance:
    def test_each_factor_has_a_row_that_leads_to_its_card(
        self, lab: Lab, browser: TestClient
    ) -> None:
        page = page_of(browser, finished(lab, batch=0.1))

        said = text_of(page.partition('class="stacks glance"')[2].partition("</table>")[0])
        assert "batch ✓ isolated yes; 8 is better" in said
        assert "ratio ? inconclusive not decided by these runs" in said
        assert page.count('href="#factor-') == page.count('<h3 id="factor-') == 2

    def test_intervals_stand_on_one_scale(self, lab: Lab, browser: TestClient) -> None:
        """Both factors have the same line of no difference."""
        page = page_of(browser, finished(lab, batch=0.1))

        table = page.partition('class="stacks glance"')[2].partition("</table>")[0]
        zeros = re.findall(r'class="axis" x1="([0-9.]+)"', table)
        assert len(zeros) == 2
        assert len(set(zeros)) == 1

    def test_no_column_of_numbers_stands_where_there_is_none(
        self, lab: Lab, browser: TestClient
    ) -> None:
        page = text_of(page_of(browser, story(lab)))

        assert "⇄ confounded cannot be told from ratio" in page
        assert "Clearest difference" not in page

    def test_the_statuses_that_occur_are_explained(self, lab: Lab, browser: TestClient) -> None:
        page = text_of(page_of(browser, story(lab)))

        assert "What this status means" in page
        assert "It cannot be told apart from something else: no number is given." in page
        assert "Runs are missing that would tell." not in page


class TestCards:
    def test_a_sentence_about_several_factors_stands_once(
        self, lab: Lab, browser: TestClient
    ) -> None:
        page = page_of(browser, story(lab))

        cards = page.partition('<div class="cards">')[2].partition('id="follow-ups"')[0]
        assert text_of(cards).count("always changed together") == 1
        assert "Cannot be told from batch: what is said of batch holds here too." in text_of(cards)

    def test_a_pair_that_waits_is_open_and_one_without_a_value_is_lost(
        self, lab: Lab, browser: TestClient
    ) -> None:
        """At seed 0, ratio 1:1: both batches have run. At 4:1 batch 8 failed and batch 64 has run.

        So of the pairs of batch one is there and one is lost. At seed 1, ratio 1:1, batch 8 has
        run and waits for batch 64; the fourth pair has no run at all, and is not counted yet.
        """
        sweep_id = lab.register(factorial_config(retry={"failed": 0}))
        for _ in range(4):
            run_id = lab.claim(lab.agent(sweep_id))
            lab.start(run_id)
            setting = lab.trial_of(run_id).setting
            fails = setting == {"batch": "8", "ratio": "4:1"}
            lab.finish(run_id, exit_code=1 if fails else 0, **{"holdout/loss": 0.5})
        run_id = lab.claim(lab.agent(sweep_id))  # seed 1, batch 8, ratio 1:1; its partner waits
        lab.start(run_id)
        lab.finish(run_id, **{"holdout/loss": 0.5})

        page = page_of(browser, sweep_id)

        cell = page.partition('data-label="Matched pairs">')[2].partition("</td>")[0]
        assert text_of(cell) == "1 1 open 1 lost"

    def test_what_an_estimate_contains_besides_is_said(
        self, lab: Lab, browser: TestClient
    ) -> None:
        """A half fraction with c = a * b: the estimate of a contains b x c."""
        factors = {name: {"baseline": 0, "levels": [0, 1]} for name in "abc"}
        config = factorial_config()
        config["design"] = {
            "type": "fractional_factorial",
            "factors": factors,
            "generators": {"c": "a * b"},
            "replicates": {"seed": [0, 1]},
        }
        sweep_id = lab.register(config)
        agent = lab.agent(sweep_id)
        for wobble in NOISE:
            run_id = lab.claim(agent)
            lab.start(run_id)
            moved = 0.1 * (lab.trial_of(run_id).setting["a"] == "1")
            lab.finish(run_id, **{"holdout/loss": 0.5 + moved + wobble})

        page = text_of(page_of(browser, sweep_id))

        assert "The estimate of a also contains b x c" in page

    def test_ids_are_valid_and_unique_whatever_names_are(
        self, lab: Lab, browser: TestClient
    ) -> None:
        config = factorial_config()
        config["design"]["factors"] = {
            'a "b" c': {"baseline": "x y", "levels": ["x y", "x  y"]},
            "a.b:c": {"baseline": "<p>", "levels": ["<p>", "x'y"]},
        }
        sweep_id = lab.register(config)
        for wobble in NOISE:
            lab.run_trial(lab.agent(sweep_id), **{"holdout/loss": 0.5 + wobble})

        ids = re.findall(r'\bid="([^"]*)"', page_of(browser, sweep_id))

        assert "pairs-1-0" in ids
        assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in ids), ids
        assert len(ids) == len(set(ids))


class TestFollowUps:
    def test_one_button_queues_the_run_that_separates(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = story(lab)
        page = text_of(page_of(browser, sweep_id))
        assert "One more run separates" in page

        answer = queue(browser, sweep_id, set="proposed")

        assert answer.status_code == 200  # sent on to the sweep's page
        assert "4 of 5 trials done, 1 waiting" in text_of(answer.text)

    def test_one_set_stands_in_front_with_its_cost(self, lab: Lab, browser: TestClient) -> None:
        page = page_of(browser, story(lab))

        others = page.partition('id="other-sets"')
        assert others[0].count(">Queue ") == 1
        assert "Queue this run in this sweep" in others[0]
        assert "Instead: matched pairs: 1 run" in text_of(others[2])

    def test_more_seeds_stand_in_front_where_something_is_undecided(
        self, lab: Lab, browser: TestClient
    ) -> None:
        page = page_of(browser, finished(lab, batch=0.1))

        assert "Queue these 4 runs in this sweep" in page.partition('id="other-sets"')[0]

    def test_no_seeds_are_offered_before_a_run_has_a_value(
        self, lab: Lab, browser: TestClient
    ) -> None:
        page = text_of(page_of(browser, lab.register(factorial_config())))

        assert "Wait for the open trials" in page
        assert "More seeds" not in page

    def test_the_question_that_was_asked_is_queued(self, lab: Lab, browser: TestClient) -> None:
        """Without the response, the data version would be another one."""
        sweep_id = finished(lab, metric=None)
        page = page_of(browser, f"{sweep_id}?response=holdout/loss&goal=minimize")
        form = page.partition('/follow-ups">')[2].partition("</form>")[0]
        fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))

        answer = browser.post(f"/lab/imdb/sweeps/{sweep_id}/follow-ups", data=fields)

        assert fields["response"] == "holdout/loss"
        assert "8 of 12 trials done, 4 waiting" in text_of(answer.text)

    def test_the_same_page_twice_adds_its_runs_once(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = story(lab)
        page = page_of(browser, sweep_id)
        version = page.partition('name="data_version" value="')[2].partition('"')[0]
        queue(browser, sweep_id, set="proposed", data_version=version)

        again = queue(browser, sweep_id, set="proposed", data_version=version)

        assert again.status_code == 409
        assert "4 of 5 trials done" in text_of(page_of(browser, sweep_id))

    def test_a_set_that_there_is_not_is_refused_by_name(
        self, lab: Lab, browser: TestClient
    ) -> None:
        answer = queue(browser, story(lab), set="propose")

        assert answer.status_code == 422
        assert "proposed" in answer.text

    def test_a_form_without_its_token_adds_nothing(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = story(lab)

        answer = browser.post(f"/lab/imdb/sweeps/{sweep_id}/follow-ups", data={"set": "proposed"})

        assert answer.status_code == 403
        assert "4 of 4 trials done" in text_of(page_of(browser, sweep_id))

    def test_a_stopped_sweep_takes_none_and_says_why(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = lab.register(factorial_config())
        agent = lab.agent(sweep_id)
        lab.run_trial(agent, **{"holdout/loss": 0.5})
        lab.run_trial(agent, **{"holdout/loss": 0.6})
        token = form_token(page_of(browser, sweep_id))
        browser.post(f"/lab/imdb/sweeps/{sweep_id}/stop", data={"form_token": token})

        page = text_of(page_of(browser, sweep_id))

        assert "This sweep was stopped: register these runs as a sweep of their own." in page
        assert "in this sweep" not in page

    def test_the_report_is_one_click_away(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = finished(lab)

        answer = browser.get(f"/api/v1/sweeps/{sweep_id}/report?format=html")

        assert f"/api/v1/sweeps/{sweep_id}/report?format=html" in page_of(browser, sweep_id)
        assert "Which factor made the difference to holdout/loss?" in answer.text


class TestOtherResponses:
    def test_those_that_the_design_declares_stand_in_the_report(
        self, lab: Lab, browser: TestClient
    ) -> None:
        config = factorial_config()
        config["design"]["responses"] = ["holdout/loss", "accuracy", "roughness(eval/loss)"]
        sweep_id = lab.register(config)
        agent = lab.agent(sweep_id)
        for wobble in NOISE:
            lab.run_trial(agent, **{"holdout/loss": 0.5 + wobble, "accuracy": 0.9 - wobble})

        told = browser.get(f"/api/v1/sweeps/{sweep_id}/report?format=json").json()

        assert {row["response"] for row in told["responses"]} == {"holdout/loss", "accuracy"}
        assert all(row["q"] >= row["p"] for row in told["responses"])
        [notice] = [text for text in told["notices"] if "roughness(eval/loss)" in text]
        assert "is left out" in notice

    def test_a_response_that_was_named_stands_alone(self, lab: Lab, browser: TestClient) -> None:
        config = factorial_config()
        config["design"]["responses"] = ["holdout/loss", "accuracy"]
        sweep_id = lab.register(config)
        lab.run_trial(lab.agent(sweep_id), **{"holdout/loss": 0.5, "accuracy": 0.9})

        path = f"/api/v1/sweeps/{sweep_id}/report"
        told = browser.get(path, params={"response": "accuracy", "format": "json"}).json()

        assert {row["response"] for row in told["responses"]} == {"accuracy"}

    def test_on_the_page_they_are_one_press_away(self, lab: Lab, browser: TestClient) -> None:
        config = factorial_config()
        config["design"]["responses"] = ["holdout/loss", "accuracy"]
        sweep_id = lab.register(config)
        agent = lab.agent(sweep_id)
        for wobble in NOISE:
            lab.run_trial(agent, **{"holdout/loss": 0.5 + wobble, "accuracy": 0.9 - wobble})

        page = page_of(browser, sweep_id)

        assert 'href="?response=accuracy#decide"' in page
        assert 'href="?response=holdout' not in page


class TestVeryLargeSweeps:
    def test_are_answered_while_they_run_only_when_asked(
        self, lab: Lab, browser: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sweep_views, "MOST_ANSWERED_LIVE", 7)
        sweep_id = lab.register(factorial_config())
        lab.run_trial(lab.agent(sweep_id), **{"holdout/loss": 0.5})

        unasked = text_of(page_of(browser, sweep_id))
        address = f"/lab/imdb/sweeps/{sweep_id}?response=holdout%2Floss"
        asked = text_of(browser.get(address).text)

        assert "an answer over its 8 trials takes seconds" in unasked
        assert "7 of 8 runs are still open" in asked

    def test_are_answered_unasked_once_they_have_ended(
        self, lab: Lab, browser: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sweep_views, "MOST_ANSWERED_LIVE", 7)

        assert "isolated" in text_of(page_of(browser, finished(lab, batch=0.1)))
