"""Which logged key is the train loss, which the gradient norm: found by name, or asked for.

Programs name what they log as they like, and the rules of `findings` need to know which key is
which. The names that the Hugging Face Trainer, Lightning, Keras and our own program use are
listed in `ROLES`; of several that a run has logged, the first counts. Where none is listed,
nothing is guessed: the caller names the key.

    roles = Roles.of(["train/loss", "eval/loss"])
    roles["train_loss"]                                  # "train/loss"
    Roles.of(keys, named={"eval_loss": "dev/nll"})       # as the caller says

Source: transformers 5.23.0, trainer.py (`log`, `evaluate`) and integrations (`rewrite_logs`:
`eval_loss` becomes `eval/loss`, `test_…` `test/…`, all else `train/…`, `num_input_tokens_seen`
too); lightning 2.5.6 and 2.6.6, loggers/wandb.py (`trainer/global_step` in every row; it counts
from 0, so that n stands beside what step n + 1 came to),
callbacks/lr_monitor.py (`lr-AdamW`, `lr-AdamW/pg1`; beside them `…-momentum`, `…-weight_decay`),
utilities/grads.py (`grad_2.0_norm_total`), `self.log` (`…_step` and `…_epoch` where both are
asked for); keras 3 (`loss`, `val_loss`) and wandb 0.31.0, integration/keras (`epoch/loss`,
`epoch/val_loss`, `batch/loss`, which is a mean since the epoch began and no step's loss).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from paribus_sweeps.errors import UnknownRole, did_you_mean


@dataclass(frozen=True, slots=True)
class Role:
    """What a key can be, and the names it goes by."""

    name: str
    meaning: str
    names: tuple[str, ...]
    """Patterns (regular expressions, whole key), the most telling one first."""


ROLES: tuple[Role, ...] = (
    Role(
        "step_loss",
        "Loss of every optimizer step, where the program logs it.",
        ("train_step/loss", "train_loss_step", "train/loss_step"),
    ),
    Role(
        "train_loss",
        "Loss on what is trained on; of the Trainer the mean since the last log.",
        (
            "train/loss", "train_loss", "train_loss_epoch", "train/loss_epoch",
            "train_step/loss", "train_loss_step", "train/loss_step", "training_loss",
            "training/loss", "loss/train", "epoch/loss", "loss", "batch/loss",
        ),
    ),
    Role(
        "eval_loss",
        "Loss on what is not trained on.",
        (
            "eval/loss", "eval_loss", "val/loss", "val_loss", "valid/loss", "valid_loss",
            "validation/loss", "validation_loss", "loss/val", "loss/eval", "loss/valid",
            "val_loss_epoch", "val/loss_epoch", "epoch/val_loss", "test/loss", "test_loss",
            "loss/test",
        ),
    ),
    Role(
        "eval_accuracy",
        "Share that is right on what is not trained on, 0 to 1.",
        (
            "eval/accuracy", "eval_accuracy", "val/accuracy", "val_accuracy", "val/acc",
            "val_acc", "valid/accuracy", "valid_accuracy", "valid/acc", "valid_acc",
            "validation/accuracy", "validation_accuracy", "val_accuracy_epoch", "val_acc_epoch",
            "epoch/val_accuracy", "test/accuracy", "test_accuracy", "test/acc", "test_acc",
        ),
    ),
    Role(
        "grad_norm",
        "Norm of all gradients before clipping.",
        (
            "train_step/grad_norm", "train/grad_norm", "grad_norm", "train/gradient_norm",
            "gradient_norm", r"grad_\d+(\.\d+)?_norm_total",
            "gradients/norm", "train/global_grad_norm", "global_grad_norm",
        ),
    ),
    Role(
        "learning_rate",
        "Learning rate that a step used.",
        (
            "train_step/learning_rate", "train/learning_rate", "learning_rate", "train/lr", "lr",
            r"lr-(?!.*-(momentum|weight_decay)$).+", r"lr/.+", "optimizer/lr",
            "epoch/learning_rate", "batch/learning_rate",
        ),
    ),
    Role(
        "global_step",
        "Optimizer steps done.",
        (
            "train/global_step", "trainer/global_step", "global_step", "optimizer_step",
            "batch/batch_step",
        ),
    ),
    Role(
        "epoch",
        "Passes over the training set.",
        ("train/epoch", "epoch", "trainer/epoch", "epoch/epoch"),
    ),
    Role(
        "examples_seen",
        "Examples trained on so far.",
        ("train/examples_seen", "examples_seen", "train/samples_seen", "samples_seen"),
    ),
    Role(
        "tokens_seen",
        "Tokens trained on so far.",
        (
            "train/tokens_seen", "tokens_seen", "train/num_input_tokens_seen",
            "num_input_tokens_seen",
        ),
    ),
    Role(
        "eval_seconds",
        "Seconds that a look at the evaluation set took.",
        ("eval/runtime", "eval_runtime", "val/runtime", "val_runtime"),
    ),
)  # fmt: skip
"""Every role, in the order of the docs."""

_BY_NAME = {role.name: role for role in ROLES}
_PLAIN = re.compile(r"[\w/-]+")  # a name that stands for itself alone


@dataclass(frozen=True, slots=True)
class Roles:
    """Role → key, for one run."""

    keys: Mapping[str, str]

    @classmethod
    def of(cls, keys: Collection[str], named: Mapping[str, str] | None = None) -> Roles:
        """Find the roles of a run's keys.

        Args:
            keys: What the run has logged as numbers.
            named: Role → key, as the caller says; wins over what is found, and may name a key
                that this run never logged.

        Raises:
            UnknownRole: `named` names no role.
        """
        told, logged = checked(named or {}), frozenset(keys)
        found = {role.name: _first(role, logged) for role in ROLES}
        return cls({**{role: key for role, key in found.items() if key is not None}, **told})

    def __getitem__(self, role: str) -> str | None:
        return self.keys.get(role)

    def missing(self, role: str, keys: Collection[str]) -> str:
        """Return the sentence that says that no key has a role, and how to name one."""
        word = role.rpartition("_")[2]
        near = sorted(key for key in keys if word in key.lower() and not key.startswith("_"))
        shown = f"; keys with {word!r} in their name: {', '.join(near[:5])}" if near else ""
        return f"no logged key is known as {role}{shown} (name one: {role}=KEY)"


def has_role(key: str) -> bool:
    """Return whether a key is known as anything."""
    return any(re.fullmatch(name, key) for role in ROLES for name in role.names)


def checked(named: Mapping[str, str]) -> dict[str, str]:
    """Return role → key as somebody named them.

    Raises:
        UnknownRole: One of them is no role.
    """
    for role in named:
        if role not in _BY_NAME:
            raise UnknownRole(role, tuple(_BY_NAME), hint=did_you_mean(role, _BY_NAME))
    return dict(named)


def _first(role: Role, keys: frozenset[str]) -> str | None:
    """Return the key that the most telling name fits; of several, the first by alphabet."""
    for name in role.names:
        fitting = {name} & keys if _PLAIN.fullmatch(name) else _fitting(name, keys)
        if fitting:
            return min(fitting)
    return None


def _fitting(pattern: str, keys: frozenset[str]) -> set[str]:
    return {key for key in keys if re.fullmatch(pattern, key)}
