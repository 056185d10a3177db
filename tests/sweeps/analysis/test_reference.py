"""docs/reference/answers.md says what the code answers, and what each field of it means."""

import csv
import itertools
import json
import random
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from paribus_sweeps.analysis.answers import KINDS, answer
from paribus_sweeps.analysis.execution_keys import EXECUTION_KEYS
from paribus_sweeps.analysis.plain_columns import FACTOR_KEYS
from paribus_sweeps.analysis.plain_questions import QUESTION_KEYS, RESPONSE_KEYS
from paribus_sweeps.analysis.plain_tables import ROW_KEYS, TABLE_KEYS, read_table
from paribus_sweeps.analysis.reference import UnknownPart, fill, layout, requests, rounded
from paribus_sweeps.analysis.responses import FEATURE_TABLE
from paribus_sweeps.analysis.statuses import StatusWord
from tests.sweeps.textbook import HERE, expected

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "answers.md"
TEXT = PAGE.read_text(encoding="utf-8")

OF_THE_USER = {
    "question",  # the request's own words: its table says them
    "setting",
    "replicate",
    "by_level",
    "expected_gain",
    "held_fixed",
    "context_labels",
    "where",
    "differ",
    "pairs_gained",
    "forbidden_by",
}
"""Fields whose keys are names of the user's, and no fields."""


@cache
def told(title: str) -> set[str]:
    """What stands as code in a section, its examples left out."""
    sections = re.split(r"^## ", TEXT, flags=re.MULTILINE)
    [section] = [text for text in sections if text.startswith(f"{title}\n")]
    prose = re.sub(r"^```.*?^```", "", section, flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`([^`\n]+)`", prose))


def fields(value: Any) -> Iterator[str]:
    """Every key of an answer, at any depth."""
    if isinstance(value, dict):
        for key, held in value.items():
            yield key
            if key not in OF_THE_USER and not (key == "blocks" and isinstance(held, dict)):
                yield from fields(held)
    if isinstance(value, list):
        for held in value:
            yield from fields(held)


def further_tables() -> dict[str, dict[str, Any]]:
    """Tables whose answers have what the page's examples lack: another model, crashes, forbids."""
    draw = random.Random(1)

    def table(*columns: str, cells: Iterable[tuple[Any, ...]], **more: Any) -> dict[str, Any]:
        rows = [{**dict(zip(columns, cell, strict=True)), "y": draw.random()} for cell in cells]
        response = {"name": "y", "goal": "minimize"}
        factors = [column for column in columns if column in "abcdefg"]
        return {"factors": factors, "response": response, "runs": rows, **more}

    cube = list(itertools.product((-1, 1), repeat=3))
    tied = [(a, a) for a in (0, 1) for _ in range(3)]
    never = [{"a": 1, "b": 0}, {"a": 0, "b": 1}]
    return {
        "saturated": table(
            *"abcdefg",
            cells=[(a, b, c, a * b, a * c, b * c, a * b * c) for a, b, c in cube],
            question={"interactions": "none"},
        ),
        "permuted": table(*"abc", cells=cube, question={"error": "permutation"}),
        "split": table(
            "a",
            "b",
            "gpu",
            cells=[(g % 2, b, g) for g in range(4) for b in (0, 1)] * 2,
            blocks="gpu",
        ),
        "unpaired": table(
            "a", "s", cells=[(a, s + 10 * a) for a in (0, 1) for s in range(3)], replicate="s"
        ),
        "forbidden": table("a", "b", cells=tied, forbid=never),
        "open": table("a", "b", "state", cells=[(*cell, "running") for cell in tied]),
        "lurking": table("a", "host", cells=tied, lurking="host"),
        "log": table("a", cells=[(at % 2,) for at in range(6)], question={"transform": "log"}),
        "one run": table("a", cells=[(1,)]),
    }


class TestThePage:
    def test_its_answers_and_lists_are_what_the_code_says(self) -> None:
        assert fill(TEXT) == TEXT, "run `make docs`"

    def test_it_shows_every_kind(self) -> None:
        assert {kind for kind, _ in requests(TEXT)} | {"report"} == set(KINDS)
        assert [kind for kind in KINDS if f"(#{kind})" not in TEXT] == []

    @pytest.mark.parametrize("kind", [kind for kind, _ in requests(TEXT)][:-1])
    def test_it_says_what_each_field_means(self, kind: str) -> None:
        request = dict(reversed(requests(TEXT)))[kind]
        known = told(kind.capitalize()) | told("Factors") | told("Power")

        assert set(fields(answer(kind, read_table(request)))) - known == set()

    @pytest.mark.parametrize("kind", [kind for kind, _ in requests(TEXT)][:-1])
    @pytest.mark.parametrize("table", further_tables().values(), ids=list(further_tables()))
    def test_it_says_so_for_other_tables_too(self, table: dict[str, Any], kind: str) -> None:
        known = told(kind.capitalize()) | told("Factors") | told("Power")

        assert set(fields(answer(kind, read_table(table)))) - known == set()

    def test_it_says_what_each_key_of_a_request_means(self) -> None:
        known = told("The table")

        assert {*TABLE_KEYS, *ROW_KEYS, *QUESTION_KEYS} <= known
        assert {f"factors.*.{key}" for key in FACTOR_KEYS} <= known
        assert {f"response.{key}" for key in RESPONSE_KEYS} <= known

    def test_it_lists_every_status_feature_and_execution_key(self) -> None:
        assert set(StatusWord.__args__) <= told("Statuses and verdicts")
        assert set(FEATURE_TABLE) <= told("Curve features")
        keys = {key for keys in EXECUTION_KEYS.values() for key in keys}
        assert {*EXECUTION_KEYS, *keys} <= told("Runs that no sweep made")

    def test_a_sentence_stands_on_a_line_of_its_own(self) -> None:
        prose = re.sub(r"^```.*?^```", "", TEXT, flags=re.MULTILINE | re.DOTALL)
        lines = [line for line in prose.splitlines() if not line.startswith(("|", "<", "- ", "#"))]

        assert [line for line in lines if re.search(r"[a-z`)]\. [A-Z]", line)] == []


class TestThePublishedTable:
    def request(self) -> dict[str, Any]:
        found = requests(TEXT)[-1]
        assert found[0] == "effects"
        return found[1]

    def test_it_is_the_one_in_the_tests(self) -> None:
        with (HERE / "data" / "plantgrowth.csv").open(newline="") as lines:
            rows = [
                {"group": row["group"], "weight": float(row["weight"])}
                for row in csv.DictReader(lines)
            ]

        assert self.request()["runs"] == rows

    def test_its_numbers_are_those_of_r(self) -> None:
        cases = [c for c in expected("factorials")["cases"] if c["data"] == "plantgrowth"]
        [anova] = [c["expected"] for c in cases if c["what"] == "anova"][1:2]
        [pairwise] = [c["expected"] for c in cases if c["what"] == "pairwise"]

        found = answer("effects", read_table(self.request()))["effects"]

        [term] = found["terms"]
        assert (term["f"], term["p"]) == pytest.approx(
            (anova["terms"][0]["F"], anova["terms"][0]["p"]), rel=1e-8
        )
        assert [c["p_adjusted"] for c in found["contrasts"]] == pytest.approx(
            [c["p_adjusted"] for c in pairwise["contrasts"]], rel=1e-6
        )

    def test_the_prose_says_the_same(self) -> None:
        assert "F = 4.8461 on 2 and 27 degrees of freedom, p = 0.01591" in TEXT


class TestFilling:
    REQUEST = '```json\n{"factors": ["a"], "response": "y", "runs": [{"a": 1, "y": 2}]}\n```\n'

    def test_a_part_is_written_from_the_last_request_above_it(self) -> None:
        page = f"{self.REQUEST}\n<!-- begin: answer confounding -->\nold\n<!-- end -->\ntail\n"

        made = fill(page)

        assert made.startswith(f"{self.REQUEST}\n<!-- begin: answer confounding -->\n```json\n{{")
        assert made.endswith("}\n```\n<!-- end -->\ntail\n")
        assert '"kind": "confounding"' in made
        assert fill(made) == made

    def test_fields_can_be_left_out(self) -> None:
        page = f"{self.REQUEST}<!-- begin: rest effects factors crashes -->\n<!-- end -->"

        assert '"factors"' not in fill(page).partition("begin")[2]

    def test_a_part_that_nobody_writes_is_refused(self) -> None:
        with pytest.raises(UnknownPart, match="'anwser'; known: answer, rest"):
            fill("<!-- begin: anwser best -->\n<!-- end -->")

    def test_a_page_without_marks_stays(self) -> None:
        assert fill("# Title\n") == "# Title\n"
        assert requests("# Title\n") == []

    def test_numbers_are_rounded_and_remains_of_zero_are_zero(self) -> None:
        value = {"a": [0.1234567, 1e-17, -1e-17, 12345678.0], "b": (1, None, "x", True)}

        assert rounded(value) == {"a": [0.123457, 0.0, 0.0, 12345700.0], "b": [1, None, "x", True]}

    def test_what_fits_stands_on_one_line(self) -> None:
        value = {"short": [1, 2], "long": ["x" * 60, "y" * 60], "text": "z" * 120}

        made = layout(value)

        assert json.loads(made) == value
        assert made.splitlines()[1:4] == [
            '  "short": [1, 2],',
            '  "long": [',
            f'    "{"x" * 60}",',
        ]
