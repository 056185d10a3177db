"""The observer: findings as history arrives, each new line read once, and nothing lost by it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from paribus_service.errors import StartRefused
from paribus_service.orchestration import columns
from paribus_service.orchestration import findings as evaluating
from paribus_service.orchestration import observer as observing
from paribus_service.orchestration.observer import Observer
from paribus_service.orchestration.rule_book import RuleBook
from paribus_service.settings import Settings
from paribus_service.store import events
from paribus_service.store import findings as finding_store
from paribus_service.store.findings import Stored
from paribus_service.store.tables import Event, StreamLine
from tests.factories import Lab
from tests.service.orchestration.test_responses import start

OWN = ["tests.service.orchestration.small_rules:RULES"]


class Watching:
    """A lab with an observer that looks when it is told to."""

    def __init__(self, data_dir: Path, **settings: Any) -> None:
        self.lab = Lab(data_dir, **{"finding_rules": OWN, **settings})
        self.observer = self.observer_anew()

    def observer_anew(self) -> Observer:
        return Observer(self.lab.engine, self.lab.settings, self.lab.clock)

    def log(self, name: str, *values: Any, offset: int = 0) -> None:
        lines = [json.dumps({"_step": offset + i, "k": v}) for i, v in enumerate(values)]
        self.lab.log(name, *lines, offset=offset)

    def look(self) -> None:
        self.lab.clock.advance(5)
        self.observer.look()

    def stored(self, name: str) -> dict[str, Stored]:
        pk = self.lab.run(name).pk
        with self.lab.reading() as session:
            found = finding_store.stored_findings(session, [pk])
        return {row.rule: row for row in found.get(pk, [])}

    def events(self, name: str) -> list[Event]:
        with self.lab.reading() as session:
            found = events.list_events(session, run_id=self.lab.run(name).id)
            return [event for event in found if event.kind.startswith("finding.")]


@pytest.fixture
def watching(tmp_path: Path) -> Watching:
    return Watching(tmp_path)


class TestLooks:
    def test_a_finding_is_stored_and_told_as_an_event(self, watching: Watching) -> None:
        start(watching.lab, "a")
        watching.log("a", 1, 20)

        watching.look()

        assert watching.stored("a")["high"].status == "found"
        [event] = watching.events("a")
        assert event.kind == "finding.created"
        assert event.reason == "1 of 2 values of k are above the limit"
        assert event.facts["rule"] == "high"
        assert event.facts["rule_version"] == 1
        assert event.facts["data_version"].startswith("0.0.2.running")

    def test_a_new_row_costs_no_second_look_at_the_older_ones(self, watching: Watching) -> None:
        """The older lines are gone, and the rule has looked at each of its values once."""
        start(watching.lab, "a")
        watching.log("a", 1, 20)
        watching.look()
        with watching.lab.writing() as session:
            session.execute(delete(StreamLine))
        watching.log("a", 30, offset=2)

        watching.look()

        assert watching.stored("a")["high"].document["numbers"] == {"above": 2, "looked": 3}

    def test_what_does_not_change_is_one_event(self, watching: Watching) -> None:
        start(watching.lab, "a")
        watching.log("a", 20)
        watching.look()
        since = watching.stored("a")["high"].since
        watching.log("a", 30, offset=1)

        watching.look()

        assert len(watching.events("a")) == 1
        assert watching.stored("a")["high"].since == since

    def test_a_line_that_changes_withdraws_what_it_had_shown(self, watching: Watching) -> None:
        start(watching.lab, "a")
        watching.log("a", 20)
        watching.look()
        watching.log("a", 1)

        watching.look()

        assert [e.kind for e in watching.events("a")] == ["finding.created", "finding.withdrawn"]
        assert watching.stored("a")["high"].status == "not_found"

    def test_a_run_that_has_not_changed_is_not_evaluated(
        self, watching: Watching, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        evaluated: list[Sequence[int]] = []
        whole = evaluating.evaluate

        def noted(session: Any, run_pks: Any, book: Any, **more: Any) -> Any:
            evaluated.append(list(run_pks))
            return whole(session, run_pks, book, **more)

        monkeypatch.setattr(evaluating, "evaluate", noted)
        start(watching.lab, "a")
        watching.log("a", 1)

        watching.look()
        watching.look()

        assert evaluated == [[watching.lab.run("a").pk]]

    def test_the_end_of_a_run_is_looked_at(self, watching: Watching) -> None:
        start(watching.lab, "a")
        watching.log("a", 1)
        watching.look()
        watching.log("a", 20, offset=1)
        watching.lab.finish("a")

        watching.look()

        assert watching.stored("a")["high"].status == "found"

    def test_a_run_that_ended_before_the_service_began_again_is_looked_at(
        self, watching: Watching
    ) -> None:
        start(watching.lab, "a")
        watching.log("a", 20)
        watching.lab.finish("a")

        watching.observer = watching.observer_anew()
        watching.look()

        assert watching.stored("a")["high"].status == "found"

    def test_an_older_run_is_looked_at_when_somebody_asks(self, watching: Watching) -> None:
        start(watching.lab, "a")
        watching.log("a", 20)
        watching.lab.finish("a")
        watching.lab.clock.advance(3 * 86_400)
        watching.observer = watching.observer_anew()
        watching.look()
        assert watching.stored("a") == {}

        watching.observer.ask([watching.lab.run("a").pk])
        watching.look()

        assert watching.stored("a")["high"].status == "found"

    def test_a_run_without_history_is_not_looked_at(self, watching: Watching) -> None:
        start(watching.lab, "a")

        watching.look()

        assert watching.stored("a") == {}

    def test_a_rule_that_fails_says_so_and_costs_no_other(self, watching: Watching) -> None:
        start(watching.lab, "a")
        watching.log("a", 20)

        watching.look()

        assert watching.stored("a")["fails"].status == "cannot_tell"
        assert "ZeroDivisionError" in watching.stored("a")["fails"].document["sentence"]
        assert watching.stored("a")["high"].status == "found"

    def test_other_thresholds_make_stored_findings_old(
        self, watching: Watching, tmp_path: Path
    ) -> None:
        start(watching.lab, "a")
        watching.log("a", 20)
        watching.look()

        watching.lab.settings = watching.lab.settings.model_copy(
            update={"finding_thresholds": {"high.limit": 50}}
        )
        watching.observer = watching.observer_anew()
        watching.look()

        assert watching.stored("a")["high"].status == "not_found"


class TestLongHistories:
    def test_a_run_is_evaluated_once_its_lines_are_folded(
        self, watching: Watching, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(observing, "MOST_PARSED", 2)
        monkeypatch.setattr(observing, "FOLD_AT", 1)
        monkeypatch.setattr(columns, "LINES_A_FOLD", 3)
        start(watching.lab, "a")
        watching.log("a", *[20] * 7)

        watching.look()  # folds 3 of 7
        assert watching.stored("a") == {}

        watching.look()  # folds 6 of 7: one is left to be parsed
        assert watching.stored("a")["high"].document["numbers"]["above"] == 7

    def test_one_that_ended_long_ago_is_not_forgotten_on_the_way(
        self, watching: Watching, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(observing, "MOST_PARSED", 0)
        monkeypatch.setattr(observing, "FOLD_ENDED_AT", 1)
        monkeypatch.setattr(columns, "LINES_A_FOLD", 3)
        start(watching.lab, "a")
        watching.log("a", *[20] * 7)
        watching.lab.finish("a")
        watching.lab.clock.advance(3 * 86_400)
        watching.observer = watching.observer_anew()
        watching.observer.ask([watching.lab.run("a").pk])

        for _ in range(3):  # 3, 6 and 7 of 7 lines are folded
            watching.look()

        assert watching.stored("a")["high"].document["numbers"]["above"] == 7

    def test_runs_are_looked_at_in_parts_of_few_lines(
        self, watching: Watching, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        parts: list[list[int]] = []
        whole = evaluating.evaluate

        def noted(session: Any, run_pks: Any, book: Any, **more: Any) -> Any:
            parts.append(list(run_pks))
            return whole(session, run_pks, book, **more)

        monkeypatch.setattr(evaluating, "evaluate", noted)
        monkeypatch.setattr(observing, "LINES_AT_ONCE", 5)
        for name, lines in (("a", 2), ("b", 3), ("c", 9), ("d", 1)):
            start(watching.lab, name)
            watching.log(name, *[1] * lines)

        watching.look()

        assert [len(part) for part in parts] == [2, 1, 1]

    def test_of_a_very_long_run_the_keys_that_rules_name_are_read(
        self, watching: Watching, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(evaluating, "LONG_RUN", 1)
        start(watching.lab, "a")
        lines = [json.dumps({"_step": i, "k": 20, "other": "NaN"}) for i in range(3)]
        watching.lab.log("a", *lines)

        watching.look()

        assert watching.stored("a")["high"].status == "found"
        assert "other" not in watching.stored("a")["non_finite"].document["sentence"]


class TestRunsThatSomebodyAsksFor:
    """An import asks for all of its runs at once, and so does a page of a project."""

    @pytest.fixture
    def old(self, watching: Watching) -> list[int]:
        """Runs that ended long ago, and that nothing has looked at since; by key."""
        for name in "abcd":
            start(watching.lab, name)
            watching.log(name, 20)
            watching.lab.finish(name)
        watching.lab.clock.advance(3 * 86_400)
        watching.observer = watching.observer_anew()
        return [watching.lab.run(name).pk for name in "abcd"]

    def looked_at(self, watching: Watching) -> str:
        return "".join(name for name in "abcd" if watching.stored(name))

    def test_some_have_their_turn_in_a_look_and_the_others_follow(
        self, watching: Watching, old: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(observing, "ASKED_A_LOOK", 3)

        watching.observer.ask(old)
        watching.look()
        after_one = self.looked_at(watching)
        watching.look()

        assert (after_one, self.looked_at(watching)) == ("bcd", "abcd")

    def test_who_asks_last_waits_for_none_of_the_others(
        self, watching: Watching, old: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(observing, "ASKED_A_LOOK", 1)

        watching.observer.ask(old[1:])
        watching.observer.ask(old[:1])
        watching.look()

        assert self.looked_at(watching) == "a"

    def test_a_run_under_way_is_looked_at_in_each_look(
        self, watching: Watching, old: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(observing, "ASKED_A_LOOK", 1)
        start(watching.lab, "live")
        watching.log("live", 20)

        watching.observer.ask(old)
        watching.look()

        assert watching.stored("live")["high"].status == "found"

    def test_configs_are_held_of_few_runs_at_a_time(
        self, watching: Watching, old: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(observing, "RUNS_COMPARED_AT_ONCE", 2)
        asked: list[int] = []
        whole = finding_store.run_texts

        def noted(session: Any, run_pks: Any) -> Any:
            asked.append(len(run_pks))
            return whole(session, run_pks)

        monkeypatch.setattr(finding_store, "run_texts", noted)

        watching.observer.ask(old)
        watching.look()

        assert self.looked_at(watching) == "abcd"
        assert asked[0] == 2

    def test_of_runs_that_have_ended_nothing_is_remembered(
        self, watching: Watching, old: list[int]
    ) -> None:
        watching.observer.ask(old)
        watching.look()

        assert watching.observer._memory.watched == {}

    def test_of_live_ones_no_more_than_there_is_room_for(
        self, watching: Watching, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(observing, "MOST_WATCHED", 2)
        for name in "abc":
            start(watching.lab, name)
            watching.log(name, 20)

        watching.look()

        assert len(watching.observer._memory.watched) == 2

    def test_one_that_ends_is_remembered_no_longer(self, watching: Watching) -> None:
        start(watching.lab, "a")
        watching.log("a", 20)
        watching.look()
        assert len(watching.observer._memory.watched) == 1

        watching.lab.finish("a")
        watching.look()

        assert watching.observer._memory.watched == {}


class TestFolding:
    def test_long_histories_are_folded_as_they_grow(
        self, watching: Watching, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(observing, "FOLD_AT", 3)
        start(watching.lab, "a")
        watching.log("a", 1, 2)
        watching.look()
        assert watching.lab.run("a").folded_lines == 0

        watching.log("a", 3, offset=2)
        watching.look()

        assert watching.lab.run("a").folded_lines == 3

    def test_those_that_were_there_before_are_folded_too(
        self, watching: Watching, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(observing, "FOLD_AT", 2)
        for name in ("a", "b"):
            start(watching.lab, name)
            watching.log(name, 1, 2)
            watching.lab.finish(name)
        watching.lab.clock.advance(3 * 86_400)
        watching.observer = watching.observer_anew()

        watching.look()
        watching.look()

        assert [watching.lab.run(name).folded_lines for name in "ab"] == [2, 2]


class TestRuleBook:
    def test_a_module_that_is_not_there_is_refused_at_the_start(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path, finding_rules=["no_such_module:RULES"])

        with pytest.raises(StartRefused, match="no_such_module"):
            RuleBook.of(settings)

    def test_what_is_no_rule_is_refused(self, tmp_path: Path) -> None:
        place = "tests.service.orchestration.small_rules:NOT_RULES"

        with pytest.raises(StartRefused, match="expected a list of Rule"):
            RuleBook.of(Settings(data_dir=tmp_path, finding_rules=[place]))

    def test_a_name_that_is_taken_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(StartRefused, match="give yours another"):
            RuleBook.of(Settings(data_dir=tmp_path, finding_rules=OWN * 2))

    @pytest.mark.parametrize(
        "wrong",
        [{"finding_thresholds": {"high.limt": 3}}, {"finding_roles": {"eval_los": "k"}}],
    )
    def test_a_threshold_or_role_that_is_not_there_is_refused(
        self, tmp_path: Path, wrong: dict[str, Any]
    ) -> None:
        settings = Settings(data_dir=tmp_path, finding_rules=OWN, **wrong)

        with pytest.raises(StartRefused, match="did you mean"):
            RuleBook.of(settings)
