"""Reads and writes rows about people: requests for approval, logins, verifiers outside the store."""
