"""Soak: failover, a killed replica and long load, with real programs on this machine; `make soak`."""
