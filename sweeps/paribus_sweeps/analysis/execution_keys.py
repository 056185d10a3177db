"""Config keys that say where and how a run was executed, by class; the others are settings.

    class_of("eval_steps")      # "cadence"
    class_of("trainer.output_dir")  # "paths": of a nested key, its last word counts too
    class_of("learning_rate")   # None: a setting

docs/reference/answers.md prints the list, and is written from it.

Source: METHOD 0 (lurking factors); DESIGN 6, "Existing projects count too".
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

REPLICATE_KEYS = ("seed", "random_seed", "manual_seed")
"""What tells repetitions of a setting apart; `split_seed` and `data_seed` choose data."""

EXECUTION_KEYS: Mapping[str, tuple[str, ...]] = {
    "cadence": (
        "eval_steps",
        "save_steps",
        "logging_steps",
        "eval_strategy",
        "evaluation_strategy",
        "save_strategy",
        "logging_strategy",
        "eval_delay",
        "eval_on_start",
        "eval_every*",
        "eval_interval",
        "val_check_interval",
        "check_val_every_n_epoch",
        "save_every*",
        "save_interval",
        "log_every*",
        "log_interval",
        "logging_first_step",
    ),
    "versions": (
        "*_version",
        "git_*",
        "commit",
        "commit_hash",
        "software",
        "software.*",
        "data_sha256",
        "data.origin",
        "data.revision",
        "*_fingerprint",
        "weights.commit",
        "weights.origin",
        "weights.sha256",
    ),
    "devices": (
        "device",
        "gpu",
        "gpu_id",
        "gpu_ids",
        "gpu_name",
        "gpu_type",
        "gpu_count",
        "host",
        "hostname",
        "accelerator",
        "cuda_visible_devices",
        "local_rank",
        "node_rank",
        "rank",
        "use_cpu",
        "no_cuda",
        "torch_threads",
        "*num_workers",
        "num_proc",
        "*pin_memory",
        "*prefetch_factor",
        "persistent_workers",
    ),
    "paths": (
        "output_*dir",
        "logging_dir",
        "log_dir",
        "run_dir",
        "save_dir",
        "cache_dir",
        "*checkpoint_dir",
        "ckpt_dir",
        "work*_dir",
        "results_dir",
        "exp*_dir",
        "output_path",
        "save_path",
        "log_path",
        "log_file",
        "checkpoint_path",
        "resume_from_checkpoint",
    ),
    "names": (
        "run_name",
        "run_id",
        "exp_name",
        "experiment_name",
        "display_name",
        "trial_name",
        "tags",
        "notes",
        "job_type",
        "hub_*",
        "push_to_hub",
        "wandb_*",
        "sweep_id",
    ),
    "ports": ("port", "*_port", "master_addr", "rdzv_*", "dist_url", "init_method"),
    "reporting": (
        "report_to",
        "log_level*",
        "log_on_each_node",
        "logging_nan_inf_filter",
        "disable_tqdm",
        "verbose",
        "verbosity",
        "debug",
        "skip_memory_metrics",
        "save_total_limit",
        "save_safetensors",
        "save_only_model",
        "include_num_input_tokens_seen",
    ),
    "recorded": (
        "data.*.reviews",
        "data.*.labels.*",
        "data.*.sha256",
        "data.boundary_moved_by_equal_texts.*",
        "weights.architecture",
        "weights.attention",
        "weights.hidden_size",
        "weights.layers",
        "weights.name",
        "weights.newly_initialised",
        "weights.parameters",
        "preprocessing.tokenizer_sha256",
        "preprocessing.max_length",
        "preprocessing.cut",
        "preprocessing.padding",
        "preprocessing.evaluation_order",
        "planned.*",
        "attempts",
        "resumed_from_step",
    ),
}
"""Class → its keys, `*` standing for anything; of a nested key, its last word counts too.

Paths of data and of models are missing on purpose: which data a run read may be all that made
the difference. So are counts of devices that multiply a batch (`world_size`, `n_gpu`).
"""

LURKING_CLASSES = ("cadence", "versions", "devices")
"""Classes whose keys can make a difference by themselves: looked at for aliasing (METHOD 0)."""

CLASS_MEANINGS: Mapping[str, str] = {
    "cadence": "How often a run looks at itself, saves and logs.",
    "versions": "Which code, library and data a run had, by name.",
    "devices": "What it ran on, and with how many helpers.",
    "paths": "Where it wrote.",
    "names": "What it was called.",
    "ports": "Where its processes met.",
    "reporting": "What it told of itself, and to whom.",
    "recorded": "What a run wrote into its config although nobody set it.",
}
"""Class → what its keys say, for people."""


def class_of(key: str) -> str | None:
    """Return the class of execution keys that `key` is in, or None: it is a setting."""
    for name, patterns in EXECUTION_KEYS.items():
        if any(_matches(key, pattern) for pattern in patterns):
            return name
    return None


def _matches(key: str, pattern: str) -> bool:
    return fnmatchcase(key, pattern) or fnmatchcase(key.rpartition(".")[2], pattern)
