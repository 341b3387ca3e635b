#!/usr/bin/env bash
# Every Molecule scenario, or the one that SCENARIO names; or `molecule` with the arguments that are given.
set -euo pipefail
cd "$(dirname "$0")/../.."
# Without frames, which break lines at 80 columns.
export MOLECULE_COMMAND_BORDERS=${MOLECULE_COMMAND_BORDERS:-false}
if [ $# -gt 0 ]; then exec molecule "$@"; fi
if [ -n "${SCENARIO:-}" ]; then
  if [ ! -e "molecule/$SCENARIO/molecule.yml" ]; then
    echo "SCENARIO=$SCENARIO: there is no molecule/$SCENARIO/molecule.yml" >&2
    exit 1
  fi
  exec molecule test --scenario-name "$SCENARIO"
fi

# A scenario alone keeps little more than one processor busy, and `default` takes as long as the others together.
others=()
for file in molecule/*/molecule.yml; do
  name=$(basename "$(dirname "$file")")
  if [ "$name" != default ]; then others+=(--scenario-name "$name"); fi
done
log=build/logs/molecule-others.log
mkdir -p "$(dirname "$log")"
echo "Side by side: default, and the other scenarios one after the other (their output follows, now it is in $log)"
molecule test "${others[@]}" > "$log" 2>&1 < /dev/null &
beside=$!
code=0
molecule test --scenario-name default || code=$?
wait "$beside" || code=$?
cat "$log"
exit "$code"
