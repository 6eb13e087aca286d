#!/bin/sh
# Runs `delegation` as the service does: as its user, with its settings, in its folder. For root.
# Install it as /usr/local/sbin/delegation.
set -eu
exec runuser -u delegation -- env -i PATH="$PATH" HOME=/var/lib/delegation LANG="${LANG:-C.UTF-8}" \
  TERM="${TERM:-dumb}" sh -euc '
    set -a
    . /etc/delegation/environment
    set +a
    cd /var/lib/delegation
    exec /opt/delegation/bin/delegation "$@"
  ' delegation "$@"
