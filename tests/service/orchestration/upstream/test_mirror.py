"""What is mirrored equals what is there, costs what changed, and survives what goes wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from paribus_service.errors import (
    NotAllowed,
    UpstreamBusy,
    UpstreamFailed,
    UpstreamNotFound,
    UpstreamUnreachable,
)
from paribus_service.orchestration import recorder, registry, trials
from paribus_service.orchestration.attempts import new_attempt
from paribus_service.orchestration.upstream import mirror as mirroring
from paribus_service.orchestration.upstream import taking_in
from paribus_service.orchestration.upstream.mirror import Budget, Mirror, Turn
from paribus_service.store import mirrors, projects
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.history import Stream, read_lines
from paribus_service.store.states import TrialState
from paribus_service.store.tables import UpstreamSweep
from tests.factories import Lab
from tests.service.orchestration.upstream.fake_upstream import FakeUpstream

URL = "https://wandb.test"
ROWS = [{"loss": 1.0}, {"loss": 0.5}]


class Mirrored:
    """A lab whose project lab/imdb mirrors the one of the same name there."""

    def __init__(self, tmp_path: Path, filters: dict[str, Any] | None = None) -> None:
        self.lab = Lab(tmp_path)
        self.there = FakeUpstream()
        self.there.projects.add(("lab", "imdb"))
        self.mirror = Mirror(self.lab.engine, self.there, self.lab.clock)
        self.source = self.open(filters)

    def open(self, filters: dict[str, Any] | None = None, *, project: str = "imdb") -> int:
        now = self.lab.clock.now()
        with self.lab.writing() as session:
            ours = projects.ensure_project(session, "lab", "imdb", now=now)
            return mirroring.open_source(
                session,
                ours,
                base_url=URL,
                entity="lab",
                remote_project=project,
                filters=filters,
                now=now,
            ).id

    def begin(self, *, everything: bool = True) -> None:
        with self.lab.writing() as session:
            source = mirrors.get_source(session, self.source)
            mirroring.begin(source, everything=everything, now=self.lab.clock.now())

    def sync(self, *, everything: bool = True) -> Turn:
        """One whole listing, and all that follows from it."""
        self.begin(everything=everything)
        turn = self.mirror.turn(self.source, Budget(seconds=1e9))
        assert turn.is_done, turn.trouble
        return turn

    def turn(self, **budget: Any) -> Turn:
        return self.mirror.turn(self.source, Budget(**{"seconds": 1e9, **budget}))

    def rows(self, run_id: str) -> list[dict[str, Any]]:
        with self.lab.reading() as session:
            run = self.lab.run(run_id)
            lines = read_lines(session, run, Stream.HISTORY)
        assert [number for number, _ in lines] == list(range(len(lines)))
        return [json.loads(text) for _, text in lines]

    def steps(self, run_id: str) -> list[int]:
        return [row["_step"] for row in self.rows(run_id)]

    def problem(self) -> str | None:
        with self.lab.reading() as session:
            return mirrors.get_source(session, self.source).problem

    def skips(self) -> dict[str, str]:
        with self.lab.reading() as session:
            found = mirrors.skips_of(session, self.source, limit=100)
            return {skip.wandb_id: skip.reason for skip in found}


@pytest.fixture
def pair(tmp_path: Path) -> Mirrored:
    return Mirrored(tmp_path)


def trouble(kind: str = "down") -> UpstreamUnreachable:
    return UpstreamUnreachable(URL, "list runs", kind)


class TestARun:
    def test_it_is_here_as_it_is_there(self, pair: Mirrored) -> None:
        pair.there.add_run(
            "r1",
            config={"lr": 0.1, "opt": {"name": "adam"}},
            summary={"loss": 0.5},
            rows=ROWS,
            tags=["good"],
            notes="a note",
            group="g",
            job_type="train",
            host="gpu-1",
            commit="abc",
            user="ada",
        )

        pair.sync()

        run = pair.lab.run("r1")
        assert run.config == {"lr": {"value": 0.1}, "opt": {"value": {"name": "adam"}}}
        assert run.summary == {"loss": 0.5}
        assert (run.state, run.reason, run.display_name) == ("finished", None, "r1-name")
        assert (run.tags, run.notes, run.group) == (["good"], "a note", "g")
        assert (run.job_type, run.host, run.commit) == ("train", "gpu-1", "abc")
        assert run.username == "ada"
        assert pair.rows("r1") == [{"_step": 0, "loss": 1.0}, {"_step": 1, "loss": 0.5}]
        assert (run.history_lines, run.last_step) == (2, 1)

    def test_its_times_are_those_of_the_other_side(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", state="running")
        pair.there.finish(there)

        pair.sync()

        run, seen = pair.lab.run("r1"), there.seen
        assert (run.created_at, run.started_at) == (seen.created_at, seen.created_at)
        assert (run.ended_at, run.heartbeat_at) == (seen.heartbeat_at, seen.heartbeat_at)

    @pytest.mark.parametrize(
        ("told", "seconds_after_creation"),
        [
            (["2026-11-23T08:00:03Z"], 2),  # it was created a second after eight, and waited
            (["2026-11-23T08:00:04", "2026-11-23T08:00:03.5Z"], 2.5),
            (["2026-11-23T07:00:00Z"], 0),  # a clock that is an hour late
            (["2026-11-23T09:00:00Z"], 0),
            (["yesterday", 3, None], 0),
        ],
    )
    def test_a_run_that_waited_began_when_its_client_says_so(
        self, pair: Mirrored, told: list[Any], seconds_after_creation: float
    ) -> None:
        reports: dict[str, Any] = {f"w{i}": {"startedAt": at} for i, at in enumerate(told)}
        config = {"_wandb": {"value": {"e": {**reports, "odd": 1}}}}
        there = pair.there.add_run("r1", state="running", config_text=json.dumps(config))
        for _ in range(5):
            pair.there.log(there)
        pair.there.finish(there)

        pair.sync()

        run = pair.lab.run("r1")
        assert run.started_at is not None
        waited = (run.started_at - run.created_at).total_seconds()
        assert waited == seconds_after_creation

    @pytest.mark.parametrize(
        ("word", "state"),
        [
            ("pending", "created"),
            ("running", "running"),
            ("preempting", "running"),
            ("finished", "finished"),
            ("failed", "failed"),
            ("crashed", "interrupted"),
            ("preempted", "interrupted"),
            ("killed", "stopped"),
        ],
    )
    def test_its_state_is_told_in_our_words(self, pair: Mirrored, word: str, state: str) -> None:
        pair.there.add_run("r1", state=word)

        pair.sync()

        assert pair.lab.run("r1").state == state

    def test_a_state_that_nobody_knows_is_said(self, pair: Mirrored) -> None:
        pair.there.add_run("r1", state="dreaming")

        pair.sync()

        assert pair.lab.run("r1").reason == (
            "W&B says 'dreaming', a state that this release does not know"
        )

    def test_values_survive_exactly(self, pair: Mirrored) -> None:
        config = '{"b": {"value": 12345678901234567890}, "a": {"value": NaN}}'
        there = pair.there.add_run("r1", config_text=config, summary_text='{"loss": Infinity}')
        text = '{"_step": 0, "loss": NaN, "x": 0.30000000000000004}'
        there.rows.append((0, text))
        pair.there.edit(there, history_lines=1, last_step=0)

        pair.sync()

        run = pair.lab.run("r1")
        assert (run.config_text, run.summary_text) == (config, '{"loss": Infinity}')
        with pair.lab.reading() as session:
            assert read_lines(session, run, Stream.HISTORY) == [(0, text)]

    def test_its_gpu_is_known_from_the_clients_report(self, pair: Mirrored) -> None:
        report = {"_wandb": {"value": {"t": {}, "e": {"w": {"gpu": "NVIDIA A10"}}}}}
        pair.there.add_run("r1", config_text=json.dumps(report))
        pair.there.add_run("r2", gpu="NVIDIA L4")

        pair.sync()

        assert [pair.lab.run(name).gpu_name for name in ("r1", "r2")] == [
            "NVIDIA A10",
            "NVIDIA L4",
        ]


class TestAMirroredRunIsNoLiveRunOfOurs:
    def test_silence_does_not_end_it(self, pair: Mirrored) -> None:
        pair.there.add_run("r1", state="running")
        pair.sync()

        pair.lab.wait(100_000)

        assert pair.lab.run("r1").state == "running"

    def test_a_run_of_our_own_beside_it_is_still_ended(self, pair: Mirrored) -> None:
        pair.there.add_run("r1", state="running")
        pair.sync()
        pair.lab.start("ours")

        pair.lab.wait(100_000)

        assert pair.lab.run("ours").state == "interrupted"

    def test_no_client_may_start_or_change_it(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1")
        pair.sync()

        with pytest.raises(NotAllowed, match="is a mirror of .*/runs/r1: change it there"):
            pair.lab.start("r1")

        assert pair.lab.run("r1").config_text == there.seen.config_text

    def test_an_imported_one_is_stopped_where_it_runs(self, pair: Mirrored) -> None:
        pair.there.add_run("r1", state="running")
        pair.sync()
        run_id, now = pair.lab.run("r1").id, pair.lab.clock.now()

        with pytest.raises(NotAllowed, match="stop it there"), pair.lab.writing() as session:
            registry.stop_run(session, run_id, now=now, reason="enough")

        assert pair.lab.run("r1").stop_requested_at is None

    def test_it_has_no_resume_token(self, pair: Mirrored) -> None:
        pair.there.add_run("r1", state="running")

        pair.sync()

        assert pair.lab.run("r1").process_token is None


class TestASecondListing:
    def test_it_costs_the_list_and_what_changed(self, pair: Mirrored) -> None:
        runs = [pair.there.add_run(f"r{i}", rows=ROWS, state="running") for i in range(250)]
        pair.sync()
        assert (pair.there.count("runs"), pair.there.count("history")) == (3, 250)
        pair.there.log(runs[7], {"loss": 0.1})

        turn = pair.sync()

        # three pages of a hundred, and one run with a new line
        assert (pair.there.count("runs"), pair.there.count("history")) == (6, 251)
        assert turn.questions == 4
        assert turn.changed == {pair.lab.run("r7").pk}
        assert pair.steps("r7") == [0, 1, 2]

    def test_what_says_nothing_new_changes_no_version(self, pair: Mirrored) -> None:
        pair.there.add_run("r1", summary={"loss": 1.0}, rows=ROWS)
        pair.sync()
        before = pair.lab.run("r1").project.version

        turn = pair.sync()

        assert turn.changed == set()
        assert pair.lab.run("r1").project.version == before

    def test_it_asks_for_who_reported_since_where_that_will_do(self, pair: Mirrored) -> None:
        for i in range(250):  # a second apart: the last ones within the overlap of two minutes
            pair.there.add_run(f"r{i}")
        pair.sync()
        new = pair.there.add_run("new")

        turn = pair.sync(everything=False)

        assert turn.questions == 2  # 122 runs were heard within two minutes: two pages
        assert turn.changed == {pair.lab.run(new.path.run_id).pk}

    def test_histories_go_on_from_the_next_step(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", rows=ROWS, state="running")
        pair.sync()
        pair.there.log(there, {"loss": 0.1})

        pair.sync()

        assert pair.there.history_from == [0, 2]
        assert pair.steps("r1") == [0, 1, 2]


class TestEdits:
    def test_config_summary_tags_and_notes_are_read_again(self, pair: Mirrored) -> None:
        there = pair.there.add_run(
            "r1", config={"lr": 0.1}, summary={"loss": 1.0}, tags=["a"], notes="old"
        )
        pair.sync()

        pair.there.edit(there, config={"lr": 0.2}, summary={"loss": 2.0}, tags=["b"], notes=None)
        pair.sync()

        run = pair.lab.run("r1")
        assert run.config == {"lr": {"value": 0.2}}
        assert run.summary == {"loss": 2.0}
        assert (run.tags, run.notes) == (["b"], None)

    def test_an_edit_of_a_finished_run_makes_answers_anew(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", summary={"loss": 1.0})
        pair.sync()
        before = pair.lab.run("r1").project.version

        pair.there.edit(there, summary={"loss": 2.0})
        pair.sync()

        assert pair.lab.run("r1").project.version > before

    def test_a_run_that_ends_and_goes_on_is_followed(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", state="running")
        seen = []
        for state in ("running", "crashed", "running", "finished"):
            pair.there.edit(there, state=state)
            pair.sync()
            seen.append(pair.lab.run("r1").state)

        assert seen == ["running", "interrupted", "running", "finished"]

    def test_a_history_that_began_again_is_read_from_its_first_line(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", rows=[*ROWS, {"loss": 0.4}])
        pair.sync()

        pair.there.rewrite(there, {"loss": 9.0}, {"loss": 8.0})
        pair.sync()

        assert [row["loss"] for row in pair.rows("r1")] == [9.0, 8.0]

    def test_a_longer_history_without_a_later_step_is_read_again(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", rows=[{"_step": 0, "loss": 1}, {"_step": 9, "loss": 2}])
        pair.sync()

        pair.there.rewrite(there, *({"_step": step, "loss": 5} for step in (0, 4, 9)))
        pair.sync()

        assert pair.steps("r1") == [0, 4, 9]

    def test_lines_at_steps_that_were_read_already_are_fetched_once_more(
        self, pair: Mirrored
    ) -> None:
        there = pair.there.add_run("r1", rows=ROWS, state="running")
        pair.sync()
        there.rows.append((0, '{"_step": 0, "late": 1}'))
        pair.there.log(there, {"_step": 2, "loss": 0.1})

        pair.sync()

        assert pair.steps("r1") == [0, 0, 1, 2]

    def test_a_count_that_the_history_never_reaches_costs_one_more_reading(
        self, pair: Mirrored
    ) -> None:
        there = pair.there.add_run("r1", rows=ROWS)
        pair.there.edit(there, history_lines=5)  # the server counts holes, say

        pair.sync()

        told = {"r1": "its history counts 5 lines there, and 2 came"}
        assert pair.skips() == told
        pair.sync()
        assert (pair.skips(), pair.there.count("history")) == (told, 2)
        assert pair.steps("r1") == [0, 1]


class TestDeletions:
    def test_a_deleted_run_is_hidden_here(self, pair: Mirrored) -> None:
        runs = [pair.there.add_run(f"r{i}") for i in range(3)]
        pair.sync()
        before = pair.lab.run("r1").project.version

        pair.there.delete(runs[1])
        pair.sync()

        gone = pair.lab.run("r1")
        assert gone.deleted_at is not None
        assert gone.project.version > before
        assert (pair.lab.run("r0").deleted_at, pair.lab.run("r2").deleted_at) == (None, None)
        assert gone.project.run_count == 2

    def test_a_listing_of_news_takes_nothing_for_deleted(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1")
        pair.sync()
        pair.there.delete(there)

        pair.sync(everything=False)

        assert pair.lab.run("r1").deleted_at is None

    def test_a_run_that_left_the_filter_is_no_deleted_run(self, tmp_path: Path) -> None:
        pair = Mirrored(tmp_path, {"tags": {"$in": ["good"]}})
        there = pair.there.add_run("r1", tags=["good"])
        pair.sync()

        pair.there.edit(there, tags=["bad"])
        pair.sync()

        run = pair.lab.run("r1")
        assert (run.deleted_at, run.tags) == (None, ["bad"])

    def test_a_run_that_is_deleted_while_it_is_read_is_hidden(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", rows=ROWS)
        pair.there.add_run("r2", rows=ROWS)
        pair.begin()
        pair.turn(questions=1)
        pair.there.delete(there)

        turn = pair.turn()

        assert turn.is_done
        assert pair.lab.run("r1").deleted_at is not None
        assert pair.steps("r2") == [0, 1]

    def test_a_run_that_was_restored_there_is_back(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", rows=ROWS)
        pair.sync()
        pair.there.delete(there)
        pair.sync()
        pair.there.run_table[there.path] = there

        pair.sync()

        run = pair.lab.run("r1")
        assert (run.deleted_at, run.project.run_count) == (None, 1)
        assert pair.steps("r1") == [0, 1]

    def test_another_run_under_the_id_of_a_deleted_one_takes_its_place(
        self, pair: Mirrored
    ) -> None:
        there = pair.there.add_run("r1", rows=ROWS)
        pair.sync()
        pair.there.delete(there)
        pair.there.add_run("r1", rows=[{"loss": 7.0}, {"loss": 6.0}])

        pair.sync()

        assert [row["loss"] for row in pair.rows("r1")] == [7.0, 6.0]

    def test_one_that_was_deleted_here_stays_deleted(self, pair: Mirrored) -> None:
        pair.there.add_run("r1", rows=ROWS)
        pair.sync()
        with pair.lab.writing() as session:
            run = run_store.get_run_at(session, "lab", "imdb", "r1")
            recorder.delete_run(session, run, now=pair.lab.clock.now())

        pair.sync()

        assert pair.lab.run("r1").deleted_at is not None


def _path(pair: Mirrored, run_id: str) -> Any:
    return next(path for path in pair.there.run_table if path.run_id == run_id)


class TestRunsThatAreHereAlready:
    def test_a_run_of_our_own_is_never_overwritten(self, pair: Mirrored) -> None:
        pair.lab.start("r1")
        before = pair.lab.run("r1").config_text
        pair.there.add_run("r1", config={"lr": 1}, rows=ROWS)

        pair.sync()

        run = pair.lab.run("r1")
        assert (run.config_text, run.history_lines) == (before, 0)
        assert pair.skips() == {
            "r1": "run lab/imdb/r1 is here already, and was not mirrored: it was left as it is. "
            "Import into another project to have both"
        }

    def test_neither_is_a_mirror_of_another_project(self, pair: Mirrored) -> None:
        pair.there.add_run("r1", config={"lr": 1})
        pair.sync()
        pair.there.add_run("r1", config={"lr": 2}, project="other")
        pair.source = pair.open(project="other")

        pair.sync()

        assert pair.lab.run("r1").config == {"lr": {"value": 1}}
        assert "as a mirror of https://wandb.test/lab/imdb/runs/r1" in pair.skips()["r1"]

    def test_two_filters_of_one_project_share_their_runs(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", tags=["a"], rows=ROWS)
        pair.sync()
        pair.source = pair.open({"tags": "a"})
        pair.there.log(there, {"loss": 0.1})

        pair.sync()

        assert (pair.skips(), pair.steps("r1")) == ({}, [0, 1, 2])

    def test_a_skip_is_forgotten_once_the_run_is_gone_there(self, pair: Mirrored) -> None:
        pair.lab.start("r1")
        there = pair.there.add_run("r1")
        pair.sync()
        pair.there.delete(there)

        pair.sync()

        assert pair.skips() == {}


class TestOddRuns:
    @pytest.mark.parametrize(
        ("config", "reason"),
        [
            ("{", "its config is no JSON: it was left out"),
            ("[1]", "its config is no JSON object: it was left out"),
            ("[" * 100_000, "its config is no JSON: it was left out"),
        ],
    )
    def test_a_config_that_cannot_be_one_costs_that_run_alone(
        self, pair: Mirrored, config: str, reason: str
    ) -> None:
        pair.there.add_run("bad", config_text=config)
        pair.there.add_run("good", rows=ROWS)

        pair.sync()

        assert pair.skips() == {"bad": reason}
        assert pair.steps("good") == [0, 1]

    def test_a_run_id_that_cannot_stand_in_an_address_is_said(self, pair: Mirrored) -> None:
        pair.there.add_run("a/b")

        pair.sync()

        assert "'a/b' cannot be a run id" in pair.skips()["a/b"]

    @pytest.mark.parametrize("summary", ["", "[]", "null", "{"])
    def test_a_summary_that_is_none_is_left(self, pair: Mirrored, summary: str) -> None:
        pair.there.add_run("r1", summary_text=summary)

        pair.sync()
        turn = pair.sync()

        assert pair.lab.run("r1").summary == {}
        assert turn.changed == set()

    def test_config_keys_that_we_read_ourselves_are_values_like_others(
        self, pair: Mirrored
    ) -> None:
        config = {"_wandb": {"value": "odd"}, "host": {"value": "h"}, "gpu_name": {"value": "x"},
                  "design": {"value": {"type": "mine"}}, "plain": 3}  # fmt: skip
        pair.there.add_run("r1", config_text=json.dumps(config))

        pair.sync()

        assert pair.lab.run("r1").config == config

    def test_a_server_that_counts_no_lines_is_read_to_its_end(self, pair: Mirrored) -> None:
        there = pair.there.add_run("r1", rows=ROWS)
        pair.there.edit(there, history_lines=None)

        pair.sync()
        pair.sync()

        assert pair.steps("r1") == [0, 1]
        assert pair.there.count("history") == 1

    def test_a_long_history_comes_by_pages(
        self, pair: Mirrored, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mirroring, "ROWS_A_PAGE", 10)
        pair.there.add_run("r1", rows=[{"loss": i} for i in range(35)])

        pair.sync()

        assert pair.steps("r1") == list(range(35))
        assert pair.there.count("history") == 4


class TestTrouble:
    def test_a_server_that_is_down_is_waited_for_ever_longer(self, pair: Mirrored) -> None:
        pair.there.add_run("r1", rows=ROWS)
        pair.there.fail(trouble(), times=3)
        pair.begin()
        waits = []
        for _ in range(3):
            turn = pair.turn()
            assert isinstance(turn.trouble, UpstreamUnreachable)
            waits.append(_seconds_to_wait(pair))
            pair.lab.clock.advance(waits[-1])

        turn = pair.turn()

        assert waits == [2.0, 4.0, 8.0]
        assert turn.is_done
        assert pair.problem() is None
        assert pair.steps("r1") == [0, 1]

    def test_while_it_waits_nothing_is_asked(self, pair: Mirrored) -> None:
        pair.there.fail(trouble())
        pair.begin()
        pair.turn()

        turn = pair.turn()

        assert (turn.questions, turn.is_done, pair.there.calls) == (0, False, ["runs"])
        assert "cannot be reached: down" in (pair.problem() or "")

    def test_a_rate_limit_is_waited_out_as_the_server_says(self, pair: Mirrored) -> None:
        pair.there.fail(UpstreamBusy(URL, "list runs", 37.0))
        pair.begin()

        pair.turn()

        assert _seconds_to_wait(pair) == 37.0

    def test_a_clock_that_is_set_back_is_not_waited_for(self, pair: Mirrored) -> None:
        pair.there.fail(UpstreamBusy(URL, "list runs", 37.0))
        pair.begin()
        pair.turn()
        pair.lab.clock.advance(-3600)

        turn = pair.turn()

        assert turn.is_done

    def test_rate_limits_all_the_way_lose_nothing(self, pair: Mirrored) -> None:
        for i in range(20):
            pair.there.add_run(f"r{i}", rows=ROWS)
        pair.there.busy_every = 3
        pair.begin()

        turn = pair.turn()
        while not turn.is_done:
            pair.lab.clock.advance(_seconds_to_wait(pair))
            turn = pair.turn()

        assert all(pair.steps(f"r{i}") == [0, 1] for i in range(20))

    def test_a_project_that_is_not_there_is_said_and_deletes_nothing(self, pair: Mirrored) -> None:
        pair.there.add_run("r1")
        pair.sync()
        pair.there.projects.clear()
        pair.begin()

        with pytest.raises(UpstreamNotFound, match="has no project 'lab/imdb'"):
            pair.turn()

        assert pair.lab.run("r1").deleted_at is None

    def test_a_history_that_cannot_be_read_costs_its_run_alone(self, pair: Mirrored) -> None:
        pair.there.add_run("bad", rows=ROWS)
        pair.there.add_run("good", rows=ROWS)
        pair.there.fail(UpstreamFailed(URL, "read a history", "odd"), on="history", times=3)
        pair.begin()
        turn = pair.turn()
        while not turn.is_done:
            pair.lab.clock.advance(_seconds_to_wait(pair))
            turn = pair.turn()

        assert pair.steps("good") == [0, 1]
        assert "its history is not whole here" in pair.skips()["bad"]
        pair.sync()
        assert pair.steps("bad") == [0, 1]
        assert pair.skips() == {}

    @pytest.mark.parametrize("questions", [1, 2, 3, 5])
    def test_whoever_is_killed_goes_on_where_it_was(
        self, pair: Mirrored, monkeypatch: pytest.MonkeyPatch, questions: int
    ) -> None:
        monkeypatch.setattr(mirroring, "RUNS_A_PAGE", 2)
        monkeypatch.setattr(mirroring, "ROWS_A_PAGE", 3)
        for i in range(5):
            pair.there.add_run(f"r{i}", rows=[{"loss": j} for j in range(7)])
        pair.begin()
        turn = Turn()
        while not turn.is_done:  # a new process each time, so to speak
            pair.mirror = Mirror(pair.lab.engine, pair.there, pair.lab.clock)
            turn = pair.turn(questions=questions)

        # 3 pages of runs; 3 pages of each of 5 histories
        assert (pair.there.count("runs"), pair.there.count("history")) == (3, 15)
        assert all(pair.steps(f"r{i}") == list(range(7)) for i in range(5))

    def test_whoever_is_killed_within_a_page_lists_it_again(
        self, pair: Mirrored, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mirroring, "RUNS_A_COMMIT", 2)
        for i in range(5):
            pair.there.add_run(f"r{i}", rows=ROWS)
        pair.begin()
        take, taken = taking_in.take_run, iter([True] * 3 + [False] + [True] * 100)

        def take_until_killed(*args: Any, **named: Any) -> int | None:
            if not next(taken):
                raise KeyboardInterrupt
            return take(*args, **named)

        monkeypatch.setattr(taking_in, "take_run", take_until_killed)
        with pytest.raises(KeyboardInterrupt):
            pair.turn()

        pair.turn()

        assert pair.there.count("runs") == 2
        assert all(pair.steps(f"r{i}") == [0, 1] for i in range(5))

    def test_two_at_once_store_each_page_once(self, pair: Mirrored) -> None:
        for i in range(3):
            pair.there.add_run(f"r{i}", rows=ROWS)
        other = Mirror(pair.lab.engine, pair.there, pair.lab.clock)
        nested = iter(range(100))

        def meanwhile(_name: str) -> None:
            if next(nested) % 2 == 0:  # the other one is quicker, each time
                other.turn(pair.source, Budget(questions=1))

        pair.there.before_each = meanwhile
        pair.sync()

        assert all(pair.steps(f"r{i}") == [0, 1] for i in range(3))
        assert all(pair.lab.run(f"r{i}").history_lines == 2 for i in range(3))


def _seconds_to_wait(pair: Mirrored) -> float:
    with pair.lab.reading() as session:
        until = mirrors.get_source(session, pair.source).wait_until
    return 0.0 if until is None else (until - pair.lab.clock.now()).total_seconds()


class TestRunsOfASweepThatWeRegistered:
    def test_a_run_made_here_for_a_trial_becomes_its_mirror(self, pair: Mirrored) -> None:
        """What drives a sweep makes the run when the server confirms the trial."""
        sweep, there = _driven_sweep(pair)
        run = pair.lab.run("r9")

        pair.there.add_run("r9", sweep_id=there, state="running", rows=ROWS)
        pair.sync()

        assert pair.lab.run("r9").pk == run.pk
        assert pair.lab.trial_of("r9").state == "running"
        pair.there.finish(pair.there.run_table[_path(pair, "r9")], loss=0.1)
        pair.sync()
        assert pair.lab.trial_of("r9").state == "finished"
        assert pair.lab.sweep(sweep).trial_counts == {"queued": 3, "finished": 1}
        assert pair.skips() == {}

    def test_a_run_of_the_servers_own_search_joins_the_sweep(self, pair: Mirrored) -> None:
        sweep, there = _driven_sweep(pair)

        pair.there.add_run("found", sweep_id=there)
        pair.sync()

        found = pair.lab.run("found")
        assert (found.sweep_id, found.trial_id) == (sweep, None)

    def test_a_run_of_a_foreign_sweep_is_a_run_that_no_sweep_made(self, pair: Mirrored) -> None:
        _driven_sweep(pair)

        pair.there.add_run("loose", sweep_id="theirs")
        pair.sync()

        assert pair.lab.run("loose").sweep_id is None

    def test_a_stop_that_was_asked_for_here_is_called_a_stop(self, pair: Mirrored) -> None:
        """W&B calls the end of a stopped run `failed` or `killed`."""
        _, there = _driven_sweep(pair)
        pair.there.add_run("r9", sweep_id=there, state="running")
        pair.sync()
        with pair.lab.writing() as session:
            run = run_store.get_run_at(session, "lab", "imdb", "r9")
            trials.request_stop(session, run, now=pair.lab.clock.now(), reason="enough")

        pair.there.edit(pair.there.run_table[_path(pair, "r9")], state="failed")
        pair.sync()

        assert (pair.lab.run("r9").state, pair.lab.run("r9").reason) == ("stopped", "enough")


def _driven_sweep(pair: Mirrored) -> tuple[str, str]:
    """A sweep that is registered there, with one trial sent as run r9; its id here and there."""
    sweep_id, now = pair.lab.register(), pair.lab.clock.now()
    with pair.lab.writing() as session:
        sweep = sweep_store.get_sweep(session, sweep_id)
        session.add(
            UpstreamSweep(
                sweep_id=sweep_id,
                base_url=URL,
                entity="lab",
                project="imdb",
                remote_id=f"{sweep_id}-there",
                gql_id="gql",
                url=f"{URL}/lab/imdb/sweeps/{sweep_id}",
                way="enqueue",
                state_there="RUNNING",
                state_here="running",
                created_at=now,
                updated_at=now,
            )
        )
        trial = sweep_store.list_trials(session, sweep_id)[0]
        run = new_attempt(session, sweep, trial, now=now)
        run.wandb_id = "r9"
        trial.run_pk = run.pk
        trials.move_trial(session, trial, TrialState.LEASED, now=now, run=run)
    return sweep_id, f"{sweep_id}-there"
