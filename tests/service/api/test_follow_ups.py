"""`POST /sweeps/{id}/follow-ups`: the proposed runs, queued in the sweep as a new revision."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from paribus_service.ids import new_api_key
from paribus_service.orchestration import registry
from tests.factories import Lab, grid_config
from tests.service.api.studies import API, by_batch, confounded, run_all, study
from tests.service.api.test_conventions import make_key

SWEEPS = f"{API}/sweeps"


def queue(api: TestClient, sweep: str, query: str = "", **body: Any) -> Any:
    return api.post(f"{SWEEPS}/{sweep}/follow-ups{query}", json=body)


def ask(api: TestClient, query: str, **given: Any) -> Any:
    """What the wandb client is answered."""
    body = {"query": query, "variables": {"i": given}}
    answer = api.post("/graphql", json=body, auth=("api", new_api_key()))
    return answer.json()["data"]


class TestQueueing:
    def test_the_proposed_run_waits_in_the_same_sweep(self, api: TestClient, lab: Lab) -> None:
        sweep = confounded(lab)
        proposed = api.get(f"{SWEEPS}/{sweep}/follow-ups").json()["follow_ups"]["runs"]

        answer = queue(api, sweep)

        [trial] = answer.json()["trials"]
        assert answer.status_code == 201
        assert answer.headers["Location"] == f"http://testserver{SWEEPS}/{sweep}/trials"
        assert trial["setting"] == proposed[0]["setting"]
        assert (trial["id"], trial["is_new"]) == (f"{sweep}-2", True)
        assert api.get(f"{API}/trials/{trial['id']}").json()["state"] == "queued"

    def test_the_program_is_given_the_levels_values(self, api: TestClient, lab: Lab) -> None:
        sweep = confounded(lab)

        [trial] = queue(api, sweep).json()["trials"]

        values = {"0.1": 0.1, "0.2": 0.2, "8": 8, "64": 64}
        assert trial["args"] == {key: values[label] for key, label in trial["setting"].items()}

    def test_a_sweep_that_had_finished_runs_again(self, api: TestClient, lab: Lab) -> None:
        sweep = confounded(lab)
        before = lab.sweep(sweep)

        answer = queue(api, sweep).json()

        after = lab.sweep(sweep)
        assert (before.state, before.revision, before.expected_trials) == ("finished", 1, 2)
        assert (after.state, after.revision, after.expected_trials) == ("running", 2, 3)
        assert (answer["state"], answer["revision"], answer["is_written"]) == ("running", 2, True)
        assert after.ended_at is None

    def test_a_plain_agent_is_given_it_and_the_sweep_finishes(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep = confounded(lab)
        [queued] = queue(api, sweep).json()["trials"]

        [run] = run_all(lab, sweep, by_batch)

        assert lab.trial_of(run).id == queued["id"]
        assert lab.sweep(sweep).state == "finished"
        assert len(lab.trials(sweep)) == 3

    def test_wandb_agents_of_a_sweep_that_had_finished_get_it_by_their_own_protocol(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep = confounded(lab)
        [queued] = queue(api, sweep).json()["trials"]
        agent = ask(
            api,
            "mutation($i: CreateAgentInput!) { createAgent(input: $i) { agent { id } } }",
            host="h",
            sweep=sweep,
        )["createAgent"]["agent"]["id"]
        heartbeat = "mutation($i: AgentHeartbeatInput!) { agentHeartbeat(input: $i) { commands } }"

        [command] = json.loads(ask(api, heartbeat, id=agent)["agentHeartbeat"]["commands"])

        assert command["type"] == "run"
        assert {key: told["value"] for key, told in command["args"].items()} == queued["args"]

    def test_the_question_can_be_answered_then(self, api: TestClient, lab: Lab) -> None:
        sweep = confounded(lab)
        queue(api, sweep)
        run_all(lab, sweep, by_batch)

        factors = api.get(f"{SWEEPS}/{sweep}/factors?blocks=").json()["factors"]

        assert "confounded" not in [factor["status"] for factor in factors]

    def test_finished_trials_keep_what_they_gave(self, api: TestClient, lab: Lab) -> None:
        sweep = confounded(lab)
        before = lab.trials(sweep)

        queue(api, sweep)

        after = lab.trials(sweep)
        assert [(t.id, t.state, t.run_pk, t.revision) for t in after[:2]] == [
            (t.id, "finished", t.run_pk, 1) for t in before
        ]
        assert after[2].revision == 2

    def test_an_event_says_who_added_what(self, api: TestClient, lab: Lab) -> None:
        sweep = confounded(lab)
        queue(api, sweep)

        events = api.get(f"{SWEEPS}/{sweep}/events").json()["items"]

        [revised] = [event for event in events if event["kind"] == "sweep.revised"]
        facts = {"revision": 2, "set": "proposed", "added": 1, "queued_again": 0}
        assert revised["facts"] == facts
        assert "revision 2" in revised["reason"]

    def test_a_paused_sweep_stays_paused(self, api: TestClient, lab: Lab) -> None:
        sweep = study(lab, type="settings", settings=[{"lr": 0.1, "batch": 8}])
        run_all(lab, sweep, by_batch)
        queue(api, sweep)
        lab.order(registry.pause, sweep, reason="lunch")
        agent = lab.agent(sweep)

        assert lab.beat(agent) is None
        assert lab.sweep(sweep).state == "paused"

    def test_a_plain_grid_takes_them_too(self, api: TestClient, lab: Lab) -> None:
        """Trials that finished without the response keep that: what they lack is a new trial."""
        sweep = lab.register(grid_config())
        agent = lab.agent(sweep)
        for _ in range(4):
            run = lab.claim(agent)
            lab.start(run)
            setting = lab.trial_of(run).setting
            if setting in ({"lr": "0.1", "batch": "8"}, {"lr": "0.2", "batch": "64"}):
                lab.finish(run, loss=0.5)
            else:
                lab.finish(run, other=1)

        answer = queue(api, sweep, allow_crashed=True)

        [trial] = answer.json()["trials"]
        assert (trial["number"], trial["is_new"]) == (4, True)
        assert len(lab.trials(sweep)) == 5


class TestSets:
    def test_pairs_are_queued_by_their_name(self, api: TestClient, lab: Lab) -> None:
        sweep = confounded(lab)
        found = api.get(f"{SWEEPS}/{sweep}/follow-ups").json()["follow_ups"]["alternatives"]

        answer = queue(api, sweep, set="pairs").json()

        assert answer["set"] == "pairs"
        assert [t["setting"] for t in answer["trials"]] == [
            run["setting"] for run in found["pairs"]["runs"]
        ]

    def test_seeds_repeat_each_setting_under_replicates(self, api: TestClient, lab: Lab) -> None:
        settings = [{"lr": 0.1, "batch": 8}, {"lr": 0.2, "batch": 64}]
        design = {"type": "settings", "settings": settings, "replicates": {"seed": [3, 5]}}
        sweep = study(lab, values=by_batch, **design)

        answer = queue(api, sweep, seeds=4).json()

        [setting] = {tuple(trial["setting"].items()) for trial in answer["trials"]}
        assert answer["sentence"].endswith("Replicates of each setting, as asked for: 4.")
        seeds = [trial["replicate"]["seed"] for trial in answer["trials"]]
        assert sorted(seeds) == [3, 5, 6, 7]  # those that there are, then the next whole numbers
        assert [trial["args"]["seed"] for trial in answer["trials"]] == seeds

    def test_one_seed_is_less_than_the_set_has(self, api: TestClient, lab: Lab) -> None:
        settings = [{"lr": 0.1, "batch": 8}, {"lr": 0.2, "batch": 64}]
        design = {"type": "settings", "settings": settings, "replicates": {"seed": [3, 5]}}
        sweep = study(lab, values=by_batch, **design)

        answer = queue(api, sweep, set="seeds", seeds=1).json()

        assert [trial["replicate"] for trial in answer["trials"]] == [{"seed": 3}]

    def test_new_seeds_need_whole_numbers(self, api: TestClient, lab: Lab) -> None:
        settings = [{"lr": 0.1, "batch": 8}, {"lr": 0.2, "batch": 64}]
        design = {"type": "settings", "settings": settings, "replicates": {"split": ["a", "b"]}}
        sweep = study(lab, values=by_batch, **design)

        answer = queue(api, sweep, seeds=3)

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/seeds"
        assert "split" in answer.text

    def test_a_trial_that_ended_without_a_result_is_queued_again_and_not_doubled(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep = study(lab)
        agent = lab.agent(sweep)
        lab.run_trial(agent, loss=0.5)
        lost = [lab.claim(agent)]
        for run in lost:
            lab.start(run)
        lab.order(registry.stop, sweep, reason="power cut")
        lab.finish(lost[0], exit_code=1)
        lab.order(registry.resume, sweep, reason="power is back")
        run_all(lab, sweep, lambda trial: by_batch(trial) if trial.number != 1 else None)
        ended = [trial for trial in lab.trials(sweep) if trial.state == "failed"]
        body = {"allow_crashed": True, "interactions": ["lr*batch"], "factors": ["lr", "batch"]}

        answer = queue(api, sweep, **body)

        [trial] = answer.json()["trials"]
        assert (trial["id"], trial["is_new"]) == (ended[0].id, False)
        assert lab.sweep(sweep).expected_trials == 4
        assert [t.revision for t in lab.trials(sweep)].count(2) == 1

    def test_an_unknown_set_lists_those_that_there_are(self, api: TestClient, lab: Lab) -> None:
        answer = queue(api, confounded(lab), set="pair")

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["hint"] == "did you mean 'pairs'?"
        assert "proposed" in answer.json()["detail"]


class TestOnce:
    def test_a_second_request_finds_them_queued(self, api: TestClient, lab: Lab) -> None:
        sweep = confounded(lab)

        first, second = queue(api, sweep), queue(api, sweep)

        assert (first.status_code, second.status_code) == (201, 409)
        assert second.json()["code"] == "nothing_to_add"
        assert len(lab.trials(sweep)) == 3

    def test_two_at_once_add_them_once(self, api: TestClient, lab: Lab) -> None:
        sweep = confounded(lab)

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: queue(api, sweep), range(4)))

        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
        assert len(lab.trials(sweep)) == 3
        assert lab.sweep(sweep).revision == 2

    def test_with_a_key_it_is_answered_as_the_first_time(self, api: TestClient, lab: Lab) -> None:
        sweep = confounded(lab)
        url, headers = f"{SWEEPS}/{sweep}/follow-ups", {"Idempotency-Key": "k"}

        first, second = (api.post(url, json={}, headers=headers) for _ in range(2))

        assert (first.status_code, second.status_code) == (201, 201)
        assert second.content == first.content
        assert second.headers["Idempotent-Replayed"] == "true"
        assert len(lab.trials(sweep)) == 3

    def test_an_answer_about_other_runs_is_not_followed(self, api: TestClient, lab: Lab) -> None:
        sweep = confounded(lab)
        seen = api.get(f"{SWEEPS}/{sweep}/follow-ups").json()["data_version"]
        lab.finish(next(iter(self.runs(api, sweep))), loss=0.1)

        refused = queue(api, sweep, data_version=seen)
        now = refused.json()["data_version"]
        taken = queue(api, sweep, data_version=now)

        assert (refused.status_code, refused.json()["code"]) == (409, "data_changed")
        assert taken.status_code == 201

    def runs(self, api: TestClient, sweep: str) -> list[str]:
        return [r["wandb_id"] for r in api.get(f"{API}/runs?sweep_id={sweep}").json()["items"]]

    def test_validate_only_writes_nothing(self, api: TestClient, lab: Lab) -> None:
        sweep = confounded(lab)

        shown = queue(api, sweep, "?validate_only=true")
        done = queue(api, sweep)

        assert shown.status_code == 200
        assert (shown.json()["is_written"], shown.json()["state"]) == (False, "finished")
        assert shown.json()["trials"] == done.json()["trials"]
        assert shown.json()["expected_trials"] == done.json()["expected_trials"] == 3


class TestRefusals:
    def test_a_search_draws_its_own_settings(self, api: TestClient, lab: Lab) -> None:
        parameters = {"lr": {"min": 0.1, "max": 0.2}, "batch": {"values": [8, 64]}}
        sweep = lab.register(grid_config(method="random", run_cap=3, parameters=parameters))
        run_all(lab, sweep, by_batch)

        answer = queue(api, sweep)

        assert answer.status_code == 422
        assert "draws its own settings" in answer.json()["detail"]
        assert answer.json()["errors"][0]["code"] == "no_design"

    def test_a_cap_is_a_cap(self, api: TestClient, lab: Lab) -> None:
        declared = {"lr": {"levels": [0.1, 0.2]}, "batch": {"levels": [8, 64]}}
        settings = [{"lr": 0.1, "batch": 8}, {"lr": 0.2, "batch": 64}]
        design = {"type": "settings", "factors": declared, "settings": settings}
        metric = {"name": "loss", "goal": "minimize"}
        config = {"program": "train.py", "project": "imdb", "metric": metric, "run_cap": 2}
        sweep = lab.register({**config, "design": design})
        run_all(lab, sweep, by_batch)

        answer = queue(api, sweep)

        assert answer.status_code == 422
        assert "run_cap is 2" in answer.json()["detail"]
        assert len(lab.trials(sweep)) == 2

    @pytest.mark.parametrize(
        ("verb", "words"), [(registry.stop, "it can resume"), (registry.cancel, "nothing more")]
    )
    def test_a_sweep_that_was_ended_by_somebody_takes_none(
        self, api: TestClient, lab: Lab, verb: Any, words: str
    ) -> None:
        sweep = study(lab)
        lab.run_trial(lab.agent(sweep), loss=0.5)
        lab.order(verb, sweep, reason="enough")

        answer = queue(api, sweep)

        assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")
        assert words in answer.json()["detail"]

    def test_where_everything_can_be_told_nothing_is_added(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep = study(lab, values=by_batch, replicates={"seed": [0, 1]})

        answer = queue(api, sweep)

        assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_add")
        assert "can be estimated already" in answer.json()["detail"]

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"sets": "pairs"}, "/sets"),
            ({"seeds": 0}, "/seeds"),
            ({"seeds": 101}, "/seeds"),
            ({"factors": "lr"}, "/factors"),
            ({"factors": ["bach"]}, "/factors"),
            ({"response": "los"}, "/response"),
            ({"level": 2}, "/level"),
        ],
    )
    def test_a_body_that_is_wrong_is_refused_with_the_place(
        self, api: TestClient, lab: Lab, body: Any, pointer: str
    ) -> None:
        answer = queue(api, confounded(lab), **body)

        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer

    def test_reading_is_not_enough(self, locked_api: TestClient, lab: Lab) -> None:
        sweep = confounded(lab)
        url = f"{SWEEPS}/{sweep}/follow-ups"

        refused = locked_api.post(url, headers=make_key(lab, "read"))
        taken = locked_api.post(url, headers=make_key(lab, "submit"))

        assert (refused.status_code, taken.status_code) == (403, 201)

    def test_an_unknown_sweep_is_404(self, api: TestClient) -> None:
        assert queue(api, "nobody").status_code == 404
