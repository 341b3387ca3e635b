#!/usr/bin/env bash
# Everything that this checkout needs on the machine. Says nothing when nothing is missing.
#
#   setup.sh control [lab]    to run the playbooks [and to make the lab's hosts]
#   setup.sh test [lab]       to test as well
#
# Debian packages by apt; Python packages in a venv, cached in $SCALEOUT_CACHE under a hash of the interpreter and of the
# requirements, and linked as .venv; and build/collections, where this checkout is found as scaleout.nova.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=${PATH//"$PWD/.venv/bin:"/} # python3 is to be the machine's, not that of the last venv

cache=${SCALEOUT_CACHE:-${HOME:-/root}/.cache/scaleout-nova}
python=${PYTHON:-python3}
layer=${1:-control}
lab=${2:-}

say() { printf '%s\n' "setup: $*"; }
die() { printf '%s\n' "setup: $*" >&2; exit 1; }

# --- Debian packages -------------------------------------------------------------------------------------------------
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo > /dev/null; then sudo -- "$@"
  else die "$1 needs root: run make as root, or install sudo"
  fi
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" = installed ]; }

packages=()
if [ -n "$lab" ]; then
  # podman's hosts: runc where the kernel has hybrid cgroups, crun elsewhere; network and name resolution; a Debian 13
  # image made by debootstrap; the tiny guest (cpio); SSH to the hosts.
  packages+=(podman runc crun netavark aardvark-dns iptables debootstrap cpio openssh-client ca-certificates)
fi
if [ "$layer" = test ]; then
  packages+=(git openssh-client shellcheck)
fi
if ! command -v "$python" > /dev/null && [ "$python" = python3 ]; then
  packages+=(python3)
fi
# Debian keeps ensurepip apart from python3.
if [ "$python" = python3 ] && ! python3 -c 'import ensurepip, venv' 2> /dev/null; then
  packages+=(python3-venv)
fi

if command -v apt-get > /dev/null && command -v dpkg-query > /dev/null; then
  missing=()
  for package in "${packages[@]}"; do
    installed "$package" || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    say "installing with apt: ${missing[*]}"
    log=$(mktemp)
    apt() {
      as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a \
        apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" < /dev/null >> "$log" 2>&1
    }
    if ! { apt update && apt install --no-install-recommends "${missing[@]}"; }; then
      tail -n 15 "$log" >&2
      die "apt could not install ${missing[*]} (the whole output is in $log)"
    fi
    rm -f "$log"
  fi
elif [ -n "$lab" ] && ! command -v podman > /dev/null; then
  die "this machine is neither Debian nor Ubuntu: install by hand what these Debian packages have: ${packages[*]}"
fi

# --- the interpreter -------------------------------------------------------------------------------------------------
version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null; }

# pyenv has a python3.13 in PATH that does not run unless it was selected: take the real one.
if ! version "$python" > /dev/null; then
  for candidate in "${PYENV_ROOT:-${HOME:-/root}/.pyenv}"/versions/*/bin/"$python"; do
    if version "$candidate" > /dev/null; then python=$candidate; fi
  done
fi
version "$python" > /dev/null || die "PYTHON=$python does not run"
case $(version "$python") in
  3.1[1-9] | 3.[2-9][0-9]) ;;
  *) die "PYTHON=$python is Python $(version "$python"): 3.11 or later is needed" ;;
esac

# --- the venv --------------------------------------------------------------------------------------------------------
link() { # TARGET NAME, replaced in one step
  [ "$(readlink "$2" 2> /dev/null)" = "$1" ] && return
  ln -sfn "$1" "$2.new.$$"
  mv -fT "$2.new.$$" "$2"
}

mkdir -p "$cache"
exec 9> "$cache/.lock"
flock 9

key=$({ "$python" -c 'import sys; print(sys.version, sys.base_prefix)'; cat requirements/control.txt requirements/test.txt; } |
  sha256sum | cut -c -12)
venv=$cache/venv-$key

# A venv cannot be moved, so it is built in its place; only the stamps, written last, say that it is whole.
if [ ! -e "$venv/.has-control" ] || ! "$venv/bin/python" -c '' 2> /dev/null; then
  rm -rf "$venv"
  "$python" -m venv "$venv" > /dev/null || die "$python -m venv $venv failed (on Debian: apt-get install $(basename "$python")-venv)"
fi
for part in control test; do
  if [ ! -e "$venv/.has-$part" ]; then
    started=$SECONDS
    say "Python packages of requirements/$part.txt, into $venv"
    if ! "$venv/bin/python" -m pip install -q -r "requirements/$part.txt" < /dev/null > "$venv/pip.log" 2>&1; then
      grep -v '^WARNING: Location' "$venv/pip.log" | tail -n 15 >&2
      die "pip could not install requirements/$part.txt"
    fi
    touch "$venv/.has-$part"
    say "done in $((SECONDS - started)) s"
  fi
  [ "$part" = "$layer" ] && break
done
link "$venv" .venv

# --- this checkout as a collection -----------------------------------------------------------------------------------
mkdir -p build/collections/ansible_collections/scaleout
link ../../../.. build/collections/ansible_collections/scaleout/nova
