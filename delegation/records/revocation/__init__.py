"""Records revocations and suspensions, caches them, keeps them in a file, wakes subscribers."""
