"""Sweeps that a client drives: each thing that it asks for is done once, and in its place."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paribus_service.errors import InvalidRequest
from paribus_service.orchestration import outside, recorder, registry
from paribus_service.orchestration.recorder import RunUpsert
from paribus_service.orchestration.revisions import why_nothing_is_added
from paribus_service.store import early_stops
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.events import list_events
from paribus_service.store.tables import Run
from tests.factories import Lab, grid_config

LOCAL = {"controller": {"type": "local"}}
SEARCH = {"lr": {"min": 0.0, "max": 1.0}, "opt": {"values": ["sgd", "adam"]}, "n": {"value": 3}}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def custom(lab: Lab, **more: Any) -> str:
    """A sweep into whose queue a client puts runs."""
    return lab.register(grid_config(method="custom", parameters=SEARCH, **more))


def controlled(lab: Lab, **more: Any) -> str:
    """A sweep with a controller of the client's."""
    return lab.register(grid_config(**{"method": "bayes", "parameters": SEARCH, **LOCAL, **more}))


def enqueue(lab: Lab, sweep_id: str, name: str | None = None, **config: Any) -> str:
    """W&B's id of the run that came of it."""
    with lab.writing() as session:
        run = outside.enqueue(
            session,
            sweep_store.get_sweep(session, sweep_id),
            config,
            display_name=name,
            asked_by="a script",
            settings=lab.settings,
            now=lab.clock.now(),
        )
        return run.wandb_id


def entry(entry_id: str, **args: Any) -> dict[str, Any]:
    """An entry of the schedule, as `wandb.controller()` writes it."""
    return {"id": entry_id, "data": {"args": {key: {"value": v} for key, v in args.items()}}}


NO_MORE = {"id": "end", "data": {"args": None}}


def write(lab: Lab, sweep_id: str, *schedule: Any, earlystop: Any = ()) -> list[str]:
    """What the client's controller writes; what it is warned of."""
    told = {"schedule": list(schedule), "earlystop": list(earlystop)}
    return take(lab, sweep_id, json.dumps(told))


def take(lab: Lab, sweep_id: str, text: str) -> list[str]:
    with lab.writing() as session:
        sweep = sweep_store.get_sweep(session, sweep_id)
        return outside.take_controller(
            session, sweep, text, settings=lab.settings, now=lab.clock.now()
        )


def scheduled(lab: Lab, sweep_id: str) -> list[dict[str, str]]:
    with lab.reading() as session:
        told = outside.scheduled(session, sweep_store.get_sweep(session, sweep_id))
        assert told is not None
        found: list[dict[str, str]] = json.loads(told)["scheduled"]
        return found


def reasons(lab: Lab, sweep_id: str, kind: str) -> list[str | None]:
    with lab.reading() as session:
        found = list_events(session, sweep_id=sweep_id)
        return [event.reason for event in found if event.kind == kind]


def refusal(act: Callable[[], Any]) -> str:
    with pytest.raises(InvalidRequest) as caught:
        act()
    return str(caught.value)


class TestEnqueuedRuns:
    def test_the_run_is_there_at_once_and_waits(self, lab: Lab) -> None:
        sweep = custom(lab)

        run = lab.run(enqueue(lab, sweep, "mine", lr=0.5, opt="adam"))

        assert (run.state, run.display_name, run.sweep_id) == ("created", "mine", sweep)
        assert run.config == {"lr": {"value": 0.5}, "opt": {"value": "adam"}}
        assert lab.sweep(sweep).trial_counts == {"queued": 1}

    def test_the_next_idle_agent_gets_that_very_run_and_the_first_goes_first(
        self, lab: Lab
    ) -> None:
        sweep = custom(lab)
        first, second = enqueue(lab, sweep, lr=0.1), enqueue(lab, sweep, lr=0.2)

        one, other = (lab.beat(lab.agent(sweep)) for _ in range(2))

        assert one is not None
        assert other is not None
        assert [one.run_id, other.run_id] == [first, second]
        assert one.args == {"lr": 0.1}
        assert [trial.attempts for trial in lab.trials(sweep)] == [1, 1]

    def test_wandbs_wrapping_is_taken_off_where_every_value_has_it(self, lab: Lab) -> None:
        sweep = custom(lab)
        enqueue(lab, sweep, lr={"value": 0.1}, opt={"value": "sgd", "desc": None})
        enqueue(lab, sweep, lr={"value": 0.1}, opt="sgd")  # nested, by whoever wrote it

        args = [trial.args for trial in lab.trials(sweep)]

        assert args == [{"lr": 0.1, "opt": "sgd"}, {"lr": {"value": 0.1}, "opt": "sgd"}]

    def test_the_same_name_and_config_again_is_the_same_run(self, lab: Lab) -> None:
        sweep = custom(lab)
        first = enqueue(lab, sweep, "trial 7", lr=0.1)
        agent = lab.agent(sweep)
        lab.run_trial(agent)

        again = enqueue(lab, sweep, "trial 7", lr=0.1)

        assert again == first
        assert lab.sweep(sweep).trial_counts == {"finished": 1}

    def test_another_config_under_the_name_is_another_run_and_so_is_one_without_a_name(
        self, lab: Lab
    ) -> None:
        sweep = custom(lab)

        runs = [
            enqueue(lab, sweep, "mine", lr=0.1),
            enqueue(lab, sweep, "mine", lr=0.2),
            enqueue(lab, sweep, lr=0.1),
            enqueue(lab, sweep, lr=0.1),
        ]

        assert len(set(runs)) == 4

    def test_a_program_that_renames_its_run_does_not_break_that(self, lab: Lab) -> None:
        sweep = custom(lab)
        run = enqueue(lab, sweep, "trial 7", lr=0.1)
        with lab.writing() as session:
            told = RunUpsert(entity="lab", project="imdb", wandb_id=run, display_name="my own")
            recorder.upsert_run(session, told, now=lab.clock.now())

        assert enqueue(lab, sweep, "trial 7", lr=0.1) == run

    def test_a_trial_is_laid_out_by_what_the_config_declares(self, lab: Lab) -> None:
        sweep = custom(lab)
        enqueue(lab, sweep, lr=0.5, opt="lion", n=3, depth=2, seed=1)
        enqueue(lab, sweep, lr=1)

        setting, lacking = (trial.setting for trial in lab.trials(sweep))

        assert setting == {"lr": "0.5", "opt": "lion"}  # a value that is not listed, too
        assert lab.trials(sweep)[0].replicate == {"seed": 1}
        assert lacking == {"lr": "1", "opt": "<unset>"}

    def test_why_it_waits_is_an_event(self, lab: Lab) -> None:
        sweep = custom(lab)
        enqueue(lab, sweep, lr=0.1)

        assert reasons(lab, sweep, "trial.queued") == ["enqueued by a script"]

    def test_an_agent_waits_for_more_until_the_sweep_is_ended(self, lab: Lab) -> None:
        sweep = custom(lab)
        agent = lab.agent(sweep)
        enqueue(lab, sweep, lr=0.1)
        lab.run_trial(agent)

        assert lab.beat(agent) is None
        lab.order(registry.stop, sweep, reason="enough")
        told = lab.beat(agent)

        assert told is not None
        assert told.kind == "exit"

    def test_the_cap_finishes_the_sweep_and_takes_no_more(self, lab: Lab) -> None:
        sweep = custom(lab, run_cap=2)
        agent = lab.agent(sweep)
        for lr in (0.1, 0.2):
            enqueue(lab, sweep, lr=lr)

        said = refusal(lambda: enqueue(lab, sweep, lr=0.3))
        for _ in range(2):
            lab.run_trial(agent)

        assert "as many trials as its run_cap of 2" in said
        assert lab.sweep(sweep).state == "finished"
        assert "is finished" in refusal(lambda: enqueue(lab, sweep, lr=0.3))

    def test_a_service_has_its_limit(self, tmp_path: Path) -> None:
        lab = Lab(tmp_path, max_trials=1)
        sweep = custom(lab)
        enqueue(lab, sweep, lr=0.1)

        assert "1 trials, the limit" in refusal(lambda: enqueue(lab, sweep, lr=0.2))

    def test_a_stopped_sweep_takes_runs_once_it_is_resumed(self, lab: Lab) -> None:
        sweep = custom(lab)
        enqueue(lab, sweep, lr=0.1)
        lab.order(registry.stop, sweep, reason="lunch")

        said = refusal(lambda: enqueue(lab, sweep, lr=0.2))
        lab.order(registry.resume, sweep, reason="back")
        enqueue(lab, sweep, lr=0.2)

        assert "resume the sweep first" in said
        assert lab.sweep(sweep).trial_counts == {"queued": 2}

    @pytest.mark.parametrize(
        ("config", "said"),
        [
            ([1], "an object was expected"),
            ({"_wandb": {}}, "/config/_wandb: _wandb is W&B's own part"),
        ],
    )
    def test_what_cannot_be_a_config_is_refused(self, lab: Lab, config: Any, said: str) -> None:
        sweep = custom(lab)

        def act() -> None:
            with lab.writing() as session:
                found = sweep_store.get_sweep(session, sweep)
                outside.enqueue(
                    session,
                    found,
                    config,
                    display_name=None,
                    asked_by="x",
                    settings=lab.settings,
                    now=lab.clock.now(),
                )

        assert said in refusal(act)
        assert lab.trials(sweep) == []

    def test_the_programs_schema_looks_at_every_config(self, lab: Lab) -> None:
        sweep = lab.register(
            {"method": "custom", "project": "imdb", "program": "paribus_agent.train"}
        )

        said = refusal(lambda: enqueue(lab, sweep, learning_rat=0.1))

        assert "learning_rate" in said  # the nearest key that there is
        assert lab.trials(sweep) == []

    @pytest.mark.parametrize(
        ("config", "kind"),
        [
            (grid_config(), "grid search"),
            (grid_config(method="random", run_cap=3), "random search"),
            (
                {
                    "project": "imdb",
                    "design": {"type": "full_factorial", "factors": {"lr": {"levels": [1, 2]}}},
                },
                "design",
            ),
        ],
    )
    def test_a_sweep_whose_trials_the_service_makes_takes_none(
        self, lab: Lab, config: dict[str, Any], kind: str
    ) -> None:
        sweep = lab.register(config)

        said = refusal(lambda: enqueue(lab, sweep, lr=1))

        assert f"is a {kind} whose trials the service makes" in said


class TestWithdrawing:
    def test_a_run_that_waits_and_is_asked_to_stop_is_never_handed_out(self, lab: Lab) -> None:
        sweep = custom(lab)
        waiting, next_one = enqueue(lab, sweep, lr=0.1), enqueue(lab, sweep, lr=0.2)

        with lab.writing() as session:
            run = run_store.get_run_at(session, "lab", "imdb", waiting)
            registry.stop_run(session, run.id, now=lab.clock.now(), reason="not that one")

        assert lab.claim(lab.agent(sweep)) == next_one
        assert lab.run(waiting).state == "stopped"
        assert lab.trials(sweep)[0].reason == "not that one"

    def test_a_stop_of_the_sweep_ends_each_waiting_run_once(self, lab: Lab) -> None:
        sweep = custom(lab)
        enqueue(lab, sweep, lr=0.1)

        lab.order(registry.stop, sweep, reason="enough")

        assert lab.sweep(sweep).trial_counts == {"stopped": 1}
        assert len(reasons(lab, sweep, "run.stopped")) == 1

    def test_a_waiting_run_that_is_deleted_leaves_the_queue(self, lab: Lab) -> None:
        sweep = custom(lab)
        run = enqueue(lab, sweep, lr=0.1)

        with lab.writing() as session:
            found = run_store.get_run_at(session, "lab", "imdb", run)
            recorder.delete_run(session, found, now=lab.clock.now())

        assert lab.sweep(sweep).trial_counts == {"stopped": 1}
        assert reasons(lab, sweep, "run.stopped") == ["it was deleted"]
        assert lab.beat(lab.agent(sweep)) is None

    def test_runs_may_wait_for_days(self, lab: Lab) -> None:
        sweep = custom(lab)
        run = enqueue(lab, sweep, lr=0.1)

        lab.wait(3 * 86_400)

        assert lab.claim(lab.agent(sweep)) == run


class TestWhatBecomesOfThem:
    def test_a_failure_is_the_drivers_to_judge(self, lab: Lab) -> None:
        sweep = custom(lab)
        enqueue(lab, sweep, lr=0.1)
        agent = lab.agent(sweep)
        run = lab.claim(agent)
        lab.start(run)

        lab.finish(run, exit_code=1)

        assert lab.sweep(sweep).trial_counts == {"failed": 1}

    def test_unless_the_config_says_how_often_to_try_again(self, lab: Lab) -> None:
        sweep = custom(lab, retry={"failed": 1})
        first = enqueue(lab, sweep, "mine", lr=0.1)
        agent = lab.agent(sweep)
        lab.claim(agent)
        lab.start(first)
        lab.finish(first, exit_code=1)

        second = lab.run(lab.claim(agent))

        assert second.wandb_id != first
        assert second.display_name == "mine (attempt 2)"

    def test_an_announced_preemption_is_resumed_as_under_wandb(self, lab: Lab) -> None:
        sweep = custom(lab)
        run = enqueue(lab, sweep, lr=0.1)
        agent = lab.agent(sweep)
        lab.claim(agent)
        lab.start(run)
        lab.report(run, recorder.StreamReport(preempting=True))

        lab.finish(run, exit_code=1)
        told = lab.beat(agent)

        assert told is not None
        assert (told.kind, told.run_id) == ("resume", run)

    def test_hyperband_of_a_client_that_decides_is_not_the_services(self, lab: Lab) -> None:
        rule = {"early_terminate": {"type": "hyperband", "min_iter": 1}}
        own, clients = custom(lab, **rule), controlled(lab, **rule)
        enqueue(lab, own, lr=0.1)
        write(lab, clients, entry("a", lr=0.1))
        for sweep in (own, clients):
            lab.start(lab.claim(lab.agent(sweep)))

        with lab.reading() as session:
            followed = early_stops.followed_sweeps(session)

        assert [sweep.id for sweep in followed] == [own]

    def test_no_follow_ups_are_added_to_a_search_of_somebody_else(self, lab: Lab) -> None:
        assert "register these runs as a sweep of their own" in (
            why_nothing_is_added(lab.sweep(custom(lab))) or ""
        )


class TestSchedule:
    def test_an_entry_becomes_a_run_once_however_often_it_is_written(self, lab: Lab) -> None:
        sweep = controlled(lab)

        for _ in range(3):
            write(lab, sweep, entry("a", lr=0.5, opt="sgd", n=3))

        [made] = scheduled(lab, sweep)
        assert made["id"] == "a"
        assert lab.run(made["runid"]).state == "created"
        assert lab.sweep(sweep).trial_counts == {"queued": 1}
        assert reasons(lab, sweep, "trial.queued") == ["scheduled by the client's controller"]

    def test_an_entry_that_comes_again_long_after_it_was_taken_out_makes_nothing(
        self, lab: Lab
    ) -> None:
        sweep = controlled(lab)
        write(lab, sweep, entry("a", lr=0.5))
        take(lab, sweep, "{}")  # what a controller writes when it starts
        write(lab, sweep, entry("b", lr=0.6))

        write(lab, sweep, entry("a", lr=0.5))  # a request that was delayed

        assert [made["id"] for made in scheduled(lab, sweep)] == ["a", "b"]

    def test_an_agent_is_given_the_run_with_its_arguments(self, lab: Lab) -> None:
        sweep = controlled(lab)
        write(lab, sweep, entry("a", lr=0.5, n=3))
        told = lab.beat(lab.agent(sweep))

        assert told is not None
        assert told.run_id == scheduled(lab, sweep)[0]["runid"]
        assert told.args == {"lr": 0.5, "n": 3}

    def test_what_was_written_is_what_is_read(self, lab: Lab) -> None:
        sweep = controlled(lab)
        text = json.dumps({"schedule": [entry("a", lr=0.5)], "earlystop": []})

        take(lab, sweep, text)

        assert lab.sweep(sweep).controller == text

    def test_no_more_runs_finishes_the_sweep_with_its_last_trial(self, lab: Lab) -> None:
        sweep = controlled(lab)
        agent = lab.agent(sweep)
        write(lab, sweep, entry("a", lr=0.5))
        run = lab.claim(agent)
        lab.start(run)

        for _ in range(2):
            write(lab, sweep, NO_MORE)
        before = lab.sweep(sweep).state
        lab.finish(run, loss=1)

        assert (before, lab.sweep(sweep).state) == ("running", "finished")
        assert reasons(lab, sweep, "sweep.complete") == [
            "the client's controller has no more runs: there are 1"
        ]
        told = lab.beat(agent)
        assert told is not None
        assert told.kind == "exit"

    def test_no_runs_at_all_is_an_end_too(self, lab: Lab) -> None:
        sweep = controlled(lab)

        write(lab, sweep, NO_MORE)

        assert lab.sweep(sweep).state == "finished"

    def test_more_runs_after_no_more_keep_the_sweep_open(self, lab: Lab) -> None:
        sweep = controlled(lab)
        write(lab, sweep, entry("a", lr=0.5))
        write(lab, sweep, NO_MORE)
        write(lab, sweep, entry("b", lr=0.6))
        agent = lab.agent(sweep)
        for _ in range(2):
            lab.run_trial(agent)

        assert lab.sweep(sweep).state == "running"
        assert lab.beat(agent) is None

    def test_the_cap_holds_and_the_client_is_told(self, lab: Lab) -> None:
        sweep = controlled(lab, run_cap=1)
        agent = lab.agent(sweep)

        warned = write(lab, sweep, entry("a", lr=0.5), entry("b", lr=0.6))
        lab.run_trial(agent)

        assert warned == [
            f"schedule: no run was made of the entry b, since sweep {sweep} has as many trials "
            "as its run_cap of 1"
        ]
        assert lab.sweep(sweep).state == "finished"
        assert "is finished" in write(lab, sweep, entry("c", lr=0.7))[0]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("{", "/controller: it holds no JSON"),
            ("[]", "it holds no object with a schedule"),
            ('{"shedule": []}', "/controller/shedule"),
            ('{"schedule": {}}', "/controller/schedule: a list was expected"),
            ('{"schedule": [{"data": {"args": null}}]}', "/controller/schedule/0/id"),
            ('{"schedule": [7]}', "/controller/schedule/0/id"),
            ('{"schedule": [{"id": "a", "data": {}}]}', "/controller/schedule/0/data"),
            ('{"schedule": [{"id": "a"}]}', "/controller/schedule/0/data"),
            ('{"schedule": [{"id": "a", "data": {"args": [1]}}]}', "/data/args: an object"),
        ],
    )
    def test_what_no_controller_writes_is_refused(self, lab: Lab, text: str, said: str) -> None:
        sweep = controlled(lab)

        assert said in refusal(lambda: take(lab, sweep, text))
        assert lab.trials(sweep) == []

    def test_another_sweeps_controller_is_refused_and_an_empty_one_is_nothing(
        self, lab: Lab
    ) -> None:
        sweep = lab.register()

        assert take(lab, sweep, "{}") == []
        assert "controller: {type: local}" in refusal(
            lambda: write(lab, sweep, entry("a", lr=0.5))
        )


class TestEarlyStops:
    def running(self, lab: Lab, sweep: str) -> Run:
        write(lab, sweep, entry("a", lr=0.5))
        return lab.start(lab.claim(lab.agent(sweep)))

    def test_a_run_is_asked_once_and_its_trial_ends_stopped(self, lab: Lab) -> None:
        sweep = controlled(lab)
        run = self.running(lab, sweep)

        for _ in range(2):
            write(lab, sweep, earlystop=[run.wandb_id])
        told = lab.report(run.wandb_id)
        lab.finish(run.wandb_id, exit_code=255)

        assert told
        assert lab.sweep(sweep).trial_counts == {"stopped": 1}
        assert reasons(lab, sweep, "run.stopped_early") == [
            "the client's controller stops it early"
        ]

    def test_a_run_that_waits_is_taken_out_of_the_queue(self, lab: Lab) -> None:
        sweep = controlled(lab)
        write(lab, sweep, entry("a", lr=0.5))

        write(lab, sweep, earlystop=[scheduled(lab, sweep)[0]["runid"]])

        assert lab.sweep(sweep).trial_counts == {"stopped": 1}

    def test_a_run_of_another_sweep_is_left_alone(self, lab: Lab) -> None:
        sweep, other = controlled(lab), controlled(lab)
        run = self.running(lab, other)

        warned = write(lab, sweep, earlystop=[run.wandb_id, "nobody"])

        assert warned == [
            f"earlystop: sweep {sweep} has no run {name!r}" for name in (run.wandb_id, "nobody")
        ]
        assert lab.run(run.wandb_id).stop_requested_at is None

    def test_a_run_that_has_ended_needs_no_stop(self, lab: Lab) -> None:
        sweep = controlled(lab)
        run = self.running(lab, sweep)
        lab.finish(run.wandb_id, loss=1)

        assert write(lab, sweep, earlystop=[run.wandb_id]) == []
        assert lab.sweep(sweep).trial_counts == {"finished": 1}


class TestConfig:
    def replace(self, lab: Lab, sweep_id: str, text: str) -> None:
        with lab.writing() as session:
            sweep = sweep_store.get_sweep(session, sweep_id)
            registry.replace_config(
                session, sweep, text, settings=lab.settings, now=lab.clock.now()
            )

    def test_the_one_that_a_controller_sends_with_its_schedule_changes_nothing(
        self, lab: Lab
    ) -> None:
        sweep = controlled(lab)
        write(lab, sweep, entry("a", lr=0.5))
        lab.run_trial(lab.agent(sweep))
        known = lab.sweep(sweep)

        # the client writes out what `min: 0.0, max: 1.0` means
        self.replace(
            lab,
            sweep,
            known.client_config.replace("max: 1.0", "max: 1.0\n    distribution: uniform"),
        )

        assert lab.sweep(sweep).client_config == known.client_config
        assert lab.sweep(sweep).version == known.version

    def test_another_one_is_refused_once_the_sweep_has_trials(self, lab: Lab) -> None:
        sweep = controlled(lab)
        write(lab, sweep, entry("a", lr=0.5))
        other = lab.sweep(sweep).client_config.replace("max: 1.0", "max: 2.0")

        assert "has started" in refusal(lambda: self.replace(lab, sweep, other))
        assert lab.sweep(sweep).trial_counts == {"queued": 1}
