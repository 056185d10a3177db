"""What pages say of speeds: of a run that was cut off, and by GPU over a sweep's attempts."""

import pytest
from fastapi.testclient import TestClient

from paribus_service.dashboard import throughput_views
from tests.factories import Lab
from tests.service.dashboard.site import factorial_config, text_of
from tests.service.dashboard.test_findings_on_pages import page, section
from tests.service.dashboard.trained import A100, T4, TrainedSweep, trained


@pytest.fixture
def sweep(lab: Lab) -> TrainedSweep:
    """Two trials on an A100, and an attempt on a T4 that was cut off."""
    return trained(lab, trials=2, steps=300)


class TestRun:
    def test_a_run_that_was_cut_off_has_rates_and_what_was_left_out(
        self, browser: TestClient, lab: Lab, sweep: TrainedSweep
    ) -> None:
        """Four steps a second on the T4, eight examples a step; looks take 5 s each."""
        text = text_of(section(page(browser, f"runs/{sweep.cut_off}"), "throughput"))

        assert "steps per second , 3" in text  # examples: 8 x about 4
        assert "1 first interval (warm-up), 0 suspensions" in text
        assert "5 s a look" in text
        assert "of the run&#39;s time" in text

    def test_a_run_without_history_has_no_rate(self, browser: TestClient, lab: Lab) -> None:
        run_id = lab.claim(lab.agent(lab.register(factorial_config())))
        lab.start(run_id)

        text = text_of(section(page(browser, f"runs/{run_id}"), "throughput"))

        assert "No rate: this run has logged nothing." in text

    def test_a_run_without_a_clock_says_why_there_is_no_rate(
        self, browser: TestClient, lab: Lab
    ) -> None:
        run_id = lab.claim(lab.agent(lab.register(factorial_config())))
        lab.start(run_id)
        lab.log(run_id, '{"_step": 1, "loss": 1}', '{"_step": 2, "loss": 1}')

        text = text_of(section(page(browser, f"runs/{run_id}"), "throughput"))

        assert "No rate: no row holds _runtime" in text


class TestSweep:
    def test_gpus_stand_with_n_and_the_ratio_of_one_pair_has_no_interval(
        self, browser: TestClient, lab: Lab, sweep: TrainedSweep
    ) -> None:
        html = section(page(browser, f"sweeps/{sweep.id}"), "throughput")
        text = text_of(html)

        assert "n = 3 runs with a rate, every attempt counted" in text
        assert A100 in text
        assert T4 in text
        assert "(n = 1, no interval: one pair says nothing of how pairs differ)" in text
        assert f'href="/lab/imdb/runs/{sweep.cut_off}"' in html
        assert f'href="/lab/imdb/runs/{sweep.runs[0]}"' in html

    def test_many_rows_are_read_only_when_asked(
        self,
        browser: TestClient,
        lab: Lab,
        sweep: TrainedSweep,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(throughput_views, "LINES_READ_UNASKED", 10)

        unasked = section(page(browser, f"sweeps/{sweep.id}"), "throughput")
        asked = section(page(browser, f"sweeps/{sweep.id}?read=1"), "throughput")

        assert "are read only when asked" in text_of(unasked)
        assert 'href="?read=1#throughput"' in unasked
        assert A100 in asked

    def test_a_sweep_without_a_run_says_so(self, browser: TestClient, lab: Lab) -> None:
        sweep_id = lab.register(factorial_config())

        text = text_of(section(page(browser, f"sweeps/{sweep_id}"), "throughput"))

        assert "No run has logged anything yet." in text

    def test_pairs_beyond_the_first_are_not_named(
        self,
        browser: TestClient,
        lab: Lab,
        sweep: TrainedSweep,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(throughput_views, "PAIRS_SHOWN", 0)

        html = section(page(browser, f"sweeps/{sweep.id}"), "throughput")

        assert "times as fast as Tesla T4" in html
        assert "/runs/" not in html
