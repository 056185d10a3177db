"""The chart of a page of curves, in a real browser: drawn, zoomed, saved, and read without it."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import Chromium
from tests.browser.test_pages import CONTRASTS_BELOW_AA, OVERFLOWS
from tests.factories import Lab
from tests.service.dashboard.trained import TrainedSweep, trained

DRAWN = "document.getElementById('chart-frame').dataset.drawn"
TRACES = "document.querySelectorAll('#chart .scatterlayer .trace').length"
X_OF_FIRST = "document.getElementById('chart').data[0].x"
BANDS = "?group=all_but_seed"
STATE = "document.getElementById('chart-state').innerText"


@pytest.fixture
def sweep(lab: Lab) -> TrainedSweep:
    return trained(lab, trials=4, steps=300)


def open_curves(chromium: Chromium, address: str, sweep: TrainedSweep, query: str = "") -> None:
    """Go to the curves of a sweep and wait for the chart."""
    chromium.open(f"{address}/lab/imdb/sweeps/{sweep.id}/curves{query}")
    chromium.wait_for(f"{DRAWN} === '1'")


def drawn_again(chromium: Chromium, before: int) -> None:
    chromium.wait_for(f"Number({DRAWN}) > {before}")


def asked(chromium: Chromium) -> dict[str, Any]:
    """What stands in the address."""
    found: dict[str, Any] = chromium.value(
        "Object.fromEntries(new URLSearchParams(location.search))"
    )
    return found


class TestChart:
    def test_each_run_is_drawn_and_nothing_comes_from_elsewhere(
        self, chromium: Chromium, address: str, sweep: TrainedSweep
    ) -> None:
        open_curves(chromium, address, sweep)

        loaded = chromium.value("performance.getEntriesByType('resource').map(e => e.name)")
        assert chromium.value(TRACES) == 4
        assert all(name.startswith(address) for name in loaded)
        assert any("/static/plotly.min.js?v=" in name for name in loaded)
        assert chromium.complaints == []

    def test_other_pages_do_not_load_plotly(
        self, chromium: Chromium, address: str, sweep: TrainedSweep
    ) -> None:
        chromium.open(f"{address}/lab/imdb/sweeps/{sweep.id}")

        assert chromium.value("typeof Plotly") == "undefined"

    def test_what_is_dragged_over_is_asked_for_again_and_stands_in_the_address(
        self, chromium: Chromium, address: str, sweep: TrainedSweep
    ) -> None:
        """From a quarter to three quarters of the plot: half of the points or fewer."""
        open_curves(chromium, address, sweep, "?keys=train/loss&points=12")
        before = chromium.value(X_OF_FIRST)

        drag(chromium, 0.25, 0.75)
        drawn_again(chromium, 1)

        part, looked_at = asked(chromium), chromium.value(X_OF_FIRST)
        assert 50 < float(part["from"]) < float(part["to"]) < 280
        assert all(float(part["from"]) <= x <= float(part["to"]) for x in looked_at)
        assert set(looked_at) - set(before)  # finer points than there were
        assert chromium.value("document.querySelector('[name=from]').value") == part["from"]
        assert chromium.complaints == []

    def test_a_link_to_a_part_shows_that_part(
        self, chromium: Chromium, address: str, sweep: TrainedSweep
    ) -> None:
        open_curves(chromium, address, sweep, "?from=100&to=200")

        low, high = chromium.value("document.getElementById('chart').layout.xaxis.range")

        assert (low, high) == (100, 200)
        assert chromium.value(X_OF_FIRST) == [100, 120, 140, 160, 180, 200]

    def test_the_chart_is_zoomed_and_widened_by_keyboard(
        self, chromium: Chromium, address: str, sweep: TrainedSweep
    ) -> None:
        open_curves(chromium, address, sweep, "?from=100&to=200")

        tab_to(chromium, "[data-zoom=in]")
        chromium.press("Enter")
        drawn_again(chromium, 1)
        zoomed = asked(chromium)
        chromium.wait_for(
            "document.getElementById('numbers-body').innerText.includes('steps 160')"
        )
        tab_to(chromium, "[data-zoom=all]")
        chromium.press("Enter")
        drawn_again(chromium, 2)

        assert zoomed == {"from": "125", "to": "175"}
        assert asked(chromium) == {}
        assert len(chromium.value(X_OF_FIRST)) == 15
        assert chromium.complaints == []

    def test_a_logarithmic_axis_is_zoomed_in_its_own_numbers(
        self, chromium: Chromium, address: str, sweep: TrainedSweep
    ) -> None:
        """From 1 to 10,000: the middle half reaches from 10 to 1,000."""
        open_curves(chromium, address, sweep, "?log_x=1&from=1&to=10000")

        chromium.value("document.querySelector('[data-zoom=in]').click()")
        drawn_again(chromium, 1)

        assert asked(chromium) == {"log_x": "1", "from": "10", "to": "1000"}

    def test_keys_are_chosen_by_keyboard(
        self, chromium: Chromium, address: str, sweep: TrainedSweep
    ) -> None:
        open_curves(chromium, address, sweep)

        tab_to(chromium, "input[value='train/loss']")
        chromium.press(" ")
        tab_to(chromium, "#curve-form button")
        chromium.press("Enter")

        chromium.wait_for("location.search.includes('train%2Floss')")
        chromium.wait_for(f"document.getElementById('chart-frame') && {DRAWN} === '1'")
        assert chromium.value(TRACES) == 8

    def test_the_theme_of_the_reader_is_followed(
        self, chromium: Chromium, address: str, sweep: TrainedSweep
    ) -> None:
        ground = "document.getElementById('chart').layout.paper_bgcolor"
        open_curves(chromium, address, sweep)
        light = chromium.value(ground)

        chromium.show_as(width=1280, dark=True)
        drawn_again(chromium, 1)

        assert (light, chromium.value(ground)) == ("#ffffff", "#11161d")

    @pytest.mark.parametrize("kind", ["png", "svg"])
    def test_the_chart_is_saved(
        self,
        chromium: Chromium,
        address: str,
        sweep: TrainedSweep,
        tmp_path: Path,
        kind: str,
    ) -> None:
        chromium.call(
            "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path / "saved")
        )
        open_curves(chromium, address, sweep)

        chromium.value(f"document.querySelector('[data-save={kind}]').click()")
        chromium.wait_for(f"{STATE} === ''")

        chromium.until(lambda: any((tmp_path / "saved").glob(f"*.{kind}")))
        [saved] = (tmp_path / "saved").glob(f"*.{kind}")
        assert saved.name == f"batch-or-ratio-curves.{kind}"
        assert saved.stat().st_size > 5_000
        assert chromium.complaints == []

    def test_what_the_service_refuses_is_said_with_a_button_to_try_again(
        self, chromium: Chromium, address: str, sweep: TrainedSweep
    ) -> None:
        open_curves(chromium, address, sweep)
        chromium.value("history.replaceState(null, '', '?keys=nope')")

        chromium.value("document.querySelector('[data-zoom=all]').click()")
        chromium.wait_for(f"{STATE}.includes('could not be drawn')")
        told = chromium.value(STATE)
        chromium.value("history.replaceState(null, '', location.pathname)")
        chromium.value("document.querySelector('#chart-state button').click()")

        assert "none of these runs has logged 'nope'" in told
        chromium.wait_for(f"{STATE} === ''")

    def test_without_javascript_the_table_stands_alone(
        self, chromium: Chromium, address: str, sweep: TrainedSweep
    ) -> None:
        chromium.call("Emulation.setScriptExecutionDisabled", value=True)
        try:
            chromium.call(
                "Page.navigate", url=f"{address}/lab/imdb/sweeps/{sweep.id}/curves?keys=eval/loss"
            )
            chromium.wait_for("document.body?.innerText.includes('The chart needs JavaScript')")

            assert chromium.value("document.querySelectorAll('#numbers-body tbody tr').length")
            assert chromium.value("document.querySelector('.chart-tools').offsetParent") is None
        finally:
            chromium.call("Emulation.setScriptExecutionDisabled", value=False)


class TestAppearance:
    @pytest.mark.parametrize("dark", [False, True])
    @pytest.mark.parametrize("width", [1280, 390])
    def test_a_drawn_chart_fits_and_can_be_read(
        self,
        chromium: Chromium,
        address: str,
        sweep: TrainedSweep,
        width: int,
        dark: bool,
    ) -> None:
        """Nothing wider than the window; 4.5 to 1 for every text, the chart's own included."""
        chromium.show_as(width=width, dark=dark)

        for query in ("", "?keys=train/loss&keys=eval/loss&smooth=ema&strength=0.9", BANDS):
            open_curves(chromium, address, sweep, query)

            assert chromium.value(OVERFLOWS) <= 0, query
            assert chromium.value(CONTRASTS_BELOW_AA) == [], query

    def test_a_turned_phone_draws_for_its_new_width(
        self, chromium: Chromium, address: str, sweep: TrainedSweep
    ) -> None:
        chromium.show_as(width=390)
        open_curves(chromium, address, sweep)

        chromium.show_as(width=844, height=390)
        drawn_again(chromium, 1)

        assert chromium.value("document.getElementById('chart').layout.meta.width") > 700


class TestFindings:
    def test_a_mark_says_what_was_found_and_leads_to_it(
        self, chromium: Chromium, lab: Lab, address: str
    ) -> None:
        run_id = trained(lab, trials=1).runs[0]
        chromium.open(f"{address}/lab/imdb/runs/{run_id}")

        title = chromium.value("document.querySelector('.finding-mark title').textContent")
        chromium.value("document.querySelector('.marks a').click()")

        assert title.startswith("overfitting: eval/loss is lowest at step")
        assert chromium.value("document.querySelector(':target h3').innerText").endswith(
            "overfitting"
        )
        assert chromium.complaints == []


def drag(chromium: Chromium, start: float, end: float) -> None:
    """Drag the pointer over a part of the plot's width, along its middle."""
    box = chromium.value(
        "(() => { const b = document.querySelector('#chart .nsewdrag').getBoundingClientRect();"
        " return [b.left, b.top + b.height / 2, b.width]; })()"
    )
    left, y, width = box
    places = [left + share * width for share in (start, (start + end) / 2, end)]
    kinds = ["mousePressed", "mouseMoved", "mouseMoved", "mouseReleased"]
    for kind, x in zip(kinds, [places[0], places[1], places[2], places[2]], strict=True):
        chromium.call(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1
        )


def tab_to(chromium: Chromium, selector: str) -> None:
    """Press Tab until an element has the focus, and shows it."""
    for _ in range(80):
        chromium.press("Tab")
        if chromium.value(f"document.activeElement.matches({selector!r})"):
            break
    assert chromium.value(f"document.activeElement.matches({selector + ':focus-visible'!r})")
