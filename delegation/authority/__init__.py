"""Describes what may be done and how it narrows: grants, capabilities, constraints, the catalogue.

Pure values. Nothing here knows tokens, keys in use, clocks or stores.
"""
