"""What is logged when: every optimizer step, each log, each look, and where time went.

Values of a step stay on the device until they are flushed: at each log, look and
checkpoint, and otherwise every few seconds. A GPU is never made to wait for a step's
number.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from paribus_agent.history import History

FLUSH_SECONDS = 5.0  # below the 15 s in which the W&B client sends; one device read each
EVAL_KEYS = ("loss", "accuracy", "f1", "runtime", "samples_per_second", "steps_per_second")


@dataclass(slots=True)
class Totals:
    """Running sums that a checkpoint carries, so that a resumed run goes on with them."""

    examples: int = 0
    tokens: int = 0
    window_loss: float = 0.0
    """Sum of the losses since the last log."""
    window_steps: int = 0
    all_loss: float = 0.0
    seconds: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(
            ("training", "evaluation", "checkpoint", "scoring"), 0.0
        )
    )


@dataclass(slots=True)
class _Step:
    """One optimizer step whose numbers may still be on the device."""

    step: int
    epoch: float
    examples: int
    learning_rate: float
    loss: torch.Tensor
    grad_norm: torch.Tensor
    tokens: torch.Tensor


@dataclass(slots=True)
class _Mark:
    """Where things stood at the last log, for rates between logs."""

    clock: float
    idle: float
    """Seconds of looks and checkpoints until then."""
    step: int
    examples: int
    tokens: int


class Recorder(TrainerCallback):
    """Turns what the Trainer does into rows of history.

    The trainer hands it each batch (`saw_batch`) and each gradient norm
    (`saw_grad_norm`); everything else comes through the Trainer's own callbacks.
    """

    def __init__(
        self,
        history: History,
        *,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        totals: Totals | None = None,
    ) -> None:
        self.history = history
        self.totals = totals or Totals()
        self._say = say
        self._clock = clock
        self._steps: list[_Step] = []
        self._losses: list[torch.Tensor] = []
        self._tokens: list[torch.Tensor] = []
        self._examples = 0
        self._grad_norm: torch.Tensor | None = None
        self._learning_rate = 0.0
        self._flushed_at = clock()
        self._mark: _Mark | None = None
        self._last_grad_norm: float | None = None

    def saw_batch(self, inputs: Mapping[str, torch.Tensor], loss: torch.Tensor) -> None:
        """Take in one batch and its share of the step's loss; reads nothing off the device."""
        self._examples += inputs["labels"].shape[0]
        self._tokens.append(inputs["attention_mask"].sum())
        self._losses.append(loss.detach())

    def saw_grad_norm(self, norm: torch.Tensor | float) -> None:
        """Take in the norm of all gradients before clipping."""
        self._grad_norm = torch.as_tensor(norm).detach()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clocks."""
        self._set_mark(state.global_step)

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Keep the learning rate that the step used: the scheduler moves it next."""
        self._learning_rate = float(kwargs["optimizer"].param_groups[0]["lr"])

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Buffer the step; flush where a log, a look or a save is due, or time has passed."""
        assert self._grad_norm is not None
        self._steps.append(
            _Step(
                step=state.global_step,
                epoch=state.epoch or 0.0,
                examples=self._examples,
                learning_rate=self._learning_rate,
                loss=torch.stack(self._losses).sum(),
                grad_norm=self._grad_norm,
                tokens=torch.stack(self._tokens).sum(),
            )
        )
        self._examples, self._losses, self._tokens = 0, [], []
        if self._clock() - self._flushed_at > FLUSH_SECONDS:
            self.flush()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Add the log's own row: means since the last log, speed, and where time went till now."""
        if logs is None or "loss" not in logs:
            return  # an evaluation's or the final summary's logs, which come another way
        self._read_device()
        row = {
            "train/loss": self.totals.window_loss / self.totals.window_steps,
            "train/grad_norm": self._last_grad_norm,
            "train/learning_rate": self._learning_rate,
        }
        row |= self._rates(state.global_step) | self._apart_from_training()
        self.totals.window_loss, self.totals.window_steps = 0.0, 0
        self.history.add(state.global_step, row)
        self._set_mark(state.global_step)
        self._say(
            f"step {state.global_step}/{state.max_steps}  train/loss {row['train/loss']:.4f}"
        )

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Add a look's scores to the row of the step that it looked at."""
        if not metrics or "eval_loss" not in metrics:
            return  # a hold-out's scores go into the summary
        self._read_device()
        row: dict[str, Any] = {f"eval/{key}": metrics[f"eval_{key}"] for key in EVAL_KEYS}
        row["train/epoch"] = state.epoch
        row |= {
            "train/examples_seen": self.totals.examples,
            "train/tokens_seen": self.totals.tokens,
        }
        self.history.add(state.global_step, row)
        self._say(
            f"step {state.global_step}/{state.max_steps}  eval/loss {row['eval/loss']:.4f}"
            f"  eval/accuracy {row['eval/accuracy']:.4f}"
        )

    @contextmanager
    def timing(self, what: str) -> Iterator[None]:
        """Count the block's time as `what`, a key of `Totals.seconds`, and not as training."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # steps still under way belong to training
        start = self._clock()
        try:
            yield
        finally:
            self.totals.seconds[what] += self._clock() - start

    def flush(self) -> None:
        """Read buffered steps off the device, in one go, and send all finished rows."""
        self._read_device()
        self.history.flush()

    def notes(self) -> dict[str, Any]:
        """Return what a checkpoint must carry, all rows until now safely on disk."""
        self._read_device()
        totals = asdict(self.totals)
        totals["seconds"]["training"] += self._busy_since_mark()
        return {"rows_bytes": self.history.settle(), "totals": totals}

    def summary(self, steps: int) -> dict[str, float]:
        """Return the run's totals for its summary."""
        seconds = self.totals.seconds
        training = max(seconds["training"], 1e-9)
        return {f"time/{what}_seconds": spent for what, spent in seconds.items()} | {
            "train_runtime": sum(seconds.values()),
            "train_loss": self.totals.all_loss / max(steps, 1),
            "train_steps_per_second": steps / training,
            "train_samples_per_second": self.totals.examples / training,
            "train_tokens_per_second": self.totals.tokens / training,
        }

    def stop_clocks(self) -> None:
        """Count the time since the last log as training; call when training has ended."""
        if self._mark is not None:
            self._read_device()
            self.totals.seconds["training"] += self._busy_since_mark()
            self._mark = None

    def _read_device(self) -> None:
        self._flushed_at = self._clock()
        steps, self._steps = self._steps, []
        if not steps:
            return
        numbers = torch.stack([torch.stack([s.loss, s.grad_norm]).float() for s in steps]).tolist()
        tokens = torch.stack([s.tokens for s in steps]).tolist()
        for step, (loss, norm), count in zip(steps, numbers, tokens, strict=True):
            self._take_in(step, loss, norm, count)

    def _take_in(self, step: _Step, loss: float, grad_norm: float, tokens: int) -> None:
        totals = self.totals
        totals.examples += step.examples
        totals.tokens += tokens
        totals.window_loss += loss
        totals.window_steps += 1
        totals.all_loss += loss
        self._last_grad_norm = grad_norm
        self.history.add(
            step.step,
            {
                "train/epoch": step.epoch,
                "train/examples_seen": totals.examples,
                "train/tokens_seen": totals.tokens,
                "train_step/loss": loss,
                "train_step/grad_norm": grad_norm,
                "train_step/learning_rate": step.learning_rate,
            },
        )

    def _rates(self, step: int) -> dict[str, float]:
        mark, seconds = self._mark, self._busy_since_mark()
        if mark is None or seconds <= 0:
            return {}
        return {
            "train/steps_per_second": (step - mark.step) / seconds,
            "train/examples_per_second": (self.totals.examples - mark.examples) / seconds,
            "train/tokens_per_second": (self.totals.tokens - mark.tokens) / seconds,
        }

    def _apart_from_training(self) -> dict[str, float]:
        """Return what looks and checkpoints took until now: a run that is cut off has no summary.

        The step's own look and checkpoint come after its log, and stand in the next one.
        """
        apart = ("evaluation", "checkpoint")
        return {f"time/{what}_seconds": self.totals.seconds[what] for what in apart}

    def _set_mark(self, step: int) -> None:
        self.totals.seconds["training"] += self._busy_since_mark()
        self._mark = _Mark(
            clock=self._clock(),
            idle=self._idle_seconds(),
            step=step,
            examples=self.totals.examples,
            tokens=self.totals.tokens,
        )

    def _busy_since_mark(self) -> float:
        if self._mark is None:
            return 0.0
        return self._clock() - self._mark.clock - (self._idle_seconds() - self._mark.idle)

    def _idle_seconds(self) -> float:
        return sum(spent for what, spent in self.totals.seconds.items() if what != "training")
