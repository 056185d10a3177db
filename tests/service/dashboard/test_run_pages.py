import json
from typing import Any

import anyio
import pytest
from fastapi.testclient import TestClient

from paribus_service.dashboard import paging
from paribus_service.orchestration.recorder import Chunk, StreamReport
from paribus_service.store import files as file_store
from tests.factories import Lab, grid_config
from tests.service.dashboard.site import history_lines, text_of

HOSTILE = "<img src=x onerror=alert(1)>"


def started(lab: Lab, **more: Any) -> str:
    """A run of a fresh sweep that has started; W&B's id."""
    run_id = lab.claim(lab.agent(lab.register(grid_config(**more))))
    lab.start(run_id, gpu="Tesla T4")
    return run_id


def page_of(browser: TestClient, run_id: str) -> str:
    answer = browser.get(f"/lab/imdb/runs/{run_id}")
    assert answer.status_code == 200, answer.text
    return answer.text


class TestRunPage:
    def test_a_run_that_only_started_says_what_is_missing(
        self, lab: Lab, browser: TestClient
    ) -> None:
        page = page_of(browser, started(lab))

        assert "No curve yet" in page
        assert "No console output yet." in page
        assert "No file yet." in page
        assert "data-polls" in page

    def test_a_finished_run_shows_state_config_and_summary(
        self, lab: Lab, browser: TestClient
    ) -> None:
        run_id = started(lab)
        lab.clock.advance(125)
        lab.finish(run_id, loss=0.25, inner={"a": 1})

        page = text_of(page_of(browser, run_id))

        assert "after 2 min 5 s, exit code 0" in page
        assert "loss 0.25" in page
        assert "batch 8" in page
        assert "Tesla T4" in page
        assert "No curve yet" in page

    def test_train_and_eval_are_drawn_in_one_panel(self, lab: Lab, browser: TestClient) -> None:
        run_id = started(lab)
        lab.log(run_id, *history_lines(50, once=7.0))

        page = page_of(browser, run_id)

        assert page.count("<figure>") == 1
        assert 'class="series series-0" d="M' in page
        assert 'class="series series-1" d="M' in page
        assert "train/loss: 50 points, from 1 at 0 to 0.02 at 49" in page
        assert "once 7 train/global_step 0" in text_of(page)

    def test_a_thinned_curve_says_so(self, lab: Lab, browser: TestClient) -> None:
        run_id = started(lab)
        lab.log(run_id, *history_lines(1_000))

        assert "of 1,000 points are drawn, the lowest, highest and last of each" in page_of(
            browser, run_id
        )

    def test_values_that_cannot_be_drawn_are_counted(self, lab: Lab, browser: TestClient) -> None:
        run_id = started(lab)
        lab.log(run_id, '{"_step": 0, "loss": NaN}', '{"_step": 1, "loss": 1.0}')

        assert "loss: 1 value is NaN or infinite" in text_of(page_of(browser, run_id))

    def test_the_end_of_the_log_is_shown(self, lab: Lab, browser: TestClient) -> None:
        run_id = started(lab)
        lines = [json.dumps({"ts": "x", "content": f"line {i}!"}) for i in range(250)]
        lab.report(run_id, StreamReport(output=Chunk(0, lines)))

        page = page_of(browser, run_id)

        assert "The last 200 of 250 lines." in page
        assert "line 249!" in page
        assert "line 49!" not in page

    def test_attempts_at_one_trial_are_linked(self, lab: Lab, browser: TestClient) -> None:
        agent = lab.agent(lab.register(grid_config(retry={"failed": 1})))
        first = lab.claim(agent)
        lab.start(first)
        lab.finish(first, exit_code=1)
        second = lab.claim(agent)
        lab.start(second)

        older, newer = page_of(browser, first), page_of(browser, second)

        assert "Another attempt at the same trial counts" in older
        assert f'href="/lab/imdb/runs/{second}"' in older
        assert f'href="/lab/imdb/runs/{first}"' in newer
        assert "attempt 2 of 2" in text_of(newer)

    def test_whatever_a_program_wrote_is_escaped(self, lab: Lab, browser: TestClient) -> None:
        run_id = started(lab)
        rows = [json.dumps({"_step": i, HOSTILE: i}) for i in range(2)]
        lab.log(run_id, *rows)
        lab.report(run_id, StreamReport(output=Chunk(0, [json.dumps({"content": HOSTILE})])))
        lab.finish(run_id, **{HOSTILE: HOSTILE})

        page = page_of(browser, run_id)

        assert "<img" not in page
        assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 4

    def test_a_broken_history_line_breaks_no_page(self, lab: Lab, browser: TestClient) -> None:
        run_id = started(lab)
        lab.log(run_id, "{torn", "[1]", '{"_step": 2, "loss": 1}', '{"_step": "x", "loss": 2}')

        assert "2 points" in page_of(browser, run_id)

    def test_nothing_changed_is_told_without_the_page(self, lab: Lab, browser: TestClient) -> None:
        run_id = started(lab)
        page_of(browser, run_id)
        etag = browser.get(f"/lab/imdb/runs/{run_id}").headers["ETag"]

        same = browser.get(f"/lab/imdb/runs/{run_id}", headers={"If-None-Match": etag})
        lab.clock.advance(1)
        lab.log(run_id, '{"_step": 0, "loss": 1}')
        changed = browser.get(f"/lab/imdb/runs/{run_id}", headers={"If-None-Match": etag})

        assert (same.status_code, changed.status_code) == (304, 200)


class TestAddressesOfTheClient:
    @pytest.mark.parametrize(
        "part", ["overview", "workspace", "logs", "files", "files/", "system"]
    )
    def test_parts_of_a_run_lead_to_its_page(
        self, lab: Lab, browser: TestClient, part: str
    ) -> None:
        run_id = started(lab)

        answer = browser.get(f"/lab/imdb/runs/{run_id}/{part}", follow_redirects=False)

        assert answer.status_code == 303
        assert answer.headers["location"].startswith(f"/lab/imdb/runs/{run_id}")

    def test_a_query_of_the_client_changes_nothing(self, lab: Lab, browser: TestClient) -> None:
        run_id = started(lab)

        assert browser.get(f"/lab/imdb/runs/{run_id}?nw=nwuserada").status_code == 200

    @pytest.mark.parametrize("part", ["workspace", "overview", "table", "runs", "sweeps"])
    def test_parts_of_a_project_lead_to_its_page(
        self, lab: Lab, browser: TestClient, part: str
    ) -> None:
        started(lab)

        answer = browser.get(f"/lab/imdb/{part}", follow_redirects=False)

        assert answer.headers["location"].startswith("/lab/imdb")

    def test_pages_of_artifacts_are_refused_by_name(self, lab: Lab, browser: TestClient) -> None:
        started(lab)

        answer = browser.get("/lab/imdb/artifacts/model/bert/v0")

        assert answer.status_code == 422
        assert "page of artifacts is not offered yet" in answer.text


class TestFiles:
    def store(self, lab: Lab, browser: TestClient, run_id: str, name: str) -> None:
        async def chunks() -> Any:
            yield b"<script>alert(1)</script>"

        store = browser.app.state.services.files  # type: ignore[attr-defined]

        async def write() -> Any:
            return await store.write(chunks(), limit_bytes=1000)

        blob = anyio.run(write)
        with lab.writing() as session:
            run = session.merge(lab.run(run_id))
            row = file_store.announce_file(session, run, name, now=lab.clock.now())
            row.blob, row.size_bytes, row.md5 = blob.name, blob.size_bytes, blob.md5

    def test_a_file_is_saved_and_never_shown(self, lab: Lab, browser: TestClient) -> None:
        run_id = started(lab)
        self.store(lab, browser, run_id, "media/a page.html")

        assert f'href="/lab/imdb/runs/{run_id}/files/media/a%20page.html"' in page_of(
            browser, run_id
        )
        answer = browser.get(f"/lab/imdb/runs/{run_id}/files/media/a%20page.html")

        assert answer.content == b"<script>alert(1)</script>"
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["content-security-policy"]

    def test_a_file_that_is_not_there_is_not_found(self, lab: Lab, browser: TestClient) -> None:
        run_id = started(lab)

        assert browser.get(f"/lab/imdb/runs/{run_id}/files/none.txt").status_code == 404
        answer = browser.get(f"/lab/imdb/runs/{run_id}/files/../../../../etc/passwd")
        assert answer.status_code == 404


class TestProjectPage:
    def test_runs_and_sweeps_are_listed(self, lab: Lab, browser: TestClient) -> None:
        run_id = started(lab, name="the sweep")

        page = browser.get("/lab/imdb").text

        assert "1 sweep, 1 run." in page
        assert "the sweep" in page
        assert f'href="/lab/imdb/runs/{run_id}"' in page

    def test_runs_go_on_on_the_next_page(self, lab: Lab, browser: TestClient) -> None:
        for number in range(paging.RUNS_A_PAGE + 1):
            lab.start(f"alone{number:03}")

        first = browser.get("/lab/imdb").text
        (older,) = [part.split('"')[0] for part in first.split('href="')[1:] if "before=" in part]
        second = browser.get("/lab/imdb" + older.replace("&amp;", "&")).text

        assert "alone000" not in first
        assert "alone000" in second
        assert "alone001" not in second

    def test_a_name_with_a_space_is_linked(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = lab.register(grid_config(project="my project"))

        page = browser.get("/").text

        assert f'href="/lab/my%20project/sweeps/{sweep_id}"' in page
        assert browser.get(f"/lab/my%20project/sweeps/{sweep_id}").status_code == 200
        assert browser.get("/lab/my%20project").status_code == 200
