#!/usr/bin/env bash
# Every Molecule scenario; or `molecule` with the arguments that are given.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! compgen -G 'molecule/*/molecule.yml' > /dev/null; then
  echo "skipped: there is no scenario in molecule/ yet"
  exit 0
fi
if [ $# = 0 ]; then set -- test --all; fi
# Without frames, which break lines at 80 columns.
MOLECULE_COMMAND_BORDERS=${MOLECULE_COMMAND_BORDERS:-false} exec molecule "$@"
