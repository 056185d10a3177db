"""Two trainings that differ in how they are looked at train alike, bit for bit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.agent.trainings import Trained, train_here

pytestmark = pytest.mark.usefixtures("packaged")


@pytest.fixture(scope="module")
def fine(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Trained:
    return train_here(tmp_path_factory.mktemp("fine"), eval_steps=1, save_steps=1, logging_steps=1)


class TestCadence:
    def test_looking_saving_and_logging_more_often_leaves_every_loss_as_it_was(
        self, fine: Trained, tmp_path: Path
    ) -> None:
        coarse = train_here(tmp_path, eval_steps=7, save_steps=7, logging_steps=3)

        # 80 reviews at 1:1 are 40 to train on: 5 steps an epoch, 2 epochs.
        assert len(fine.series("train_step/loss")) == 10
        for key in ("train_step/loss", "train_step/grad_norm", "train_step/learning_rate"):
            assert fine.series(key) == coarse.series(key)

    def test_the_last_weights_are_bit_identical_too(self, fine: Trained, tmp_path: Path) -> None:
        coarse = train_here(tmp_path, load_best_model_at_end=False, eval_steps=7, save_steps=10)

        last = load_file(Path(fine.trainer.args.output_dir) / "checkpoint-10/model.safetensors")
        for name, weight in coarse.trainer.model.state_dict().items():
            if name in last:
                assert torch.equal(weight, last[name]), name

    def test_another_seed_gives_other_losses(self, fine: Trained, tmp_path: Path) -> None:
        other = train_here(tmp_path, seed=1)

        assert fine.series("train_step/loss") != other.series("train_step/loss")

    def test_without_putting_generators_back_the_cadences_would_differ(
        self, fine: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from contextlib import nullcontext

        monkeypatch.setattr("paribus_agent.exact_trainer.generators_left_alone", nullcontext)
        disturbed = train_here(tmp_path, eval_steps=7, save_steps=7)

        # The fixture looked at every step with the generators put back; this one did not:
        # they agree up to the first look of this one, and not after it.
        before, after = fine.series("train_step/loss"), disturbed.series("train_step/loss")
        assert [before[step] for step in range(1, 8)] == [after[step] for step in range(1, 8)]
        assert before[8] != after[8]


class TestRows:
    def test_each_step_has_one_row_in_order(self, fine: Trained) -> None:
        assert [row["train/global_step"] for row in fine.rows] == list(range(1, 11))

    def test_train_loss_is_the_mean_of_the_steps_since_the_last_log(self, tmp_path: Path) -> None:
        trained = train_here(tmp_path, logging_steps=4)

        steps, logs = trained.series("train_step/loss"), trained.series("train/loss")
        assert list(logs) == [4, 8]
        assert logs[8] == pytest.approx(sum(steps[step] for step in (5, 6, 7, 8)) / 4)

    def test_the_last_step_is_looked_at_once(self, tmp_path: Path) -> None:
        trained = train_here(tmp_path, eval_steps=4, save_steps=4)

        assert list(trained.series("eval/loss")) == [4, 8, 10]

    def test_examples_and_tokens_are_counted_without_padding(self, fine: Trained) -> None:
        part = fine.corpus.parts["train"]
        tokens = int(part.tokens.lengths[part.chosen].sum())

        assert fine.series("train/examples_seen")[10] == 2 * 40
        assert fine.series("train/tokens_seen")[10] == 2 * tokens

    def test_the_gradient_norm_is_the_one_before_clipping(
        self, fine: Trained, tmp_path: Path
    ) -> None:
        clipped = train_here(tmp_path, max_grad_norm=1e-3)

        assert clipped.series("train_step/grad_norm")[1] == fine.series("train_step/grad_norm")[1]
        assert clipped.series("train_step/grad_norm")[1] > 1e-3

    def test_speed_leaves_looks_and_saves_out(self, fine: Trained) -> None:
        seconds = fine.trainer.recorder.totals.seconds
        rate = fine.trainer.recorder.summary(10)["train_steps_per_second"]

        assert seconds["evaluation"] > 0
        assert seconds["checkpoint"] > 0
        assert rate == pytest.approx(10 / seconds["training"])

    def test_what_looks_and_saves_took_is_logged_as_the_run_goes_on(self, fine: Trained) -> None:
        """Each step looks and saves behind its log, so each log tells of one more."""
        for what in ("evaluation", "checkpoint"):
            told = [*fine.series(f"time/{what}_seconds").values()]

            assert told[0] == 0
            assert told == sorted(set(told))
            assert len(told) == 10
            assert told[-1] < fine.trainer.recorder.totals.seconds[what]


class TestSelection:
    def test_the_hold_out_is_scored_on_the_last_steps_weights(self, tmp_path: Path) -> None:
        held: dict[str, Any] = {}

        def keep(trainer: Any) -> None:
            held.update({k: v.clone() for k, v in trainer.model.state_dict().items()})

        train_here(tmp_path, at_last_step=keep)

        last = load_file(tmp_path / "checkpoint-10/model.safetensors")
        assert last
        assert all(torch.equal(held[name], weight) for name, weight in last.items())

    def test_the_selected_weights_are_the_best_checkpoints_layer_norms_included(
        self, tmp_path: Path
    ) -> None:
        trained = train_here(tmp_path, metric_for_best_model="loss", save_total_limit=10)

        losses = trained.series("eval/loss")
        best = min(losses, key=losses.__getitem__)
        assert trained.trainer.state.best_model_checkpoint == str(tmp_path / f"checkpoint-{best}")
        chosen = load_file(tmp_path / f"checkpoint-{best}/model.safetensors")
        held = trained.trainer.model.state_dict()
        assert any("LayerNorm.weight" in name for name in chosen)
        assert all(torch.equal(held[name], weight) for name, weight in chosen.items())

    def test_few_checkpoints_are_kept_the_best_among_them(self, tmp_path: Path) -> None:
        trained = train_here(tmp_path, eval_steps=1, save_steps=1, save_total_limit=1)

        kept = {path.name for path in tmp_path.glob("checkpoint-*")}
        best = Path(trained.trainer.state.best_model_checkpoint).name
        assert kept == {best, "checkpoint-10"}


class TestAccumulation:
    def test_two_batches_of_four_weigh_as_one_of_eight(self, tmp_path: Path) -> None:
        whole = train_here(tmp_path / "a", num_train_epochs=1, before=_no_dropout)
        halves = train_here(
            tmp_path / "b",
            num_train_epochs=1,
            before=_no_dropout,
            per_device_train_batch_size=4,
            gradient_accumulation_steps=2,
        )

        for key in ("train_step/loss", "train_step/grad_norm"):
            assert halves.series(key) == pytest.approx(whole.series(key), rel=1e-3)


class TestEvaluationOrder:
    def test_scores_do_not_depend_on_the_order_or_the_batch_size(self, fine: Trained) -> None:
        part = fine.corpus.parts["test"]
        trainer = fine.trainer
        sorted_scores = trainer.evaluate(part)
        by_position = type(part)(part.tokens, part.labels, sorted(part.chosen.tolist()))

        other = trainer.evaluate(by_position)

        assert other["eval_accuracy"] == sorted_scores["eval_accuracy"]
        assert other["eval_loss"] == pytest.approx(sorted_scores["eval_loss"], rel=1e-5)


def _no_dropout(trainer: Any) -> None:
    for module in trainer.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
