#!/usr/bin/env bash
# Every check that reads the code without running it. All of them run; the output of those that fail is shown.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
collection=build/collections/ansible_collections/scaleout/nova

check() { # NAME COMMAND...
  local name=$1 started=$SECONDS status=ok
  shift
  "$@" > "$logs/$name.txt" 2>&1 < /dev/null || status=FAILED
  printf '%-7s %-14s %3d s\n' "$status" "$name" "$((SECONDS - started))" >> "$logs/summary"
}

ansible_lint() { ansible-lint --offline --nocolor; }

# Strict for all that has types; roles, playbooks and inventories are data.
types() {
  local packages=() folder
  for folder in plugins/*/; do
    if compgen -G "$folder*.py" > /dev/null; then packages+=(-p "ansible_collections.scaleout.nova.plugins.$(basename "$folder")"); fi
  done
  mypy "${packages[@]}" && mypy tests/tools tests/lab
}

docs() { antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs dependent "$collection"; }


check ansible-lint ansible_lint & # takes as long as all the others
check ruff-check ruff check --quiet --output-format concise
check ruff-format ruff format --quiet --check --diff
check mypy types
check role-tables python tests/tools/readme_tables.py --check
check docs docs
check changelog antsibull-changelog lint
wait

cat "$logs/summary"
grep ^FAILED "$logs/summary" | while read -r _ name _; do
  printf '\n--- %s\n' "$name"
  cat "$logs/$name.txt"
done
! grep -q ^FAILED "$logs/summary"
