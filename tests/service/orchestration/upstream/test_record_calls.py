"""What is asked of a server for system metrics and console output, and what its answers mean."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from paribus_service.orchestration.upstream import calls, readings
from paribus_service.orchestration.upstream.messages import ConsoleTail, RunRecords
from paribus_service.orchestration.upstream.refusals import Refusal
from tests.service.orchestration.upstream.test_calls import Asked, with_rows


def answering(run: Mapping[str, Any]) -> Asked:
    return Asked(lambda *_: {"project": {"run": run}})


def numbered(*lines: str, first: int = 0, **more: Any) -> dict[str, Any]:
    nodes = [{"number": first + i, "line": text} for i, text in enumerate(lines)]
    return {"logLines": {"edges": [{"node": {**node, **more}} for node in nodes]}}


def contents(tail: ConsoleTail) -> list[str]:
    return [json.loads(text)["content"] for _, text in tail.lines]


class TestAlongWithAHistory:
    def test_they_are_asked_for_with_the_first_window_alone(self) -> None:
        client = with_rows([0, 5, 900])

        page = calls.history(client, "e", "p", "r", 0, None, 10, samples=500)

        asked = [variables.get("samples") for _, variables in client.asked]
        assert len(asked) > 1
        assert asked == [500] + [None] * (len(asked) - 1)
        assert page.system is not None

    def test_without_samples_the_document_is_the_plain_one(self) -> None:
        client = with_rows([0])

        page = calls.history(client, "e", "p", "r", 0, None, 10)

        assert "events" not in client.asked[0][0]
        assert page.system is None

    def test_they_come_also_where_the_time_runs_out(self) -> None:
        page = calls.history(with_rows([0, 10**9], late=1), "e", "p", "r", 0, None, 10, samples=5)

        assert page.next_min_step == 10
        assert page.system is not None


class TestApart:
    @pytest.mark.parametrize(
        ("samples", "console_lines", "fields"),
        [
            (500, 0, {"eventsLineCount", "events"}),
            (0, 300, {"logLineCount", "logLines"}),
            (500, 300, {"eventsLineCount", "events", "logLineCount", "logLines"}),
        ],
    )
    def test_what_is_wanted_is_asked_for_at_once(
        self, samples: int, console_lines: int, fields: set[str]
    ) -> None:
        client = answering({})

        came = calls.records(client, "e", "p", "r", samples, console_lines)

        ((document, _),) = client.asked
        known = {"eventsLineCount", "events", "logLineCount", "logLines"}
        assert known & set(document.replace("(", " ").split()) == fields
        assert (came.system is not None, came.console is not None) == (
            samples > 0,
            console_lines > 0,
        )

    def test_a_server_that_knows_no_lines_of_a_console_is_asked_for_the_rest(self) -> None:
        def answer(document: str, _: Mapping[str, Any]) -> Any:
            if "logLines" in document:
                raise Refusal("too_old", 'Cannot query field "logLines"')
            return {"project": {"run": {"eventsLineCount": 1, "events": ["{}"]}}}

        came = calls.records(Asked(answer), "e", "p", "r", 500, 300)
        without = calls.records(Asked(answer), "e", "p", "r", 0, 300)

        assert came.system is not None
        assert came.system.lines == ["{}"]
        assert came.console is not None
        assert "gives out no console lines (Cannot query field" in (came.console.problem or "")
        assert without == RunRecords(None, came.console)

    def test_another_refusal_is_passed_on(self) -> None:
        def answer(*_: Any) -> Any:
            raise Refusal("busy", "slow down", retry_after=3)

        with pytest.raises(Refusal, match="slow down"):
            calls.records(Asked(answer), "e", "p", "r", 500, 300)


class TestSystemMetrics:
    @pytest.mark.parametrize(
        ("run", "lines", "there"),
        [
            ({}, [], 0),
            ({"events": None, "eventsLineCount": None}, [], 0),
            ({"events": ["{}", "no JSON", None, 3], "eventsLineCount": 9}, ["{}", "no JSON"], 9),
            ({"events": ["{}", "{}"], "eventsLineCount": 1}, ["{}", "{}"], 2),
            ({"events": ["{}"], "eventsLineCount": "odd"}, ["{}"], 1),
        ],
    )
    def test_lines_are_texts_and_those_there_at_least_as_many(
        self, run: Mapping[str, Any], lines: list[str], there: int
    ) -> None:
        found = readings.system_of(run)

        assert (found.lines, found.there) == (lines, there)


class TestConsoleLines:
    def test_they_are_what_a_client_sends(self) -> None:
        node = {"timestamp": "2026-11-23T08:43:08.341942Z", "level": "error", "label": ""}

        tail = readings.console_of(numbered("oh", first=7, **node))

        assert tail == ConsoleTail(
            [(7, '{"ts": "2026-11-23T08:43:08.341942", "level": "error", "content": "oh"}')], 8
        )

    def test_binary_and_terminal_bytes_are_kept_in_plain_letters(self) -> None:
        odd = "\x1b[31mred\x00\ud800\x07"

        tail = readings.console_of(numbered(odd))

        assert contents(tail) == [odd]
        assert tail.lines[0][1].isascii()
        assert "\x00" not in tail.lines[0][1]

    def test_no_more_is_kept_than_a_page_can_use(self) -> None:
        wide = [f"{i} " + "x" * 1000 for i in range(500)]

        tail = readings.console_of(numbered(*wide, first=100))

        sizes = [len(text) for _, text in tail.lines]
        assert sum(sizes) <= readings.CONSOLE_BYTES < sum(sizes) + 2_000
        assert tail.lines[-1][0] == 599
        assert [n for n, _ in tail.lines] == list(range(600 - len(sizes), 600))
        assert tail.there == 600

    def test_of_an_endless_line_the_end_is_kept(self) -> None:
        tail = readings.console_of(numbered("a" * 10**6 + "ValueError"))

        (content,) = contents(tail)
        assert content.startswith("… aaa")
        assert content.endswith("ValueError")
        assert len(content) == readings.CONSOLE_LINE_BYTES + 2

    @pytest.mark.parametrize("numbers", [[None, None], [1, 1], [2, 1], ["0", "1"], [True, 2]])
    def test_odd_numbers_are_those_of_the_last_lines(self, numbers: list[Any]) -> None:
        edges = [{"node": {"number": number, "line": "a"}} for number in numbers]

        tail = readings.console_of({"logLines": {"edges": edges}, "logLineCount": 10})

        assert [number for number, _ in tail.lines] == [8, 9]
        assert tail.there == 10

    @pytest.mark.parametrize("run", [{}, {"logLines": None}, {"logLines": {"edges": []}}])
    def test_a_run_that_wrote_nothing_has_none(self, run: Mapping[str, Any]) -> None:
        assert readings.console_of(run) == ConsoleTail([], 0)

    def test_a_line_without_text_is_empty(self) -> None:
        assert contents(readings.console_of(numbered("a", line=None))) == [""]
