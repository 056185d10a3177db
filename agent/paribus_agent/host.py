"""What this host is: its GPU, its name, the versions of what trains on it."""

import platform
import socket
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from paribus_agent.errors import DeviceUnsuitable

VERSIONED = ("torch", "transformers", "accelerate", "tokenizers", "datasets", "wandb", "numpy")


def gpu_name() -> str:
    """Return the kind of GPU that is used, such as "Tesla T4"; "cpu" where none is."""
    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu"


def host_facts() -> dict[str, Any]:
    """Return what a run records of its host (keys of `recorded.RECORDED`)."""
    return {
        "gpu_name": gpu_name(),
        "gpu_count": 1 if torch.cuda.is_available() else 0,
        "host": socket.gethostname(),
        "torch_threads": torch.get_num_threads(),
        "software": software_versions(),
        "program_version": _version("paribus"),
    }


def software_versions() -> dict[str, str | None]:
    """Return the version of each package that decides what a training computes."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    versions |= {name: _version(name) for name in VERSIONED}
    versions["cuda"] = torch.version.cuda
    return versions


def check_precision(precision: str) -> None:
    """Compare the arithmetic that was asked for with what the device has.

    Raises:
        DeviceUnsuitable: It has none of that kind.
    """
    if precision == "fp16" and not torch.cuda.is_available():
        raise DeviceUnsuitable("precision: fp16 needs a GPU and none is visible here; use fp32")
    if precision == "bf16" and not _has_bf16():
        raise DeviceUnsuitable(f"precision: {gpu_name()} has no bf16 here; use fp16 or fp32")


def _has_bf16() -> bool:
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
