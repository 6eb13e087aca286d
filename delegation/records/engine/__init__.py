"""The database itself: connections, snapshots, transactions, errors."""
