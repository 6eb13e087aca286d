#!/usr/bin/env bash
# Installs the system packages that some tests use, when that is possible. They skip by name otherwise.
# Arguments are program:package; without any, what the tests need.
set -u
missing=()
for need in "${@:-dot:graphviz}"; do
  command -v "${need%%:*}" >/dev/null 2>&1 || missing+=("${need##*:}")
done
[ ${#missing[@]} -gt 0 ] || exit 0
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || exit 0
echo "Installing ${missing[*]}." >&2
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null 2>&1
apt-get -qq -y -o DPkg::Lock::Timeout=300 install "${missing[@]}" >/dev/null 2>&1 || true
