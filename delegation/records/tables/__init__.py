"""Declares the tables with SQLModel, by concern."""
