"""The fourteen steps as pure functions, one file a step: what must be known, and the rule."""
