"""Rehearses the product's main job on a scripted scenario and on recorded runs, over real HTTP."""
