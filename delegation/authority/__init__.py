"""What may be done: grants, capabilities, constraints, the catalogue; and how they narrow.

Pure values. Nothing here knows tokens, keys in use, clocks or stores.
"""
