"""From settings to a Trainer, and the proof that the Trainer holds what was asked for."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from paribus_agent.callbacks import Recorder, Totals
from paribus_agent.checkpoints import ROWS, Checkpoint
from paribus_agent.config import TrainConfig
from paribus_agent.data import Corpus, PadToLongest
from paribus_agent.errors import SettingIgnored
from paribus_agent.exact_trainer import ExactTrainer
from paribus_agent.history import History, Send
from paribus_agent.metrics import cross_entropy, scores
from paribus_agent.model import Weights
from paribus_agent.preemption import Preemption

# Settings that TrainingArguments takes under the same name, and that are compared after.
SAME_NAME = (
    "seed",
    "learning_rate",
    "num_train_epochs",
    "max_steps",
    "per_device_train_batch_size",
    "per_device_eval_batch_size",
    "gradient_accumulation_steps",
    "weight_decay",
    "warmup_steps",
    "lr_scheduler_type",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "max_grad_norm",
    "eval_strategy",
    "eval_steps",
    "save_steps",
    "logging_steps",
    "load_best_model_at_end",
    "metric_for_best_model",
)
LOWER_IS_BETTER = {"loss"}


def training_arguments(config: TrainConfig, output: Path) -> TrainingArguments:
    """Return the Trainer's arguments for a setting; checkpoints go to `output`."""
    has_gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(output),
        **{name: getattr(config, name) for name in SAME_NAME},
        data_seed=config.seed,
        greater_is_better=config.metric_for_best_model not in LOWER_IS_BETTER,
        save_strategy=config.eval_strategy,
        save_total_limit=None,  # ours deletes after the new one is whole, not before
        bf16=config.precision == "bf16",
        fp16=config.precision == "fp16",
        use_cpu=not has_gpu,
        dataloader_pin_memory=has_gpu,
        remove_unused_columns=False,
        label_names=["labels"],
        report_to="none",  # the recorder reports, one row a step
        disable_tqdm=True,
        # Replacing a NaN by the mean of earlier losses would hide a finding, and costs a
        # wait for the device at every step.
        logging_nan_inf_filter=False,
    )


def build_recorder(
    send: Send,
    attempt: Path,
    *,
    checkpoint: Checkpoint | None,
    delivered: int | None,
    say: Callable[[str], None],
) -> Recorder:
    """Return the recorder of an attempt, with what the checkpoint carries already taken over.

    Args:
        send: Takes each row.
        attempt: The attempt's own folder.
        checkpoint: Where training goes on from, if anywhere.
        delivered: Lines of history that the server has; None where no server tells.
        say: Takes lines for the person who watches.
    """
    history = History(send, attempt / ROWS, first_line=delivered or 0)
    if checkpoint is None:
        return Recorder(history, say=say)
    history.go_on_from(checkpoint, delivered=delivered)
    return Recorder(history, say=say, totals=Totals(**checkpoint.notes["totals"]))


def build_trainer(
    config: TrainConfig,
    network: Any,
    corpus: Corpus,
    *,
    output: Path,
    recorder: Recorder,
    preemption: Preemption,
    checkpoint: Checkpoint | None,
    at_last_step: Callable[[ExactTrainer], None],
) -> ExactTrainer:
    """Return the trainer of a setting, ready to train or to go on from `checkpoint`."""
    return ExactTrainer(
        model=network,
        args=training_arguments(config, output),
        train_dataset=corpus.parts["train"],
        eval_dataset=corpus.parts["test"],
        data_collator=PadToLongest(network.config.pad_token_id or 0),
        compute_loss_func=cross_entropy,
        compute_metrics=scores,
        recorder=recorder,
        preemption=preemption,
        settings=config.as_dict(),
        save_total_limit=config.save_total_limit,
        resumed_from=checkpoint,
        at_last_step=at_last_step,
    )


def check_effect(
    config: TrainConfig, trainer: ExactTrainer, corpus: Corpus, weights: Weights
) -> None:
    """Compare each setting with what the trainer, the split and the model really hold.

    Raises:
        SettingIgnored: One of them did not take effect.
    """
    for key, asked, found, where in _effects(config, trainer, corpus, weights):
        if asked != found:
            raise SettingIgnored(key, asked=asked, found=found, where=where)


def plan(config: TrainConfig, corpus: Corpus) -> dict[str, int]:
    """Return the work that a setting amounts to: steps, looks, reviews scored in looks.

    Source: transformers 5.23.0, trainer.py, set_initial_training_values;
    trainer_callback.py, DefaultFlowCallback (a look at the last step too).
    """
    train, test = len(corpus.parts["train"]), len(corpus.parts["test"])
    batches = math.ceil(train / config.per_device_train_batch_size)
    an_epoch = max(math.ceil(batches / config.gradient_accumulation_steps), 1)
    steps = math.ceil(config.num_train_epochs * an_epoch)
    if config.max_steps > 0:
        steps = config.max_steps
    looks = steps // config.eval_steps + (1 if steps % config.eval_steps else 0)
    return {
        "steps": steps,
        "steps_an_epoch": an_epoch,
        "evaluations": looks,
        "reviews_scored": looks * test,
    }


def _effects(
    config: TrainConfig, trainer: ExactTrainer, corpus: Corpus, weights: Weights
) -> list[tuple[str, Any, Any, str]]:
    args, split = trainer.args, corpus.split
    held = [
        (key, getattr(config, key), getattr(args, key), "TrainingArguments") for key in SAME_NAME
    ]
    exact_train = float(split.pool * config.train_share)
    held += [
        ("model", config.model, weights.name, "the model"),
        (
            "train_test_ratio",
            math.floor(exact_train),
            split.train_end - split.train_moved,
            "train",
        ),
        (
            "train_test_ratio",
            split.train_end,
            len(trainer.train_dataset),
            "the trainer's train part",
        ),
        ("train_test_ratio", split.pool - split.train_end, len(trainer.eval_dataset), "test part"),
        ("max_length", True, _longest(corpus) <= config.max_length, "a review's tokens"),
        ("precision", config.precision, _precision(args), "TrainingArguments"),
        ("save_total_limit", config.save_total_limit, trainer.save_total_limit, "the trainer"),
        (
            "per_device_train_batch_size",
            config.per_device_train_batch_size,
            trainer._train_batch_size,
            "the trainer",
        ),
    ]
    if config.pool_size is not None:
        held.append(("pool_size", config.pool_size, split.pool, "the pool"))
    return held


def _longest(corpus: Corpus) -> int:
    return int(corpus.parts["train"].tokens.lengths.max())


def _precision(args: TrainingArguments) -> str:
    return "bf16" if args.bf16 else "fp16" if args.fp16 else "fp32"
