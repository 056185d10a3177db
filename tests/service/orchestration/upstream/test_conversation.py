"""A conversation with a process that misbehaves in every way a process can."""

import json
import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from paribus_service import errors
from paribus_service.errors import UpstreamError
from paribus_service.orchestration.upstream.conversation import Conversation, sweep_yaml
from paribus_service.orchestration.upstream.messages import RunPath, SweepPath
from paribus_service.settings import Settings, read_settings

KEY = "local-" + "k3y" * 14
AT = SweepPath("team", "bert", "s1")
READY = """
import json, os, signal, subprocess, sys, threading, time
first = json.loads(sys.stdin.readline())
def say(**line): print(json.dumps(line), flush=True)
def sweep(name): return {
    "path": {"entity": "team", "project": "bert", "sweep_id": name}, "gql_id": str(os.getpid()),
    "state": "RUNNING", "name": None, "config_text": "method: grid"}
say(ready="0")
"""
ANSWER = "say(id=q['id'], value=sweep(q['arguments']['sweep_id']), requests=1)"

Talk = Callable[..., Conversation]


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    """Makes conversations with a process that does `body` for each question `q`."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made: list[Conversation] = []

    def conversation(body: str = ANSWER, *, before: str = READY, **more: Any) -> Conversation:
        lines = "".join(f"\n    {line}" for line in body.splitlines())
        script = f"{before}\nfor line in sys.stdin:\n    q = json.loads(line){lines}"
        chosen = {"seconds": 20.0, "grace_seconds": 0.0, **more}
        command = [sys.executable, "-c", script]
        made.append(
            Conversation(base_url="http://there", api_key=KEY, **{"command": command, **chosen})
        )
        return made[-1]

    yield conversation
    for each in made:
        each.close()


def once(tmp_path: Path, body: str) -> str:
    """`body` the first time that a process gets there, an answer ever after."""
    mark = tmp_path / "mark"
    inside = "".join(f"\n    {line}" for line in body.splitlines())
    return f"if not os.path.exists({str(mark)!r}):\n    open({str(mark)!r}, 'w'){inside}\n{ANSWER}"


def wait_until(claim: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.01)
    return claim()


def is_gone(pid: int) -> bool:
    """No such process, or one that only waits to be collected by whoever adopted it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class TestAsking:
    def test_an_answer_is_a_typed_value(self, talk: Talk) -> None:
        agent = {"id": "a", "host": "h", "state": None, "heartbeat_at": "2026-01-02T03:04:05Z"}
        told = f"say(id=q['id'], value=sweep('s1') | {{'agents': [{agent!r}]}})"

        sweep = talk(told).sweep(AT)

        assert sweep.path == AT
        assert sweep.agents[0].heartbeat_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def test_one_process_serves_all_questions(self, talk: Talk) -> None:
        conversation = talk()

        first, second = conversation.sweep(AT), conversation.sweep(AT)

        assert first.gql_id == second.gql_id  # its process id

    def test_nothing_is_started_before_the_first_question(
        self, talk: Talk, tmp_path: Path
    ) -> None:
        talk()

        assert list(tmp_path.iterdir()) == []

    def test_threads_get_their_own_answers(self, talk: Talk) -> None:
        conversation = talk()
        names = [f"s{i}" for i in range(40)]

        with ThreadPoolExecutor(8) as pool:
            found = pool.map(lambda name: conversation.sweep(SweepPath("t", "p", name)), names)

        assert [sweep.path.sweep_id for sweep in found] == names

    def test_what_is_no_answer_is_passed_over(self, talk: Talk) -> None:
        """The client, or what it imports, may print."""
        noise = (
            "print('wandb: hello'); print('[1, 2]'); print('{')\n"
            "sys.stdout.flush(); sys.stdout.buffer.write(b'\\xff\\xfe\\n')\n"
            "say(id=q['id'] - 1, value=None); say(id=None)\n"
        )

        assert talk(noise + ANSWER).sweep(AT).path == AT

    def test_an_answer_of_another_shape_is_told_by_its_field(self, talk: Talk) -> None:
        with pytest.raises(errors.UpstreamFailed, match="config_text: Field required"):
            talk("v = sweep('s1'); del v['config_text']; say(id=q['id'], value=v)").sweep(AT)

    def test_texts_come_through_bit_for_bit(self, talk: Talk) -> None:
        row = '{"b":NaN,"a":[-Infinity,1e400,123456789012345678901234567890],"k":"\\ud800 é\\n"}'
        told = f"say(id=q['id'], value={{'rows': [[7, {row!r}]], 'next_min_step': 8}})"

        page = talk(told).history(RunPath("t", "p", "r"), min_step=0, max_step=None, limit=1)

        assert (page.rows, page.next_min_step) == ([(7, row)], 8)


class TestProcessesThatMisbehave:
    HANGS = "while True: time.sleep(60)"

    @pytest.mark.parametrize(
        "body",
        [
            HANGS,
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + HANGS,
            "while True: print('and another thing', flush=True)",
            "while True: sys.stdout.write('x' * 1000); sys.stdout.flush()",
            "os.kill(os.getpid(), signal.SIGSTOP)",
        ],
        ids=["hangs", "ignores signals", "talks", "never ends its line", "is stopped"],
    )
    def test_one_without_an_answer_is_ended_and_replaced(
        self, talk: Talk, tmp_path: Path, body: str
    ) -> None:
        told_pid = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        conversation = talk(once(tmp_path, told_pid + body), seconds=2.0)

        with pytest.raises(errors.UpstreamUnreachable, match="no answer in time and was ended"):
            conversation.sweep(AT)

        assert is_gone(int((tmp_path / "pid").read_text()))
        assert conversation.sweep(AT).path == AT

    def test_one_that_reads_no_more_holds_nobody_up(self, talk: Talk) -> None:
        """A megabyte does not fit into the pipe: writing itself would wait for ever."""
        conversation = talk(before=READY + self.HANGS, seconds=0.5)

        with pytest.raises(errors.UpstreamUnreachable, match="no answer in time"):
            conversation.enqueue_run(AT, {"text": "x" * 2**20}, "n")

    def test_one_that_does_not_start_is_ended(self, talk: Talk) -> None:
        conversation = talk(before="import time\ntime.sleep(60)", start_seconds=0.3)

        with pytest.raises(errors.UpstreamUnreachable, match="no answer in time"):
            conversation.sweep(AT)

    def test_one_that_crashes_tells_its_last_line_and_is_replaced(
        self, talk: Talk, tmp_path: Path
    ) -> None:
        crash = "raise MemoryError(first['api_key'] + ' was here')"
        conversation = talk(once(tmp_path, crash))

        with pytest.raises(errors.UpstreamUnreachable) as caught:
            conversation.sweep(AT)

        assert caught.value.reason == (
            "the client's process ended (MemoryError: (the key) was here)"
        )
        assert conversation.sweep(AT).path == AT

    def test_one_that_is_killed_between_questions_is_replaced(self, talk: Talk) -> None:
        conversation = talk()
        os.kill(int(conversation.sweep(AT).gql_id), 9)

        with pytest.raises(errors.UpstreamUnreachable, match="it left no word"):
            conversation.sweep(AT)
        assert conversation.sweep(AT).path == AT

    def test_one_that_gives_its_last_answer_is_replaced(self, talk: Talk) -> None:
        told = ANSWER.replace("requests=1", "last=True") + "\ntime.sleep(60)"
        conversation = talk(told)

        first, second = conversation.sweep(AT), conversation.sweep(AT)

        assert first.gql_id != second.gql_id

    def test_a_client_that_is_not_installed_is_named(self, talk: Talk) -> None:
        without = talk(before="raise ModuleNotFoundError(\"No module named 'wandb'\")")
        nowhere = talk(command=["/no/such/python", "-m", "x"])

        for conversation in (without, nowhere):
            with pytest.raises(errors.UpstreamNotInstalled, match=r"paribus\[upstream\]"):
                conversation.sweep(AT)


class TestClosing:
    def test_nothing_is_left_behind(self, talk: Talk, tmp_path: Path) -> None:
        """wandb-core is a process of the client's: it ends with it."""
        told = (
            "pid = subprocess.Popen(['sleep', '600']).pid\n"
            "say(id=q['id'], value=sweep('s1') | {'name': str(pid)})"
        )
        conversation = talk(told)
        sweep = conversation.sweep(AT)

        conversation.close()

        assert is_gone(int(sweep.gql_id))
        assert wait_until(lambda: is_gone(int(sweep.name or "")))
        assert list(tmp_path.iterdir()) == []

    def test_who_waits_for_an_answer_hears_of_it(self, talk: Talk, tmp_path: Path) -> None:
        asked = tmp_path / "asked"
        conversation = talk(f"open({str(asked)!r}, 'w')\ntime.sleep(60)")
        heard: list[UpstreamError] = []

        def ask() -> None:
            try:
                conversation.sweep(AT)
            except UpstreamError as error:
                heard.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        assert wait_until(asked.exists)
        conversation.close()
        thread.join(10)

        assert [str(each).partition(": ")[2][:24] for each in heard] == [
            "this service is stopping"
        ]

    def test_a_closed_conversation_starts_nothing(self, talk: Talk, tmp_path: Path) -> None:
        conversation = talk()
        conversation.close()

        with pytest.raises(errors.UpstreamUnreachable, match="stopping"):
            conversation.sweep(AT)
        assert list(tmp_path.iterdir()) == []

    def test_closing_twice_is_closing(self, talk: Talk) -> None:
        conversation = talk()
        conversation.sweep(AT)

        conversation.close()
        conversation.close()


class TestTheKey:
    LOOKS = (
        "import pathlib\n"
        "seen = repr(sys.argv) + repr(dict(os.environ)) + open('/proc/self/cmdline').read()\n"
        "files = [p for p in pathlib.Path('.').rglob('*') if first['api_key'] in p.read_text()]\n"
        "found = [first['api_key'] in seen, len(files), sorted(k for k in os.environ if "
        "k.startswith(('WANDB', 'PARIBUS', 'NETRC')))]\n"
        "say(id=q['id'], value=json.dumps(found))"
    )

    def test_it_is_in_no_command_line_no_environment_no_file_and_no_log(
        self, talk: Talk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("PARIBUS_WANDB_API_KEY", KEY)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        caplog.set_level(logging.DEBUG)
        conversation = talk(self.LOOKS)

        held, files, _ = json.loads(conversation.enqueue_run(AT, {}, "n"))
        conversation.close()

        assert (held, files) == (False, 0)
        assert KEY not in caplog.text + repr(vars(Settings(wandb_api_key=KEY)))

    def test_no_login_of_the_user_is_read_or_written(
        self, talk: Talk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("WANDB_ENTITY", "somebody")
        monkeypatch.setenv("NETRC", "/home/somebody/.netrc")
        told = self.LOOKS.replace(
            "json.dumps(found)", "os.environ['NETRC'] + ' ' + os.environ['WANDB_CONFIG_DIR']"
        )

        netrc, config = talk(told).enqueue_run(AT, {}, "n").split()

        assert Path(netrc).is_relative_to(tmp_path)
        assert Path(config).is_relative_to(tmp_path)
        assert "WANDB_ENTITY" not in talk(self.LOOKS).enqueue_run(AT, {}, "n")


class TestRefusals:
    @pytest.mark.parametrize(
        ("told", "error", "said"),
        [
            (
                {"kind": "refused_key", "said": "no"},
                errors.UpstreamRefusedKey,
                "refused the key: no",
            ),
            (
                {"kind": "not_found", "said": "x"},
                errors.UpstreamNotFound,
                "no sweep 'team/bert/s1'",
            ),
            (
                {"kind": "not_found", "said": "x", "what": "project", "key": "team/bert"},
                errors.UpstreamNotFound,
                "no project 'team/bert'",
            ),
            ({"kind": "too_old", "said": "upgrade"}, errors.UpstreamTooOld, "upgrade"),
            ({"kind": "unreachable", "said": "refused"}, errors.UpstreamUnreachable, "refused"),
            ({"kind": "failed", "said": "odd"}, errors.UpstreamFailed, "and did not: odd"),
            ({"kind": "of a later release", "said": "odd"}, errors.UpstreamFailed, "odd"),
        ],
    )
    def test_each_kind_has_its_error(
        self, talk: Talk, told: dict[str, Any], error: type[UpstreamError], said: str
    ) -> None:
        with pytest.raises(error, match=said):
            talk(f"say(id=q['id'], error={told!r})").sweep(AT)

    def test_who_limits_rates_is_left_alone_for_as_long(self, talk: Talk) -> None:
        told = "say(id=q['id'], error={'kind': 'busy', 'said': 'slow', 'retry_after': 40})\n"
        conversation = talk(told + "raise SystemExit('asked again')")

        waits = []
        for _ in range(2):
            with pytest.raises(errors.UpstreamBusy) as caught:
                conversation.sweep(AT)
            waits.append(caught.value.retry_after)

        assert waits[0] == 40
        assert 0 < waits[1] < 40

    def test_a_reader_that_has_used_up_its_part_of_the_budget_keeps_no_act_waiting(
        self, talk: Talk
    ) -> None:
        # A fifth of ten is left to others: the ninth page waits for most of a minute.
        conversation = talk(
            "page = {'runs': [], 'next_cursor': None, 'total': 0}\n"
            "say(id=q['id'], value=page if q['call'] == 'runs' else None)",
            requests_per_minute=10,
        )
        for _ in range(8):
            conversation.runs("team", "bert")
        with ThreadPoolExecutor() as pool:
            ninth = pool.submit(conversation.runs, "team", "bert")

            conversation.set_sweep_state(AT, "PAUSED")

            assert not ninth.done()
            conversation.close()
            with pytest.raises(errors.UpstreamUnreachable, match="this service is stopping"):
                ninth.result(20)

    def test_what_may_pass_is_told_from_what_will_not(self) -> None:
        passing = {error for error in UpstreamError.__subclasses__() if error.may_pass}

        assert passing == {errors.UpstreamUnreachable, errors.UpstreamBusy}


class TestSettingUp:
    def test_what_is_missing_is_named(self) -> None:
        with pytest.raises(errors.UpstreamNotConfigured) as caught:
            Conversation.from_settings(Settings(wandb_base_url="https://api.wandb.ai/"))

        assert caught.value.missing == ("PARIBUS_WANDB_API_KEY",)

    def test_an_address_with_a_key_in_it_is_refused_and_not_repeated(self) -> None:
        with pytest.raises(errors.StartRefused) as caught:
            read_settings({"wandb_base_url": f"https://api:{KEY}@api.wandb.ai"})

        assert "with no user or key in it" in str(caught.value)
        assert KEY not in str(caught.value)

    def test_the_key_is_hidden_where_settings_are_shown(self) -> None:
        settings = Settings(wandb_base_url="https://api.wandb.ai/", wandb_api_key=KEY)

        assert KEY not in f"{settings!r}{settings.model_dump_json()}"
        assert settings.wandb_base_url == "https://api.wandb.ai"


class TestSweepYaml:
    def test_numbers_stay_numbers_and_texts_texts(self) -> None:
        """JSON would not do: its 1e-05 is a text in YAML 1.1."""
        config = {"lr": 1e-05, "token": "008", "flag": "off", "n": 2**60, "octal": "0o7"}

        assert yaml.safe_load(sweep_yaml(config)) == config
        assert "token: '008'" in sweep_yaml(config)  # as Go would read a number
