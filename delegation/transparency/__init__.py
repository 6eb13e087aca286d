"""Computes the tamper-evident log, pure: tree, tiles, checkpoints, leaves, and audits."""
