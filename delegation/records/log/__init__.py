"""The tamper-evident log as rows: leaves, places, tiles and signatures."""
