#!/usr/bin/env bash
# Removes what the lab and the tests left on this machine: containers, network, images, venvs, everything built here.
# Debian packages stay.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=${SCALEOUT_CACHE:-${HOME:-/root}/.cache/scaleout-nova}
if command -v podman > /dev/null; then
  python3 tests/lab/lab.py clean --all
fi
rm -rf build .ansible .mypy_cache .pytest_cache .ruff_cache "$cache"/venv-* "$cache/ansible-test" "$cache"/.lock "$cache"/.*.lock
rm -f .venv
find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
if [ -d "$cache" ]; then rmdir --ignore-fail-on-non-empty "$cache"; fi
