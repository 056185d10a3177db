"""The design on a sweep's page: shaded by level, outlined where columns are confounded."""

import re

from fastapi.testclient import TestClient

from paribus_service.dashboard import design_views
from tests.factories import Lab
from tests.service.dashboard.site import factorial_config, text_of
from tests.service.dashboard.test_decide import NOISE, page_of, story


def matrix_of(browser: TestClient, sweep_id: str) -> str:
    page = page_of(browser, sweep_id)
    return page.partition('id="design-body"')[2].partition("</section>")[0]


class TestRows:
    def test_a_row_is_a_setting_with_the_states_of_its_trials(
        self, lab: Lab, browser: TestClient
    ) -> None:
        """Two by two, two seeds each: four rows. The first seed of the first setting has run."""
        sweep_id = lab.register(factorial_config())
        lab.run_trial(lab.agent(sweep_id), **{"holdout/loss": 0.5})

        rows = [text_of(row) for row in matrix_of(browser, sweep_id).split("<tr>")[2:]]

        assert rows[0].startswith("1 8 1:1 ✓ finished ○ queued")
        assert rows[3].startswith("4 64 4:1 ○ queued × 2")
        assert len(rows) == 4

    def test_a_level_has_its_shade_and_its_word(self, lab: Lab, browser: TestClient) -> None:
        """The baseline has the lightest shade, wherever it was declared."""
        config = factorial_config()
        config["design"]["factors"]["batch"] = {"baseline": 16, "levels": [8, 16, 32]}

        matrix = matrix_of(browser, lab.register(config))

        shades = set(re.findall(r'class="shade-(\d)">(8|16|32)<', matrix))
        assert shades == {("0", "16"), ("1", "8"), ("2", "32")}

    def test_a_long_design_is_cut_and_says_so(self, lab: Lab, browser: TestClient) -> None:
        config = factorial_config()
        config["design"]["factors"]["batch"] = {"levels": list(range(1, 31))}

        matrix = matrix_of(browser, lab.register(config))

        shown = design_views.SETTINGS_SHOWN
        assert matrix.count("<tr>") == 1 + shown
        assert f"The first {shown} settings of 60; the table of trials has them all." in matrix

    def test_a_search_has_none(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = lab.register(
            method="random", run_cap=3, parameters={"lr": {"min": 0.1, "max": 0.2}}
        )
        lab.run_trial(lab.agent(sweep_id), loss=0.5)

        assert "Nobody laid out the settings of a search" in matrix_of(browser, sweep_id)


class TestOutlines:
    def test_columns_that_cannot_be_told_apart_are_outlined_and_lettered(
        self, lab: Lab, browser: TestClient
    ) -> None:
        matrix = matrix_of(browser, story(lab))

        assert matrix.count('<th scope="col" class="aliased">') == 2
        assert text_of(matrix).count("⇄ confounded: A") == 2
        assert "A : batch and ratio always changed together" in text_of(matrix)

    def test_a_design_that_tells_everything_has_none(self, lab: Lab, browser: TestClient) -> None:
        sweep_id = lab.register(factorial_config())
        for wobble in NOISE:
            lab.run_trial(lab.agent(sweep_id), **{"holdout/loss": 0.5 + wobble})

        assert "aliased" not in matrix_of(browser, sweep_id)

    def test_a_gpu_that_goes_along_is_a_column(self, lab: Lab, browser: TestClient) -> None:
        """All runs of ratio 4:1 are on another kind of GPU than those of 1:1."""
        sweep_id = lab.register(factorial_config())
        agent = lab.agent(sweep_id)
        for wobble in NOISE:
            run_id = lab.claim(agent)
            ratio = lab.trial_of(run_id).setting["ratio"]
            lab.start(run_id, gpu="A100" if ratio == "4:1" else "T4")
            lab.finish(run_id, **{"holdout/loss": 0.5 + wobble})

        matrix = text_of(matrix_of(browser, sweep_id))

        assert "gpu_name where it ran ⇄ confounded: A" in matrix
        assert "2 8 4:1 A100 ✓ finished × 2" in matrix
        assert "batch ratio" in matrix  # the column of batch has no letter
