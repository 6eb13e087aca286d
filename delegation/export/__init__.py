"""Writes exports: pure functions from gathered data to the bytes of a form, with a manifest.

Names in it are hostile text; no writer lets one become markup, a formula, a link or another node.
Never in any form: token bytes, proofs, arguments, secrets.
"""
