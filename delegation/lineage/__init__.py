"""Describes the recorded forest of links and the decisions made under them, as pure values."""
