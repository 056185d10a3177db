"""Can this host train? Each thing that a run needs, with a sentence.

    python -m paribus_agent.preflight

Exit code 0 where nothing stands in the way, 2 where something does. What is only worth
knowing (no GPU, little memory) is said and does not fail.
"""

import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from paribus_agent.checkpoints import checkpoints_root
from paribus_agent.errors import EXIT_USER_ERROR

GIB = 1024**3
ENOUGH_MEMORY_GIB = 4  # BERT-base with its optimizer, 1.8 GiB, beside torch and the reviews
ENOUGH_DISK_GIB = 5  # three checkpoints of BERT-base at 1.3 GiB, and the token cache
SERVER_SECONDS = 5.0
PYTHON_SECONDS = 60.0  # a cold file system reads site-packages slowly

Level = Literal["ok", "note", "fails"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    level: Level
    sentence: str


def main() -> int:
    """Print what was found; returns the exit code."""
    findings = list(look(os.environ))
    sys.stdout.writelines(f"{f.level:5}  {f.subject:9} {f.sentence}\n" for f in findings)
    return EXIT_USER_ERROR if any(f.level == "fails" for f in findings) else 0


def look(environ: Mapping[str, str]) -> Iterable[Finding]:
    """Return every finding, in the order in which a person would put things right."""
    checks: list[Callable[[], Finding]] = [
        check_packages,
        lambda: check_python(environ),
        lambda: check_key(environ),
        lambda: check_server(environ.get("WANDB_BASE_URL")),
        check_gpu,
        check_memory,
        lambda: check_disk(checkpoints_root()),
    ]
    return (check() for check in checks)


def check_packages() -> Finding:
    """Say whether what trains is installed."""
    missing = [name for name in ("torch", "transformers", "accelerate", "wandb") if not _has(name)]
    if missing:
        names = ", ".join(missing)
        return Finding("packages", "fails", f'Missing: {names}. pip install "paribus[agent]"')
    return Finding("packages", "ok", "torch, transformers, accelerate and wandb are installed.")


def check_python(environ: Mapping[str, str]) -> Finding:
    """Say whether the `python` that `wandb agent` starts has the program.

    Source: wandb 0.31.0, wandb_agent.py, _command_run: ${interpreter} is "python".
    """
    advice = f'export PATH="{Path(sys.executable).parent}:$PATH"'
    found = shutil.which("python", path=environ.get("PATH"))
    if found is None:
        return Finding("python", "fails", f"No `python` on PATH, which agents start: {advice}")
    code = "import importlib.util as u, sys; sys.exit(u.find_spec('paribus_agent') is None)"
    try:
        done = subprocess.run([found, "-c", code], timeout=PYTHON_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("python", "fails", f"{found} did not run ({error}): {advice}")
    if done.returncode:
        return Finding("python", "fails", f"{found} has no paribus_agent: {advice}")
    return Finding("python", "ok", f"{found} has paribus_agent.")


def check_key(environ: Mapping[str, str]) -> Finding:
    """Say whether runs can be reported without a question being asked."""
    if environ.get("WANDB_API_KEY"):
        return Finding("key", "ok", "WANDB_API_KEY is set.")
    return Finding(
        "key",
        "note",
        "WANDB_API_KEY is not set: runs stay in ./wandb unless `wandb login` was run.",
    )


def check_server(url: str | None) -> Finding:
    """Say whether the server answers; any HTTP answer counts."""
    if not url:
        return Finding("server", "note", "WANDB_BASE_URL is not set: W&B's own default is used.")
    try:
        with urllib.request.urlopen(url, timeout=SERVER_SECONDS):
            pass
    except urllib.error.HTTPError as error:
        return Finding("server", "ok", f"{url} answers (HTTP {error.code}).")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Finding("server", "fails", f"WANDB_BASE_URL {url} does not answer: {reason}")
    return Finding("server", "ok", f"{url} answers.")


def check_gpu() -> Finding:
    """Say which GPU a run would use."""
    if not _has("torch"):
        return Finding("gpu", "fails", "torch is missing, so no GPU can be asked for.")
    import torch  # takes a second, and is not there on every host that asks

    if not torch.cuda.is_available():
        return Finding("gpu", "note", "No GPU is visible: runs use the CPU.")
    free, total = torch.cuda.mem_get_info(0)
    name = torch.cuda.get_device_name(0)
    return Finding("gpu", "ok", f"{name}: {free / GIB:.1f} of {total / GIB:.1f} GiB free.")


def check_memory() -> Finding:
    """Say how much memory is free."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB
    level: Level = "ok" if free >= ENOUGH_MEMORY_GIB else "note"
    hint = "" if level == "ok" else f"; BERT-base wants {ENOUGH_MEMORY_GIB}, BERT-tiny under 1"
    return Finding("memory", level, f"{free:.1f} GiB free{hint}.")


def check_disk(folder: Path) -> Finding:
    """Say whether checkpoints can be written and find room."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(there, os.W_OK):
        advice = "set PARIBUS_CHECKPOINTS to a folder that is yours"
        return Finding("disk", "fails", f"{folder} cannot be written; {advice}.")
    free = shutil.disk_usage(there).free / GIB
    level: Level = "ok" if free >= ENOUGH_DISK_GIB else "note"
    hint = "" if level == "ok" else f"; BERT-base wants {ENOUGH_DISK_GIB}, BERT-tiny under 1"
    return Finding("disk", level, f"{free:.1f} GiB free for checkpoints in {folder}{hint}.")


def _has(module: str) -> bool:
    return find_spec(module) is not None


if __name__ == "__main__":
    sys.exit(main())
