"""What a project's own runs can tell, on its page: asked for by a form, and not before."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from paribus_service.orchestration import answers
from tests.factories import Lab
from tests.service.api.studies import loose_run
from tests.service.dashboard.site import text_of

NOISE = (0.004, -0.006, 0.001, 0.005, -0.002, 0.003, -0.005, 0.002)


def page_of(browser: TestClient, query: str = "") -> str:
    answer = browser.get(f"/lab/imdb{query}")
    assert answer.status_code == 200, answer.text
    return answer.text


def two_by_two(lab: Lab) -> None:
    """Batch 64 adds 0.1, ratio nothing; two seeds each, and one run that failed."""
    for at, wobble in enumerate(NOISE):
        batch, ratio, seed = (8, 64)[at % 2], ("1:1", "4:1")[at // 2 % 2], at // 4
        value = 0.5 + 0.1 * (batch == 64) + wobble
        loose_run(lab, f"r{at}", {"batch": batch, "ratio": ratio, "seed": seed}, {"loss": value})
    loose_run(lab, "broken", {"batch": 8, "ratio": "1:1", "seed": 2}, None)


def changed_together(lab: Lab) -> None:
    for at, (batch, ratio) in enumerate([(8, "1:1"), (64, "4:1")]):
        loose_run(lab, f"r{at}", {"batch": batch, "ratio": ratio}, {"loss": 0.5})


class TestUnasked:
    def test_nothing_is_worked_out(
        self, lab: Lab, browser: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            raise AssertionError("an answer was worked out that nobody asked for")

        two_by_two(lab)
        monkeypatch.setattr(answers, "answer", refuse)

        page = page_of(browser)

        assert "Nothing has been asked yet" in page
        assert "Ask these runs" in page

    def test_keys_of_its_runs_are_offered(self, lab: Lab, browser: TestClient) -> None:
        two_by_two(lab)

        assert '<option value="loss">' in page_of(browser)


class TestWithoutAResponse:
    def test_what_cannot_be_told_apart_is_said_with_the_run_that_would(
        self, lab: Lab, browser: TestClient
    ) -> None:
        changed_together(lab)

        page = text_of(page_of(browser, "?ask=1"))

        assert "batch ⇄ confounded batch and ratio always changed together" in page
        assert "One more run separates batch and ratio" in page

    def test_what_can_be_told_asks_for_a_response(self, lab: Lab, browser: TestClient) -> None:
        two_by_two(lab)

        page = text_of(page_of(browser, "?ask=1"))

        assert "8 finished runs, 1 run that did not finish." in page
        assert "batch can be told apart: name a response to ask what it did." in page

    def test_links_to_the_same_as_json(self, lab: Lab, browser: TestClient) -> None:
        two_by_two(lab)
        path = "/api/v1/projects/lab/imdb/confounding?factors=batch"

        page = page_of(browser, "?ask=1&factors=batch")

        assert f'href="{path}"' in page
        assert browser.get(path).status_code == 200

    def test_without_runs_it_says_what_a_factor_is(self, lab: Lab, browser: TestClient) -> None:
        lab.register()

        assert "No factor varies in these runs" in page_of(browser, "?ask=1")


class TestWithAResponse:
    def test_verdicts_stand_with_their_evidence(self, lab: Lab, browser: TestClient) -> None:
        two_by_two(lab)

        page = page_of(browser, "?response=loss&goal=minimize")

        assert "batch : yes, it made a difference. 64 against 8" in text_of(page)
        assert "8 runs with a value, 1 run without" in text_of(page)
        assert page.count('href="/lab/imdb/runs/') >= 16  # four pairs of two, for each factor

    def test_runs_are_proposed_and_nothing_is_queued(self, lab: Lab, browser: TestClient) -> None:
        changed_together(lab)

        page = page_of(browser, "?response=loss&goal=minimize")

        assert "The smallest set: 1 run" in text_of(page)
        assert "<button" in page
        assert "Queue" not in page

    def test_the_factors_that_were_named_are_asked_about(
        self, lab: Lab, browser: TestClient
    ) -> None:
        two_by_two(lab)

        page = page_of(browser, "?response=loss&goal=minimize&factors=ratio")

        assert 'id="factor-1">ratio' in page
        assert 'id="factor-2"' not in page

    @pytest.mark.parametrize(
        ("query", "hint"),
        [
            ("?response=los", "Did you mean &#39;loss&#39;?"),
            ("?response=loss&factors=batc", "Did you mean &#39;batch&#39;?"),
        ],
    )
    def test_a_name_that_is_not_there_has_the_nearest_one(
        self, lab: Lab, browser: TestClient, query: str, hint: str
    ) -> None:
        two_by_two(lab)

        page = page_of(browser, query)

        assert "No answer yet" in page
        assert hint in page

    def test_what_was_asked_stays_in_the_form_and_in_the_links(
        self, lab: Lab, browser: TestClient
    ) -> None:
        two_by_two(lab)

        page = page_of(browser, "?response=loss&goal=maximize&factors=batch")

        assert 'name="response" value="loss"' in page
        assert '<option value="maximize" selected>' in page
        link = "/api/v1/projects/lab/imdb/report?response=loss&amp;goal=maximize"
        assert f"{link}&amp;factors=batch&amp;format=json" in page

    def test_hostile_words_are_text(self, lab: Lab, browser: TestClient) -> None:
        two_by_two(lab)

        page = page_of(
            browser, "?response=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&factors=%3Cb%3E"
        )

        assert "<script>alert" not in page
        assert "<b>" not in page
