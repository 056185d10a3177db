"""A sweep is registered on both sides or on none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from paribus_service.clock import SetClock
from paribus_service.errors import (
    AlreadyExists,
    InvalidRequest,
    NotOfferedHere,
    UpstreamFailed,
    UpstreamNotConfigured,
    UpstreamRefusedKey,
    UpstreamTooOld,
    UpstreamUnreachable,
)
from paribus_service.orchestration import registry, scheduler
from paribus_service.orchestration.upstream.launching import Launcher, tracking_of
from paribus_service.settings import Settings
from paribus_service.store import sweeps as sweep_store
from paribus_service.store import upstream_sweeps
from paribus_sweeps.errors import InvalidSpec
from paribus_sweeps.spec import SweepSpec
from tests.factories import Lab, grid_config
from tests.service.orchestration.upstream.sides import (
    URL,
    Killed,
    Sides,
    design_config,
    unreachable,
)


def config_there(sides: Sides, sweep_id: str) -> dict[str, Any]:
    return sides.there.sweep_table[sides.path(sweep_id)].config


def sweeps_there(sides: Sides) -> list[str]:
    return [sweep.seen.state for sweep in sides.there.sweep_table.values()]


def notes(sides: Sides) -> int:
    with sides.lab.reading() as session:
        return len(upstream_sweeps.launches(session))


class TestADesign:
    def test_it_is_custom_there_without_our_own_keys(self, sides: Sides) -> None:
        config = design_config(retry={"failed": 0}, run_cap=9, description="Which batch?")

        sweep = sides.launch(config)

        there = config_there(sides, sweep)
        assert there["method"] == "custom"
        assert not {"design", "retry", "tracking", "run_cap", "project"} & set(there)
        assert there["parameters"]["batch"] == {"values": [8, 64]}
        assert there["name"] == "story"
        assert there["description"].startswith("Which batch?\n\n")

    def test_it_has_one_id_on_both_sides_and_its_page_is_there(self, sides: Sides) -> None:
        sweep = sides.launch()

        known = sides.known(sweep)
        assert (known.remote_id, known.base_url, known.way) == (sweep, URL, "enqueue")
        assert known.url == f"{URL}/lab/imdb/sweeps/{sweep}"
        assert sides.states(sweep) == ["queued"] * 4

    def test_nothing_of_the_launch_is_left_to_take_back(self, sides: Sides) -> None:
        sweep = sides.launch()

        sides.start()
        sides.look()

        assert notes(sides) == 0
        assert sides.state_there(sweep) != "CANCELED"

    def test_a_server_without_a_queue_gets_a_local_controller(self, tmp_path: Path) -> None:
        sides = Sides(tmp_path, can_enqueue=False)

        sweep = sides.launch()

        assert config_there(sides, sweep)["controller"] == {"type": "local"}
        assert sides.known(sweep).way == "controller"

    def test_a_server_that_offers_neither_way_is_told_in_one_sentence(
        self, tmp_path: Path
    ) -> None:
        sides = Sides(tmp_path, can_enqueue=False)
        sides.there.fail(
            UpstreamFailed(URL, "register", "unknown key controller"), on="register_sweep"
        )

        with pytest.raises(UpstreamTooOld, match="takes no runs from outside") as raised:
            sides.launch()

        assert "unknown key controller" in str(raised.value)
        sides.look()
        assert (sweeps_there(sides), notes(sides)) == ([], 0)


class TestAPlainSweep:
    @pytest.mark.parametrize("method", ["grid", "random", "bayes"])
    def test_it_stays_the_servers_own(self, sides: Sides, method: str) -> None:
        config = grid_config(method=method, tracking="upstream", run_cap=3)

        sweep = sides.launch(config)

        there = config_there(sides, sweep)
        assert (there["method"], there["run_cap"]) == (method, 3)
        assert sides.known(sweep).way == "own"

    def test_bayes_is_still_refused_here(self) -> None:
        with pytest.raises(InvalidSpec, match="tracking: upstream"):
            SweepSpec.from_config(grid_config(method="bayes"))

    def test_its_trials_cannot_be_retried_by_us(self, sides: Sides) -> None:
        sweep = sides.launch(grid_config(tracking="upstream"))

        with pytest.raises(NotOfferedHere, match="W&B's own search"):
            sides.lab.order(registry.retry, sweep, reason="again")


class TestAnotherConfig:
    def test_it_is_refused_for_a_sweep_there(self, sides: Sides) -> None:
        sweep = sides.launch()

        with (
            pytest.raises(NotOfferedHere, match="register a new sweep"),
            sides.lab.writing() as session,
        ):
            registry.replace_config(
                session,
                sweep_store.get_sweep(session, sweep),
                grid_config(),
                settings=sides.lab.settings,
                now=sides.lab.clock.now(),
            )


class TestWhereASweepIsTracked:
    def tracking(self, *, own: str | None = None, **settings: Any) -> str:
        config = {"method": "grid", "parameters": {"a": {"values": [1, 2]}}}
        spec = SweepSpec.from_config(config | ({"tracking": own} if own else {}))
        return tracking_of(spec, Settings(**settings), entity="lab", project="imdb")

    def test_here_where_no_server_is_named(self) -> None:
        assert self.tracking() == "embedded"

    def test_there_once_a_server_is_named(self) -> None:
        assert self.tracking(wandb_base_url=URL) == "upstream"

    def test_the_services_setting_wins_over_that(self) -> None:
        assert self.tracking(wandb_base_url=URL, tracking="embedded") == "embedded"

    @pytest.mark.parametrize("project", ["imdb", "lab/imdb"])
    def test_the_projects_setting_wins_over_the_services(self, project: str) -> None:
        by_project = {project: "upstream", "other": "embedded"}

        assert self.tracking(tracking="embedded", tracking_by_project=by_project) == "upstream"

    def test_the_sweeps_own_key_wins_over_all(self) -> None:
        settings = {"wandb_base_url": URL, "tracking_by_project": {"imdb": "upstream"}}

        assert self.tracking(own="embedded", **settings) == "embedded"

    def test_another_word_is_refused(self) -> None:
        with pytest.raises(InvalidSpec, match="tracking"):
            self.tracking(own="wandb")

    def test_an_embedded_sweep_asks_the_server_nothing(self, sides: Sides) -> None:
        assert sides.begin_launch(design_config(tracking="embedded")) is None
        assert sides.there.calls == []


class TestWhatIsRefusedBeforeTheServerHearsOfIt:
    def test_a_config_that_cannot_be_a_sweep(self, sides: Sides) -> None:
        with pytest.raises(InvalidSpec):
            sides.launch(design_config(metrik={"name": "loss"}))

        assert sides.there.calls == []

    @pytest.mark.parametrize("key", ["_wandb", "wandb_version"])
    def test_a_key_that_wandb_keeps_for_itself(self, sides: Sides, key: str) -> None:
        with pytest.raises(InvalidRequest, match=f"{key} is W&B's own part"):
            sides.launch(design_config(parameters={key: {"value": 1}}))

        assert sides.there.calls == []

    def test_such_a_key_as_a_replicate(self, sides: Sides) -> None:
        config = design_config()
        config["design"]["replicates"] = {"_wandb": [0, 1]}

        with pytest.raises(InvalidRequest, match="_wandb is W&B's own part"):
            sides.launch(config)

        assert sides.there.calls == []

    def test_a_wandb_client_that_points_here(self, tmp_path: Path) -> None:
        with pytest.raises(NotOfferedHere, match="paribus launch"):
            Lab(tmp_path).register(design_config())

    def test_without_a_server(self, tmp_path: Path) -> None:
        lab = Lab(tmp_path)
        launcher = Launcher(lab.engine, lab.settings, SetClock(lab.clock.now()), None)

        with pytest.raises(UpstreamNotConfigured, match="PARIBUS_WANDB_BASE_URL"):
            launcher.launch(
                yaml.safe_dump(design_config()), entity=None, key_entity="lab", project=None
            )


class TestALaunchThatFails:
    def test_a_refused_key_leaves_nothing(self, sides: Sides) -> None:
        sides.there.fail(UpstreamRefusedKey(URL, "register", "no such key"), on="server")

        with pytest.raises(UpstreamRefusedKey):
            sides.launch()

        assert (sweeps_there(sides), notes(sides)) == ([], 0)

    def test_what_was_registered_though_its_answer_was_lost_is_cancelled(
        self, sides: Sides
    ) -> None:
        sides.there.fail(unreachable(), on="register_sweep", takes_effect=True)
        with pytest.raises(UpstreamUnreachable):
            sides.launch()

        sides.look()

        assert (sweeps_there(sides), notes(sides)) == (["CANCELED"], 0)
        with sides.lab.reading() as session:
            assert sweep_store.list_sweeps(session) == []

    def test_it_is_taken_back_once_the_server_answers_again(self, sides: Sides) -> None:
        sides.there.fail(unreachable(), on="register_sweep", takes_effect=True)
        with pytest.raises(UpstreamUnreachable):
            sides.launch()
        sides.there.fail(unreachable(), on="find_sweeps")

        sides.look()
        before = sweeps_there(sides)
        sides.look()

        assert (before, sweeps_there(sides)) == (["PENDING"], ["CANCELED"])

    @pytest.mark.parametrize("step", [1, 2, 3, 4])
    def test_a_service_killed_at_any_step_leaves_no_sweep_that_runs(
        self, sides: Sides, step: int
    ) -> None:
        # Steps: before and after `server`, before and after `register_sweep`.
        sides.kill_after(step)
        with pytest.raises(Killed):
            sides.launch()

        sides.start()
        sides.look()

        assert (set(sweeps_there(sides)), notes(sides)) in [(set(), 0), ({"CANCELED"}, 0)]

    def test_one_on_another_server_is_said_and_forgotten(self, sides: Sides) -> None:
        launch = sides.begin_launch(design_config())
        assert launch is not None
        sides.launcher.give_up(launch.marker)
        sides.there.facts = replace(sides.there.facts, base_url="https://other.test")

        (told,) = sides.launcher.take_back()

        assert f"look there for a sweep whose description holds {launch.marker}" in told
        assert (sweeps_there(sides), notes(sides)) == (["PENDING"], 0)

    def test_one_that_may_not_be_taken_back_is_kept_said_once_and_in_nobodys_way(
        self, sides: Sides, caplog: pytest.LogCaptureFixture
    ) -> None:
        refused, other = sides.begin_launch(design_config()), sides.begin_launch(design_config())
        assert refused is not None
        assert other is not None
        for launch in (refused, other):
            sides.launcher.give_up(launch.marker)
        may_not = UpstreamRefusedKey(URL, "find a sweep", "403")
        sides.there.fail(may_not, on="find_sweeps")

        sides.look(times=5)

        assert (sweeps_there(sides), notes(sides)) == (["PENDING", "CANCELED"], 1)
        [told] = [line for line in caplog.messages if "cannot be taken back" in line]
        assert f"holds {refused.marker}" in told
        assert "refused the key: 403" in told
        assert sides.there.count("find_sweeps") == 2

    def test_it_is_tried_again_after_an_hour_and_by_a_new_process(self, sides: Sides) -> None:
        launches = [sides.begin_launch(design_config()) for _ in range(2)]
        for launch in launches:
            assert launch is not None
            sides.launcher.give_up(launch.marker)
        sides.there.fail(UpstreamRefusedKey(URL, "find a sweep", "403"), on="find_sweeps", times=3)

        sides.look()
        sides.look(seconds=3600)
        one_left = notes(sides)
        sides.start()
        sides.look()

        # Refused twice, then the first of them once more, and the second is let through.
        assert (one_left, notes(sides)) == (1, 0)
        assert sweeps_there(sides) == ["CANCELED", "CANCELED"]

    def test_a_launch_that_is_under_way_is_left_alone(self, sides: Sides) -> None:
        launch = sides.begin_launch(design_config())

        sides.look()

        assert launch is not None
        assert (sweeps_there(sides), notes(sides)) == (["PENDING"], 1)

    def test_an_id_that_is_taken_here_is_taken_back_there(self, sides: Sides) -> None:
        launch = sides.begin_launch(design_config())
        assert launch is not None
        with sides.lab.writing() as session:
            registry.register(
                session,
                grid_config(),
                entity="lab",
                sweep_id=launch.remote.path.sweep_id,
                created_by=None,
                settings=sides.lab.settings,
                now=sides.lab.clock.now(),
            )

        with pytest.raises(AlreadyExists), sides.lab.writing() as session:
            sides.launcher.confirm(
                session,
                launch,
                yaml.safe_dump(design_config()),
                created_by=None,
                now=sides.lab.clock.now(),
            )
        sides.launcher.give_up(launch.marker)
        sides.look()

        assert sweeps_there(sides) == ["CANCELED"]


class TestAgents:
    def test_one_that_asks_here_is_told_where_to_go(self, sides: Sides) -> None:
        sweep = sides.launch()

        with (
            pytest.raises(Exception, match=f"WANDB_BASE_URL={URL} wandb agent lab/imdb/{sweep}"),
            sides.lab.writing() as session,
        ):
            scheduler.create_agent(
                session, sweep, host="a", key_id=None, now=sides.lab.clock.now()
            )
