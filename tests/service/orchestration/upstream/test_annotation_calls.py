"""The calls that annotate, against answers that W&B's server might give."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest

from paribus_service.orchestration.upstream.annotation_calls import annotate_run, annotate_sweep
from paribus_service.orchestration.upstream.annotation_text import NONE_ADDED, NOTHING
from paribus_service.orchestration.upstream.messages import Added, Annotated, Content
from paribus_service.orchestration.upstream.refusals import Refusal

WANTED = Content({"paribus/best_for": "lr=0.1"}, ["paribus:best"], ["The best run of all."])
AT = {"entity": "lab", "project": "imdb"}


class Server:
    """Keeps one run and one sweep, as far as it keeps anything."""

    def __init__(self, **node: Any) -> None:
        self.node: dict[str, Any] = {"id": "x", "state": "finished", "config": "a: 1", **node}
        self.keeps = self.keeps_summary = self.keeps_notes = True
        self.rewrites_config = False
        self.answers_bucket = True
        self.project: Any = {}
        self.told: list[dict[str, Any]] = []

    def ask(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        kind = "sweep" if "GetSweep" in document else "run"
        return {"project": {kind: dict(self.node)} if self.project == {} else self.project}

    def tell(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        self.told.append(dict(variables))
        if self.keeps:
            kept = {"id": False, "summaryMetrics": self.keeps_summary, "notes": self.keeps_notes}
            self.node.update({k: v for k, v in variables.items() if kept.get(k, True)})
        if self.rewrites_config:
            self.node["config"] = "b: 2"
        return {"upsertBucket": {"bucket": dict(self.node)} if self.answers_bucket else None}

    def annotate(self, wanted: Content = WANTED, recorded: Added = NONE_ADDED) -> Annotated:
        told = {"wanted": asdict(wanted), "recorded": asdict(recorded)}
        return annotate_run(self, **AT, run_id="r1", **told)

    def annotate_sweep(self) -> Annotated:
        return annotate_sweep(self, **AT, sweep_id="s1", wanted=asdict(WANTED))


class TestARun:
    def test_what_differs_is_sent_alone(self) -> None:
        server = Server(summaryMetrics='{"paribus/best_for": "mine"}', tags=None, notes=None)

        found = server.annotate()

        # The key is somebody's own, so the summary is not sent.
        assert [sorted(told) for told in server.told] == [["id", "notes", "tags"]]
        assert found.was_written
        assert found.left == ["its summary had a key 'paribus/best_for' before, which was left as "
                              "it is"]  # fmt: skip

    def test_one_without_a_summary_gets_one(self) -> None:
        server = Server(summaryMetrics=None, tags=[], notes="")

        server.annotate()

        assert server.told[0]["summaryMetrics"] == '{"paribus/best_for": "lr=0.1"}'

    def test_a_server_that_does_not_keep_it_is_named(self) -> None:
        server = Server(summaryMetrics="{}", tags=[], notes="")
        server.keeps = False

        assert server.annotate().left == ["the server did not keep all that it was sent"]

    def test_one_that_says_nothing_of_what_it_keeps_is_named_too(self) -> None:
        server = Server(summaryMetrics="{}", tags=[], notes="")
        server.answers_bucket = server.keeps = False

        assert server.annotate().left == ["the server did not keep all that it was sent"]

    @pytest.mark.parametrize(
        "wanted", [NOTHING, replace(WANTED, keys={"paribus/best_for": "b=1"})]
    )
    @pytest.mark.parametrize("forgets", [True, False])
    def test_what_a_server_did_not_take_back_can_be_taken_back_later(
        self, wanted: Content, forgets: bool
    ) -> None:
        server = Server(summaryMetrics='{"loss": 1}', tags=["mine"], notes="own")
        first = server.annotate()
        server.keeps_summary = False

        found = server.annotate(wanted, NONE_ADDED if forgets else first.added)

        assert found.left == ["the server did not keep all that it was sent"]
        server.keeps_summary = True
        assert server.annotate(NOTHING, found.added).left == []
        assert (server.node["summaryMetrics"], server.node["tags"]) == ('{"loss": 1}', ["mine"])
        assert server.node["notes"] == "own"

    def test_nor_does_a_server_that_keeps_the_summary_alone_hide_whose_it_is(self) -> None:
        server = Server(summaryMetrics='{"loss": 1}', tags=[], notes="")
        first = server.annotate()
        server.keeps_notes = False
        other = replace(WANTED, keys={"paribus/best_for": "b=1"})

        found = server.annotate(other, first.added)

        assert found.left == ["the server did not keep all that it was sent"]
        server.keeps_notes = True
        assert server.annotate(NOTHING, found.added).left == []
        assert server.node["summaryMetrics"] == '{"loss": 1}'

    @pytest.mark.parametrize("state", ["running", "pending", "preempting"])
    def test_a_live_one_is_not_touched(self, state: str) -> None:
        server = Server(state=state)

        assert server.annotate().is_live
        assert server.told == []

    @pytest.mark.parametrize(
        ("project", "what"), [(None, "project"), ({"run": None}, "run"), ({"other": 1}, "run")]
    )
    def test_what_is_not_there_is_said(self, project: Any, what: str) -> None:
        server = Server()
        server.project = project

        with pytest.raises(Refusal) as refused:
            server.annotate()

        assert (refused.value.kind, refused.value.facts["what"]) == ("not_found", what)


class TestASweep:
    def test_only_the_description_is_sent(self) -> None:
        server = Server(description="why")

        found = server.annotate_sweep()

        assert sorted(server.told[0]) == ["description", "entityName", "id", "projectName"]
        assert (found.was_written, found.has_block, found.left) == (True, True, [])
        assert not server.annotate_sweep().was_written

    def test_a_server_that_keeps_none_is_named(self) -> None:
        server = Server(description=None)
        server.keeps = False

        assert server.annotate_sweep().left == [
            "its description: the server did not keep all that it was sent"
        ]

    def test_one_that_changes_the_config_along_with_it_is_named(self) -> None:
        server = Server(description="why")
        server.rewrites_config = True

        assert server.annotate_sweep().left == [
            "its config there changed with its description: look at it"
        ]
