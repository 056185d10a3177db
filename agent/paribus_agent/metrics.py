"""How predictions are scored: loss, accuracy and F1."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def cross_entropy(
    outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Return the mean loss over the reviews of one optimizer step, in nats.

    The sum over this batch is divided by the reviews of *all* batches that are
    accumulated, so that 8 batches of 8 weigh as one batch of 64. (BERT's own loss is a
    mean over its batch, which the Trainer then only sums: 8 times too large.)

    Args:
        outputs: What the model returned; its logits are (reviews, classes).
        labels: (reviews,).
        num_items_in_batch: Reviews of the whole optimizer step; None while evaluating.

    Source: transformers 5.23.0, trainer.py, training_step (loss_is_scaled_for_ga);
    models/bert/modeling_bert.py, BertForSequenceClassification.forward.
    """
    logits = outputs["logits"].float()
    if num_items_in_batch is None:
        return torch.nn.functional.cross_entropy(logits, labels)
    return torch.nn.functional.cross_entropy(logits, labels, reduction="sum") / num_items_in_batch


def scores(prediction: Any) -> dict[str, float]:
    """Return accuracy and F1 as fractions, from the Trainer's EvalPrediction."""
    guesses = np.argmax(prediction.predictions, axis=-1)
    labels = prediction.label_ids
    return {"accuracy": float(np.mean(guesses == labels)), "f1": mean_f1(guesses, labels)}


def mean_f1(guesses: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Return the mean over classes of F1 = 2 hits / (guessed + present).

    A class that is neither guessed nor present is left out of the mean.
    """
    classes = np.union1d(guesses, labels)
    hits = np.array([np.sum((guesses == c) & (labels == c)) for c in classes])
    sizes = np.array([np.sum(guesses == c) + np.sum(labels == c) for c in classes])
    return float(np.mean(2 * hits / sizes))
