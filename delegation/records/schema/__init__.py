"""The schema's revision: made at once in an empty database, migrated in an older one."""
