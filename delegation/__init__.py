"""Authority for multi-agent systems: tokens that only narrow, verified whole on every call."""
