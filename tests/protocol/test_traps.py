"""The traps of PROTOCOL 17 that need no client process: each on a real socket."""

import gzip
import json
import math
from typing import Any

import httpx
import pytest

from paribus_service.orchestration.keys import create_key
from paribus_service.settings import Settings
from paribus_service.store.engine import session_scope
from paribus_service.store.history import Stream
from paribus_service.store.states import RunState, TrialState
from paribus_service.store.sweeps import list_trials
from tests.protocol.live import ENTITY, KEY, LiveService, wait_for

UPSERT = """mutation($i: UpsertBucketInput!) { upsertBucket(input: $i) { inserted
  bucket { id name state displayName sweepName historyLineCount projectId } } }"""
SWEEP = """mutation($i: UpsertSweepInput!) { upsertSweep(input: $i) { configValidationWarnings
  sweep { id name state project { name entity { name } } } } }"""
AGENT = "mutation($i: CreateAgentInput!) { createAgent(input: $i) { agent { id } } }"
HEARTBEAT = "mutation($i: AgentHeartbeatInput!) { agentHeartbeat(input: $i) { commands } }"
FILES = """mutation($i: CreateRunFilesInput!) { createRunFiles(input: $i) {
  runID uploadHeaders files { name uploadUrl } } }"""
GRID = "program: t.py\nmethod: grid\nparameters:\n  lr: {values: [1, 2]}\n"


def start_run(live: LiveService, name: str, **more: Any) -> dict[str, Any]:
    """A run that is under way; the reply of UpsertBucket."""
    given = {"name": name, "modelName": "p", "host": "h", "config": "{}", **more}
    reply: dict[str, Any] = live.ask(UPSERT, i=given)["upsertBucket"]
    return reply


def rows(*values: Any, offset: int = 0, first: int = 0) -> dict[str, Any]:
    """A file_stream body with one history line for each value."""
    lines = [json.dumps({"_step": first + i, "x": value}) for i, value in enumerate(values)]
    return {"files": {"wandb-history.jsonl": {"offset": offset, "content": lines}}}


def new_agent(live: LiveService, config: str = GRID) -> tuple[str, str]:
    """(sweep id, agent id) of a fresh sweep."""
    sweep = live.ask(SWEEP, i={"config": config, "projectName": "p"})["upsertSweep"]["sweep"]
    given = {"sweep": sweep["name"], "host": "h"}
    agent = live.ask(AGENT, i=given)["createAgent"]["agent"]
    return sweep["name"], agent["id"]


def heartbeat(live: LiveService, agent: str, **alive: bool) -> list[dict[str, Any]]:
    given = {"id": agent, "runState": json.dumps(alive)}
    commands: list[dict[str, Any]] = json.loads(
        live.ask(HEARTBEAT, i=given)["agentHeartbeat"]["commands"]
    )
    return commands


class TestStreamNeverDies:
    """Trap 1: a 4xx ends the stream of that process for good."""

    @pytest.mark.parametrize(
        "body",
        [b'{"files": {"wandb-history', b"[1]", b"", b"\xff\xfe", b"[" * 100_000],
        ids=["torn", "list", "empty", "binary", "deep"],
    )
    def test_a_body_that_cannot_be_read_is_to_be_sent_again(
        self, live: LiveService, body: bytes
    ) -> None:
        start_run(live, "torn")

        answer = live.stream("torn", body)

        assert answer.status_code == 503
        assert answer.json()["error"]

    def test_a_torn_gzip_is_to_be_sent_again_and_a_whole_one_is_taken(
        self, live: LiveService
    ) -> None:
        start_run(live, "gzip")
        body, headers = gzip.compress(json.dumps(rows(1)).encode()), {"Content-Encoding": "gzip"}

        torn = live.stream("gzip", body[:-4], headers=headers)
        whole = live.stream("gzip", body, headers=headers)

        assert (torn.status_code, whole.status_code) == (503, 200)
        assert live.run("p", "gzip").history_lines == 1

    def test_a_run_that_is_not_there_yet_is_to_be_sent_again(self, live: LiveService) -> None:
        answer = live.stream("nowhere", rows(1))

        assert answer.status_code == 503
        assert "nowhere" in answer.json()["error"]

    def test_a_deleted_run_is_told_that_it_is_gone(self, live: LiveService) -> None:
        run_id = start_run(live, "gone")["bucket"]["id"]
        delete = "mutation($i: DeleteRunInput!) { deleteRun(input: $i) { clientMutationId } }"
        for _ in range(2):
            live.ask(delete, i={"id": run_id})

        assert live.stream("gone", rows(1)).status_code == 404

    def test_a_stopping_writer_is_to_be_asked_again(self, own_live: LiveService) -> None:
        start_run(own_live, "r")
        own_live.services.writer.close()

        assert own_live.stream("r", rows(1)).status_code == 503

    def test_a_service_that_was_away_loses_nothing(self, own_live: LiveService) -> None:
        live = own_live
        process = live.start_client(
            "import time, wandb\n"
            "run = wandb.init(project='p', id='r')\n"
            "for i in range(40):\n"
            "    run.log({'i': i}); time.sleep(0.05)\n"
            "run.finish()\n"
        )
        wait_for(lambda: live.faults.bodies("wandb-history"))

        live.stop()
        live.start()

        process.wait(60)
        assert [row["i"] for row in live.history(live.run("p", "r"))] == list(range(40))


class TestLines:
    """Traps 5 and 9: lines that are no strict JSON; the same lines again."""

    def test_repeated_and_overlapping_chunks_are_written_once(self, live: LiveService) -> None:
        start_run(live, "twice")

        for body in (rows(1, 2), rows(1, 2), rows(2, 3, offset=1, first=1)):
            assert live.stream("twice", body).status_code == 200

        run = live.run("p", "twice")
        assert [row["x"] for row in live.history(run)] == [1, 2, 3]
        assert (run.history_lines, run.last_step) == (3, 2)
        assert run.history_keys["x"] == ["number", 3]

    def test_chunks_out_of_order_and_with_holes_keep_their_numbers(
        self, live: LiveService
    ) -> None:
        start_run(live, "holes")

        live.stream("holes", rows(5, offset=5, first=5))
        live.stream("holes", rows(0))

        run = live.run("p", "holes")
        assert [row["x"] for row in live.history(run)] == [0, 5]
        assert run.history_lines == 6

    @pytest.mark.parametrize(
        "line",
        ['{"_step": 0, "x": NaN, "y": -Infinity}', '{"_step": 1e400}', "no json", "[1]",
         '{"_step": ' + str(2**200) + "}", '{"_step": 0, "x": "\\ud800"}', "[" * 50_000],
        ids=["nan", "float step", "text", "list", "huge step", "surrogate", "deep"],
    )  # fmt: skip
    def test_odd_lines_are_kept_as_they_came(self, live: LiveService, line: str) -> None:
        name = f"odd{abs(hash(line))}"
        start_run(live, name)
        body = {"files": {"wandb-history.jsonl": {"offset": 0, "content": [line]}}}

        assert live.stream(name, body).status_code == 200

        assert live.lines(live.run("p", name)) == [line]

    def test_bytes_that_are_no_utf8_cost_only_themselves(self, live: LiveService) -> None:
        start_run(live, "bytes")
        body = b'{"files": {"output.log": {"offset": 0, "content": ["a\xffb", "c"]}}}'

        assert live.stream("bytes", body).status_code == 200

        assert live.lines(live.run("p", "bytes"), Stream.OUTPUT) == ["a\ufffdb", "c"]

    @pytest.mark.parametrize(
        "config",
        [
            '{"_wandb": 5}',
            '{"_wandb": {"value": [1]}}',
            '{"_wandb": {"value": {"e": [1]}}}',
            '{"path": {"value": "\\ud800"}, "\\udc80": {"value": 1}}',
        ],
    )
    def test_an_odd_config_or_summary_is_taken_and_shown(
        self, live: LiveService, config: str
    ) -> None:
        name = f"config{abs(hash(config))}"
        summary = {"offset": 0, "content": [config]}

        start_run(live, name, config=config)

        assert live.stream(name, {"files": {"wandb-summary.json": summary}}).status_code == 200
        run = live.run("p", name)
        assert (run.config_text, run.summary_text) == (config, config)
        shown = httpx.get(f"{live.url}/api/v1/runs/{run.id}", auth=("api", KEY))
        assert shown.status_code == 200

    @pytest.mark.parametrize("summary", ['{"x":', "[1]", "null", "", "[" * 50_000])
    def test_a_summary_that_is_no_object_costs_only_itself(
        self, live: LiveService, summary: str
    ) -> None:
        name = f"summary{abs(hash(summary))}"
        start_run(live, name)

        for text in ('{"x": 1}', summary):
            body = {"files": {"wandb-summary.json": {"offset": 0, "content": [text]}}}
            assert live.stream(name, body).status_code == 200

        assert live.run("p", name).summary == {"x": 1}

    def test_a_key_that_is_half_a_character_is_counted(self, live: LiveService) -> None:
        start_run(live, "half")
        lines = ['{"_step": 0, "\\ud800": 1}']

        body = {"files": {"wandb-history.jsonl": {"offset": 0, "content": lines}}}

        assert live.stream("half", body).status_code == 200
        assert live.lines(live.run("p", "half")) == lines

    @pytest.mark.parametrize("name", ["a/b", "..", ".", "a\nb", " a", "\0"])
    def test_a_run_id_that_no_address_holds_is_refused(self, live: LiveService, name: str) -> None:
        given = {"name": name, "modelName": "p", "host": "h", "config": "{}"}

        refused = live.post({"query": UPSERT, "variables": {"i": given}})

        assert refused.status_code == 400
        assert "cannot be a run id" in refused.text

    def test_names_of_uploads_that_are_no_list_cost_nothing(self, live: LiveService) -> None:
        start_run(live, "uploads")

        assert live.stream("uploads", {**rows(1), "uploaded": 5}).status_code == 200

        assert live.run("p", "uploads").history_lines == 1

    def test_console_lines_are_rewritten_in_place(self, live: LiveService) -> None:
        start_run(live, "bar")

        for text in ("10 %", "100 %"):
            live.stream("bar", {"files": {"output.log": {"offset": 0, "content": [text]}}})

        assert live.lines(live.run("p", "bar"), Stream.OUTPUT) == ["100 %"]

    def test_an_empty_body_is_a_sign_of_life(self, live: LiveService) -> None:
        start_run(live, "alive")
        before = live.run("p", "alive").heartbeat_at

        assert live.stream("alive", {}).json() == {}

        assert live.run("p", "alive").heartbeat_at > before

    def test_the_end_twice_is_one_end(self, live: LiveService) -> None:
        start_run(live, "end")

        for _ in range(2):
            live.stream("end", {**rows(1), "complete": True, "exitcode": 2})

        run = live.run("p", "end")
        assert (run.state, run.exit_code, run.history_lines) == (RunState.FAILED, 2, 1)

    def test_a_summary_with_nan_is_stored_and_read_as_text(self, live: LiveService) -> None:
        start_run(live, "sum")
        text = '{"loss": NaN, "acc": 1, "deep": {"x": 2}}'
        live.stream("sum", {"files": {"wandb-summary.json": {"offset": 0, "content": [text]}}})

        run = live.run("p", "sum")
        found = live.ask('{ project(name: "p") { run(name: "sum") { summaryMetrics } } }')

        assert math.isnan(run.summary["loss"])
        assert found["project"]["run"]["summaryMetrics"] == text


class TestGraphql:
    """Traps 3, 5 and 14, and what a broken request is told."""

    def test_an_empty_operation_name_is_none(self, live: LiveService) -> None:
        answer = live.post({"query": "query Q { viewer { entity } }", "operationName": ""})

        assert answer.json() == {"data": {"viewer": {"entity": ENTITY}}}

    def test_unknown_fields_of_an_input_are_left_out(self, live: LiveService) -> None:
        reply = start_run(live, "newer", cloudRegionID=None, fromTheFuture={"a": 1}, tags=None)

        assert reply["inserted"] is True

    def test_an_unknown_output_field_is_a_400(self, live: LiveService) -> None:
        answer = live.post({"query": "{ viewer { shoeSize } }"})

        assert answer.status_code == 400
        assert "shoeSize" in answer.json()["errors"][0]["message"]

    @pytest.mark.parametrize(
        "body",
        [b"{", b"[]", b'{"query": 1}', b'{"query": "{"}', b'{"query": "' + b"{a" * 9000 + b'"}'],
        ids=["torn", "list", "number", "syntax", "deep"],
    )
    def test_a_broken_request_is_a_400_with_a_sentence(
        self, live: LiveService, body: bytes
    ) -> None:
        answer = live.post(body)

        assert answer.status_code == 400
        assert answer.json()["errors"][0]["message"]

    def test_a_mutation_that_is_not_offered_is_refused_by_name(self, live: LiveService) -> None:
        query = "mutation($i: RewindRunInput!) { rewindRun(input: $i) { __typename } }"
        given = {"runName": "r", "metricName": "_step", "metricValue": 1.0}

        answer = live.post({"query": query, "variables": {"i": given}})

        assert answer.status_code == 400
        assert "rewindRun is not offered yet" in answer.text

    def test_a_mutation_that_fails_leaves_nothing_behind(self, live: LiveService) -> None:
        given = {"name": "broken", "modelName": "fresh-project", "config": "{no json"}

        answer = live.post({"query": UPSERT, "variables": {"i": given}})

        assert answer.status_code == 400
        assert live.ask('{ project(name: "fresh-project") { id } }')["project"] is None

    def test_project_ids_are_integers_where_the_client_wants_them(self, live: LiveService) -> None:
        assert isinstance(start_run(live, "ids")["bucket"]["projectId"], int)

    def test_an_upsert_sent_twice_is_one_run(self, live: LiveService) -> None:
        first, second = start_run(live, "once"), start_run(live, "once")

        assert (first["inserted"], second["inserted"]) == (True, False)
        assert first["bucket"]["id"] == second["bucket"]["id"]

    def test_without_a_project_it_is_uncategorized(self, live: LiveService) -> None:
        live.ask(UPSERT, i={"name": "homeless", "host": "h", "entityName": ""})

        assert live.run("uncategorized", "homeless").state == RunState.RUNNING

    def test_a_deleted_run_id_is_refused(self, live: LiveService) -> None:
        run_id = start_run(live, "burnt")["bucket"]["id"]
        delete = "mutation($i: DeleteRunInput!) { deleteRun(input: $i) { clientMutationId } }"
        live.ask(delete, i={"id": run_id})

        answer = live.post(
            {"query": UPSERT, "variables": {"i": {"name": "burnt", "modelName": "p"}}}
        )

        assert answer.status_code == 403
        assert "deleted" in answer.json()["errors"][0]["message"]


class TestHeartbeats:
    """Traps 6, 8, 10: an order is neither lost nor given twice."""

    def test_an_order_whose_reply_was_lost_is_given_again(self, live: LiveService) -> None:
        sweep, agent = new_agent(live)
        live.faults.lose_reply("agentHeartbeat")
        with pytest.raises(AssertionError):
            heartbeat(live, agent)  # the network ate it

        (order,) = heartbeat(live, agent)

        with live.reading() as session:
            states = [trial.state for trial in list_trials(session, sweep)]
        assert states == [TrialState.LEASED, TrialState.QUEUED]
        assert order["type"] == "run"
        assert order["args"] == {"lr": {"value": 1}}

    def test_a_heartbeat_that_arrives_twice_takes_one_trial(self, live: LiveService) -> None:
        sweep, agent = new_agent(live)
        live.faults.repeat("agentHeartbeat")

        (order,) = heartbeat(live, agent)

        with live.reading() as session:
            leased = [t for t in list_trials(session, sweep) if t.state == TrialState.LEASED]
        assert len(leased) == 1
        assert order["program"] == "t.py"

    def test_an_agent_with_a_live_run_gets_nothing_more(self, live: LiveService) -> None:
        _, agent = new_agent(live)
        (order,) = heartbeat(live, agent)

        assert heartbeat(live, agent, **{order["run_id"]: True}) == []

    def test_an_unknown_agent_is_a_real_404(self, live: LiveService) -> None:
        answer = live.post({"query": HEARTBEAT, "variables": {"i": {"id": "QWdlbnQ6eA=="}}})

        assert answer.status_code == 404

    def test_an_agent_of_an_unknown_sweep_is_a_real_404(self, live: LiveService) -> None:
        given = {"sweep": "nosuch", "host": "h"}

        assert live.post({"query": AGENT, "variables": {"i": given}}).status_code == 404

    def test_a_run_made_ahead_keeps_its_values_and_its_name(self, live: LiveService) -> None:
        sweep, agent = new_agent(live)
        (order,) = heartbeat(live, agent)
        config = json.dumps({"own": {"value": 5}, "_wandb": {"value": {"t": {}}}})

        reply = start_run(live, order["run_id"], config=config, sweep=sweep)

        run = live.run("p", order["run_id"])
        assert (run.config["lr"], run.config["own"]) == ({"value": 1}, {"value": 5})
        assert (reply["inserted"], reply["bucket"]["sweepName"]) == (False, sweep)
        assert run.display_name == "0: lr=1"

    def test_a_run_that_announced_its_interruption_is_resumed_under_its_id(
        self, live: LiveService
    ) -> None:
        _, agent = new_agent(live)
        (order,) = heartbeat(live, agent)
        name = order["run_id"]
        start_run(live, name)
        live.stream(name, {**rows(1), "preempting": True})
        during = start_run(live, name)["bucket"]["state"]
        live.stream(name, {"complete": True, "exitcode": 1})
        after = live.ask(
            'query($n: String!) { project(name: "p") { run(name: $n) { state } } }', n=name
        )

        (again,) = heartbeat(live, agent)

        assert (during, after["project"]["run"]["state"]) == ("preempting", "preempted")
        assert again == {**order, "type": "resume"}

    def test_a_stop_goes_to_an_agent_that_lists_the_run(self, live: LiveService) -> None:
        _, agent = new_agent(live)
        (order,) = heartbeat(live, agent)
        name = order["run_id"]
        run_id = start_run(live, name)["bucket"]["id"]
        live.ask(
            "mutation($i: StopRunInput!) { stopRun(input: $i) { success } }", i={"id": run_id}
        )

        told = live.stream(name, rows(1)).json()

        assert told == {"stopped": True}
        assert heartbeat(live, agent, **{name: True}) == [{"type": "stop", "run_id": name}]

    def test_an_agent_of_a_stopped_sweep_leaves_once_nothing_runs(self, live: LiveService) -> None:
        sweep, agent = new_agent(live)
        (order,) = heartbeat(live, agent)
        start_run(live, order["run_id"])
        live.ask(SWEEP, i={"id": sweep, "state": "FINISHED"})

        while_it_runs = heartbeat(live, agent, **{order["run_id"]: True})
        live.stream(order["run_id"], {"complete": True, "exitcode": 0})

        assert while_it_runs == []
        assert heartbeat(live, agent) == [{"type": "exit"}]

    def test_yaml_booleans_are_what_the_client_makes_of_them(self, live: LiveService) -> None:
        """Trap 12: `off` is a boolean on both sides."""
        _, agent = new_agent(live, GRID.replace("[1, 2]", "[off, on]"))

        (order,) = heartbeat(live, agent)

        assert order["args"] == {"lr": {"value": False}}


class TestSweepErrors:
    @pytest.mark.parametrize(
        ("config", "said"),
        [
            ("method: [", "YAML"),
            (GRID.replace("values", "valeus"), "values"),
            (GRID.replace("[1, 2]", "[]"), "lr"),
            (f"{GRID}metrics: [{{name: a}}, {{name: b}}]\n", "several objectives"),
        ],
        ids=["torn", "misspelt", "empty", "not offered"],
    )
    def test_a_config_that_cannot_be_one_is_a_400_with_the_reason(
        self, live: LiveService, config: str, said: str
    ) -> None:
        answer = live.post({"query": SWEEP, "variables": {"i": {"config": config}}})

        assert answer.status_code == 400
        assert said in answer.json()["errors"][0]["message"]

    def test_the_command_lines_project_wins_over_the_configs(self, live: LiveService) -> None:
        given = {
            "config": f"project: inside\n{GRID}",
            "projectName": "outside",
            "entityName": "me",
        }

        sweep = live.ask(SWEEP, i=given)["upsertSweep"]["sweep"]

        assert sweep["project"] == {"name": "outside", "entity": {"name": "me"}}

    def test_a_state_asked_for_twice_is_fine(self, live: LiveService) -> None:
        sweep, _ = new_agent(live)

        found = [
            live.ask(SWEEP, i={"id": sweep, "state": state})["upsertSweep"]["sweep"]["state"]
            for state in ("PAUSED", "PAUSED", "RUNNING", "CANCELED", "CANCELED")
        ]

        assert found == ["PAUSED", "PAUSED", "RUNNING", "CANCELED", "CANCELED"]


class TestFiles:
    """Traps 4 and 13: addresses prove themselves and follow the host."""

    def put(self, live: LiveService, run: str, name: str, body: bytes) -> httpx.Response:
        return httpx.put(self.address(live, run, name), content=body)

    def address(self, live: LiveService, run: str, name: str, **headers: str) -> str:
        given = {"runName": run, "projectName": "p", "files": [name]}
        answer = live.post({"query": FILES, "variables": {"i": given}}, headers=headers)
        found: str = answer.json()["data"]["createRunFiles"]["files"][0]["uploadUrl"]
        return found

    @pytest.mark.parametrize("name", ["a/b c/ü%20?.txt", "empty", ".hidden", "a..b"])
    def test_bytes_are_stored_under_any_name(self, live: LiveService, name: str) -> None:
        start_run(live, "files")
        body = b"" if name == "empty" else b"x" * 100_000

        assert self.put(live, "files", name, body).status_code == 200

        assert self.stored(live, "files")[name] == len(body)

    def stored(self, live: LiveService, run: str) -> dict[str, int | None]:
        found = live.ask(
            """query($r: String!) { project(name: "p") { run(name: $r) { files {
            edges { node { name sizeBytes } } } } } }""",
            r=run,
        )["project"]["run"]["files"]["edges"]
        return {edge["node"]["name"]: int(edge["node"]["sizeBytes"]) for edge in found}

    @pytest.mark.parametrize("name", ["../up", "a/../../b", "/etc/passwd", "", "a//b"])
    def test_a_name_that_leaves_the_run_gets_no_address_and_spoils_no_other(
        self, live: LiveService, name: str
    ) -> None:
        start_run(live, "escape")
        given = {"runName": "escape", "projectName": "p", "files": [name, "good"]}

        files = live.ask(FILES, i=given)["createRunFiles"]["files"]

        assert [f["name"] for f in files] == [name, "good"]
        assert files[0]["uploadUrl"] is None
        assert files[1]["uploadUrl"]

    def test_an_address_that_was_tampered_with_is_refused(self, live: LiveService) -> None:
        start_run(live, "signed")
        address = self.address(live, "signed", "f")
        head, _, signed = address.partition("/storage/")

        assert httpx.put(f"{head}/storage/x{signed}", content=b"").status_code == 403

    def test_a_put_after_another_run_took_the_id_is_refused(self, live: LiveService) -> None:
        start_run(live, "old")
        address = self.address(live, "old", "f")
        live.stream("old", {"complete": True, "exitcode": 0})
        start_run(live, "old")

        assert httpx.put(address, content=b"late").status_code == 410
        assert "f" not in self.stored(live, "old")

    def test_addresses_follow_the_host_that_was_asked(self, live: LiveService) -> None:
        start_run(live, "proxy")

        assert self.address(live, "proxy", "f", Host="gpu.example:81").startswith(
            "http://gpu.example:81/storage/"
        )

    def test_a_file_over_the_limit_is_refused_and_not_kept(self, own_live: LiveService) -> None:
        live = own_live
        live.stop()
        live.settings = Settings(**{**live.settings.model_dump(), "max_upload_bytes": 10})
        live.start()
        start_run(live, "big")

        assert self.put(live, "big", "f", b"x" * 11).status_code == 413
        assert [p for p in (live.settings.data_dir / "files").rglob("*") if p.is_file()] == []


class TestProcesses:
    """DESIGN 5, rule 3: a process that was superseded is refused for good."""

    def test_a_superseded_process_can_write_nothing(self, live: LiveService) -> None:
        old, new = {"X-Paribus-Process": "old"}, {"X-Paribus-Process": "new"}
        given = {"name": "moved", "modelName": "p", "host": "h", "config": "{}"}
        body = {"query": UPSERT, "variables": {"i": given}}
        run_id = live.post(body, headers=old).json()["data"]["upsertBucket"]["bucket"]["id"]
        live.stream("moved", {**rows(1), "complete": True, "exitcode": 1}, headers=old)
        given["id"] = run_id
        assert live.post(body, headers=new).status_code == 200

        late = live.stream("moved", rows(9, offset=1), headers=old)
        fresh = live.stream("moved", rows(2, offset=1), headers=new)

        assert (late.status_code, fresh.status_code) == (410, 200)
        assert live.post(body, headers=old).status_code == 410
        assert [row["x"] for row in live.history(live.run("p", "moved"))] == [1, 2]

    def test_a_second_process_cannot_take_a_live_run(self, live: LiveService) -> None:
        given = {"name": "held", "modelName": "p", "host": "h", "config": "{}"}
        body = {"query": UPSERT, "variables": {"i": given}}
        live.post(body, headers={"X-Paribus-Process": "first"})

        answer = live.post(body, headers={"X-Paribus-Process": "second"})

        assert answer.status_code == 410


class TestKeys:
    def test_a_key_may_do_what_its_scopes_say(self, own_live: LiveService) -> None:
        live = own_live
        live.stop()
        live.settings = Settings(**{**live.settings.model_dump(), "dev": False})
        live.start()
        with session_scope(live.services.engine) as session:
            now = live.services.clock.now()
            made = {
                scope: create_key(session, name=scope, entity="me", scopes=[scope], now=now).secret
                for scope in ("read", "agent", "submit")
            }
        asked = {
            "viewer": {"query": "{ viewer { entity } }"},
            "run": {"query": UPSERT, "variables": {"i": {"name": "r", "modelName": "p"}}},
            "sweep": {"query": SWEEP, "variables": {"i": {"config": GRID, "projectName": "p"}}},
        }

        found = {
            scope: [
                httpx.post(f"{live.url}/graphql", json=body, auth=("api", secret)).status_code
                for body in asked.values()
            ]
            for scope, secret in made.items()
        }

        assert found == {
            "read": [200, 403, 403],
            "agent": [200, 200, 403],
            "submit": [200, 403, 200],
        }

    def test_no_key_is_a_401_with_a_sentence(self, live: LiveService) -> None:
        answer = httpx.post(f"{live.url}/graphql", json={"query": "{ viewer { id } }"})

        assert answer.status_code == 401
        assert "key" in answer.json()["errors"][0]["message"]

    def test_a_wrong_key_ends_a_client_with_the_servers_sentence(
        self, own_live: LiveService
    ) -> None:
        live = own_live
        live.stop()
        live.settings = Settings(**{**live.settings.model_dump(), "dev": False})
        live.start()

        done = live.client("import wandb; wandb.init(project='p')", ok=False)

        assert done.returncode != 0
        assert "this key is not known here" in done.stderr
        assert live.post({"query": "{ viewer { id } }"}).status_code == 401
        assert live.stream("r", {}).status_code == 401
        assert KEY not in done.stderr


class TestSecondProcess:
    """A trial's run goes on in another process only once the older one has ended."""

    STATUS = """query RunResumeStatus($name: String!) { model(name: "p") {
      bucket(name: $name, missingOk: true) { id wandbConfig(keys: ["t"]) } } }"""

    def test_a_trial_that_runs_elsewhere_is_not_resumed_beside_it(self, live: LiveService) -> None:
        _, agent = new_agent(live)
        name = heartbeat(live, agent)[0]["run_id"]
        asked = {"query": self.STATUS, "variables": {"name": name}}
        assert live.post(asked).status_code == 200  # handed out, and not started
        start_run(live, name)

        refused = live.post(asked)

        assert refused.status_code == 503  # the client asks again, and gives up by itself
        assert "is running: it reported" in refused.text
        live.stream(name, {"complete": True, "exitcode": 1})
        assert live.post(asked).status_code == 200

    def test_a_run_of_no_sweep_is_its_owners_matter(self, live: LiveService) -> None:
        start_run(live, "mine")

        assert live.post({"query": self.STATUS, "variables": {"name": "mine"}}).status_code == 200
