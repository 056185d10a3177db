#!/usr/bin/env bash
# Lightning beside the packages of .venv, for the end-to-end tests: no second torch, and .venv stays
# as pyproject.toml says. Its own dependencies beyond these three are in .venv already.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv-lightning
"$venv/bin/python" -c 'import pytorch_lightning' 2>/dev/null && exit 0
rm -rf "$venv" # what an interrupted call left
.venv/bin/python -m venv "$venv"
"$venv/bin/pip" install --quiet --no-deps -c constraints.txt \
  pytorch-lightning==2.6.6 torchmetrics==1.9.0 lightning-utilities==0.15.3
# Behind the environment's own packages on the path, so that these three come from here.
own=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$own/of-paribus.pth"
"$venv/bin/python" -c 'import pytorch_lightning'
