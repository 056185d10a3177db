"""Speeds are worked out once for the same lines, and anew where a run is not what it was."""

import json
from pathlib import Path

import pytest

from paribus_service.orchestration import run_speeds
from paribus_service.orchestration.run_speeds import SpeedCache, speeds_of
from tests.factories import Lab
from tests.service.api.test_throughput import T4, cut_off, steps


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def rates(lab: Lab, *names: str, cache: SpeedCache) -> list[float | None]:
    pks = [lab.run(name).pk for name in names]
    with lab.reading() as session:
        found = speeds_of(session, pks, cache=cache)
    return [found[pk].speed.training.steps_per_second for pk in pks]


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose speed was worked out, in order."""
    told: list[str] = []
    real = run_speeds.run_speed

    def watched(history, facts, *, named):  # type: ignore[no-untyped-def]
        told.append(facts.name)
        return real(history, facts, named=named)

    monkeypatch.setattr(run_speeds, "run_speed", watched)
    return told


class TestSpeedsOf:
    def test_they_are_kept_until_the_run_goes_on(self, lab: Lab, worked_out: list[str]) -> None:
        """Ten steps in 10 s, then forty more in 8."""
        cut_off(lab, "a", T4, *steps(10.0, rows=3))
        cut_off(lab, "b", T4, *steps(5.0))
        cache = SpeedCache()

        first = rates(lab, "a", "b", cache=cache)
        again = rates(lab, "a", "b", cache=cache)
        lab.log("a", json.dumps({"_runtime": 28.0, "train/global_step": 60}), offset=3)
        later = rates(lab, "a", "b", cache=cache)

        assert first == again == [pytest.approx(1.0), pytest.approx(2.0)]
        assert later == [pytest.approx(50 / 18), pytest.approx(2.0)]
        assert worked_out == ["run-a", "run-b", "run-a"]

    def test_another_name_of_a_key_is_another_speed(self, lab: Lab) -> None:
        lines = [json.dumps({"_step": i, "_runtime": 2.0 * i, "it": 5 * i}) for i in range(4)]
        cut_off(lab, "a", T4, *lines)
        cache, pk = SpeedCache(), lab.run("a").pk

        with lab.reading() as session:
            plain = speeds_of(session, [pk], cache=cache)[pk].speed.training
            named = speeds_of(session, [pk], (("global_step", "it"),), cache=cache)[pk].speed

        assert plain.steps_per_second == pytest.approx(0.5)
        assert named.training.steps_per_second == pytest.approx(2.5)

    def test_the_least_recently_asked_is_given_up_first(
        self, lab: Lab, worked_out: list[str]
    ) -> None:
        for name in "abc":
            cut_off(lab, name, T4, *steps(5.0))
        cache = SpeedCache(most=2)

        for names in ("a", "b", "a", "c", "a", "b"):
            rates(lab, names, cache=cache)

        assert worked_out == ["run-a", "run-b", "run-c", "run-b"]

    def test_more_runs_than_are_held_together_come_all(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(run_speeds, "_RUNS_AT_ONCE", 2)
        for name in "abc":
            cut_off(lab, name, T4, *steps(5.0))

        assert rates(lab, "a", "b", "c", cache=SpeedCache()) == [pytest.approx(2.0)] * 3
