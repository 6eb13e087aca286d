"""Performs the service's commands, one file each, over a unit of work that the store provides."""
