"""The Python client: pages, errors in words, and creating once."""

import json
from collections.abc import Iterator

import httpx
import pytest

from paribus_service.client import ApiError, Client, NotReachable
from tests.factories import grid_config
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
        with answering(status, text) as client, pytest.raises(NotReachable):
            client.version()

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
