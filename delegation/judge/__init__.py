"""Judges calls in fourteen steps, each a pure function of known facts in a file of its own."""
