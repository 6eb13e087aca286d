"""The HTTP service over the tracker: roles, problems, endpoints. No rule stands here."""
