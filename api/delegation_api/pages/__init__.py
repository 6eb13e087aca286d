"""Renders the reviewer's pages, which work without script and have no logic of their own."""
