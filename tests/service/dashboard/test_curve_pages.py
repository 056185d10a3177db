"""Pages of curves: the form, what it draws, the same as a figure, and plotly.js beside them."""

import csv
import io
import json
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from fastapi.testclient import TestClient

from paribus_service.dashboard import curve_views
from paribus_service.dashboard.curve_form import CurveForm
from paribus_service.dashboard.static_files import plotly_version
from tests.factories import Lab
from tests.service.api.studies import loose_run
from tests.service.dashboard.site import factorial_config, text_of
from tests.service.dashboard.test_findings_on_pages import look
from tests.service.dashboard.trained import TrainedSweep, trained


@pytest.fixture
def sweep(lab: Lab) -> TrainedSweep:
    return trained(lab, trials=4, steps=300)


def page_of(browser: TestClient, sweep_id: str, query: str = "", *, status: int = 200) -> str:
    answer = browser.get(f"/lab/imdb/sweeps/{sweep_id}/curves{query}")
    assert answer.status_code == status, answer.text
    return answer.text


def figure_of(browser: TestClient, sweep_id: str, query: str = "") -> dict[str, Any]:
    answer = browser.get(f"/lab/imdb/sweeps/{sweep_id}/curves/figure{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def lines_of(figure: dict[str, Any]) -> list[dict[str, Any]]:
    return [t for t in figure["data"] if t["mode"] == "lines" and t.get("showlegend")]


class TestPage:
    def test_the_metric_or_a_loss_of_the_newest_runs_is_drawn_at_first(
        self, browser: TestClient, sweep: TrainedSweep
    ) -> None:
        html = page_of(browser, sweep.id)

        assert "4 of 4 runs" in text_of(html)
        assert 'name="keys" value="eval/loss" checked' in html
        assert 'name="keys" value="train/loss">' in html

    def test_without_javascript_a_table_says_what_is_drawn(
        self, browser: TestClient, sweep: TrainedSweep
    ) -> None:
        """300 steps, a look every 20: 15 points each."""
        html = page_of(browser, sweep.id)
        text = text_of(html)

        assert "The chart needs JavaScript." in text
        assert text.count("eval/loss 15 15") == 4
        assert f'href="/lab/imdb/runs/{sweep.runs[0]}"' in html
        assert "/history?format=csv&amp;keys=eval%2Floss" in html

    def test_what_is_asked_stands_in_the_form_again(
        self, browser: TestClient, sweep: TrainedSweep
    ) -> None:
        query = "?keys=train/loss&keys=eval/loss&x=epoch&smooth=ema&strength=0.8&common=1&log_y=1"

        html = page_of(browser, sweep.id, query)

        assert '<option value="epoch" selected>' in html
        assert '<option value="ema" selected>' in html
        assert 'name="strength" value="0.8"' in html
        assert 'name="common" value="1" checked' in html
        assert 'name="log_y" value="1" checked' in html
        assert 'name="log_x" value="1">' in html
        assert "smoothed: EMA (as TensorBoard) 0.8" in text_of(html)

    def test_the_same_lines_are_a_csv_file(self, browser: TestClient, sweep: TrainedSweep) -> None:
        html = page_of(browser, sweep.id, "?keys=train/loss&smooth=mean&strength=3&from=100")

        [address] = re.findall(r'lines and bands: <a href="([^"]+)">CSV</a>', html)
        answer = browser.get(unescape(address))

        assert answer.headers["Content-Type"].startswith("text/csv")
        [names, first, *_] = csv.reader(io.StringIO(answer.text))
        assert names[-3:] == ["x", "y", "smoothed"]
        assert first[-3] == "100"

    def test_lines_that_are_not_smoothed_have_no_badge(
        self, browser: TestClient, sweep: TrainedSweep
    ) -> None:
        assert "smoothed:" not in text_of(page_of(browser, sweep.id))

    def test_seeds_are_bands_with_n(self, browser: TestClient, sweep: TrainedSweep) -> None:
        """Four trials: two ratios with batch 8, two seeds or two settings each."""
        text = text_of(page_of(browser, sweep.id, "?group=batch"))

        assert "4 of 4 runs , " in text
        assert "batch=8" in text
        assert "Least to largest there" in text

    def test_only_some_runs_are_drawn_and_the_others_are_a_link_away(
        self, browser: TestClient, sweep: TrainedSweep, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(curve_views, "MOST_LINES", 3)

        first = page_of(browser, sweep.id)
        second = page_of(browser, sweep.id, "?skip=3")

        assert "3 of 4 runs" in text_of(first)
        assert 'href="?skip=3" rel="next">Older runs' in first
        assert "Newer runs" not in first
        assert "1 of 4 runs" in text_of(second)
        assert 'href="?">Newer runs' in second
        assert "Older runs" not in second

    def test_named_runs_are_drawn_in_their_order(
        self, browser: TestClient, sweep: TrainedSweep
    ) -> None:
        named = f"{sweep.runs[2]},{sweep.runs[0]}"

        figure = figure_of(browser, sweep.id, f"?runs={named}")

        assert [line["name"][-3:] for line in lines_of(figure)] == [
            sweep.runs[2][:3],
            sweep.runs[0][:3],
        ]

    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ("?keys=nope", "none of these runs has logged 'nope'"),
            ("?keys=eval/los", "eval/loss"),
            ("?smooth=spline", "expected one of none, ema"),
            ("?smooth=ema&strength=7", "7"),
            ("?points=many", "a whole number was expected"),
            ("?points=1", "points"),
            ("?skip=-1", "0 or more was expected"),
            ("?from=now", "a number was expected"),
            ("?from=nan", "finite"),
            ("?from=9&to=1", "beyond"),
            ("?runs=nobody", "there is no run 'nobody' here"),
            ("?thin_to=nobody", "nobody"),
            ("?group=nothing", "nothing"),
            ("?x=nothing", "nothing"),
        ],
    )
    def test_what_cannot_be_drawn_is_a_sentence_above_the_form(
        self, browser: TestClient, sweep: TrainedSweep, query: str, told: str
    ) -> None:
        html = page_of(browser, sweep.id, query, status=422)

        assert "Not drawn:" in text_of(html)
        assert told in text_of(html).replace("&#39;", "'")
        assert 'id="curve-form"' in html
        assert "plotly.min.js" not in html

    def test_a_sweep_without_a_curve_says_when_they_come(
        self, browser: TestClient, lab: Lab
    ) -> None:
        html = page_of(browser, lab.register(factorial_config()))

        assert "Curves appear when runs log numbers." in text_of(html)
        assert "plotly.min.js" not in html

    def test_a_sweep_that_is_elsewhere_is_not_found(
        self, browser: TestClient, sweep: TrainedSweep
    ) -> None:
        assert browser.get(f"/lab/other/sweeps/{sweep.id}/curves").status_code == 404

    def test_a_project_draws_the_runs_that_no_sweep_made(
        self, browser: TestClient, lab: Lab
    ) -> None:
        for name, lr in (("a", 0.1), ("b", 0.2)):
            loose_run(lab, name, {"lr": lr, "seed": 1}, {"loss": 1})
            lab.log(name, *(json.dumps({"_step": i, "loss": lr + i}) for i in range(3)))

        html = browser.get("/lab/imdb/curves").text
        figure = browser.get("/lab/imdb/curves/figure?group=lr").json()

        assert "2 of 2 runs" in text_of(html)
        assert '<option value="lr">by lr</option>' in html
        assert [line["name"] for line in lines_of(figure)] == ["lr=0.2 (n = 1)", "lr=0.1 (n = 1)"]

    def test_hostile_keys_are_escaped(self, browser: TestClient, lab: Lab) -> None:
        run_id = lab.claim(lab.agent(sweep_id := lab.register(factorial_config())))
        lab.start(run_id)
        lab.log(run_id, '{"_step": 1, "<b>\\"k": 1}', '{"_step": 2, "<b>\\"k": 2}')

        html = page_of(browser, sweep_id)

        assert "<b>" not in html
        assert "&lt;b&gt;&#34;k" in html


class TestPolicy:
    def test_styles_are_inline_on_pages_with_a_chart_alone(
        self, browser: TestClient, sweep: TrainedSweep
    ) -> None:
        chart = browser.get(f"/lab/imdb/sweeps/{sweep.id}/curves").headers
        other = browser.get(f"/lab/imdb/sweeps/{sweep.id}").headers

        assert "style-src 'self' 'unsafe-inline'" in chart["content-security-policy"]
        assert "script-src 'self';" in chart["content-security-policy"]
        assert "unsafe-inline" not in other["content-security-policy"]

    def test_plotly_comes_from_the_service_and_is_kept_for_ever(
        self, browser: TestClient, sweep: TrainedSweep
    ) -> None:
        address = f"/static/plotly.min.js?v={plotly_version()}"

        named = browser.get(address, headers={"Accept-Encoding": "gzip"})
        plain = browser.get(address, headers={"Accept-Encoding": "identity"})

        assert f'src="{address}"' in page_of(browser, sweep.id)
        assert named.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert named.headers["content-encoding"] == "gzip"
        assert named.headers["vary"] == "Accept-Encoding"
        assert int(named.headers["content-length"]) < len(plain.content) / 2
        assert named.content == plain.content
        assert plain.text.startswith("/**")

    def test_another_version_is_not_kept(self, browser: TestClient) -> None:
        answer = browser.get("/static/plotly.min.js?v=0")

        assert answer.status_code == 200
        assert "cache-control" not in answer.headers

    def test_other_files_are_there_as_before(self, browser: TestClient) -> None:
        assert browser.get("/static/curves.js").status_code == 200
        assert browser.get("/static/none.js").status_code == 404

    def test_a_stranger_sees_no_figure(self, stranger: TestClient) -> None:
        answer = stranger.get("/lab/imdb/curves/figure", headers={"Accept": "application/json"})

        assert answer.status_code == 401


class TestFigure:
    def test_each_run_is_a_line_over_steps(self, browser: TestClient, sweep: TrainedSweep) -> None:
        figure = figure_of(browser, sweep.id)

        assert len(lines_of(figure)) == 4
        assert lines_of(figure)[0]["x"][:3] == [20, 40, 60]
        assert figure["layout"]["xaxis"]["title"]["text"] == "steps"

    def test_several_keys_are_told_apart_and_runs_are_counted_once(
        self, browser: TestClient, sweep: TrainedSweep
    ) -> None:
        figure = figure_of(browser, sweep.id, "?keys=train/loss&keys=eval/loss")

        names = [line["name"] for line in lines_of(figure)]
        assert len(names) == 8
        assert len([name for name in names if name.endswith("· train/loss")]) == 4
        assert figure["layout"]["meta"]["caption"][0] == "n = 4 runs."

    def test_zooming_gives_the_points_of_that_part(
        self, browser: TestClient, sweep: TrainedSweep
    ) -> None:
        figure = figure_of(browser, sweep.id, "?from=100&to=160")

        assert lines_of(figure)[0]["x"] == [100, 120, 140, 160]

    def test_finer_points_come_where_one_looks(
        self, browser: TestClient, sweep: TrainedSweep
    ) -> None:
        """60 rows of train/loss: 4 points of all of them, and every one of a tenth of them."""
        coarse = figure_of(browser, sweep.id, "?keys=train/loss&points=12")
        fine = figure_of(browser, sweep.id, "?keys=train/loss&points=12&from=100&to=130")

        assert len(lines_of(coarse)[0]["x"]) <= 12
        assert lines_of(fine)[0]["x"] == [100, 105, 110, 115, 120, 125, 130]

    def test_findings_are_marked_and_never_outside_of_what_is_looked_at(
        self, browser: TestClient, lab: Lab
    ) -> None:
        sweep = trained(lab, trials=1)
        look(browser, lab)

        whole = figure_of(browser, sweep.id)
        [marks] = [t for t in whole["data"] if t["name"].startswith("findings")]
        starts = sorted(marks["x"])
        part = figure_of(browser, sweep.id, f"?from={starts[-1] + 1}")

        assert any("overfitting" in text for text in marks["hovertext"])
        assert not [t for t in part["data"] if t["name"].startswith("findings")]
        assert "outside what is drawn" in " ".join(part["layout"]["meta"]["caption"])

    def test_findings_at_steps_are_not_marked_over_epochs(
        self, browser: TestClient, lab: Lab
    ) -> None:
        sweep = trained(lab, trials=1)
        look(browser, lab)

        figure = figure_of(browser, sweep.id, "?x=epoch")

        assert not [t for t in figure["data"] if t["name"].startswith("findings")]

    def test_axes_are_logarithmic_or_times(self, browser: TestClient, sweep: TrainedSweep) -> None:
        """The first look came 1.7e9 seconds after 1970 and a little."""
        log = figure_of(browser, sweep.id, "?log_x=1&log_y=1")["layout"]
        times = figure_of(browser, sweep.id, "?x=wall_time")

        assert (log["xaxis"]["type"], log["yaxis"]["type"]) == ("log", "log")
        assert times["layout"]["xaxis"]["type"] == "date"
        assert lines_of(times)[0]["x"][0] == pytest.approx(1.7e12, rel=1e-6)

    def test_what_has_no_logarithm_is_counted(self, browser: TestClient, lab: Lab) -> None:
        run_id = lab.claim(lab.agent(sweep_id := lab.register(factorial_config())))
        lab.start(run_id)
        lab.log(run_id, *(json.dumps({"_step": i, "loss": i - 2}) for i in range(6)))

        caption = figure_of(browser, sweep_id, "?log_y=1")["layout"]["meta"]["caption"]

        assert "3 points at 0 or below have no place on a logarithmic axis." in caption

    def test_the_theme_and_the_width_are_asked_for(
        self, browser: TestClient, sweep: TrainedSweep
    ) -> None:
        dark = figure_of(browser, sweep.id, "?theme=dark&width=390")["layout"]

        assert dark["paper_bgcolor"] == "#11161d"
        assert dark["dragmode"] is False

    def test_the_same_figure_is_304(self, browser: TestClient, sweep: TrainedSweep) -> None:
        address = f"/lab/imdb/sweeps/{sweep.id}/curves/figure"
        etag = browser.get(address).headers["etag"]

        again = browser.get(address, headers={"If-None-Match": etag})

        assert (again.status_code, again.content) == (304, b"")

    def test_where_nothing_is_logged_the_figure_says_so(
        self, browser: TestClient, lab: Lab
    ) -> None:
        figure = figure_of(browser, lab.register(factorial_config()))

        assert figure["layout"]["meta"]["is_empty"]

    def test_a_refused_figure_says_why_as_problem_json(
        self, browser: TestClient, sweep: TrainedSweep
    ) -> None:
        answer = browser.get(
            f"/lab/imdb/sweeps/{sweep.id}/curves/figure?keys=nope",
            headers={"Accept": "application/json"},
        )

        assert answer.status_code == 422
        assert "nope" in answer.json()["errors"][0]["message"]


class TestForm:
    def test_an_address_is_short_where_nothing_is_asked(self) -> None:
        assert CurveForm().query() == "?"

    def test_everything_that_is_asked_is_in_the_address(self) -> None:
        form = CurveForm(keys=("a b", "c"), x="epoch", smooth="mean", strength="5", log_x=True)

        asked = parse_qs(urlsplit(form.query(skip="3")).query)

        assert asked == {
            "keys": ["a b", "c"], "x": ["epoch"], "smooth": ["mean"], "strength": ["5"],
            "log_x": ["1"], "skip": ["3"],
        }  # fmt: skip

    def test_a_key_of_any_name_can_be_asked_for(self, browser: TestClient, lab: Lab) -> None:
        key = 'a&b=c "d" #e'
        run_id = lab.claim(lab.agent(sweep_id := lab.register(factorial_config())))
        lab.start(run_id)
        lab.log(run_id, *(json.dumps({"_step": i, key: i}) for i in range(3)))

        figure = figure_of(browser, sweep_id, f"?keys={quote(key)}&x={quote('key:' + key)}")

        assert lines_of(figure)[0]["y"] == [0, 1, 2]
        assert lines_of(figure)[0]["x"] == [0, 1, 2]
