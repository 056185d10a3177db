"""A module of Lightning, as its documentation writes one: its own names for what is logged.

Run with the interpreter of `.venv-lightning`. The labels are drawn by a coin, as in
`plain_loop.py`: what is learned from the train half is overfitting.
"""

import sys
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import LearningRateMonitor
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import grad_norm
from torch.utils.data import DataLoader, TensorDataset

EPOCHS, EXAMPLES, INPUTS, BATCH = 12, 64, 16, 16


class Module(pl.LightningModule):
    """What users write: `self.log` in each step, `grad_norm` before the optimizer's."""

    def __init__(self, lr: float, batch_size: int) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.network = torch.nn.Sequential(
            torch.nn.Linear(INPUTS, 64), torch.nn.Tanh(), torch.nn.Linear(64, 2)
        )

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        loss = self._loss(batch)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val_loss", self._loss(batch))

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.log_dict(grad_norm(self, norm_type=2))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.hparams["lr"])

    def _loss(self, batch: Any) -> torch.Tensor:
        inputs, labels = batch
        return torch.nn.functional.cross_entropy(self.network(inputs), labels)


def main(home: str) -> None:
    """Train, and leave an offline run under `home`."""
    pl.seed_everything(0)
    inputs, labels = torch.randn(2 * EXAMPLES, INPUTS), torch.randint(0, 2, (2 * EXAMPLES,))
    halves = [
        DataLoader(TensorDataset(inputs[half], labels[half]), batch_size=BATCH)
        for half in (slice(EXAMPLES), slice(EXAMPLES, None))
    ]
    trainer = pl.Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        logger=WandbLogger(
            project="loops", name="lightning", version="lightning", save_dir=home, offline=True
        ),
        callbacks=[LearningRateMonitor()],
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_checkpointing=False,
        default_root_dir=home,
    )
    trainer.fit(Module(lr=0.01, batch_size=BATCH), *halves)


if __name__ == "__main__":
    main(sys.argv[1])
