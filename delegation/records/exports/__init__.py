"""Reads and writes the rows of exports: their jobs, and the chains and numbers they contain."""
