"""Settles calls in batches: facts are read, rules asked, everything written, in one transaction."""
