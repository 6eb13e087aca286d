"""Holds keys and signs: holder keys, the service's key ring, and proofs of possession."""
