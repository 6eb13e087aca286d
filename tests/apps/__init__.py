"""Applications of other people behind a guard, each in an environment of its own: `make apps`."""
