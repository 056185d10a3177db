"""System metrics and console output through the real client, between two services.

With the newest client; what 0.21.4 asks is in `test_upstream_process`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from paribus_service.orchestration import recorder
from paribus_service.orchestration.recorder import Chunk, StreamReport
from paribus_service.orchestration.upstream.records import CONSOLE_LINES, SYSTEM_LINES
from paribus_service.store import history, mirrors
from paribus_service.store import runs as run_store
from paribus_service.store.engine import session_scope
from paribus_service.store.history import Stream
from tests.protocol.live import ENTITY, KEY, LiveService
from tests.protocol.test_import import Pair, answer, own_ids, study


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    yield pair
    pair.close()


def report(pair: Pair, run_id: str, report: StreamReport) -> None:
    with session_scope(pair.there.services.engine) as session:
        recorder.write(session, run_store.get_run_at(session, ENTITY, "imdb", run_id), report)


def measured(count: int) -> Chunk:
    values = [{"system.gpu.0.gpu": float(i), "_timestamp": 1.79e9 + 15 * i} for i in range(count)]
    return Chunk(0, [json.dumps(value) for value in values])


def wrote(*lines: str, first: int = 0) -> Chunk:
    told = {"ts": "2026-11-23T08:43:08.341942", "level": "error"}
    return Chunk(first, [json.dumps({**told, "content": line}) for line in lines])


def streams(service: LiveService, run_id: str, stream: Stream) -> list[tuple[int, str]]:
    with service.reading() as session:
        run = run_store.get_run_at(session, ENTITY, "imdb", run_id)
        return history.read_lines(session, run, stream)


def page(service: LiveService, run_id: str) -> str:
    found = httpx.get(f"{service.url}/{ENTITY}/imdb/runs/{run_id}", auth=("api", KEY), timeout=60)
    assert found.status_code == 200, found.text
    return found.text


def rows_of(text: str, heading: str) -> list[str]:
    """The rows of the table with that heading."""
    section = text[text.index(f'aria-label="{heading}"') :]
    return re.findall(r"<tr><th scope=\"row\">.*?</tr>", section[: section.index("</table>")])


class TestSystemMetrics:
    def test_answers_and_the_page_are_those_of_the_other_side(self, pair: Pair) -> None:
        study(pair)
        for number in range(8):
            report(pair, f"run{number}", StreamReport(events=measured(40)))

        pair.paribus("import", f"{ENTITY}/imdb")

        here, there = (streams(one, "run0", Stream.EVENTS) for one in (pair.here, pair.there))
        assert here == there
        for kind in ("throughput", "findings"):
            one, other = (
                answer(side, f"/api/v1/runs/{own_ids(side)['run0']}/{kind}")
                for side in (pair.here, pair.there)
            )
            assert one == other, kind
        last = "System metrics, last seen"
        ours = rows_of(page(pair.here, "run0"), last)
        assert ours == rows_of(page(pair.there, "run0"), last)
        assert len(ours) == 1

    def test_they_cost_no_request(self, pair: Pair) -> None:
        study(pair)
        for number in range(8):
            report(pair, f"run{number}", StreamReport(events=measured(3)))
        before = len(pair.asked_there())

        pair.paribus("import", f"{ENTITY}/imdb")

        asked = pair.asked_there()[before:]
        assert asked.count("query HistoryPage") == 8
        # run7 failed: its console output is asked for
        assert len([name for name in asked if "RunFull" in name or "Console" in name]) == 1

    def test_more_than_are_taken_are_spread_over_the_run_and_counted(self, pair: Pair) -> None:
        pair.train("run0", {"lr": 1}, [1.0, 0.5])
        report(pair, "run0", StreamReport(events=measured(4 * SYSTEM_LINES)))

        pair.paribus("import", f"{ENTITY}/imdb")

        here = [text for _, text in streams(pair.here, "run0", Stream.EVENTS)]
        there = [text for _, text in streams(pair.there, "run0", Stream.EVENTS)]
        assert (len(here), here[0], here[-1]) == (SYSTEM_LINES, there[0], there[-1])
        assert set(here) < set(there)
        with pair.here.reading() as session:
            found = mirrors.find_mirror(session, pair.here.run("imdb", "run0").pk)
            assert found is not None
            assert found.system_lines == 4 * SYSTEM_LINES
        assert "500 of 2,000 lines" in page(pair.here, "run0")

    @pytest.mark.parametrize("odd", ["no JSON", '{"system.cpu": NaN}', '{"system.cpu": 1e300}'])
    def test_odd_lines_come_as_they_are_and_the_page_stands(self, pair: Pair, odd: str) -> None:
        pair.train("run0", {"lr": 1}, [1.0, 0.5])
        report(pair, "run0", StreamReport(events=Chunk(0, [odd])))

        pair.paribus("import", f"{ENTITY}/imdb")

        assert streams(pair.here, "run0", Stream.EVENTS) == [(0, odd)]
        assert 'id="system"' in page(pair.here, "run0")


class TestConsoleOutput:
    def test_why_a_run_failed_is_here_to_read(self, pair: Pair) -> None:
        pair.train("run7", {"lr": 1}, [1.0, 0.5], code=1)
        error = ["Traceback (most recent call last):", "ValueError: \x1b[31mno GPU\x1b[0m"]
        report(pair, "run7", StreamReport(output=wrote(*error)))

        pair.paribus("import", f"{ENTITY}/imdb")

        logs = "/api/v1/runs/{}/logs"
        here, there = (
            answer(side, logs.format(side.run("imdb", "run7").id))
            for side in (pair.here, pair.there)
        )
        assert here == there
        shown = page(pair.here, "run7")
        assert "ValueError: no GPU" in shown
        assert shown.count("standard error:") == page(pair.there, "run7").count("standard error:")

    def test_of_a_long_log_the_end_comes_and_the_page_says_so(self, pair: Pair) -> None:
        """40 MB there, of which no more than the end leaves the server."""
        pair.train("run7", {"lr": 1}, [1.0, 0.5], code=1)
        report(pair, "run7", StreamReport(output=wrote(*["x" * 400] * 100_000)))
        report(pair, "run7", StreamReport(output=wrote("KeyError: 'lr'", first=100_000)))

        pair.paribus("import", f"{ENTITY}/imdb")

        here = streams(pair.here, "run7", Stream.OUTPUT)
        assert here[-1][0] == 100_000
        assert 0 < len(here) <= CONSOLE_LINES
        shown = page(pair.here, "run7")
        assert "KeyError" in shown
        assert f"The last {len(here)} of 100,001 lines" in shown
        assert f"Its first {here[0][0]:,} lines stay on the server" in shown

    def test_a_second_import_asks_for_nothing_more(self, pair: Pair) -> None:
        study(pair)
        report(pair, "run7", StreamReport(output=wrote("oh")))
        pair.paribus("import", f"{ENTITY}/imdb")
        before = len(pair.asked_there())

        pair.paribus("import", f"{ENTITY}/imdb")

        asked = [name for name in pair.asked_there()[before:] if "Runs" in name or "Run" in name]
        assert asked == ["query Runs"]


class TestWhatStaysThere:
    def test_the_page_names_it_and_leads_there(self, pair: Pair) -> None:
        study(pair)

        pair.paribus("import", f"{ENTITY}/imdb")

        shown = page(pair.here, "run0")
        address = f"{pair.there.url}/{ENTITY}/imdb/runs/run0"
        assert f'href="{address}"' in shown
        assert "No file" not in shown
        assert "No console output" not in shown

    @pytest.mark.parametrize("kind", ["files", "logs"])
    def test_rest_refuses_by_name(self, pair: Pair, kind: str) -> None:
        study(pair)
        pair.paribus("import", f"{ENTITY}/imdb")

        found = httpx.get(
            f"{pair.here.url}/api/v1/runs/{pair.here.run('imdb', 'run0').id}/{kind}",
            auth=("api", KEY),
        )

        assert found.status_code == 422
        told = found.json()
        assert told["code"] == "not_offered"
        assert f"{pair.there.url}/{ENTITY}/imdb/runs/run0" in told["detail"]
