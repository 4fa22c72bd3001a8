"""What the engine keeps, in SQLite: one writer, readers in threads."""
