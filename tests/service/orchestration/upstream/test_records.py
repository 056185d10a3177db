"""What a run has beside its history: system metrics come along, console output costs a request."""

import json
from pathlib import Path
from typing import Any

import pytest

from paribus_service.errors import UpstreamBusy, UpstreamFailed, UpstreamUnreachable
from paribus_service.orchestration.upstream import mirror as mirroring
from paribus_service.orchestration.upstream.mirror import Mirror, Turn
from paribus_service.orchestration.upstream.records import CONSOLE_LINES, SYSTEM_LINES
from paribus_service.store import mirrors
from paribus_service.store import runs as run_store
from paribus_service.store.history import Stream, read_lines
from paribus_service.store.upstream_tables import UpstreamRun
from tests.service.orchestration.upstream.fake_upstream import FakeRun
from tests.service.orchestration.upstream.test_mirror import Mirrored

URL = "https://wandb.test"
ROWS = [{"loss": 1.0}, {"loss": 0.5}]
TRACEBACK = ["Traceback (most recent call last):", "  …", "ValueError: no GPU"]


@pytest.fixture
def pair(tmp_path: Path) -> Mirrored:
    return Mirrored(tmp_path)


def measured(count: int, *, first: int = 0) -> list[str]:
    return [json.dumps({"system.gpu.0.gpu": i}) for i in range(first, first + count)]


def lines(pair: Mirrored, run_id: str, stream: Stream) -> list[tuple[int, str]]:
    with pair.lab.reading() as session:
        return read_lines(session, pair.lab.run(run_id), stream)


def system(pair: Mirrored, run_id: str) -> list[str]:
    found = lines(pair, run_id, Stream.EVENTS)
    assert [number for number, _ in found] == list(range(len(found)))
    assert pair.lab.run(run_id).events_lines == len(found)
    return [text for _, text in found]


def console(pair: Mirrored, run_id: str) -> list[str]:
    return [json.loads(text)["content"] for _, text in lines(pair, run_id, Stream.OUTPUT)]


def mirror_of(pair: Mirrored, run_id: str) -> UpstreamRun:
    with pair.lab.reading() as session:
        found = mirrors.find_mirror(session, pair.lab.run(run_id).pk)
    assert found is not None
    return found


def failed(pair: Mirrored, run_id: str, **more: Any) -> FakeRun:
    there = pair.there.add_run(run_id, state="failed", rows=ROWS, **more)
    there.console = list(TRACEBACK)
    return there


class TestSystemMetrics:
    def test_they_come_with_the_last_page_of_the_history(
        self, pair: Mirrored, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mirroring, "ROWS_A_PAGE", 10)
        there = pair.there.add_run("r1", rows=[{"loss": i} for i in range(35)])
        there.system = measured(7)

        pair.sync()

        assert system(pair, "r1") == measured(7)
        assert pair.lab.run("r1").system_metrics_text == measured(7)[-1]
        assert (pair.there.count("history"), pair.there.count("records")) == (4, 0)

    def test_where_the_server_thins_them_both_numbers_are_known(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", rows=ROWS)
        there.system = measured(3 * SYSTEM_LINES)

        pair.sync()

        assert system(pair, "r1") == measured(3 * SYSTEM_LINES)[::3]
        assert mirror_of(pair, "r1").system_lines == 3 * SYSTEM_LINES

    def test_a_run_without_any_has_none(self, pair: Mirrored) -> None:
        pair.there.add_run("r1", rows=ROWS)

        pair.sync()

        assert system(pair, "r1") == []
        assert pair.lab.run("r1").system_metrics_text is None
        assert mirror_of(pair, "r1").system_lines == 0

    @pytest.mark.parametrize("odd", ["no JSON", "[]", '{"a": NaN}', '{"a": 1e300}', "1e999", ""])
    def test_a_line_is_kept_as_it_came(self, pair: Mirrored, odd: str) -> None:
        there = pair.there.add_run("r1", rows=ROWS)
        there.system = [*measured(1), odd]

        pair.sync()

        assert system(pair, "r1") == [*measured(1), odd]

    def test_those_of_a_live_run_are_replaced_and_never_doubled(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", rows=ROWS, state="running")
        there.system = measured(SYSTEM_LINES)
        pair.sync()
        there.system = measured(SYSTEM_LINES + 2)  # thinned now: every second one

        _pass_minutes(pair, 6)
        pair.there.log(there, {"loss": 0.4})
        pair.sync()

        assert system(pair, "r1") == measured(SYSTEM_LINES + 2)[::2]

    def test_a_server_that_gives_out_none_any_more_takes_nothing_away(
        self, pair: Mirrored
    ) -> None:
        there = pair.there.add_run("r1", rows=ROWS, state="running")
        there.system = measured(3)
        pair.sync()
        there.system = []

        _pass_minutes(pair, 6)
        pair.there.log(there, {"loss": 0.4})
        pair.sync()

        assert system(pair, "r1") == measured(3)
        assert mirror_of(pair, "r1").system_lines == 3

    def test_a_live_run_is_not_asked_for_them_with_each_row(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", rows=ROWS, state="running")
        there.system = measured(1)
        pair.sync()
        there.system = measured(2)

        pair.there.log(there, {"loss": 0.4})
        pair.sync()

        assert system(pair, "r1") == measured(1)

    def test_what_came_while_it_ran_is_made_whole_at_its_end(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", rows=ROWS, state="running")
        there.system = measured(1)
        pair.sync()
        there.system = measured(4)

        pair.there.finish(there)
        pair.sync()
        pair.sync()

        assert system(pair, "r1") == measured(4)
        assert (pair.there.count("history"), pair.there.count("records")) == (1, 1)

    def test_a_last_row_brings_them_without_a_request_of_their_own(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", rows=ROWS, state="running")
        pair.sync()
        there.system = measured(4)

        pair.there.log(there, {"loss": 0.4})
        pair.there.finish(there)
        pair.sync()

        assert system(pair, "r1") == measured(4)
        assert pair.there.count("records") == 0

    def test_a_history_that_began_again_brings_its_own(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", rows=[*ROWS, *ROWS], state="running")
        there.system = measured(3)
        pair.sync()

        there.system = measured(1, first=9)
        pair.there.rewrite(there, {"loss": 9.0})
        pair.sync()

        assert system(pair, "r1") == measured(1, first=9)

    def test_a_history_that_is_read_once_more_has_them_again(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", rows=ROWS)
        there.system = measured(2)
        pair.there.edit(there, history_lines=5)

        pair.sync()

        assert pair.there.count("history") == 2
        assert system(pair, "r1") == measured(2)

    def test_a_finished_run_that_logged_nothing_is_not_asked_for_them(
        self, pair: Mirrored
    ) -> None:
        there = pair.there.add_run("r1")
        there.system = measured(2)

        pair.sync()

        assert pair.there.calls == ["runs"]
        assert mirror_of(pair, "r1").system_lines is None


def _pass_minutes(pair: Mirrored, minutes: int) -> None:
    for _ in range(60 * minutes):  # each is a second of the clock there
        pair.there._tick()


class TestConsoleOutput:
    @pytest.mark.parametrize("word", ["failed", "crashed", "preempted"])
    def test_that_of_a_run_that_ended_badly_is_here(self, pair: Mirrored, word: str) -> None:
        there = failed(pair, "r1")
        pair.there.edit(there, state=word)

        pair.sync()

        assert console(pair, "r1") == TRACEBACK
        assert pair.lab.run("r1").output_lines == 3

    @pytest.mark.parametrize("word", ["finished", "running", "killed", "pending"])
    def test_that_of_other_runs_costs_nothing(self, pair: Mirrored, word: str) -> None:
        there = failed(pair, "r1")
        pair.there.edit(there, state=word)

        pair.sync()

        assert pair.there.count("records") == 0
        assert console(pair, "r1") == []

    def test_it_costs_one_request_and_none_again(self, pair: Mirrored) -> None:
        for i in range(5):
            failed(pair, f"r{i}")

        pair.sync()
        pair.sync()

        assert pair.there.count("records") == 5
        assert pair.there.count("history") == 5

    def test_of_a_long_one_the_end_is_here_under_its_own_numbers(self, pair: Mirrored) -> None:
        there = failed(pair, "r1")
        there.console = [f"line {i}" for i in range(100_000)]

        pair.sync()

        found = lines(pair, "r1", Stream.OUTPUT)
        assert [number for number, _ in found] == list(range(100_000 - CONSOLE_LINES, 100_000))
        assert pair.lab.run("r1").output_lines == 100_000

    def test_a_run_that_wrote_none_is_asked_once(self, pair: Mirrored) -> None:
        there = failed(pair, "r1")
        there.console = []

        pair.sync()
        pair.sync()

        assert (pair.there.count("records"), mirror_of(pair, "r1").console_lines) == (1, 0)

    def test_a_server_that_gives_out_none_is_asked_once_and_named(self, pair: Mirrored) -> None:
        there = failed(pair, "r1")
        there.console, pair.there.console_problem = [], "it knows no logLines"

        pair.sync()
        pair.sync()

        assert pair.there.count("records") == 1
        assert mirror_of(pair, "r1").console_problem == "it knows no logLines"

    def test_a_run_that_failed_before_it_logged_brings_its_system_metrics(
        self, pair: Mirrored
    ) -> None:
        there = pair.there.add_run("r1", state="failed")
        there.console, there.system = list(TRACEBACK), measured(2)

        pair.sync()

        assert pair.there.calls == ["runs", "records"]
        assert (console(pair, "r1"), system(pair, "r1")) == (TRACEBACK, measured(2))

    def test_a_run_that_goes_on_and_fails_again_is_read_again(self, pair: Mirrored) -> None:
        there = failed(pair, "r1")
        pair.sync()

        pair.there.edit(there, state="running")
        pair.sync()
        there.console += ["again", "KeyError: 'lr'"]
        pair.there.edit(there, state="failed")
        pair.sync()

        assert console(pair, "r1") == [*TRACEBACK, "again", "KeyError: 'lr'"]
        assert pair.lab.run("r1").output_lines == 5

    def test_it_changes_no_answer(self, pair: Mirrored) -> None:
        failed(pair, "r1")
        pair.begin()
        pair.turn(questions=2)  # the list, the history
        before = pair.lab.run("r1").project.version

        pair.turn()

        assert console(pair, "r1") == TRACEBACK
        assert pair.lab.run("r1").project.version == before


class TestTroubleBetweenHistoryAndConsole:
    def test_a_rate_limit_is_waited_out(self, pair: Mirrored) -> None:
        failed(pair, "r1")
        pair.there.fail(UpstreamBusy(URL, "send the console output", 37.0), on="records")
        pair.begin()

        turn = pair.turn()

        assert isinstance(turn.trouble, UpstreamBusy)
        pair.lab.clock.advance(37)
        assert pair.turn().is_done
        assert (console(pair, "r1"), pair.there.count("history")) == (TRACEBACK, 1)

    @pytest.mark.parametrize("questions", [1, 2, 3])
    def test_whoever_is_killed_goes_on_where_it_was(self, pair: Mirrored, questions: int) -> None:
        for i in range(3):
            failed(pair, f"r{i}").system = measured(2)
        pair.begin()
        turn = Turn()
        while not turn.is_done:  # a new process each time, so to speak
            pair.mirror = Mirror(pair.lab.engine, pair.there, pair.lab.clock)
            turn = pair.turn(questions=questions)

        assert (pair.there.count("history"), pair.there.count("records")) == (3, 3)
        for i in range(3):
            assert (console(pair, f"r{i}"), system(pair, f"r{i}")) == (TRACEBACK, measured(2))

    def test_two_at_once_store_each_line_once(self, pair: Mirrored) -> None:
        failed(pair, "r1").system = measured(2)
        other = Mirror(pair.lab.engine, pair.there, pair.lab.clock)
        nested = iter(range(100))

        def meanwhile(_name: str) -> None:
            if next(nested) % 2 == 0:
                other.turn(pair.source, mirroring.Budget(questions=1))

        pair.there.before_each = meanwhile
        pair.sync()

        assert (console(pair, "r1"), system(pair, "r1")) == (TRACEBACK, measured(2))

    def test_a_run_that_is_deleted_before_its_console_is_read_is_hidden(
        self, pair: Mirrored
    ) -> None:
        there = failed(pair, "r1")
        pair.begin()
        pair.turn(questions=2)
        pair.there.delete(there)

        turn = pair.turn()

        assert turn.is_done
        assert pair.lab.run("r1").deleted_at is not None

    def test_one_that_was_deleted_here_meanwhile_is_left(self, pair: Mirrored) -> None:
        failed(pair, "r1")
        pair.begin()
        pair.turn(questions=2)
        with pair.lab.writing() as session:
            run = run_store.get_run_at(session, "lab", "imdb", "r1")
            run.deleted_at = pair.lab.clock.now()

        assert pair.turn().is_done
        assert console(pair, "r1") == []

    def test_one_that_went_on_meanwhile_needs_none(self, pair: Mirrored) -> None:
        """What changed between two questions is asked for as it is then: here, not at all."""
        failed(pair, "r1")
        pair.begin()
        pair.turn(questions=2)
        with pair.lab.writing() as session:
            run_store.get_run_at(session, "lab", "imdb", "r1").state = "running"

        assert pair.turn().is_done
        assert pair.there.count("records") == 0

    def test_what_cannot_be_read_costs_its_run_alone(self, pair: Mirrored) -> None:
        failed(pair, "bad")
        failed(pair, "good")
        odd = UpstreamFailed(URL, "send the console output", "odd")
        pair.there.fail(odd, on="records", times=3)
        pair.begin()

        _to_the_end(pair)

        assert (console(pair, "bad"), console(pair, "good")) == ([], TRACEBACK)
        assert pair.skips()["bad"].startswith("its console output or system metrics are not here")
        pair.sync()
        assert (console(pair, "bad"), pair.skips()) == (TRACEBACK, {})

    def test_a_server_that_is_down_meanwhile_loses_nothing(self, pair: Mirrored) -> None:
        failed(pair, "r1")
        pair.there.fail(UpstreamUnreachable(URL, "send", "down"), on="records", times=2)
        pair.begin()

        _to_the_end(pair)

        assert (console(pair, "r1"), pair.skips()) == (TRACEBACK, {})

    def test_a_log_that_never_comes_in_time_keeps_nobody_waiting(self, pair: Mirrored) -> None:
        """A server may take minutes for the end of one huge log, and answer all else."""
        failed(pair, "huge")
        failed(pair, "good")
        late = UpstreamUnreachable(URL, "send the console output", "no answer within 30 s")
        pair.there.fail(late, on="records", times=3)
        pair.begin()

        _to_the_end(pair)

        assert (console(pair, "huge"), console(pair, "good")) == ([], TRACEBACK)
        assert "no answer within 30 s" in pair.skips()["huge"]
        pair.sync()
        assert console(pair, "huge") == TRACEBACK


def _to_the_end(pair: Mirrored) -> None:
    while not pair.turn().is_done:
        pair.lab.clock.advance(300)
