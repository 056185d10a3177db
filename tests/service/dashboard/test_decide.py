"""Which factor made the difference, on a sweep's page: verdicts, evidence, and a button."""

from typing import Any

from fastapi.testclient import TestClient

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

        assert "Not yet" in page_of(browser, sweep_id)


class TestFollowUps:
    def test_one_button_queues_the_run_that_separates(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = story(lab)
        page = text_of(page_of(browser, sweep_id))
        assert "One more run separates" in page

        answer = queue(browser, sweep_id, set="proposed")

        assert answer.status_code == 200  # sent on to the sweep's page
        assert "4 of 5 trials done, 1 waiting" in text_of(answer.text)

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
