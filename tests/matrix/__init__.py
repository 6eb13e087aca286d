"""Whose packages our extras install beside, and the core tests at both ends of our bounds: `make matrix`."""
