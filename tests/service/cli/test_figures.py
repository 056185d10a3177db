"""`paribus figure` and `Client.figure`, against a service on a real socket."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from paribus_service.cli import figures
from paribus_service.client import Client
from tests.factories import Lab
from tests.service.api.logged_runs import sweep_of
from tests.service.api.studies import by_batch, study
from tests.service.cli.conftest import Served

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def factorial(lab: Lab) -> str:
    """2 x 2 settings under three seeds, all finished."""
    return study(lab, values=by_batch, replicates={"seed": [0, 1, 2]}, smallest_effect=0.1)


class TestInWords:
    def test_the_figures_are_listed(self, served: Served) -> None:
        done = served("figure")

        assert done.returncode == 0
        assert "parallel-coordinates  (sweep, project)" in done.stdout

    def test_without_a_file_it_is_described(self, served: Served, factorial: str) -> None:
        done = served("figure", "effects", factorial)

        assert done.returncode == 0, done.stderr
        assert "“batch”: yes, it made a difference." in " ".join(done.stdout.split())

    def test_nothing_to_draw_yet_is_1(self, served: Served, lab: Lab) -> None:
        done = served("figure", "effects", study(lab))

        assert done.returncode == 1
        assert "No factor has an estimate." in done.stdout

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["efects", "x"], "did you mean 'effects'?"),
            (["effects"], "whose figure?"),
            (["effects", "run-1"], "effects is not of runs"),
            (["effects", "SWEEP", "--every", "3"], "effects does not take every"),
        ],
    )
    def test_what_cannot_be_drawn_is_2(
        self, served: Served, factorial: str, arguments: list[str], said: str
    ) -> None:
        done = served("figure", *(factorial if a == "SWEEP" else a for a in arguments))

        assert done.returncode == 2
        assert said in done.stderr


class TestJson:
    def test_a_file_holds_plotly_json(
        self, served: Served, factorial: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "effects.json"

        done = served("figure", "effects", factorial, "--json", path, "--theme", "dark")

        assert done.returncode == 0, done.stderr
        assert set(json.loads(path.read_text())) == {"data", "layout"}

    def test_a_dash_is_stdout(self, served: Served, factorial: str) -> None:
        done = served("figure", "interaction", factorial, "--factors", "lr,batch", "--json", "-")

        assert json.loads(done.stdout)["layout"]["meta"]["figure"] == "interaction"

    def test_an_overlay_takes_several_keys_and_a_part_of_x(self, served: Served, lab: Lab) -> None:
        rows = [{"_step": k, "loss": 1 / k, "lr": 0.1} for k in range(1, 7)]
        sweep_id, _ = sweep_of(lab, [rows])
        asked = ("--keys", "loss,lr", "--from", "3", "--to", "6", "--thin-to", "2", "--common")

        done = served("figure", "overlay", sweep_id, *asked, "--points", "9", "--json", "-")

        assert done.returncode == 0, done.stderr
        # of 1 to 6 every second stays: 2, 4 and 6
        assert [trace["x"] for trace in json.loads(done.stdout)["data"]] == [[4, 6], [4, 6]]


class TestPage:
    def test_it_stands_by_itself(self, served: Served, factorial: str, tmp_path: Path) -> None:
        path = tmp_path / "effects.html"

        done = served("figure", "effects", factorial, "--html", path)

        text = path.read_text()
        assert done.returncode == 0, done.stderr
        assert "plotly.js v" in text[:3000]
        assert 'src="' not in text.rpartition("</script>")[0].rpartition("<figure>")[2]
        assert "“batch”: yes" in text
        assert "showSendToCloud: false" in text

    def test_no_name_can_end_the_script(self) -> None:
        layout = {
            "meta": {"figure": "x", "width": 800, "description": "</script><b>"},
            "paper_bgcolor": "#fff",
            "font": {"color": "#000"},
        }

        text = figures.page({"data": [], "layout": layout})

        assert text.count("</script>") == 2  # plotly.js, and the figure
        assert "&lt;/script&gt;&lt;b&gt;" in text

    def test_a_file_that_cannot_be_written_is_2(
        self, served: Served, factorial: str, tmp_path: Path
    ) -> None:
        done = served("figure", "effects", factorial, "--html", tmp_path / "no" / "x.html")

        assert done.returncode == 2
        assert "cannot be written" in done.stderr

    def test_without_plotly_it_says_what_to_install(
        self, served: Served, factorial: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(figures, "find_spec", lambda name: None)

        done = served("figure", "effects", factorial, "--html", tmp_path / "x.html")

        assert (done.returncode, figures.NO_PLOTLY in done.stderr) == (2, True)


class TestPicture:
    def test_without_kaleido_it_says_what_to_install(
        self, served: Served, factorial: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(figures, "find_spec", lambda name: None)

        done = served("figure", "effects", factorial, "--png", tmp_path / "x.png")

        assert (done.returncode, figures.NO_KALEIDO in done.stderr) == (2, True)

    @pytest.mark.skipif(find_spec("kaleido") is None, reason="kaleido is paribus[figures]")
    def test_without_a_browser_it_says_how_to_get_one(
        self, served: Served, factorial: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "nothing"))

        done = served("figure", "effects", factorial, "--png", tmp_path / "x.png")

        assert done.returncode == 2
        assert done.stderr.startswith("paribus: --png")
        assert "Traceback" not in done.stderr

    @pytest.mark.skipif(find_spec("kaleido") is None, reason="kaleido is paribus[figures]")
    def test_a_folder_that_is_not_there_is_2(
        self, served: Served, factorial: str, tmp_path: Path
    ) -> None:
        done = served("figure", "effects", factorial, "--png", tmp_path / "no" / "x.png")

        assert done.returncode == 2
        assert "there is no folder" in done.stderr

    @pytest.mark.skipif(find_spec("kaleido") is None, reason="kaleido is paribus[figures]")
    def test_a_browser_draws_it(self, served: Served, factorial: str, tmp_path: Path) -> None:
        """Takes 4 seconds: the only test that a picture comes out of the whole chain."""
        path = tmp_path / "effects.png"

        done = served("figure", "effects", factorial, "--png", path)

        if figures.NO_BROWSER in done.stderr:
            pytest.skip("no Chromium is installed")
        assert done.returncode == 0, done.stderr
        assert path.read_bytes().startswith(PNG)


class TestClient:
    def test_a_figure_is_plain_json(self, served: Served, factorial: str) -> None:
        with Client(served.url, served.api_key) as client:
            found = client.figure("design-matrix", sweep=factorial, theme="dark", width=400)

            assert [kind["name"] for kind in client.figures()][:2] == ["effects", "interaction"]
        assert found["layout"]["meta"]["figure"] == "design-matrix"
