"""Declares every public act and question once: routes, both clients and the commands derive from here."""
