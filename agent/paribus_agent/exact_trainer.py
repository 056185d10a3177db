"""The Trainer, made exact: looking does not disturb, leaving does not lose.

* An evaluation puts all random generators back, so that runs that look at different
  cadences train alike bit for bit.
* The order of reviews depends on seed and epoch only.
* Every step's loss and gradient norm go to the recorder, still on the device.
* SIGTERM leaves a checkpoint at the step that was just done; a look that was due or
  under way is owed, and the next attempt makes it first.
* The last step's weights are scored on the hold-out before the best ones are loaded.
* Checkpoints hold weights under the model's own names and are loaded whole. The Trainer
  writes them under the names of the file that they once came from (LayerNorm.gamma, in
  bert-base-uncased too) and, loading, skips what it does not find: every layer norm
  would silently stay as it was.

Source: transformers 5.23.0, trainer.py; the overridden methods are named there.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_model
from transformers import PrinterCallback, Trainer

from paribus_agent.callbacks import Recorder
from paribus_agent.checkpoints import Checkpoint, prune, write_marker
from paribus_agent.errors import Preempted
from paribus_agent.preemption import LookBrokenOff, Preemption
from paribus_agent.randomness import EpochOrder, generators_left_alone

WEIGHTS = "model.safetensors"
_Trainer: Any = Trainer  # its annotations are wider than what a training here holds


class ExactTrainer(_Trainer):  # type: ignore[misc]
    """A Trainer whose runs can be compared step by step, and resumed."""

    # `metrics.cross_entropy` divides by the reviews of the whole optimizer step.
    loss_is_scaled_for_ga = True

    def __init__(
        self,
        *,
        recorder: Recorder,
        preemption: Preemption,
        settings: Mapping[str, Any],
        save_total_limit: int,
        resumed_from: Checkpoint | None,
        at_last_step: Callable[["ExactTrainer"], None],
        **kwargs: Any,
    ) -> None:
        super().__init__(callbacks=[recorder], **kwargs)
        self.remove_callback(PrinterCallback)  # the recorder says what there is to say
        self.recorder = recorder
        self.preemption = preemption
        self.settings = settings
        self.save_total_limit = save_total_limit
        self.at_last_step = at_last_step
        self.resumed_from = resumed_from
        self.look_owed = bool(resumed_from and resumed_from.notes["look_owed"])

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochOrder:
        return EpochOrder(len(self.train_dataset), self.args.seed)

    def training_step(
        self, model: Any, inputs: Any, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Do what the Trainer does, and show the recorder the batch and its loss."""
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        self.recorder.saw_batch(inputs, loss)
        return loss

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)
        self.recorder.saw_grad_norm(norm)
        return norm

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Score a part; the random generators are left as they were."""
        what = "evaluation" if kwargs.get("metric_key_prefix", "eval") == "eval" else "scoring"
        with self.recorder.timing(what), generators_left_alone():
            metrics: dict[str, float] = super().evaluate(*args, **kwargs)
        return metrics

    def prediction_step(self, *args: Any, **kwargs: Any) -> Any:
        """Score one batch, unless the process was told to go."""
        self.preemption.break_off_look()
        return super().prediction_step(*args, **kwargs)

    def _maybe_log_save_evaluate(self, *args: Any, **kwargs: Any) -> None:
        """Log, look and save as is due; where the process was told to go, save and leave.

        Raises:
            Preempted: It was; the checkpoint is on disk.
        """
        if not self.preemption.requested:
            try:
                super()._maybe_log_save_evaluate(*args, **kwargs)
            except LookBrokenOff:
                self._leave(look_owed=True)
            return
        owed = self.control.should_evaluate
        self.control.should_evaluate = self.control.should_save = False
        super()._maybe_log_save_evaluate(*args, **kwargs)  # the log that is due
        self._leave(look_owed=owed)

    def _leave(self, *, look_owed: bool) -> None:
        self.look_owed = look_owed
        self._save_checkpoint(self.model, None)
        raise Preempted(f"SIGTERM; saved at step {self.state.global_step}")

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write a checkpoint, mark it as whole, and only then delete what it replaces."""
        with self.recorder.timing("checkpoint"):
            notes = self.recorder.notes()
            super()._save_checkpoint(model, trial)
            attempt = Path(self.args.output_dir)
            best = self.state.best_model_checkpoint
            write_marker(
                attempt / f"checkpoint-{self.state.global_step}",
                step=self.state.global_step,
                notes={
                    "settings": dict(self.settings),
                    "look_owed": self.look_owed,
                    "best": str(Path(*Path(best).parts[-2:])) if best else None,
                    **notes,
                },
            )
            prune(attempt, keep=self.save_total_limit, best=best)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Write the weights under the model's own names."""
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_model(self.model, str(folder / WEIGHTS))
        self.model.config.save_pretrained(folder)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load the weights to go on from; every one must be there."""
        self._load_weights(resume_from_checkpoint)

    def _load_best_model(self) -> None:
        """Load the weights that had the best look; every one must be there."""
        self._load_weights(self.state.best_model_checkpoint)

    def _load_weights(self, folder: str) -> None:
        load_model(self.model, str(Path(folder) / WEIGHTS), strict=True)

    def _init_training_state(self, *args: Any, **kwargs: Any) -> Any:
        """Restore the Trainer's state; the best checkpoint may lie under another root now."""
        found = super()._init_training_state(*args, **kwargs)
        if self.resumed_from is not None and self.state.best_model_checkpoint is None:
            moved = self.resumed_from.folder.parent.parent / (
                self.resumed_from.notes["best"] or "-"
            )
            if moved.is_dir():
                self.state.best_model_checkpoint = str(moved)
        return found

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        """Train an epoch; not where a resumed run has done all its steps already."""
        self._make_owed_look()
        if self.state.global_step >= self.state.max_steps:
            self.control.should_training_stop = True
            return
        super()._run_epoch(*args, **kwargs)

    def _finalize_training(self, *args: Any, **kwargs: Any) -> Any:
        """Score the last step's weights before the Trainer loads the best ones."""
        self._make_owed_look()
        self.recorder.stop_clocks()
        self.at_last_step(self)
        return super()._finalize_training(*args, **kwargs)

    def _make_owed_look(self) -> None:
        """Make the evaluation that the attempt before had no time for."""
        if not self.look_owed or self.resumed_from is None:
            return
        self.look_owed = False
        self._load_rng_state(str(self.resumed_from.folder))  # the checkpoint below holds it too
        step = self.state.global_step
        self.control.should_evaluate = True
        self.control.should_save = step % self.args.save_steps == 0 or step >= self.state.max_steps
        self._maybe_log_save_evaluate(self._tr_loss, None, self.model, None, 0.0, None, 0.0)
