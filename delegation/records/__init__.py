"""Keeps all records in SQL: tables, migrations, and the unit of work that the commands ask for."""
