"""Checks of `delegation doctor`: one file a concern, facts gathered above and judged by pure rules."""
