"""Which key is which, for programs as they are: their own names, as their sources give them."""

import pytest

from paribus_sweeps.analysis.roles import ROLES, Roles, checked, has_role
from paribus_sweeps.errors import UnknownRole

OURS = [
    "train_step/loss", "train_step/grad_norm", "train_step/learning_rate", "train/loss",
    "train/grad_norm", "train/learning_rate", "train/global_step", "train/epoch",
    "train/examples_seen", "train/tokens_seen", "eval/loss", "eval/accuracy", "eval/runtime",
]  # fmt: skip
# transformers 5.23.0 through its WandbCallback
TRAINER = [
    "train/loss", "train/grad_norm", "train/learning_rate", "train/epoch", "train/global_step",
    "train/num_input_tokens_seen", "eval/loss", "eval/accuracy", "eval/runtime",
]  # fmt: skip
# lightning 2: self.log("train_loss", on_step=True, on_epoch=True), LearningRateMonitor with
# momentum and weight decay of two parameter groups, grad_norm(self, norm_type=2)
LIGHTNING = [
    "train_loss_step", "train_loss_epoch", "val_loss", "val_acc", "lr-AdamW/pg1",
    "lr-AdamW/pg1-momentum", "lr-AdamW/pg1-weight_decay", "lr-AdamW/pg2",
    "grad_2.0_norm/layer.weight", "grad_2.0_norm_total", "trainer/global_step", "epoch",
]  # fmt: skip
# wandb 0.31.0, WandbMetricsLogger
KERAS = [
    "epoch/loss", "epoch/val_loss", "epoch/val_accuracy", "epoch/learning_rate", "epoch/epoch",
    "batch/loss", "batch/learning_rate", "batch/batch_step",
]  # fmt: skip


def found(keys: list[str]) -> dict[str, str]:
    return dict(Roles.of(keys).keys)


class TestPrograms:
    def test_our_own(self):
        assert found(OURS) == {
            "step_loss": "train_step/loss",
            "train_loss": "train/loss",
            "eval_loss": "eval/loss",
            "eval_accuracy": "eval/accuracy",
            "grad_norm": "train_step/grad_norm",
            "learning_rate": "train_step/learning_rate",
            "global_step": "train/global_step",
            "epoch": "train/epoch",
            "examples_seen": "train/examples_seen",
            "tokens_seen": "train/tokens_seen",
            "eval_seconds": "eval/runtime",
        }

    def test_the_trainer(self):
        assert found(TRAINER) == {
            "train_loss": "train/loss",
            "eval_loss": "eval/loss",
            "eval_accuracy": "eval/accuracy",
            "grad_norm": "train/grad_norm",
            "learning_rate": "train/learning_rate",
            "global_step": "train/global_step",
            "epoch": "train/epoch",
            "tokens_seen": "train/num_input_tokens_seen",
            "eval_seconds": "eval/runtime",
        }

    def test_lightning(self):
        assert found(LIGHTNING) == {
            "step_loss": "train_loss_step",
            "train_loss": "train_loss_epoch",
            "eval_loss": "val_loss",
            "eval_accuracy": "val_acc",
            "grad_norm": "grad_2.0_norm_total",
            "learning_rate": "lr-AdamW/pg1",
            "global_step": "trainer/global_step",
            "epoch": "epoch",
        }

    def test_keras(self):
        assert found(KERAS) == {
            "train_loss": "epoch/loss",
            "eval_loss": "epoch/val_loss",
            "eval_accuracy": "epoch/val_accuracy",
            "learning_rate": "epoch/learning_rate",
            "global_step": "batch/batch_step",
            "epoch": "epoch/epoch",
        }

    def test_a_plain_loop(self):
        keys = ["loss", "val_loss", "grad_norm", "lr", "epoch"]

        assert found(keys) == {
            "train_loss": "loss",
            "eval_loss": "val_loss",
            "grad_norm": "grad_norm",
            "learning_rate": "lr",
            "epoch": "epoch",
        }


class TestRoles:
    def test_of_several_names_the_most_telling_one_counts(self):
        assert Roles.of(["loss", "train/loss"])["train_loss"] == "train/loss"

    def test_of_several_keys_that_one_pattern_fits_the_first_by_alphabet_counts(self):
        assert Roles.of(["lr-SGD", "lr-Adam"])["learning_rate"] == "lr-Adam"

    def test_the_order_of_the_keys_does_not_matter(self):
        assert Roles.of(OURS[::-1]) == Roles.of(OURS)

    def test_momentum_alone_is_no_learning_rate(self):
        assert Roles.of(["lr-AdamW-momentum"])["learning_rate"] is None

    def test_the_norm_of_one_layer_is_not_that_of_all(self):
        assert Roles.of(["grad_2.0_norm/total"])["grad_norm"] is None

    def test_a_part_of_a_name_is_no_name(self):
        assert found(["my/train/loss", "losses", "train/loss2"]) == {}

    def test_a_named_key_wins(self):
        assert Roles.of(OURS, {"eval_loss": "dev/nll"})["eval_loss"] == "dev/nll"

    def test_a_role_that_is_none_is_refused(self):
        with pytest.raises(UnknownRole, match="there is no role 'eval_los'; .*eval_loss"):
            Roles.of(OURS, {"eval_los": "dev/nll"})

    def test_what_somebody_named_is_checked(self):
        assert checked({"eval_loss": "dev/nll"}) == {"eval_loss": "dev/nll"}

    def test_every_role_says_what_it_means_and_has_names(self):
        assert all(role.meaning.endswith(".") and role.names for role in ROLES)

    @pytest.mark.parametrize(
        ("key", "is_known"),
        [("eval/loss", True), ("lr-AdamW/pg2", True), ("eval/f1", False), ("eval/loss2", False)],
    )
    def test_a_key_is_known_as_something_or_not(self, key, is_known):
        assert has_role(key) is is_known


class TestMissing:
    def test_it_names_keys_that_come_near(self):
        keys = ["dev/nll_loss", "aux_Loss", "_loss_scale", "f1"]

        assert Roles.of(keys).missing("eval_loss", keys) == (
            "no logged key is known as eval_loss; keys with 'loss' in their name: aux_Loss, "
            "dev/nll_loss (name one: eval_loss=KEY)"
        )

    def test_it_names_five_at_most(self):
        keys = [f"{letter}_norm" for letter in "abcdefg"]

        assert "a_norm, b_norm, c_norm, d_norm, e_norm (name" in Roles.of(keys).missing(
            "grad_norm", keys
        )

    def test_where_none_comes_near_it_asks_all_the_same(self):
        assert Roles.of([]).missing("epoch", []) == (
            "no logged key is known as epoch (name one: epoch=KEY)"
        )
