#!/usr/bin/env bash
# An older wandb client in an environment of its own, for the protocol tests.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv-wandb-0.21
[ -x "$venv/bin/wandb" ] && exit 0
.venv/bin/python -m venv "$venv"
"$venv/bin/pip" install --quiet wandb==0.21.4
