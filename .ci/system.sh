#!/usr/bin/env bash
# Installs the system packages that some tests use, when that is possible. They skip by name otherwise.
# With an argument, what `make soak` or `make bench` needs too. What is missing in the end is said by name.
set -u
missing=
if [ "${1:-}" = soak ]; then
  command -v patroni >/dev/null 2>&1 || missing="$missing patroni"
  command -v etcd >/dev/null 2>&1 || missing="$missing etcd-server"
  ls -d /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
fi
if [ "${1:-}" = bench ]; then
  command -v wrk >/dev/null 2>&1 || missing="$missing wrk"
fi
command -v dot >/dev/null 2>&1 || missing="$missing graphviz"
[ -x /usr/sbin/nginx ] || command -v nginx >/dev/null 2>&1 || missing="$missing nginx-light"
command -v sqlite3 >/dev/null 2>&1 || missing="$missing sqlite3"
[ -x /usr/sbin/pgbouncer ] || command -v pgbouncer >/dev/null 2>&1 || missing="$missing pgbouncer"
command -v caddy >/dev/null 2>&1 || missing="$missing caddy"
command -v promtool >/dev/null 2>&1 || missing="$missing prometheus"
command -v jq >/dev/null 2>&1 || missing="$missing jq"
[ -x /usr/sbin/haproxy ] || command -v haproxy >/dev/null 2>&1 || missing="$missing haproxy"
ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || missing="$missing faketime"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
# The same without a window, where there is such a package: a browser's start costs the tests a third.
if ! command -v chromium-headless-shell >/dev/null 2>&1 && apt-cache show chromium-headless-shell >/dev/null 2>&1; then
  missing="$missing chromium-headless-shell"
fi
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing$missing for the tests." >&2
  # RUNLEVEL=1: the packages of servers start none on this machine.
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null 2>&1
  failed=
  for package in $missing; do
    apt-get -qq -y -o DPkg::Lock::Timeout=300 install "$package" >/dev/null 2>&1 || failed="$failed $package"
  done
  missing=$failed
fi
[ -z "$missing" ] || echo "Missing, and not to be installed here:$missing." >&2
