"""Analyses the record: each file answers one question by a pure function of lineage's values."""
