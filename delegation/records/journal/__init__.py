"""Keeps beside the key ring what was ended, chained and sealed, and tells an older database again."""
