#!/usr/bin/env bash
# A headless Chromium from Debian or Ubuntu, for tests/browser. Without it those tests are skipped.
set -euo pipefail
command -v chromium >/dev/null && exit 0
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo"
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends chromium
