#!/usr/bin/env bash
# Prepares this machine: Debian packages, .venv with the pinned requirements, and tf_pconv itself.
# Usage: scripts/setup.sh [PYTHON]
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-python3}

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

install_debian_packages() {
  local missing=() package
  while read -r package; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
      missing+=("$package")
  done < scripts/debian-packages.txt
  if ((${#missing[@]} == 0)); then
    return
  fi
  if ((EUID != 0)); then
    fail "these packages are missing and only root may install them: ${missing[*]}
Run this command, then make again:
    sudo apt-get install --no-install-recommends ${missing[*]}"
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

check_other_systems() {
  local missing=()
  command -v bazel >/dev/null || missing+=('bazel (4.2 to 7)')
  command -v g++ >/dev/null || missing+=('g++ (12 or newer)')
  [[ -d /usr/src/googletest ]] || missing+=('GoogleTest sources in /usr/src/googletest')
  [[ -d /usr/include/simde ]] || missing+=('SIMDe headers in /usr/include/simde')
  if ((${#missing[@]} > 0)); then
    printf 'setup: this is no Debian system, and these are missing:\n' >&2
    printf '    %s\n' "${missing[@]}" >&2
    exit 1
  fi
}

make_environment() {
  command -v "$python" >/dev/null ||
    fail "there is no $python. Name a Python of 3.11 to 3.13: make setup PYTHON=/path/to/python3"
  "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' ||
    fail "$("$python" --version) was found; tf_pconv needs Python 3.11 to 3.13.
Name another interpreter: make setup PYTHON=/path/to/python3.11"
  if [[ ! -x .venv/bin/python ]]; then
    "$python" -m venv .venv ||
      fail "$python cannot make an environment; on Debian: sudo apt-get install python3-venv"
  fi
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
}

if command -v dpkg-query >/dev/null; then
  install_debian_packages
else
  check_other_systems
fi
make_environment
