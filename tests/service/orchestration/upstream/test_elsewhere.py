"""What of a mirrored run is not here is said, with where it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from paribus_service.errors import NotOfferedHere
from paribus_service.orchestration.upstream import elsewhere, records
from paribus_service.orchestration.upstream.elsewhere import Elsewhere
from paribus_service.orchestration.upstream.messages import ConsoleTail, RunRecords
from paribus_service.store import mirrors
from paribus_service.store import runs as run_store
from tests.service.orchestration.upstream.fake_upstream import FakeRun
from tests.service.orchestration.upstream.test_mirror import Mirrored

ROWS = [{"loss": 1.0}]
THERE = "https://wandb.test/lab/imdb/runs/r1"


@pytest.fixture
def pair(tmp_path: Path) -> Mirrored:
    return Mirrored(tmp_path)


def mirrored(pair: Mirrored, state: str, *, console: int = 0, system: int = 0) -> FakeRun:
    there = pair.there.add_run("r1", state=state, rows=ROWS)
    there.console = [f"line {i}" for i in range(console)]
    there.system = [json.dumps({"system.cpu": i}) for i in range(system)]
    pair.sync()
    return there


def told(pair: Mirrored) -> Elsewhere:
    with pair.lab.reading() as session:
        found = elsewhere.of_run(session, pair.lab.run("r1"))
    assert found is not None
    assert found.url == THERE
    return found


def refused(pair: Mirrored, what: str) -> str | None:
    ask: Any = {"console": elsewhere.refuse_console, "files": elsewhere.refuse_files}[what]
    with pair.lab.reading() as session:
        run = run_store.get_run_at(session, "lab", "imdb", "r1")
        try:
            ask(session, run)
        except NotOfferedHere as error:
            return str(error)
    return None


class TestARunOfOurOwn:
    def test_all_of_it_is_here(self, pair: Mirrored) -> None:
        pair.lab.start("r1")

        with pair.lab.reading() as session:
            found = elsewhere.of_run(session, pair.lab.run("r1"))

        assert found is None
        assert (refused(pair, "console"), refused(pair, "files")) == (None, None)


class TestConsoleOutput:
    def test_all_of_a_short_one_is_here(self, pair: Mirrored) -> None:
        mirrored(pair, "failed", console=3)

        assert told(pair).console is None
        assert refused(pair, "console") is None

    def test_of_a_long_one_the_beginning_is_missing(self, pair: Mirrored) -> None:
        mirrored(pair, "failed", console=2_500)

        assert told(pair).console == (
            "Its first 2,000 lines stay on the server that it is mirrored from."
        )
        assert refused(pair, "console") is None

    def test_a_server_that_has_none_says_none(self, pair: Mirrored) -> None:
        mirrored(pair, "failed")

        assert told(pair).console == (
            "The server that it is mirrored from has no console output of it."
        )
        assert refused(pair, "console") is None

    def test_a_server_that_counts_lines_and_sends_none_is_named(self, pair: Mirrored) -> None:
        mirrored(pair, "failed")
        with pair.lab.writing() as session:
            run = run_store.get_run_at(session, "lab", "imdb", "r1")
            mirror = mirrors.find_mirror(session, run.pk)
            assert mirror is not None
            records.take(
                session,
                run,
                mirror,
                RunRecords(None, ConsoleTail([], 1_200)),
                now=pair.lab.clock.now(),
            )

        assert told(pair).console == (
            "The server that it is mirrored from counts 1,200 lines of console output, and gave "
            "out none of them."
        )

    def test_a_server_that_gives_out_none_is_named(self, pair: Mirrored) -> None:
        pair.there.console_problem = "it knows no lines."

        mirrored(pair, "failed")

        assert told(pair).console == (
            "Its console output stays on the server that it is mirrored from: it knows no lines."
        )
        assert refused(pair, "console") == (
            "reading the console output of this mirrored run is not offered yet; it is at "
            f"{THERE}: it knows no lines"
        )

    def test_of_a_run_that_did_not_fail_it_stays_there(self, pair: Mirrored) -> None:
        mirrored(pair, "finished", console=3)

        assert "that of runs that failed or were interrupted is read" in (told(pair).console or "")
        assert refused(pair, "console") == (
            f"reading the console output of this mirrored run is not offered yet; it is at {THERE}"
        )

    def test_before_it_is_read_that_is_said(self, pair: Mirrored) -> None:
        pair.there.add_run("r1", state="failed")
        pair.begin()

        pair.turn(questions=1)

        assert told(pair).console == (
            "Its console output is on the server that it is mirrored from, and not read yet."
        )


class TestSystemMetrics:
    def test_where_all_are_here_nothing_is_said(self, pair: Mirrored) -> None:
        mirrored(pair, "finished", system=3)

        assert told(pair).system is None

    def test_thinned_ones_are_never_told_as_all(self, pair: Mirrored) -> None:
        mirrored(pair, "finished", system=2_000)

        assert told(pair).system == (
            "500 of 2,000 lines of system metrics are here, spread over the run; the rest stays "
            "on the server that it is mirrored from."
        )

    def test_those_that_were_never_asked_for_are_said(self, pair: Mirrored) -> None:
        pair.there.add_run("r1")
        pair.sync()

        assert "none was read" in (told(pair).system or "")


class TestFiles:
    def test_they_are_said_to_be_there(self, pair: Mirrored) -> None:
        mirrored(pair, "finished")

        assert "files and artifacts stay" in told(pair).files
        assert refused(pair, "files") == (
            f"reading the files of this mirrored run is not offered yet; they are at {THERE}"
        )
