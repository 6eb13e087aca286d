"""Checks a deployment for `delegation doctor`: one file a concern, facts judged by pure rules."""
