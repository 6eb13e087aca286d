"""Keys and signatures: holder keys, the service's key ring, and proofs of possession."""
