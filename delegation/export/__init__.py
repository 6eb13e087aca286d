"""Exports: pure writers from what was read to the bytes of a form, each with what it states of itself.

Names in it are hostile text; no writer lets one become markup, a formula, a link or another node.
Never in any form: token bytes, proofs, arguments, secrets.
"""
