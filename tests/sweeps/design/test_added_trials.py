"""Trials that are added to those of a design: follow-ups, with what the program is given."""

import pytest

from paribus_sweeps.design.grids import added_trials, expand
from paribus_sweeps.errors import InvalidSpec
from paribus_sweeps.programs import ProgramSchema
from paribus_sweeps.spec import SweepSpec

CONFIG = {
    "program": "train.py",
    "parameters": {"model": {"parameters": {"depth": {"value": 3}}}},
    "design": {
        "type": "settings",
        "factors": {
            "lr": {"levels": [0.1, 0.2]},
            "size": {
                "levels": {"small": {"batch": 8, "steps": 80}, "large": {"batch": 64, "steps": 10}}
            },
        },
        "settings": [{"lr": 0.1, "size": "small"}, {"lr": 0.2, "size": "large"}],
        "replicates": {"seed": [0]},
    },
}


class TestAddedTrials:
    def test_they_are_numbered_on_and_given_what_their_levels_set(self) -> None:
        spec = SweepSpec.from_config(CONFIG)
        wanted = [
            ({"lr": "0.1", "size": "large"}, {"seed": 0}),
            ({"lr": "0.2", "size": "small"}, {"seed": 7}),
        ]

        first, second = added_trials(spec, wanted, first=2)

        assert (first.number, second.number) == (2, 3)
        assert first.setting == {"lr": "0.1", "size": "large"}
        assert second.replicate == {"seed": 7}
        assert second.args == {
            "model": {"depth": 3}, "lr": 0.2, "batch": 8, "steps": 80, "seed": 7
        }  # fmt: skip

    def test_one_of_the_design_is_the_same_trial(self) -> None:
        spec = SweepSpec.from_config(CONFIG)
        planned = expand(spec)[1]

        [added] = added_trials(spec, [(planned.setting, planned.replicate)], first=1)

        assert added == planned

    def test_a_level_that_is_not_declared_is_refused(self) -> None:
        spec = SweepSpec.from_config(CONFIG)

        with pytest.raises(KeyError, match="medium"):
            added_trials(spec, [({"lr": "0.1", "size": "medium"}, {"seed": 0})], first=2)

    def test_the_programs_schema_looks_at_them_too(self) -> None:
        schema = ProgramSchema.from_json(
            {
                "type": "object",
                "properties": {
                    "lr": {"type": "number"},
                    "seed": {"type": "integer", "maximum": 5},
                },
            }
        )
        declared = {"lr": {"levels": [0.1, 0.2]}}
        design = {"type": "full_factorial", "factors": declared, "replicates": {"seed": [0]}}
        config = {"program": "train.py", "design": design}
        spec = SweepSpec.from_config(config, programs=lambda _: schema)

        with pytest.raises(InvalidSpec, match="seed"):
            added_trials(spec, [({"lr": "0.1"}, {"seed": 7})], first=2)
