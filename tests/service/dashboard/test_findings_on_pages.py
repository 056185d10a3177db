"""What pages say of findings: of a run, of a sweep, of a project's runs; and what is to come."""

import json
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from paribus_service.dashboard import finding_views
from paribus_service.dependencies import Services
from tests.factories import Lab
from tests.service.api.studies import loose_run
from tests.service.dashboard.site import factorial_config, text_of
from tests.service.dashboard.trained import TrainedSweep, trained

NORM = "train/grad_norm"
FALL = [1.0, 0.8, 0.7, 0.62, 0.55, 0.5, 0.46, 0.43, 0.41, 0.4]


def services_of(browser: TestClient) -> Services:
    found: Services = browser.app.state.services  # type: ignore[attr-defined]
    return found


def look(browser: TestClient, lab: Lab) -> None:
    lab.clock.advance(5)
    services_of(browser).observer.look()


def page(browser: TestClient, path: str) -> str:
    answer = browser.get(f"/lab/imdb/{path}")
    assert answer.status_code == 200, answer.text
    return answer.text


def section(html: str, name: str) -> str:
    """One section of a page, as HTML."""
    found = re.search(rf'<section aria-labelledby="{name}">.*?</section>', html, re.DOTALL)
    assert found is not None, f"no section {name}"
    return found[0]


def running(lab: Lab, values: list[float], **config: Any) -> str:
    """A run under way that looked at these losses, with a NaN gradient norm; W&B's id."""
    run_id = lab.claim(lab.agent(lab.register(factorial_config(**config))))
    lab.start(run_id)
    rows = [
        {"_step": i, "train/global_step": 10 * i, "eval/loss": value}
        for i, value in enumerate(values, start=1)
    ]
    rows[2]["train/grad_norm"] = "NaN"
    lab.log(run_id, *map(json.dumps, rows))
    return run_id


class TestRun:
    def test_what_was_found_stands_first_with_sentence_steps_and_next_step(
        self, browser: TestClient, lab: Lab
    ) -> None:
        run_id = running(lab, FALL)

        html = section(page(browser, f"runs/{run_id}"), "findings")
        text = text_of(html)

        assert "found non finite: gradient" in text
        assert "train/grad_norm" in text
        assert text.index("found non finite") < text.index("Not found (")
        assert "Next:" in text
        assert 'id="finding-non_finite"' in html

    def test_numbers_meaning_and_section_are_in_a_fold(
        self, browser: TestClient, lab: Lab
    ) -> None:
        run_id = running(lab, FALL)

        html = section(page(browser, f"runs/{run_id}"), "findings")
        fold = html[html.index('id="finding-non_finite-more"') :]

        assert "Which logged numbers are NaN or infinite" in fold
        assert "Reference of findings" in fold
        assert ".." not in text_of(fold[: fold.index("</article>")]).replace("...", "")

    def test_rules_that_cannot_tell_say_why(self, browser: TestClient, lab: Lab) -> None:
        run_id = running(lab, FALL)

        text = text_of(section(page(browser, f"runs/{run_id}"), "findings"))

        assert "Cannot tell, and why (" in text
        assert "no logged key is known as learning_rate" in text

    def test_a_run_that_has_logged_nothing_says_when_rules_look(
        self, browser: TestClient, lab: Lab
    ) -> None:
        run_id = lab.claim(lab.agent(lab.register(factorial_config())))
        lab.start(run_id)

        text = text_of(section(page(browser, f"runs/{run_id}"), "findings"))

        assert "Nothing to look at yet" in text
        assert "every few seconds" in text

    def test_a_run_under_way_shows_the_last_look_and_is_not_read_anew(
        self, browser: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = running(lab, FALL)
        look(browser, lab)
        lab.log(run_id, '{"_step": 99, "eval/loss": "NaN"}', offset=10)
        monkeypatch.delattr(finding_views.Asking, "of_run")

        text = text_of(section(page(browser, f"runs/{run_id}"), "findings"))

        assert "The rules last looked at 2026-11-23 12:00:05 UTC" in text
        assert "non finite: gradient" in text

    def test_another_look_makes_another_page(self, browser: TestClient, lab: Lab) -> None:
        run_id = running(lab, FALL)
        first = browser.get(f"/lab/imdb/runs/{run_id}")

        look(browser, lab)
        again = browser.get(
            f"/lab/imdb/runs/{run_id}", headers={"If-None-Match": first.headers["etag"]}
        )

        assert again.status_code == 200

    def test_a_long_history_waits_for_the_observer(
        self, browser: TestClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = running(lab, FALL)
        lab.finish(run_id)
        monkeypatch.setattr(finding_views, "LINES_READ_UNASKED", 9)

        before = section(page(browser, f"runs/{run_id}"), "findings")
        look(browser, lab)
        after = section(page(browser, f"runs/{run_id}"), "findings")

        assert "The rules have yet to look at this run" in before
        assert "data-polls" in before
        assert "found non finite" in text_of(after)
        assert "data-polls" not in after

    def test_findings_are_marked_on_the_curves_they_are_about(
        self, browser: TestClient, lab: Lab
    ) -> None:
        run_id = trained(lab, trials=1).runs[0]

        html = section(page(browser, f"runs/{run_id}"), "curves")

        losses, norms = (html[html.index(f"<h3>{title}</h3>") :] for title in ("loss", NORM))
        assert "overfitting: eval/loss is lowest at step" in losses[: losses.index("</figure>")]
        assert "#finding-overfitting" not in norms[: norms.index("</figure>")]
        assert 'href="#finding-clipping_active"' in norms[: norms.index("</figure>")]

    def test_hostile_values_are_escaped(self, browser: TestClient, lab: Lab) -> None:
        run_id = lab.claim(lab.agent(lab.register(factorial_config())))
        lab.start(run_id)
        row = {"_step": 1, "<script>": "NaN", "train/global_step": 1}
        lab.log(run_id, json.dumps(row), json.dumps({**row, "_step": 2, "<script>": 1.0}))

        html = page(browser, f"runs/{run_id}")

        assert "<script>:" not in html
        assert "&lt;script&gt;" in section(html, "findings")


class TestSweep:
    @pytest.fixture
    def sweep(self, lab: Lab) -> TrainedSweep:
        return trained(lab, steps=300, trials=4)

    def test_rules_are_counted_over_runs_and_link_to_them(
        self, browser: TestClient, lab: Lab, sweep: TrainedSweep
    ) -> None:
        """Each run logs gradient norms above the clipping norm of 1."""
        look(browser, lab)

        html = section(page(browser, f"sweeps/{sweep.id}"), "findings")

        assert "clipping active" in html
        assert "4 of 4" in html
        assert f"/lab/imdb/runs/{sweep.runs[0]}#finding-clipping_active" in html
        assert "Rules that found nothing" in html

    def test_runs_beside_one_another_stand_first(
        self, browser: TestClient, lab: Lab, sweep: TrainedSweep
    ) -> None:
        look(browser, lab)

        text = text_of(section(page(browser, f"sweeps/{sweep.id}"), "findings"))

        assert text.index("Runs beside one another") < text.index("Runs by themselves")
        assert "looked too coarsely" in text

    def test_what_rules_have_yet_to_look_at_is_said_and_asked_for(
        self, browser: TestClient, lab: Lab, sweep: TrainedSweep
    ) -> None:
        before = section(page(browser, f"sweeps/{sweep.id}"), "findings")
        lab.wait(200_000, look=False)  # long ended: only who is asked about is looked at
        look(browser, lab)
        after = section(page(browser, f"sweeps/{sweep.id}"), "findings")

        assert "The rules have looked at 0 of 4 runs" in text_of(before)
        assert "data-polls" in before
        assert "No rule has looked at them yet" in text_of(before)
        assert "The rules have looked at" not in text_of(after)

    def test_many_rows_are_compared_only_when_asked(
        self,
        browser: TestClient,
        lab: Lab,
        sweep: TrainedSweep,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(finding_views, "LINES_READ_UNASKED", 10)
        look(browser, lab)

        unasked = section(page(browser, f"sweeps/{sweep.id}"), "findings")
        asked = section(page(browser, f"sweeps/{sweep.id}?read=1"), "findings")

        assert "compared with one another only when asked" in text_of(unasked)
        assert 'href="?read=1#findings"' in unasked
        assert "Runs beside one another" in asked

    def test_a_sweep_without_a_run_says_so(self, browser: TestClient, lab: Lab) -> None:
        sweep_id = lab.register(factorial_config())

        text = text_of(section(page(browser, f"sweeps/{sweep_id}"), "findings"))

        assert "Nothing to look at yet" in text

    def test_findings_do_not_push_out_the_other_events(
        self, browser: TestClient, lab: Lab, sweep: TrainedSweep
    ) -> None:
        look(browser, lab)

        text = text_of(section(page(browser, f"sweeps/{sweep.id}"), "events"))

        assert "run.finished" in text
        assert "finding.created" not in text

    def test_only_the_first_runs_are_named(
        self,
        browser: TestClient,
        lab: Lab,
        sweep: TrainedSweep,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(finding_views, "RUNS_NAMED", 1)
        look(browser, lab)

        text = text_of(section(page(browser, f"sweeps/{sweep.id}"), "findings"))

        assert "and 3 more runs; REST has them all" in text


class TestProject:
    def test_only_who_asks_is_told(self, browser: TestClient, lab: Lab) -> None:
        loose_run(lab, "a", {"lr": 0.1}, {"loss": 1})
        lab.log("a", *(json.dumps({"_step": i, "eval/loss": 1 / (i + 1)}) for i in range(9)))
        look(browser, lab)

        unasked = browser.get("/lab/imdb").text
        asked = browser.get("/lab/imdb?ask=1").text

        assert 'id="findings"' not in unasked
        assert "Runs by themselves" in section(asked, "findings")
