"""Annotations through the real client, at a second Paribus that plays the W&B server.

What stands there is read by the official public API, as a person's script would.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from paribus_service import errors
from paribus_service.orchestration import recorder
from paribus_service.orchestration.recorder import RunUpsert, StreamReport
from paribus_service.orchestration.upstream import annotation_text
from paribus_service.orchestration.upstream.conversation import Conversation
from paribus_service.orchestration.upstream.messages import Content, RunPath, SweepPath
from paribus_service.store import runs as run_store
from paribus_service.store.engine import session_scope
from tests.protocol.live import ENTITY, LiveService
from tests.protocol.test_import import PROJECT, Pair, answer, study
from tests.protocol.test_upstream_process import (
    CONTROLLED,
    Proxy,
    Talk,
    conversation,
    hurry,
    program,
    proxy,
    talk,
)

__all__ = ["conversation", "program", "proxy", "talk"]

QUESTION = ("--response", "eval/loss", "--goal", "minimize", "--factors", "lr",
            "--factors", "batch")  # fmt: skip
ODD = (
    '{"eval/loss": 0.5, "bad": NaN,"big":123456789012345678901234567890 , "z": {"a": [1]}, "a": 1}'
)
WANTED = Content({"paribus/best_for": "lr=0.1"}, ["paribus:best"], ["The best run of all."])
SWEEP = """query($e: String!, $s: String!) { project(name: "imdb", entityName: $e) {
  sweep(sweepName: $s) { description config } } }"""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    yield pair
    pair.close()


def texts(service: LiveService, run_id: str) -> tuple[str, list[str], str]:
    """A run's summary, tags and notes there, as they are stored."""
    run = service.run("imdb", run_id)
    return run.summary_text, list(run.tags), run.notes or ""


def write(service: LiveService, run_id: str, **fields: Any) -> None:
    """As somebody did there."""
    with session_scope(service.services.engine) as session:
        run = run_store.find_run_at(session, ENTITY, "imdb", run_id)
        assert run is not None
        for name, value in fields.items():
            setattr(run, name, value)


def mutations(pair: Pair) -> int:
    """Changes of runs that were asked of the server."""
    return sum("mutation" in name for name in pair.asked_there())


def start_run(live: LiveService, run_id: str) -> RunPath:
    """A run that has ended."""
    told = RunUpsert(
        entity=ENTITY, project="imdb", wandb_id=run_id, config_text="{}", host="h",
        summary_text='{"loss": 0.5}',
    )  # fmt: skip
    now = datetime(2026, 11, 23, 8, tzinfo=UTC)
    with session_scope(live.services.engine) as session:
        run, _ = recorder.upsert_run(session, told, now=now)
        done = StreamReport(complete=True, exit_code=0)
        recorder.record(session, run, done, token=None, now=now)
    return RunPath(ENTITY, "imdb", run_id)


class TestAnnotating:
    def test_the_official_api_reads_it_and_removing_gives_back_what_was_there(
        self, pair: Pair
    ) -> None:
        study(pair)
        write(pair.there, "run0", tags=["mine", "paribus:best"], notes="look here\r\n\tagain ")
        write(pair.there, "run1", summary_text=ODD, notes="n" * 100_000)
        assert pair.paribus("import", f"{ENTITY}/imdb").exit_code == 0
        before = {run_id: texts(pair.there, run_id) for run_id in ("run0", "run1", "run7")}
        asked = {"response": "eval/loss", "goal": "minimize", "factors": "lr,batch"}
        best = answer(pair.here, f"{PROJECT}/best", **asked)

        done = pair.paribus("annotate", f"{ENTITY}/imdb", *QUESTION)

        assert done.exit_code == 0, done.output
        shown = pair.there.client(
            "import json, wandb\n"
            f"run = wandb.Api().run('{ENTITY}/imdb/run0')\n"
            "print('FOUND', json.dumps([run.summary['paribus/best_for'], run.tags, run.notes,"
            " run.state, run.summary['eval/loss']]))\n"
        ).stdout
        found = json.loads(shown.partition("FOUND ")[2].splitlines()[0])
        assert found[0] == "lr=0.1, batch=8"
        assert found[1][:2] == ["mine", "paribus:best"]
        assert found[2].startswith("look here\r\n\tagain \n\n[Paribus says]\nThe best run of all.")
        assert found[3:] == ["finished", json.loads(before["run0"][0])["eval/loss"]]

        pair.paribus("import", f"{ENTITY}/imdb")
        assert answer(pair.here, f"{PROJECT}/best", **asked) == best
        sent = mutations(pair)
        assert pair.paribus("annotate", f"{ENTITY}/imdb", *QUESTION).exit_code == 0
        assert mutations(pair) == sent

        assert pair.paribus("annotate", f"{ENTITY}/imdb", "--remove").exit_code == 0
        after = {run_id: texts(pair.there, run_id) for run_id in before}
        assert after == before


class TestBothClients:
    """The calls themselves, by the newest client and by 0.21.4."""

    def test_a_run_is_annotated_once_and_given_back(
        self, conversation: Conversation, live: LiveService
    ) -> None:
        live.client(
            "import wandb\n"
            "run = wandb.init(project='imdb', id='annotated', tags=['mine'], notes='own words')\n"
            "run.log({'loss': float('nan'), 'big': 2**70})\n"
            "run.finish()\n"
        )
        before = texts(live, "annotated")
        at = RunPath(ENTITY, "imdb", "annotated")
        wanted = Content(
            {"paribus/best_for": "lr=0.1"}, ["paribus:best"], ["The best run – of all: é."]
        )

        first = conversation.annotate_run(at, wanted, annotation_text.NONE_ADDED)
        there = texts(live, "annotated")
        again = conversation.annotate_run(at, wanted, annotation_text.NONE_ADDED)
        back = conversation.annotate_run(at, annotation_text.NOTHING, annotation_text.NONE_ADDED)

        assert (first.was_written, again.was_written, back.was_written) == (True, False, True)
        assert (first.left, again.added) == ([], first.added)
        assert json.loads(there[0])["paribus/best_for"] == "lr=0.1"
        assert there[1] == ["mine", "paribus:best"]
        assert "é" in there[2]
        assert texts(live, "annotated") == before

    def test_a_sweeps_description_too_and_its_config_stays(
        self, conversation: Conversation, live: LiveService
    ) -> None:
        config = {**CONTROLLED, "description": "why\n\nparibus-launch-0123"}
        made = conversation.register_sweep(ENTITY, "imdb", config)
        at = SweepPath(ENTITY, "imdb", made.path.sweep_id)

        found = conversation.annotate_sweep(at, Content({}, [], ["`lr`: yes."]))
        shown = live.ask(SWEEP, e=ENTITY, s=at.sweep_id)["project"]["sweep"]
        conversation.annotate_sweep(at, annotation_text.NOTHING)
        left = conversation.find_sweeps(ENTITY, "imdb", "paribus-launch-0123")

        assert (found.was_written, found.has_block, found.left) == (True, True, [])
        assert "`lr`: yes." in shown["description"]
        assert shown["config"] == made.config_text
        assert at in [sweep.path for sweep in left]
        again = live.ask(SWEEP, e=ENTITY, s=at.sweep_id)["project"]["sweep"]
        assert again == {"description": config["description"], "config": made.config_text}

    def test_a_lost_answer_is_found_and_nothing_is_doubled(
        self, live: LiveService, proxy: Proxy, talk: Talk
    ) -> None:
        run = start_run(live, "lost")
        conversation = talk(proxy.url)
        conversation.server()
        hurry(conversation)
        proxy.lose_reply("upsertBucket")

        with pytest.raises(errors.UpstreamUnreachable):
            conversation.annotate_run(run, WANTED, annotation_text.NONE_ADDED)
        proxy.rule = None
        arrived = sum("upsertBucket" in body for body in proxy.passed)
        found = conversation.annotate_run(run, WANTED, annotation_text.NONE_ADDED)

        assert (arrived, found.was_written, found.has_block) == (1, False, True)
        assert texts(live, "lost")[2].count("[Paribus says]") == 1

    def test_a_key_without_rights_changes_nothing(
        self, live: LiveService, proxy: Proxy, talk: Talk
    ) -> None:
        run = start_run(live, "closed")
        before = texts(live, "closed")
        conversation = talk(proxy.url)
        conversation.server()
        hurry(conversation)
        proxy.answer("upsertBucket", 403, '{"errors": [{"message": "permission denied"}]}')

        with pytest.raises(errors.UpstreamRefusedKey, match="annotate run paribus/imdb/closed"):
            conversation.annotate_run(run, WANTED, annotation_text.NONE_ADDED)

        assert texts(live, "closed") == before
