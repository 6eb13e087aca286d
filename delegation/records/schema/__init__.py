"""Makes the schema at once in an empty database, and migrates an older one."""
