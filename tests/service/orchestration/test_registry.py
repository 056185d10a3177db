"""A sweep's config, changed before anything was handed out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from paribus_service.errors import InvalidRequest
from paribus_service.orchestration import registry
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.tables import Sweep
from tests.factories import Lab, grid_config


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def replace(lab: Lab, sweep_id: str, config: Mapping[str, Any]) -> None:
    with lab.writing() as session:
        sweep = sweep_store.get_sweep(session, sweep_id)
        now = lab.clock.now()
        registry.replace_config(session, sweep, config, settings=lab.settings, now=now)


OWN = {"id", "version", "search_seed", "created_at", "updated_at", "project_id", "name"}


def columns(sweep: Sweep) -> dict[str, Any]:
    """What a config decides of a sweep, and nothing that is each sweep's own."""
    return {c.key: getattr(sweep, c.key) for c in Sweep.__table__.columns if c.key not in OWN}


class TestReplaceConfig:
    def test_it_is_then_as_if_registered_with_the_new_config(self, lab: Lab) -> None:
        other = {
            "method": "grid",
            "project": "imdb",
            "program": "paribus_agent.train",  # which resumes, and train.py does not
            "metric": {"name": "holdout/loss", "goal": "minimize", "target": 0.1},
            "retry": {"failed": 4, "interrupted": 5},
            "parameters": {"seed": {"values": [0, 1, 2]}},
        }
        sweep, fresh = lab.register(), lab.register(other)

        replace(lab, sweep, other)

        assert columns(lab.sweep(sweep)) == columns(lab.sweep(fresh))
        assert lab.sweep(sweep).trial_counts == {"queued": 3}
        assert [t.args for t in lab.trials(sweep)] == [{"seed": 0}, {"seed": 1}, {"seed": 2}]

    def test_a_sweep_that_has_started_keeps_its_own(self, lab: Lab) -> None:
        sweep = lab.register()
        lab.claim(lab.agent(sweep))

        with pytest.raises(InvalidRequest, match="has started"):
            replace(lab, sweep, grid_config(run_cap=1))

    def test_a_sweep_that_has_ended_takes_no_other(self, lab: Lab) -> None:
        sweep = lab.register()
        lab.order(registry.cancel, sweep, reason="wrong data")

        with pytest.raises(InvalidRequest, match="is cancelled"):
            replace(lab, sweep, grid_config())

        assert lab.sweep(sweep).trial_counts == {"cancelled": 4}  # and none that would wait
