"""A training that costs nothing: its loss falls towards what `lr` says, one value a step.

It goes on until the test opens the gate, so that a run ends early only where it is told to.
"""

import os
import sys
import time
from pathlib import Path

import wandb

run = wandb.init()
gate = Path(os.environ["GATE"])
floor = float(dict(run.config)["lr"])
(gate / f"started-{run.id}").write_text(str(os.getpid()))
deadline = time.monotonic() + 180
step = 0
while not (gate / "release").exists():
    if time.monotonic() > deadline:
        sys.exit("nobody opened the gate")
    if step < 4:  # as many values as two bands need; after that it only waits
        run.log({"loss": floor + 1 / (1 + step)})
        step += 1
    time.sleep(0.05)
run.log({"loss": floor})
