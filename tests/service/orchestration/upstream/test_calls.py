"""Calls to a server that is a dictionary: which questions are asked, and what answers mean."""

import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from paribus_service.orchestration.upstream import calls, documents, readings
from paribus_service.orchestration.upstream.messages import Scheduled
from paribus_service.orchestration.upstream.refusals import (
    Refusal,
    probe,
    refusal_of,
    retry_after,
)


class Asked:
    """A client whose server answers by a function of document and variables."""

    base_url = "http://there"
    version = "0.31.0"
    can_enqueue = True
    app_url = "http://there/"

    def __init__(self, answer: Callable[[str, Mapping[str, Any]], Any], *, late: int = 99) -> None:
        self._answer = answer
        self._late = late
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.told: list[tuple[str, Mapping[str, Any]]] = []

    @property
    def is_late(self) -> bool:
        return len(self.asked) >= self._late

    def ask(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append((document, variables))
        answer: dict[str, Any] = self._answer(document, variables)
        return answer

    def tell(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        self.told.append((document, variables))
        answer: dict[str, Any] = self._answer(document, variables)
        return answer

    def enqueue(self, sweep_path: str, config: Mapping[str, Any], display_name: str) -> str:
        self.told.append((sweep_path, {"config": config, "name": display_name}))
        return "r1"


def with_rows(steps: list[int], **more: Any) -> Asked:
    """A server with a run that logged at these steps, and thins windows as W&B does."""

    def answer(_: str, asked: Mapping[str, Any]) -> Any:
        size = asked["pageSize"]
        inside = [s for s in steps if asked["minStep"] <= s < asked["maxStep"]]
        spread = (
            [inside[i * len(inside) // size] for i in range(size)]
            if len(inside) > size
            else inside
        )
        lines = [json.dumps({"_step": step}) for step in spread]
        keys = {"lastStep": steps[-1]} if steps else None
        run = {"historyKeys": keys, "historyLineCount": len(steps), "history": lines}
        return {"project": {"run": run}}

    return Asked(answer, **more)


def read(client: Asked, *, start: int = 0, stop: int | None = None, limit: int = 10) -> list[int]:
    """Steps of all pages."""
    found: list[int] = []
    low: int | None = start
    while low is not None:
        page = calls.history(client, "e", "p", "r", low, stop, limit)
        found += [step for step, _ in page.rows if step is not None]
        low = page.next_min_step
    return found


class TestHistories:
    def test_every_row_comes_once_and_in_order(self) -> None:
        steps = list(range(35))

        assert read(with_rows(steps)) == steps

    def test_a_window_is_as_wide_as_rows_are_asked_for(self) -> None:
        """So that the server has nothing to thin out; the client's own rule."""
        client = with_rows(list(range(35)))

        read(client)

        windows = [asked["maxStep"] - asked["minStep"] for _, asked in client.asked]
        assert windows == [10, 10, 10, 10]

    def test_steps_far_apart_take_few_questions(self) -> None:
        """A run that logs at its number of tokens: a window of 10 at a time would take 10^8."""
        steps = [i * 10**7 for i in range(100)]
        client = with_rows(steps)

        assert read(client) == steps
        assert len(client.asked) < 200

    def test_rows_that_lie_close_after_a_gap_are_not_thinned(self) -> None:
        steps = [0, *range(5_000, 5_100), 90_000]

        assert read(with_rows(steps)) == steps

    @pytest.mark.parametrize(("start", "stop"), [(0, 7), (5, 12), (30, None), (36, None), (3, 3)])
    def test_bounds_hold(self, start: int, stop: int | None) -> None:
        steps = list(range(35))

        assert read(with_rows(steps), start=start, stop=stop) == steps[start:stop]

    def test_a_run_without_rows_has_none(self) -> None:
        client = with_rows([])

        assert read(client) == []
        assert len(client.asked) == 1

    def test_a_call_that_runs_out_of_time_says_where_to_go_on(self) -> None:
        client = with_rows([0, 10**9], late=1)

        page = calls.history(client, "e", "p", "r", 0, None, 10)

        assert (page.rows, page.next_min_step) == ([(0, '{"_step": 0}')], 10)

    def test_lines_stay_the_texts_that_came(self) -> None:
        line = '{"z":NaN, "a":12345678901234567890123,"_step":3.0,"n":{"b":[1e999]}}'
        answer = {"project": {"run": {"historyKeys": {"lastStep": 3}, "history": [line, "{}"]}}}

        page = calls.history(Asked(lambda *_: answer), "e", "p", "r", 0, None, 10)

        assert page.rows == [(3, line), (None, "{}")]

    @pytest.mark.parametrize(
        ("answer", "missing"),
        [({"project": None}, "project 'e/p'"), ({"project": {"run": None}}, "run 'e/p/r'")],
    )
    def test_what_is_missing_is_named(self, answer: Any, missing: str) -> None:
        with pytest.raises(Refusal, match=missing) as caught:
            calls.history(Asked(lambda *_: answer), "e", "p", "r", 0, None, 10)

        assert caught.value.kind == "not_found"


NODE = {
    "id": "R1",
    "name": "r1",
    "displayName": "a run",
    "state": "finished",
    "sweepName": "s1",
    "config": '{"lr": {"value": 0.1}, "_wandb": {"value": {"e": {'
    '"old": {"host": "h0", "startedAt": "2026-01-01"},'
    '"new": {"host": "h1", "program": "t.py", "gpu": "A10", "startedAt": "2026-02-01"}}}}}',
    "summaryMetrics": '{"loss": NaN, "_step": 7}',
    "historyLineCount": 8,
    "tags": None,
    "createdAt": "2026-01-02T03:04:05",
    "heartbeatAt": None,
    "user": {"name": "Ada L", "username": "ada"},
}


class TestRuns:
    def pages(self, _: str, asked: Mapping[str, Any]) -> Any:
        more = asked["cursor"] is None
        page = {"endCursor": "c1", "hasNextPage": more}
        return {"project": {"runCount": 2, "runs": {"edges": [{"node": NODE}], "pageInfo": page}}}

    def test_a_run_is_read_with_its_environment(self) -> None:
        page = calls.runs(Asked(self.pages), "e", "p", None, None, 50)

        [run] = page.runs
        assert (page.next_cursor, page.total) == ("c1", 2)
        assert (run.host, run.program, run.gpu, run.user) == ("h1", "t.py", "A10", "ada")
        assert (run.last_step, run.history_lines, run.tags) == (7, 8, [])
        assert (run.config_text, run.summary_text) == (NODE["config"], NODE["summaryMetrics"])
        assert run.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        assert run.url == "http://there/e/p/runs/r1"

    def test_the_last_page_has_no_next(self) -> None:
        assert calls.runs(Asked(self.pages), "e", "p", None, "c1", 50).next_cursor is None

    def test_names_are_looked_up_some_at_a_time_over_all_pages(self) -> None:
        client = Asked(self.pages)

        found = calls.find_runs(client, "e", "p", [f"n{i}" for i in range(150)])

        filters = [
            json.loads(asked["filters"])["display_name"]["$in"] for _, asked in client.asked
        ]
        assert [len(names) for names in filters] == [100, 100, 50, 50]  # two pages of each
        assert len(found) == 4

    def test_no_names_ask_nothing(self) -> None:
        client = Asked(self.pages)

        assert calls.find_runs(client, "e", "p", []) == []
        assert client.asked == []

    @pytest.mark.parametrize(
        "config", ["null", "[]", "{", "", '{"_wandb": 3}', '{"_wandb": {"value": {"e": [1]}}}']
    )
    def test_an_odd_config_is_kept_and_tells_no_host(self, config: str) -> None:
        run = readings.run_of(NODE | {"config": config}, "e", "p", "http://there/")

        assert (run.config_text, run.host) == (config or "{}", None)

    @pytest.mark.parametrize("step", ["NaN", "Infinity", "true", '"7"', "null", "1e300"])
    def test_a_step_that_is_none_is_none(self, step: str) -> None:
        text = f'{{"_step": {step}}}'

        run = readings.run_of(NODE | {"summaryMetrics": text}, "e", "p", "http://there/")

        assert (run.last_step, readings.step_of(text)) == (None, None)


class TestSweeps:
    NODE: Mapping[str, Any] = {
        "id": "S1",
        "name": "s1",
        "state": "Running",
        "project": {"name": "p q", "entity": {"name": "e"}},
        "controller": '{"schedule": [{"id": "t1"}]}',
        "scheduler": '{"scheduled": [{"id": "t1", "runid": "r1"}]}',
    }

    def test_states_are_in_capitals_and_answers_to_a_schedule_listed(self) -> None:
        sweep = readings.sweep_of(self.NODE, "http://there/", ["odd"])

        assert (sweep.state, sweep.warnings) == ("RUNNING", ["odd"])
        assert sweep.controller == {"schedule": [{"id": "t1"}]}
        assert sweep.scheduled == [Scheduled("t1", "r1")]
        assert sweep.url == "http://there/e/p%20q/sweeps/s1"

    def test_registering_is_one_request(self) -> None:
        """Whether it took effect is known by its answer, or not: there is nothing in between."""
        answer = {"upsertSweep": {"sweep": self.NODE, "configValidationWarnings": None}}
        client = Asked(lambda *_: answer)

        calls.register_sweep(client, None, "p", "method: grid")

        assert (client.asked, len(client.told)) == ([], 1)


class TestEnqueueing:
    def server(self, *, enabled: bool) -> Callable[[str, Mapping[str, Any]], Any]:
        features = [{"name": calls.FEATURE, "isEnabled": enabled}]
        return lambda *_: {"serverInfo": {"features": features}}

    def test_a_server_with_the_feature_takes_a_run(self) -> None:
        client = Asked(self.server(enabled=True))

        assert calls.enqueue_run(client, "e", "p", "s", {"lr": 1}, "n") == "r1"
        assert client.told == [("e/p/s", {"config": {"lr": 1}, "name": "n"})]

    def test_a_server_without_it_is_sent_nothing(self) -> None:
        client = Asked(self.server(enabled=False))

        with pytest.raises(Refusal, match="does not offer SWEEPS_LOCAL_SCHEDULER") as caught:
            calls.enqueue_run(client, "e", "p", "s", {}, "n")

        assert (caught.value.kind, client.told) == ("too_old", [])

    def test_a_client_without_it_asks_nothing(self) -> None:
        client = Asked(self.server(enabled=True))
        client.can_enqueue = False

        with pytest.raises(Refusal, match="install wandb 0.31 or newer"):
            calls.enqueue_run(client, "e", "p", "s", {}, "n")

    def test_a_server_that_knows_no_features_has_none(self) -> None:
        def old(document: str, _: Mapping[str, Any]) -> Any:
            if document == documents.VIEWER:
                return {"viewer": {"username": "u", "entity": "e"}}
            raise refusal_of(400, 'Cannot query field "features" on type "ServerInfo"')

        facts = calls.server(Asked(old))

        assert (facts.can_enqueue, facts.version, facts.default_entity) == (False, None, "e")

    def test_a_server_that_is_down_is_not_taken_for_old(self) -> None:
        def down(*_: Any) -> Any:
            raise refusal_of(503, "it answers 503")

        with pytest.raises(Refusal) as caught:
            calls.server(Asked(down))
        assert caught.value.kind == "unreachable"


class TestWhatAnAnswerMeans:
    @pytest.mark.parametrize(
        ("status", "said", "kind"),
        [
            (401, "x", "refused_key"),
            (403, "x", "refused_key"),
            (200, "permission denied", "refused_key"),
            (200, "API key may only contain the letters A-Z, digits and", "refused_key"),
            (200, "invalid credentials: the server did not recognize an account", "refused_key"),
            (400, 'Cannot query field "x" on type "Run"', "too_old"),
            (429, "slow down", "busy"),
            (404, "x", "not_found"),
            (200, "Could not find sweep <Sweep a/b/c>", "not_found"),
            (408, "x", "unreachable"),
            (500, "x", "unreachable"),
            (502, "x", "unreachable"),
            (400, "invalid sweep config", "failed"),
            (409, "x", "failed"),
            (301, "x", "failed"),
            (200, "x", "failed"),
            (200, "unexpected EOF", "unreachable"),  # 0.31.0, half an answer
            (200, "Unterminated string starting at: line 1 column 9 (char 8)", "unreachable"),
        ],
    )
    def test_statuses_and_words(self, status: int, said: str, kind: str) -> None:
        assert refusal_of(status, said).kind == kind

    @pytest.mark.parametrize(
        "said",
        [
            "invalid character '<' looking for beginning of value",  # 0.31.0, a page in HTML
            "Expecting value: line 1 column 1 (char 0)",  # 0.21.4
        ],
    )
    def test_a_page_instead_of_an_answer_asks_for_the_right_address(self, said: str) -> None:
        found = refusal_of(200, said)

        assert found.kind == "failed"
        assert "PARIBUS_WANDB_BASE_URL" in found.said

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("7", 7),
            ("1.5", 1.5),
            ("-1", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
            ("soon", None),
            ("nan", None),
            ("inf", None),
            ("1e9", 86_400),  # a day at most
            ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ],
    )
    def test_retry_after_is_seconds_or_a_date(self, header: str, seconds: float | None) -> None:
        assert retry_after(header) == seconds


class TestAskingWhyThereWasNoAnswer:
    def test_a_redirection_takes_the_key_to_no_other_host(self) -> None:
        asked: list[str] = []

        class Elsewhere(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.headers.get("Authorization", ""))
                self.send_error(404)

            def do_POST(self) -> None:
                self.send_response(302)
                self.send_header(
                    "Location", f"http://localhost:{self.server.server_address[1]}/login"
                )
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            found = probe(f"http://127.0.0.1:{server.server_port}", "k" * 40, "no answer")
            server.shutdown()

        assert asked == []
        assert found.kind == "failed"
        assert found.said.startswith("it answers 302 Found: PARIBUS_WANDB_BASE_URL is to be")
