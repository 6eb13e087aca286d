"""The tamper-evident log, pure: tree, tiles, checkpoints, leaves, and what an auditor concludes."""
