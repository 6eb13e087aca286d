#!/usr/bin/env bash
# Makes .venv with a supported Python and installs the project into it, once for each pyproject.toml.
set -eu
cd "$(dirname "$0")/.."
supported='import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 13)))'
stamp=.venv/installed
want=$(cksum pyproject.toml)
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then exit 0; fi
python=
for name in python3 python3.13 python3.12 python3.11; do
  if "$name" -c "$supported" >/dev/null 2>&1; then python=$name; break; fi
done
if [ -z "$python" ]; then
  echo "delegation needs Python 3.11, 3.12 or 3.13 on the PATH; install one of them and try again." >&2
  exit 1
fi
if ! [ -x .venv/bin/python ] || ! .venv/bin/python -c "$supported" >/dev/null 2>&1; then
  if ! "$python" -m venv --clear .venv >/dev/null 2>&1; then
    echo "This Python cannot make virtual environments; install its venv module (Debian: apt install python3-venv)." >&2
    exit 1
  fi
fi
echo "Setting up .venv ($("$python" --version)); this takes a minute the first time." >&2
# A .venv from before the name changed has this checkout under the old one.
.venv/bin/python -m pip uninstall --quiet --yes delegation >/dev/null 2>&1 || true
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input -e '.[all,dev]'
printf '%s' "$want" > "$stamp"
