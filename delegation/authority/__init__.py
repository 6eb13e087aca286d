"""Grants, capabilities, constraints and the catalogue: what may be done, and how it narrows.

Pure values. Nothing here knows tokens, keys in use, clocks or stores.
"""
