"""Annotations of a small W&B in memory: once, whole, given back, whatever happens in between."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from paribus_service.errors import (
    InvalidRequest,
    NotFound,
    UpstreamBusy,
    UpstreamElsewhere,
    UpstreamError,
    UpstreamFailed,
    UpstreamNotFound,
    UpstreamRefusedKey,
    UpstreamTooOld,
    UpstreamUnreachable,
)
from paribus_service.orchestration.answers import AnswerCache, answer
from paribus_service.orchestration.inquiries import Inquiry, Subject
from paribus_service.orchestration.observer import Observer
from paribus_service.orchestration.upstream.annotating import Annotator
from paribus_service.orchestration.upstream.annotation_requests import (
    Progress,
    Wanted,
    ask_at_the_end,
    in_words,
    show_of,
)
from paribus_service.orchestration.upstream.importing import Importer
from paribus_service.orchestration.upstream.importing import Wanted as Imported
from paribus_service.store import annotations, projects
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import AnnotationState
from paribus_service.store.upstream_tables import AnnotatedRun, Annotation, UpstreamRun
from tests.factories import Lab
from tests.service.orchestration.upstream.fake_upstream import FakeRun, FakeUpstream
from tests.service.orchestration.upstream.sides import Killed, Mortal, Sides

URL = "https://wandb.test"
ROOT = "https://paribus.test"
LOSS = Inquiry(response="loss", goal="minimize", factors=("lr", "batch"))
WANTED = Wanted(entity="lab", project="imdb", inquiry=LOSS)
RISING = [{"loss": 1 / (1 + i), "eval/loss": 0.5 + 0.01 * (i - 5) ** 2} for i in range(25)]
"""Overfitting, as clear as it gets."""


class Desk:
    """An imported project of four runs, two factors, and whoever annotates it."""

    def __init__(self, tmp_path: Path) -> None:
        self.lab, self.there = Lab(tmp_path), FakeUpstream()
        self.runs = [
            self.there.add_run(
                f"r{number}",
                config={"lr": lr, "batch": batch},
                summary={"loss": round(lr + batch / 100, 2)},
                rows=RISING if number == 0 else [],
                tags=["mine"],
                notes="own words" if number == 0 else None,
            )
            for number, (lr, batch) in enumerate([(0.1, 8), (0.1, 64), (0.2, 8), (0.2, 64)])
        ]
        self.take_in()
        self.mortal = Mortal(self.there)
        self.annotator = self.somebody()

    def somebody(self, there: Any = None) -> Annotator:
        """Another one who annotates."""
        lab = self.lab
        rules = Observer(lab.engine, lab.settings, lab.clock).rules
        return Annotator(lab.engine, there or self.mortal, lab.clock, rules)

    def take_in(self) -> set[int]:
        """Import, again; the runs that something was taken in of."""
        changed: set[int] = set()
        importer = Importer(self.lab.engine, self.there, self.lab.clock, on_change=changed.update)
        found = importer.open(Imported("lab", "imdb"))
        importer.go_on(found.id, seconds=60)
        return changed

    def annotate(self, wanted: Wanted = WANTED) -> Progress:
        return self.through(lambda: self.annotator.open(wanted, root=ROOT))

    def remove(self) -> Progress:
        return self.through(lambda: self.annotator.remove(WANTED, root=ROOT))

    def through(self, begin: Callable[[], Progress]) -> Progress:
        """To its end, a turn as short as can be after the other."""
        found = begin()
        for _ in range(50):
            found = self.annotator.go_on(found.id, seconds=0)
            if found.state == AnnotationState.IDLE:
                return found
            self.lab.clock.advance(found.wait_seconds or 0)
        raise AssertionError(f"it does not end: {found}")

    def texts(self) -> dict[str, tuple[str, list[str], str]]:
        """What stands there."""
        return {
            path.run_id: (run.seen.summary_text, list(run.seen.tags), run.seen.notes or "")
            for path, run in self.there.run_table.items()
        }

    def summary(self, run: FakeRun) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run.seen.summary_text)
        return found

    def etag(self) -> str:
        """Of an answer that rests on all of the project's runs."""
        with self.lab.reading() as session:
            project = projects.find_project(session, "lab", "imdb")
            assert project is not None
            subject = Subject.of_project(project)
            return answer(session, subject, "best", LOSS, root=ROOT, cache=AnswerCache(0)).etag

    def forget(self) -> None:
        """Our database loses what it knows of annotations."""
        with self.lab.writing() as session:
            session.execute(delete(AnnotatedRun))
            session.execute(delete(Annotation))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def left(found: Progress) -> dict[str, list[str]]:
    """Run → what of it was left as it is."""
    return {run.wandb_id: run.known.left for run in found.runs if run.known.left}


class TestAnnotating:
    def test_the_best_runs_and_what_was_found_stand_there(self, desk: Desk) -> None:
        found = desk.annotate()

        best, other = desk.runs[0].seen, desk.runs[1].seen
        assert desk.summary(desk.runs[0]) == {
            "loss": 0.18,
            "paribus/best_for": "lr=0.1, batch=8",
            "paribus/findings": "overfitting",
        }
        assert best.tags == ["mine", "paribus:best", "paribus:overfitting"]
        assert best.notes is not None
        assert best.notes.startswith(
            "own words\n\n[Paribus says]\nThe best run of all.\n"
            "The best run for lr=0.1, batch=8.\noverfitting: "
        )
        assert f"More: {ROOT}/lab/imdb/runs/r0" in best.notes
        assert desk.summary(desk.runs[1])["paribus/best_for"] == "batch=64"
        assert other.tags == ["mine"]
        # r3 is the best of nothing, and nothing was found: nothing is said of it.
        assert desk.texts()["r3"] == ('{"loss": 0.84}', ["mine"], "")
        assert (found.total, found.done, found.written, found.writes) == (4, 4, 3, 3)

    def test_the_best_run_has_the_verdict_in_the_answers_own_words(self, desk: Desk) -> None:
        found = desk.annotate()

        notes = desk.runs[0].seen.notes or ""
        assert found.lines[0] == "Measured by loss (lower is better): the best run has 0.18."
        assert any(line.startswith("`lr`: ") for line in found.lines)
        assert all(line in notes for line in found.lines)
        assert "Measured by" not in (desk.runs[1].seen.notes or "")

    def test_again_it_changes_nothing_and_costs_the_list(self, desk: Desk) -> None:
        desk.annotate()
        before, asked = desk.texts(), len(desk.there.calls)

        found = desk.annotate()

        assert (desk.texts(), found.writes, found.written) == (before, 0, 3)
        assert desk.there.calls[asked:] == ["server", "runs"]

    def test_what_has_changed_is_written_alone(self, desk: Desk) -> None:
        desk.annotate()
        desk.there.edit(desk.runs[3], summary={"loss": 0.01})
        desk.take_in()
        desk.there.written.clear()

        found = desk.annotate()

        # r3 is the best run of all now: r0 keeps its finding, r1 and r2 are the best for one.
        assert desk.runs[3].seen.tags == ["mine", "paribus:best"]
        assert desk.runs[0].seen.tags == ["mine", "paribus:overfitting"]
        assert "paribus/best_for" in desk.summary(desk.runs[3])
        assert found.writes == len(desk.there.written)

    def test_without_a_response_findings_alone_are_written(self, desk: Desk) -> None:
        found = desk.annotate(Wanted(entity="lab", project="imdb"))

        assert found.lines[0] == "No response was named, so no run is called the best."
        assert desk.there.written == [desk.runs[0].seen.gql_id]
        assert desk.runs[0].seen.tags == ["mine", "paribus:overfitting"]

    def test_of_a_continuous_factor_the_best_runs_value_is_said(self, desk: Desk) -> None:
        for number in range(20):
            loss = 0.01 + abs(number - 7) / 100
            config = {"lr": 0.01 * (1 + number), "batch": 8, "drop": number / 100}
            desk.there.add_run(f"c{number}", config=config, summary={"loss": loss})
        desk.take_in()

        desk.annotate(
            Wanted(entity="lab", project="imdb", inquiry=replace(LOSS, factors=("drop",)))
        )

        texts = desk.texts()
        assert json.loads(texts["c7"][0])["paribus/best_for"] == "drop=0.07"
        assert "paribus:best" in texts["c7"][1]

    def test_of_a_run_that_logged_nothing_no_finding_is_written(self, desk: Desk) -> None:
        """As on its page; the rule of runs that were cut off would speak of it."""
        desk.there.add_run("dead", state="failed", config={"lr": 0.1}, summary={"_runtime": 3})
        desk.take_in()

        desk.annotate()

        assert desk.texts()["dead"] == ('{"_runtime": 3}', [], "")

    def test_a_plan_shows_the_first_runs(self, desk: Desk) -> None:
        found = desk.annotator.preview(WANTED, root=ROOT, limit=1)

        assert (len(found.runs), found.total) == (1, 4)

    def test_a_run_that_has_not_ended_is_left_and_named(self, desk: Desk) -> None:
        desk.there.edit(desk.runs[0], state="running")
        before = desk.texts()["r0"]

        found = desk.annotate()

        assert desk.texts()["r0"] == before
        assert left(found) == {
            "r0": ["it has not ended, and nothing was written: its client would write over it"]
        }

    def test_one_that_starts_again_in_between_is_too(self, desk: Desk) -> None:
        before = desk.texts()["r0"]

        def resume(name: str) -> None:
            if name == "annotate_run":
                desk.there.edit(desk.runs[0], state="running")

        desk.there.before_each = resume
        found = desk.annotate()

        assert desk.texts()["r0"] == before
        assert list(left(found)) == ["r0"]

    def test_one_that_is_deleted_in_between_is_named(self, desk: Desk) -> None:
        def vanish(name: str) -> None:
            if name == "annotate_run" and desk.runs[1].path in desk.there.run_table:
                desk.there.delete(desk.runs[1])

        desk.there.before_each = vanish
        found = desk.annotate()

        assert left(found) == {"r1": ["it is not there any more"]}
        assert found.written == 2

    def test_one_that_was_deleted_before_is_named_too(self, desk: Desk) -> None:
        desk.there.delete(desk.runs[1])

        assert left(desk.annotate()) == {"r1": ["it is not there any more"]}

    def test_what_a_person_writes_in_between_stays(self, desk: Desk) -> None:
        def write(name: str) -> None:
            if name == "annotate_run":
                desk.there.before_each = lambda _name: None
                desk.there.edit(desk.runs[0], notes="other words", tags=["theirs"])

        desk.there.before_each = write
        desk.annotate()

        assert (desk.runs[0].seen.notes or "").startswith("other words\n\n[Paribus says]")
        assert desk.runs[0].seen.tags == ["theirs", "paribus:best", "paribus:overfitting"]

    def test_a_run_that_the_server_refuses_costs_no_other_one(self, desk: Desk) -> None:
        desk.there.fail(UpstreamFailed(URL, "annotate", "notes too long"), on="annotate_run")

        found = desk.annotate()

        assert left(found) == {"r0": [f"{URL} was asked to annotate and did not: notes too long"]}
        assert found.written == 2


class TestTakingBack:
    def test_it_leaves_what_was_there_before(self, desk: Desk) -> None:
        before = desk.texts()
        desk.annotate()

        found = desk.remove()

        assert desk.texts() == before
        assert (found.written, found.left, found.runs) == (0, 0, [])

    def test_again_it_changes_nothing(self, desk: Desk) -> None:
        desk.annotate()
        desk.remove()

        assert desk.remove().writes == 0

    def test_it_needs_no_record_of_ours(self, desk: Desk) -> None:
        before = desk.texts()
        desk.annotate()
        desk.forget()

        found = desk.remove()

        assert (desk.texts(), found.writes) == (before, 3)

    def test_what_was_never_annotated_is_left(self, desk: Desk) -> None:
        desk.there.edit(desk.runs[2], tags=["paribus:best"], summary={"paribus/best_for": "x"})
        before = desk.texts()

        found = desk.remove()

        assert (desk.texts(), found.writes) == (before, 0)

    def test_it_can_follow_at_any_point(self, desk: Desk) -> None:
        before = desk.texts()
        begun = desk.annotator.open(WANTED, root=ROOT)
        desk.annotator.go_on(begun.id, seconds=0)
        assert desk.texts() != before

        desk.remove()

        assert desk.texts() == before


class TestOurOwnMirror:
    def test_no_answer_and_no_version_changes(self, desk: Desk) -> None:
        before = desk.etag()
        desk.annotate()

        changed = desk.take_in()

        assert (changed, desk.etag()) == (set(), before)

    def test_nor_after_it_was_taken_back(self, desk: Desk) -> None:
        before = desk.etag()
        desk.annotate()
        desk.take_in()
        desk.remove()

        assert (desk.take_in(), desk.etag()) == (set(), before)

    def test_a_first_import_takes_in_what_was_there_before(
        self, desk: Desk, tmp_path: Path
    ) -> None:
        desk.annotate()
        (tmp_path / "other").mkdir()
        other = Lab(tmp_path / "other")
        importer = Importer(other.engine, desk.there, other.clock)

        importer.go_on(importer.open(Imported("lab", "imdb")).id, seconds=60)

        run = other.run("r0")
        assert (run.summary_text, run.tags, run.notes) == ('{"loss": 0.18}', ["mine"], "own words")

    def test_a_block_that_somebody_removed_brings_no_key_of_ours(self, desk: Desk) -> None:
        desk.annotate()
        desk.there.edit(desk.runs[0], notes="own words")

        desk.take_in()

        run = desk.lab.run("r0")
        assert (run.summary_text, run.tags) == ('{"loss": 0.18}', ["mine"])

    def test_what_a_person_changed_beside_it_is_taken_in(self, desk: Desk) -> None:
        desk.annotate()
        notes = desk.runs[0].seen.notes or ""
        desk.there.edit(desk.runs[0], notes=notes.replace("own words", "new words"))

        assert len(desk.take_in()) == 1
        assert desk.lab.run("r0").notes == "new words"


class TestTrouble:
    @pytest.mark.parametrize("on", ["runs", "annotate_run"])
    @pytest.mark.parametrize("takes_effect", [False, True])
    def test_it_is_waited_out_and_nothing_is_doubled(
        self, desk: Desk, on: str, takes_effect: bool
    ) -> None:
        down = UpstreamUnreachable(URL, "answer", "connection refused")
        desk.there.fail(down, on=on, times=3, takes_effect=takes_effect)

        found = desk.annotate()

        assert found.problem is None
        assert desk.runs[0].seen.tags == ["mine", "paribus:best", "paribus:overfitting"]
        assert (desk.runs[0].seen.notes or "").count("[Paribus says]") == 1
        assert len(desk.there.written) == 3  # what was written and not answered, is not again

    def test_a_limit_is_kept(self, desk: Desk) -> None:
        desk.there.fail(UpstreamBusy(URL, "answer", 77.0), on="runs")
        begun = desk.annotator.open(WANTED, root=ROOT)

        found = desk.annotator.go_on(begun.id, seconds=0)
        asked = len(desk.there.calls)
        desk.annotator.go_on(begun.id, seconds=0)

        assert found.wait_seconds == 77.0
        assert len(desk.there.calls) == asked

    def test_a_key_without_rights_is_one_sentence_and_nothing_is_lost(self, desk: Desk) -> None:
        before = desk.texts()
        refused = UpstreamRefusedKey(URL, "annotate run lab/imdb/r0", "permission denied")
        desk.there.fail(refused, on="annotate_run", times=1)
        begun = desk.annotator.open(WANTED, root=ROOT)

        with pytest.raises(UpstreamRefusedKey, match="a key of that server whose user may"):
            desk.annotator.go_on(begun.id, seconds=60)

        assert desk.texts() == before
        assert desk.annotate().written == 3

    @pytest.mark.parametrize("error", [UpstreamNotFound(URL, "project", "lab/imdb")])
    def test_a_project_that_is_gone_is_said(self, desk: Desk, error: UpstreamError) -> None:
        begun = desk.annotator.open(WANTED, root=ROOT)
        desk.there.fail(error, on="annotate_run")

        with pytest.raises(UpstreamNotFound):
            desk.annotator.go_on(begun.id, seconds=60)

    def test_whoever_is_killed_between_two_steps_doubles_nothing(self, tmp_path: Path) -> None:
        # 2 steps each of: who it is, the list of runs, and three runs that are written to.
        for steps in range(1, 11):
            (tmp_path / str(steps)).mkdir()
            desk = Desk(tmp_path / str(steps))
            before = desk.texts()
            desk.mortal.last = steps
            with pytest.raises(Killed):
                desk.annotate()
            desk.mortal.last = None

            found = desk.annotate()

            assert len(desk.there.written) == 3, steps
            assert found.written == 3
            desk.remove()
            assert desk.texts() == before

    def test_two_at_once_write_each_thing_once(self, desk: Desk) -> None:
        other = desk.somebody()
        first = desk.annotator.open(WANTED, root=ROOT)

        def meddle(name: str) -> None:
            if name == "annotate_run":
                desk.there.before_each = lambda _name: None
                other.go_on(other.open(WANTED, root=ROOT).id, seconds=60)

        desk.there.before_each = meddle
        found = desk.annotator.go_on(first.id, seconds=60)

        assert (found.state, found.written) == (AnnotationState.IDLE, 3)
        assert len(desk.there.written) == 3
        assert all((run.seen.notes or "").count("[Paribus says]") <= 1 for run in desk.runs)

    def test_who_has_just_read_the_list_stops_as_well(self, desk: Desk) -> None:
        other = desk.somebody(desk.there)
        first = desk.annotator.open(WANTED, root=ROOT)

        def meddle(name: str) -> None:
            if name == "runs":
                desk.there.before_each = lambda _name: None
                other.remove(WANTED, root=ROOT)

        desk.there.before_each = meddle
        desk.annotator.go_on(first.id, seconds=60)

        assert desk.there.written == []

    def test_who_began_first_stops_where_somebody_takes_it_back(self, desk: Desk) -> None:
        before = desk.texts()
        other = desk.somebody(desk.there)
        first = desk.annotator.open(WANTED, root=ROOT)

        def meddle(name: str) -> None:
            if name == "annotate_run":
                desk.there.before_each = lambda _name: None
                other.remove(WANTED, root=ROOT)

        desk.there.before_each = meddle
        desk.annotator.go_on(first.id, seconds=60)

        assert desk.texts() == before


class TestLimits:
    def test_notes_of_100_kb_are_kept(self, desk: Desk) -> None:
        long = "n" * 100_000
        desk.there.edit(desk.runs[0], notes=long)
        desk.take_in()

        desk.annotate()
        assert (desk.runs[0].seen.notes or "").startswith(long + "\n\n[Paribus says]")
        desk.remove()

        assert desk.runs[0].seen.notes == long

    def test_many_tags_are_kept_in_their_order(self, desk: Desk) -> None:
        tags = [f"{number:064d}" for number in range(500)]
        desk.there.edit(desk.runs[0], tags=tags)

        desk.annotate()
        assert desk.runs[0].seen.tags == [*tags, "paribus:best", "paribus:overfitting"]
        desk.remove()

        assert desk.runs[0].seen.tags == tags


class TestWhatIsRefused:
    def test_runs_that_are_tracked_here(self, desk: Desk) -> None:
        sweep = desk.lab.register()

        with pytest.raises(InvalidRequest, match=f"sweep {sweep} is tracked here"):
            desk.annotator.open(Wanted(sweep_id=sweep), root=ROOT)

        assert "server" not in desk.there.calls[-1:]

    def test_a_project_that_there_is_not(self, desk: Desk) -> None:
        with pytest.raises(NotFound):
            desk.annotator.open(Wanted(entity="lab", project="nowhere"), root=ROOT)

    def test_runs_of_another_server(self, desk: Desk) -> None:
        elsewhere = desk.somebody(FakeUpstream(base_url="https://other.test"))

        with pytest.raises(UpstreamElsewhere, match="this service works with https://other"):
            elsewhere.open(WANTED, root=ROOT)

    def test_a_response_that_cannot_be_asked(self, desk: Desk) -> None:
        wrong = Wanted(entity="lab", project="imdb", inquiry=Inquiry(response="loss"))

        with pytest.raises(InvalidRequest, match="which way is 'loss' better"):
            desk.annotator.open(wrong, root=ROOT)


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    return Sides(tmp_path)


def end(sides: Sides, sweep: str) -> None:
    """Look and work until the sweep has ended, killed or not."""
    losses = iter([0.1, 0.2, 0.3, 0.4])

    def finish(run: FakeRun) -> None:
        sides.there.log(run, {"loss": 1.0})
        sides.there.finish(run, loss=next(losses))

    for _ in range(30):
        sides.look_until_killed(times=1)
        sides.work(sweep, finish)
        if sides.sweep(sweep).state == "finished":
            return
    raise AssertionError("the sweep does not end")


def annotate(sides: Sides, sweep: str, *, remove: bool = False) -> Progress:
    begin = sides.annotator.remove if remove else sides.annotator.open
    return sides.annotator.go_on(begin(Wanted(sweep_id=sweep), root=ROOT).id, seconds=60)


class TestASweep:
    """One that is registered there; its description holds the verdict."""

    def test_runs_and_description_say_it_and_it_is_taken_back(self, sides: Sides) -> None:
        sweep = sides.launch()
        end(sides, sweep)
        there = sides.there.sweep_table[sides.path(sweep)]
        there.description, config = "what for\n\nparibus-launch-1", there.seen.config_text

        found = annotate(sides, sweep)
        said = there.description
        again = annotate(sides, sweep)
        annotate(sides, sweep, remove=True)

        assert (found.sweep_is_annotated, found.sweep_left) == (True, [])
        assert said.startswith("what for\n\nparibus-launch-1\n\n[Paribus says]\nMeasured by loss")
        assert f"More: {ROOT}/lab/imdb/sweeps/{sweep}" in said
        assert (again.writes, again.sweep_is_annotated) == (0, True)
        assert there.description == "what for\n\nparibus-launch-1"
        assert there.seen.config_text == config
        assert all(not run.seen.tags for run in sides.there.runs_of(sides.path(sweep)))

    def test_a_server_that_keeps_no_descriptions_is_named(self, sides: Sides) -> None:
        sweep = sides.launch()
        end(sides, sweep)
        sides.there.keeps_descriptions = False

        found = annotate(sides, sweep)

        assert found.sweep_left == [
            "its description: the server did not keep all that it was sent"
        ]
        assert found.written > 0

    def test_a_project_that_is_gone_is_an_error(self, sides: Sides) -> None:
        sweep = sides.launch()
        end(sides, sweep)
        sides.there.fail(UpstreamNotFound(URL, "project", "lab/imdb"), on="annotate_sweep")

        with pytest.raises(UpstreamNotFound):
            annotate(sides, sweep)

    def test_its_page_says_what_was_left_and_what_went_wrong(self, sides: Sides) -> None:
        sweep = sides.launch()
        end(sides, sweep)
        first = sides.there.runs_of(sides.path(sweep))[0]
        sides.there.edit(first, summary={"loss": 0.1, "paribus/best_for": "mine"})
        annotate(sides, sweep)
        refused = UpstreamRefusedKey(URL, "annotate", "no rights")
        sides.there.fail(refused, on="annotate_sweep")
        with pytest.raises(UpstreamRefusedKey):
            annotate(sides, sweep)

        with sides.lab.reading() as session:
            words = in_words(session, sweep_store.get_sweep(session, sweep))

        assert words == (
            "what Paribus says stands in its description and 2 runs there; of 1 run something "
            f"was left as it is; {refused}"
        )

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (UpstreamTooOld(URL, "this request", "Cannot query field"), "Cannot query field"),
            (UpstreamFailed(URL, "annotate", "no"), "did not: no"),
            (UpstreamNotFound(URL, "sweep", "x"), "it is not there any more"),
        ],
    )
    def test_a_description_that_cannot_be_written_costs_no_run(
        self, sides: Sides, error: UpstreamError, said: str
    ) -> None:
        sweep = sides.launch()
        end(sides, sweep)
        sides.there.fail(error, on="annotate_sweep")

        found = annotate(sides, sweep)

        assert said in found.sweep_left[0]
        assert (found.state, found.sweep_is_annotated) == (AnnotationState.IDLE, False)
        assert found.written > 0

    def test_a_description_that_cannot_be_written_anew_still_holds_the_block(
        self, sides: Sides
    ) -> None:
        sweep = sides.launch()
        end(sides, sweep)
        annotate(sides, sweep)
        sides.there.fail(UpstreamFailed(URL, "annotate", "no"), on="annotate_sweep")

        found = annotate(sides, sweep, remove=True)

        assert (found.sweep_is_annotated, len(found.sweep_left)) == (True, 1)
        assert "[Paribus says]" in sides.there.sweep_table[sides.path(sweep)].description


class TestAskedForAtTheLaunch:
    """Written by the driver, once the sweep has ended; never before, and never unasked."""

    def launch(self, sides: Sides, *, ended: bool = False) -> str:
        """A sweep that is to be annotated; `ended`: the driver has yet to see that it is due."""
        sweep = sides.launch()
        if ended:
            end(sides, sweep)
        with sides.lab.writing() as session:
            ask_at_the_end(session, sweep, root=ROOT, now=sides.lab.clock.now())
        return sweep

    def state(self, sides: Sides, sweep: str) -> Progress:
        wanted = Wanted(sweep_id=sweep)
        return show_of(sides.lab.engine, wanted, now=sides.lab.clock.now())

    def test_nothing_is_written_unasked(self, sides: Sides) -> None:
        end(sides, sides.launch())

        sides.look(times=3)

        assert sides.there.written == []

    def test_it_is_written_once_the_sweep_has_ended(self, sides: Sides) -> None:
        sweep = self.launch(sides)
        waiting = self.state(sides, sweep)
        end(sides, sweep)

        sides.look()
        first = len(sides.there.written)
        sides.look(times=50)

        assert (waiting.state, waiting.is_automatic) == (AnnotationState.WAITING, True)
        found = self.state(sides, sweep)
        assert (found.state, found.is_automatic) == (AnnotationState.IDLE, False)
        assert (found.sweep_is_annotated, found.written > 0) == (True, True)
        assert len(sides.there.written) == first == found.writes

    def test_not_before_every_history_is_read(self, sides: Sides) -> None:
        sweep = self.launch(sides, ended=True)
        with sides.lab.writing() as session:
            one = session.scalars(select(UpstreamRun)).all()[0]
            one.pending = True
            session.flush()
            early = annotations.automatic(session)
            one.pending = False
            session.flush()
            due = annotations.automatic(session)

        assert (early, due) == ([], [self.state(sides, sweep).id])

    @pytest.mark.parametrize("on", ["annotate_sweep", "annotate_run"])
    @pytest.mark.parametrize(
        "error",
        [
            UpstreamUnreachable(URL, "annotate", "connection refused"),
            UpstreamRefusedKey(URL, "annotate", "permission denied"),
        ],
    )
    def test_trouble_is_waited_out(self, sides: Sides, on: str, error: UpstreamError) -> None:
        sweep = self.launch(sides, ended=True)
        sides.there.fail(error, on=on, times=2)

        sides.look()
        troubled = self.state(sides, sweep)
        sides.look(seconds=301, times=4)

        assert troubled.problem == str(error)
        found = self.state(sides, sweep)
        assert (found.state, found.problem) == (AnnotationState.IDLE, None)

    def test_a_service_that_is_killed_goes_on_with_it(self, tmp_path: Path) -> None:
        killed = 0
        for steps in range(1, 30, 2):
            (tmp_path / str(steps)).mkdir()
            sides = Sides(tmp_path / str(steps))
            sweep = self.launch(sides, ended=True)
            sides.kill_after(steps)
            killed += sides.look_until_killed(times=1)
            sides.mortal.last = None

            sides.look(times=3)

            assert self.state(sides, sweep).state == AnnotationState.IDLE
            assert sorted(sides.there.written) == sorted(set(sides.there.written)), steps
            assert len(sides.there.written) == 3, steps  # the sweep, the best run, the other's
        assert 5 < killed < 15

    def test_taking_it_back_before_the_end_is_an_end_of_it(self, sides: Sides) -> None:
        sweep = self.launch(sides)
        annotate(sides, sweep, remove=True)
        end(sides, sweep)

        sides.look(times=3)

        assert sides.there.written == []

    def test_whoever_looks_before_the_end_has_it_at_the_end_all_the_same(
        self, sides: Sides
    ) -> None:
        sweep = self.launch(sides)
        early = annotate(sides, sweep)
        end(sides, sweep)

        sides.look()

        assert (early.state, early.is_automatic) == (AnnotationState.WAITING, True)
        assert self.state(sides, sweep).written > 0

    def test_whoever_began_before_the_end_does_not_have_the_last_word(self, sides: Sides) -> None:
        sweep = self.launch(sides)
        early = sides.annotator.open(Wanted(sweep_id=sweep), root=ROOT)
        sides.lab.clock.advance(1)
        end(sides, sweep)

        sides.annotator.go_on(early.id, seconds=60)
        sides.look(times=2)

        found = self.state(sides, sweep)
        assert (found.state, found.is_automatic) == (AnnotationState.IDLE, False)
        assert found.lines[0] == "Measured by loss (lower is better): the best run has 0.1."

    def test_a_service_that_works_with_another_server_now_says_so(self, sides: Sides) -> None:
        sweep = self.launch(sides, ended=True)
        sides.there.facts = replace(sides.there.facts, base_url="https://other.test")

        annotation = self.state(sides, sweep)
        sides.annotator.go_on_by_itself(annotation.id)
        sides.annotator.go_on_by_itself(annotation.id)  # it rests

        assert "this service works with https://other.test" in (
            self.state(sides, sweep).problem or ""
        )
        assert sides.there.calls[-1] == "server"
