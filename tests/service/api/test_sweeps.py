"""Sweeps over REST: register, list, show, do."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from fastapi.testclient import TestClient

from paribus_service.app import create_app
from paribus_sweeps import library
from tests.factories import Lab, grid_config
from tests.service.api.conftest import settings_of

YAML = {"Content-Type": "application/yaml"}
SWEEPS = "/api/v1/sweeps"


def count_sweeps(api: TestClient) -> int:
    return len(api.get(SWEEPS).json()["items"])


class TestRegister:
    def test_a_json_config_becomes_a_sweep_with_its_trials_and_its_address(
        self, api: TestClient
    ) -> None:
        answer = api.post(SWEEPS, json=grid_config(name="two by two"))

        sweep = answer.json()
        assert answer.status_code == 201
        assert answer.headers["location"] == f"http://testserver{SWEEPS}/{sweep['id']}"
        assert sweep["name"] == "two by two"
        assert sweep["state"] == "registered"
        assert sweep["expected_trials"] == sweep["trial_counts"]["queued"] == 4
        assert sweep["agent_command"] == f"wandb agent paribus/imdb/{sweep['id']}"
        assert sweep["links"]["page"] == f"http://testserver/paribus/imdb/sweeps/{sweep['id']}"
        assert sweep["created_at"] == "2026-11-23T12:00:00Z"

    @pytest.mark.parametrize(
        "kind",
        ["application/yaml", "application/x-yaml", "text/yaml; charset=utf-8", "text/plain"],
    )
    def test_yaml_is_taken_under_each_of_its_types(self, api: TestClient, kind: str) -> None:
        text = yaml.safe_dump(grid_config())

        answer = api.post(SWEEPS, content=text, headers={"Content-Type": kind})

        assert answer.status_code == 201

    def test_another_type_is_refused_with_the_types_that_are_taken(self, api: TestClient) -> None:
        answer = api.post(SWEEPS, content="<sweep/>", headers={"Content-Type": "text/xml"})

        assert answer.status_code == 415
        assert "application/yaml" in answer.json()["detail"]

    def test_a_body_that_is_no_text_is_refused(self, api: TestClient) -> None:
        answer = api.post(SWEEPS, content=b"name: \xff\xfe", headers=YAML)

        assert answer.status_code == 422
        assert "byte 6" in answer.json()["detail"]

    def test_entity_and_project_of_the_query_count_where_the_config_names_none(
        self, api: TestClient
    ) -> None:
        config = grid_config()
        del config["project"]

        sweep = api.post(f"{SWEEPS}?entity=team&project=p", json=config).json()

        assert (sweep["entity"], sweep["project"]) == ("team", "p")

    def test_every_problem_is_listed_with_its_place(self, api: TestClient) -> None:
        answer = api.post(SWEEPS, json=grid_config(methud="grid", run_cap=-1))

        problem = answer.json()
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"/methud", "/run_cap"} <= {p["pointer"] for p in problem["errors"]}
        assert any("'method'" in (p["hint"] or "") for p in problem["errors"])
        assert count_sweeps(api) == 0

    def test_what_is_not_offered_yet_is_refused_by_name(self, api: TestClient) -> None:
        answer = api.post(SWEEPS, json=grid_config(method="bayes"))

        assert answer.status_code == 422
        assert answer.json()["code"] == "not_offered"
        assert "bayes" in answer.json()["detail"]

    def test_a_million_trials_are_refused_with_their_number(self, api: TestClient) -> None:
        values = {"values": list(range(100))}

        answer = api.post(SWEEPS, json=grid_config(parameters={k: values for k in "abc"}))

        assert answer.status_code == 422
        assert answer.json()["code"] == "too_many_trials"
        assert "1,000,000" in answer.json()["detail"]

    def test_ten_megabytes_of_config_are_refused(self, api: TestClient) -> None:
        answer = api.post(SWEEPS, content=b"#" * 10_000_000, headers=YAML)

        assert answer.status_code == 422
        assert "MB" in answer.json()["detail"]

    def test_an_unknown_parameter_is_refused_with_the_nearest(self, api: TestClient) -> None:
        answer = api.post(f"{SWEEPS}?validate_onli=true", json=grid_config())

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["hint"] == "did you mean 'validate_only'?"
        assert count_sweeps(api) == 0


class TestValidateOnly:
    def test_it_lists_the_exact_trials_and_writes_nothing(self, api: TestClient) -> None:
        answer = api.post(f"{SWEEPS}?validate_only=true", json=grid_config())

        plan = answer.json()
        assert answer.status_code == 200
        assert plan["valid"] is True
        assert [trial["args"] for trial in plan["trials"]] == [
            {"lr": 0.1, "batch": 8},
            {"lr": 0.1, "batch": 64},
            {"lr": 0.2, "batch": 8},
            {"lr": 0.2, "batch": 64},
        ]
        assert count_sweeps(api) == 0

    def test_registering_makes_the_very_trials_that_were_shown(self, api: TestClient) -> None:
        text = library.load("batch-size-or-ratio-demo").text
        plan = api.post(f"{SWEEPS}?validate_only=true", content=text, headers=YAML).json()

        sweep = api.post(SWEEPS, content=text, headers=YAML).json()

        made = api.get(f"{SWEEPS}/{sweep['id']}/trials").json()["items"]
        facts = ("number", "setting", "replicate", "args")
        assert [{k: t[k] for k in facts} for t in made] == plan["trials"]

    def test_the_price_of_a_known_program_is_told(self, api: TestClient) -> None:
        text = library.load("imdb-eval-loss").text

        plan = api.post(f"{SWEEPS}?validate_only=true", content=text, headers=YAML).json()

        # DESIGN 1: eval_steps=20 on 3 epochs x 3,125 steps is 469 evaluations.
        assert max(t["evaluations"] for t in plan["price"]["per_trial"]) == 469

    def test_what_moves_together_is_said_before_anything_runs(self, api: TestClient) -> None:
        design = {
            "type": "settings",
            "factors": {"lr": {"levels": [0.1, 0.2]}, "batch": {"levels": [8, 64]}},
            "settings": [{"lr": 0.1, "batch": 8}, {"lr": 0.2, "batch": 64}],
        }
        config = {"program": "train.py", "design": design}

        answer = api.post(f"{SWEEPS}?validate_only=true", json=config)

        assert answer.status_code == 200, answer.text
        assert answer.json()["moved_together"][0]["members"] == ["lr", "batch"]

    def test_a_search_has_no_list_of_trials(self, api: TestClient) -> None:
        config = grid_config(method="random", parameters={"lr": {"min": 0.0, "max": 1.0}})

        plan = api.post(f"{SWEEPS}?validate_only=true", json=config).json()

        assert plan["trials"] == []
        assert plan["expected_trials"] is None

    def test_names_that_no_address_holds_are_refused_as_they_would_be_for_real(
        self, api: TestClient
    ) -> None:
        for config in (grid_config(project="a/b"), grid_config(entity="api")):
            preview = api.post(f"{SWEEPS}?validate_only=true", json=config)
            real = api.post(SWEEPS, json=config)

            assert preview.status_code == real.status_code == 422
            assert preview.json()["errors"] == real.json()["errors"]

    def test_a_range_without_end_is_refused_with_its_number(self, api: TestClient) -> None:
        config = grid_config(parameters={"a": {"min": 0, "max": 10**12}})

        answer = api.post(f"{SWEEPS}?validate_only=true", json=config)

        assert answer.status_code == 422
        assert "1,000,000,000,001 trials; the limit is 10,000" in answer.json()["detail"]


class TestIdempotency:
    HEADERS = {"Idempotency-Key": "first"}

    def test_the_same_request_is_done_once_and_answered_alike(self, api: TestClient) -> None:
        first = api.post(SWEEPS, json=grid_config(), headers=self.HEADERS)

        second = api.post(SWEEPS, json=grid_config(), headers=self.HEADERS)

        assert second.status_code == 201
        assert second.json() == first.json()
        assert second.headers["location"] == first.headers["location"]
        assert second.headers["idempotent-replayed"] == "true"
        assert count_sweeps(api) == 1

    def test_another_request_with_the_key_is_refused(self, api: TestClient) -> None:
        api.post(SWEEPS, json=grid_config(), headers=self.HEADERS)

        answer = api.post(SWEEPS, json=grid_config(name="other"), headers=self.HEADERS)

        assert answer.status_code == 422
        assert answer.json()["code"] == "idempotency_mismatch"

    def test_requests_at_the_same_time_make_one_sweep(self, api: TestClient) -> None:
        def register(_: int) -> str:
            answer = api.post(SWEEPS, json=grid_config(), headers=self.HEADERS)
            return str(answer.json()["id"])

        with ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(register, range(16)))

        assert len(set(ids)) == 1
        assert count_sweeps(api) == 1

    def test_a_refused_request_leaves_its_key_free(self, api: TestClient) -> None:
        api.post(SWEEPS, json=grid_config(method="guess"), headers=self.HEADERS)

        answer = api.post(SWEEPS, json=grid_config(), headers=self.HEADERS)

        assert answer.status_code == 201

    def test_a_stored_answer_is_forgotten_after_its_time(self, api: TestClient, lab: Lab) -> None:
        api.post(SWEEPS, json=grid_config(), headers=self.HEADERS)
        lab.clock.advance(49 * 3600)

        api.post(SWEEPS, json=grid_config(), headers=self.HEADERS)

        assert count_sweeps(api) == 2

    def test_a_verb_is_done_once_too(self, api: TestClient, lab: Lab) -> None:
        sweep_id = lab.register()
        pause = f"{SWEEPS}/{sweep_id}:pause"
        first = api.post(pause, headers=self.HEADERS)

        second = api.post(pause, headers=self.HEADERS)

        assert first.status_code == second.status_code == 200
        assert lab.sweep(sweep_id).version == first.json()["version"]


class TestList:
    def test_pages_hold_every_sweep_once_newest_first(self, api: TestClient, lab: Lab) -> None:
        made = []
        for _ in range(5):
            made.append(lab.register())
            lab.clock.advance(1)

        seen, token = [], None
        while True:
            page = api.get(
                SWEEPS, params={"page_size": 2, **({"page_token": token} if token else {})}
            )
            seen += [sweep["id"] for sweep in page.json()["items"]]
            token = page.json()["next_page_token"]
            if token is None:
                break

        assert seen == made[::-1]

    def test_a_last_page_that_is_full_is_the_last(self, api: TestClient, lab: Lab) -> None:
        for _ in range(2):
            lab.register()

        page = api.get(f"{SWEEPS}?page_size=2").json()

        assert len(page["items"]) == 2
        assert page["next_page_token"] is None

    def test_state_project_and_entity_narrow_it(self, api: TestClient, lab: Lab) -> None:
        paused, _other = lab.register(), lab.register(project="else")
        api.post(f"{SWEEPS}/{paused}:pause")

        def ids(query: str) -> list[str]:
            return [s["id"] for s in api.get(f"{SWEEPS}?{query}").json()["items"]]

        assert ids("state=paused&state=stopped") == [paused]
        assert ids("project=imdb&entity=lab") == [paused]
        assert ids("entity=nobody") == []

    @pytest.mark.parametrize("size", ["0", "501", "many"])
    def test_a_page_size_out_of_range_is_refused(self, api: TestClient, size: str) -> None:
        answer = api.get(f"{SWEEPS}?page_size={size}")

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "?page_size"

    @pytest.mark.parametrize("token", ["x", "e30", "WzFd", "%00", "W3siYXQiOiAieCJ9LCAiYSJd"])
    def test_a_token_that_is_none_of_ours_is_refused(self, api: TestClient, token: str) -> None:
        answer = api.get(f"{SWEEPS}?page_token={token}")

        assert answer.status_code == 422
        assert "next_page_token" in answer.json()["detail"]

    def test_an_unknown_state_is_refused_with_those_that_there_are(self, api: TestClient) -> None:
        answer = api.get(f"{SWEEPS}?state=done")

        assert answer.status_code == 422
        assert "finished" in answer.json()["detail"]


class TestShow:
    def test_the_etag_saves_a_poller_the_body(self, api: TestClient, lab: Lab) -> None:
        url = f"{SWEEPS}/{lab.register()}"
        tag = api.get(url).headers["etag"]

        unchanged = api.get(url, headers={"If-None-Match": tag})
        api.post(f"{url}:pause")
        changed = api.get(url, headers={"If-None-Match": tag})

        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert changed.status_code == 200
        assert changed.json()["state"] == "paused"

    def test_the_etag_changes_with_the_progress_of_a_trial(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep_id = lab.register()
        agent = lab.agent(sweep_id)
        url = f"{SWEEPS}/{sweep_id}"
        tags = [api.get(url).headers["etag"]]

        run = lab.claim(agent)
        tags.append(api.get(url).headers["etag"])
        lab.start(run)
        tags.append(api.get(url).headers["etag"])
        lab.finish(run, loss=0.1)
        tags.append(api.get(url).headers["etag"])

        assert len(set(tags)) == 4

    def test_an_unknown_sweep_is_404(self, api: TestClient) -> None:
        answer = api.get(f"{SWEEPS}/nothere")

        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"
        assert "nothere" in answer.json()["detail"]

    def test_links_begin_with_the_public_address_where_one_is_set(self, lab: Lab) -> None:
        settings = settings_of(lab, public_url="https://lab.example/paribus/")
        with TestClient(create_app(settings, clock=lab.clock)) as api:
            sweep = api.get(f"{SWEEPS}/{lab.register()}").json()

        assert sweep["links"]["self"] == f"https://lab.example/paribus{SWEEPS}/{sweep['id']}"


class TestVerbs:
    def test_pause_and_resume(self, api: TestClient, lab: Lab) -> None:
        url = f"{SWEEPS}/{lab.register()}"

        paused = api.post(f"{url}:pause", json={"reason": "lunch"}).json()
        resumed = api.post(f"{url}:resume").json()

        assert (paused["state"], paused["reason"]) == ("paused", "lunch")
        assert (resumed["state"], resumed["reason"]) == ("running", "by developer")

    def test_stop_and_cancel_end_the_trials_that_wait(self, api: TestClient, lab: Lab) -> None:
        stopped = api.post(f"{SWEEPS}/{lab.register()}:stop").json()
        cancelled = api.post(f"{SWEEPS}/{lab.register()}:cancel").json()

        assert (stopped["state"], stopped["trial_counts"]["stopped"]) == ("stopped", 4)
        assert (cancelled["state"], cancelled["trial_counts"]["cancelled"]) == ("cancelled", 4)

    def test_an_illegal_one_lists_the_legal_ones(self, api: TestClient, lab: Lab) -> None:
        answer = api.post(f"{SWEEPS}/{lab.register()}:resume")

        assert answer.status_code == 409
        assert answer.json()["state"] == "registered"
        assert answer.json()["legal"] == ["pause", "stop", "cancel"]

    def test_retry_queues_failed_trials_again(self, api: TestClient, lab: Lab) -> None:
        sweep_id = lab.register(retry={"failed": 0})
        agent = lab.agent(sweep_id)
        run = lab.claim(agent)
        lab.start(run)
        lab.finish(run, exit_code=1)

        answer = api.post(f"{SWEEPS}/{sweep_id}:retry")

        assert answer.status_code == 200
        assert answer.json()["trial_counts"]["queued"] == 4

    def test_an_unknown_field_is_refused_with_the_nearest(self, api: TestClient, lab: Lab) -> None:
        answer = api.post(f"{SWEEPS}/{lab.register()}:pause", json={"reson": "x"})

        assert answer.status_code == 422
        assert answer.json()["errors"] == [
            {
                "pointer": "/reson",
                "code": "unknown_field",
                "message": "there is no field 'reson'",
                "hint": "did you mean 'reason'?",
            }
        ]

    def test_a_body_that_is_not_json_is_refused(self, api: TestClient, lab: Lab) -> None:
        url = f"{SWEEPS}/{lab.register()}:pause"

        other = api.post(url, content="reason: x", headers=YAML)
        broken = api.post(url, content="{", headers={"Content-Type": "application/json"})

        assert other.status_code == 415
        assert broken.status_code == 422


class TestTrials:
    def test_a_trial_shows_its_runs_and_the_one_that_counts(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep_id = lab.register()
        run = lab.run_trial(lab.agent(sweep_id), loss=0.5)

        trial = api.get(f"/api/v1/trials/{lab.trial_of(run).id}").json()

        assert trial["state"] == "finished"
        assert [r["wandb_id"] for r in trial["runs"]] == [run]
        assert trial["run_id"] == trial["runs"][0]["id"]
        assert trial["attempts"] == 1

    def test_the_list_keeps_the_order_of_the_design(self, api: TestClient, lab: Lab) -> None:
        url = f"{SWEEPS}/{lab.register()}/trials"

        first = api.get(f"{url}?page_size=3").json()
        rest = api.get(url, params={"page_token": first["next_page_token"]}).json()

        assert [t["number"] for t in first["items"] + rest["items"]] == [0, 1, 2, 3]

    def test_a_failed_trial_is_tried_again_under_a_new_run(
        self, api: TestClient, lab: Lab
    ) -> None:
        sweep_id = lab.register(retry={"failed": 0})
        agent = lab.agent(sweep_id)
        run = lab.claim(agent)
        lab.start(run)
        lab.finish(run, exit_code=1)
        trial_id = lab.trial_of(run).id

        answer = api.post(f"/api/v1/trials/{trial_id}:retry", json={"reason": "disk was full"})

        assert answer.json()["state"] == "queued"
        assert api.post(f"/api/v1/trials/{trial_id}:retry").status_code == 409


class TestQuestions:
    def test_best_names_the_best_run_of_each_level(self, api: TestClient, lab: Lab) -> None:
        sweep_id = lab.register()
        agent = lab.agent(sweep_id)
        by_setting = {}
        for loss in (0.4, 0.3, 0.2, 0.1):
            run = lab.run_trial(agent, loss=loss)
            by_setting[tuple(lab.trial_of(run).setting.values())] = (loss, run)

        answer = api.get(f"{SWEEPS}/{sweep_id}/best").json()

        lr = answer["factors"][0]
        assert lr["factor"] == "lr"
        for level in lr["levels"]:
            loss, run = min(v for s, v in by_setting.items() if s[0] == level["level"])
            assert level["value"] == loss
            assert level["best"][0]["wandb_id"] == run
            assert level["best"][0]["url"] == f"http://testserver/lab/imdb/runs/{run}"
            assert level["n"] == 2

    def test_an_unknown_factor_is_refused_with_the_nearest(
        self, api: TestClient, lab: Lab
    ) -> None:
        answer = api.get(f"{SWEEPS}/{lab.register()}/best?factors=bach")

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["hint"] == "did you mean 'batch'?"

    def test_factors_come_with_what_the_settings_cannot_tell_apart(
        self, api: TestClient, lab: Lab
    ) -> None:
        design = {
            "type": "settings",
            "factors": {"lr": {"levels": [0.1, 0.2]}, "batch": {"levels": [8, 64]}},
            "settings": [{"lr": 0.1, "batch": 8}, {"lr": 0.2, "batch": 64}],
        }
        sweep_id = lab.register({"program": "train.py", "design": design})

        answer = api.get(f"{SWEEPS}/{sweep_id}/factors").json()

        assert [f["name"] for f in answer["factors"]] == ["lr", "batch"]
        assert answer["moved_together"][0]["kind"] == "always_together"

    def test_events_tell_what_happened_in_order(self, api: TestClient, lab: Lab) -> None:
        sweep_id = lab.register()
        api.post(f"{SWEEPS}/{sweep_id}:pause", json={"reason": "lunch"})

        events = api.get(f"{SWEEPS}/{sweep_id}/events").json()["items"]

        assert events[0]["kind"] == "sweep.registered"
        assert (events[-1]["kind"], events[-1]["reason"]) == ("sweep.paused", "lunch")


def test_a_config_comes_back_as_it_was_sent(api: TestClient) -> None:
    config = grid_config(
        description="ü", parameters={"b": {"value": 1e-300}, "a": {"values": [1, 2]}}
    )

    sweep = api.post(
        SWEEPS, content=json.dumps(config), headers={"Content-Type": "application/json"}
    )

    stored = sweep.json()["config"]
    assert list(stored["parameters"]) == ["b", "a"]
    assert stored["parameters"]["b"]["value"] == 1e-300
    assert stored["description"] == "ü"


FRACTION = {
    "program": "train.py",
    "design": {
        "type": "fractional_factorial",
        "resolution": 3,
        "factors": {name: {"levels": [0, 1]} for name in "abcde"},
        "replicates": {"seed": [0, 1]},
    },
}


class TestAliases:
    """What a plan leaves open is told before it is registered, when it is, and afterwards."""

    def test_a_preview_tells_chains_words_and_what_will_be_answerable(
        self, api: TestClient
    ) -> None:
        told = api.post(f"{SWEEPS}?validate_only=true", json=FRACTION).json()["aliases"]

        # Montgomery, table 8.14, 2^(5-2): D = AB, E = AC.
        assert told["settings"] == 8
        assert told["resolution"] == 3
        assert [chain["text"] for chain in told["chains"]][0] == "a = b x d = c x e"
        assert [word["text"] for word in told["defining_relation"]] == [
            "a x b x d",
            "a x c x e",
            "b x c x d x e",
        ]
        # 16 trials less the mean and five main effects
        assert told["forecast"]["main_effects"]["residual_df"] == 10
        assert told["forecast"]["with_interactions"]["answerable"] == []

    def test_registering_tells_the_same_and_the_sweep_keeps_it(self, api: TestClient) -> None:
        preview = api.post(f"{SWEEPS}?validate_only=true", json=FRACTION).json()["aliases"]

        registered = api.post(SWEEPS, json=FRACTION).json()

        shown = api.get(f"{SWEEPS}/{registered['id']}").json()
        assert registered["aliases"] == shown["aliases"] == preview
        assert registered["expected_trials"] == 16

    def test_plackett_burman_tells_its_thirds(self, api: TestClient) -> None:
        factors = {name: {"levels": [0, 1]} for name in "abcdefghijk"}
        config = {"program": "t.py", "design": {"type": "plackett_burman", "factors": factors}}

        told = api.post(f"{SWEEPS}?validate_only=true", json=config).json()["aliases"]

        # 11 main effects, each with a third of C(10, 2) = 45 pairs of two others
        assert told["partial_count"] == 495
        assert {alias["share"] for alias in told["partial"]} == {"-1/3", "+1/3"}

    def test_a_list_of_sweeps_does_not_carry_it(self, api: TestClient) -> None:
        api.post(SWEEPS, json=FRACTION)

        (listed,) = api.get(SWEEPS).json()["items"]

        assert "aliases" not in listed

    def test_a_search_was_planned_by_nobody(self, api: TestClient) -> None:
        config = grid_config(method="random", parameters={"lr": {"min": 0.0, "max": 1.0}})

        preview = api.post(f"{SWEEPS}?validate_only=true", json=config).json()
        sweep = api.post(SWEEPS, json=config).json()

        assert preview["aliases"] is None
        assert sweep["aliases"] is None

    def test_what_a_design_cannot_be_is_refused_with_key_and_reason(self, api: TestClient) -> None:
        design = FRACTION["design"] | {"forbid": [{"a": 1}]}

        answer = api.post(SWEEPS, json={"program": "train.py", "design": design})

        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert error["pointer"] == "/design/forbid"
        assert "d_optimal plans around forbid" in error["hint"]


class TestDOptimal:
    """The search for a plan is made before the write lock is taken."""

    def config(self, **more: object) -> dict[str, object]:
        factors = {name: {"levels": [1, 2, 3]} for name in "abc"}
        design = {"type": "d_optimal", "runs": 9, "factors": factors, **more}
        return {"program": "train.py", "project": "imdb", "design": design}

    def test_the_plan_is_the_one_that_was_shown(self, api: TestClient) -> None:
        preview = api.post(f"{SWEEPS}?validate_only=true", json=self.config()).json()
        sweep = api.post(SWEEPS, json=self.config()).json()

        trials = api.get(f"{SWEEPS}/{sweep['id']}/trials").json()["items"]
        assert [trial["setting"] for trial in trials] == [
            trial["setting"] for trial in preview["trials"]
        ]
        assert len(trials) == 9

    def test_what_is_wrong_is_said_once(self, api: TestClient) -> None:
        answer = api.post(SWEEPS, json=self.config(runs=2))

        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/design/runs"]
        assert count_sweeps(api) == 0
