"""A run from start to end, as an unmodified client makes it."""

import json
import math
import subprocess

import pytest

from paribus_service.store import runs as run_store
from paribus_service.store.events import list_events
from paribus_service.store.files import list_files
from paribus_service.store.history import Stream
from paribus_service.store.projects import find_project
from paribus_service.store.states import RunState
from tests.protocol.live import ENTITY, KEY, LiveService, wait_for

LIFE = """
import os, wandb
run = wandb.init(project="life", id="life", config={"lr": 0.1,
                 "model": {"layers": [1, 2], "name": "b"}}, tags=["a"], notes="first", group="g")
for i in range(20):
    run.log({"loss": 1 / (i + 1), "deep": {"x": i}})
run.log({"loss": float("nan"), "inf": float("inf"), "big": 2**70, "text": "ü"})
run.tags += ("b",)
run.notes = "second"
run.config.update({"late": 7})
run.summary["best"] = float("-inf")
open(os.path.join(run.dir, "odd name%.txt"), "w").write("bytes")
run.save(os.path.join(run.dir, "odd name%.txt"), base_path=run.dir)
run.alert(title="look", text="here")
run.finish()
"""


@pytest.fixture(scope="module")
def life(live: LiveService) -> LiveService:
    live.client(LIFE)
    return live


@pytest.fixture(scope="module", autouse=True)
def asked_to_stop(live: LiveService) -> subprocess.Popen[bytes]:
    """A run that was asked to stop; its client looks every 15 seconds, so it ends much later."""
    process = live.start_client(
        "import time, wandb\n"
        "run = wandb.init(project='stop', id='s')\n"
        "for i in range(900):\n"
        "    run.log({'i': i}); time.sleep(0.1)\n"
    )
    wait_for(lambda: live.faults.bodies("file_stream"))
    live.client("import wandb; wandb.Api().run('stop/s').stop()")
    return process


class TestLife:
    def test_a_finished_run_is_finished(self, life: LiveService) -> None:
        run = life.run("life", "life")

        assert (run.state, run.exit_code) == (RunState.FINISHED, 0)

    def test_every_row_is_there_in_order(self, life: LiveService) -> None:
        rows = life.history(life.run("life", "life"))

        assert [row["_step"] for row in rows] == list(range(21))
        assert [row["loss"] for row in rows[:20]] == [1 / (i + 1) for i in range(20)]
        assert rows[3]["deep"] == {"x": 3}
        assert math.isnan(rows[20]["loss"])
        assert (rows[20]["inf"], rows[20]["text"]) == (math.inf, "ü")

    def test_lines_are_kept_as_they_were_sent(self, life: LiveService) -> None:
        bodies = [json.loads(body) for body in life.faults.bodies("/life/file_stream")]
        chunks = [body["files"].get("wandb-history.jsonl") for body in bodies if "files" in body]
        sent = [line for chunk in chunks if chunk for line in chunk["content"]]

        assert life.lines(life.run("life", "life")) == sent

    def test_config_is_wrapped_and_keeps_nesting(self, life: LiveService) -> None:
        config = life.run("life", "life").config

        assert config["lr"] == {"value": 0.1}
        assert config["model"] == {"value": {"layers": [1, 2], "name": "b"}}
        assert config["late"] == {"value": 7}
        assert "t" in config["_wandb"]["value"]

    def test_what_was_changed_on_the_way_is_stored(self, life: LiveService) -> None:
        run = life.run("life", "life")

        assert (run.tags, run.notes, run.group) == (["a", "b"], "second", "g")
        assert run.summary["best"] == -math.inf
        assert run.summary["deep"] == {"x": 19}

    def test_the_server_names_a_run_that_brings_no_name(self, life: LiveService) -> None:
        name = life.run("life", "life").display_name or ""

        assert [len(part) > 0 for part in name.split("-")] == [True, True, True]
        assert name.endswith("-1")  # the first run of its project

    def test_files_arrive_under_their_own_names(self, life: LiveService) -> None:
        with life.reading() as session:
            run = run_store.get_run_at(session, ENTITY, "life", "life")
            names = {file.name: file for file in list_files(session, run)}

        assert {"config.yaml", "wandb-summary.json", "odd name%.txt"} <= set(names)
        blob = names["odd name%.txt"].blob or ""
        assert life.services.files.path(blob).read_bytes() == b"bytes"

    def test_an_alert_is_an_event_of_the_run(self, life: LiveService) -> None:
        with life.reading() as session:
            run = run_store.get_run_at(session, ENTITY, "life", "life")
            found = [e for e in list_events(session, run_id=run.id) if e.kind == "run.alert"]

        assert [(e.reason, e.facts["text"]) for e in found] == [("look", "here")]

    def test_a_request_for_the_whole_project_counts_the_run(self, life: LiveService) -> None:
        with life.reading() as session:
            project = find_project(session, ENTITY, "life")

        assert project is not None
        assert project.run_count == 1


class TestEnds:
    @pytest.mark.parametrize(
        ("ending", "state", "code"),
        [
            ("import sys; sys.exit(3)", RunState.FAILED, 3),
            ("raise ValueError('no')", RunState.FAILED, 1),
            ("wandb.finish(exit_code=7)", RunState.FAILED, 7),
            ("raise KeyboardInterrupt", RunState.INTERRUPTED, 255),
        ],
    )
    def test_an_exit_code_decides_the_state(
        self, live: LiveService, ending: str, state: RunState, code: int
    ) -> None:
        name = f"end{code}"

        live.client(f"import wandb; wandb.init(project='ends', id='{name}'); {ending}", ok=False)

        run = live.run("ends", name)
        assert (run.state, run.exit_code) == (state, code)


class TestConsole:
    def test_lines_are_kept_and_rewritten_in_place(self, live: LiveService) -> None:
        live.client(
            "import sys, wandb\n"
            "run = wandb.init(project='console', id='c')\n"
            "print('one'); print('two', file=sys.stderr); print('a\\rb')\n"
            "run.finish()\n",
            env={"WANDB_CONSOLE": "wrap"},
        )

        lines = [json.loads(line) for line in live.lines(live.run("console", "c"), Stream.OUTPUT)]
        assert [line["content"] for line in lines] == ["one", "two", "b"]
        assert lines[1]["level"] == "error"


class TestOffline:
    def test_a_folder_synced_twice_is_there_once(self, live: LiveService) -> None:
        live.client(
            "import wandb\n"
            "run = wandb.init(project='offline', id='o', config={'a': 1})\n"
            "[run.log({'i': i}) for i in range(50)]\n"
            "run.finish()\n",
            env={"WANDB_MODE": "offline"},
        )
        (folder,) = (live.directory / "wandb").glob("offline-run-*-o")

        live.wandb("sync", str(folder))
        live.wandb("sync", "--include-synced", str(folder))

        run = live.run("offline", "o")
        assert [row["i"] for row in live.history(run)] == list(range(50))
        assert (run.state, run.config["a"]) == (RunState.FINISHED, {"value": 1})


class TestFaults:
    def test_errors_and_lost_replies_on_the_way_lose_and_double_nothing(
        self, own_live: LiveService
    ) -> None:
        live = own_live
        live.faults.answer("mutation UpsertBucket", 502)
        live.faults.lose_reply("mutation CreateRunFiles")
        live.faults.answer("wandb-history.jsonl", 500)
        live.faults.lose_reply("wandb-history.jsonl")

        live.client(
            "import wandb\n"
            "run = wandb.init(project='faults', id='f')\n"
            "[run.log({'i': i}) for i in range(30)]\n"
            "run.finish()\n",
        )

        run = live.run("faults", "f")
        assert [row["i"] for row in live.history(run)] == list(range(30))
        assert run.history_keys["i"] == ["number", 30]
        assert (run.state, run.exit_code) == (RunState.FINISHED, 0)
        assert all(rule.times == 0 for rule in live.faults.rules)
        lost_end = [b for b in live.faults.bodies("file_stream") if b'"complete":true' in b]
        assert len(lost_end) > 1  # the run's end was told twice as well


class TestLogin:
    def test_verified_by_the_command_line(self, live: LiveService) -> None:
        done = live.wandb("login", "--verify", "--relogin", KEY)

        assert "error" not in done.stderr.lower()

    def test_the_viewer_has_the_default_entity(self, live: LiveService) -> None:
        done = live.client(
            "import wandb; a = wandb.Api(); print(a.default_entity, a.viewer.username)"
        )

        assert done.stdout.split() == ["paribus", "developer"]


class TestStop:
    def test_a_run_that_is_asked_to_stop_ends_by_itself_and_loses_nothing(
        self, live: LiveService, asked_to_stop: subprocess.Popen[bytes]
    ) -> None:
        asked_to_stop.wait(60)

        run = live.run("stop", "s")
        assert (run.state, run.exit_code) == (RunState.STOPPED, 255)
        rows = live.history(run)
        assert [row["i"] for row in rows] == list(range(len(rows)))
        assert run.summary["i"] == len(rows) - 1
