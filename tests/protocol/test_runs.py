"""A run from start to end, as an unmodified client makes it."""

import math

import pytest

from paribus_service.store.states import RunState
from tests.protocol.live import LiveService

LIFE = """
import os, wandb
run = wandb.init(project="life", id="life", config={"lr": 0.1, "nan": float("nan"),
                 "model": {"layers": [1, 2], "name": "b"}}, tags=["a"], notes="first", group="g")
for i in range(20):
    run.log({"loss": 1 / (i + 1), "deep": {"x": i}})
run.log({"loss": float("nan"), "inf": float("inf"), "big": 2**70, "text": "ü"})
run.tags += ("b",)
run.notes = "second"
run.config.update({"late": 7})
run.summary["best"] = float("-inf")
open(os.path.join(run.dir, "odd name%.txt"), "w").write("bytes")
run.save(os.path.join(run.dir, "odd name%.txt"), base_path=run.dir)
run.alert(title="look", text="here")
run.finish()
"""


@pytest.fixture(scope="module")
def life(live: LiveService) -> LiveService:
    live.client(LIFE)
    return live


class TestLife:
    def test_a_finished_run_is_finished(self, life: LiveService) -> None:
        run = life.run("life", "life")

        assert (run.state, run.exit_code) == (RunState.FINISHED, 0)

    def test_every_row_is_there_in_order(self, life: LiveService) -> None:
        rows = life.history(life.run("life", "life"))

        assert [row["_step"] for row in rows] == list(range(21))
        assert [row["loss"] for row in rows[:20]] == [1 / (i + 1) for i in range(20)]
        assert rows[3]["deep"] == {"x": 3}
        assert math.isnan(rows[20]["loss"])
        assert (rows[20]["inf"], rows[20]["text"]) == (math.inf, "ü")
