"""Writes a script to begin with, and the version: `delegation quickstart`, `version`."""

from __future__ import annotations

import shlex
from typing import Final

from delegation.cli.console import JsonOption, print_json, print_text, tell
from delegation.cli.source import StoreOption, UrlOption, service_url
from delegation.distribution import VERSION

_AT_SERVICE: Final = """\
# At a service, with an operator's API key: `delegation serve` prints one at its first start.
unset DELEGATION_STORE
export DELEGATION_URL={url}
: "${{DELEGATION_API_KEY:?Set it to the key of an operator, dk_...}}"
"""
_ON_STORE: Final = """\
# On a store of this script's own, without a service.
unset DELEGATION_URL DELEGATION_RING
export DELEGATION_STORE=quickstart.db
delegation init --issuer http://localhost
"""
_SCRIPT: Final = """\
#!/bin/sh
# One hand-over, by the command line alone: a lead may write to two domains, and lets a mailer write to one.
set -eu
umask 077
cd "$(mktemp -d "${{TMPDIR:-.}}/quickstart.XXXXXX")"
pwd

{place}
# What agents may be allowed to do at all.
cat > tools.toml <<'END'
[[tools]]
name = "quickstart.mail.send"
effect = "write"
arguments = {{to = "email", body = "text"}}
END
delegation catalogue import tools.toml

# Each agent makes its own key; the secret stays in its file.
LEAD=$(delegation keys new lead)
MAILER=$(delegation keys new mailer)

# A task with the most that anybody may do in it, and its first token.
TASK=$(delegation task open "Answer ticket 4711" --owner ana@acme.example --lasts 600 \\
  --audience https://mail.example \\
  --may 'quickstart.mail.send(to=email("acme.example", "partner.example"), body=text(max=2000))')
delegation issue "$TASK" --to "$LEAD" > lead.token
delegation keys issuer > issuer.json

# The lead hands on less. No service is asked: the issuer's public keys are enough.
delegation delegate lead.token --key lead.key --to "$MAILER" --ring issuer.json --budget calls=1 \\
  --may 'quickstart.mail.send(to=email("acme.example"), body=text(max=200))' > mailer.token
delegation announce mailer.token --key mailer.key

# The mailer proves each call, and the service decides. Here it asks itself.
ask() {{
  delegation prove mailer.token --key mailer.key --ring issuer.json --audience https://mail.example \\
    --tool quickstart.mail.send --arg to="$1" --arg body=Hello --json | delegation check -
}}
ask kim@acme.example
if ask bo@partner.example; then exit 1; else test $? = 3; fi # the lead may, the mailer may not

delegation lineage "$TASK"
"""


def quickstart(
    *, store: StoreOption = None, url: UrlOption = None, as_json: JsonOption = False
) -> None:
    """Print a shell script of the whole life of a token, to be read and run: quickstart | sh.

    It works in a folder of its own: on a store that it makes there, or at the service that --url
    names. At a service it adds one tool, `quickstart.mail.send`, and opens one task.
    """
    service = service_url(store, url)
    place = _ON_STORE if service is None else _AT_SERVICE.format(url=shlex.quote(service))
    script = _SCRIPT.format(place=place)
    if as_json:
        print_json({"script": script})
    else:
        print_text(script, is_source=True)


def version(*, as_json: JsonOption = False) -> None:
    """Print the version."""
    tell({"version": VERSION}, VERSION, as_json=as_json)
