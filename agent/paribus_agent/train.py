"""Fine-tune BERT on labelled reviews: the program that a sweep's agents run.

    python -m paribus_agent.train --learning_rate=2e-5 --seed=1

Under `wandb agent` the values come from the sweep. They are copied into the program's
own settings and compared with what the Trainer then holds: neither the Trainer nor the
W&B client does so, and a run recorded under a value that it did not use is worse than
none.

Exit codes: 0 finished; 1 training failed; 2 something to put right, with a sentence;
130 stopped by a person; 143 told to go (SIGTERM), checkpoint saved.
"""

import argparse
import functools
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from paribus_agent.config import setting_fields
from paribus_agent.errors import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_PREEMPTED,
    AgentError,
    Preempted,
    UnknownSetting,
)
from paribus_agent.preemption import LEAVE_SECONDS, Preemption, leave_within

STARTED = time.monotonic()
WANDB_INTERRUPTED = 255  # what the W&B client itself reports for a stop


def main(argv: Sequence[str] | None = None) -> int:
    """Train one run; returns the exit code."""
    try:
        given = read_arguments(sys.argv[1:] if argv is None else argv)
        return run_once(given)
    except AgentError as error:
        print(f"paribus_agent.train: {error}", file=sys.stderr)
        return error.exit_code


def run_once(given: dict[str, str]) -> int:
    """Open the run, train it, and close it with the exit code that tells what happened."""
    preemption = Preemption()
    preemption.install()
    use_one_gpu()
    # Imported here, so that --help and a misspelt key answer at once.
    from paribus_agent import checkpoints, tracking

    try:
        where = tracking.choose_tracking(os.environ)
        print(where.sentence, flush=True)
        run = tracking.open_run(where)
    except Preempted:
        return EXIT_PREEMPTED
    try:
        folder = train(run, where, given, preemption)
    except AgentError as error:
        print(f"paribus_agent.train: {error}", file=sys.stderr, flush=True)
        run.finish(exit_code=error.exit_code)
        return error.exit_code
    except Preempted as leaving:
        print(f"Leaving: {leaving.reason}.", flush=True)
        leave_within(LEAVE_SECONDS, EXIT_PREEMPTED)
        run.mark_preempting()
        run.finish(exit_code=EXIT_PREEMPTED)
        return EXIT_PREEMPTED
    except KeyboardInterrupt:  # a person, or the server's stop through the W&B client
        print("Stopped.", flush=True)
        run.finish(exit_code=WANDB_INTERRUPTED)
        return EXIT_INTERRUPTED
    except BaseException:
        run.finish(exit_code=EXIT_FAILED)
        raise
    run.finish(exit_code=0)
    checkpoints.forget(folder)  # only once everything is delivered
    return 0


def train(run: Any, where: Any, given: dict[str, str], preemption: Preemption) -> Path:
    """Train the run from its settings to its summary; returns where its checkpoints lie."""
    from paribus_agent import checkpoints, data, host, model, tracking
    from paribus_agent.assembly import build_recorder, build_trainer, check_effect, plan

    # 1. What is asked for.
    config = tracking.settings_of(run, given)
    host.check_precision(config.precision)
    settings = config.as_dict()

    # 2. Weights and reviews.
    weights = model.find_weights(config.model, config.model_revision)
    for name, origin in ((config.model, weights.origin), (config.data_set, None)):
        print(f"Loading {name}{f' ({origin})' if origin else ''}.", flush=True)
    corpus = data.load_corpus(config, weights, data.cache_folder())
    network, fresh_layers = model.load_model(weights, labels=corpus.labels, seed=config.seed)

    # 3. Does this run go on from somewhere?
    root = checkpoints.checkpoints_root()
    folder = checkpoints.run_folder(root, sweep_id=run.sweep_id, run_id=run.id)
    attempt = checkpoints.claim_attempt(folder)
    continues = run.resumed or where.mode != "online"
    checkpoint = checkpoints.newest_checkpoint(folder, before=attempt) if continues else None
    if checkpoint is not None:
        checkpoints.check_same_settings(checkpoint, settings)
        print(f"Going on from step {checkpoint.step} ({checkpoint.folder}).", flush=True)
    elif run.resumed:
        print(f"No checkpoint of run {run.id} under {root}: starting again at step 0.", flush=True)
    tracking.describe_axes(run)
    recorder = build_recorder(
        functools.partial(tracking.send_row, run),
        attempt,
        checkpoint=checkpoint,
        delivered=tracking.delivered_lines(run, where),
        say=functools.partial(print, flush=True),
    )

    # 4. The Trainer, and proof that it holds what was asked for.
    trainer = build_trainer(
        config,
        network,
        corpus,
        output=attempt,
        recorder=recorder,
        preemption=preemption,
        checkpoint=checkpoint,
        at_last_step=functools.partial(score_holdout, run, corpus, "holdout"),
    )
    check_effect(config, trainer, corpus, weights)
    tracking.record_config(
        run,
        config,
        {
            **host.host_facts(),
            "data": corpus.facts,
            "data_sha256": corpus.facts["pool"]["sha256"],
            "weights": model.weights_facts(weights, network, fresh_layers),
            "preprocessing": corpus.preprocessing,
            "planned": plan(config, corpus),
            "attempts": int(attempt.name.rpartition("-")[2]),
            "resumed_from_step": checkpoint.step if checkpoint else None,
        },
    )

    # 5. Train. From here to the last step, a SIGTERM waits for the step under way.
    run.summary["time/startup_seconds"] = time.monotonic() - STARTED
    preemption.leaves_at_once = False
    trainer.train(resume_from_checkpoint=str(checkpoint.folder) if checkpoint else None)
    recorder.flush()

    # 6. What it came to. `holdout/...` was scored on the last step's weights, above.
    score_selected(run, corpus, trainer)
    run.summary.update(recorder.summary(trainer.state.global_step))
    if keep := os.environ.get("PARIBUS_SAVE_MODEL"):
        trainer.model.save_pretrained(os.path.join(keep, run.id))
    if preemption.requested:
        raise Preempted("SIGTERM after the last step")
    return folder


def score_holdout(run: Any, corpus: Any, prefix: str, trainer: Any) -> None:
    """Score the weights that the trainer holds on the hold-out, into the run's summary."""
    if "holdout" not in corpus.parts:
        return
    scored = trainer.evaluate(corpus.parts["holdout"], metric_key_prefix=prefix)
    for name in ("loss", "accuracy", "f1"):
        run.summary[f"{prefix}/{name}"] = scored[f"{prefix}_{name}"]


def score_selected(run: Any, corpus: Any, trainer: Any) -> None:
    """Score the checkpoint that load_best_model_at_end chose, and say what chose it."""
    from paribus_agent.recorded import OVERLAP_LABEL

    if not trainer.args.load_best_model_at_end:
        return
    best = trainer.state.best_model_checkpoint
    if best is None:
        print("No checkpoint was saved at the best look: holdout_selected/... is left out.")
        return
    score_holdout(run, corpus, "holdout_selected", trainer)
    run.summary["holdout_selected/step"] = int(best.rpartition("-")[2])
    run.summary["holdout_selected/label"] = OVERLAP_LABEL


def read_arguments(argv: Sequence[str]) -> dict[str, str]:
    """Return the keys that the command line names, as text.

    Raises:
        UnknownSetting: A key that the program does not know.
    """
    parser = argparse.ArgumentParser(
        prog="python -m paribus_agent.train",
        description="Fine-tune BERT on labelled reviews. Every key can come from a sweep too.",
        allow_abbrev=False,
    )
    for key, about in setting_fields().items():
        unit = f" [{about['unit']}]" if about["unit"] else ""
        flag: dict[str, Any] = (
            {"nargs": "?", "const": "true"} if about["kind"] == "boolean" else {}
        )
        parser.add_argument(
            f"--{key}",
            default=argparse.SUPPRESS,
            metavar="VALUE",
            help=f"{about['description']}{unit} Default: {about['default']}".replace("%", "%%"),
            **flag,
        )
    known, unknown = parser.parse_known_args(argv)
    if unknown:
        raise UnknownSetting(unknown[0].lstrip("-").partition("=")[0], setting_fields())
    return vars(known)


def use_one_gpu() -> None:
    """Make one GPU visible: an agent trains on one, and two agents use two.

    With several in sight the Trainer would spread each batch over them, and
    `per_device_train_batch_size` would mean something else.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise AgentError(
            "training over several processes is not offered yet; start one agent a GPU"
        )
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[0]
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")


if __name__ == "__main__":
    sys.exit(main())
