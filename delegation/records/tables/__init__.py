"""Tables as SQLModel declares them, by concern."""
