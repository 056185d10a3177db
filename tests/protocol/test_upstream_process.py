"""The real client, in its process, against a second Paribus that plays the W&B server.

With the newest client and with 0.21.4; between them and the server, where a test needs it, a proxy
that refuses, limits, delays and loses answers.
"""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from paribus_service import errors
from paribus_service.orchestration.upstream.child import PRIVATE
from paribus_service.orchestration.upstream.conversation import MODULE, Conversation, command_of
from paribus_service.orchestration.upstream.messages import (
    ConsoleTail,
    RunPath,
    RunRecords,
    SweepPath,
    SystemMetrics,
)
from tests.protocol.live import ENTITY, KEY, LiveService, wait_for

ROOT = Path(__file__).parents[2]
_FOUND = os.environ.get("PARIBUS_OLD_WANDB", ROOT / ".venv-wandb-0.21")
OLD = Path(_FOUND, "bin", "python")
CONTROLLED = {
    "name": "rates",
    "method": "custom",
    "metric": {"name": "loss", "goal": "minimize"},
    "controller": {"type": "local"},
    "parameters": {"lr": {"values": [1e-05, 0.1]}, "token": {"value": "008"}},
}

Talk = Callable[..., Conversation]


@pytest.fixture(params=["newest", "0.21"], scope="module")
def program(request: pytest.FixtureRequest) -> dict[str, Any]:
    """How the client's process is started: its Python, as PARIBUS_WANDB_PYTHON names it."""
    if request.param == "newest":
        return {"command": command_of(None)}
    if not OLD.exists():
        pytest.skip("no client 0.21.4 here: `make test-deps` installs it into .venv-wandb-0.21")
    return {"command": command_of(OLD)}


@pytest.fixture(scope="module")
def conversation(live: LiveService, program: dict[str, Any]) -> Iterator[Conversation]:
    """One for all tests in which nothing goes wrong."""
    made = Conversation(base_url=live.url, api_key=KEY, seconds=60, **program)
    yield made
    made.close()


@pytest.fixture
def talk(program: dict[str, Any]) -> Iterator[Talk]:
    made: list[Conversation] = []

    def begin(base_url: str, key: str = KEY) -> Conversation:
        made.append(Conversation(base_url=base_url, api_key=key, seconds=60, **program))
        return made[-1]

    yield begin
    for each in made:
        each.close()


@pytest.fixture
def proxy(live: LiveService) -> Iterator["Proxy"]:
    between = Proxy(live.url)
    yield between
    between.close()


def hurry(conversation: Conversation) -> None:
    """From here on an answer is waited for briefly: the ones to come are refused, or lost."""
    conversation._seconds = 3.0


class Proxy:
    """Stands before the server; `rule` says what happens to requests whose body holds a text."""

    def __init__(self, target: str, *, prefix: str = "") -> None:
        self.rule: tuple[str, Callable[[], tuple[int, dict[str, str], bytes]], bool] | None = None
        self.passed: list[str] = []
        """Bodies that reached the server."""
        self.held = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                rule = outer.rule if outer.rule and outer.rule[0] in body.decode() else None
                if rule is None or rule[2]:
                    outer.passed.append(body.decode())
                    kept = {k: v for k, v in self.headers.items() if k in ("Authorization",)}
                    path = self.path.removeprefix(prefix)
                    answer = httpx.post(target + path, content=body, headers=kept)
                    status, headers, content = answer.status_code, {}, answer.content
                if rule is not None:
                    status, headers, content = rule[1]()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self) -> None:
                self.send_error(404)

            def log_message(self, *_: Any) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, text: str, status: int, body: str = "{}", **headers: str) -> None:
        """Such requests never arrive; this is their answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.rule = (text, lambda: (status, named, body.encode()), False)

    def lose_reply(self, text: str) -> None:
        """Such requests arrive, and their answers do not."""
        self.rule = (text, lambda: (502, {}, b"{}"), True)

    def hold(self, text: str) -> None:
        """Such requests are answered when the test is over."""

        def wait() -> tuple[int, dict[str, str], bytes]:
            self.held.wait(60)
            return 503, {}, b"{}"

        self.rule = (text, wait, False)

    def close(self) -> None:
        self.held.set()
        self._server.shutdown()
        self._server.server_close()


def is_old(conversation: Conversation) -> bool:
    return conversation.server().client_version.startswith("0.21.")


def register(conversation: Conversation, project: str) -> SweepPath:
    return conversation.register_sweep(None, project, CONTROLLED).path


def make_run(live: LiveService, project: str, name: str, lines: list[str]) -> RunPath:
    """A run with exactly these lines as its history."""
    made = """mutation Make($name: String!, $project: String!) {
        upsertBucket(input: {name: $name, modelName: $project}) { bucket { id } } }"""
    live.ask(made, name=name, project=project)
    body = {"files": {"wandb-history.jsonl": {"offset": 0, "content": lines}}}
    assert live.stream(name, body, project=project).status_code == 200
    return RunPath(ENTITY, project, name)


class TestTheServer:
    def test_it_says_who_it_is_and_what_it_can_do(
        self, conversation: Conversation, live: LiveService
    ) -> None:
        facts = conversation.server()

        assert (facts.base_url, facts.default_entity) == (live.url, ENTITY)
        # Sweep.enqueue_run came with 0.31; the server has the feature
        assert facts.can_enqueue == (not facts.client_version.startswith("0.21."))


class TestSweeps:
    def test_one_is_registered_and_found(self, conversation: Conversation) -> None:
        made = conversation.register_sweep(None, "u-found", CONTROLLED)
        found = conversation.sweep(made.path)

        assert (found.path.entity, found.path.project) == (ENTITY, "u-found")
        assert (made.gql_id, made.name, made.state) == (found.gql_id, "rates", "PENDING")
        assert found.url.endswith(f"/{ENTITY}/u-found/sweeps/{made.path.sweep_id}")
        assert "1.0e-05" in found.config_text

    def test_what_the_server_finds_odd_is_handed_on(self, conversation: Conversation) -> None:
        odd = {**CONTROLLED, "early_terminate": {"type": "hyperband", "min_iter": 3, "s": 2}}

        assert conversation.register_sweep(None, "u-odd", odd).warnings != []

    def test_a_config_that_it_refuses_is_refused_in_its_words(
        self, conversation: Conversation
    ) -> None:
        with pytest.raises(errors.UpstreamFailed, match="nothing to vary"):
            conversation.register_sweep(None, "u-bad", {"method": "grid"})

    @pytest.mark.parametrize("state", ["PAUSED", "RUNNING", "FINISHED", "CANCELED"])
    def test_its_state_is_set(self, conversation: Conversation, state: str) -> None:
        at = register(conversation, "u-states")
        if state == "RUNNING":
            conversation.set_sweep_state(at, "PAUSED")

        conversation.set_sweep_state(at, state)

        resumed = {"RUNNING", "PENDING"}  # a sweep without a run is pending again
        assert conversation.sweep(at).state in (resumed if state == "RUNNING" else {state})

    def test_a_schedule_becomes_runs(self, conversation: Conversation) -> None:
        made = conversation.register_sweep(None, "u-schedule", CONTROLLED)
        entry = {"id": "t1", "data": {"args": {"lr": {"value": 0.1}}}}

        conversation.write_controller(made.gql_id, {"schedule": [entry]})

        found = conversation.sweep(made.path)
        chosen = {"sweep": made.path.sweep_id}
        [run] = conversation.runs(ENTITY, "u-schedule", filters=chosen).runs
        assert [(each.id, each.run_id) for each in found.scheduled] == [("t1", run.path.run_id)]
        assert found.controller == {"schedule": [entry]}
        assert (run.sweep_id, json.loads(run.config_text)["lr"]) == (
            made.path.sweep_id,
            {"value": 0.1},
        )

    def test_a_run_is_enqueued_found_by_name_and_stopped(self, conversation: Conversation) -> None:
        at = register(conversation, "u-enqueue")
        if is_old(conversation):
            with pytest.raises(errors.UpstreamTooOld, match="install wandb 0.31"):
                conversation.enqueue_run(at, {"lr": 0.1}, "rates-t1")
            return

        run_id = conversation.enqueue_run(at, {"lr": 0.1}, "rates-t1")
        conversation.enqueue_run(at, {"lr": 0.2}, "rates-t2")

        [found] = conversation.find_runs(ENTITY, "u-enqueue", ["rates-t1", "rates-t9"])
        assert (found.path.run_id, found.display_name) == (run_id, "rates-t1")
        assert json.loads(found.config_text)["lr"] == {"value": 0.1}
        conversation.stop_run(found.path)
        [stopped] = conversation.find_runs(ENTITY, "u-enqueue", ["rates-t1"])
        assert stopped.stopped


class TestRuns:
    def test_pages_hold_each_run_once_oldest_first(
        self, conversation: Conversation, live: LiveService
    ) -> None:
        names = [f"r{i:02}" for i in range(23)]
        for name in names:
            make_run(live, "u-pages", name, ['{"_step":0,"a":1}'])

        found, cursor, pages = [], None, 0
        while pages == 0 or cursor is not None:
            page = conversation.runs(ENTITY, "u-pages", after=cursor, limit=10)
            found += [run.path.run_id for run in page.runs]
            cursor, pages = page.next_cursor, pages + 1
            assert page.total == 23

        assert (found, pages) == (names, 3)

    def test_a_filter_chooses(self, conversation: Conversation, live: LiveService) -> None:
        for name in ("a", "b"):
            make_run(live, "u-filter", name, [])

        page = conversation.runs(ENTITY, "u-filter", filters={"name": {"$in": ["b"]}})

        assert [run.path.run_id for run in page.runs] == ["b"]
        assert page.total == 1

    def test_what_a_client_says_of_a_run_comes_with_it(
        self, conversation: Conversation, live: LiveService
    ) -> None:
        live.client(
            "import wandb\n"
            "with wandb.init(project='u-says', id='r', name='one', group='g', job_type='j', "
            "tags=['t'], notes='n', config={'lr': 0.1}) as run:\n"
            "    run.log({'loss': float('nan')}); run.log({'loss': 2})"
        )

        [run] = conversation.runs(ENTITY, "u-says").runs

        assert (run.display_name, run.state, run.group, run.job_type) == (
            "one",
            "finished",
            "g",
            "j",
        )
        assert (run.tags, run.notes, run.last_step, run.history_lines) == (["t"], "n", 1, 2)
        assert json.loads(run.config_text) == live.run("u-says", "r").config
        assert run.created_at is not None
        assert run.created_at.tzinfo is not None


class TestHistories:
    ODD = [
        '{"_step":0,"z":NaN,"a":-Infinity,"loss":0.1}',
        '{"_step":1,"big":12345678901234567890123,"past":9007199254740993}',
        '{"_step":2,"nested":{"b":{"c":[1,{"d":null}]},"a.dot":true},"text":"é\\u0000\\"\\n"}',
        '{"_step":5,"tiny":1e-320,"huge":1e308,"same":1.0,"int":1,"zero":-0.0}',
    ]

    def test_rows_are_the_texts_that_were_logged(
        self, conversation: Conversation, live: LiveService
    ) -> None:
        at = make_run(live, "u-odd-rows", "r", self.ODD)

        page = conversation.history(at, min_step=0, max_step=None, limit=100)

        assert page.rows == [(int(line[9]), line) for line in self.ODD]
        assert page.next_min_step is None

    def test_a_long_one_comes_whole_page_by_page(
        self, conversation: Conversation, live: LiveService
    ) -> None:
        """Full resolution: a server hands out 500 rows of 2,500, unless it is asked right."""
        lines = [f'{{"_step":{i},"loss":{1 / (i + 1)!r}}}' for i in range(2500)]
        at = make_run(live, "u-long", "r", lines)

        found: list[str] = []
        low: int | None = 0
        while low is not None:
            page = conversation.history(at, min_step=low, max_step=None, limit=1000)
            found += [text for _, text in page.rows]
            low = page.next_min_step

        assert found == lines

    def test_steps_far_apart_come_in_few_requests(
        self, conversation: Conversation, live: LiveService
    ) -> None:
        steps = [i * 10**6 for i in range(300)]
        at = make_run(live, "u-far", "r", [f'{{"_step":{step}}}' for step in steps])
        before = len(live.faults.bodies("HistoryPage"))

        page = conversation.history(at, min_step=0, max_step=None, limit=1000)

        assert [step for step, _ in page.rows] == steps
        assert len(live.faults.bodies("HistoryPage")) - before < 10

    def test_bounds_hold(self, conversation: Conversation, live: LiveService) -> None:
        at = make_run(live, "u-bounds", "r", [f'{{"_step":{i}}}' for i in range(9)])

        page = conversation.history(at, min_step=3, max_step=6, limit=100)

        assert [step for step, _ in page.rows] == [3, 4, 5]


class TestBesideAHistory:
    """System metrics and console output: also the older client sends what the newest one asks."""

    def test_system_metrics_come_with_the_rows(
        self, conversation: Conversation, live: LiveService
    ) -> None:
        at = make_run(live, "u-system", "r", ['{"_step":0}'])
        lines = ['{"system.cpu":NaN}', "no JSON", '{"system.cpu":1e300}']
        body = {"files": {"wandb-events.jsonl": {"offset": 0, "content": lines}}}
        live.stream("r", body, project="u-system")
        before = len(live.faults.bodies("HistoryPage"))

        page = conversation.history(at, min_step=0, max_step=None, limit=10, samples=500)

        assert page.system == SystemMetrics(lines, 3)
        assert len(live.faults.bodies("HistoryPage")) - before == 1

    def test_console_output_comes_from_its_end(
        self, conversation: Conversation, live: LiveService
    ) -> None:
        at = make_run(live, "u-console", "r", ['{"_step":0}'])
        lines = [f"ERROR 2026-11-23T08:43:08.341942 line {i}" for i in range(2_000)]
        body = {"files": {"output.log": {"offset": 0, "content": [*lines, "\x1b[31m\x00é\ud83d"]}}}
        live.stream("r", body, project="u-console")

        came = conversation.records(at, samples=0, console_lines=3)

        assert came.system is None
        assert came.console is not None
        assert [number for number, _ in came.console.lines] == [1998, 1999, 2000]
        assert json.loads(came.console.lines[0][1]) == {
            "ts": "2026-11-23T08:43:08.341942", "level": "error", "content": "line 1998",
        }  # fmt: skip
        assert json.loads(came.console.lines[2][1])["content"].startswith("\x1b[31m\x00é")
        assert came.console.there == 2_001

    def test_both_come_at_once(self, conversation: Conversation, live: LiveService) -> None:
        at = make_run(live, "u-both", "r", ['{"_step":0}'])

        came = conversation.records(at, samples=5, console_lines=5)

        assert came == RunRecords(SystemMetrics([], 0), ConsoleTail([], 0))


class TestWhatIsNotThere:
    def test_each_is_named(self, conversation: Conversation) -> None:
        at = register(conversation, "u-there")
        nowhere = SweepPath(ENTITY, "u-nowhere", "s")
        asked = [
            (lambda: conversation.sweep(nowhere), "project 'paribus/u-nowhere'"),
            (lambda: conversation.runs("nobody", "p"), "project 'nobody/p'"),
            (
                lambda: conversation.sweep(SweepPath(at.entity, at.project, "none")),
                "sweep 'paribus/u-there/none'",
            ),
            (
                lambda: conversation.stop_run(RunPath(at.entity, at.project, "none")),
                "run 'paribus/u-there/none'",
            ),
        ]

        for ask, named in asked:
            with pytest.raises(errors.UpstreamNotFound, match=named):
                ask()


class TestKeys:
    @pytest.mark.parametrize("key", ["local-" + "f" * 40, "short", "id"])
    def test_a_wrong_one_is_refused(
        self, program: dict[str, Any], tmp_path: Path, talk: Talk, key: str
    ) -> None:
        """Also one that is a word of the replies, from which the key is left out."""
        guarded = LiveService(tmp_path, dev=False)
        try:
            with pytest.raises(errors.UpstreamRefusedKey, match="set PARIBUS_WANDB_API_KEY") as e:
                talk(guarded.url, key).server()
        finally:
            guarded.close()
        assert f" {key} " not in str(e.value)

    def test_it_stays_inside_and_no_login_is_touched(
        self, talk: Talk, live: LiveService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "home"
        home.mkdir()
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        before = _children_of(os.getpid(), MODULE)
        conversation = talk(live.url)
        register(conversation, "u-key")

        [pid] = set(_children_of(os.getpid(), MODULE)) - set(before)
        family = [pid, *_children_of(pid)]
        shown = [
            Path(f"/proc/{each}/{what}").read_bytes()
            for each in family
            for what in ("environ", "cmdline")
        ]
        written = [p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()]
        assert [KEY.encode() in text for text in shown + written if KEY.encode() in text] == []
        assert list(home.iterdir()) == []
        conversation.close()
        wait_for(lambda: not any(Path(f"/proc/{each}/exe").exists() for each in family))
        assert [p.name for p in tmp_path.iterdir()] == ["home"]


def _children_of(parent: int, text: str = "") -> list[int]:
    """Processes that `parent` started, whose command line holds `text`."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            command = stat.with_name("cmdline").read_text()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[1]) == parent and text in command:
            found.append(int(stat.parent.name))
    return found


class TestItsOwnEnd:
    def test_it_ends_and_cleans_up_when_nobody_asks_any_more(
        self, program: dict[str, Any], live: LiveService, tmp_path: Path
    ) -> None:
        """As when the service was killed: nobody is left who could end it."""
        own = tmp_path / "own"
        own.mkdir()
        first = json.dumps({"base_url": live.url, "api_key": KEY}) + "\n"
        asked = {"id": 1, "call": "server", "arguments": {}, "seconds": 30}

        done = subprocess.run(
            program["command"],
            input=first + json.dumps(asked) + "\n",
            env={**live.env, PRIVATE: str(own)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        ready, answer = map(json.loads, done.stdout.splitlines())
        assert (done.returncode, list(ready)) == (0, ["ready"])
        assert answer["value"]["default_entity"] == ENTITY
        assert not own.exists()


class TestAServerInTrouble:
    def test_a_rate_limit_says_how_long(self, talk: Talk, proxy: Proxy) -> None:
        conversation = talk(proxy.url)
        conversation.server()
        proxy.answer("", 429, Retry_After="33")
        hurry(conversation)

        with pytest.raises(errors.UpstreamBusy) as caught:
            conversation.sweep(SweepPath("e", "p", "s"))

        assert caught.value.retry_after == 33

    def test_a_rate_limit_that_is_over_is_one_still(self, talk: Talk, proxy: Proxy) -> None:
        conversation = talk(proxy.url)
        conversation.server()
        proxy.answer("GetSweep", 429)
        hurry(conversation)

        with pytest.raises(errors.UpstreamBusy) as caught:
            conversation.sweep(SweepPath("e", "p", "s"))

        assert caught.value.retry_after == 30  # our own guess

    def test_a_failing_one_is_unreachable_for_now(self, talk: Talk, proxy: Proxy) -> None:
        conversation = talk(proxy.url)
        at = register(conversation, "u-trouble")
        proxy.answer("GetSweep", 500)

        with pytest.raises(errors.UpstreamUnreachable):
            conversation.sweep(at)

        proxy.rule = None
        assert conversation.sweep(at).path == at

    def test_one_that_does_not_answer_is_not_waited_for(self, talk: Talk, proxy: Proxy) -> None:
        conversation = talk(proxy.url)
        at = register(conversation, "u-slow")
        proxy.hold("GetSweep")
        hurry(conversation)
        begun = time.monotonic()

        with pytest.raises(errors.UpstreamUnreachable, match="no answer within 3 s|timed out"):
            conversation.sweep(at)

        assert time.monotonic() - begun < 20  # 3 s of its own, and some for a question why

    def test_an_address_that_leads_to_no_server_is_told(
        self, talk: Talk, live: LiveService
    ) -> None:
        with pytest.raises(errors.UpstreamFailed, match="no W&B server is found there"):
            talk(f"{live.url}/not/there").server()

    def test_a_path_before_the_servers_own_is_kept(self, talk: Talk, live: LiveService) -> None:
        """As a reverse proxy adds it."""
        behind = Proxy(live.url, prefix="/wandb")
        try:
            assert talk(f"{behind.url}/wandb").server().default_entity == ENTITY
        finally:
            behind.close()

    def test_one_that_has_moved_to_https_is_told(self, talk: Talk, proxy: Proxy) -> None:
        proxy.answer("", 301, Location=f"{proxy.url}/elsewhere")

        with pytest.raises(errors.UpstreamFailed, match="https"):
            talk(proxy.url).server()

    def test_rights_that_are_missing_are_told(self, talk: Talk, proxy: Proxy) -> None:
        conversation = talk(proxy.url)
        conversation.server()
        proxy.answer("UpsertSweep", 403, '{"errors":[{"message":"permission denied"}]}')

        with pytest.raises(errors.UpstreamRefusedKey, match="register a sweep in p"):
            register(conversation, "p")

    def test_an_old_one_is_told(self, talk: Talk, proxy: Proxy) -> None:
        conversation = talk(proxy.url)
        conversation.server()
        said = '{"errors":[{"message":"Cannot query field \\"agents\\" on type \\"Sweep\\"."}]}'
        proxy.answer("GetSweep", 400, said)

        with pytest.raises(errors.UpstreamTooOld, match="agents") as caught:
            conversation.sweep(SweepPath("e", "p", "s"))

        assert str(caught.value).startswith(
            f"to show sweep e/p/s is not possible with {proxy.url}"
        )
        assert "Upgrade that server" in str(caught.value)

    def test_one_that_is_down_is_asked_again_when_it_is_back(
        self, talk: Talk, own_live: LiveService
    ) -> None:
        conversation = talk(own_live.url)
        at = register(conversation, "p")
        own_live.stop()

        with pytest.raises(errors.UpstreamUnreachable, match=r"(?i)refused"):
            conversation.sweep(at)

        own_live.start()
        assert conversation.sweep(at).path == at


class TestWhatMustNotBeSentTwice:
    """The newest client repeats by itself what fails, and neither way has an idempotency key."""

    def test_a_sweep_whose_answer_is_lost_is_registered_once(
        self, talk: Talk, proxy: Proxy
    ) -> None:
        conversation = talk(proxy.url)
        conversation.server()
        proxy.lose_reply("UpsertSweep")
        hurry(conversation)

        with pytest.raises(errors.UpstreamUnreachable):
            register(conversation, "u-once")

        assert sum("UpsertSweep" in body for body in proxy.passed) == 1

    def test_a_run_whose_answer_is_lost_is_enqueued_once_and_found_by_its_name(
        self, talk: Talk, proxy: Proxy, conversation: Conversation
    ) -> None:
        disturbed = talk(proxy.url)
        if is_old(disturbed):
            pytest.skip("client 0.21.4 cannot enqueue")
        at = register(conversation, "u-lost")
        proxy.lose_reply("EnqueueSweepRun")
        hurry(disturbed)

        with pytest.raises(errors.UpstreamUnreachable):
            disturbed.enqueue_run(at, {"lr": 0.1}, "rates-t1")

        assert sum("EnqueueSweepRun" in body for body in proxy.passed) == 1
        assert len(conversation.find_runs(ENTITY, "u-lost", ["rates-t1"])) == 1
