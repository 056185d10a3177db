"""Resume, as the client decides it from what the server says of a run."""

import json

import pytest

from paribus_service.store.states import RunState
from tests.protocol.live import LiveService

FIRST = """
import wandb
run = wandb.init(project="resume", id="r", config={"a": 1})
for i in range(5):
    run.log({"i": i})
run.finish(exit_code=1)
"""
GO_ON = """
import wandb
run = wandb.init(project="resume", id="r", resume="must", config={"b": 2})
print(run.resumed, run.starting_step, run.summary["i"])
for i in range(5, 8):
    run.log({"i": i})
run.finish()
"""
STATUS = """
query RunResumeStatus($project: String, $entity: String, $name: String!) {
  model(name: $project, entityName: $entity) { id name entity { id name }
    bucket(name: $name, missingOk: true) { id name summaryMetrics displayName logLineCount
      historyLineCount eventsLineCount historyTail eventsTail config tags
      wandbConfig(keys: ["t"]) } } }
"""


@pytest.fixture(scope="module")
def said(live: LiveService) -> str:
    """What a client prints that resumes a failed run."""
    live.client(FIRST)
    return live.client(GO_ON).stdout


class TestMust:
    def test_the_client_goes_on_where_the_run_ended(self, said: str) -> None:
        assert said.split() == ["True", "5", "4"]

    def test_steps_go_on_without_a_gap_or_a_doubled_one(
        self, live: LiveService, said: str
    ) -> None:
        rows = live.history(live.run("resume", "r"))

        assert [(row["_step"], row["i"]) for row in rows] == [(i, i) for i in range(8)]

    def test_configs_are_merged_and_the_end_is_the_last_one(
        self, live: LiveService, said: str
    ) -> None:
        run = live.run("resume", "r")

        assert (run.config["a"], run.config["b"]) == ({"value": 1}, {"value": 2})
        assert (run.state, run.exit_code, run.session) == (RunState.FINISHED, 0, 0)

    def test_a_missing_run_is_refused_by_the_client(self, live: LiveService) -> None:
        done = live.client(
            "import wandb; wandb.init(project='resume', id='nowhere', resume='must')", ok=False
        )

        assert done.returncode != 0
        assert "nowhere" in done.stderr


class TestNever:
    def test_an_existing_run_is_refused_by_the_client(self, live: LiveService, said: str) -> None:
        done = live.client(
            "import wandb; wandb.init(project='resume', id='r', resume='never')", ok=False
        )

        assert done.returncode != 0
        assert live.run("resume", "r").history_lines == 8


class TestAllow:
    def test_a_missing_run_starts_fresh_by_environment(self, live: LiveService) -> None:
        live.client(
            "import wandb; run = wandb.init(project='resume'); run.log({'i': 0}); run.finish()",
            env={"WANDB_RESUME": "allow", "WANDB_RUN_ID": "fresh"},
        )

        assert live.run("resume", "fresh").history_lines == 1


class TestWithoutResume:
    def test_an_id_used_again_overwrites_and_keeps_the_older_lines_apart(
        self, live: LiveService
    ) -> None:
        for first in (0, 100):
            live.client(
                "import wandb\n"
                "run = wandb.init(project='resume', id='again')\n"
                f"[run.log({{'i': i}}) for i in range({first}, {first} + 3)]\n"
                "run.finish()\n"
            )

        run = live.run("resume", "again")
        rows = live.history(run)
        assert [(row["_step"], row["i"]) for row in rows] == [(0, 100), (1, 101), (2, 102)]
        assert run.session == 1


class TestResumeStatus:
    def test_missing_project_and_run_are_null_and_no_error(self, live: LiveService) -> None:
        live.ask(
            "mutation($i: UpsertModelInput!) { upsertModel(input: $i) { inserted } }",
            i={"name": "empty"},
        )

        assert live.ask(STATUS, project="nowhere", name="x")["model"] is None
        assert live.ask(STATUS, project="empty", name="x")["model"]["bucket"] is None

    def test_a_run_that_never_started_says_so(self, live: LiveService) -> None:
        live.ask(
            "mutation($i: UpsertBucketInput!) { upsertBucket(input: $i) { inserted } }",
            i={"name": "ahead", "modelName": "resume", "config": '{"lr": {"value": 1}}'},
        )

        bucket = live.ask(STATUS, project="resume", name="ahead")["model"]["bucket"]

        assert json.loads(bucket["wandbConfig"]) == {}
        assert (bucket["historyTail"], bucket["eventsTail"]) == ("[]", "[]")

    def test_the_tail_is_a_list_of_lines_inside_a_text(self, live: LiveService, said: str) -> None:
        bucket = live.ask(STATUS, project="resume", name="r")["model"]["bucket"]

        (last,) = json.loads(bucket["historyTail"])
        assert json.loads(last)["i"] == 7
        assert bucket["historyLineCount"] == 8
        assert "t" in json.loads(bucket["wandbConfig"])
