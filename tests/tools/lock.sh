#!/usr/bin/env bash
# Writes requirements/*.txt, every version exact, for Python 3.11 and later, from the .in files.
# Give --upgrade to take newer versions. The result is to be committed.
set -euo pipefail
cd "$(dirname "$0")/../../requirements"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"${PYTHON:-python3}" -m venv "$tmp/uv"
"$tmp/uv/bin/pip" --quiet install uv

lock() {
  "$tmp/uv/bin/uv" pip compile --quiet --universal --python-version 3.11 --no-annotate \
    --custom-compile-command tests/tools/lock.sh "$@"
}
lock "$@" test.in -o test.txt
lock "$@" loopback.in -o loopback.txt
lock "$@" --constraint test.txt control.in -o control.txt
