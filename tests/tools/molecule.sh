#!/usr/bin/env bash
# Every Molecule scenario, or the one that SCENARIO names; or `molecule` with the arguments that are given.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ -n "${SCENARIO:-}" ] && [ ! -e "molecule/$SCENARIO/molecule.yml" ]; then
  echo "SCENARIO=$SCENARIO: there is no molecule/$SCENARIO/molecule.yml" >&2
  exit 1
fi
if [ $# = 0 ] && [ -n "${SCENARIO:-}" ]; then set -- test --scenario-name "$SCENARIO"; fi
if [ $# = 0 ]; then set -- test --all; fi
# Without frames, which break lines at 80 columns.
MOLECULE_COMMAND_BORDERS=${MOLECULE_COMMAND_BORDERS:-false} exec molecule "$@"
