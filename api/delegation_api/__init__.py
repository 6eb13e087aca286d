"""Serves the tracker over HTTP: roles, problems, endpoints. No rule stands here."""
