#!/usr/bin/env bash
# Installs the system packages that some tests use, when that is possible. They skip by name otherwise.
set -u
command -v dot >/dev/null 2>&1 && exit 0
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || exit 0
echo "Installing graphviz for the drawing tests." >&2
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null 2>&1
apt-get -qq -y -o DPkg::Lock::Timeout=300 install graphviz >/dev/null 2>&1 || true
