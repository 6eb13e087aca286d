"""Who holds, who signs: holder keys, the service's key ring, and proofs of possession."""
