"""The keys that a run of `paribus_agent.train` leaves behind, each with its meaning.

They are a contract with whoever reads the runs: they change only with a note in the
changelog. `RESPONSES` are numbers that a question can be about; `RECORDED` are facts in
the run's config that describe how it was made and are never under study by themselves.
"""

from typing import Any

OVERLAP_LABEL = "chosen on reviews that overlap the hold-out"

RESPONSES: dict[str, dict[str, Any]] = {
    "holdout/loss": {
        "goal": "minimize",
        "unit": "nats",
        "description": "Mean cross-entropy of the last step's weights on the common hold-out.",
    },
    "holdout/accuracy": {
        "goal": "maximize",
        "unit": "fraction",
        "description": "Share of the common hold-out that the last step's weights label right.",
    },
    "holdout/f1": {
        "goal": "maximize",
        "unit": "fraction",
        "description": "F1 (mean over classes) of the last step's weights on the common hold-out.",
    },
    "holdout_selected/loss": {
        "goal": "minimize",
        "unit": "nats",
        "description": f"As holdout/loss, of the best checkpoint: {OVERLAP_LABEL}.",
    },
    "holdout_selected/accuracy": {
        "goal": "maximize",
        "unit": "fraction",
        "description": f"As holdout/accuracy, of the best checkpoint: {OVERLAP_LABEL}.",
    },
    "holdout_selected/f1": {
        "goal": "maximize",
        "unit": "fraction",
        "description": f"As holdout/f1, of the best checkpoint: {OVERLAP_LABEL}.",
    },
    "eval/loss": {
        "goal": "minimize",
        "unit": "nats",
        "description": "Mean cross-entropy on the run's own test part, every eval_steps.",
    },
    "eval/accuracy": {
        "goal": "maximize",
        "unit": "fraction",
        "description": "Share of the run's own test part that is labelled right.",
    },
    "eval/f1": {
        "goal": "maximize",
        "unit": "fraction",
        "description": "F1 (mean over classes) on the run's own test part.",
    },
    "eval/runtime": {
        "goal": "minimize",
        "unit": "seconds",
        "description": "Time that one look at the test part took.",
    },
    "eval/samples_per_second": {
        "goal": "maximize",
        "unit": "reviews per second",
        "description": "Reviews scored a second in one look.",
    },
    "eval/steps_per_second": {
        "goal": "maximize",
        "unit": "batches per second",
        "description": "Evaluation batches a second in one look.",
    },
    "train/loss": {
        "goal": "minimize",
        "unit": "nats",
        "description": "Mean of train_step/loss since the last log.",
    },
    "train/grad_norm": {
        "goal": "minimize",
        "unit": "norm",
        "description": "Gradient norm before clipping, of the last step before the log.",
    },
    "train/learning_rate": {
        "goal": "minimize",
        "unit": None,
        "description": "Learning rate of the last step before the log.",
    },
    "train/steps_per_second": {
        "goal": "maximize",
        "unit": "steps per second",
        "description": "Optimizer steps a second since the last log; looks and saves left out.",
    },
    "train/examples_per_second": {
        "goal": "maximize",
        "unit": "reviews per second",
        "description": "Reviews trained on a second since the last log; looks and saves left out.",
    },
    "train/tokens_per_second": {
        "goal": "maximize",
        "unit": "tokens per second",
        "description": "Tokens trained on a second since the last log, padding not counted.",
    },
    "train_step/loss": {
        "goal": "minimize",
        "unit": "nats",
        "description": "Training loss of every optimizer step, whatever logging_steps is.",
    },
    "train_step/grad_norm": {
        "goal": "minimize",
        "unit": "norm",
        "description": "Gradient norm before clipping, of every optimizer step.",
    },
    "train_step/learning_rate": {
        "goal": "minimize",
        "unit": None,
        "description": "Learning rate that the optimizer step used.",
    },
    "time/training_seconds": {
        "goal": "minimize",
        "unit": "seconds",
        "description": "Time in optimizer steps, over all attempts at the run.",
    },
    "time/evaluation_seconds": {
        "goal": "minimize",
        "unit": "seconds",
        "description": "Time spent looking at the test part, over all attempts at the run.",
    },
    "time/checkpoint_seconds": {
        "goal": "minimize",
        "unit": "seconds",
        "description": "Time spent writing checkpoints, over all attempts at the run.",
    },
    "time/scoring_seconds": {
        "goal": "minimize",
        "unit": "seconds",
        "description": "Time spent scoring the hold-out after the last step.",
    },
    "time/startup_seconds": {
        "goal": "minimize",
        "unit": "seconds",
        "description": "From the start of the process to the first optimizer step, last attempt.",
    },
}

AXES: dict[str, str] = {
    "train/global_step": "Optimizer steps so far; the x axis of every other key.",
    "train/epoch": "Passes over the train part so far.",
    "train/examples_seen": "Reviews trained on so far.",
    "train/tokens_seen": "Tokens trained on so far, padding not counted.",
}

SUMMARY: dict[str, str] = {
    "holdout_selected/step": "Optimizer step of the best checkpoint.",
    "holdout_selected/label": "What to bear in mind with holdout_selected/...",
    "train_runtime": "Seconds in training, looks, checkpoints and scoring, over all attempts.",
    "train_loss": "Mean of train_step/loss over all steps.",
    "train_steps_per_second": "Optimizer steps a second of training, looks and saves left out.",
    "train_samples_per_second": "Reviews a second of training, looks and saves left out.",
    "train_tokens_per_second": "Tokens a second of training, looks and saves left out.",
}

RECORDED: dict[str, str] = {
    "gpu_name": 'Kind of GPU, such as "Tesla T4"; "cpu" where none was used.',
    "gpu_count": "GPUs that were used.",
    "host": "Name of the machine.",
    "software": "Versions of Python, torch, CUDA, transformers, accelerate, tokenizers, wandb.",
    "torch_threads": "Threads that torch computes with on the CPU.",
    "data": "Reviews and labels in each part (pool, train, test, holdout), the SHA-256 of each, "
    "and where the boundaries fell.",
    "data_sha256": "SHA-256 over the ordered texts and labels of the whole pool.",
    "weights": "Origin of the weights: commit or SHA-256, architecture, number of parameters.",
    "preprocessing": "Tokenizer's SHA-256, cut, padding, order of evaluation.",
    "planned": "Optimizer steps, evaluations and reviews scored that the setting amounts to.",
    "program_version": "Version of paribus that trained.",
    "attempts": "How often this run was started; above 1 it was resumed.",
    "resumed_from_step": "Optimizer step of the checkpoint that the last attempt went on from.",
}
