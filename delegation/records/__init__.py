"""The store: SQLModel tables, migrations, and the unit of work that the tracker's commands ask for."""
