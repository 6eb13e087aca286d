"""Connects to the database: snapshots, transactions, errors."""
