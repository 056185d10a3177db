"""The page about curves says what the code does."""

from pathlib import Path

from paribus_sweeps.analysis.series.axes import AXES
from paribus_sweeps.analysis.series.smoothing import KINDS

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "curves.md"


class TestThePage:
    def test_it_names_every_axis_and_every_way_to_smooth(self):
        """A word that only the code knows is one that nobody uses."""
        text = PAGE.read_text(encoding="utf-8")

        assert [word for word in AXES if f"| `{word}` |" not in text] == []
        assert [kind for kind in KINDS if f"| `{kind}:" not in text] == []
