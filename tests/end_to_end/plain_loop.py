"""A training loop that knows no framework and names what it logs as it likes.

The labels are drawn by a coin: nothing can be learned from one half about the other, so that
whatever the network takes from the train half is overfitting. That is known beforehand.
"""

import math

import torch
import wandb

STEPS, EVERY, EXAMPLES, INPUTS = 200, 10, 64, 16
PEAK = 0.05

torch.manual_seed(0)
inputs = torch.randn(2 * EXAMPLES, INPUTS)
labels = torch.randint(0, 2, (2 * EXAMPLES,))
network = torch.nn.Sequential(torch.nn.Linear(INPUTS, 64), torch.nn.Tanh(), torch.nn.Linear(64, 2))
optimizer = torch.optim.Adam(network.parameters(), lr=PEAK)
schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, STEPS)
nll = torch.nn.CrossEntropyLoss()

run = wandb.init(project="loops", id="plain", name="plain", config={"lr": PEAK, "steps": STEPS})
for step in range(1, STEPS + 1):
    loss = nll(network(inputs[:EXAMPLES]), labels[:EXAMPLES])
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), math.inf)
    row = {"nll": loss.item(), "gnorm": norm.item(), "lr": schedule.get_last_lr()[0]}
    optimizer.step()
    schedule.step()
    if step % EVERY == 0:
        with torch.no_grad():
            row["dev/nll"] = nll(network(inputs[EXAMPLES:]), labels[EXAMPLES:]).item()
    run.log(row)
run.finish()
