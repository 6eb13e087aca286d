"""Keeps the tamper-evident log in rows: leaves, places, tiles and signatures."""
