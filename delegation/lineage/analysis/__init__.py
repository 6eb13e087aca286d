"""Analyses of what is recorded: each a pure function of lineage's values, answering one question."""
