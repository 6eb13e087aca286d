"""Provides the command line: one file a group of commands."""

import sys

import delegation
from delegation.distribution import strangers

# A stranger's package in front of ours has none of our names: each command would end in a traceback.
if "Token" not in dir(delegation):  # asked for, it would be imported
    for _what, _remedy in strangers():
        sys.exit(f"error: {_what}\n  do: {_remedy}")
