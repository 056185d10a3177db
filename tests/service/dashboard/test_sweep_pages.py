import re
from datetime import datetime

import pytest
from fastapi.testclient import TestClient

from paribus_service.dashboard import paging
from tests.factories import Lab, grid_config
from tests.service.dashboard.site import factorial_config, form_token, text_of

HOSTILE = '"><script>alert(1)</script>'


def page_of(browser: TestClient, sweep_id: str) -> str:
    answer = browser.get(f"/lab/imdb/sweeps/{sweep_id}")
    assert answer.status_code == 200, answer.text
    return answer.text


def press(browser: TestClient, sweep_id: str, verb: str) -> int:
    token = form_token(page_of(browser, sweep_id))
    return browser.post(
        f"/lab/imdb/sweeps/{sweep_id}/{verb}",
        data={"form_token": token},
        follow_redirects=False,
    ).status_code


class TestListOfSweeps:
    def test_an_empty_service_says_how_to_begin(self, browser: TestClient) -> None:
        assert "paribus launch sweep.yaml" in browser.get("/").text

    def test_a_sweep_is_listed_with_progress_and_best_value(
        self, lab: Lab, browser: TestClient
    ) -> None:
        sweep_id = lab.register(name="two by two")
        agent = lab.agent(sweep_id)
        lab.run_trial(agent, loss=0.75)
        lab.run_trial(agent, loss=0.25)
        lab.claim(agent)

        page = browser.get("/").text

        assert f'<a href="/lab/imdb/sweeps/{sweep_id}">two by two</a>' in page
        assert "2 of 4 trials done, 1 running, 1 waiting" in page
        assert "0.25 loss, lowest" in text_of(page)

    def test_the_best_value_heeds_the_goal(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = lab.register(metric={"name": "accuracy", "goal": "maximize"})
        agent = lab.agent(sweep_id)
        lab.run_trial(agent, accuracy=0.75)
        lab.run_trial(agent, accuracy=0.25)

        assert "0.75 accuracy, highest" in text_of(browser.get("/").text)

    def test_a_filter_by_state_and_project_leaves_the_others_out(
        self, lab: Lab, browser: TestClient
    ) -> None:
        lab.register(name="waits")
        working = lab.register(name="works", project="other")
        lab.claim(lab.agent(working))

        by_state = browser.get("/?state=running").text
        by_project = browser.get("/?project=lab/imdb").text

        assert ("works" in by_state, ">waits<" in by_state) == (True, False)
        assert (">works<" in by_project, ">waits<" in by_project) == (False, True)

    def test_a_filter_that_nothing_fits_offers_the_way_out(
        self, lab: Lab, browser: TestClient
    ) -> None:
        lab.register()

        assert "No sweep fits this filter" in browser.get("/?state=paused").text

    def test_an_unknown_state_is_refused_with_the_nearest(self, browser: TestClient) -> None:
        answer = browser.get("/?state=runing")

        assert answer.status_code == 422
        assert "did you mean &#39;running&#39;?" in answer.text

    def test_a_long_list_goes_on_on_the_next_page(self, lab: Lab, browser: TestClient) -> None:
        for number in range(paging.SWEEPS_A_PAGE + 2):
            lab.register(name=f"sweep no {number}!")
            lab.clock.advance(1)

        first = browser.get("/").text
        older = re.search(r'href="([^"]+)" rel="next"', first)
        assert older is not None
        second = browser.get("/" + older[1].replace("&amp;", "&")).text

        assert len(re.findall(r"sweep no \d+!", first)) == paging.SWEEPS_A_PAGE
        assert re.findall(r"sweep no \d+!", second) == ["sweep no 1!", "sweep no 0!"]
        assert 'rel="next"' not in second

    @pytest.mark.parametrize("before", ["nonsense", "2026-11-23~x", "2026-11-23T12:00:00+00:00"])
    def test_a_broken_place_in_the_list_is_refused(self, browser: TestClient, before: str) -> None:
        assert browser.get("/", params={"before": before}).status_code == 422


class TestSweepPage:
    def test_a_new_sweep_shows_its_factors_and_the_command(
        self, lab: Lab, browser: TestClient
    ) -> None:
        sweep_id = lab.register(factorial_config())

        page = page_of(browser, sweep_id)

        assert "export WANDB_BASE_URL=http://testserver\n" in page
        assert f"wandb agent lab/imdb/{sweep_id}" in page
        assert re.search(r"export WANDB_API_KEY=local-\w{40}\n", page)
        assert "No agent has asked for work yet" in page
        assert "1:1" in page
        assert "0 of 8 trials done, 8 waiting" in page

    def test_best_runs_stand_with_n_mean_and_sd(self, lab: Lab, browser: TestClient) -> None:
        """Batch 8 has the seeds 0.25 and 0.75 at ratio 1:1: mean 0.5, sd 0.353553."""
        sweep_id = lab.register(factorial_config(retry={"failed": 0}))
        for _ in range(8):
            run_id = lab.claim(lab.agent(sweep_id))
            lab.start(run_id)
            trial = lab.trial_of(run_id)
            wanted = trial.setting == {"batch": "8", "ratio": "1:1"}
            value = 0.25 + 0.5 * trial.replicate["seed"]
            lab.finish(run_id, exit_code=0 if wanted else 1, **{"holdout/loss": value})

        page = text_of(page_of(browser, sweep_id))

        assert "Asked about holdout/loss , lowest first; 2 runs with a value" in page
        assert "0.25 2 0.5 0.3536" in page
        assert "no finished run" in page

    def test_what_is_not_ranked_says_why(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = lab.register(grid_config(retry={"failed": 0}))
        agent = lab.agent(sweep_id)
        lab.run_trial(agent, loss=0.5)
        failed = lab.claim(agent)
        lab.start(failed)
        lab.finish(failed, exit_code=3)

        page = text_of(page_of(browser, sweep_id))

        assert "failed: the program ended with exit code 3" in page
        assert "2 of 4 trials" not in page
        assert "1 of 4 trials done, 1 failed, 2 waiting" in page

    def test_runs_on_two_gpus_are_named_as_moved_together(
        self, lab: Lab, browser: TestClient
    ) -> None:
        sweep_id = lab.register({**grid_config(), "parameters": {"lr": {"values": [1, 2]}}})
        agent = lab.agent(sweep_id)
        for gpu in ("T4", "A100"):
            run_id = lab.claim(agent)
            lab.start(run_id, gpu=gpu)
            lab.finish(run_id, loss=0.5)

        page = page_of(browser, sweep_id)

        assert "⇄</span> confounded</span>" in page
        assert "<code>gpu_name</code>" in page

    def test_a_metric_that_no_run_logged_is_a_reason_and_no_error(
        self, lab: Lab, browser: TestClient
    ) -> None:
        sweep_id = lab.register()
        lab.run_trial(lab.agent(sweep_id), los=0.5)

        page = page_of(browser, sweep_id)

        assert "None of the 1 finished runs has &#39;loss&#39; in its summary" in page
        assert "Did you mean &#39;los&#39;?" in page

    def test_a_search_shows_its_continuous_factor_and_its_values(
        self, lab: Lab, browser: TestClient
    ) -> None:
        sweep_id = lab.register(
            grid_config(method="random", run_cap=3, parameters={"lr": {"min": 0.1, "max": 1.0}})
        )
        assert "draws each trial" in page_of(browser, sweep_id)
        lab.run_trial(lab.agent(sweep_id), loss=0.5)

        page = text_of(page_of(browser, sweep_id))

        assert "1 of 3 trials done" in page
        assert "A continuous factor: it has no levels." in page

    def test_trials_that_share_a_reason_are_told_together(
        self, lab: Lab, browser: TestClient
    ) -> None:
        """Of 40 trials at each level 39 wait or all 40: five are named, the rest counted."""
        config = grid_config(
            parameters={"lr": {"values": [1, 2]}, "seed": {"values": list(range(40))}}
        )
        sweep_id = lab.register(config)
        lab.run_trial(lab.agent(sweep_id), loss=0.5)

        page = text_of(page_of(browser, sweep_id))

        assert "and 35 more" in page
        assert "and 34 more" in page

    def test_many_trials_come_in_parts(self, lab: Lab, browser: TestClient) -> None:
        values = list(range(paging.TRIALS_A_PAGE + 3))
        sweep_id = lab.register(grid_config(parameters={"lr": {"values": values}}))

        first = page_of(browser, sweep_id)
        rest = browser.get(f"/lab/imdb/sweeps/{sweep_id}?after={paging.TRIALS_A_PAGE - 1}").text

        assert f"?after={paging.TRIALS_A_PAGE - 1}#trials" in first
        table = first.partition('id="trials-body"')[2]
        assert table.count("</span> queued</span>") == paging.TRIALS_A_PAGE
        table = rest.partition('id="trials-body"')[2]
        assert table.count("</span> queued</span>") == 3

    def test_whatever_a_user_wrote_is_escaped(self, lab: Lab, browser: TestClient) -> None:
        config = grid_config(
            name=HOSTILE,
            description=HOSTILE,
            parameters={"lr": {"values": [HOSTILE, "b"]}},
        )
        sweep_id = lab.register(config)
        agent = lab.agent(sweep_id, host=HOSTILE)
        lab.run_trial(agent, loss=1.0)

        for path in ("/", "/lab/imdb", f"/lab/imdb/sweeps/{sweep_id}"):
            page = browser.get(path).text
            assert "<script>alert" not in page
            assert "&lt;script&gt;alert(1)" in page

    def test_another_projects_address_is_not_found(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = lab.register()

        assert browser.get(f"/lab/other/sweeps/{sweep_id}").status_code == 404

    def test_nothing_changed_is_told_without_the_page(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = lab.register()
        address = f"/lab/imdb/sweeps/{sweep_id}"
        browser.get(address)
        etag = browser.get(address).headers["ETag"]

        same = browser.get(address, headers={"If-None-Match": etag})
        lab.agent(sweep_id)
        changed = browser.get(address, headers={"If-None-Match": etag})

        assert (same.status_code, same.content) == (304, b"")
        assert changed.status_code == 200
        assert changed.headers["ETag"] != etag

    def test_a_running_sweep_is_kept_fresh_and_an_ended_one_is_not(
        self, lab: Lab, browser: TestClient
    ) -> None:
        sweep_id = lab.register()
        assert "data-polls" in page_of(browser, sweep_id)

        press(browser, sweep_id, "cancel")

        assert "data-polls" not in page_of(browser, sweep_id)

    def test_times_are_time_elements_in_utc(self, lab: Lab, browser: TestClient) -> None:
        page = page_of(browser, lab.register())

        stamps = re.findall(r'<time datetime="([^"]+)">([^<]+)</time>', page)
        assert stamps
        for machine, human in stamps:
            assert datetime.fromisoformat(machine).tzinfo is not None
            assert human.endswith(" UTC")


class TestButtons:
    def test_only_what_fits_the_state_is_offered(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = lab.register()

        offered = re.findall(r'id="verb-(\w+)"', page_of(browser, sweep_id))

        assert offered == ["pause", "stop", "cancel"]

    def test_pause_and_resume(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = lab.register()

        assert press(browser, sweep_id, "pause") == 303
        assert lab.sweep(sweep_id).state == "paused"
        assert "developer pressed pause" in page_of(browser, sweep_id)

        assert press(browser, sweep_id, "resume") == 303
        assert lab.sweep(sweep_id).state == "running"

    def test_retry_queues_a_failed_trial_again(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = lab.register(grid_config(retry={"failed": 0}))
        run_id = lab.claim(lab.agent(sweep_id))
        lab.start(run_id)
        lab.finish(run_id, exit_code=1)

        assert press(browser, sweep_id, "retry") == 303

        assert lab.trial_of(run_id).state == "queued"

    def test_a_verb_that_does_not_fit_is_a_page_that_says_so(
        self, lab: Lab, browser: TestClient
    ) -> None:
        sweep_id = lab.register()
        token = form_token(page_of(browser, sweep_id))

        answer = browser.post(f"/lab/imdb/sweeps/{sweep_id}/resume", data={"form_token": token})

        assert answer.status_code == 409
        assert "it cannot resume; it can pause, stop, cancel" in answer.text
        assert lab.sweep(sweep_id).state == "registered"

    def test_an_unknown_verb_is_not_found(self, lab: Lab, browser: TestClient) -> None:
        assert press(browser, lab.register(), "explode") == 404

    @pytest.mark.parametrize("token", ["", "made-up"])
    def test_a_form_without_its_token_does_nothing(
        self, lab: Lab, browser: TestClient, token: str
    ) -> None:
        sweep_id = lab.register()
        page_of(browser, sweep_id)

        answer = browser.post(f"/lab/imdb/sweeps/{sweep_id}/pause", data={"form_token": token})

        assert answer.status_code == 403
        assert lab.sweep(sweep_id).state == "registered"

    def test_a_token_of_another_browser_does_nothing(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = lab.register()
        token = form_token(page_of(browser, sweep_id))
        browser.cookies.clear()

        answer = browser.post(f"/lab/imdb/sweeps/{sweep_id}/pause", data={"form_token": token})

        assert answer.status_code == 403
        assert lab.sweep(sweep_id).state == "registered"
