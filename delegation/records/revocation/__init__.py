"""Revocations and suspensions as rows, the caches and the file that remember them, and who is woken."""
