"""The Python client: pages, errors in words, and creating once."""

import json
from collections.abc import Iterator

import httpx
import pytest

from paribus_service.client import KINDS, ApiError, Client, NotReachable
from paribus_service.orchestration import inquiries
from tests.factories import Lab, grid_config
from tests.service.api.studies import confounded, loose_run
from tests.service.cli.conftest import Served


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.url, served.api_key) as client:
        yield client


def answering(status: int, text: str) -> Client:
    """A client of something that answers so, whatever it is asked."""
    return Client(transport=httpx.MockTransport(lambda _: httpx.Response(status, text=text)))


class Twice(httpx.HTTPTransport):
    """Sends each request twice: the first answer is lost on the way."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        super().handle_request(request).read()
        return super().handle_request(request)


class TestLists:
    def test_every_page_is_read_while_the_list_is_walked(self, client: Client) -> None:
        values = {"values": list(range(30))}
        sweep = client.register(grid_config(parameters={"a": values, "b": values}))

        numbers = [trial["number"] for trial in client.trials(sweep["id"])]

        assert numbers == list(range(900))  # two pages: 500 and 400

    def test_filters_that_are_not_said_are_not_sent(self, client: Client) -> None:
        client.register(grid_config(project="alone"))

        assert [s["project"] for s in client.sweeps(project="alone")] == ["alone"]
        assert list(client.sweeps(state=["cancelled"], project="alone")) == []


class TestErrors:
    def test_a_refusal_keeps_its_facts_and_reads_as_sentences(self, client: Client) -> None:
        with pytest.raises(ApiError) as caught:
            client.register(grid_config(methud="grid"))

        assert caught.value.status == 422
        assert caught.value.code == "invalid_spec"
        assert "/methud" in str(caught.value)
        assert "did you mean 'method'?" in str(caught.value)

    @pytest.mark.parametrize(
        ("status", "text"),
        [(200, "<html>"), (404, '{"detail": "Not Found"}'), (200, "[]"), (502, "")],
    )
    def test_another_program_at_the_address_is_told_apart(self, status: int, text: str) -> None:
        with answering(status, text) as client:
            with pytest.raises(NotReachable):
                client.version()
            with pytest.raises(NotReachable):
                client.report("abc")

    def test_a_name_with_a_slash_stays_one_part_of_the_path(self) -> None:
        asked = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.raw_path)
            return httpx.Response(200, text="{}")

        with Client(transport=httpx.MockTransport(answer)) as client:
            client.find_run("a/b", "c d", "e?f")

        assert asked == [b"/api/v1/projects/a%2Fb/c%20d/runs/e%3Ff"]


class TestCreating:
    def test_a_request_sent_again_by_the_network_creates_once(self, served: Served) -> None:
        with Client(served.url, served.api_key, transport=Twice()) as client:
            client.register(grid_config(project="once"))
            found = list(client.sweeps(project="once"))

        assert len(found) == 1

    def test_a_mapping_and_its_text_are_the_same_sweep(self, client: Client) -> None:
        config = grid_config(name="same")

        from_mapping, from_text = client.plan(config), client.plan(json.dumps(config))

        assert from_mapping == from_text


class TestQuestions:
    TABLE = {
        "factors": ["batch"],
        "response": {"name": "loss", "goal": "minimize"},
        "runs": [{"batch": 8, "loss": 0.3}, {"batch": 64, "loss": float("nan")}],
    }

    def test_it_knows_every_kind_that_the_service_answers(self) -> None:
        assert set(KINDS) == set(inquiries.KINDS)

    def test_a_sweep_is_asked_in_a_question_s_own_words(self, client: Client, lab: Lab) -> None:
        sweep = confounded(lab)

        answer = client.answer(sweep, "effects", factors=["lr", "batch"], error="hc3", level=0.9)

        assert answer["question"]["factors"] == ["lr", "batch"]
        assert (answer["question"]["error"], answer["question"]["level"]) == ("hc3", 0.9)
        assert client.best(sweep, bins=2)["question"]["bins"] == 2
        assert [f["status"] for f in client.factors(sweep)["factors"]] == ["confounded"] * 2

    def test_what_is_none_or_names_nothing_is_not_asked_and_no_blocks_are(self) -> None:
        asked = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.query)
            return httpx.Response(200, text="{}")

        with Client(transport=httpx.MockTransport(answer)) as client:
            client.answer("s", "factors", response=None, factors=[], allow_crashed=True)
            client.answer("s", "factors", blocks=[], ignore=("host", "wave"))

        assert asked == [b"allow_crashed=true", b"blocks=&ignore=host%2Cwave"]

    def test_a_parameter_that_there_is_not_is_refused(self, client: Client, lab: Lab) -> None:
        with pytest.raises(ApiError, match="respnse"):
            client.answer(confounded(lab), "factors", respnse="loss")

    def test_a_project_is_asked_about_its_own_runs_or_its_sweeps(
        self, client: Client, lab: Lab
    ) -> None:
        loose_run(lab, "loose", {"batch": 8}, {"loss": 0.5})
        sweep = confounded(lab)

        own = client.project_answer("lab", "imdb", "confounding")
        of_sweep = client.project_answer("lab", "imdb", "confounding", sweeps=[sweep])
        every = client.project_answer("lab", "imdb", "confounding", with_sweeps=True)

        assert (own["n"], of_sweep["n"]) == (1, 2)
        assert every["n"] > 2

    def test_a_table_is_answered_with_its_nan(self, client: Client) -> None:
        answer = client.answer_table("factors", self.TABLE)

        assert (answer["n"], answer["excluded_count"]) == (1, 1)

    def test_reports_are_text_in_either_form(self, client: Client, lab: Lab) -> None:
        sweep = confounded(lab)

        assert client.report(sweep).startswith("# Which factor")
        assert client.report(sweep, format="html").startswith("<!doctype html>")
        assert client.project_report("lab", "imdb", sweeps=[sweep]).startswith("# Which factor")
        assert client.table_report(self.TABLE, format="html").startswith("<!doctype html>")

    def test_a_report_that_is_refused_says_why(self, client: Client) -> None:
        with pytest.raises(ApiError, match="there is no sweep 'nothere'"):
            client.report("nothere")

    def test_follow_ups_are_planned_and_then_queued_as_they_were_seen(
        self, client: Client, lab: Lab
    ) -> None:
        sweep = confounded(lab)
        seen = client.answer(sweep, "follow-ups", factors=("lr",))["data_version"]

        planned = client.enqueue_follow_ups(sweep, factors=("lr",), validate_only=True)
        queued = client.enqueue_follow_ups(sweep, factors=("lr",), seeds=2, data_version=seen)

        assert (planned["is_written"], len(planned["trials"])) == (False, 1)
        assert (queued["is_written"], len(queued["trials"])) == (True, 2)

    def test_follow_ups_of_runs_that_changed_are_refused(self, client: Client, lab: Lab) -> None:
        with pytest.raises(ApiError) as caught:
            client.enqueue_follow_ups(confounded(lab), data_version="another")

        assert (caught.value.status, caught.value.code) == (409, "data_changed")
