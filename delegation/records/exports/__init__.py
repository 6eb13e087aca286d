"""Exports as rows: their jobs, and the chains and numbers they are made of."""
