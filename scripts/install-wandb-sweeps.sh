#!/usr/bin/env bash
# The wandb client with W&B's own search engine (`wandb.controller()`, `wandb sweep-scheduler`), in
# an environment of its own: the package `sweeps` needs numpy below 2.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv-wandb-sweeps
"$venv/bin/python" -W ignore -c 'import sweeps, wandb' 2>/dev/null && exit 0
rm -rf "$venv" # what an interrupted call left
.venv/bin/python -m venv "$venv"
version=$(.venv/bin/python -c 'from importlib.metadata import version; print(version("wandb"))')
"$venv/bin/pip" install --quiet "wandb[sweeps]==$version" 'numpy<2'
"$venv/bin/python" -W ignore -c 'import sweeps, wandb'
