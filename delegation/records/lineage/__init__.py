"""Reads the records of tasks, links and decisions, for judges and reviewers."""
