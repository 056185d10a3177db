"""What a rule says, and how it becomes plain JSON."""

import math

import numpy as np
import pytest

from paribus_sweeps.analysis.findings.finding import Finding
from tests.sweeps.analysis.findings.training_runs import is_plain


class TestFinding:
    def test_three_statuses_have_a_maker_each(self):
        assert Finding.found("r", "seen").status == "found"
        assert Finding.absent("r", "not seen").status == "not_found"
        assert Finding.unknown("r", "too few").status == "cannot_tell"

    def test_some_fields_can_be_changed(self):
        first = Finding.found("r", "seen", label="a")

        assert first.with_(label="b") == Finding.found("r", "seen", label="b")
        assert first.label == "a"


class TestAsDict:
    def test_it_holds_every_field(self):
        finding = Finding.found(
            "r",
            "seen",
            label="a",
            keys=("k",),
            steps=(1.0, 2.0),
            numbers={"n": 3},
            next_step="do",
            runs=("r1",),
            factor="f",
        )

        assert finding.as_dict() == {
            "rule": "r",
            "status": "found",
            "label": "a",
            "sentence": "seen",
            "keys": ["k"],
            "steps": [1.0, 2.0],
            "x_name": "steps",
            "numbers": {"n": 3},
            "next_step": "do",
            "runs": ["r1"],
            "factor": "f",
        }

    def test_without_steps_there_are_none(self):
        assert Finding.absent("r", "not seen").as_dict()["steps"] is None

    @pytest.mark.parametrize(
        ("value", "plain"),
        [
            (1.5, 1.5),
            (3, 3),
            (True, True),
            ("text", "text"),
            (None, None),
            (math.nan, None),
            (-math.inf, None),
            (np.float64(1.5), 1.5),
            (np.int64(3), 3),
            ((1, [math.nan, 2.0]), [1, [None, 2.0]]),
            ({2: {"p": math.inf}}, {"2": {"p": None}}),
        ],
    )
    def test_what_is_not_finite_is_none_however_deep(self, value, plain):
        told = Finding.found("r", "seen", numbers={"x": value}).as_dict()

        assert told["numbers"] == {"x": plain}
        assert type(told["numbers"]["x"]) is type(plain)
        assert is_plain(told)

    def test_a_step_that_is_not_finite_is_none(self):
        told = Finding.found("r", "seen", steps=(0.0, math.inf)).as_dict()

        assert told["steps"] == [0.0, None]
