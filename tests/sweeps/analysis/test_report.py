"""The report as a document that a person would forward."""

import math
import re

from paribus_sweeps.analysis.answers import answer
from paribus_sweeps.analysis.report import document_of
from tests.sweeps.tables import NOISE, SATURATED, case_of, grid

STORY = [
    {"batch": 8, "ratio": "1:1", "cadence": "coarse", "gpu": "A100", "loss": 0.30, "id": "R1"},
    {"batch": 64, "ratio": "4:1", "cadence": "coarse", "gpu": "A100", "loss": 0.28, "id": "R2"},
    {"batch": 64, "ratio": "1:1", "cadence": "fine", "gpu": "A100", "loss": 0.29, "id": "R3"},
    {
        "batch": 8,
        "ratio": "1:1",
        "cadence": "fine",
        "gpu": "T4",
        "state": "interrupted",
        "reason": "time limit",
        "id": "R4",
    },
]


def markdown(*args: object, **more: object) -> str:
    return document_of(answer("report", case_of(*args, **more))).markdown()  # type: ignore[arg-type]


def story() -> str:
    return markdown(STORY, ["batch", "ratio", "cadence"], blocks=["gpu"])


class TestTheStory:
    def test_names_what_cannot_be_told_apart(self) -> None:
        text = story()

        assert text.startswith("# Which factor made the difference to loss?\n\n3 runs finished")
        assert text.count("| confounded |") == 3
        assert "`batch`, `ratio` and `cadence` cannot be told apart" in text

    def test_names_the_run_whose_end_would_tell(self) -> None:
        assert "Finishing R4 (interrupted: time limit) on gpu A100 would let" in story()

    def test_names_the_one_run_that_separates_them(self) -> None:
        text = story()

        assert "One more run separates" in text
        assert "| run | `batch` | `ratio` | `cadence` |" in text
        assert "| 1 | 8 | 4:1 | fine |" in text

    def test_has_no_number_of_an_effect(self) -> None:
        evidence = re.search(r"## Evidence\n(.*?)\n## ", story(), re.DOTALL)

        assert evidence is not None
        assert "| factor | compared |" not in evidence[1]
        assert "| `batch` | 0 | – | – | – | – | – |" in evidence[1]

    def test_lists_what_was_left_out(self) -> None:
        assert "| R4 | interrupted | interrupted: time limit |" in story()


class TestAnAnswer:
    def test_stands_with_its_evidence(self) -> None:
        text = markdown(grid(batch=0.1))

        assert "| `batch` | isolated | `batch`: yes, it made a difference." in text
        assert "Nothing: each factor can be told from the others." in text
        assert "`batch`: 8 is best." in text
        assert "| `batch` | 64 against 8 | 6 | +0.0985 | +0.0985 | 0.06974 to 0.1273 |" in text

    def test_a_saturated_design_has_lenth(self) -> None:
        text = markdown(SATURATED, question={"interactions": "all"})

        assert "By Lenth's method" in text
        assert "| `ratio` | +5 |" in text

    def test_a_scale_that_would_be_better_is_named(self) -> None:
        rows = grid(noise=0)
        for row, wobble in zip(rows, NOISE, strict=True):
            row["loss"] = math.exp((6 if row["batch"] == 64 else 0) + 20 * wobble)

        assert "logarithm (power 0)" in markdown(rows, question={"interactions": "none"})

    def test_what_an_effect_depends_on_is_told(self) -> None:
        rows = grid(noise=0.2)
        for row in rows:
            if row["batch"] == 64:
                row["loss"] += 0.1 if row["ratio"] == "1:1" else -0.1

        assert "- `batch`, 64 against 8: It depends on `ratio`: +0.0" in markdown(rows)

    def test_a_factor_that_lost_its_levels_is_not_called_told_apart(self) -> None:
        rows = [{"batch": 8, "loss": 0.3}, {"batch": 8, "loss": 0.4}]
        rows += [{"batch": 64, "loss": None, "state": "failed"}]  # type: ignore[dict-item]

        text = markdown(rows, ["batch"])

        assert "Nothing: each factor can be told" not in text

    def test_without_a_goal_nothing_is_best(self) -> None:
        text = markdown(grid(), goal=None)

        assert "is better" not in text
        assert "## Best run per factor" not in text

    def test_a_level_without_a_run_says_so(self) -> None:
        rows = grid(batch=0.1)
        rows.append({"batch": 128, "ratio": "1:1", "seed": 0, "loss": None, "state": "failed"})

        assert "| 128 | 0 | – | none | no finished run |" in markdown(rows)

    def test_nothing_to_fit_has_no_model(self) -> None:
        text = markdown([{"batch": 8, "ratio": "1:1", "loss": 0.3}])

        assert "The model holds" not in text
        assert "| `batch` | not\\_varied | `batch` never varied (always 8). |" in text

    def test_of_a_search_has_associations(self) -> None:
        rows = [
            {"lr": (at * 7 % 24 + 1) / 100, "loss": 0.3 + (at * 7 % 24) / 100} for at in range(24)
        ]

        text = markdown(rows, ["lr"], question={"sampler": "random"})

        assert "## Importance: an association" in text
        assert "randomised by the sampler" in text

    def test_ends_with_what_it_was_made_from(self) -> None:
        case = case_of(grid())
        told = answer("report", case)

        assert f"Data version `{told['data_version']}`" in document_of(told).markdown()

    def test_is_a_page_too(self) -> None:
        page = document_of(answer("report", case_of(grid()))).html()

        assert page.startswith("<!doctype html>")
        assert "<h1>Which factor made the difference to loss?</h1>" in page
